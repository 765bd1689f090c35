/** The short run: one round of every kind of fault on real processes. The long one: `npm run chaos -- --minutes N`. */
import test from 'ava';
import { describeRound } from './report.js';
import { startChaos } from './rounds.js';

const faultsMs = 20_000;
const given = process.env['CHAOS_SEED'];

test('five controllers on three nats-servers come through killing, pausing and cutting with one history', async (t) => {
  // On a machine that has no processors to give, waiting takes as long as it takes.
  t.timeout(1_200_000);
  const seed = given === undefined ? Date.now() % 1_000_000_000 : Number(given);
  t.log(`seed ${seed}: CHAOS_SEED=${seed} npm test -- test/chaos/chaos.test.ts`);
  const happened: string[] = [];
  const beganAt = performance.now();
  const chaos = await startChaos(seed, (line) =>
    happened.push(`${((performance.now() - beganAt) / 1_000).toFixed(2)} s  ${line}`),
  );
  const report = await chaos.round(faultsMs);
  t.log(describeRound(report));
  if (report.problems.length > 0) t.log(happened.join('\n'));
  t.deepEqual(report.problems, []);
  for (const kind of [
    'kill',
    'stop',
    'kill-all',
    'pause',
    'kill-nats',
    'pause-nats',
    'cut-route',
    'stall-route',
  ] as const)
    t.true((report.faults[kind]?.fired ?? 0) > 0, `no ${kind} was carried out`);
  t.true(report.acknowledgedWrites > 0);
  await chaos.end();
});
