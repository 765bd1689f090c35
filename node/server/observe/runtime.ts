/** What the process uses, and how late its event loop is: measured by a timer that is due every 100 ms. */
import { readdirSync, statfsSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../cluster/clock.js';
import { Histogram } from '../../cluster/histogram.js';
import type { RuntimeFacts } from './facts.js';

const sampleEveryMs = 100;

export class RuntimeWatch {
  readonly #delay = new Histogram();
  readonly #stop: () => void;

  constructor(clock: Clock) {
    let dueMs = clock.monotonicMs() + sampleEveryMs;
    this.#stop = clock.every(sampleEveryMs, () => {
      const now = clock.monotonicMs();
      this.#delay.observe(Math.max(0, now - dueMs) / 1_000);
      dueMs = now + sampleEveryMs;
    });
  }

  facts(): RuntimeFacts {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      loopDelay: this.#delay,
      loopBusySeconds: performance.eventLoopUtilization().active / 1_000,
      cpuSeconds: (user + system) / 1_000_000,
      residentBytes: rss,
      heapUsedBytes: heapUsed,
      openFiles: openFiles(),
      startedAtSeconds: performance.timeOrigin / 1_000,
    };
  }

  stop(): void {
    this.#stop();
  }
}

function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return null;
  }
}

/** Bytes that may still be written where `directory` is; null where the system does not say. */
export function freeBytesOf(directory: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return null;
  }
}
