/** What every store of the model promises, whatever it lies on: run against SQLite and against memory. */
import type { TestFn } from 'ava';
import type { Entity, Member } from '../../messaging/index.js';
import { modelHash } from '../../node/model/hash.js';
import type { ChangeRow, ModelMeta, ModelStore, RefusalRow } from '../../node/model/store.js';

export interface ModelStoreSetting {
  readonly store: () => ModelStore;
  /** What another process would find. Undefined where a store does not outlive its process. */
  readonly reopen: (() => ModelStore) | undefined;
}

export function metaAt(index: number, epoch = 1): ModelMeta {
  return {
    clusterId: 'id-1',
    logTimeline: { id: `timeline-${epoch}`, epoch },
    position: { timeline: { id: `timeline-${epoch}`, epoch }, indexType: 'raft', index },
    term: 1,
    configuration: {
      voters: ['n1'],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
      removed: [],
    },
    membersIndex: 0,
    lastChangeIndex: index,
    journalStart: 0,
  };
}

export function entity(kind: string, id: string, name = id, version = 1): Entity {
  return {
    kind,
    id,
    name,
    version,
    createdAt: 1,
    updatedAt: 2,
    tags: { site: 'zürich' },
    spec: { port: 80, list: [1, null] },
  };
}

export function change(index: number, changed: Entity, previousIndex = index - 1): ChangeRow {
  return {
    index,
    requestId: `request-${index}`,
    type: 'created',
    previousIndex,
    entity: changed,
    by: 'olga',
    at: 1_000,
  };
}

const refusal = (index: number): RefusalRow => ({
  index,
  requestId: `request-${index}`,
  type: 'refused',
  code: 'name-taken',
  message: 'taken',
});

const member = (id: string): Member => ({
  id,
  name: id,
  version: '1',
  protocol: { min: 1, max: 1 },
  addresses: [],
  addedAt: 5,
});

export function modelStoreContract(test: TestFn, name: string, makeSetting: () => ModelStoreSetting): void {
  const title = (text: string) => `${name}: ${text}`;
  /** The store itself, and what another process finds. */
  const everyView = (setting: ModelStoreSetting) => [
    setting.store(),
    ...(setting.reopen === undefined ? [] : [setting.reopen()]),
  ];

  test(title('a blank model has no meta, and nothing in it'), (t) => {
    for (const store of everyView(makeSetting())) {
      t.is(store.meta(), undefined);
      t.deepEqual(store.countsByKind(), {});
      t.deepEqual(store.list('service', { limit: 10 }), []);
      t.deepEqual(store.journalAfter(0, 10), []);
      t.is(store.outcomeOf('request-1'), undefined);
      t.deepEqual(store.records('member'), []);
    }
  });

  test(title('entities come back as they went in, by id and by name'), (t) => {
    const setting = makeSetting();
    const web = entity('service', 's1', 'Wéb "x"');
    setting.store().transaction(() => {
      setting.store().insert(web, []);
      setting.store().putMeta(metaAt(7));
    });
    for (const store of everyView(setting)) {
      t.deepEqual(store.get('service', 's1'), web);
      t.is(store.get('router', 's1'), undefined);
      t.is(store.idOfName('service', 'Wéb "x"'), 's1');
      t.is(store.idOfName('router', 'Wéb "x"'), undefined);
      t.deepEqual(store.meta(), metaAt(7));
      t.deepEqual(store.countsByKind(), { service: 1 });
    }
  });

  test(title('ids and names are unique in their kind, and a name that is given up is free again'), (t) => {
    const setting = makeSetting();
    const store = setting.store();
    const write = (work: () => void) => store.transaction(work);
    write(() => store.insert(entity('service', 's1', 'web'), []));
    t.throws(() => write(() => store.insert(entity('service', 's1', 'other'), [])));
    t.throws(() => write(() => store.insert(entity('service', 's2', 'web'), [])));
    write(() => store.insert(entity('router', 's1', 'web'), []));
    write(() => store.replace(entity('service', 's1', 'renamed', 2), []));
    write(() => store.insert(entity('service', 's2', 'web'), []));
    write(() => store.delete('service', 's1'));
    write(() => store.insert(entity('service', 's3', 'renamed'), []));
    for (const view of everyView(setting)) {
      t.is(view.idOfName('service', 'web'), 's2');
      t.is(view.idOfName('service', 'renamed'), 's3');
      t.is(view.get('service', 's1'), undefined);
      t.deepEqual(view.countsByKind(), { service: 2, router: 1 });
    }
  });

  test(title('a list is in the order of the ids, in pages, and a filter looks at ids and names'), (t) => {
    const setting = makeSetting();
    const ids = ['b', 'B', 'a-1', 'a_1', 'a1', 'Z9', 'z'];
    setting.store().transaction(() => {
      for (const id of ids) setting.store().insert(entity('service', id, `Name of ${id}`), []);
      setting.store().insert(entity('service', 'id-0', 'München'), []);
    });
    for (const store of everyView(setting)) {
      const listed = (options: Parameters<ModelStore['list']>[1]) =>
        store.list('service', options).map((each) => each.id);
      t.deepEqual(listed({ limit: 100 }), ['B', 'Z9', 'a-1', 'a1', 'a_1', 'b', 'id-0', 'z']);
      t.deepEqual(listed({ limit: 2, after: 'Z9' }), ['a-1', 'a1']);
      t.deepEqual(listed({ limit: 100, filter: 'z9' }), ['Z9']);
      t.deepEqual(listed({ limit: 100, filter: 'OF B' }), ['B', 'b']);
      t.deepEqual(listed({ limit: 1, filter: 'of b', after: 'B' }), ['b']);
      t.deepEqual(listed({ limit: 100, filter: 'mün' }), ['id-0']);
      t.deepEqual(listed({ limit: 100, filter: 'a_' }), ['a_1'], 'no character of a filter means any other');
      t.deepEqual(listed({ limit: 100, filter: '%' }), []);
    }
  });

  test(title('what is read at a time has a bound in rows looked at, and one in bytes'), (t) => {
    const setting = makeSetting();
    setting.store().transaction(() => {
      for (const id of ['a', 'b', 'c', 'd', 'e'])
        setting.store().insert({ ...entity('service', id), tags: { long: 'x'.repeat(1_000) } }, []);
    });
    for (const store of everyView(setting)) {
      const listed = (options: Parameters<ModelStore['list']>[1]) =>
        store.list('service', options).map((each) => each.id);
      t.deepEqual(listed({ limit: 100, after: 'a', through: 'c' }), ['b', 'c']);
      t.deepEqual(listed({ limit: 100, through: 'c', filter: 'd' }), []);
      t.deepEqual(listed({ limit: 100, bytesMax: 1 }), ['a'], 'at least one');
      t.deepEqual(listed({ limit: 100, bytesMax: 2_500 }), ['a', 'b', 'c'], 'the one that reaches it is the last');
      t.deepEqual(listed({ limit: 100, bytesMax: 2_500, filter: 'b' }), ['b']);
      t.deepEqual(listed({ limit: 2, bytesMax: 100_000 }), ['a', 'b']);
      t.is(store.idFurther('service', '', 2), 'b');
      t.is(store.idFurther('service', 'b', 3), 'e');
      t.is(store.idFurther('service', 'b', 4), undefined);
      t.is(store.idFurther('router', '', 1), undefined);
    }
  });

  test(title('who refers to an entity is known, and forgotten with what refers'), (t) => {
    const setting = makeSetting();
    const target = { kind: 'service', id: 's1' };
    setting.store().transaction(() => {
      setting.store().insert(entity('service', 's1'), []);
      setting.store().insert(entity('policy', 'p2'), [target]);
      setting.store().insert(entity('policy', 'p1'), [target, { kind: 'service', id: 's2' }]);
      setting.store().insert(entity('identity', 'p1'), [target]);
    });
    const policies = [
      { kind: 'policy', id: 'p1' },
      { kind: 'policy', id: 'p2' },
    ];
    for (const store of everyView(setting)) {
      t.deepEqual(store.referrers('service', 's1', 10), [{ kind: 'identity', id: 'p1' }, ...policies]);
      t.deepEqual(store.referrers('service', 's1', 2).length, 2);
    }
    setting.store().transaction(() => {
      setting.store().replace(entity('policy', 'p1', 'p1', 2), []);
      setting.store().delete('identity', 'p1');
    });
    for (const store of everyView(setting)) {
      t.deepEqual(store.referrers('service', 's1', 10), [{ kind: 'policy', id: 'p2' }]);
      t.deepEqual(store.referrers('service', 's2', 10), []);
    }
  });

  test(title('the journal answers by request and by index, changes apart from refusals'), (t) => {
    const setting = makeSetting();
    const rows = [
      change(3, entity('service', 's1'), 0),
      refusal(4),
      change(9, entity('service', 's2'), 3),
      refusal(10),
    ];
    setting.store().transaction(() => {
      for (const row of rows) setting.store().appendJournal(row);
    });
    for (const store of everyView(setting)) {
      t.deepEqual(store.journalAfter(0, 10), rows);
      t.deepEqual(store.journalAfter(3, 2), rows.slice(1, 3));
      t.deepEqual(store.changesAfter(0, 10), [rows[0], rows[2]] as ChangeRow[]);
      t.deepEqual(store.changesAfter(3, 1), [rows[2]] as ChangeRow[]);
      t.deepEqual(store.changesAfter(9, 10), []);
      for (const row of rows) t.deepEqual(store.outcomeOf(row.requestId), row);
      t.is(store.outcomeOf('request-5'), undefined);
    }
    setting.store().transaction(() => setting.store().pruneJournal(4));
    for (const store of everyView(setting)) {
      t.deepEqual(store.journalAfter(0, 10), rows.slice(2));
      t.is(store.outcomeOf('request-4'), undefined);
      t.deepEqual(store.outcomeOf('request-9'), rows[2]);
    }
  });

  test(title('records are kept by bucket and key, in the order of the keys'), (t) => {
    const setting = makeSetting();
    setting.store().transaction(() => {
      for (const id of ['n2', 'N1', 'n1']) setting.store().putRecord('member', id, member(id));
      setting.store().putRecord('member', 'n2', { ...member('n2'), version: '2' });
      setting.store().deleteRecord('member', 'n1');
    });
    for (const store of everyView(setting)) {
      t.deepEqual(store.record('member', 'n2')?.version, '2');
      t.is(store.record('member', 'n1'), undefined);
      t.is(store.record('operation', 'n2'), undefined);
      t.deepEqual(
        store.records('member').map((each) => each.key),
        ['N1', 'n2'],
      );
    }
  });

  test(title('a transaction that throws leaves nothing of what it wrote'), (t) => {
    const setting = makeSetting();
    const store = setting.store();
    store.transaction(() => {
      store.insert(entity('service', 's1'), []);
      store.insert(entity('policy', 'p1'), [{ kind: 'service', id: 's1' }]);
      for (const index of [1, 2, 3]) store.appendJournal(change(index, entity('service', 's1')));
      store.putRecord('member', 'n1', member('n1'));
      store.putMeta(metaAt(3));
    });
    const before = modelHash(store);
    t.throws(
      () =>
        store.transaction(() => {
          store.replace(entity('service', 's1', 'renamed', 2), []);
          store.insert(entity('service', 's2', 's1'), []);
          store.delete('policy', 'p1');
          store.pruneJournal(2);
          store.appendJournal(change(4, entity('service', 's2')));
          store.deleteRecord('member', 'n1');
          store.putMeta(metaAt(4));
          throw new Error('changed my mind');
        }),
      { message: 'changed my mind' },
    );
    for (const view of everyView(setting)) {
      t.is(modelHash(view), before);
      t.deepEqual(view.meta(), metaAt(3));
      t.deepEqual(view.countsByKind(), { service: 1, policy: 1 });
      t.is(view.outcomeOf('request-4'), undefined);
      t.is(view.outcomeOf('request-1')?.index, 1);
      t.deepEqual(view.referrers('service', 's1', 10), [{ kind: 'policy', id: 'p1' }]);
    }
    store.transaction(() => {
      store.appendJournal(change(4, entity('service', 's1')));
      store.pruneJournal(1);
    });
    t.deepEqual(
      store.journalAfter(0, 10).map((row) => row.index),
      [2, 3, 4],
    );
    t.is(store.outcomeOf('request-1'), undefined);
  });

  test(title('transactions are not nested, and give back what the work returns'), (t) => {
    const store = makeSetting().store();
    t.is(
      store.transaction(() => 42),
      42,
    );
    t.throws(() => store.transaction(() => store.transaction(() => 1)));
  });
}
