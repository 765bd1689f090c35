/**
 * `npm run kill -- --rounds N --seed S`: the kill run, until all rounds are done or something is wrong. The seed repeats what
 * is drawn; processes and the machine do the rest. With `--jobs` several clusters are killed side by side; with `--report`
 * what each round came to is added to a file, and the sum at the end is that of all that the file holds.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readOptions } from '../support/options.js';
import { startProcess } from '../support/process.js';
import { ownMounts } from '../support/small-disk.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { describeRound, describeRounds, type RoundReport, roundReportSchema } from './report.js';
import { startKillRun } from './rounds.js';

const values = readOptions(
  {
    command: 'npm run kill',
    purpose:
      'Kills the processes of a cluster at random moments, again and again; nothing that was acknowledged may be lost.',
    examples: [
      ['--rounds 25', '25 rounds'],
      ['--rounds 100 --small-disks', 'on disks that fill up'],
      [
        '--rounds 250 --jobs 2 --report kill.jsonl',
        'two clusters side by side; what each round came to goes into a file',
      ],
      ['--rounds 0 --report kill.jsonl', 'the sum of all rounds in that file'],
      ['--seed 4711 --rounds 3', 'the same rounds again'],
    ],
  },
  {
    rounds: {
      type: 'string',
      number: 'whole',
      default: '500',
      describe: 'how many; 0 only adds up what --report holds',
    },
    seed: {
      type: 'string',
      number: 'whole',
      describe: 'otherwise made from the time; further jobs take the seeds after it',
    },
    jobs: { type: 'string', number: 'whole', default: '1', describe: 'clusters side by side, which share the rounds' },
    report: {
      type: 'string',
      describe: 'file that each round is added to, as one line of JSON; several runs may share it',
    },
    'small-disks': { type: 'boolean', default: false, describe: 'on small file systems, which fill up now and then' },
    quiet: { type: 'boolean', default: false, describe: 'says only how it ended' },
  },
);

/** Of any run; a day. */
const longestMs = 86_400_000;
const showEveryMs = 500;
/** Says that this is a piece of another run: in its mount namespace, or one of its jobs. */
const pieceVariable = 'QUORATE_KILL_PIECE';

const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
const rounds = Number(values.rounds);
const jobs = Number(values.jobs);
const isPiece = process.env[pieceVariable] !== undefined;
const report = path.resolve(values.report ?? path.join(temporaryDirectory('report'), 'rounds.jsonl'));
const pieceOptions = ['--report', report, ...(values.quiet ? ['--quiet'] : [])];

/** In this process. */
async function runRounds(): Promise<boolean> {
  const say = values.quiet ? () => undefined : (line: string) => console.log(line);
  say(`seed ${seed}, ${rounds} rounds`);
  const run = await startKillRun({ seed, smallDisks: values['small-disks'], say });
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const done = await run.round();
      appendFileSync(report, `${JSON.stringify(done)}\n`);
      say(`${describeRound(done)} (${rounds - round} to go)`);
      if (done.problems.length === 0) continue;
      for (const problem of done.problems) console.log(`WRONG: ${problem}`);
      const disks = values['small-disks'] ? ' --small-disks' : '';
      console.log(`again: npm run kill -- --seed ${seed} --rounds ${round}${disks}`);
      return false;
    }
    return true;
  } finally {
    await run.end();
  }
}

/** The same again, as a process of its own whose words are shown. */
async function runPiece(label: string, given: readonly string[], own: readonly string[] = []): Promise<boolean> {
  const [command = process.execPath, ...args] = [...own, process.execPath, fileURLToPath(import.meta.url), ...given];
  const piece = await startProcess(command, args, { env: { [pieceVariable]: '1' } });
  let shown = 0;
  const show = (): void => {
    const text = piece.logs();
    const lines = text.slice(shown, text.lastIndexOf('\n') + 1);
    shown += lines.length;
    process.stdout.write(lines.replace(/^(?=.)/gm, label));
  };
  const timer = setInterval(show, showEveryMs);
  const { code } = await piece.waitForExit(longestMs);
  clearInterval(timer);
  show();
  return code === 0;
}

async function runJobs(): Promise<boolean> {
  const pieces = Array.from({ length: jobs }, (_, job) => {
    const share = Math.floor(rounds / jobs) + (job < rounds % jobs ? 1 : 0);
    const given = ['--seed', String(seed + job), '--rounds', String(share), ...pieceOptions];
    return inOwnMounts(jobs === 1 ? '' : `[${job + 1}] `, given);
  });
  return (await Promise.all(pieces)).every(Boolean);
}

/** Small disks need a mount namespace. */
function inOwnMounts(label: string, given: readonly string[]): Promise<boolean> {
  if (!values['small-disks']) return runPiece(label, given);
  const own = ownMounts();
  if (own === undefined) throw new Error('this system lets nobody mount a file system of their own');
  return runPiece(label, [...given, '--small-disks'], ['unshare', ...own]);
}

function reports(): readonly RoundReport[] {
  const text = existsSync(report) ? readFileSync(report, 'utf8') : '';
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => roundReportSchema.parse(JSON.parse(line)));
}

const isAlone = jobs === 1 && !values['small-disks'];
const wentWell = rounds === 0 || (await (isPiece || isAlone ? runRounds() : runJobs()));
if (!isPiece) for (const line of describeRounds(reports())) console.log(line);
process.exit(wentWell ? 0 : 1);
