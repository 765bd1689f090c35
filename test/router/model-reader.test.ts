/** What routers are given of a controller's own model: where it stands for them, and whether its journal reaches back. */
import test from 'ava';
import type { Entity, Position } from '../../messaging/index.js';
import { MemoryModelStore, type ModelMeta } from '../../node/model/index.js';
import { initialConfiguration } from '../../node/raft/index.js';
import { endpointsOf, readerOf } from '../../node/server/routers/index.js';
import { metaAfter } from '../../node/storage/mode-change.js';

const position: Position = { timeline: { id: 'A', epoch: 1 }, indexType: 'raft', index: 40 };
const entity = (id: string): Entity => ({
  kind: 'service',
  id,
  name: id,
  version: 1,
  createdAt: 1,
  updatedAt: 1,
  tags: {},
  spec: {},
});

/** Changes at 10, 20 and 30; the log has been applied up to 40. */
function filled(): MemoryModelStore {
  const store = new MemoryModelStore();
  const meta: ModelMeta = {
    clusterId: 'id',
    logTimeline: position.timeline,
    position,
    term: 1,
    configuration: initialConfiguration(['n1', 'n2']),
    membersIndex: 5,
    lastChangeIndex: 30,
    journalStart: 0,
  };
  store.transaction(() => {
    store.putMeta(meta);
    for (const index of [10, 20, 30]) {
      store.insert(entity(`s${index}`), []);
      const row = {
        index,
        previousIndex: index === 10 ? 0 : index - 10,
        requestId: `request-${index}`,
        by: 'test',
        at: 1_000,
      };
      store.appendJournal({ ...row, type: 'created', entity: entity(`s${index}`) });
    }
  });
  return store;
}

const indexesAfter = (store: MemoryModelStore, index: number) => {
  const changes = readerOf(store).changesAfter(index, 100);
  return changes === 'snapshot-required' ? changes : changes.map((change) => change.position.index);
};

test('a model stands, for routers, at its last change: entries that change no entity leave nobody behind', (t) => {
  t.deepEqual(readerOf(filled()).position(), { ...position, index: 30 });
  t.is(readerOf(new MemoryModelStore()).position(), null);
});

test('before its first change a model stands where its timeline began: never below a legacy index that was given before', (t) => {
  const store = filled();
  const meta = store.meta();
  if (meta === undefined) throw new Error('no meta');
  const standalone = metaAfter(
    { ...meta, legacyIndexMax: 70 },
    { timeline: { id: 'B', epoch: 2 }, indexType: 'legacy', index: 70, term: 1, configuration: meta.configuration },
  );
  store.transaction(() => {
    store.putMeta(standalone);
    store.pruneJournal(70);
  });
  t.deepEqual(readerOf(store).position(), { timeline: { id: 'B', epoch: 2 }, indexType: 'legacy', index: 70 });
  t.deepEqual(indexesAfter(store, 70), []);
});

test('whether the journal reaches back is judged by what the changes follow, not by indexes', (t) => {
  const store = filled();
  t.deepEqual(indexesAfter(store, 0), [10, 20, 30]);
  t.deepEqual(indexesAfter(store, 12), [20, 30]);
  t.deepEqual(indexesAfter(store, 30), []);
  store.transaction(() => store.pruneJournal(15));
  t.is(indexesAfter(store, 0), 'snapshot-required');
  t.is(indexesAfter(store, 9), 'snapshot-required');
  t.deepEqual(indexesAfter(store, 10), [20, 30], 'nothing lies between 10 and what was pruned');
  store.transaction(() => store.pruneJournal(40));
  t.is(indexesAfter(store, 29), 'snapshot-required');
  t.deepEqual(indexesAfter(store, 30), []);
  t.is(indexesAfter(new MemoryModelStore(), 0), 'snapshot-required');
});

test('the list of controllers is of the committed members that are known, at the index where they changed last', (t) => {
  const store = filled();
  const list = endpointsOf(store, 'test', 'n2');
  t.is(list(), null, 'a list without controllers is none');
  const meta = store.meta();
  if (meta === undefined) throw new Error('no meta');
  const member = { version: '1', protocol: { min: 1, max: 1 }, addresses: ['nats://a:1'], addedAt: 1 };
  store.transaction(() => {
    for (const id of ['n1', 'n2', 'n9']) store.putRecord('member', id, { id, name: id, ...member });
    store.putMeta({
      ...meta,
      membersIndex: 6,
      configuration: { ...meta.configuration, voters: ['n1'], learners: ['n2'] },
    });
  });
  const made = list();
  t.deepEqual(
    made?.controllers.map(({ id, role }) => [id, role]),
    [
      ['n1', 'voter'],
      ['n2', 'learner'],
    ],
  );
  t.deepEqual(made?.position, { ...position, index: 6 });
  t.is(list(), made ?? null, 'kept until the members change');
  for (const outsider of ['n9', 'n3'])
    t.is(endpointsOf(store, 'test', outsider)(), null, 'a controller that is not a member sends none');
});
