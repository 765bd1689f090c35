/**
 * A loss of power, on real files: of what was written since the last sync, the write-ahead log holds any part. It is cut at
 * and inside every frame, and spoilt in the middle; what was synced must be there, and nothing of a transaction in part.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { SqliteModelStore } from '../../node/storage/model-store.js';
import { SqliteRaftStore } from '../../node/storage/raft-store.js';
import { seededRandom } from '../support/random.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { change, entity, metaAt } from './model-store-contract.js';
import { bytesMax, entriesFrom } from './raft-store-contract.js';

/** Sizes of SQLite's format: the header of the log, and of each frame before its page. */
const logHeaderBytes = 32;
const frameBytes = 24 + 4096;

interface Files {
  readonly database: Buffer;
  readonly log: Buffer;
}

function read(path: string): Files {
  return { database: readFileSync(path), log: readFileSync(`${path}-wal`) };
}

const directory = temporaryDirectory('power');
let count = 0;

/** Lays out what a disk may hold after the loss, and gives its path. */
function layOut(files: Files): string {
  count += 1;
  const path = join(directory, `${count}.db`);
  writeFileSync(path, files.database);
  writeFileSync(`${path}-wal`, files.log);
  return path;
}

/** Every length at which the log may end after `synced` bytes: between frames, in their headers, in their pages. */
function* cuts(synced: number, written: number): Generator<number> {
  for (let frame = synced; frame < written; frame += frameBytes) {
    yield* [frame, frame + 10, frame + 24, frame + 24 + 512, frame + 24 + 2048, frame + frameBytes - 1];
  }
  yield written;
}

/** One sector of what was not synced never came, though later ones did. */
function* holes(files: Files, synced: number): Generator<Buffer> {
  for (let at = synced; at < files.log.length; at += 2048) {
    const log = Buffer.from(files.log);
    log.fill(0, at, Math.min(at + 512, log.length));
    yield log;
  }
}

/** Everything that a disk may hold of `after`, when it has synced all of `before`. */
function* losses(before: Files, after: Files): Generator<Files> {
  for (const length of cuts(before.log.length, after.log.length)) {
    yield { database: before.database, log: after.log.subarray(0, length) };
  }
  for (const log of holes(after, before.log.length)) yield { database: before.database, log };
}

test('raft.db: what persist returned from is there, and nothing of what was being written in part', (t) => {
  const path = join(temporaryDirectory('raft'), 'raft.db');
  const store = new SqliteRaftStore(path);
  const hardState = { term: 1, vote: 'n1', commit: 0 };
  store.persist({ entries: entriesFrom(1, 50, 1), hardState });
  const before = read(path);
  // One transaction over several pages: a suffix replaced, and a new term with a vote.
  store.persist({ entries: entriesFrom(31, 400, 2), hardState: { term: 2, vote: 'n2', commit: 30 } });
  const after = read(path);
  t.true(after.log.length >= before.log.length + 3 * frameBytes, 'several frames');
  t.is((after.log.length - logHeaderBytes) % frameBytes, 0);
  const old = { entries: entriesFrom(1, 50, 1), hardState };
  const replaced = [...entriesFrom(1, 30, 1), ...entriesFrom(31, 400, 2)];
  let lost = 0;
  let kept = 0;
  for (const files of losses(before, after)) {
    const found = new SqliteRaftStore(layOut(files), { cacheBytesMax: 0 });
    const entries = found.entries(1, 1_000, bytesMax) ?? [];
    if (found.hardState().term === 1) {
      lost += 1;
      t.deepEqual({ entries, hardState: found.hardState() }, old);
    } else {
      kept += 1;
      t.deepEqual(entries, replaced);
      t.deepEqual(found.hardState(), { term: 2, vote: 'n2', commit: 30 });
    }
    found.close();
  }
  t.log(`${lost} losses of the last transaction, ${kept} that kept it`);
  t.true(lost > 20 && kept > 0);
  store.close();
});

test('raft.db: a power loss while the log is folded into the database loses nothing', (t) => {
  const path = join(temporaryDirectory('fold'), 'raft.db');
  const store = new SqliteRaftStore(path);
  store.persist({ entries: entriesFrom(1, 200, 1), hardState: { term: 1, vote: '', commit: 0 } });
  store.persist({ entries: entriesFrom(101, 400, 2), hardState: { term: 2, vote: '', commit: 100 } });
  const before = read(path);
  const other = new Database(path);
  other.pragma('wal_checkpoint(PASSIVE)');
  const after = read(path);
  t.not(after.database.length, before.database.length);
  const random = seededRandom(1);
  for (let round = 0; round < 12; round++) {
    // Any of the pages have come to the disk, others not; the log was synced before the first of them.
    const database = Buffer.alloc(after.database.length);
    before.database.copy(database);
    for (let at = 0; at < database.length; at += 4096) {
      if (random.chance(0.5)) after.database.copy(database, at, at, at + 4096);
    }
    const found = new SqliteRaftStore(layOut({ database, log: before.log }), { cacheBytesMax: 0 });
    t.is(found.lastIndex(), 400);
    t.deepEqual(found.damagedEntries(), []);
    t.is(found.hardState().term, 2);
    found.close();
  }
  other.close();
  store.close();
});

test('model.db: what makeDurable covered is there, and the position always fits the data', async (t) => {
  const path = join(temporaryDirectory('model'), 'model.db');
  const store = new SqliteModelStore(path);
  const apply = (first: number, last: number) =>
    store.transaction(() => {
      for (let index = first; index <= last; index++) {
        store.insert(entity('service', `s${index}`), []);
        store.appendJournal(change(index, entity('service', `s${index}`)));
      }
      store.putMeta(metaAt(last));
    });
  apply(1, 30);
  const durable = await store.makeDurable();
  t.is(durable?.position.index, 30);
  const before = read(path);
  for (let first = 31; first <= 90; first += 20) {
    apply(first, first + 19);
    store.commit();
  }
  const after = read(path);
  const positions = new Set<number>();
  for (const files of losses(before, after)) {
    const found = new SqliteModelStore(layOut(files));
    const position = found.meta()?.position.index ?? 0;
    positions.add(position);
    t.true(position >= 30);
    t.deepEqual(found.countsByKind(), { service: position });
    t.is(found.journalAfter(0, 1_000).length, position);
    t.is(found.idOfName('service', `s${position}`), `s${position}`);
    found.close();
  }
  t.deepEqual(
    [...positions].sort((a, b) => a - b),
    [30, 50, 70, 90],
  );
  store.close();
});

test('what a lost cut of the log would look like is not mistaken for whole: the cut is noticed', (t) => {
  // The other way round: were the *synced* part of the log lost, entries would be missing. The test above can see that.
  const path = join(temporaryDirectory('counter'), 'raft.db');
  const store = new SqliteRaftStore(path);
  store.persist({ entries: entriesFrom(1, 50, 1), hardState: { term: 1, vote: '', commit: 0 } });
  const { database, log } = read(path);
  const cut = new SqliteRaftStore(layOut({ database, log: log.subarray(0, log.length - frameBytes) }));
  t.true(cut.lastIndex() < 50);
  cut.close();
  store.close();
});

test('SQLite itself says that each commit of raft.db is synced, and the write-ahead log is used in both', (t) => {
  const folder = temporaryDirectory('settings');
  const raft = new SqliteRaftStore(join(folder, 'raft.db'));
  const model = new SqliteModelStore(join(folder, 'model.db'));
  t.deepEqual(raft.settings(), { journalMode: 'WAL', synchronous: 'FULL' });
  t.deepEqual(model.settings(), { journalMode: 'WAL', synchronous: 'NORMAL' });
  raft.close();
  model.close();
});
