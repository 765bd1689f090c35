/** The upgrade of one member: it waits for whoever installs, and believes only what the member says afterwards. */
import test from 'ava';
import { upgrade } from '../../node/workflows/upgrade.js';
import { World } from './world.js';

const of = (node: string) => ({ workflow: 'upgrade', node, from: null }) as const;

const run = (world: World, node: string) => world.run(of(node));

const olga = { requestedBy: 'olga', origin: null };

test('a follower is stopped, comes back with another version, catches up, and only then it is done', async (t) => {
  const world = new World();
  world.installLater('c', '0.2.0');
  const operation = await run(world, 'c');
  t.is(operation.state, 'done');
  t.deepEqual(operation.parameters, { ...of('c'), from: { incarnation: 1, version: '0.1.0', protocolMax: 1 } });
  t.regex(operation.verifications[0]?.detail ?? '', /it runs version 0.2.0, .*; before: version 0.1.0/);
  t.is(world.leader, 'a');
});

test('a leader hands leadership over first', async (t) => {
  const world = new World();
  world.installLater('a', '0.2.0');
  const operation = await run(world, 'a');
  t.is(operation.state, 'done');
  t.not(world.leader, 'a');
});

test('one that comes back as it was has not been upgraded', async (t) => {
  const world = new World();
  world.installLater('c', '0.1.0');
  const operation = await run(world, 'c');
  t.is(operation.state, 'failed');
  t.regex(operation.error?.message ?? '', /c came back as it was: version 0.1.0/);
});

test('while nobody installs anything it says what to do, and can be cancelled', async (t) => {
  const world = new World();
  const ending = run(world, 'c');
  const detail = () => world.store.record('operation', 'operation-1')?.operation.steps[1]?.detail ?? '';
  await world.clock.until(() => detail() !== '', 'it says what it waits for');
  t.is(detail(), 'stop c, install the new version, and start it on its directory; it still runs 0.1.0');
  const cancelled = world.controller('a').engine.cancel('operation-1', olga);
  t.is((await ending).state, 'cancelled');
  t.like((await cancelled).cancellation, { by: 'olga' });
  t.true(upgrade.steps.every(({ noReturn }) => noReturn === undefined));
});
