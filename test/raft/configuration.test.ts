import test from 'ava';
import {
  applyConfChange,
  bootstrapLog,
  type ConfChange,
  type Configuration,
  emptyConfiguration,
  initialConfiguration,
  isNodeId,
  membersOf,
  votersOf,
} from '../../node/raft/index.js';
import { apply, blankMachine } from './harness/machine.js';
import { Random } from './harness/random.js';

const abc = initialConfiguration(['c', 'a', 'b']);

function after(configuration: Configuration, ...changes: ConfChange[]): Configuration {
  return changes.reduce((before, change) => {
    const outcome = applyConfChange(before, change);
    if (!outcome.ok) throw new Error(outcome.reason);
    return outcome.configuration;
  }, configuration);
}

const auto = (...changes: ConfChange['changes']): ConfChange => ({ changes, transition: 'auto' });

test('sets are sorted and without repetition, whatever the order of the changes', (t) => {
  t.deepEqual(abc.voters, ['a', 'b', 'c']);
  t.deepEqual(after(abc, auto({ type: 'addLearner', id: 'z' }, { type: 'addLearner', id: 'd' })).learners, ['d', 'z']);
});

test('auto is simple for one voter and joint for more', (t) => {
  t.deepEqual(after(abc, auto({ type: 'addVoter', id: 'd' })).votersOutgoing, []);
  const joint = after(abc, auto({ type: 'addVoter', id: 'd' }, { type: 'remove', id: 'a' }));
  t.deepEqual([joint.voters, joint.votersOutgoing, joint.autoLeave], [['b', 'c', 'd'], ['a', 'b', 'c'], true]);
});

test('a voter that becomes a learner waits until the joint configuration is left', (t) => {
  const joint = after(abc, { changes: [{ type: 'addLearner', id: 'c' }], transition: 'joint-explicit' });
  t.deepEqual([joint.learners, joint.learnersNext, joint.autoLeave], [[], ['c'], false]);
  const left = after(joint, { changes: [], transition: 'leave-joint' });
  t.deepEqual([left.voters, left.learners, left.learnersNext, left.removed], [['a', 'b'], ['c'], [], []]);
});

test('a voter that leaves is removed when the joint configuration is left, and not before', (t) => {
  const joint = after(abc, { changes: [{ type: 'remove', id: 'c' }], transition: 'joint-implicit' });
  t.deepEqual(joint.removed, []);
  t.deepEqual(membersOf(joint), ['a', 'b', 'c']);
  t.deepEqual(votersOf(joint), ['a', 'b', 'c']);
  t.deepEqual(after(joint, { changes: [], transition: 'leave-joint' }).removed, ['c']);
});

test('a removed id is refused for ever, as voter and as learner', (t) => {
  const without = after(abc, auto({ type: 'remove', id: 'c' }));
  for (const type of ['addVoter', 'addLearner'] as const) {
    t.deepEqual(applyConfChange(without, auto({ type, id: 'c' })), { ok: false, reason: 'id-was-removed', id: 'c' });
  }
});

test('who was never a member is not remembered when it is removed', (t) => {
  t.deepEqual(after(abc, auto({ type: 'remove', id: 'x' })), abc);
});

test('what is refused leaves everything as it was', (t) => {
  const before = structuredClone(abc);
  t.false(applyConfChange(abc, auto({ type: 'addVoter', id: 'd' }, { type: 'addVoter', id: 'not an id' })).ok);
  t.deepEqual(abc, before);
});

test('node ids', (t) => {
  for (const id of ['a', 'node-1', 'A_b', 'x'.repeat(64)]) t.true(isNodeId(id), id);
  for (const id of ['', 'a b', 'a.b', 'x'.repeat(65), 'ä', 'a\n']) t.false(isNodeId(id), id);
});

test('the log of the founders leads a blank state machine to the first configuration', (t) => {
  const context = new Uint8Array([1]);
  const { entries, hardState } = bootstrapLog(['b', 'a', 'c'], context);
  t.is(hardState.commit, entries.length);
  t.like(entries[0], { change: { context } });
  t.deepEqual(entries.reduce(apply, blankMachine).configuration, abc);
});

test('whatever is asked for: roles never overlap, and somebody always decides', (t) => {
  const random = new Random(1);
  const types = ['addVoter', 'addLearner', 'remove', 'update'] as const;
  const transitions = ['auto', 'joint-implicit', 'joint-explicit', 'leave-joint'] as const;
  let configuration = abc;
  let accepted = 0;
  for (let i = 0; i < 20_000; i++) {
    const changes = Array.from({ length: random.below(4) }, () => ({
      type: random.pick(types) ?? 'update',
      id: `n${random.below(8) + 8 * Math.floor(i / 2000)}`,
    }));
    const outcome = applyConfChange(configuration, { changes, transition: random.pick(transitions) ?? 'auto' });
    if (!outcome.ok) continue;
    accepted++;
    const { voters, votersOutgoing, learners, learnersNext, removed } = outcome.configuration;
    const gone = new Set(configuration.removed);
    const deciding = new Set([...voters, ...votersOutgoing]);
    const sound =
      voters.length > 0 &&
      learners.every((id) => !deciding.has(id)) &&
      learnersNext.every((id) => votersOutgoing.includes(id) && !voters.includes(id)) &&
      [...deciding, ...learners].every((id) => !removed.includes(id)) &&
      [...gone].every((id) => removed.includes(id)) &&
      // One step never leaves a majority of the old voters without one of the new.
      (votersOutgoing.length > 0 || configuration.votersOutgoing.length > 0 || overlap(configuration.voters, voters));
    if (!sound) return t.fail(`${JSON.stringify(configuration)} → ${JSON.stringify(outcome.configuration)}`);
    configuration = outcome.configuration;
  }
  t.true(accepted > 1000, `${accepted}`);
});

function overlap(before: readonly string[], now: readonly string[]): boolean {
  const kept = before.filter((id) => now.includes(id)).length;
  const all = before.length + now.length - kept;
  return Math.floor(before.length / 2) + 1 + Math.floor(now.length / 2) + 1 > all;
}

test('nothing is decided by nobody: the empty configuration takes only a first voter', (t) => {
  t.deepEqual(applyConfChange(emptyConfiguration, auto({ type: 'addLearner', id: 'a' })), {
    ok: false,
    reason: 'no-voters-left',
  });
  t.true(applyConfChange(emptyConfiguration, auto({ type: 'addVoter', id: 'a' })).ok);
});
