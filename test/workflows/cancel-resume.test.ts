/** What an operator does to an operation that was started: cancelling it at each step, and letting one that failed go on. */
import test, { type ExecutionContext } from 'ava';
import { type Operation, QuorateError, type WorkflowParameters } from '../../messaging/index.js';
import { byCodeUnit } from '../../node/model/index.js';
import { type Configuration, membersOf } from '../../node/raft/index.js';
import { attemptOf, workflows } from '../../node/workflows/index.js';
import { stepsOf } from '../../node/workflows/record.js';
import { backupName } from '../../node/workflows/waits.js';
import { World } from './world.js';

const olga = { requestedBy: 'olga', origin: 'olga@ops1' };
const five = ['a', 'b', 'c', 'd', 'e'];
const cancel = (world: World) => world.ask((engine) => engine.cancel('operation-1', olga));
const resume = (world: World, requestId = 'resume-1') =>
  world.ask((engine) => engine.letGoOn('operation-1', { ...olga, requestId }));

function worldFor(parameters: WorkflowParameters): World {
  const world = new World(five);
  for (const gate of ['operation-resume', 'model-restore'])
    world.store.putRecord('gate', gate, { version: 1, index: 1, at: 0 });
  if (parameters.workflow === 'promote') world.addLearner('x');
  if (parameters.workflow === 'upgrade') world.installLater('c', '0.2.0');
  return world;
}

const scenarios: readonly WorkflowParameters[] = [
  { workflow: 'join', node: 'x', role: 'voter' },
  { workflow: 'remove', node: 'a' },
  { workflow: 'replace', node: 'c', with: 'x', role: 'voter' },
  { workflow: 'promote', node: 'x' },
  { workflow: 'demote', node: 'a' },
  { workflow: 'transfer', to: 'c' },
  { workflow: 'restore', sha256: '0'.repeat(64), sizeBytes: 1_000, name: 'good.snapshot' },
  { workflow: 'upgrade', node: 'c', from: null },
];

function asBefore(t: ExecutionContext, world: World, before: Configuration, what: string): void {
  t.deepEqual(new Set(membersOf(world.configuration)), new Set(membersOf(before)), `${what}: nothing is left behind`);
  t.deepEqual(world.configuration.voters, before.voters, what);
  t.is(world.restoresApplied, 0, what);
  t.is(world.store.meta()?.writesPausedBy, undefined, `${what}: nothing stays paused`);
}

for (const parameters of scenarios) {
  const workflow = workflows[parameters.workflow];
  const steps = stepsOf(workflow, parameters);
  const last = steps.findIndex(({ noReturn }) => noReturn !== undefined);
  for (const [index, { name }] of [...steps, ...workflow.verifications].entries()) {
    const isSafe = (last === -1 || index < last) && index < steps.length;
    for (const dies of [false, true]) {
      const how = isSafe ? 'is taken back' : 'is refused, with why';
      test(`${parameters.workflow}, cancelled at ${name}${dies ? ', and the leader dies' : ''}: ${how}`, async (t) => {
        const world = worldFor(parameters);
        const before = world.configuration;
        const ending = world.run(parameters);
        await world.at(name);
        // By virtual time the request may find the next step begun already; the record says which.
        const answered = await cancel(world).then(
          (operation) => operation,
          (error: unknown) => error,
        );
        if (dies)
          world.kill = { atAction: world.actionsTaken.length + 1, how: 'is-deposed', when: 'before', inFlight: 'kept' };
        const ended = await ending;
        if (answered instanceof QuorateError) {
          t.is(answered.code, 'not-cancellable');
          t.false(isSafe && index + 1 !== last && index + 1 < steps.length, `${name}: ${answered.message}`);
          t.true(answered.remedy.length > 10);
          t.is(ended.state, 'done', ended.error?.message);
        } else {
          t.true(isSafe, 'accepted only where it is safe');
          t.is(ended.state, 'cancelled', ended.error?.message);
          t.like(ended.cancellation, { by: 'olga', origin: 'olga@ops1' });
          asBefore(t, world, before, name);
        }
        // A request that is sent again finds the same.
        const again = await cancel(world).catch((error: unknown) => error);
        if (ended.state === 'cancelled') t.is((again as Operation).state, 'cancelled');
        else t.is((again as QuorateError).code, 'not-cancellable');
        t.deepEqual(world.errors, []);
      });
    }
  }
}

test('a cancellation that is accepted is carried out by the next leader', async (t) => {
  const world = worldFor({ workflow: 'join', node: 'x', role: 'voter' });
  world.controller('x').rate = 0;
  const ending = world.run({ workflow: 'join', node: 'x', role: 'voter' });
  await world.at('catch-up');
  const accepted = await cancel(world);
  t.is(accepted.state, 'running');
  // It dies before it has done anything about it.
  world.kill = { atAction: world.actionsTaken.length + 1, how: 'dies', when: 'before', inFlight: 'lost' };
  const ended = await ending;
  t.true(world.struck);
  t.not(ended.runner, 'a');
  t.is(ended.state, 'cancelled');
  t.deepEqual(world.configuration.voters, five);
});

test('who cancels what is not there, or what this leader does not know, is told so', async (t) => {
  const world = worldFor({ workflow: 'transfer', to: 'c' });
  await t.throwsAsync(cancel(world), { message: /there is no operation operation-1/ });
  const ending = world.run({ workflow: 'upgrade', node: 'c', from: null });
  await world.at('restart');
  await world.write('operation-1', (operation) => ({
    ...operation,
    // As a newer leader would have written it.
    parameters: { workflow: 'levitate', node: 'c' } as unknown as WorkflowParameters,
  }));
  await t.throwsAsync(cancel(world), { message: /does not know the workflow levitate/ });
  await world.clock.pass(5_000);
  t.is(
    world.unknownToldBy.get(world.leader ?? ''),
    'operation-1',
    'the operator is told, and nothing else happens to it',
  );
  t.is(world.operation('operation-1').state, 'running');
  await world.write('operation-1', (operation) => ({
    ...operation,
    parameters: { workflow: 'upgrade', node: 'c', from: null },
  }));
  // Known again it goes on by itself; who asks for that as well changes nothing.
  t.is((await resume(world)).state, 'running');
  t.is((await ending).state, 'done');
});

test('resume: what was taken back whole begins anew, with all its checks', async (t) => {
  const world = worldFor({ workflow: 'transfer', to: 'c' });
  world.installLater('c', '0.1.0');
  t.is((await world.run({ workflow: 'upgrade', node: 'c', from: null })).state, 'failed');
  const plan = await world.ask((engine) => engine.planResume('operation-1'));
  t.is(plan.how, 'anew');
  t.true(plan.findings.some(({ check }) => check === 'quorum-without-it'));
  world.installLater('c', '0.2.0');
  const goesOn = await resume(world);
  t.is(goesOn.state, 'running');
  t.like(goesOn.resumptions?.[0], {
    by: 'olga',
    origin: 'olga@ops1',
    how: 'anew',
    after: { code: 'operation-failed' },
  });
  // The answer may have been lost.
  t.is((await resume(world)).resumptions?.length, 1);
  await world.clock.until(() => world.operation('operation-1').finishedAt !== null, 'it ends');
  t.is(world.operation('operation-1').state, 'done');
  await t.throwsAsync(resume(world, 'resume-2'), { message: /it is done/ });
});

test('resume: a join whose candidate was removed again is refused by the check that says how to reset it', async (t) => {
  const world = worldFor({ workflow: 'transfer', to: 'c' });
  world.controller('x').rate = 0;
  t.is((await world.run({ workflow: 'join', node: 'x', role: 'voter' })).state, 'failed');
  const error = await t.throwsAsync(resume(world));
  t.like(error, { code: 'check-failed' });
  t.regex(error?.message ?? '', /candidate-id-unused/);
  t.is(world.operation('operation-1').state, 'failed');
});

test('resume: beyond the point of no return only what is left is done, and nothing is changed twice', async (t) => {
  const world = worldFor({ workflow: 'transfer', to: 'c' });
  world.removedLearn = false;
  const failed = await world.run({ workflow: 'remove', node: 'c' });
  t.is(failed.state, 'failed');
  const changes = world.changesCommitted;
  const plan = await world.ask((engine) => engine.planResume('operation-1'));
  t.is(plan.how, 'forward');
  t.deepEqual(plan.findings.map(({ check }) => check).slice(0, 1), ['leader-committed-in-term']);
  t.false(
    plan.findings.some(({ check }) => check === 'target-is-member'),
    'it is no member any more',
  );
  world.controller('c').knowsRemoved = true;
  world.kill = { atAction: world.actionsTaken.length + 2, how: 'is-deposed', when: 'after', inFlight: 'lost' };
  await resume(world);
  await world.clock.until(() => world.operation('operation-1').finishedAt !== null, 'it ends');
  t.is(world.operation('operation-1').state, 'done');
  t.is(world.changesCommitted, changes);
});

test('resume: where taking back failed, that goes on', async (t) => {
  const world = worldFor({ workflow: 'transfer', to: 'c' });
  world.controller('x').rate = 0;
  const ending = world.run({ workflow: 'join', node: 'x', role: 'voter' });
  await world.at('catch-up');
  await world.clock.until(() => world.actionsTaken.includes('a change remove x'), 'it is to be removed again');
  world.committing = false;
  await world.clock.pass(40_000);
  // What was proposed is lost with the leader; the record is not.
  world.loseProposals();
  world.committing = true;
  const failed = await ending;
  t.is(failed.state, 'failed');
  t.regex(failed.error?.message ?? '', /what was done could not be taken back/);
  t.true(world.configuration.learners.includes('x'));
  t.is((await world.ask((engine) => engine.planResume('operation-1'))).how, 'back');
  await resume(world);
  await world.clock.until(() => world.operation('operation-1').finishedAt !== null, 'it ends');
  t.is(world.operation('operation-1').state, 'failed');
  t.deepEqual(membersOf(world.configuration), five);
});

test('resume: a replacement whose exchange is done keeps the new member', async (t) => {
  const world = worldFor({ workflow: 'transfer', to: 'c' });
  world.removedLearn = false;
  const failed = await world.run({ workflow: 'replace', node: 'c', with: 'x', role: 'voter' });
  t.is(failed.state, 'failed');
  t.true(world.configuration.voters.includes('x'), 'the one that went cannot come back');
  world.controller('c').knowsRemoved = true;
  await resume(world);
  await world.clock.until(() => world.operation('operation-1').finishedAt !== null, 'it ends');
  t.is(world.operation('operation-1').state, 'done');
});

test('resume: refused while another operation runs, when it was cancelled, and before all members understand it', async (t) => {
  const world = worldFor({ workflow: 'transfer', to: 'c' });
  world.removedLearn = false;
  t.is((await world.run({ workflow: 'remove', node: 'c' })).state, 'failed');
  world.controller('x').rate = 0;
  const second = world.run({ workflow: 'join', node: 'x', role: 'voter' }, 'operation-2');
  await world.at('catch-up', 'operation-2');
  await t.throwsAsync(resume(world), { message: /no-operation-running/ });
  await world.ask((engine) => engine.cancel('operation-2', olga));
  t.is((await second).state, 'cancelled');
  const again = world.ask((engine) => engine.letGoOn('operation-2', { ...olga, requestId: 'resume-2' }));
  await t.throwsAsync(again, { message: /it was cancelled/ });
  world.store.deleteRecord('gate', 'operation-resume');
  await t.throwsAsync(resume(world), { message: /operation-resume is not in use yet/ });
});

test('of a resumption and a start in one moment, the log takes one', async (t) => {
  const world = worldFor({ workflow: 'transfer', to: 'c' });
  world.removedLearn = false;
  t.is((await world.run({ workflow: 'remove', node: 'c' })).state, 'failed');
  const { engine } = world.controller(world.leader ?? '');
  const both = Promise.allSettled([
    engine.letGoOn('operation-1', { ...olga, requestId: 'resume-1' }),
    engine.start({ workflow: 'demote', node: 'd' }, { ...olga, id: 'operation-2' }),
  ]);
  await world.clock.pass(2_000);
  const codes = (await both).map((each) => (each.status === 'rejected' ? each.reason.code : 'accepted'));
  t.deepEqual(codes.toSorted(byCodeUnit), ['accepted', 'operation-running']);
});

test('each attempt has a backup of its own: between two of them writes are taken, and the newest must hold them', (t) => {
  const parameters: WorkflowParameters = { workflow: 'restore', sha256: '0'.repeat(64), sizeBytes: 1, name: 'a' };
  const nameAt = (attempt: number) => backupName({ operation: { id: 'o', startedAt: 0, attempt }, parameters });
  t.deepEqual([1, 2, 3].map(nameAt), [
    'before-restore-o.snapshot',
    'before-restore-o-2.snapshot',
    'before-restore-o-3.snapshot',
  ]);
  const failed = { resumptions: [{ how: 'anew' }, { how: 'forward' }, { how: 'anew' }] };
  t.is(attemptOf(failed as unknown as Operation), 3, 'only those from the beginning are attempts');
});
