/** The short kill run. The long one: `npm run kill -- --rounds 500`. */
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { runProcess } from '../support/process.js';
import { ownMounts } from '../support/small-disk.js';
import { describeRound, describeRounds, type RoundReport } from './report.js';
import { startKillRun } from './rounds.js';

const rounds = 25;
const roundsOnSmallDisks = 4;
/** The last round is one of them. */
const hashEvery = 5;
const given = process.env['KILL_SEED'];
const main = fileURLToPath(new URL('./main.js', import.meta.url));

test.serial(
  `${rounds} rounds of SIGKILL at random moments: nothing acknowledged is lost, nothing is there twice`,
  async (t) => {
    t.timeout(600_000);
    const seed = given === undefined ? Date.now() % 1_000_000_000 : Number(given);
    t.log(`seed ${seed}: KILL_SEED=${seed} npm test -- test/kill/kill.test.ts`);
    const said: string[] = [];
    const run = await startKillRun({ seed, hashEvery, say: (line) => said.push(line) });
    const reports: RoundReport[] = [];
    for (let round = 0; round < rounds && (reports.at(-1)?.problems.length ?? 0) === 0; round += 1) {
      const report = await run.round();
      reports.push(report);
      said.push(describeRound(report));
    }
    const problems = reports.flatMap((report) => report.problems);
    if (problems.length > 0) t.log(said.join('\n'));
    t.deepEqual(problems, []);
    for (const line of describeRounds(reports)) t.log(line);
    t.true(reports.reduce((sum, each) => sum + each.acknowledgedWrites, 0) > 10 * rounds);
    t.true(new Set(reports.map(({ whom }) => whom)).size > 1);
    await run.end();
  },
);

test.serial('the same on small file systems that fill up', async (t) => {
  t.timeout(300_000);
  if (ownMounts() === undefined) {
    t.log('skipped: this system lets nobody mount a file system of their own');
    return t.pass();
  }
  const given = ['--small-disks', '--rounds', String(roundsOnSmallDisks)];
  const { code, stdout, stderr } = await runProcess(process.execPath, [main, ...given], { timeoutMs: 300_000 });
  t.is(code, 0, stdout + stderr);
  t.log(stdout.trim().split('\n').slice(-5).join('\n'));
});
