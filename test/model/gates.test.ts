/** Feature gates: raised once, when every member understands them, and a controller that does not understand one stops. */
import test from 'ava';
import { featureGateNames, type Member, type Operation, type VersionRange } from '../../messaging/index.js';
import { applyBatch, type Command, MemoryModelStore, modelHash, UnappliableEntry } from '../../node/model/index.js';
import { gateToRaise } from '../../node/server/gate-keeper.js';
import { begun, Model, normal } from './support.js';

const old = { min: 1, max: 1 };
const newer = { min: 1, max: 2 };
const raise: Command = { type: 'gate.raise', gate: 'model-import', version: 2, at: 5 };

const member = (id: string, protocol: VersionRange): Member => ({
  id,
  name: id,
  version: '0.1.0',
  protocol,
  addresses: [],
  addedAt: 7,
});
const described = (id: string, protocol: VersionRange): Command => ({
  type: 'member.describe',
  member: member(id, protocol),
});

const operation = (state: Operation['state']): Operation => {
  const impact = { voters: 2, healthyVoters: 2, quorum: 2, failuresSurvived: 0 };
  return {
    id: 'operation-1',
    parameters: { workflow: 'join', node: 'x', role: 'voter' },
    requestedBy: 'olga',
    state,
    startedAt: 0,
    updatedAt: 0,
    finishedAt: null,
    runner: 'a',
    findings: [],
    before: impact,
    after: impact,
    steps: [],
    verifications: [],
    error: null,
  };
};

test('a gate is raised when the model says of every member that it understands it, and once', (t) => {
  const model = new Model(undefined, ['a', 'b']);
  t.is(refusal(model.apply(raise)), 'gate-closed', 'nothing is known of the members');
  model.apply(described('a', newer), described('b', old));
  const outcome = model.apply(raise);
  t.is(refusal(outcome), 'gate-closed');
  t.regex(outcome.type === 'refused' ? outcome.message : '', /^b does not understand/);
  t.deepEqual(model.store.records('gate'), []);
  model.apply(described('b', newer));
  t.like(model.apply(raise), { type: 'gate', gate: 'model-import', raised: true });
  const record = model.store.record('gate', 'model-import');
  t.deepEqual(record, { version: 2, index: model.index, at: 5 });
  t.like(model.apply({ ...raise, at: 99 }), { type: 'gate', raised: false });
  t.deepEqual(model.store.record('gate', 'model-import'), record);
});

test('no gate is raised while an operation is under way: a controller that joins could not understand it', (t) => {
  const model = new Model(undefined, ['a']);
  model.apply(described('a', newer), { type: 'operation.put', revision: 0, operation: operation('running') });
  t.is(refusal(model.apply(raise)), 'operation-running');
  model.apply({ type: 'operation.put', revision: 1, operation: operation('done') });
  t.is(model.apply(raise).type, 'gate');
});

test('a gate is part of what members must agree on', (t) => {
  const model = new Model(undefined, ['a']);
  model.apply(described('a', newer));
  const before = modelHash(model.store);
  model.apply({ type: 'noop' });
  const after = modelHash(model.store);
  t.not(after, before, 'the position');
  const other = new Model(undefined, ['a']);
  other.apply(described('a', newer), raise);
  t.not(modelHash(other.store), after);
});

test('a controller that does not understand a gate, or what is behind it, stops before the entry', (t) => {
  const commands: Command[] = [
    raise,
    { type: 'gate.raise', gate: 'time-travel', version: 2, at: 5 },
    { type: 'gate.raise', gate: 'time-travel', version: 99, at: 5 },
  ];
  for (const [command, protocol] of [
    [commands[0], old],
    [commands[1], newer],
    [commands[2], newer],
  ] as const) {
    const store = begun(new MemoryModelStore());
    applyBatch(store, [normal(2, described('a', { min: 1, max: 99 }))]);
    const before = modelHash(store);
    const batch = [normal(3, { type: 'noop' }), normal(4, command ?? raise)];
    const error = t.throws(() => applyBatch(store, batch, protocol), { instanceOf: UnappliableEntry });
    t.is(error?.code, 'newer-command');
    t.is(modelHash(store), before, 'nothing of the batch was written');
  }
});

test('the leader proposes a gate that all members describe and say that they understand, and no other', (t) => {
  const both = (range: VersionRange | null) => ({ described: range, said: range });
  const facts = (...ranges: { described: VersionRange | null; said: VersionRange | null }[]) => ({
    raised: [],
    operationRunning: false,
    members: ranges.map((range, at) => ({ id: `n${at}`, ...range })),
  });
  t.is(gateToRaise(facts(both(newer), both(newer))), 'model-import');
  t.is(gateToRaise({ ...facts(both(newer)), raised: ['model-import'] }), 'model-restore');
  t.is(gateToRaise({ ...facts(both(newer)), raised: featureGateNames }), null);
  t.is(gateToRaise({ ...facts(both(newer)), operationRunning: true }), null);
  t.is(gateToRaise(facts()), null);
  for (const one of [both(old), both(null), { described: newer, said: old }, { described: newer, said: null }])
    t.is(gateToRaise(facts(both(newer), one)), null);
});

function refusal(outcome: { readonly type: string; readonly code?: string }): string | undefined {
  return outcome.type === 'refused' ? outcome.code : undefined;
}
