/** The switch on members in one process: with the file, without it, as leader and as follower, and where the disk spoils it. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Operation, QuorateError } from '../../messaging/index.js';
import { type Command, modelHash } from '../../node/model/index.js';
import { openStorage, type SnapshotFile } from '../../node/storage/index.js';
import { create, leaderOf, propose, startMember, type TestMember } from '../cluster/members.js';
import { otherModel } from '../storage/restore-contract.js';
import { startNatsServer } from '../support/nats.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { restoreOperation } from './operation.js';

const ids = ['a', 'b', 'c'];
const slowMs = 60_000;

/** A file with so many services of another history. */
async function fileOf(services: number): Promise<SnapshotFile> {
  const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 1_000 };
  const storage = openStorage({ ...about, directory: temporaryDirectory('source') });
  const file = await otherModel(storage, services);
  storage.close();
  return file;
}

async function stageOn({ storage }: TestMember, file: SnapshotFile): Promise<void> {
  const staging = storage.beginRestore(file);
  staging.writeChunk(0, readFileSync(file.path));
  await staging.finish();
}

const put = (revision: number, operation: Operation): Command => ({ type: 'operation.put', revision, operation });
const restore = (sha256: string, epoch = 2): Command => ({
  ...{ type: 'model.restore', operation: 'restore-1', sha256 },
  timeline: { id: `restored-${epoch}`, epoch },
});

async function started(): Promise<{
  readonly members: readonly TestMember[];
  readonly leader: TestMember;
  readonly url: string;
}> {
  const { url } = await startNatsServer();
  const members = await Promise.all(ids.map((id) => startMember({ id, url, voters: ids })));
  return { members, leader: await leaderOf(members), url };
}

/** All stand at the same position, on the new timeline, with the same model. */
async function agree(members: readonly TestMember[]): Promise<void> {
  await eventually(
    () => {
      if (members.some(({ storage }) => storage.model.meta()?.position.timeline.epoch !== 2)) return false;
      const metas = members.map(({ storage }) => JSON.stringify(storage.model.meta()?.position));
      return new Set(metas).size === 1 && new Set(members.map(({ storage }) => modelHash(storage.model))).size === 1;
    },
    {
      what: 'equal models',
      timeoutMs: slowMs,
      show: () => members.map(({ storage, failures }) => [storage.model.meta(), failures]),
    },
  );
}

const endAll = (members: readonly TestMember[]) => Promise.all(members.map((each) => each.stop()));

test.serial(
  'members with the file switch by the entry; writes before the pause are gone, in it refused, after it taken',
  async (t) => {
    const { members, leader } = await started();
    const file = await fileOf(50);
    for (const each of members) await stageOn(each, file);
    await propose(leader, create('before'));
    t.like(await propose(leader, put(0, restoreOperation('restore-1', file.sha256, 'running'))), { ok: true });
    const paused = create('in-the-pause');
    t.like(await propose(leader, paused), { ok: true, entry: { outcome: { type: 'refused', code: 'paused' } } });
    const [switched, behind] = await Promise.all([
      propose(leader, restore(file.sha256)),
      propose(leader, put(1, restoreOperation('restore-1', file.sha256, 'done'))),
    ]);
    t.like(switched, { ok: true, entry: { outcome: { type: 'restored', timeline: { id: 'restored-2', epoch: 2 } } } });
    t.like(behind, { ok: true, entry: { outcome: { type: 'operation', revision: 2 } } });
    t.like(
      await propose(leader, paused),
      { ok: true, entry: { outcome: { type: 'changed' } } },
      'under the same request id',
    );
    await agree(members);
    const { model, raft } = leader.storage;
    t.deepEqual(model.countsByKind(), { service: 51 });
    t.is(model.get('service', 'service-before'), undefined);
    t.deepEqual(model.meta()?.position.timeline, { id: 'restored-2', epoch: 2 });
    t.is(model.meta()?.position.index, raft.lastIndex(), 'indexes go on');
    t.is(model.changesAfter(0, 10).length, 1, 'no change of the old timeline can be asked for');
    t.is(model.changesAfter(0, 10)[0]?.previousIndex, 0);
    await endAll(members);
  },
);

test.serial(
  'who has the entry and not the file takes the model of one that has: a follower, and the leader itself',
  async (t) => {
    for (const lacking of ['follower', 'leader'] as const) {
      const { members, leader } = await started();
      const file = await fileOf(50);
      const follower = members.find((each) => each !== leader) ?? leader;
      const without = lacking === 'leader' ? leader : follower;
      for (const each of members) if (each !== without) await stageOn(each, file);
      await propose(leader, put(0, restoreOperation('restore-1', file.sha256, 'running')));
      void propose(leader, restore(file.sha256));
      await eventually(() => without.storage.model.meta()?.position.timeline.epoch === 2, {
        what: `the ${lacking} to stand on the new timeline`,
        timeoutMs: slowMs,
      });
      t.is(without.member.counters.snapshotsInstalled, 1, 'as a snapshot');
      const next = await leaderOf(members);
      await propose(next, put(1, restoreOperation('restore-1', file.sha256, 'done')));
      t.like(await propose(next, create('after')), { ok: true });
      await agree(members);
      t.deepEqual(without.storage.model.countsByKind(), { service: 51 });
      t.deepEqual(
        members.flatMap(({ failures }) => failures),
        [],
      );
      await endAll(members);
    }
  },
);

test.serial(
  'one that nobody can help waits just before the entry, stores what comes, and goes on when the file is there',
  async (t) => {
    const { members, leader } = await started();
    const file = await fileOf(20);
    await propose(leader, create('old'));
    await propose(leader, put(0, restoreOperation('restore-1', file.sha256, 'running')));
    const at = leader.storage.raft.lastIndex();
    void propose(leader, restore(file.sha256));
    await eventually(() => members.every(({ member }) => member.core.commit > at), {
      what: 'the entry to be committed',
    });
    // In a turn of its own: nothing of it may be applied.
    void propose(leader, put(1, restoreOperation('restore-1', file.sha256, 'done')));
    await eventually(() => members.every(({ storage }) => storage.raft.lastIndex() >= at + 2), {
      what: 'the log to go on',
    });
    // Some rounds of asking the others, who have nothing either.
    await eventually(() => members.every(({ member }) => member.core.commit >= at + 2), {
      what: 'all of it to be committed',
    });
    for (const { storage } of members) {
      t.is(storage.model.meta()?.position.index, at, 'never beyond data that it does not have');
      t.truthy(storage.model.get('service', 'service-old'));
    }
    await stageOn(members[2] ?? leader, file);
    await agree(members);
    t.deepEqual(leader.storage.model.countsByKind(), { service: 20 });
    await endAll(members);
  },
);

test.serial(
  'a restore is committed again, comes too late, or stands in the log twice: it happens once, or never',
  async (t) => {
    const { members, leader } = await started();
    const file = await fileOf(20);
    for (const each of members) await stageOn(each, file);
    t.like(
      await propose(leader, restore(file.sha256)),
      { ok: true, entry: { outcome: { type: 'refused' } } },
      'no operation',
    );
    await propose(leader, put(0, restoreOperation('restore-1', file.sha256, 'running')));
    const twice = await Promise.all([propose(leader, restore(file.sha256)), propose(leader, restore(file.sha256))]);
    t.like(twice[0], { ok: true, entry: { outcome: { type: 'restored' } } });
    t.like(twice[1], { ok: true, entry: { outcome: { type: 'refused' } } });
    await propose(leader, put(1, restoreOperation('restore-1', file.sha256, 'done')));
    t.like(
      await propose(leader, restore(file.sha256, 3)),
      { ok: true, entry: { outcome: { type: 'refused' } } },
      'too late',
    );
    await agree(members);
    await endAll(members);
  },
);

test.serial(
  'a member whose file was spoilt halts with the remedy, just before the entry; started again, it takes the model of another',
  async (t) => {
    const { members, leader, url } = await started();
    const file = await fileOf(50);
    const directory = temporaryDirectory('spoilt');
    const spoilt = members.find((each) => each !== leader) ?? leader;
    for (const each of members) await stageOn(each, file);
    const staged = spoilt.storage.stagedRestore();
    const bytes = readFileSync(staged?.path ?? '');
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    writeFileSync(staged?.path ?? '', bytes);
    await propose(leader, put(0, restoreOperation('restore-1', file.sha256, 'running')));
    const at = leader.storage.raft.lastIndex() + 1;
    t.like(await propose(leader, restore(file.sha256)), { ok: true });
    await eventually(() => spoilt.failures.length > 0, { what: 'it to halt' });
    const [failure] = spoilt.failures;
    t.true(failure instanceof QuorateError && failure.code === 'snapshot-invalid');
    t.regex(failure instanceof QuorateError ? failure.remedy : '', /takes the restored model from another member/);
    t.is(spoilt.storage.model.meta()?.position.index, at - 1);
    await propose(leader, put(1, restoreOperation('restore-1', file.sha256, 'done')));
    const place = (spoilt.storage.stagedRestore()?.path ?? staged?.path ?? '').replace(/\/restore\/incoming\.db$/, '');
    await spoilt.stop();
    for (const name of ['raft.db', 'model.db']) copyFileSync(join(place, name), join(directory, name));
    const again = await startMember({ id: spoilt.id, url, voters: ids, directory });
    const all = [...members.filter((each) => each !== spoilt), again];
    await agree(all);
    t.deepEqual(again.storage.model.countsByKind(), { service: 50 });
    await endAll(all);
  },
);
