/** Writers that never stop: they remember what was acknowledged, and how long no write was. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, QuorateError } from '../../messaging/index.js';

export interface Acknowledged {
  readonly id: string;
  readonly index: number;
}

export interface Load {
  readonly acknowledged: readonly Acknowledged[];
  /** Refusals that say more than "try again": there should be none. */
  readonly failures: readonly string[];
  /** Resolves when so many more writes were acknowledged. */
  progress(writes: number): Promise<void>;
  /** Longest time without any acknowledgement since the last call, in milliseconds. */
  longestGapMs(): number;
  stop(): Promise<void>;
}

export interface LoadOptions {
  /** Begins each id; default `load`. */
  readonly label?: string;
  /** Between an answer and the next request; 0: as fast as the machine can. Writers that never rest take it from all else. */
  readonly pauseMs?: number;
}

/** `writers` clients, at most one request each under way. A request is retried under its own id until it is answered. */
export function startLoad(api: ApiClient, writers: number, { label = 'load', pauseMs = 10 }: LoadOptions = {}): Load {
  const acknowledged: Acknowledged[] = [];
  const failures: string[] = [];
  let stopped = false;
  let lastAt = performance.now();
  let longest = 0;
  let waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  function note(one: Acknowledged): void {
    acknowledged.push(one);
    const now = performance.now();
    longest = Math.max(longest, now - lastAt);
    lastAt = now;
    for (const { resolve } of waiting.filter(({ count }) => acknowledged.length >= count)) resolve();
    waiting = waiting.filter(({ count }) => acknowledged.length < count);
  }

  async function write(writer: number): Promise<void> {
    for (let number = 0; !stopped; number += 1) {
      const id = `${label}-${writer}-${number}`;
      try {
        const { position } = await api.request(
          'model.create',
          { kind: 'service', id, name: id, spec: {} },
          { timeoutMs: 30_000 },
        );
        note({ id, index: position.index });
      } catch (error) {
        failures.push(`${id}: ${error instanceof QuorateError ? `${error.code}: ${error.message}` : String(error)}`);
      }
      if (pauseMs > 0 && !stopped) await sleep(pauseMs);
    }
  }

  const running = Array.from({ length: writers }, (_, writer) => write(writer));
  return {
    acknowledged,
    failures,
    progress: (writes) => new Promise((resolve) => waiting.push({ count: acknowledged.length + writes, resolve })),
    longestGapMs() {
      const gap = Math.max(longest, performance.now() - lastAt);
      longest = 0;
      lastAt = performance.now();
      return gap;
    },
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
}
