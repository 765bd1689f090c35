/**
 * `npm run kill -- --rounds N --seed S`: the kill run, until all rounds are done or something is wrong. The seed repeats what
 * is drawn; processes and the machine do the rest.
 */
import { fileURLToPath } from 'node:url';
import { readOptions } from '../support/options.js';
import { startProcess } from '../support/process.js';
import { ownMounts } from '../support/small-disk.js';
import { describeRun } from './report.js';
import { type RoundReport, startKillRun } from './rounds.js';

const values = readOptions(
  {
    command: 'npm run kill',
    purpose:
      'Kills the processes of a cluster at random moments, again and again; nothing that was acknowledged may be lost.',
    examples: [
      ['--rounds 25', '25 rounds'],
      ['--rounds 100 --small-disks', 'on disks that fill up'],
      ['--seed 4711 --rounds 3', 'the same rounds again'],
    ],
  },
  {
    rounds: { type: 'string', number: 'whole', default: '500', describe: 'how many' },
    seed: { type: 'string', number: 'whole', describe: 'otherwise made from the time' },
    'small-disks': { type: 'boolean', default: false, describe: 'on small file systems, which fill up now and then' },
    quiet: { type: 'boolean', default: false, describe: 'says only how it ended' },
  },
);

/** Of any run; a day. */
const longestMs = 86_400_000;

async function main(): Promise<boolean> {
  const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
  const rounds = Number(values.rounds);
  const say = values.quiet ? () => undefined : (line: string) => console.log(line);
  console.log(`seed ${seed}, ${rounds} rounds`);
  const beganAt = performance.now();
  const run = await startKillRun({ seed, smallDisks: values['small-disks'], say });
  const reports: RoundReport[] = [];
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const report = await run.round();
      reports.push(report);
      if (report.problems.length === 0) continue;
      console.log(`round ${round}, ${report.phase}, killed ${report.killed.join(', ')}:`);
      for (const problem of report.problems) console.log(`WRONG: ${problem}`);
      console.log(`again: npm run kill -- --seed ${seed} --rounds ${round}`);
      return false;
    }
    console.log('nothing is wrong');
    return true;
  } finally {
    for (const line of describeRun(reports, (performance.now() - beganAt) / 1_000)) console.log(line);
    await run.end();
  }
}

/** Mounts need a namespace of their own: the same again, inside one. */
async function mainInOwnMounts(): Promise<boolean> {
  const given = ownMounts();
  if (given === undefined) throw new Error('this system lets nobody mount a file system of their own');
  const script = fileURLToPath(import.meta.url);
  const env = { QUORATE_KILL_INSIDE: '1' };
  const inside = await startProcess('unshare', [...given, process.execPath, script, ...process.argv.slice(2)], { env });
  let shown = 0;
  const show = (): void => {
    const text = inside.logs();
    process.stdout.write(text.slice(shown));
    shown = text.length;
  };
  const timer = setInterval(show, 500);
  const { code } = await inside.waitForExit(longestMs);
  clearInterval(timer);
  show();
  return code === 0;
}

const isInside = process.env['QUORATE_KILL_INSIDE'] !== undefined;
const wentWell = await (values['small-disks'] && !isInside ? mainInOwnMounts() : main());
process.exit(wentWell ? 0 : 1);
