import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { modelHash } from '../../node/model/hash.js';
import { MemoryModelStore } from '../../node/model/memory-store.js';
import { SqliteModelStore } from '../../node/storage/model-store.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { change, entity, metaAt, modelStoreContract } from './model-store-contract.js';

function onFiles() {
  const path = join(temporaryDirectory('model-store'), 'model.db');
  const store = new SqliteModelStore(path);
  const reopen = () => {
    store.commit();
    return new SqliteModelStore(path);
  };
  return { store: () => store, reopen };
}

modelStoreContract(test, 'SQLite', onFiles);
modelStoreContract(test, 'memory', () => {
  const store = new MemoryModelStore();
  return { store: () => store, reopen: undefined };
});

test('both implementations hash alike', (t) => {
  const stores = [onFiles().store(), new MemoryModelStore()];
  for (const store of stores) {
    store.transaction(() => {
      store.insert(entity('service', 's1'), []);
      store.appendJournal(change(2, entity('service', 's1')));
      store.putMeta(metaAt(2));
    });
  }
  const hashes = new Set(stores.map((store) => modelHash(store)));
  t.is(hashes.size, 1);
});

test('one request id does not stand for two rows of the journal', (t) => {
  const store = onFiles().store();
  store.transaction(() => store.appendJournal(change(2, entity('service', 's1'))));
  const again = { ...change(3, entity('service', 's1')), requestId: 'request-2' };
  t.throws(() => store.transaction(() => store.appendJournal(again)));
  t.is(store.journalAfter(0, 10).length, 1);
});

test('transactions are gathered: others see them after `commit`, and a crash before it takes them whole', (t) => {
  const path = join(temporaryDirectory('gathered'), 'model.db');
  const store = new SqliteModelStore(path);
  const apply = (index: number) =>
    store.transaction(() => {
      store.insert(entity('service', `s${index}`), []);
      store.putMeta(metaAt(index));
    });
  const seenByOthers = () => {
    const database = new Database(path, { readonly: true });
    const count = database.prepare('SELECT count(*) FROM entities').pluck().get();
    const meta = database.prepare<[], string>('SELECT body FROM meta').pluck().get();
    database.close();
    return {
      count,
      index: meta === undefined ? 0 : (JSON.parse(meta) as { position: { index: number } }).position.index,
    };
  };
  apply(1);
  apply(2);
  t.throws(() =>
    store.transaction(() => {
      store.insert(entity('service', 's3'), []);
      throw new Error('half-way');
    }),
  );
  t.is(store.get('service', 's3'), undefined, 'what threw left nothing');
  t.truthy(store.get('service', 's2'), 'and what was gathered before it is still there');
  t.deepEqual(seenByOthers(), { count: 0, index: 0 });
  store.commit();
  t.deepEqual(seenByOthers(), { count: 2, index: 2 });
  store.close();
});

test('makeDurable says where the model stood when it was called', async (t) => {
  const { store } = onFiles();
  t.is(await store().makeDurable(), undefined);
  store().transaction(() => store().putMeta(metaAt(5)));
  const durable = store().makeDurable();
  store().transaction(() => store().putMeta(metaAt(6)));
  t.is((await durable)?.position.index, 5);
});

test('an entity that cannot be read is damage, not an answer', (t) => {
  const path = join(temporaryDirectory('torn'), 'model.db');
  const store = new SqliteModelStore(path);
  store.transaction(() => store.insert(entity('service', 's1'), []));
  store.commit();
  const database = new Database(path);
  database.prepare('UPDATE entities SET body = substr(body, 1, 10)').run();
  database.close();
  t.throws(() => store.get('service', 's1'), { code: 'damaged' });
  t.throws(() => store.list('service', { limit: 1 }), { code: 'damaged' });
});
