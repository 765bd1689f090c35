/** What a restore promises, whatever it lies on: run against files and against memory. */
import type { TestFn } from 'ava';
import { modelHash } from '../../node/model/hash.js';
import type { ModelMeta } from '../../node/model/store.js';
import { beginTimeline } from '../../node/model/timeline.js';
import type { SnapshotFile, StagedSnapshot, Storage } from '../../node/storage/types.js';
import { entity } from './model-store-contract.js';
import { entriesFrom } from './raft-store-contract.js';
import { begin, type StorageSetting, transfer, views, write } from './storage-contract.js';

export const restoredTimeline = { id: 'timeline-2', epoch: 2 };

/** Of a model that is restored by the entry after the present position. */
export function metaAfter(storage: Storage): ModelMeta {
  const meta = storage.model.meta();
  if (meta === undefined) throw new Error('the model is blank');
  return beginTimeline(meta, {
    ...{ clusterId: meta.clusterId, configuration: meta.configuration, logTimeline: meta.logTimeline },
    timeline: restoredTimeline,
    indexType: 'raft',
    index: meta.position.index + 1,
    term: 1,
  });
}

/** Stages the file, chunk by chunk, as an operator or another member brings it. */
export async function stageRestore(from: Storage, file: SnapshotFile, to: Storage): Promise<StagedSnapshot> {
  const staging = to.beginRestore(file);
  while (staging.receivedBytes < file.sizeBytes) {
    const offset = staging.receivedBytes;
    if (!staging.writeChunk(offset, from.readSnapshotChunk(file, offset, 100_000)))
      throw new Error('a chunk was refused');
  }
  return staging.finish();
}

/** The entry that asks for it, committed, and another one behind it that is not applied. */
export function commitEntry(storage: Storage): void {
  const next = storage.raft.lastIndex() + 1;
  storage.raft.persist({ entries: entriesFrom(next, next + 1, 1) });
  storage.raft.persist({ hardState: { ...storage.raft.hardState(), commit: next + 1 } });
}

/** Another cluster of one, with so many services, of which a file was made. */
export async function otherModel(storage: Storage, services: number): Promise<SnapshotFile> {
  await begin(storage);
  write(storage, services);
  return storage.createSnapshot();
}

export function restoreContract(test: TestFn, name: string, makeSetting: (label: string) => StorageSetting): void {
  const title = (text: string) => `${name}: ${text}`;

  test(title('a restore takes entities from the file, and keeps operations, members and the log'), async (t) => {
    const source = makeSetting('source').storage();
    const file = await otherModel(source, 40);
    const setting = makeSetting('target');
    const storage = setting.storage();
    await begin(storage);
    write(storage, 5);
    const member = { id: 'n1', name: 'N', version: '1', protocol: { min: 1, max: 2 }, addresses: [], addedAt: 0 };
    storage.model.transaction(() => {
      storage.model.insert(entity('router', 'stray'), []);
      storage.model.putRecord('member', 'n1', member);
      storage.model.putRecord('gate', 'g', { version: 2, index: 3, at: 4 });
    });
    const { model } = storage;
    const { manifest } = await stageRestore(source, file, storage);
    t.deepEqual(manifest.countByKind, { service: 40 });
    t.deepEqual(await storage.compareRestore(), [
      { kind: 'router', added: 0, changed: 0, removed: 1 },
      { kind: 'service', added: 35, changed: 0, removed: 0 },
    ]);
    commitEntry(storage);
    const meta = metaAfter(storage);
    await storage.restoreModel({ sha256: file.sha256, meta });
    t.deepEqual(model.countsByKind(), { service: 40 }, 'the model that was handed out before shows the new contents');
    for (const view of views(setting)) {
      t.deepEqual(view.model.meta(), meta);
      t.deepEqual(view.model.countsByKind(), { service: 40 });
      t.deepEqual(view.model.record('member', 'n1'), member);
      t.deepEqual(view.model.record('gate', 'g'), { version: 2, index: 3, at: 4 });
      t.deepEqual(view.model.journalAfter(0, 10), [], 'history begins anew');
      t.is(view.model.outcomeOf('request-3'), undefined);
      t.is(view.model.idOfName('service', 's17'), 's17');
      t.is(view.raft.firstIndex(), 2, 'the log is what it was');
      t.is(view.raft.lastIndex(), 8);
      t.is(view.stagedRestore(), null);
    }
    setting.storage().model.transaction(() => setting.storage().model.insert(entity('router', 'after'), []));
    t.is(await setting.storage().compactLog(7), 8);
    t.deepEqual(setting.crash().model.countsByKind(), { service: 40, router: 1 });
  });

  test(title('members that restore the same file at the same entry hold the same model'), async (t) => {
    const source = makeSetting('source').storage();
    const file = await otherModel(source, 30);
    const hashes: string[] = [];
    for (const before of [3, 3]) {
      const storage = makeSetting(`member ${hashes.length}`).storage();
      await begin(storage);
      write(storage, before);
      await stageRestore(source, file, storage);
      commitEntry(storage);
      await storage.restoreModel({ sha256: file.sha256, meta: metaAfter(storage) });
      hashes.push(modelHash(storage.model));
    }
    t.is(hashes[0], hashes[1]);
  });

  test(title('what is staged for a restore survives a crash and the install of a snapshot'), async (t) => {
    const source = makeSetting('source').storage();
    const file = await otherModel(source, 40);
    const setting = makeSetting('target');
    await begin(setting.storage());
    await stageRestore(source, file, setting.storage());
    t.like(setting.crash().stagedRestore(), { sha256: file.sha256, sizeBytes: file.sizeBytes });
    const other = makeSetting('leader').storage();
    const snapshot = await otherModel(other, 20);
    await setting.storage().install({ staged: await transfer(other, snapshot, setting.storage()) });
    t.like(setting.storage().stagedRestore(), { sha256: file.sha256 });
    setting.storage().discardRestore();
    t.is(setting.crash().stagedRestore(), null);
  });

  test(title('a file that is not staged, or is another one, is not restored, and nothing changes'), async (t) => {
    const source = makeSetting('source').storage();
    const file = await otherModel(source, 40);
    const storage = makeSetting('target').storage();
    await begin(storage);
    write(storage, 5);
    commitEntry(storage);
    const hash = modelHash(storage.model);
    const request = { sha256: file.sha256, meta: metaAfter(storage) };
    await t.throwsAsync(storage.restoreModel(request), { code: 'snapshot-invalid' });
    await stageRestore(source, file, storage);
    await t.throwsAsync(storage.restoreModel({ ...request, sha256: '0'.repeat(64) }), { code: 'snapshot-invalid' });
    t.is(modelHash(storage.model), hash);
    t.is(storage.model.meta()?.position.index, 6);
  });

  test(title('a model is put only where the log holds its entry, committed'), async (t) => {
    const source = makeSetting('source').storage();
    const file = await otherModel(source, 40);
    const storage = makeSetting('target').storage();
    await begin(storage);
    write(storage, 5);
    await stageRestore(source, file, storage);
    const hash = modelHash(storage.model);
    await t.throwsAsync(storage.restoreModel({ sha256: file.sha256, meta: metaAfter(storage) }), {
      message: /fit the log/,
    });
    t.is(modelHash(storage.model), hash);
  });

  test(title('a snapshot of another member is adopted, and the log goes on behind it'), async (t) => {
    const leader = makeSetting('leader').storage();
    await begin(leader);
    write(leader, 40);
    const setting = makeSetting('follower');
    await begin(setting.storage());
    write(setting.storage(), 5);
    // Its log holds what the leader's does, and a little more.
    setting.storage().raft.persist({ entries: entriesFrom(7, 45, 1) });
    setting.storage().raft.persist({ hardState: { ...setting.storage().raft.hardState(), commit: 43 } });
    const staged = await transfer(leader, await leader.createSnapshot(), setting.storage());
    await setting.storage().adoptSnapshot(staged);
    for (const view of views(setting)) {
      t.is(modelHash(view.model), modelHash(leader.model));
      t.is(view.raft.firstIndex(), 2);
      t.is(view.raft.lastIndex(), 45);
      t.is(view.model.meta()?.position.index, 41);
    }
  });

  test(title('a history is begun on a file, with a model of its own timeline, cluster and members'), async (t) => {
    const source = makeSetting('source').storage();
    const file = await otherModel(source, 40);
    const setting = makeSetting('target');
    // A file lies where its storage finds it: on a disk of files anywhere, in memory on the disk that it was written to.
    const storage = name === 'memory' ? source : setting.storage();
    if (name === 'memory') return t.pass('a memory disk has no other disks');
    const { initialConfiguration } = await import('../../node/raft/index.js');
    const configuration = initialConfiguration(['n1']);
    await storage.initialise({
      identity: { clusterName: 'c', clusterId: 'id-2', nodeId: 'n1' },
      timeline: restoredTimeline,
      snapshot: { index: 42, term: 1, configuration },
      hardState: { term: 1, vote: '', commit: 42 },
      restoreFrom: file,
    });
    for (const view of views(setting)) {
      t.deepEqual(view.model.countsByKind(), { service: 40 });
      t.deepEqual(view.model.meta()?.position, { timeline: restoredTimeline, indexType: 'raft', index: 42 });
      t.is(view.model.meta()?.clusterId, 'id-2');
      t.deepEqual(view.model.journalAfter(0, 10), []);
      t.is(view.raft.firstIndex(), 43);
    }
  });
}
