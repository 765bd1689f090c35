/** A snapshot is installed whole or not at all: a crash after each of its steps, one by one. */
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { modelHash } from '../../node/model/hash.js';
import { openStorage, type Storage } from '../../node/storage/index.js';
import { replaceModel } from '../../node/storage/install.js';
import { SqliteModelStore } from '../../node/storage/model-store.js';
import { SqliteRaftStore } from '../../node/storage/raft-store.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { metaAt } from './model-store-contract.js';
import { entriesFrom } from './raft-store-contract.js';
import { begin, identity, timeline, transfer, write } from './storage-contract.js';

const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 1_000 };

interface Prepared {
  readonly directory: string;
  readonly staged: string;
  readonly model: string;
  /** Of the model before and after. */
  readonly oldHash: string;
  readonly newHash: string;
}

/** A follower at index 6 that has a snapshot of index 41 staged and verified. */
async function prepare(): Promise<Prepared> {
  const leader = openStorage({ ...about, directory: temporaryDirectory('leader') });
  await begin(leader);
  write(leader, 40);
  const living = temporaryDirectory('living');
  const follower = openStorage({ ...about, directory: living });
  await begin(follower);
  write(follower, 5);
  await transfer(leader, await leader.createSnapshot(), follower);
  follower.model.commit();
  // What a process that is killed leaves: with the write-ahead logs, which an orderly end would fold in.
  const directory = temporaryDirectory('follower');
  cpSync(living, directory, { recursive: true, filter: (path) => !path.endsWith('-shm') });
  const prepared = {
    directory,
    staged: join(directory, 'staging', 'incoming.db'),
    model: join(directory, 'model.db'),
    oldHash: modelHash(follower.model),
    newHash: modelHash(leader.model),
  };
  leader.close();
  follower.close();
  return prepared;
}

/** Steps of the real install, in its order; each is done up to the one where the crash is. */
const steps: readonly (readonly [string, (prepared: Prepared) => void])[] = [
  [
    'the commit in raft.db',
    ({ directory }) => {
      const raft = new SqliteRaftStore(join(directory, 'raft.db'));
      raft.commitInstall({
        point: { index: 41, term: 1, timeline },
        pending: { file: 'incoming.db', index: 41, term: 1 },
        entries: entriesFrom(42, 43, 1),
      });
      raft.close();
    },
  ],
  ["the removal of the old model's write-ahead log", ({ model }) => rmSync(`${model}-wal`, { force: true })],
  ['the exchange of the files', ({ staged, model }) => replaceModel(staged, model)],
  ['the opening of the new model', ({ model }) => new SqliteModelStore(model).close()],
  [
    'the first write to the new model',
    ({ model }) => {
      const store = new SqliteModelStore(model);
      const meta = store.meta() ?? metaAt(0);
      store.transaction(() => store.putMeta({ ...meta, position: { ...meta.position, index: 42 } }));
      store.transaction(() => store.putMeta(meta));
      store.close();
    },
  ],
];

function check(
  t: { is: (a: unknown, b: unknown) => void },
  storage: Storage,
  expected: { hash: string; first: number; last: number },
): void {
  t.is(modelHash(storage.model), expected.hash);
  t.is(storage.raft.firstIndex(), expected.first);
  t.is(storage.raft.lastIndex(), expected.last);
}

test('a crash before the commit leaves everything as it was, and the snapshot staged', async (t) => {
  const prepared = await prepare();
  for (let time = 0; time < 2; time++) {
    const storage = openStorage({ ...about, directory: prepared.directory });
    check(t, storage, { hash: prepared.oldHash, first: 2, last: 6 });
    storage.close();
  }
  t.true(existsSync(prepared.staged));
});

for (const [at, [name]] of steps.entries()) {
  test(`a crash after ${name} is finished by the next opening`, async (t) => {
    const prepared = await prepare();
    for (const [, step] of steps.slice(0, at + 1)) step(prepared);
    for (let time = 0; time < 2; time++) {
      const storage = openStorage({ ...about, directory: prepared.directory });
      check(t, storage, { hash: prepared.newHash, first: 42, last: 43 });
      t.deepEqual(storage.raft.identity(), identity);
      storage.close();
    }
    t.false(existsSync(prepared.staged));
    const raft = new SqliteRaftStore(join(prepared.directory, 'raft.db'));
    t.is(raft.pendingInstall(), undefined);
    raft.close();
  });
}

test('an opening that is interrupted while it finishes an install is finished by the next one', async (t) => {
  const prepared = await prepare();
  for (const [, step] of steps.slice(0, 3)) step(prepared);
  // The note is still there, and the file is in its place: the state that such an opening leaves.
  new SqliteRaftStore(join(prepared.directory, 'raft.db')).close();
  const storage = openStorage({ ...about, directory: prepared.directory });
  check(t, storage, { hash: prepared.newHash, first: 42, last: 43 });
  storage.close();
});

test('an install waits for a snapshot that is being written, which stands where the model stood', async (t) => {
  const prepared = await prepare();
  const leader = openStorage({ ...about, directory: temporaryDirectory('leader2') });
  await begin(leader);
  write(leader, 60);
  const storage = openStorage({ ...about, directory: prepared.directory });
  const staged = await transfer(leader, await leader.createSnapshot(), storage);
  const [file] = await Promise.all([storage.createSnapshot(), storage.install({ staged })]);
  t.is(file.manifest.meta.position.index, 6);
  t.is(storage.model.meta()?.position.index, 61);
  t.deepEqual(readdirSync(join(prepared.directory, 'staging')), []);
  storage.close();
  leader.close();
});

test('begin: a crash after its commit is finished by the next opening', async (t) => {
  const directory = temporaryDirectory('begin');
  const { writeInitialModel } = await import('../../node/storage/install.js');
  const { initialConfiguration } = await import('../../node/raft/index.js');
  openStorage({ ...about, directory }).close();
  const snapshot = { index: 1, term: 1, configuration: initialConfiguration(['n1']) };
  const hardState = { term: 1, vote: '', commit: 1 };
  writeInitialModel(join(directory, 'staging'), { identity, timeline, snapshot, hardState });
  const before = openStorage({ ...about, directory });
  t.is(before.model.meta(), undefined);
  before.close();
  const raft = new SqliteRaftStore(join(directory, 'raft.db'));
  raft.commitInstall({
    point: { index: 1, term: 1, timeline },
    pending: { file: 'initial.db', index: 1, term: 1 },
    hardState,
    identity,
  });
  raft.close();
  const storage = openStorage({ ...about, directory });
  t.deepEqual(storage.model.meta()?.position, { timeline, indexType: 'raft', index: 1 });
  t.deepEqual(storage.raft.identity(), identity);
  write(storage, 3);
  storage.close();
});
