/**
 * Waiting for what is to become true. Tests wait for conditions and never for durations: a slow machine makes them slower,
 * not red.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface EventuallyOptions<T> {
  /** What is waited for, as the end of the sentence "waited in vain for …". */
  readonly what: string;
  /** Default 30,000. */
  readonly timeoutMs?: number;
  /** Default 20. */
  readonly intervalMs?: number;
  /** What to show of the last value when time is up; default: the value itself. */
  readonly show?: (last: T) => unknown;
}

export class WaitedInVain extends Error {
  override readonly name = 'WaitedInVain';
}

const defaultTimeoutMs = 30_000;
const defaultIntervalMs = 20;

type Truthy<T> = Exclude<T, false | null | undefined | 0 | ''>;

/**
 * Asks `condition` again and again until it gives something truthy, and returns that. A condition that throws counts as not
 * met yet. When time is up the error says what was waited for and what was seen last.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  options: EventuallyOptions<T>,
): Promise<Truthy<Awaited<T>>> {
  const {
    what,
    timeoutMs = defaultTimeoutMs,
    intervalMs = defaultIntervalMs,
    show = (last: T): unknown => last,
  } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let seen: string;
    try {
      const value = await condition();
      if (value) return value as Truthy<Awaited<T>>;
      seen = inspect(show(value), { depth: 6, breakLength: 120 });
    } catch (error) {
      seen = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error);
    }
    if (performance.now() >= deadline) {
      throw new WaitedInVain(`waited in vain for ${what} (${timeoutMs} ms); seen last: ${seen}`);
    }
    await sleep(intervalMs);
  }
}

/** The outcome of `promise`, or an error that names `what` when it takes longer. Keeps the process alive meanwhile. */
export async function within<T>(promise: Promise<T>, what: string, timeoutMs = defaultTimeoutMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new WaitedInVain(`waited in vain for ${what} (${timeoutMs} ms)`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
