/** A controller that serves alone, on real storage: durable before it is said, bounded, and back when there is room again. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { QuorateError } from '../../messaging/index.js';
import { eventLoopScheduler, systemClock } from '../../node/cluster/clock.js';
import type { AppliedEntry } from '../../node/cluster/replica.js';
import { Standalone } from '../../node/cluster/standalone.js';
import { encodeCommand } from '../../node/model/index.js';
import { type ControllerStorage, openStorage } from '../../node/storage/index.js';
import type { SqliteModelStore } from '../../node/storage/model-store.js';
import { identity, timeline } from '../storage/storage-contract.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

interface Alone {
  readonly directory: string;
  readonly storage: ControllerStorage;
  readonly replica: Standalone;
  readonly told: AppliedEntry[];
  readonly full: boolean[];
  readonly failures: unknown[];
}

async function alone(): Promise<Alone> {
  const directory = temporaryDirectory('alone');
  const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 1_000 };
  const storage = openStorage({ ...about, directory });
  await storage.initialiseStandalone({ identity, timeline, members: [] });
  const told: AppliedEntry[] = [];
  const full: boolean[] = [];
  const failures: unknown[] = [];
  const replica = new Standalone({
    nodeId: 'n1',
    model: storage.model,
    clock: systemClock,
    scheduler: eventLoopScheduler,
    listener: {
      applied: (entries) => told.push(...entries),
      leadership: () => undefined,
      storageFull: (isFull) => full.push(isFull),
      failed: (error) => failures.push(error),
    },
  });
  replica.start();
  return { directory, storage, replica, told, full, failures };
}

const create = (id: string): Uint8Array =>
  encodeCommand({
    ...{ type: 'create', requestId: `request-${id}`, at: 1, by: 'test', kind: 'service', id, name: id, tags: {} },
    spec: { roleAttributes: [], encryptionRequired: true, terminatorStrategy: 'smartrouting' },
  });

function propose(replica: Standalone, data: Uint8Array): Promise<AppliedEntry> {
  return new Promise((resolve, reject) =>
    replica.propose(data, (outcome) => (outcome.ok ? resolve(outcome.entry) : reject(outcome.error))),
  );
}

/** What SQLite says of the connection that the model is written through. */
const syncOf = ({ storage }: Alone): string => (storage.model as SqliteModelStore).settings().synchronous;

test('commands that come together share one synced commit, and get indexes one after the other', async (t) => {
  const it = await alone();
  t.is(syncOf(it), 'FULL', 'each commit is synced: there is no log');
  const answers = await Promise.all(Array.from({ length: 20 }, (_, each) => propose(it.replica, create(`s${each}`))));
  t.deepEqual(
    answers.map(({ index }) => index),
    Array.from({ length: 20 }, (_, each) => each + 1),
  );
  t.is(it.replica.counters.syncs, 1);
  t.is(it.told.length, 20);
  t.deepEqual(it.replica.leadership(), { role: 'leader', term: 0, leader: 'n1' });
  t.is(it.replica.status(), null);
  // The answer was given with the write-ahead log on disk: another process finds all of it without any closing.
  t.true(statSync(join(it.directory, 'model.db-wal')).size > 0);
  it.replica.stop();
  t.is(syncOf(it), 'NORMAL', 'a member, which has a log, goes on without');
  await t.throwsAsync(propose(it.replica, create('late')), { code: 'stopping' });
  it.storage.close();
});

test('a request that comes again gets the first outcome, and changes nothing', async (t) => {
  const it = await alone();
  const first = await propose(it.replica, create('web'));
  const again = await propose(it.replica, create('web'));
  t.like(first.outcome, { type: 'changed', repeated: false });
  t.like(again.outcome, { type: 'changed', repeated: true, change: { index: first.index } });
  it.storage.close();
});

test('who waits for an index is called when the model stands exactly there, in the middle of a batch', async (t) => {
  const it = await alone();
  const seen: number[] = [];
  it.replica.whenApplied(7, () => seen.push(it.storage.model.meta()?.position.index ?? 0));
  await Promise.all(Array.from({ length: 12 }, (_, each) => propose(it.replica, create(`s${each}`))));
  t.deepEqual(seen, [7]);
  t.is(it.replica.appliedIndex, 12);
  it.storage.close();
});

test('too much at once is refused, and what is too large', async (t) => {
  const it = await alone();
  const answers = await Promise.allSettled(
    Array.from({ length: 16_400 }, (_, each) => propose(it.replica, create(`s${each}`))),
  );
  const refused = answers.filter(({ status }) => status === 'rejected');
  t.is(refused.length, 16);
  t.is((refused[0] as PromiseRejectedResult).reason.code, 'overloaded');
  await t.throwsAsync(propose(it.replica, new Uint8Array(600 * 1024)), { code: 'too-large' });
  it.storage.close();
});

test('a full disk refuses writes, says so, serves reads, and takes writes again when there is room', async (t) => {
  const it = await alone();
  await propose(it.replica, create('before'));
  const { model } = it.storage;
  const commit = model.commit.bind(model);
  let isFull = true;
  model.commit = () => {
    if (!isFull) return commit();
    // As SQLite does: what the transaction held is gone.
    (model as SqliteModelStore).exchange(() => undefined);
    throw new QuorateError('storage-full');
  };
  await t.throwsAsync(propose(it.replica, create('refused')), { code: 'storage-full' });
  t.is(it.replica.appliedIndex, 1, 'the index was not given away');
  t.is(model.get('service', 'refused'), undefined);
  t.is(model.get('service', 'before')?.id, 'before');
  await new Promise<void>((resolve, reject) =>
    it.replica.read((error) => (error === null ? resolve() : reject(error))),
  );
  isFull = false;
  t.is((await propose(it.replica, create('after'))).index, 2);
  t.deepEqual(it.full, [true, false]);
  t.deepEqual(it.failures, []);
  t.is(it.told.length, 2);
  it.storage.close();
});

test('any other failure of the disk ends it: what the disk holds is not known', async (t) => {
  const it = await alone();
  it.storage.model.commit = () => {
    throw new QuorateError('internal', 'the disk failed');
  };
  await t.throwsAsync(propose(it.replica, create('lost')), { code: 'internal' });
  t.is(it.failures.length, 1);
  t.is(it.told.length, 0, 'nobody heard of what is not known to be there');
});
