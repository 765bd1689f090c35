/** What a data directory promises as a whole, whatever it lies on: run against files and against memory. */

import { createHash } from 'node:crypto';
import type { ExecutionContext, TestFn } from 'ava';
import { modelHash } from '../../node/model/hash.js';
import { initialConfiguration } from '../../node/raft/index.js';
import type { SnapshotFile, StagedSnapshot, Staging, Storage } from '../../node/storage/types.js';
import { change, entity } from './model-store-contract.js';
import { entriesFrom } from './raft-store-contract.js';

/** One data directory. */
export interface StorageSetting {
  readonly storage: () => Storage;
  /** The process ends without closing anything, and another one opens what is there. */
  readonly crash: () => Storage;
}

export const identity = { clusterName: 'c', clusterId: 'id-1', nodeId: 'n1' };
export const timeline = { id: 'timeline-1', epoch: 1 };

/** The storage as it is, and as it is found after a crash. */
export function* views(setting: StorageSetting): Generator<Storage> {
  yield setting.storage();
  yield setting.crash();
}

/** Begins a cluster of one on a blank storage. */
export async function begin(storage: Storage): Promise<void> {
  const snapshot = { index: 1, term: 1, configuration: initialConfiguration(['n1']) };
  await storage.initialise({ identity, timeline, snapshot, hardState: { term: 1, vote: '', commit: 1 } });
}

/** Writes so many entries to the log and applies them: each creates a service. */
export function write(storage: Storage, count: number): void {
  const first = storage.raft.lastIndex() + 1;
  const last = first + count - 1;
  storage.raft.persist({ entries: entriesFrom(first, last, 1) });
  storage.raft.persist({ hardState: { ...storage.raft.hardState(), commit: last } });
  storage.model.transaction(() => {
    for (let index = first; index <= last; index++) {
      const created = entity('service', `s${index}`);
      storage.model.insert(created, []);
      storage.model.appendJournal(change(index, created));
    }
    const meta = storage.model.meta();
    if (meta === undefined) throw new Error('the model is blank');
    storage.model.putMeta({ ...meta, position: { ...meta.position, index: last }, lastChangeIndex: last });
  });
}

/** Takes a snapshot over, chunk by chunk, as a follower does. */
export async function transfer(
  from: Storage,
  file: SnapshotFile,
  to: Storage,
  chunkBytes = 1_000,
): Promise<StagedSnapshot> {
  const staging = to.beginStaging(file);
  copyChunks(from, file, staging, file.sizeBytes, chunkBytes);
  return staging.finish();
}

function copyChunks(from: Storage, file: SnapshotFile, staging: Staging, until: number, chunkBytes = 1_000): void {
  while (staging.receivedBytes < Math.min(until, file.sizeBytes)) {
    const offset = staging.receivedBytes;
    if (!staging.writeChunk(offset, from.readSnapshotChunk(file, offset, chunkBytes)))
      throw new Error('a chunk was refused');
  }
}

async function rejected(t: ExecutionContext, work: Promise<unknown>, code: string): Promise<void> {
  await t.throwsAsync(work, { code });
}

export function storageContract(test: TestFn, name: string, makeSetting: (label: string) => StorageSetting): void {
  const title = (text: string) => `${name}: ${text}`;

  test(title('a blank directory is opened again and again, and stays blank'), async (t) => {
    const setting = makeSetting('blank');
    for (let time = 1; time <= 3; time++) {
      const storage = time === 1 ? setting.storage() : setting.crash();
      t.is(storage.model.meta(), undefined);
      t.is(storage.raft.lastIndex(), 0);
      t.is(storage.raft.identity(), null);
      t.is(storage.raft.incarnation(), time);
    }
    await rejected(t, setting.storage().createSnapshot(), 'invalid-request');
  });

  test(title('a history is begun once, with its identity, timeline and members'), async (t) => {
    const setting = makeSetting('begin');
    await begin(setting.storage());
    for (const storage of views(setting)) {
      t.deepEqual(storage.raft.identity(), identity);
      t.deepEqual(storage.raft.compactionPoint(), { index: 1, term: 1, timeline });
      t.deepEqual(storage.raft.hardState(), { term: 1, vote: '', commit: 1 });
      t.deepEqual(storage.model.meta()?.position, { timeline, indexType: 'raft', index: 1 });
      t.deepEqual(storage.model.meta()?.configuration.voters, ['n1']);
    }
    await rejected(t, begin(setting.storage()), 'ambiguous-state');
  });

  test(title('log and model are there after a crash'), async (t) => {
    const setting = makeSetting('crash');
    await begin(setting.storage());
    write(setting.storage(), 50);
    const hash = modelHash(setting.storage().model);
    const storage = setting.crash();
    t.is(storage.raft.lastIndex(), 51);
    t.is(storage.model.meta()?.position.index, 51);
    t.is(modelHash(storage.model), hash);
  });

  test(title('compaction drops what the model holds durably, and never more'), async (t) => {
    const setting = makeSetting('compact');
    await begin(setting.storage());
    write(setting.storage(), 50);
    setting.storage().raft.persist({ entries: entriesFrom(52, 60, 1) });
    t.is(await setting.storage().compactLog(41), 42);
    t.is(setting.storage().raft.term(41), 1);
    t.is(await setting.storage().compactLog(10), 42, 'never back');
    t.is(await setting.storage().compactLog(1_000), 52, 'not what is not applied');
    for (const storage of views(setting)) {
      t.is(storage.raft.firstIndex(), 52);
      t.is(storage.raft.lastIndex(), 60);
      t.deepEqual(storage.raft.compactionPoint(), { index: 51, term: 1, timeline });
    }
  });

  test(title('a snapshot says where it stands and what is in it, whatever is written meanwhile'), async (t) => {
    const setting = makeSetting('snapshot');
    await begin(setting.storage());
    write(setting.storage(), 20);
    const pending = setting.storage().createSnapshot();
    write(setting.storage(), 10);
    const file = await pending;
    const { index } = file.manifest.meta.position;
    t.true(index === 21 || index === 31);
    t.deepEqual(file.manifest.countByKind, { service: index - 1 });
    t.is(file.manifest.clusterName, 'c');
    t.is(file.manifest.createdBy, 'n1');
    t.deepEqual(file.manifest.meta.configuration, initialConfiguration(['n1']));
    await rejected(t, setting.storage().createSnapshot(file.path), 'invalid-request');
  });

  test(
    title('followers that ask at the same time get the same snapshot, and a newer one where it is too old'),
    async (t) => {
      const setting = makeSetting('followers');
      const storage = setting.storage();
      await begin(storage);
      write(storage, 5);
      const [first, second] = await Promise.all([storage.snapshotForFollowers(3), storage.snapshotForFollowers(6)]);
      t.is(first?.sha256, second?.sha256);
      write(storage, 5);
      t.is((await storage.snapshotForFollowers(6)).sha256, first?.sha256, 'still good enough');
      const newer = await storage.snapshotForFollowers(11);
      t.is(newer.manifest.meta.position.index, 11);
      await rejected(t, storage.snapshotForFollowers(12), 'invalid-request');
    },
  );

  test(title('a snapshot that came damaged to a follower is not offered again'), async (t) => {
    const storage = makeSetting('spoilt').storage();
    await begin(storage);
    write(storage, 5);
    const first = await storage.snapshotForFollowers(6);
    t.is(await storage.snapshotForFollowers(6, '0'.repeat(64)), first, 'it was another one');
    const second = await storage.snapshotForFollowers(6, first.sha256);
    t.not(second, first);
    t.is(await storage.snapshotForFollowers(6), second, 'nor to anybody else');
  });

  test(title('a follower takes a snapshot over whole: log, model and identity'), async (t) => {
    const leader = makeSetting('leader').storage();
    await begin(leader);
    write(leader, 40);
    const setting = makeSetting('follower');
    const staged = await transfer(leader, await leader.createSnapshot(), setting.storage());
    t.deepEqual(staged.snapshot, { index: 41, term: 1, configuration: initialConfiguration(['n1']) });
    t.is(setting.storage().model.meta(), undefined, 'staged is not installed');
    const { model } = setting.storage();
    await setting.storage().install({
      staged,
      identity: { ...identity, nodeId: 'n2' },
      hardState: { term: 3, vote: 'n1', commit: 41 },
      entries: entriesFrom(42, 43, 2),
    });
    t.is(modelHash(model), modelHash(leader.model), 'the model that was handed out before shows the new contents');
    for (const storage of views(setting)) {
      t.is(modelHash(storage.model), modelHash(leader.model));
      t.deepEqual(storage.model.countsByKind(), { service: 40 });
      t.is(storage.model.outcomeOf('request-17')?.index, 17);
      t.deepEqual(storage.raft.compactionPoint(), { index: 41, term: 1, timeline });
      t.is(storage.raft.lastIndex(), 43);
      t.deepEqual(storage.raft.hardState(), { term: 3, vote: 'n1', commit: 41 });
      t.deepEqual(storage.raft.identity(), { ...identity, nodeId: 'n2' });
    }
    setting.storage().raft.persist({ entries: entriesFrom(44, 45, 3) });
    t.is(setting.crash().raft.lastIndex(), 45);
  });

  test(title('an install replaces all that was there'), async (t) => {
    const leader = makeSetting('leader').storage();
    await begin(leader);
    write(leader, 40);
    const setting = makeSetting('old follower');
    await begin(setting.storage());
    write(setting.storage(), 5);
    setting.storage().model.transaction(() => setting.storage().model.insert(entity('router', 'stray'), []));
    const staged = await transfer(leader, await leader.createSnapshot(), setting.storage());
    await setting.storage().install({ staged });
    for (const storage of views(setting)) {
      t.is(modelHash(storage.model), modelHash(leader.model));
      t.is(storage.raft.firstIndex(), 42);
      t.is(storage.raft.hardState().commit, 41);
    }
    write(setting.storage(), 3);
    t.is(setting.crash().model.meta()?.position.index, 44);
  });

  test(title('a transfer goes on where it stopped, also after a crash'), async (t) => {
    const leader = makeSetting('leader').storage();
    await begin(leader);
    write(leader, 40);
    const file = await leader.createSnapshot();
    const setting = makeSetting('follower');
    copyChunks(leader, file, setting.storage().beginStaging(file), 5_000);
    const staging = setting.crash().beginStaging({ sizeBytes: file.sizeBytes, sha256: file.sha256 });
    t.is(staging.receivedBytes, 5_000);
    t.false(staging.writeChunk(4_000, new Uint8Array(1_000)), 'not what is there already');
    t.false(staging.writeChunk(6_000, new Uint8Array(1_000)), 'not what leaves a gap');
    t.false(staging.writeChunk(5_000, new Uint8Array(file.sizeBytes)), 'not more than there is');
    copyChunks(leader, file, staging, file.sizeBytes);
    await setting.storage().install({ staged: await staging.finish(), identity });
    t.is(modelHash(setting.storage().model), modelHash(leader.model));
  });

  test(title('another snapshot than the one that was begun begins anew'), async (t) => {
    const leader = makeSetting('leader').storage();
    await begin(leader);
    const first = await leader.createSnapshot();
    write(leader, 40);
    const second = await leader.createSnapshot();
    const follower = makeSetting('follower').storage();
    copyChunks(leader, first, follower.beginStaging(first), 1_000);
    const staging = follower.beginStaging(second);
    t.is(staging.receivedBytes, 0);
    staging.writeChunk(0, leader.readSnapshotChunk(second, 0, 1_000));
    staging.discard();
    t.is(follower.beginStaging(second).receivedBytes, 0);
    t.is((await transfer(leader, second, follower)).snapshot.index, 41);
  });

  test(title('a snapshot that came damaged or short is refused and forgotten'), async (t) => {
    const leader = makeSetting('leader').storage();
    await begin(leader);
    write(leader, 40);
    const file = await leader.createSnapshot();
    const follower = makeSetting('follower').storage();
    const short = follower.beginStaging(file);
    copyChunks(leader, file, short, 1_000);
    await rejected(t, short.finish(), 'snapshot-invalid');
    short.discard();

    const whole = Buffer.from(leader.readSnapshotChunk(file, 0, file.sizeBytes));
    for (const at of [20, Math.floor(whole.length / 2), whole.length - 1]) {
      const damaged = Uint8Array.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      const staging = follower.beginStaging(file);
      t.is(staging.receivedBytes, 0);
      t.true(staging.writeChunk(0, damaged));
      await rejected(t, staging.finish(), 'snapshot-invalid');
    }
    const nonsense = Buffer.from('no snapshot at all');
    const staging = follower.beginStaging({
      sizeBytes: nonsense.length,
      sha256: createHash('sha256').update(nonsense).digest('hex'),
    });
    t.true(staging.writeChunk(0, nonsense));
    await rejected(t, staging.finish(), 'snapshot-invalid');
    t.is(follower.model.meta(), undefined);
  });
}
