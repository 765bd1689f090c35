/** The leader dies, is deposed, or loses leadership for a moment, at each action of each workflow: the outcome is whole. */
import test, { type ExecutionContext } from 'ava';
import { type Operation, QuorateError, type WorkflowParameters } from '../../messaging/index.js';
import { type Kill, World } from './world.js';

interface Scenario {
  readonly title: string;
  readonly parameters: WorkflowParameters;
  readonly voters?: readonly string[];
  /** Whether a death may change how it ends. */
  readonly mayEndEarly?: boolean;
  /** When the dead leader comes back. */
  readonly backAfterMs?: number;
  readonly spoil?: (world: World) => void;
}

const five = ['a', 'b', 'c', 'd', 'e'];

const restoreParameters: WorkflowParameters = {
  workflow: 'restore',
  sha256: '0'.repeat(64),
  sizeBytes: 1_000,
  name: 'good.snapshot',
};

const scenarios: readonly Scenario[] = [
  { title: 'join', parameters: { workflow: 'join', node: 'x', role: 'voter' } },
  { title: 'join as a learner', parameters: { workflow: 'join', node: 'x', role: 'learner' } },
  {
    title: 'join of one that does not catch up',
    parameters: { workflow: 'join', node: 'x', role: 'voter' },
    spoil: (world) => {
      world.controller('x').rate = 0;
    },
  },
  { title: 'remove of a follower of five', voters: five, parameters: { workflow: 'remove', node: 'c' } },
  { title: 'remove of the leader of five', voters: five, parameters: { workflow: 'remove', node: 'a' } },
  // Here a death may leave too few to go on: then it must stop before it makes things worse. Where the change is in the log
  // already when the leader dies, two voters of which one is dead are what is left, until that one comes back.
  {
    title: 'remove of a follower of three',
    parameters: { workflow: 'remove', node: 'c' },
    mayEndEarly: true,
    backAfterMs: 30_000,
  },
  {
    title: 'remove of the leader of three',
    parameters: { workflow: 'remove', node: 'a' },
    mayEndEarly: true,
    backAfterMs: 30_000,
  },
  {
    title: 'replace of a follower of five',
    voters: five,
    parameters: { workflow: 'replace', node: 'c', with: 'x', role: 'voter' },
  },
  {
    title: 'replace of the leader of five',
    voters: five,
    parameters: { workflow: 'replace', node: 'a', with: 'x', role: 'voter' },
  },
  {
    title: 'replace of one of three that is dead',
    parameters: { workflow: 'replace', node: 'c', with: 'x', role: 'voter' },
    // With the leader dead as well, nobody is left to decide until it comes back.
    mayEndEarly: true,
    backAfterMs: 30_000,
    spoil: (world) => {
      world.controller('c').alive = false;
    },
  },
  {
    title: 'replace by one that does not catch up',
    voters: five,
    parameters: { workflow: 'replace', node: 'c', with: 'x', role: 'voter' },
    spoil: (world) => {
      world.controller('x').rate = 0;
    },
  },
  { title: 'demote of a follower of five', voters: five, parameters: { workflow: 'demote', node: 'c' } },
  { title: 'demote of the leader of five', voters: five, parameters: { workflow: 'demote', node: 'a' } },
  {
    title: 'promote',
    voters: five,
    parameters: { workflow: 'promote', node: 'x' },
    spoil: (world) => world.addLearner('x'),
  },
  // Where the only one that holds the file dies before another one does, nothing is restored.
  {
    title: 'restore',
    parameters: restoreParameters,
    mayEndEarly: true,
    backAfterMs: 30_000,
    spoil: (world) => world.store.putRecord('gate', 'model-restore', { version: 2, index: 1, at: 0 }),
  },
  {
    title: 'upgrade of a follower of five',
    voters: five,
    parameters: { workflow: 'upgrade', node: 'c', from: null },
    spoil: (world) => world.installLater('c', '0.2.0'),
  },
  // The voter that is to lead may be the one that dies.
  { title: 'transfer', parameters: { workflow: 'transfer', to: 'c' }, mayEndEarly: true },
];

/** Either all of it happened, or nothing did. */
function checkWhole(t: ExecutionContext, world: World, ended: Operation, what: string): void {
  const { voters, learners, removed } = world.configuration;
  const { parameters } = ended;
  const done = ended.state === 'done';
  t.true(done || ended.state === 'failed', what);
  t.is(world.store.records('operation').filter(({ value }) => value.operation.finishedAt === null).length, 0, what);
  switch (parameters.workflow) {
    case 'join': {
      const held = parameters.role === 'voter' ? voters.includes('x') : learners.includes('x');
      t.is(held, done, `${what}: a member if and only if it succeeded`);
      if (!done) t.false(learners.includes('x') || voters.includes('x'), `${what}: nothing is left behind`);
      break;
    }
    case 'remove':
      t.false(
        world.actionsTaken.includes(`${parameters.node} change remove ${parameters.node}`),
        `${what}: no leader removes itself`,
      );
      t.is(
        !voters.includes(parameters.node) && removed.includes(parameters.node),
        done,
        `${what}: gone if and only if it succeeded`,
      );
      break;
    case 'replace':
      t.is(voters.includes('x') && !voters.includes(parameters.node) && removed.includes(parameters.node), done, what);
      if (!done) t.true(!voters.includes('x') && !learners.includes('x') && voters.includes(parameters.node), what);
      break;
    case 'promote':
      t.is(voters.includes(parameters.node) && !learners.includes(parameters.node), done, what);
      break;
    case 'demote':
      t.is(learners.includes(parameters.node) && !voters.includes(parameters.node), done, what);
      break;
    case 'restore':
      t.is(world.restoresApplied, Number(done), `${what}: restored once if and only if it succeeded`);
      t.is(world.store.meta()?.writesPausedBy, undefined, `${what}: nothing stays paused`);
      if (done) t.true(world.backups.length > 0, `${what}: not without a backup`);
      break;
    case 'upgrade':
      if (done) t.true(world.controller(parameters.node).incarnation > 1, `${what}: not before it was started again`);
      break;
    case 'transfer':
      if (done) t.true(world.term > 1, `${what}: a newer term`);
      else t.not(world.leader, parameters.to, `${what}: it does not lead if it failed`);
      break;
  }
  if (done)
    t.true(
      [...ended.steps, ...ended.verifications].every(({ state }) => state === 'done'),
      `${what}: nothing unverified`,
    );
}

function* kills(actions: number): Generator<Kill> {
  for (const atAction of worthKilling(actions)) {
    for (const when of ['before', 'after'] as const) {
      for (const inFlight of ['kept', 'lost'] as const) {
        for (const how of ['dies', 'is-deposed', 'comes-back'] as const) yield { atAction, how, when, inFlight };
      }
    }
  }
}

/** Long waits only repeat their progress: of many actions the first and the last are enough. */
function worthKilling(total: number): readonly number[] {
  return Array.from({ length: total }, (_, at) => at + 1).filter((at) => at <= 20 || at > total - 8);
}

for (const { title, parameters, voters, mayEndEarly = false, backAfterMs, spoil } of scenarios) {
  test(`${title}: whole, at whichever action leadership is lost`, async (t) => {
    t.timeout(180_000);
    const newWorld = () => {
      const world = new World(voters);
      spoil?.(world);
      return world;
    };
    const undisturbed = newWorld();
    const expected = (await undisturbed.run(parameters)).state;
    const counts = { strikes: 0, expected: 0, refused: 0 };
    for (const kill of kills(undisturbed.actionsTaken.length)) {
      const world = newWorld();
      world.kill = { ...kill, backAfterMs };
      const before = world.configuration;
      const what = `${JSON.stringify(kill)} (${undisturbed.actionsTaken[kill.atAction - 1]})`;
      try {
        const ended = await world.run(parameters);
        checkWhole(t, world, ended, what);
        if (!mayEndEarly) t.is(ended.state, expected, `${what}: ${ended.error?.message}`);
        counts.expected += Number(ended.state === expected);
      } catch (error) {
        // The leader died before it had recorded the operation, and its successor refuses it: nothing may have happened.
        t.true(
          mayEndEarly && error instanceof QuorateError && error.code === 'check-failed',
          `${what}: ${String(error)}`,
        );
        t.is(world.configuration, before);
        t.is(world.store.records('operation').length, 0);
        counts.refused += 1;
      }
      if (backAfterMs !== undefined) await world.clock.pass(backAfterMs);
      t.true(world.hasQuorum(), `${what}: enough voters are left to decide`);
      t.deepEqual(world.errors, [], what);
      counts.strikes += Number(world.struck);
    }
    t.true(counts.strikes > 20, `${counts.strikes} times`);
    t.true(counts.expected > 0, 'some end as if nobody had died');
    t.log(`${counts.strikes} times; ${counts.expected} ended as without, ${counts.refused} were refused`);
  });
}

test('a removal that was safe when it began is not done when a leader died meanwhile', async (t) => {
  const undisturbed = new World();
  await undisturbed.run({ workflow: 'remove', node: 'c' });
  const change = undisturbed.actionsTaken.indexOf('a change remove c');
  const world = new World();
  world.kill = { atAction: change, how: 'dies', when: 'after', inFlight: 'kept' };
  const ended = await world.run({ workflow: 'remove', node: 'c' });
  t.is(ended.state, 'failed');
  t.regex(ended.error?.message ?? '', /the check quorum-after fails now: 1 of the 2 voters left is healthy/);
  t.true(world.hasQuorum());
  t.deepEqual(world.configuration.voters, ['a', 'b', 'c']);
});
