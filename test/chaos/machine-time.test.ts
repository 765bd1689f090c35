import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { machineTimeOf } from './machine-time.js';

const never = new Promise<never>(() => undefined);

test('time in which a process waits for a processor does not count', async (t) => {
  const beganAt = performance.now();
  // It never runs, until a second has gone by.
  const starved = machineTimeOf(
    () => [1],
    () => Math.min(1_000, performance.now() - beganAt),
  );
  await t.throwsAsync(starved.within(never, 'what never comes', 200), { name: 'WaitedInVain' });
  t.true(performance.now() - beganAt >= 1_100, `${performance.now() - beganAt} ms`);
});

test('where the system says nothing, all time counts', async (t) => {
  const unknown = machineTimeOf(
    () => [1],
    () => undefined,
  );
  await t.throwsAsync(unknown.within(never, 'what never comes', 200), { name: 'WaitedInVain' });
});

test('what comes in time is passed on, and so is a failure', async (t) => {
  const machine = machineTimeOf(() => [process.pid]);
  t.is(await machine.within(Promise.resolve(7), 'seven', 60_000), 7);
  await t.throwsAsync(
    machine.within(
      sleep(1).then(() => Promise.reject(new Error('no'))),
      'no',
      60_000,
    ),
    { message: 'no' },
  );
});
