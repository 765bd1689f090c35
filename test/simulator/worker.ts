/** One core's share of the schedules. */
import { parentPort, workerData } from 'node:worker_threads';
import { addCoverage, type Coverage } from './coverage.js';
import { makePlan, type Profile } from './plan.js';
import type { Failure } from './runner.js';
import { simulate } from './simulation.js';

export interface Range {
  readonly from: number;
  readonly until: number;
  readonly profile: Profile | undefined;
  /** It ends with so many. */
  readonly failuresMax: number;
}

export interface Report {
  readonly schedules: number;
  readonly events: number;
  readonly operations: number;
  readonly virtualMs: number;
  readonly coverage: Coverage;
  readonly failures: readonly Failure[];
}

// Refusals are errors, and there are many: nobody reads where they were made.
Error.stackTraceLimit = 0;
const { currentSeed } = workerData as { readonly currentSeed: Float64Array };

async function runRange({ from, until, profile, failuresMax }: Range): Promise<Report> {
  const sum = {
    schedules: 0,
    events: 0,
    operations: 0,
    virtualMs: 0,
    coverage: {} as Coverage,
    failures: [] as Failure[],
  };
  for (let seed = from; seed < until && sum.failures.length < failuresMax; seed += 1) {
    currentSeed[0] = seed;
    const outcome = await simulate(makePlan(seed, profile));
    sum.schedules += 1;
    sum.events += outcome.events;
    sum.operations += outcome.operations;
    sum.virtualMs += outcome.virtualMs;
    addCoverage(sum.coverage, outcome.coverage);
    if (outcome.violation !== undefined)
      sum.failures.push({ seed, check: outcome.violation.check, text: outcome.violation.text });
  }
  return sum;
}

parentPort?.on('message', (range: Range) => {
  runRange(range).then(
    (report) => parentPort?.postMessage(report),
    (error: unknown) => {
      throw error;
    },
  );
});
