/** The short kill run. The long one: `npm run kill -- --rounds 500`. */
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { startInOwnMounts } from '../support/small-disk.js';
import { describeRun } from './report.js';
import { type RoundReport, startKillRun } from './rounds.js';

const rounds = 25;
const roundsOnSmallDisks = 4;
const given = process.env['KILL_SEED'];
const main = fileURLToPath(new URL('./main.js', import.meta.url));

test.serial(
  `${rounds} rounds of SIGKILL at random moments: nothing acknowledged is lost, nothing is there twice`,
  async (t) => {
    t.timeout(600_000);
    const seed = given === undefined ? Date.now() % 1_000_000_000 : Number(given);
    t.log(`seed ${seed}: KILL_SEED=${seed} npm test -- test/kill/kill.test.ts`);
    const said: string[] = [];
    const beganAt = performance.now();
    const run = await startKillRun({ seed, say: (line) => said.push(line) });
    const reports: RoundReport[] = [];
    for (let round = 0; round < rounds && (reports.at(-1)?.problems.length ?? 0) === 0; round += 1)
      reports.push(await run.round());
    const problems = reports.flatMap((report) => report.problems);
    if (problems.length > 0) t.log(said.join('\n'));
    t.deepEqual(problems, []);
    for (const line of describeRun(reports, (performance.now() - beganAt) / 1_000)) t.log(line);
    t.true(reports.reduce((sum, each) => sum + each.acknowledgedWrites, 0) > 10 * rounds);
    t.true(new Set(reports.map(({ whom }) => whom)).size > 1);
    await run.end();
  },
);

test.serial('the same on small file systems that fill up', async (t) => {
  t.timeout(300_000);
  const running = await startInOwnMounts(main, ['--small-disks', '--rounds', String(roundsOnSmallDisks)], {
    QUORATE_KILL_INSIDE: '1',
  });
  if (running === undefined) {
    t.log('skipped: this system lets nobody mount a file system of their own');
    return t.pass();
  }
  const { code } = await running.waitForExit(300_000);
  t.is(code, 0, running.logs());
  t.log(running.stdout().trim().split('\n').slice(-4).join('\n'));
});
