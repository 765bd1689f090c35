import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { checkoutRoot } from '../support/checkout.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { describeCoverage, neverReached, sections } from './coverage.js';
import { copyMutated } from './mutant-copy.js';
import { mutations } from './mutations.js';
import { actionTypes, makePlan, type Profile, profileOf, profiles } from './plan.js';
import { minimise, reduce } from './reduction.js';
import { runSchedules } from './runner.js';
import { simulate } from './simulation.js';

/** The seeds of a day are not those of the next; the log names them. */
const firstSeed = Math.floor(Date.now() / 1_000) * 1_000;
const schedulesMax = 3_000;
const timeMaxMs = 45_000;
/** On the slowest machine; fewer would be no test. */
const schedulesMin = 200;

interface FailedSeed {
  readonly seed: number;
  readonly profile?: Profile;
  readonly what: string;
}

const failedSeeds: readonly FailedSeed[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../test/simulator/failed-seeds.json'), 'utf8'),
);

test.serial('schedules from fresh seeds end well, and reach what they are made to reach', async (t) => {
  t.timeout(timeMaxMs + 90_000);
  const summary = await runSchedules({ from: firstSeed, seeds: schedulesMax, jobs: 2, failuresMax: 1, timeMaxMs });
  t.log(`seeds from ${firstSeed}: ${summary.schedules} schedules in ${Math.round(summary.elapsedMs)} ms`);
  const [failure] = summary.failures;
  t.is(failure, undefined, `npm run simulate -- --seed ${failure?.seed} --trace`);
  t.true(summary.schedules >= schedulesMin, `${summary.schedules} schedules`);
  const reached = [
    'fault: message lost',
    'fault: message duplicated',
    'fault: message cut off',
    'fault: message held back',
    'fault: strand',
    'fault: partition, mute',
    'fault: partition, isolate, flapping',
    'fault: pause',
    'fault: clock rate',
    'fault: clock jump',
    'fault: crash, power',
    'fault: rot entry',
    'disk: slow',
    'disk: disk full',
    'disk: only the model full, it falls back',
    'disk: write crash-lost',
    'disk: write crash-stored',
    'disk: write error-lost',
    'disk: write error-stored',
    'role: leader to follower',
    'role: stopped by its disk',
    'election: by transfer',
    'membership: one voter changed',
    'membership: learners changed',
    'membership: joint, left automatically',
    'membership: joint, left explicitly',
    'membership: joint left',
    'membership: knows that it is removed',
    'snapshot: installed',
    'log: compacted',
    'model: retry recognised',
    'client: read through a follower',
    'recovery: a survivor has gone on alone',
    'operation: begun',
    'recovery: left behind, and knows it',
    'end: all agree',
  ];
  for (const what of reached) t.true((summary.coverage[what] ?? 0) > 0, `never reached: ${what}`);
  const { 'history: linearizable': judged = 0, 'history: inconclusive': unjudged = 0 } = summary.coverage;
  t.true(unjudged <= 0.05 * judged, `${unjudged} histories were too much for the search, of ${judged}`);
});

for (const { seed, profile, what } of failedSeeds) {
  test.serial(`seed ${seed}, profile ${profile ?? profileOf(seed)}, ends well`, async (t) => {
    t.log(what);
    const { violation } = await simulate(makePlan(seed, profile));
    t.is(violation, undefined);
  });
}

test.serial('one seed is one world: the same, event for event', async (t) => {
  for (const [place, profile] of profiles.entries()) {
    const traces: string[] = [];
    for (const _ of [1, 2]) {
      const lines: string[] = [];
      await simulate(makePlan(90 + place, profile), { onTrace: (line) => lines.push(line) });
      traces.push(lines.join('\n'));
    }
    t.true((traces[0]?.length ?? 0) > 1_000);
    t.is(traces[0], traces[1], profile);
  }
});

test('each mutation changes one place of the compiled code, which is there', (t) => {
  t.true(mutations.length >= 30);
  t.is(new Set(mutations.map(({ name }) => name)).size, mutations.length);
  for (const { name, file, find, replace } of mutations) {
    const source = readFileSync(join(import.meta.dirname, '../..', file), 'utf8');
    t.is(source.split(find).length - 1, 1, name);
    t.not(find, replace, name);
  }
});

/** As the issue of this project that asks for the simulator names them. */
const classicMutants = [
  'vote not persisted',
  "commit of an earlier term's entry by counting",
  'no current-term entry before a change of membership',
  'learner counted in the quorum',
  'removed member counted',
  'stale ReadIndex context',
  'PreVote that raises the term',
  'snapshot accepted with an older term',
  'append acknowledged before the sync',
  'acknowledgement of catch-up counted as commit',
  'vote reset within a term',
  'lost log rejoining as an empty voter',
  'duplicate application of a retried request',
  'transfer to a lagging member',
  'conf change applied twice',
  'truncating committed entries',
];

test('docs/mutants.md has each mutation, the classic ones among them, and each has died', (t) => {
  const page = readFileSync(join(checkoutRoot, 'docs', 'mutants.md'), 'utf8');
  const rows = [...page.matchAll(/^\| (.+?) \| .+ \| `.+` \| (.+?) \| (\d+)(?:, \w+)? \|$/gm)];
  const names = mutations.map(({ name }) => name);
  t.deepEqual(
    rows.map(([, name]) => name),
    names,
    'npm run simulate:mutants -- --write',
  );
  t.true(page.includes(`\n${names.length} of ${names.length} died.\n`));
  for (const classic of classicMutants) t.true(names.includes(classic), classic);
});

interface Ended {
  readonly code: number;
  readonly output: string;
}

function simulateIn(built: string, ...options: readonly string[]): Promise<Ended> {
  const program = join(built, 'test/simulator/main.js');
  return new Promise((resolve) =>
    execFile(process.execPath, [program, ...options], { maxBuffer: 1 << 26 }, (error, output) =>
      resolve({ code: error === null ? 0 : Number(error.code), output }),
    ),
  );
}

test.serial(
  'of a bug the report names the check, the seed, the command that replays it, and less that still fails',
  async (t) => {
    t.timeout(300_000);
    const mutation = mutations.find(({ name }) => name === 'ids of removed members used again');
    if (mutation === undefined) return t.fail('that mutation is gone');
    const mutated = copyMutated(mutation, temporaryDirectory('mutant'));
    const found = await simulateIn(mutated, '--from', '1', '--seeds', '1000', '--failures', '1', '--jobs', '1');
    t.is(found.code, 1);
    const [, seed = ''] = /^seed (\d+): membership: a removed id is a member again/m.exec(found.output) ?? [];
    t.true(found.output.includes(`\n  npm run simulate -- --seed ${seed} --trace\n`), found.output);
    const [, kept = '', all = ''] = /made smaller: (\d+) of (\d+) actions/.exec(found.output) ?? [];
    t.true(Number(kept) < Number(all), `${kept} of ${all}`);
    t.regex(found.output, /^ {4}\{.*"change":"reuse removed id"/m, 'what it takes is kept');
    const [, reduction = ''] = /--reduce '(.+)' --trace$/m.exec(found.output) ?? [];
    const again = ['--seed', seed, '--reduce', reduction] as const;
    t.like(await simulateIn(mutated, ...again), { code: 1 });
    t.like(await simulateIn(join(checkoutRoot, 'dist'), ...again), { code: 0 }, 'it is the bug, and not the schedule');
  },
);

test('the report has a place for each kind of fault, and names what was never reached', (t) => {
  const faults = sections.flatMap(({ expected }) => expected).filter((what) => what.startsWith('fault: '));
  for (const type of actionTypes)
    t.true(
      faults.some((what) => what === `fault: ${type}` || what.startsWith(`fault: ${type}, `)),
      type,
    );
  const lines = describeCoverage({ 'fault: pause': 3, 'snapshot: by pigeon': 1 });
  t.true(lines.includes('           3  fault: pause'));
  t.true(lines.includes('           0  fault: strand'));
  t.true(lines.includes('           1  snapshot: by pigeon'), 'also what nobody expected');
  t.true(neverReached({ 'fault: pause': 3 }).includes('fault: strand'));
  t.false(neverReached({ 'fault: pause': 3 }).includes('fault: pause'));
});

test.serial('other seeds are other worlds', async (t) => {
  const outcomes = await Promise.all([1, 2, 3, 4].map((seed) => simulate(makePlan(seed, 'mixed'))));
  t.is(new Set(outcomes.map(({ events, virtualMs }) => `${events} ${virtualMs}`)).size, 4);
});

test.serial('a plan is made smaller by leaving parts of it out', async (t) => {
  const plan = makePlan(11, 'mixed');
  const smaller = reduce(plan, { actions: [0], operationsMax: 2, quietNetwork: true, noCompaction: true });
  t.deepEqual(smaller.actions, plan.actions.slice(0, 1));
  t.like(smaller, { operationsMax: 2, network: { loss: 0, duplication: 0 } });
  t.deepEqual(await minimise({ ...plan, actions: [] }, 'no such check'), {}, 'what does not fail is not made smaller');
});
