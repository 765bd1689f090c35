/** `npm run simulate`: runs schedules from seeds, or one seed with all that happens in it. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { readArguments, refuse, type Usage } from '../support/options.js';
import { type Coverage, describeCoverage, neverReached } from './coverage.js';
import { makePlan, type Plan, type Profile, profileOf, profiles } from './plan.js';
import { minimise, type Reduction, reduce } from './reduction.js';
import { type Failure, runSchedules, type Summary, sumOf } from './runner.js';
import { simulate } from './simulation.js';

const progressEveryMs = 10_000;
const usage: Usage = {
  command: 'npm run simulate',
  purpose:
    'Runs schedules from seeds, each a world of its own, and checks at every step what must hold; or one of them, in detail.',
  examples: [
    ['--seeds 10000', 'from fresh seeds, on all cores'],
    ['--seeds 10000 --from 1', 'from these seeds'],
    ['--minutes 10 --seeds 1000000', 'as many as ten minutes hold'],
    ['--seeds 50000 --json > 1.json', 'a long run, in pieces'],
    ['--sum 1.json 2.json', 'adds up what such runs have written'],
    ['--seed 42 --trace', 'one world, with everything that happens in it'],
    ['--seed 42 --minimise', 'and made smaller while it still fails'],
  ],
};

const { values, positionals } = readArguments(usage, {
  seeds: { type: 'string', number: 'whole', default: '1000', describe: 'how many schedules' },
  from: { type: 'string', number: 'whole', describe: 'the first seed; otherwise made from the time' },
  jobs: { type: 'string', number: 'whole', describe: 'schedules at a time; otherwise as many as there are cores' },
  profile: { type: 'string', describe: `one of ${profiles.join(', ')}; otherwise drawn from the seed` },
  failures: { type: 'string', number: 'whole', default: '5', describe: 'ends after so many' },
  minutes: { type: 'string', number: 'any', describe: 'ends after so long' },
  json: { type: 'boolean', default: false, describe: 'for machines' },
  sum: { type: 'boolean', default: false, describe: 'adds up files that runs with --json have written' },
  seed: { type: 'string', number: 'whole', describe: 'only this one' },
  trace: { type: 'boolean', default: false, describe: 'with --seed: tells everything that happens' },
  minimise: { type: 'boolean', default: false, describe: 'with --seed: makes a failing schedule smaller' },
  reduce: { type: 'string', describe: 'with --seed: leaves out parts, as --minimise has said' },
});

function profileNamed(name: string | undefined): Profile | undefined {
  const profile = profiles.find((each) => each === name);
  if (name !== undefined && profile === undefined) refuse(usage, `there is no profile ${name}`);
  return profile;
}

async function runOne(seed: number, profile: Profile | undefined): Promise<boolean> {
  const whole = makePlan(seed, profile);
  const reduction: Reduction = values.reduce === undefined ? {} : reductionOf(values.reduce);
  const plan = reduce(whole, reduction);
  describePlan(plan, profile ?? profileOf(seed));
  const outcome = await simulate(plan, values.trace ? { onTrace: (line) => console.log(line) } : {});
  console.log(
    `${outcome.events} events, ${outcome.operations} operations, ${Math.round(outcome.virtualMs)} ms of virtual time`,
  );
  const { violation } = outcome;
  if (violation === undefined) {
    console.log('nothing is wrong');
    return true;
  }
  console.log(`${violation.check}, at ${violation.atMs.toFixed(2)} ms: ${violation.text}`);
  if (values.minimise) await showMinimal(whole, profile, violation.check);
  return false;
}

function reductionOf(text: string): Reduction {
  try {
    return JSON.parse(text);
  } catch {
    return refuse(usage, '--reduce takes what --minimise has written');
  }
}

function describePlan(plan: Plan, profile: Profile): void {
  const { actions, ...rest } = plan;
  console.log(`seed ${plan.seed}, profile ${profile}: ${JSON.stringify(rest)}`);
  for (const [place, action] of actions.entries()) console.log(`  ${place}: ${JSON.stringify(action)}`);
}

async function showMinimal(plan: Plan, profile: Profile | undefined, check: string): Promise<void> {
  const reduction = await minimise(plan, check);
  const smaller = reduce(plan, reduction);
  console.log(
    `  made smaller: ${smaller.actions.length} of ${plan.actions.length} actions, ${smaller.operationsMax} of ${plan.operationsMax} operations`,
  );
  for (const action of smaller.actions) console.log(`    ${JSON.stringify(action)}`);
  console.log(`  ${commandFor(plan.seed, profile)} --reduce '${JSON.stringify(reduction)}' --trace`);
}

function commandFor(seed: number, profile: Profile | undefined): string {
  return `npm run simulate -- --seed ${seed}${profile === undefined ? '' : ` --profile ${profile}`}`;
}

async function runMany(profile: Profile | undefined): Promise<boolean> {
  const from = values.from === undefined ? Math.floor(Date.now() / 1000) * 1_000 : Number(values.from);
  const seeds = Number(values.seeds);
  const jobs = values.jobs === undefined ? availableParallelism() : Number(values.jobs);
  let saidAt = performance.now();
  const summary = await runSchedules({
    from,
    seeds,
    jobs,
    profile,
    failuresMax: Number(values.failures),
    timeMaxMs: values.minutes === undefined ? undefined : Number(values.minutes) * 60_000,
    onProgress: (sum) => {
      if (values.json || performance.now() - saidAt < progressEveryMs) return;
      saidAt = performance.now();
      console.log(`${sum.schedules} of ${seeds} schedules, ${perSecond(sum)} a second, ${sum.failures.length} failed`);
    },
  });
  if (values.json) {
    console.log(JSON.stringify(summary));
    return summary.failures.length === 0;
  }
  showSummary(summary, `seeds ${from} to ${from + summary.schedules - 1}, on ${jobs} cores`);
  await showFailures(summary.failures, profile);
  return summary.failures.length === 0;
}

/** Where nothing ran there is nothing to be glad of. */
function sumUp(paths: readonly string[]): boolean {
  const summaries = paths.map(summaryIn);
  const summary = sumOf(summaries);
  showSummary(summary, `${paths.length} runs`);
  for (const { seed, check, text } of summary.failures) console.log(`seed ${seed}: ${check}: ${text}`);
  return summary.failures.length === 0 && summary.schedules > 0;
}

function summaryIn(path: string): Summary {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return refuse(usage, `${path} holds no summary that --json has written`);
  }
}

function showSummary(summary: Summary, what: string): void {
  const { schedules, events, operations, virtualMs, elapsedMs, cpuMs, coverage, failures } = summary;
  showCoverage(coverage);
  const perCore = ((schedules / Math.max(1, cpuMs)) * 1_000).toFixed(0);
  console.log(
    `${what}: ${schedules} schedules in ${Math.round(elapsedMs / 1_000)} s, ${perSecond(summary)} a second, ${perCore} a second of CPU time`,
  );
  console.log(
    `${events} events, ${operations} operations of clients, ${Math.round(virtualMs / 60_000)} minutes of virtual time; ${failures.length} failed`,
  );
}

function perSecond({ schedules, elapsedMs }: Summary): string {
  return ((schedules / Math.max(1, elapsedMs)) * 1_000).toFixed(0);
}

function showCoverage(coverage: Coverage): void {
  for (const line of describeCoverage(coverage)) console.log(line);
  const missed = neverReached(coverage);
  console.log(missed.length === 0 ? '\nall of this was reached' : `\nnever reached: ${missed.join('; ')}`);
}

async function showFailures(failures: readonly Failure[], profile: Profile | undefined): Promise<void> {
  for (const { seed, check, text } of failures) {
    console.log(`\nseed ${seed}: ${check}: ${text}\n  ${commandFor(seed, profile)} --trace`);
    if (check !== 'no answer') await showMinimal(makePlan(seed, profile), profile, check);
  }
  console.log(failures.length === 0 ? 'nothing is wrong' : `${failures.length} failed`);
}

if (positionals.length > 0 && !values.sum) refuse(usage, `unexpected: ${positionals.join(' ')}`);
if (values.sum) process.exitCode = sumUp(positionals) ? 0 : 1;
else {
  Error.stackTraceLimit = values.trace ? 10 : 0;
  const profile = profileNamed(values.profile);
  const isWell = values.seed === undefined ? await runMany(profile) : await runOne(Number(values.seed), profile);
  process.exitCode = isWell ? 0 : 1;
}
