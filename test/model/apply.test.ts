import test from 'ava';
import type { Member, Operation } from '../../messaging/index.js';
import {
  applyBatch,
  encodeCommand,
  encodeMembershipContext,
  journalIndexesMax,
  journalSlice,
  MemoryModelStore,
  ModelInvariantViolation,
  modelHash,
  operationsKeptMax,
  UnappliableEntry,
} from '../../node/model/index.js';
import type { Entry } from '../../node/raft/index.js';
import { begun, inShort, Model, normal, stamp } from './support.js';

test('a created entity is there with version 1, its defaults, and the time that the leader stamped', (t) => {
  const model = new Model();
  t.is(inShort(model.create('service', 'billing', { roleAttributes: ['eu'] }, { at: 5_000 })), 'created 1');
  t.deepEqual(model.store.get('service', 'billing'), {
    kind: 'service',
    id: 'billing',
    name: 'billing',
    version: 1,
    createdAt: 5_000,
    updatedAt: 5_000,
    tags: {},
    spec: { roleAttributes: ['eu'], encryptionRequired: true, terminatorStrategy: 'smartrouting' },
  });
});

test('ids and names are unique within their kind, and only there', (t) => {
  const model = new Model();
  model.create('service', 'billing');
  t.is(inShort(model.create('service', 'other', {}, { id: 'billing' })), 'refused already-exists');
  t.is(inShort(model.create('service', 'billing', {}, { id: 'other' })), 'refused name-taken');
  t.is(inShort(model.create('router', 'billing')), 'created 1');
});

test('a name is free again when its entity is renamed or deleted', (t) => {
  const model = new Model();
  model.create('service', 'billing');
  t.is(inShort(model.update('service', 'billing', { name: 'invoices' })), 'updated 2');
  t.is(inShort(model.create('service', 'billing', {}, { id: 'second' })), 'created 1');
  t.is(inShort(model.update('service', 'billing', { name: 'billing' })), 'refused name-taken');
  t.is(inShort(model.delete('service', 'second')), 'deleted 1');
  t.is(inShort(model.update('service', 'billing', { name: 'billing' })), 'updated 3');
});

test('an update merges by key, and null deletes or restores the default', (t) => {
  const model = new Model();
  model.create('identity', 'ann', { externalId: 'ldap-7', disabled: true });
  model.update('identity', 'ann', { tags: { team: 'red', floor: '3' }, spec: { roleAttributes: ['ops'] } });
  t.is(
    inShort(model.update('identity', 'ann', { tags: { floor: null }, spec: { externalId: null, disabled: null } })),
    'updated 3',
  );
  const ann = model.store.get('identity', 'ann');
  t.deepEqual(ann?.tags, { team: 'red' });
  t.deepEqual(ann?.spec, { type: 'device', roleAttributes: ['ops'], disabled: false });
});

test('patches cannot add up to more tags than an entity may have', (t) => {
  const model = new Model();
  model.create('service', 'billing');
  const tags = (from: number) => Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`tag-${from + at}`, 'x']));
  t.is(inShort(model.update('service', 'billing', { tags: tags(0) })), 'updated 2');
  t.is(inShort(model.update('service', 'billing', { tags: tags(40) })), 'refused invalid-entity');
  t.is(Object.keys(model.store.get('service', 'billing')?.tags ?? {}).length, 40);
});

test('with a version, an update or a delete happens only to that version', (t) => {
  const model = new Model();
  model.create('service', 'billing');
  t.is(inShort(model.update('service', 'billing', { tags: { a: '1' } }, { version: 1 })), 'updated 2');
  t.is(inShort(model.update('service', 'billing', { tags: { a: '2' } }, { version: 1 })), 'refused version-mismatch');
  t.is(inShort(model.delete('service', 'billing', { version: 1 })), 'refused version-mismatch');
  t.is(inShort(model.delete('service', 'billing', { version: 2 })), 'deleted 2');
  t.is(inShort(model.delete('service', 'billing')), 'refused not-found');
});

test('the times of an entity never run backwards, whatever the clocks of the leaders', (t) => {
  const model = new Model();
  model.create('service', 'billing', {}, { at: 9_000 });
  model.update('service', 'billing', { tags: { a: '1' } }, { at: 4_000 });
  t.is(model.store.get('service', 'billing')?.updatedAt, 9_000);
});

test('a policy can name only what exists, and what it names cannot be deleted', (t) => {
  const model = new Model();
  t.is(inShort(model.create('policy', 'dial', { type: 'Dial', identityRoles: ['@ann'] })), 'refused reference-missing');
  model.create('identity', 'ann');
  model.create('service', 'billing');
  t.is(
    inShort(model.create('policy', 'dial', { type: 'Dial', identityRoles: ['@ann'], serviceRoles: ['#eu'] })),
    'created 1',
  );
  const refused = model.delete('identity', 'ann');
  t.is(inShort(refused), 'refused still-referenced');
  t.regex(refused.type === 'refused' ? refused.message : '', /policy dial/);
  t.is(inShort(model.update('policy', 'dial', { spec: { serviceRoles: ['@nowhere'] } })), 'refused reference-missing');
  t.is(
    inShort(model.update('policy', 'dial', { spec: { identityRoles: [], serviceRoles: ['@billing'] } })),
    'updated 2',
  );
  t.is(inShort(model.delete('identity', 'ann')), 'deleted 1');
  t.is(inShort(model.delete('service', 'billing')), 'refused still-referenced');
  t.is(inShort(model.delete('policy', 'dial')), 'deleted 2');
  t.is(inShort(model.delete('service', 'billing')), 'deleted 1');
});

test('a refused command changes nothing but the position and what is remembered of the request', (t) => {
  const model = new Model();
  model.create('service', 'billing');
  const before = model.store.get('service', 'billing');
  model.update('service', 'billing', { name: 'x' }, { version: 7 });
  t.deepEqual(model.store.get('service', 'billing'), before);
  t.is(model.store.meta()?.lastChangeIndex, 2);
  t.is(model.index, 3);
});

test('6.3 sessions: a retried request gets the outcome of the first, and happens once', (t) => {
  const model = new Model();
  model.create('service', 'billing');
  const change = () => model.update('service', 'billing', { tags: { a: '1' } }, { requestId: 'same-request' });
  const first = change();
  const second = change();
  t.is(inShort(second), 'repeated updated 2');
  t.deepEqual(second.type === 'changed' && second.change, first.type === 'changed' && first.change);
  t.is(model.store.get('service', 'billing')?.version, 2);
  t.is(model.store.changesAfter(0, 10).length, 2);
});

test('6.3 sessions: a refused request stays refused when a late copy of it comes after the reason is gone', (t) => {
  const model = new Model();
  model.create('service', 'billing');
  const attempt = () => model.create('service', 'billing', {}, { id: 'second', requestId: 'refused-once' });
  t.is(inShort(attempt()), 'refused name-taken');
  model.delete('service', 'billing');
  t.is(inShort(attempt()), 'refused name-taken');
  t.is(model.store.get('service', 'second'), undefined);
});

test('6.3 sessions: one request id cannot stand for two changes', (t) => {
  const model = new Model();
  model.create('service', 'billing', {}, { requestId: 'used-twice' });
  t.is(inShort(model.create('service', 'other', {}, { requestId: 'used-twice' })), 'refused invalid-request');
  t.is(inShort(model.delete('service', 'billing', { requestId: 'used-twice' })), 'refused invalid-request');
  t.not(model.store.get('service', 'billing'), undefined);
});

test('each change names the one before it, over entries that change no entity', (t) => {
  const model = new Model();
  model.create('service', 'one');
  model.apply({ type: 'noop' });
  model.update('service', 'one', { name: 'x' }, { version: 9 });
  model.create('service', 'two');
  t.deepEqual(
    model.store.changesAfter(0, 10).map(({ index, previousIndex }) => [index, previousIndex]),
    [
      [2, 0],
      [5, 2],
    ],
  );
});

test('entries that were applied already are skipped, in whatever batches they come again', (t) => {
  const entries: Entry[] = [
    normal(2, { type: 'create', ...stamp(), kind: 'service', id: 'a', name: 'a', tags: {}, spec: {} }),
    { type: 'empty', term: 2, index: 3 },
    normal(4, { type: 'delete', ...stamp(), kind: 'service', id: 'a', version: null }, 2),
  ];
  const once = begun(new MemoryModelStore());
  t.is(applyBatch(once, entries).length, 3);
  const again = begun(new MemoryModelStore());
  applyBatch(again, entries.slice(0, 2));
  t.deepEqual(
    applyBatch(again, entries).map(({ index }) => index),
    [4],
  );
  t.deepEqual(applyBatch(again, entries), []);
  t.is(modelHash(again), modelHash(once));
});

test('a gap between the position and the next entry stops the member, with nothing written', (t) => {
  const model = new Model();
  const before = modelHash(model.store);
  const entry = (index: number) =>
    normal(index, {
      type: 'create',
      ...stamp(),
      kind: 'service',
      id: `s${index}`,
      name: `s${index}`,
      tags: {},
      spec: {},
    });
  t.throws(() => applyBatch(model.store, [entry(2), entry(4)]), { instanceOf: ModelInvariantViolation });
  t.throws(() => applyBatch(model.store, [entry(3)]), { instanceOf: ModelInvariantViolation });
  t.is(modelHash(model.store), before);
});

test('a command of a newer version stops the member instead of being skipped', (t) => {
  const model = new Model();
  const newer: Entry = { type: 'normal', term: 1, index: 3, data: Uint8Array.of(0x92, 99, 0xa3, 0x6e, 0x65, 0x77) };
  const error = t.throws(() => applyBatch(model.store, [normal(2, { type: 'noop' }), newer]), {
    instanceOf: UnappliableEntry,
  });
  t.is(error?.reason, 'newer');
  t.is(model.index, 1);
});

test('an entry that cannot be decoded stops the member', (t) => {
  const model = new Model();
  const encoded = encodeCommand({ type: 'delete', ...stamp(), kind: 'service', id: 'a', version: null });
  for (const data of [
    new Uint8Array(),
    Uint8Array.of(0xc1),
    Uint8Array.of(0x90),
    encoded.subarray(0, 9),
    Uint8Array.of(0x92, 1, 0xa3, 0x6e, 0x65, 0x77),
  ]) {
    const error = t.throws(() => applyBatch(model.store, [{ type: 'normal', term: 1, index: 2, data }]), {
      instanceOf: UnappliableEntry,
    });
    t.is(error?.reason, 'undecodable');
  }
});

const member = (id: string): Member => ({
  id,
  name: id,
  version: '0.1.0',
  protocol: { min: 1, max: 1 },
  addresses: [],
  addedAt: 7,
});

test('a change of membership is kept with what is known of the members, until they are removed', (t) => {
  const model = new Model();
  const context = encodeMembershipContext({ members: [member('b')] });
  t.is(model.configure({ changes: [{ type: 'addLearner', id: 'b' }], transition: 'auto', context }).type, 'configured');
  t.deepEqual(model.store.meta()?.configuration.learners, ['b']);
  t.deepEqual(model.store.record('member', 'b'), member('b'));
  model.apply({ type: 'member.describe', member: { ...member('b'), version: '0.2.0' } });
  t.is(model.store.record('member', 'b')?.version, '0.2.0');
  model.configure({ changes: [{ type: 'remove', id: 'b' }], transition: 'auto' });
  t.deepEqual(model.store.meta()?.configuration.removed, ['b']);
  t.is(model.store.record('member', 'b'), undefined);
  model.apply({ type: 'member.describe', member: member('b') });
  t.is(model.store.record('member', 'b'), undefined, 'a removed member is not described again');
});

test('a change of membership that is not possible leaves the configuration as it was', (t) => {
  const model = new Model();
  const before = model.store.meta()?.configuration;
  const outcome = model.configure({ changes: [{ type: 'remove', id: 'a' }], transition: 'auto' });
  t.is(outcome.type, 'configured');
  t.deepEqual(model.store.meta()?.configuration, before);
});

const operation = (id: string, state: Operation['state'], startedAt = 0): Operation => {
  const impact = { voters: 3, healthyVoters: 3, quorum: 2, failuresSurvived: 1 };
  const parameters = { workflow: 'remove', node: 'b' } as const;
  const times = { startedAt, updatedAt: startedAt, finishedAt: null };
  return {
    id,
    parameters,
    requestedBy: 'olga',
    state,
    ...times,
    runner: 'a',
    findings: [],
    before: impact,
    after: impact,
    steps: [],
    verifications: [],
    error: null,
  };
};

test('one operation is under way at a time, and its record is written by compare-and-set', (t) => {
  const model = new Model();
  const put = (revision: number, given: Operation) =>
    inShort(model.apply({ type: 'operation.put', revision, operation: given }));
  t.is(put(0, operation('one', 'running')), 'operation');
  t.is(put(0, operation('two', 'running')), 'refused operation-running');
  t.is(put(0, operation('one', 'done')), 'refused version-mismatch');
  t.is(put(1, operation('one', 'rolling-back')), 'operation');
  t.is(put(0, operation('two', 'running')), 'refused operation-running');
  t.is(put(2, operation('one', 'failed')), 'operation');
  t.is(put(0, operation('two', 'running')), 'operation');
});

test('a bounded number of operations is remembered: the oldest finished ones are forgotten', (t) => {
  const model = new Model();
  for (let at = 0; at < operationsKeptMax + 5; at += 1) {
    model.apply({ type: 'operation.put', revision: 0, operation: operation(`op-${at}`, 'done', at) });
  }
  t.is(model.store.records('operation').length, operationsKeptMax);
  t.is(model.store.record('operation', 'op-4'), undefined);
  t.not(model.store.record('operation', 'op-5'), undefined);
});

test('a new timeline begins after its entry, with an empty journal; one of no higher epoch is refused', (t) => {
  const model = new Model();
  model.create('service', 'billing');
  t.is(inShort(model.apply({ type: 'timeline.begin', timeline: { id: 'two', epoch: 1 } })), 'refused invalid-request');
  t.is(model.apply({ type: 'timeline.begin', timeline: { id: 'two', epoch: 2 } }).type, 'timeline');
  model.create('service', 'other');
  const meta = model.store.meta();
  t.deepEqual(meta?.position, { timeline: { id: 'two', epoch: 2 }, indexType: 'raft', index: 5 });
  t.is(meta?.journalStart, 4);
  t.deepEqual(
    model.store.changesAfter(0, 10).map(({ index, previousIndex }) => [index, previousIndex]),
    [[5, 0]],
  );
  t.not(model.store.get('service', 'billing'), undefined);
});

test('the journal is bounded, and cut at the same entries however these are batched', (t) => {
  const total = journalIndexesMax + 2 * journalSlice + 7;
  const entries = Array.from(
    { length: total },
    (_, at): Entry =>
      at % 4_000 === 0
        ? normal(at + 2, {
            type: 'create',
            ...stamp(),
            kind: 'service',
            id: `s${at}`,
            name: `s${at}`,
            tags: {},
            spec: {},
          })
        : { type: 'empty', term: 1, index: at + 2 },
  );
  const stores = [1, 777, 50_000].map((batchSize) => {
    const store = begun(new MemoryModelStore());
    for (let at = 0; at < total; at += batchSize) applyBatch(store, entries.slice(at, at + batchSize));
    return store;
  });
  const [first] = stores;
  t.is(first?.meta()?.journalStart, 1 + 2 * journalSlice);
  t.is(first?.changesAfter(0, 1)[0]?.index, 4_002);
  t.is(new Set(stores.map(modelHash)).size, 1);
});
