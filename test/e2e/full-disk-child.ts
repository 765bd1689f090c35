/**
 * Controllers whose disks fill up and get room again, in a mount namespace of its own: see full-disk.test.ts. Throws where
 * something does not hold, and says as JSON what it saw.
 */
import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { QuorateError } from '../../messaging/index.js';
import { inspectDirectory } from '../../node/storage/index.js';
import { type BackupFile, ended, fileAt, stage } from '../restore/support.js';
import { type ClusterOptions, startCluster, type TestCluster } from '../support/cluster.js';
import { runQuorate } from '../support/process.js';
import { SmallDisk } from '../support/small-disk.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { startLoad } from './load.js';

/** What a join asks for; then what is left of it. */
const joinBytes = 300 << 20;
const diskBytes = 24 << 20;
const timeoutMs = 90_000;
const said: Record<string, unknown> = {};

async function clusterOnSmallDisks(controllers: number, more: ClusterOptions = {}) {
  const disks = new Map<string, SmallDisk>();
  const options = {
    ...more,
    controllers,
    directoryOf: (id: string) => {
      const disk = new SmallDisk(path.join(temporaryDirectory(id), 'disk'), joinBytes);
      disks.set(id, disk);
      return path.join(disk.directory, 'data');
    },
  };
  const cluster = await startCluster(options);
  for (const disk of disks.values()) disk.resize(diskBytes);
  return { cluster, disks };
}

const alarmed = (cluster: TestCluster, id: string): boolean =>
  cluster
    .statuses()
    .get(id)
    ?.alarms.some(({ code }) => code === 'storage-full') === true;

const write = (cluster: TestCluster, name: string, timeoutMs: number, bytes = 0): Promise<unknown> =>
  cluster.api.request(
    'model.create',
    {
      kind: 'service',
      id: name,
      name,
      spec: {},
      tags: Object.fromEntries(Array.from({ length: bytes / 1_000 }, (_, place) => [`t${place}`, 'x'.repeat(1_000)])),
    },
    { timeoutMs },
  );

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error instanceof QuorateError ? error.code : String(error)),
  );
}

const isFull = (code: string): boolean => code === 'storage-full';

/** Large writes, so that the write-ahead logs have no page left soon; how many there were. */
async function writeUntilRefused(cluster: TestCluster, isEnough: (code: string) => boolean = isFull) {
  for (let number = 0; ; number += 1) {
    assert.ok(number < 5_000, 'the disk is full some time');
    if (isEnough(await refusal(write(cluster, `filler-${number}`, 1_000, 40_000)))) return number;
  }
}

async function doctorIsContent(cluster: TestCluster, disks: ReadonlyMap<string, SmallDisk>): Promise<void> {
  for (const [id, disk] of disks) {
    // It also asks for room.
    disk.resize(joinBytes);
    await cluster.stop(id);
    const { code, stdout } = await runQuorate(['doctor', '--data-dir', cluster.node(id).dataDirectory]);
    assert.equal(code, 0, `${id}: ${stdout}`);
  }
}

/** The leader's disk is full: it keeps running, somebody else leads, and no writer notices. */
async function leaderIsFull(): Promise<void> {
  const { cluster, disks } = await clusterOnSmallDisks(3);
  const events: string[] = [];
  cluster.api.watchEvents((event) => {
    if (event.namespace === 'cluster') events.push(event.eventType);
  });
  const load = startLoad(cluster.api, 4);
  await load.progress(100);
  const leader = await cluster.leader();
  load.longestGapMs();
  disks.get(leader)?.fill();
  const isElsewhere = (): boolean =>
    alarmed(cluster, leader) && cluster.statuses().get(leader)?.raft?.role !== 'leader';
  await writeUntilRefused(cluster, isElsewhere);
  await load.progress(200);
  said['gapMs'] = Math.round(load.longestGapMs());
  assert.equal(cluster.statuses().get(leader)?.state, 'member');
  const [first] = load.acknowledged;
  const held = await cluster.api.request(
    'model.get',
    { kind: 'service', id: first?.id, stale: true },
    { node: leader, timeoutMs: 30_000 },
  );
  assert.equal(held.entity.id, first?.id, 'it serves what it holds');
  assert.ok(cluster.node(leader).isRunning());
  // Long enough for retries, elections that it must not begin, and compaction elsewhere.
  const term = Math.max(...[...cluster.statuses().values()].map(({ raft }) => raft?.term ?? 0));
  await load.progress(500);
  assert.equal(
    Math.max(...[...cluster.statuses().values()].map(({ raft }) => raft?.term ?? 0)),
    term,
    'it disturbs nobody',
  );

  disks.get(leader)?.free();
  await cluster.waitUntil(() => !alarmed(cluster, leader), `${leader} to say that it has room`);
  await load.stop();
  assert.deepEqual(load.failures, []);
  await cluster.agrees();
  assert.ok(events.includes('storage.full') && events.includes('storage.free'));
  await cluster.transfer(leader);
  said['acknowledged'] = load.acknowledged.length;
  await doctorIsContent(cluster, disks);
  await cluster.end();
}

/** All are full: writes are refused, reads are served, nobody ends; with room they go on. */
async function allAreFull(): Promise<void> {
  const { cluster, disks } = await clusterOnSmallDisks(3);
  await write(cluster, 'before', 5_000);
  for (const disk of disks.values()) disk.fill();
  // Until the write-ahead logs have no page left to write over.
  said['written'] = await writeUntilRefused(cluster);
  const refusals: string[] = [];
  for (let number = 0; number < 10; number += 1) {
    refusals.push(await refusal(write(cluster, `refused-${number}`, 1_000)));
    const read = await cluster.api.request('model.get', { kind: 'service', id: 'before' }, { timeoutMs: 30_000 });
    assert.equal(read.entity.id, 'before', 'linearizable reads are served');
  }
  // A client whose time is over while it asks again knows of that last attempt only that.
  assert.deepEqual(
    refusals.filter((code) => code !== 'storage-full' && code !== 'timeout'),
    [],
  );
  assert.ok(refusals.includes('storage-full'), refusals.join());
  assert.ok(await cluster.leader(), 'somebody leads, for the reads');
  assert.deepEqual(
    ['n1', 'n2', 'n3'].map((id) => cluster.node(id).isRunning()),
    [true, true, true],
  );
  for (const disk of disks.values()) disk.free();
  await write(cluster, 'after', 20_000);
  await cluster.agrees();
  await cluster.waitUntil(() => !['n1', 'n2', 'n3'].some((id) => alarmed(cluster, id)), 'no alarm any more');
  await doctorIsContent(cluster, disks);
  await cluster.end();
}

/**
 * The disks fill up one after the other. Their logs were given their room in advance, so that the models are what finds none:
 * a quorum of logs is enough for whoever still has room to lead, and for reads when nobody has.
 */
async function oneAfterTheOther(): Promise<void> {
  const { cluster, disks } = await clusterOnSmallDisks(3);
  await write(cluster, 'before', 5_000);
  const read = async () => {
    const { entity } = await cluster.api.request('model.get', { kind: 'service', id: 'before' }, { timeoutMs: 30_000 });
    assert.equal(entity.id, 'before', 'linearizable reads are served');
  };
  const [last = '', ...others] = await cluster.followers();
  const full = [await cluster.leader(), ...others];
  for (const id of full) disks.get(id)?.fill();
  await writeUntilRefused(cluster, () => full.every((id) => alarmed(cluster, id)));
  await cluster.waitUntil((all) => all.get(last)?.raft?.role === 'leader', `${last}, which has room, to lead`);
  for (let number = 0; number < 20; number += 1) {
    await write(cluster, `one-has-room-${number}`, timeoutMs);
    await read();
  }
  disks.get(last)?.fill();
  said['written'] = await writeUntilRefused(cluster);
  await cluster.waitUntil(() => alarmed(cluster, last), `${last} to say that its disk is full`);
  const refusals: string[] = [];
  for (let number = 0; number < 5; number += 1) {
    refusals.push(await refusal(write(cluster, `refused-${number}`, 1_000)));
    await read();
  }
  assert.ok(
    refusals.every((code) => code === 'storage-full' || code === 'timeout'),
    refusals.join(),
  );
  // An election among full disks, too.
  const leader = await cluster.leader();
  await cluster.kill(leader);
  await read();
  for (const disk of disks.values()) disk.free();
  await cluster.restart(leader);
  await write(cluster, 'after', timeoutMs);
  await cluster.agrees();
  await cluster.waitUntil(() => !['n1', 'n2', 'n3'].some((id) => alarmed(cluster, id)), 'no alarm any more');
  await doctorIsContent(cluster, disks);
  await cluster.end();
}

/** Only the model's disk is full, the log has room: what was applied comes again from the log. */
async function modelIsFull(): Promise<void> {
  const { cluster, disks } = await clusterOnSmallDisks(3);
  const leader = await cluster.leader();
  await cluster.stop(leader);
  const disk = new SmallDisk(path.join(temporaryDirectory('model'), 'disk'), diskBytes);
  const data = cluster.node(leader).dataDirectory;
  cpSync(path.join(data, 'model.db'), path.join(disk.directory, 'model.db'));
  rmSync(path.join(data, 'model.db'));
  for (const name of ['model.db', 'model.db-wal', 'model.db-shm'])
    symlinkSync(path.join(disk.directory, name), path.join(data, name));
  await cluster.restart(leader);
  await cluster.settles();
  await cluster.transfer(leader);

  const load = startLoad(cluster.api, 4);
  await load.progress(100);
  disk.fill();
  await writeUntilRefused(cluster, () => alarmed(cluster, leader));
  await cluster.waitUntil((all) => all.get(leader)?.raft?.role !== 'leader', `${leader} not to lead`);
  await load.progress(200);
  disk.free();
  await cluster.waitUntil(() => !alarmed(cluster, leader), `${leader} to say that it has room`);
  await load.stop();
  assert.deepEqual(load.failures, []);
  await cluster.agrees();
  assert.deepEqual(await cluster.changesOf(leader), await cluster.changesOf(await cluster.leader()));
  await cluster.stop(leader);
  for (const name of ['model.db', 'model.db-wal']) {
    const there = path.join(data, name);
    rmSync(there, { force: true });
    renameIfThere(path.join(disk.directory, name), there);
  }
  rmSync(path.join(data, 'model.db-shm'), { force: true });
  await doctorIsContent(cluster, disks);
  await cluster.end();
}

function renameIfThere(from: string, to: string): void {
  try {
    cpSync(from, to);
    renameSync(from, `${from}.moved`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** One that serves alone has nobody to hand over to: writes are refused, reads are served, and with room it goes on. */
async function standaloneIsFull(): Promise<void> {
  const { cluster, disks } = await clusterOnSmallDisks(1, { standalone: true });
  const { api } = cluster;
  await write(cluster, 'before', timeoutMs);
  for (const disk of disks.values()) disk.fill();
  said['written'] = await writeUntilRefused(cluster);
  await cluster.waitUntil(() => alarmed(cluster, 'n1'), 'n1 to say that its disk is full');
  for (let number = 0; number < 5; number += 1) {
    assert.match(await refusal(write(cluster, `refused-${number}`, 1_000)), /^(storage-full|timeout)$/);
    const read = await api.request('model.get', { kind: 'service', id: 'before' }, { timeoutMs });
    assert.equal(read.entity.id, 'before', 'reads are served');
  }
  assert.ok(cluster.node('n1').isRunning());
  const acknowledged = (await cluster.modelOf('n1')).map(({ id }) => id);
  for (const disk of disks.values()) disk.free();
  await write(cluster, 'after', timeoutMs);
  await cluster.waitUntil(() => !alarmed(cluster, 'n1'), 'no alarm any more');
  // What was refused is nowhere, and what was acknowledged is there after it died, too.
  await cluster.kill('n1');
  await cluster.restart('n1');
  const isBack = async () => (await api.request('status.get', {}, { node: 'n1' })).state === 'standalone';
  await eventually(isBack, { what: 'n1 to serve again', timeoutMs });
  const held = (await cluster.modelOf('n1')).map(({ id }) => id);
  assert.deepEqual(held, ['after', ...acknowledged]);
  await doctorIsContent(cluster, disks);
  await cluster.end();
}

/** What a log needs for some entries, and far less than a copy of the model. */
const forTheLogBytes = 1 << 20;

/**
 * A restore whose switch finds no room for the new model, on these controllers: the room goes when the old model has been
 * backed up, and the next thing that is written is the entry that switches. Answers who ended over it.
 */
async function restoreWithoutRoom(
  { cluster, disks }: Awaited<ReturnType<typeof clusterOnSmallDisks>>,
  file: BackupFile,
  whom: readonly string[],
): Promise<readonly string[]> {
  const parameters = await stage(cluster.api, file);
  const stop = cluster.api.watchOperations(({ steps }) => {
    if (steps.find(({ step }) => step === 'back-up')?.state !== 'done') return;
    stop();
    for (const id of whom) disks.get(id)?.leave(forTheLogBytes);
  });
  await cluster.api.request('operation.start', parameters, { requestId: `without-room-${whom.join('-')}`, timeoutMs });
  await eventually(() => whom.every((id) => !cluster.node(id).isRunning()), { what: 'them to end', timeoutMs });
  for (const id of whom) {
    const logs = cluster.node(id).logs();
    assert.match(logs, /The restore cannot go on here: .*\(storage-full\)/);
    assert.match(logs, /Free space, and start the controller again: it goes on with the restore/);
  }
  return whom;
}

/** The disk is full when the restored model is to take its place: that member ends, says why, and goes on when there is room. */
async function fullAtTheSwitch(): Promise<void> {
  const all = await clusterOnSmallDisks(3);
  const { cluster, disks } = all;
  for (const disk of disks.values()) disk.resize(joinBytes);
  const services = async (id: string) => (await cluster.modelOf(id)).map((entity) => entity.id);
  for (let number = 0; number < 100; number += 1) await write(cluster, `kept-${number}`, timeoutMs, 40_000);
  await cluster.agrees();
  const leader = await cluster.leader();
  const made = await cluster.api.request('snapshot.create', {}, { node: leader, timeoutMs });
  const kept = path.join(temporaryDirectory('file'), 'kept.snapshot');
  cpSync(made.path, kept);
  const file = fileAt(kept);
  const expected = await services(leader);

  // One: the others go on with the restore, and it takes part as soon as it is started again.
  await write(cluster, 'lost-1', timeoutMs);
  const [one = ''] = await restoreWithoutRoom(all, file, (await cluster.followers()).slice(0, 1));
  const first = await ended(cluster.api, `without-room-${one}`, timeoutMs);
  assert.equal(first.state, 'done', JSON.stringify(first.error));
  disks.get(one)?.resize(joinBytes);
  await cluster.restart(one);
  await cluster.agrees(timeoutMs);
  assert.deepEqual(await services(one), expected);

  // All: the model is what it was until there is room, on each of them, and then the restored one.
  await write(cluster, 'lost-2', timeoutMs);
  await restoreWithoutRoom(all, file, [...disks.keys()]);
  for (const [id, disk] of disks) {
    disk.resize(joinBytes);
    const { position } = inspectDirectory(cluster.node(id).dataDirectory).model.meta ?? {};
    assert.equal(position?.timeline.epoch, 2, `${id} stands before the restore`);
  }
  await Promise.all([...disks.keys()].map((id) => cluster.restart(id)));
  const second = await ended(cluster.api, `without-room-${[...disks.keys()].join('-')}`, timeoutMs);
  assert.equal(second.state, 'done', JSON.stringify(second.error));
  await write(cluster, 'after', timeoutMs);
  await cluster.agrees(timeoutMs);
  const held = await Promise.all([...disks.keys()].map(services));
  for (const ids of held) assert.deepEqual(ids, ['after', ...expected]);
  assert.equal(cluster.statuses().get(leader)?.position?.timeline.epoch, 3);
  await doctorIsContent(cluster, disks);
  await cluster.end();
}

const scenarios = { leaderIsFull, allAreFull, oneAfterTheOther, modelIsFull, fullAtTheSwitch, standaloneIsFull };
await scenarios[process.argv[2] as keyof typeof scenarios]();
console.log(JSON.stringify(said));
process.exit(0);
