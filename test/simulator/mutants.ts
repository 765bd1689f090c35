/**
 * `npm run simulate:mutants`: applies each mutation to a copy of the compiled code, runs schedules until a check fails, and
 * writes which check it was. One that lives is a hole in the simulator.
 */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { readOptions, refuse, type Usage } from '../support/options.js';
import { copyMutated } from './mutant-copy.js';
import { type Mutation, mutations } from './mutations.js';
import type { Failure, Summary } from './runner.js';

const root = join(import.meta.dirname, '..', '..');
/** Of this run; another one may be under way. */
const copies = join(root, 'mutants', `${process.pid}`);

const usage: Usage = {
  command: 'npm run simulate:mutants',
  purpose: 'Applies each deliberate fault to a copy of the compiled code, and runs schedules until a check finds it.',
  examples: [
    ['', 'all of them'],
    ['--only snapshot', 'those whose name holds this word'],
    ['--write', 'all of them, and writes docs/mutants.md'],
  ],
};

const values = readOptions(usage, {
  only: { type: 'string', describe: 'those whose name holds this' },
  seeds: { type: 'string', number: 'whole', default: '50000', describe: 'schedules at most for each' },
  from: { type: 'string', number: 'whole', default: '1', describe: 'the first seed' },
  jobs: { type: 'string', number: 'whole', describe: 'mutants at a time; otherwise as many as there are cores' },
  write: { type: 'boolean', default: false, describe: 'writes docs/mutants.md' },
});

interface Result {
  readonly mutation: Mutation;
  readonly seed: number | undefined;
  readonly check: string;
  readonly schedules: number;
}

/** Dead is a mutant only by a seed that does no harm without it. */
async function judge(mutation: Mutation, place: number): Promise<Result> {
  const folder = copyMutated(mutation, join(copies, `${place}`));
  const end = Number(values.from) + Number(values.seeds);
  let schedules = 0;
  let found: Failure | undefined;
  for (let from = Number(values.from); from < end && found === undefined; ) {
    const summary = await runSimulator(folder, from, end - from, mutation.profile);
    schedules += summary.schedules;
    const [first] = summary.failures;
    if (first === undefined) break;
    const [unmutated] = (await runSimulator(root, first.seed, 1, mutation.profile)).failures;
    if (unmutated === undefined) found = first;
    else console.log(`seed ${first.seed} fails without a mutation too: ${unmutated.check}`);
    from = first.seed + 1;
  }
  rmSync(folder, { recursive: true, force: true });
  return { mutation, seed: found?.seed, check: found?.check ?? '', schedules };
}

function runSimulator(folder: string, from: number, seeds: number, profile: string | undefined): Promise<Summary> {
  const args = [
    join(folder, 'test/simulator/main.js'),
    '--json',
    '--failures',
    '1',
    '--jobs',
    '1',
    '--from',
    `${from}`,
    '--seeds',
    `${seeds}`,
  ];
  if (profile !== undefined) args.push('--profile', profile);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      try {
        resolve(JSON.parse(output));
      } catch (error) {
        reject(new Error(`the simulator did not report: ${output.slice(0, 500)}`, { cause: error }));
      }
    });
  });
}

async function main(): Promise<void> {
  const chosen = mutations.filter((each) => values.only === undefined || each.name.includes(values.only));
  if (chosen.length === 0) refuse(usage, `no mutant has ${values.only} in its name`);
  const results: Result[] = [];
  const waiting = [...chosen.entries()];
  const jobs = values.jobs === undefined ? availableParallelism() : Number(values.jobs);
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const result = await judge(next[1], next[0]);
      results.push(result);
      console.log(
        `${(result.seed === undefined ? 'LIVES' : 'dead').padEnd(6)} ${result.mutation.name.padEnd(52)} ${result.check.padEnd(34)} seed ${result.seed ?? '-'}, ${result.schedules} schedules`,
      );
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  rmSync(copies, { recursive: true, force: true });
  const living = results.filter((each) => each.seed === undefined);
  console.log(`${results.length - living.length} of ${results.length} mutants died`);
  for (const { mutation } of living) console.log(`alive: ${mutation.name}`);
  if (values.write) writeFileSync(join(root, '..', 'docs', 'mutants.md'), tableOf(chosen, results));
  process.exitCode = living.length === 0 ? 0 : 1;
}

function tableOf(chosen: readonly Mutation[], results: readonly Result[]): string {
  const rows = chosen.map((mutation) => {
    const result = results.find((each) => each.mutation === mutation);
    return `| ${mutation.name} | ${mutation.why} | \`${mutation.file.replace(/\.js$/, '.ts')}\` | ${result?.check ?? ''} | ${result?.seed ?? 'lives'}${mutation.profile === undefined ? '' : `, ${mutation.profile}`} |`;
  });
  const died = results.filter((each) => each.seed !== undefined).length;
  return `# Mutants

Deliberate faults, one line each, that the simulator must find. \`npm run simulate:mutants\` applies each to a copy of the
compiled code and runs schedules from seed ${values.from} until a check fails; with \`-- --write\` it writes this page. How the
simulator works is in [simulator.md](simulator.md).

${died} of ${results.length} died.

| mutant | what it breaks | where | the check that found it | seed |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

await main();
