/** Writers that never pause, and the longest time around an event in which none of their writes was acknowledged. */
import { eventually } from '../support/wait.js';

export interface Writers {
  /** Waits until so many more writes were acknowledged. */
  progress(writes: number): Promise<void>;
  stop(): Promise<void>;
  /** Longest time without an acknowledgement, of those that ended between `from` and `to`; milliseconds. */
  longestGapMs(from: number, to: number): number;
}

const progressTimeoutMs = 60_000;

/** `writers` of them, each with one write under way. */
export function startWriters(writers: number, write: (writer: number, number: number) => Promise<void>): Writers {
  const acknowledgedAt: number[] = [];
  let stopped = false;
  async function run(writer: number): Promise<void> {
    for (let number = 0; !stopped; number += 1) {
      await write(writer, number);
      acknowledgedAt.push(performance.now());
    }
  }
  const running = Array.from({ length: writers }, (_, writer) => run(writer));
  return {
    async progress(writes) {
      const goal = acknowledgedAt.length + writes;
      await eventually(() => acknowledgedAt.length >= goal, {
        what: `${writes} more acknowledged writes`,
        timeoutMs: progressTimeoutMs,
        intervalMs: 5,
      });
    },
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
    longestGapMs: (from, to) => longestGapMs(acknowledgedAt, from, to),
  };
}

export function longestGapMs(acknowledgedAt: readonly number[], from: number, to: number): number {
  return acknowledgedAt.reduce((longest, at, place) => {
    const before = acknowledgedAt[place - 1];
    return before === undefined || at < from || at > to ? longest : Math.max(longest, at - before);
  }, 0);
}
