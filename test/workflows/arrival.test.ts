/** The end of a migration, in virtual time: the routers come over, fast or slowly or not, and the record says how far they are. */
import test from 'ava';
import type { Operation, WorkflowParameters } from '../../messaging/index.js';
import { workflows } from '../../node/workflows/index.js';
import { arrivedMaxMs, arrivedPollMs, arrivedStillMaxMs } from '../../node/workflows/mode-steps.js';
import { newOperation } from '../../node/workflows/record.js';
import { World } from './world.js';

const parameters: WorkflowParameters = { workflow: 'migrate', node: null, leaveBehind: [] };

const names = Array.from({ length: 10_000 }, (_, index) => `router-${index}`);

interface Come {
  readonly connected: number;
  readonly arrived?: number;
  readonly verified: number;
  readonly different?: readonly string[];
  readonly heardAll?: boolean;
}

/** What is left of the workflow when the model is counted anew: to see the routers arrive. `seen` says how they are after so long. */
async function arrivalOf(workflow: 'migrate' | 'rollback', seen: (elapsedMs: number) => Come) {
  const world = new World();
  const { verifications } = workflows[workflow];
  const arrival = { ...workflows[workflow], checks: [], steps: [], verifications: verifications.slice(-1) };
  for (const id of ['a', 'b', 'c']) world.becomes(id, { min: 1, max: 1 }, { ...workflows, [workflow]: arrival });
  const beganAt = world.clock.now();
  const details: string[] = [];
  let looks = 0;
  world.routers = () => {
    looks += 1;
    const said = world.store.record('operation', 'operation-1')?.operation.verifications[0]?.detail ?? '';
    if (said !== '' && said !== details.at(-1)) details.push(said);
    const {
      connected,
      verified,
      arrived = verified,
      different = [],
      heardAll = true,
    } = seen(world.clock.now() - beganAt);
    return { connected, arrived, verified, waitingFor: names.slice(0, connected - verified), different, heardAll };
  };
  const impact = { voters: 1, healthyVoters: 1, quorum: 1, failuresSurvived: 0 };
  const begun = {
    ...{ workflow: arrival, target: 'a', runner: 'a', at: beganAt, findings: [] },
    before: impact,
    after: impact,
  };
  const asked = {
    ...{ requestedBy: 'olga', origin: null },
    parameters: { ...parameters, workflow } as WorkflowParameters,
  };
  world.begin(newOperation({ id: 'operation-1', ...asked, ...begun }));
  await world.clock.until(() => world.operation('operation-1').finishedAt !== null, 'the operation ends');
  const ended = world.operation('operation-1');
  return { ended, details, looks, tookMs: (ended.finishedAt ?? 0) - ended.startedAt };
}

const verification = ({ verifications }: Operation) => verifications[0];

for (const workflow of ['migrate', 'rollback'] as const) {
  test(`${workflow}: ten thousand routers that come slowly, and not all the time, are waited for`, async (t) => {
    // A sixth at a time, each after almost half of the time that may pass without one.
    const stepMs = arrivedStillMaxMs * 0.4;
    const come = (elapsedMs: number): number =>
      Math.min(10_000, Math.ceil(10_000 / 6) * Math.floor(elapsedMs / stepMs));
    const { ended, details, tookMs } = await arrivalOf(workflow, (elapsedMs) => ({
      connected: 10_000,
      verified: come(elapsedMs),
    }));
    t.is(ended.state, 'done', JSON.stringify(ended.error));
    t.true(tookMs > 2 * arrivedStillMaxMs);
    t.is(verification(ended)?.detail, '10,000 of 10,000 connected routers are there with the same model');
    t.true(
      details.some((detail) => detail.startsWith('8,335 of 10,000 connected routers are there')),
      details.join('\n'),
    );
  });
}

test('routers of which none comes nearer are given up after a while, and the record says how far they were', async (t) => {
  const { ended, tookMs } = await arrivalOf('migrate', (elapsedMs) => ({
    connected: 10_000,
    verified: Math.min(5_000, elapsedMs),
    arrived: Math.min(5_867, elapsedMs),
  }));
  t.is(ended.state, 'failed');
  t.regex(
    ended.error?.message ?? '',
    /^not all routers have arrived, and none came nearer for 1[0-9]{2} s: 5,000 of 10,000 connected routers are there/,
  );
  t.true(tookMs >= arrivedStillMaxMs && tookMs < arrivedStillMaxMs + 30_000, `${tookMs} ms`);
});

test('routers that go away and come back, again and again, come no nearer', async (t) => {
  const { ended, tookMs } = await arrivalOf('migrate', (elapsedMs) => ({
    connected: elapsedMs % 20_000 < 10_000 ? 10 : 9,
    verified: 8,
  }));
  t.is(ended.state, 'failed');
  t.true(tookMs < 2 * arrivedStillMaxMs, `${tookMs} ms`);
});

test('routers that come ever more slowly are given up in the end: the bound grows with their number', async (t) => {
  const bound = arrivedMaxMs(10_000);
  t.true(bound > 2 * arrivedMaxMs(1_000));
  const { ended, tookMs } = await arrivalOf('migrate', (elapsedMs) => ({
    connected: 10_000,
    verified: Math.floor(elapsedMs / (arrivedStillMaxMs / 2)),
  }));
  t.is(ended.state, 'failed');
  t.regex(ended.error?.message ?? '', /^not all routers have arrived: \d+ of 10,000 connected routers are there/);
  t.true(tookMs >= bound && tookMs < bound + 30_000, `${tookMs} ms`);
});

test('time in which those are waited for that were connected before this controller started is not counted', async (t) => {
  const listensMs = 2 * arrivedStillMaxMs;
  const { ended } = await arrivalOf('migrate', (elapsedMs) => ({
    connected: 3,
    verified: elapsedMs > listensMs + 1_000 ? 3 : 0,
    heardAll: elapsedMs > listensMs,
  }));
  t.is(ended.state, 'done', JSON.stringify(ended.error));
});

test('many routers are looked at less often than few', async (t) => {
  t.true(arrivedPollMs(10_000) > 3 * arrivedPollMs(10));
  const looksAt = async (connected: number) =>
    (await arrivalOf('migrate', (elapsedMs) => ({ connected, verified: elapsedMs > 20_000 ? connected : 0 }))).looks;
  t.true((await looksAt(10)) > 3 * (await looksAt(10_000)));
});
