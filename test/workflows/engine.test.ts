/** Operations in virtual time: how they end, and what they say. */
import test from 'ava';
import type { Operation, WorkflowParameters } from '../../messaging/index.js';
import { membersOf } from '../../node/raft/index.js';
import { World } from './world.js';

const olga = { requestedBy: 'olga', origin: null };
const joinVoter: WorkflowParameters = { workflow: 'join', node: 'x', role: 'voter' };
const joinLearner: WorkflowParameters = { workflow: 'join', node: 'x', role: 'learner' };
const removeFollower: WorkflowParameters = { workflow: 'remove', node: 'c' };
const removeLeader: WorkflowParameters = { workflow: 'remove', node: 'a' };
const transferTo: WorkflowParameters = { workflow: 'transfer', to: 'c' };
const transferAny: WorkflowParameters = { workflow: 'transfer', to: null };

const states = (operation: Operation) =>
  [...operation.steps, ...operation.verifications].map(({ step, state }) => `${step} ${state}`);

test('join: a blank controller becomes a learner, catches up, becomes a voter, and each effect is seen', async (t) => {
  const world = new World();
  const ended = await world.run(joinVoter);
  t.is(ended.state, 'done');
  t.deepEqual(states(ended), [
    'prepare-candidate done',
    'add-learner done',
    'catch-up done',
    'promote done',
    'configuration-holds-it done',
    'applies-at-leader done',
    'says-member done',
  ]);
  t.deepEqual(world.configuration.voters, ['a', 'b', 'c', 'x']);
  t.is(world.store.record('member', 'x')?.name, 'name-of-x');
  t.deepEqual([ended.before.voters, ended.after.voters, ended.after.failuresSurvived], [3, 4, 1]);
  t.true(ended.findings.every(({ outcome }) => outcome !== 'fail'));
});

test('join as a learner ends without a promotion', async (t) => {
  const world = new World();
  const ended = await world.run(joinLearner);
  t.is(ended.state, 'done');
  t.false(ended.steps.some(({ step }) => step === 'promote'));
  t.deepEqual(world.configuration.learners, ['x']);
});

test('join: nothing is promoted before it has caught up and stays so', async (t) => {
  const world = new World();
  const ended = await world.run(joinVoter);
  const times = (name: string) => ended.steps.find(({ step }) => step === name);
  t.true((times('promote')?.startedAt ?? 0) - (times('catch-up')?.startedAt ?? 0) >= 1_000);
  t.regex(times('catch-up')?.detail ?? '', /^caught up to \d+ of \d+ entries$/);
});

test('join: a learner that does not catch up is removed again, and the record says why', async (t) => {
  const world = new World();
  world.controller('x').rate = 0;
  const ended = await world.run(joinVoter);
  t.is(ended.state, 'failed');
  t.regex(ended.error?.message ?? '', /x did not catch up: caught up to 0 of \d+ entries, and nothing came for 30 s/);
  t.deepEqual(world.configuration.voters, ['a', 'b', 'c']);
  t.deepEqual(world.configuration.learners, []);
  t.deepEqual(world.configuration.removed, ['x']);
  t.deepEqual(states(ended).slice(0, 4), [
    'prepare-candidate skipped',
    'add-learner skipped',
    'catch-up failed',
    'promote pending',
  ]);
});

/** What a restart leaves of a candidate that has stored nothing yet. */
function forget(world: World): void {
  const candidate = world.controller('x');
  candidate.state = 'blank';
  candidate.prepared = false;
}

test('join: a candidate that restarts before it has stored anything is told again what it joins', async (t) => {
  const world = new World();
  world.controller('x').rate = 0;
  const ending = world.run(joinVoter);
  await world.clock.until(() => world.configuration.learners.includes('x'), 'x is a learner');
  forget(world);
  world.controller('x').rate = 1_000;
  t.is((await ending).state, 'done');
  t.deepEqual(world.configuration.voters, ['a', 'b', 'c', 'x']);
});

test('join: a candidate that had acknowledged entries and is blank again is not taken for one that has them', async (t) => {
  const world = new World();
  const ending = world.run(joinVoter);
  await world.clock.until(() => world.configuration.learners.includes('x'), 'x is a learner');
  forget(world);
  // What it acknowledged before, the leader remembers.
  world.acknowledged = 1;
  const ended = await ending;
  t.is(ended.state, 'failed');
  t.deepEqual(world.configuration.voters, ['a', 'b', 'c']);
  t.is(world.actionsTaken.filter((action) => action.includes('prepare x')).length, 2, 'it was not told again');
});

test('join: a candidate that falls silent before it is added stays as it was, and its id is not used up', async (t) => {
  const world = new World();
  const ending = world.run(joinVoter);
  await world.clock.until(() => world.actionsTaken.length > 0, 'the operation has begun');
  world.controller('x').alive = false;
  const ended = await ending;
  t.is(ended.state, 'failed');
  t.deepEqual(membersOf(world.configuration), ['a', 'b', 'c']);
  t.deepEqual(world.configuration.removed, []);
});

test("replace: a new member that falls silent after it had caught up takes nobody's place", async (t) => {
  const world = new World();
  const ending = world.run({ workflow: 'replace', node: 'a', with: 'x', role: 'voter' });
  const hasCaughtUp = () => world.store.records('operation')[0]?.value.operation.steps[2]?.state === 'done';
  await world.clock.until(hasCaughtUp, 'x has caught up');
  world.controller('x').alive = false;
  const ended = await ending;
  t.is(ended.state, 'failed');
  t.regex(ended.error?.message ?? '', /^x did not catch up/);
  t.deepEqual(membersOf(world.configuration), ['a', 'b', 'c']);
  t.deepEqual(world.configuration.removed, ['x']);
});

test('a failed check stops the operation before anything is touched', async (t) => {
  const world = new World();
  world.controller('x').state = 'removed';
  const error = await t.throwsAsync(world.run(joinVoter), { message: /candidate-blank/ });
  t.like(error, { code: 'check-failed' });
  t.deepEqual(world.actionsTaken, []);
  t.is(world.store.records('operation').length, 0);
});

test('a plan says what would change and touches nothing', async (t) => {
  const world = new World();
  const plan = await world.controller('a').engine.plan(removeLeader);
  t.true(plan.mayRun);
  t.deepEqual([plan.before.failuresSurvived, plan.after.failuresSurvived], [1, 0]);
  t.is(plan.confirmation, 'a');
  t.deepEqual(
    plan.steps.map(({ step }) => step),
    ['transfer-leadership', 'remove-member'],
  );
  t.deepEqual(world.actionsTaken, []);
});

test('remove: a follower is gone from the configuration and knows it', async (t) => {
  const world = new World();
  const ended = await world.run(removeFollower);
  t.is(ended.state, 'done');
  t.deepEqual(world.configuration.voters, ['a', 'b']);
  t.deepEqual(world.configuration.removed, ['c']);
  t.true(world.controller('c').knowsRemoved);
  t.is(world.leader, 'a');
});

test('remove: a leader hands leadership over first, and the next leader finishes the operation', async (t) => {
  const world = new World();
  const ended = await world.run(removeLeader);
  t.is(ended.state, 'done');
  t.not(world.leader, 'a');
  t.is(ended.runner, world.leader ?? '');
  t.true(world.actionsTaken.indexOf('a transfer b') < world.actionsTaken.indexOf('b change remove a'));
  t.deepEqual(world.configuration.voters, ['b', 'c']);
});

test('remove: a leader that nobody takes over from stays a member', async (t) => {
  const world = new World();
  for (const id of ['b', 'c']) world.controller(id).takesOver = false;
  const ended = await world.run(removeLeader);
  t.is(ended.state, 'failed');
  t.regex(ended.error?.message ?? '', /leadership stayed with a/);
  t.deepEqual(world.configuration.voters, ['a', 'b', 'c']);
});

test('remove: success is not said while a member that is there does not know', async (t) => {
  const world = new World();
  world.removedLearn = false;
  const ended = await world.run(removeFollower);
  t.is(ended.state, 'failed');
  t.regex(ended.error?.message ?? '', /c is there and does not know/);
});

test('remove: a member that is away counts as removed once it was silent for long enough', async (t) => {
  const world = new World();
  world.controller('c').alive = false;
  const ended = await world.run(removeFollower);
  t.is(ended.state, 'done');
  const verified = ended.verifications.at(-1);
  t.regex(verified?.detail ?? '', /it is away/);
  t.true((verified?.finishedAt ?? 0) - (verified?.startedAt ?? 0) >= 8_000);
});

test('transfer: the voter that was named leads in the end, or else the best one', async (t) => {
  const named = new World();
  t.is((await named.run(transferTo)).state, 'done');
  t.is(named.leader, 'c');
  const any = new World();
  const ended = await any.run(transferAny);
  t.is(ended.state, 'done');
  t.not(any.leader, 'a');
  t.deepEqual(ended.parameters, { workflow: 'transfer', to: any.leader });
});

test('transfer: one that is not taken over is given up after a bounded number of attempts', async (t) => {
  const world = new World();
  world.controller('c').takesOver = false;
  const ended = await world.run(transferTo);
  t.is(ended.state, 'failed');
  t.is(world.actionsTaken.filter((action) => action === 'a transfer c').length, 3);
  t.is(world.leader, 'a');
});

test('a change whose outcome is not known is looked for, not proposed a second time', async (t) => {
  const world = new World();
  const ending = world.run(removeFollower);
  await world.clock.until(() => world.actionsTaken.includes('a change remove c'), 'the change is proposed');
  world.committing = false;
  await world.clock.pass(8_000);
  world.committing = true;
  world.commit();
  t.is((await ending).state, 'done');
  t.deepEqual(world.configuration.removed, ['c']);
  t.is(world.changesCommitted, 1);
});

test('a change that is not committed in time is given up, and the record says that it may still happen', async (t) => {
  const world = new World();
  const ending = world.run(removeFollower);
  await world.clock.until(() => world.actionsTaken.includes('a change remove c'), 'the change is proposed');
  world.committing = false;
  await world.clock.pass(60_000);
  world.committing = true;
  world.commit();
  const ended = await ending;
  t.is(ended.state, 'failed');
  t.regex(
    ended.error?.message ?? '',
    /removing c was not committed within 30 s.*it may still be when a quorum is back/,
  );
});

test('a second operation is refused while one runs, and a retried start finds the first', async (t) => {
  const world = new World();
  const ending = world.run(joinVoter);
  await world.clock.until(() => world.store.records('operation').length === 1, 'the first is recorded');
  const { engine } = world.controller('a');
  const by = { id: 'operation-2', requestedBy: 'olga', origin: null };
  await t.throwsAsync(engine.start(removeFollower, by), { message: /no-operation-running/ });
  t.is((await engine.start(joinVoter, { ...by, id: 'operation-1' })).id, 'operation-1');
  t.is((await ending).state, 'done');
  t.is((await engine.start(joinVoter, { ...by, id: 'operation-1' })).state, 'done');
});

test('a start that is retried while the first is not answered yet begins one operation', async (t) => {
  const world = new World();
  const { engine } = world.controller('a');
  const by = { id: 'operation-1', requestedBy: 'olga', origin: null };
  const first = engine.start(joinVoter, by);
  const retried = engine.start(joinVoter, by);
  await world.clock.pass(1_000);
  t.deepEqual(
    (await Promise.all([first, retried])).map(({ id }) => id),
    ['operation-1', 'operation-1'],
  );
  await world.clock.until(() => world.operation('operation-1').state === 'done', 'it ends');
  t.is(world.store.records('operation').length, 1);
});

test('of two operations that start at once, one is refused', async (t) => {
  const world = new World();
  const { engine } = world.controller('a');
  const both = Promise.allSettled([
    engine.start(joinVoter, { id: 'operation-1', requestedBy: 'olga', origin: null }),
    engine.start(removeFollower, { id: 'operation-2', requestedBy: 'otto', origin: null }),
  ]);
  await world.clock.pass(1_000);
  const [first, second] = await both;
  t.is(first.status, 'fulfilled');
  t.like(second.status === 'rejected' ? second.reason : undefined, { code: 'operation-running' });
  await world.clock.until(() => world.operation('operation-1').state === 'done', 'the first ends');
});

test('a cancelled join is taken back whole', async (t) => {
  const world = new World();
  world.controller('x').rate = 0;
  const ending = world.run(joinVoter);
  await world.clock.until(() => world.configuration.learners.includes('x'), 'it is a learner');
  const cancelled = world.controller('a').engine.cancel('operation-1', olga);
  t.is((await ending).state, 'cancelled');
  t.like((await cancelled).cancellation, { by: 'olga' });
  t.deepEqual(membersOf(world.configuration), ['a', 'b', 'c']);
});

test('a record that somebody else wrote is not written over: the run goes on from it', async (t) => {
  const world = new World();
  world.controller('x').rate = 0;
  const ending = world.run(joinVoter);
  await world.clock.until(() => world.configuration.learners.includes('x'), 'it is a learner');
  await world.write('operation-1', (operation) => ({
    ...operation,
    runner: 'b',
    state: 'rolling-back',
    error: { code: 'operation-failed', message: 'said by b', remedy: '' },
  }));
  const ended = await ending;
  t.is(ended.state, 'failed');
  t.is(ended.error?.message, 'said by b');
  t.deepEqual(membersOf(world.configuration), ['a', 'b', 'c']);
});

test('what cannot be taken back cannot be cancelled', async (t) => {
  const world = new World();
  const ending = world.run(removeFollower);
  await world.clock.until(() => world.actionsTaken.includes('a change remove c'), 'the change is proposed');
  await t.throwsAsync(world.controller('a').engine.cancel('operation-1', olga), {
    message: /cannot be cancelled: the step remove-member has begun/,
  });
  t.is((await ending).state, 'done');
});

test('progress is replicated while a learner catches up, but not more often than it is worth', async (t) => {
  const world = new World();
  world.controller('x').rate = 0;
  const ending = world.run(joinVoter);
  await world.clock.until(() => world.configuration.learners.includes('x'), 'it is a learner');
  let match = 0;
  // A learner that is far behind, and comes a little nearer at every look.
  world.matchOverride = () => {
    match += 1;
    return -10_000 + match;
  };
  await world.clock.pass(20_000);
  world.matchOverride = undefined;
  world.controller('x').rate = 2_000;
  t.is((await ending).state, 'done');
  const records = world.actionsTaken.filter((action) => action === 'a record running').length;
  // 20 in the first two seconds, and 20 more each time that the time has multiplied by e.
  t.true(records > 50 && records < 100, `${records} records`);
});
