import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { blankRaftDisk, MemoryRaftStore } from '../../node/storage/memory-raft-store.js';
import { SqliteRaftStore } from '../../node/storage/raft-store.js';
import type { CompactionPoint } from '../../node/storage/types.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { bytesMax, entriesFrom, type RaftStoreSetting, raftStoreContract } from './raft-store-contract.js';

const timeline = { id: 't', epoch: 1 };
const target = (index: number): CompactionPoint => ({ index, term: 0, timeline });

function onFiles(cacheBytesMax?: number): RaftStoreSetting {
  const path = join(temporaryDirectory('raft-store'), 'raft.db');
  let store = new SqliteRaftStore(path, { cacheBytesMax });
  return {
    store: () => store,
    reopen: () => {
      // A second connection sees what a process would find that starts now; the first is left as it is and never used again.
      store = new SqliteRaftStore(path, { cacheBytesMax });
      return store;
    },
    compact: (through) => {
      while (store.compactSlice(target(through), 3) <= through);
    },
    install: (point, batch) => {
      store.commitInstall({ ...batch, point, pending: { file: 'incoming.db', index: point.index, term: point.term } });
      store.finishInstall();
    },
    damage: (index) => {
      const database = new Database(path);
      const flip = 'UPDATE entries SET data = CAST(substr(data, 1, 3) AS BLOB) WHERE idx = ?';
      database.prepare(flip).run(index);
      database.close();
    },
  };
}

function inMemory(): RaftStoreSetting {
  const disk = blankRaftDisk();
  let store = new MemoryRaftStore(disk);
  return {
    store: () => store,
    reopen: () => {
      store = new MemoryRaftStore(disk);
      return store;
    },
    compact: (through) => void store.compact(target(through)),
    install: (point, batch) => store.commitInstall({ ...batch, point }),
    damage: (index) => store.rot(index),
  };
}

raftStoreContract(test, 'SQLite', () => onFiles());
raftStoreContract(test, 'SQLite without a cache', () => onFiles(0));
raftStoreContract(test, 'memory', inMemory);

test('the newest entries are read from memory: the database may be gone', (t) => {
  const path = join(temporaryDirectory('cache'), 'raft.db');
  const store = new SqliteRaftStore(path, { cacheBytesMax: 1_000 });
  store.persist({ entries: entriesFrom(1, 100, 1), hardState: { term: 1, vote: '', commit: 0 } });
  store.close();
  t.is(store.entries(95, 101, bytesMax)?.length, 6);
  t.throws(() => store.entries(1, 101, bytesMax), undefined, 'the older ones are not kept: the cache has a bound');
});

for (const column of ['term', 'type', 'crc', 'idx'] as const) {
  test(`an entry whose ${column} was changed on disk is damaged`, (t) => {
    const path = join(temporaryDirectory('flip'), 'raft.db');
    new SqliteRaftStore(path).persist({ entries: entriesFrom(1, 3, 1), hardState: { term: 1, vote: '', commit: 0 } });
    const database = new Database(path);
    database.prepare(`UPDATE entries SET ${column} = ${column} + 10 WHERE idx = 3`).run();
    database.close();
    t.throws(() => new SqliteRaftStore(path, { cacheBytesMax: 0 }).entries(1, 4, bytesMax), { code: 'damaged' });
  });
}

test('a hard state whose bytes were changed on disk is an error, never a vote', (t) => {
  const path = join(temporaryDirectory('flip'), 'raft.db');
  new SqliteRaftStore(path).persist({ hardState: { term: 7, vote: 'n1', commit: 0 } });
  const database = new Database(path);
  database.prepare(`UPDATE state SET value = replace(value, 'n1', 'n2') WHERE key = 'hardState'`).run();
  database.close();
  t.throws(() => new SqliteRaftStore(path), { code: 'damaged' });
});

test('a log whose first entries are gone is damaged', (t) => {
  const path = join(temporaryDirectory('hole'), 'raft.db');
  new SqliteRaftStore(path).persist({ entries: entriesFrom(1, 9, 1), hardState: { term: 1, vote: '', commit: 0 } });
  const database = new Database(path);
  database.prepare('DELETE FROM entries WHERE idx < 3').run();
  database.close();
  t.throws(() => new SqliteRaftStore(path), { code: 'damaged' });
});

test('an opening that was killed while it laid the write-ahead log out is gone on with', (t) => {
  const path = join(temporaryDirectory('laid-out'), 'raft.db');
  const open = () => new SqliteRaftStore(path, { layOutLog: true });
  open().close();
  for (const filler of ['', "INSERT INTO layout VALUES ('the filler, or a part of it')"]) {
    const killed = new Database(path);
    killed.exec(`CREATE TABLE layout (filler BLOB); ${filler}`);
    killed.close();
    const store = open();
    store.persist({ hardState: { term: 3, vote: 'n1', commit: 0 } });
    store.close();
    const after = new Database(path, { readonly: true });
    t.is(after.prepare("SELECT count(*) FROM sqlite_master WHERE name = 'layout'").pluck().get(), 0);
    after.close();
  }
  t.is(open().hardState().term, 3);
});
