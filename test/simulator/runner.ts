/** Runs many schedules on several cores, and adds up what came of them. */
import { Worker } from 'node:worker_threads';
import { addCoverage, type Coverage } from './coverage.js';
import type { Profile } from './plan.js';
import type { Range, Report } from './worker.js';

export interface RunOptions {
  readonly from: number;
  readonly seeds: number;
  readonly jobs: number;
  readonly profile?: Profile;
  /** The run ends with so many failures. */
  readonly failuresMax: number;
  /** The run ends, unfinished, after this time. */
  readonly timeMaxMs?: number;
  readonly onProgress?: (summary: Summary) => void;
}

export interface Failure {
  readonly seed: number;
  readonly check: string;
  readonly text: string;
}

export interface Summary {
  readonly schedules: number;
  readonly events: number;
  readonly operations: number;
  readonly virtualMs: number;
  readonly elapsedMs: number;
  /** Of all cores together. */
  readonly cpuMs: number;
  readonly coverage: Coverage;
  readonly failures: readonly Failure[];
}

/** Seeds that are handed to a worker at once. */
const rangeSize = 50;
/** A schedule takes milliseconds; one that takes so long does not come back. */
const hangMs = 60_000;

function emptySum() {
  return {
    schedules: 0,
    events: 0,
    operations: 0,
    virtualMs: 0,
    elapsedMs: 0,
    cpuMs: 0,
    coverage: {} as Coverage,
    failures: [] as Failure[],
  };
}

/** Of runs one after the other. */
export function sumOf(summaries: readonly Summary[]): Summary {
  const sum = emptySum();
  for (const each of summaries) {
    sum.schedules += each.schedules;
    sum.events += each.events;
    sum.operations += each.operations;
    sum.virtualMs += each.virtualMs;
    sum.elapsedMs += each.elapsedMs;
    sum.cpuMs += each.cpuMs;
    addCoverage(sum.coverage, each.coverage);
    sum.failures.push(...each.failures);
  }
  return sum;
}

export async function runSchedules(options: RunOptions): Promise<Summary> {
  const began = performance.now();
  const cpuBefore = process.cpuUsage();
  const sum = emptySum();
  let next = options.from;
  const end = options.from + options.seeds;
  const isOver = (): boolean =>
    next >= end ||
    sum.failures.length >= options.failuresMax ||
    performance.now() - began > (options.timeMaxMs ?? Number.POSITIVE_INFINITY);
  const takeRange = (): Range | undefined => {
    if (isOver()) return undefined;
    const range = {
      from: next,
      until: Math.min(next + rangeSize, end),
      profile: options.profile,
      failuresMax: options.failuresMax,
    };
    next = range.until;
    return range;
  };
  const add = (report: Report): void => {
    sum.schedules += report.schedules;
    sum.events += report.events;
    sum.operations += report.operations;
    sum.virtualMs += report.virtualMs;
    sum.elapsedMs = performance.now() - began;
    addCoverage(sum.coverage, report.coverage);
    sum.failures.push(...report.failures);
    options.onProgress?.(sum);
  };
  await Promise.all(Array.from({ length: options.jobs }, () => runWorker(takeRange, add)));
  sum.elapsedMs = performance.now() - began;
  const { user, system } = process.cpuUsage(cpuBefore);
  sum.cpuMs = (user + system) / 1_000;
  sum.failures.sort((a, b) => a.seed - b.seed);
  return sum;
}

async function runWorker(takeRange: () => Range | undefined, add: (report: Report) => void): Promise<void> {
  for (let range = takeRange(); range !== undefined; ) {
    const currentSeed = new Float64Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { currentSeed } });
    try {
      while (range !== undefined) {
        add(await ask(worker, range));
        range = takeRange();
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      add({
        schedules: 1,
        events: 0,
        operations: 0,
        virtualMs: 0,
        coverage: {},
        failures: [{ seed: currentSeed[0] ?? 0, check: 'no answer', text }],
      });
      range = takeRange();
    } finally {
      await worker.terminate();
    }
  }
}

function ask(worker: Worker, range: Range): Promise<Report> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => settle(() => reject(new Error(`a schedule did not end within ${hangMs} ms`))),
      hangMs,
    );
    const onMessage = (report: Report): void => settle(() => resolve(report));
    const onError = (error: unknown): void => settle(() => reject(error));
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      worker.off('error', onError);
      how();
    };
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.postMessage(range);
  });
}
