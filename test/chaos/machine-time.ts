/**
 * Time in which a machine had processors to give. What a cluster promises, it promises in the time that its processes run: on
 * a machine that is busy with other things a process waits for a processor, and no limit on the clock of the wall would mean
 * anything. Linux counts for each process how long it waited so; elsewhere all time counts.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WaitedInVain } from '../support/wait.js';

const lookEveryMs = 100;
/** By the clock of the wall: after this the machine is given up. */
export const wallMaxMs = 900_000;

export interface MachineTime {
  /** The outcome of `work`, or an error once every process has had so much time in which it did not wait for a processor. */
  within<T>(work: Promise<T>, what: string, limitMs: number): Promise<T>;
}

/** `processes`: ids of those that have to get on. `waitedMs`: of one; for tests. */
export function machineTimeOf(
  processes: () => readonly number[],
  waitedMs: (pid: number) => number | undefined = waitedForProcessor,
): MachineTime {
  return {
    async within(work, what, limitMs) {
      let isOver = false;
      const watch = async (): Promise<never> => {
        const beganAt = performance.now();
        const waited = new Map<number, number>();
        let lookedAt = beganAt;
        for (let countedMs = 0; countedMs < limitMs && lookedAt - beganAt < wallMaxMs && !isOver; ) {
          let longestMs = 0;
          for (const pid of processes()) {
            const total = waitedMs(pid);
            if (total !== undefined) longestMs = Math.max(longestMs, total - (waited.get(pid) ?? total));
            if (total !== undefined) waited.set(pid, total);
          }
          const now = performance.now();
          countedMs += Math.max(0, now - lookedAt - longestMs);
          lookedAt = now;
          await sleep(lookEveryMs);
        }
        throw new WaitedInVain(`waited in vain for ${what} (${limitMs} ms in which all processes could run)`);
      };
      try {
        return await Promise.race([work, watch()]);
      } finally {
        isOver = true;
        work.catch(() => undefined);
      }
    },
  };
}

/** The second figure of `/proc/PID/schedstat`, in nanoseconds. */
function waitedForProcessor(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return undefined;
  }
}
