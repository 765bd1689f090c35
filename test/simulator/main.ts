/** `npm run simulate`: runs schedules from seeds, or one seed with all that happens in it. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Coverage } from './coverage.js';
import { makePlan, type Plan, type Profile, profileOf, profiles } from './plan.js';
import { minimise, type Reduction, reduce } from './reduction.js';
import { type Failure, runSchedules, type Summary, sumOf } from './runner.js';
import { simulate } from './simulation.js';

const usage = `npm run simulate -- [--seeds N] [--from S] [--jobs J] [--profile ${profiles.join('|')}] [--failures F] [--minutes M] [--json]
npm run simulate -- --sum SUMMARY.json ...           adds up what runs with --json have written
npm run simulate -- --seed X [--profile P] [--trace] [--reduce JSON] [--minimise]`;
const progressEveryMs = 10_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string' },
    jobs: { type: 'string' },
    profile: { type: 'string' },
    failures: { type: 'string', default: '5' },
    minutes: { type: 'string' },
    json: { type: 'boolean', default: false },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    reduce: { type: 'string' },
    minimise: { type: 'boolean', default: false },
    sum: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  console.error(`--${name} must be a whole number, not ${text}\n${usage}`);
  process.exit(2);
}

function profileNamed(name: string | undefined): Profile | undefined {
  const profile = profiles.find((each) => each === name);
  if (name === undefined || profile !== undefined) return profile;
  console.error(`there is no profile ${name}\n${usage}`);
  process.exit(2);
}

async function runOne(seed: number, profile: Profile | undefined): Promise<boolean> {
  const whole = makePlan(seed, profile);
  const reduction: Reduction = values.reduce === undefined ? {} : JSON.parse(values.reduce);
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
  const from = values.from === undefined ? Math.floor(Date.now() / 1000) * 1_000 : numberOf('from', values.from);
  const seeds = numberOf('seeds', values.seeds);
  const jobs = values.jobs === undefined ? availableParallelism() : numberOf('jobs', values.jobs);
  let saidAt = performance.now();
  const summary = await runSchedules({
    from,
    seeds,
    jobs,
    profile,
    failuresMax: numberOf('failures', values.failures),
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
  const summaries: readonly Summary[] = paths.map((path) => JSON.parse(readFileSync(path, 'utf8')));
  const summary = sumOf(summaries);
  showSummary(summary, `${paths.length} runs`);
  for (const { seed, check, text } of summary.failures) console.log(`seed ${seed}: ${check}: ${text}`);
  return summary.failures.length === 0 && summary.schedules > 0;
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
  for (const what of Object.keys(coverage).sort((a, b) => (a < b ? -1 : 1)))
    console.log(`${String(coverage[what]).padStart(12)}  ${what}`);
}

async function showFailures(failures: readonly Failure[], profile: Profile | undefined): Promise<void> {
  for (const { seed, check, text } of failures) {
    console.log(`\nseed ${seed}: ${check}: ${text}\n  ${commandFor(seed, profile)} --trace`);
    if (check !== 'no answer') await showMinimal(makePlan(seed, profile), profile, check);
  }
  console.log(failures.length === 0 ? 'nothing is wrong' : `${failures.length} failed`);
}

if (values.help) console.log(usage);
else if (values.sum) process.exitCode = sumUp(positionals) ? 0 : 1;
else {
  Error.stackTraceLimit = values.trace ? 10 : 0;
  const profile = profileNamed(values.profile);
  const isWell =
    values.seed === undefined ? await runMany(profile) : await runOne(numberOf('seed', values.seed), profile);
  process.exitCode = isWell ? 0 : 1;
}
