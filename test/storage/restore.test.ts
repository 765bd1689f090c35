/** A restore exchanges the model whole or not at all: a crash after each of its steps, one by one, on real files. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decideStart } from '../../node/cluster/decide-start.js';
import { modelHash } from '../../node/model/hash.js';
import { type Command, encodeCommand } from '../../node/model/index.js';
import type { Entry } from '../../node/raft/index.js';
import { inspectDirectory, openStorage } from '../../node/storage/index.js';
import { replaceModel, restoredName } from '../../node/storage/install.js';
import { SqliteModelStore } from '../../node/storage/model-store.js';
import { SqliteRaftStore } from '../../node/storage/raft-store.js';
import { makeRestoredModel, type RestoredModel } from '../../node/storage/restored-model.js';
import { restoreOperation } from '../restore/operation.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { createOf, request, survivor } from './recover-support.js';
import { commitEntry, metaAfter, otherModel, restoredTimeline, stageRestore } from './restore-contract.js';
import { begin, write } from './storage-contract.js';

const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 1_000 };
const wish = { clusterName: 'c', nodeId: 'n1', bootstrap: false, restoreFrom: null, recover: false };

interface Prepared {
  readonly directory: string;
  readonly staged: string;
  readonly model: string;
  readonly work: RestoredModel;
  readonly oldHash: string;
  readonly newHash: string;
}

/** A member at index 6 whose log holds, committed, the entry of a restore at 7 and another one; its file is staged. */
async function prepare(): Promise<Prepared> {
  const source = openStorage({ ...about, directory: temporaryDirectory('source') });
  const file = await otherModel(source, 40);
  const living = temporaryDirectory('living');
  const storage = openStorage({ ...about, directory: living });
  await begin(storage);
  write(storage, 5);
  await stageRestore(source, file, storage);
  commitEntry(storage);
  storage.model.commit();
  const meta = metaAfter(storage);
  // What a process that is killed leaves: with the write-ahead logs, which an orderly end would fold in.
  const directory = temporaryDirectory('member');
  cpSync(living, directory, { recursive: true, filter: (path) => !path.endsWith('-shm') });
  const oldHash = modelHash(storage.model);
  await storage.restoreModel({ sha256: file.sha256, meta });
  const newHash = modelHash(storage.model);
  storage.close();
  source.close();
  const target = join(directory, 'staging', restoredName);
  const sourcePath = join(directory, 'restore', 'incoming.db');
  return {
    directory,
    staged: target,
    model: join(directory, 'model.db'),
    work: { source: sourcePath, sha256: file.sha256, target, meta, records: [] },
    oldHash,
    newHash,
  };
}

/** Steps of the real restore, in its order; each is done up to the one where the crash is. */
const steps: readonly (readonly [string, (prepared: Prepared) => void])[] = [
  ['the making of the new model', ({ work }) => makeRestoredModel(work)],
  [
    'the commit in raft.db',
    ({ directory }) => {
      const raft = new SqliteRaftStore(join(directory, 'raft.db'));
      // Learned again after a start; a commit index alone costs no write of its own.
      raft.persist({ hardState: { ...raft.hardState(), commit: 8 } });
      raft.commitExchange({ file: restoredName, index: 7, term: 1 });
      raft.close();
    },
  ],
  ["the removal of the old model's write-ahead log", ({ model }) => rmSync(`${model}-wal`, { force: true })],
  ['the exchange of the files', ({ staged, model }) => replaceModel(staged, model)],
  ['the opening of the new model', ({ model }) => new SqliteModelStore(model).close()],
];

async function restoredAgain(t: ExecutionContext, { directory, work, newHash }: Prepared): Promise<void> {
  const storage = openStorage({ ...about, directory });
  storage.raft.persist({ hardState: { ...storage.raft.hardState(), commit: 8 } });
  await storage.restoreModel({ sha256: work.sha256, meta: work.meta });
  t.is(modelHash(storage.model), newHash);
  storage.close();
}

for (const [at, [name]] of steps.entries()) {
  const isCommitted = at > 0;
  test(`a crash after ${name}: ${isCommitted ? 'the next opening finishes it' : 'nothing has changed, and it begins again'}`, async (t) => {
    const prepared = await prepare();
    for (const [, step] of steps.slice(0, at + 1)) step(prepared);
    t.is(decideStart(inspectDirectory(prepared.directory), wish).outcome, 'start-member');
    for (let time = 0; time < 2; time++) {
      const storage = openStorage({ ...about, directory: prepared.directory });
      t.is(modelHash(storage.model), isCommitted ? prepared.newHash : prepared.oldHash);
      t.is(storage.model.meta()?.position.index, isCommitted ? 7 : 6);
      t.is(storage.raft.firstIndex(), 2, 'the log is what it was');
      t.is(storage.raft.lastIndex(), 8);
      t.is(storage.stagedRestore() === null, isCommitted);
      storage.close();
    }
    t.is(decideStart(inspectDirectory(prepared.directory), wish).outcome, 'start-member');
    if (isCommitted) t.deepEqual(readdirSync(join(prepared.directory, 'restore')), []);
    else await restoredAgain(t, prepared);
  });
}

test('a file whose bytes have changed since it was verified is not restored, and is thrown away', async (t) => {
  const { directory, work, oldHash } = await prepare();
  const bytes = readFileSync(work.source);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(work.source, bytes);
  const storage = openStorage({ ...about, directory });
  await t.throwsAsync(storage.restoreModel({ sha256: work.sha256, meta: work.meta }), { code: 'snapshot-invalid' });
  t.is(modelHash(storage.model), oldHash);
  t.is(storage.stagedRestore(), null);
  storage.close();
});

test('the model of a restore that was committed and is gone is damage, and not an empty model', async (t) => {
  const prepared = await prepare();
  for (const [, step] of steps.slice(0, 2)) step(prepared);
  rmSync(prepared.staged);
  const decided = decideStart(inspectDirectory(prepared.directory), wish);
  t.true(decided.outcome === 'refuse' && decided.code === 'damaged');
  t.throws(() => openStorage({ ...about, directory: prepared.directory }), { code: 'damaged' });
  t.true(existsSync(prepared.model));
});

for (const found of ['whole', 'not here', 'damaged'] as const) {
  const isHere = found === 'whole';
  test(`a survivor that is recovered with a restore in its log ${isHere ? 'carries it out' : `stays before it, where the file is ${found}`}, whole`, async (t) => {
    const source = openStorage({ ...about, directory: temporaryDirectory('source') });
    const file = await otherModel(source, 40);
    const storage = await survivor(temporaryDirectory('survivor'));
    if (found !== 'not here') await stageRestore(source, file, storage);
    const staged = storage.stagedRestore();
    if (found === 'damaged' && staged !== null) {
      const bytes = readFileSync(staged.path);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(staged.path, bytes);
    }
    const operation = restoreOperation('restore-1', file.sha256, 'running');
    const commands: readonly Command[] = [
      { type: 'operation.put', revision: 0, operation },
      { type: 'model.restore', operation: 'restore-1', sha256: file.sha256, timeline: restoredTimeline },
      { type: 'operation.put', revision: 1, operation: restoreOperation('restore-1', file.sha256, 'done') },
    ];
    const first = storage.raft.lastIndex() + 1;
    const entries = commands.map(
      (command, at): Entry => ({ type: 'normal', index: first + at, term: 5, data: encodeCommand(command) }),
    );
    storage.raft.persist({ entries: [...entries, createOf(first + 3, 5)] });
    const { meta } = await storage.recover({ ...request, timeline: { id: 'recovered', epoch: 2 } });
    t.is(meta.writesPausedBy, undefined, 'nothing stays paused');
    t.is(meta.position.timeline.id, 'recovered');
    t.is(meta.position.timeline.epoch, isHere ? 3 : 2, 'higher than all that went into it');
    t.true(meta.position.index > first + 3);
    // Restored, with what was written after it; or all of the old model, and nothing that was meant for the new one.
    t.deepEqual(storage.model.countsByKind(), { service: isHere ? 41 : 40 });
    t.is(storage.model.get('service', `s${first + 3}`) !== undefined, isHere);
    t.is(storage.model.record('operation', 'restore-1')?.operation.state === 'running', false);
    storage.close();
    source.close();
  });
}
