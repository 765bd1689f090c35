/** A new cluster from a file alone; and that a restore meets nothing that it does not expect. Real processes. */
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { connectNats, createApiClient, type NodeStatus } from '../../messaging/index.js';
import { inspectSnapshot } from '../../node/storage/inspect.js';
import { startNatsServer } from '../support/nats.js';
import { type RunningProcess, startQuorate } from '../support/process.js';
import { seededRandom } from '../support/random.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { createServices, ended, sameHashes } from './support.js';

const slowMs = 60_000;

async function surroundings(cluster = 'burned') {
  const { url } = await startNatsServer();
  const connection = await connectNats({ servers: [url], name: 'test-restore' });
  const api = createApiClient({ connection, cluster, from: 'test', timeoutMs: slowMs });
  const start = (id: string, directory: string, ...more: readonly string[]): Promise<RunningProcess> =>
    startQuorate(['node', '--cluster', cluster, '--id', id, '--nats', url, '--data-dir', directory, ...more], {
      name: id,
    });
  const statusOf = (node: string): Promise<NodeStatus> => api.request('status.get', {}, { node });
  const leads = (node: string) =>
    eventually(async () => (await statusOf(node)).raft?.role === 'leader', {
      what: `${node} to lead`,
      timeoutMs: slowMs,
    });
  const services = async () =>
    (await api.request('model.list', { kind: 'service', limit: 1000 })).entities.map(({ id }) => id);
  return { api, start, statusOf, leads, services };
}

/** A file with so many services, written by a controller of a cluster that is gone. */
async function fileOf(count: number, prefix = 'kept'): Promise<string> {
  const { api, start, leads } = await surroundings('gone');
  const controller = await start('old', temporaryDirectory('old'), '--bootstrap');
  await leads('old');
  await createServices(api, prefix, count);
  const made = await api.request('snapshot.create', { name: 'gone.snapshot' }, { node: 'old' });
  const file = path.join(temporaryDirectory('file'), `${prefix}.snapshot`);
  copyFileSync(made.path, file);
  await controller.kill();
  return file;
}

test('a blank controller begins a new cluster on a file, the others join, and the setting is ignored from then on', async (t) => {
  t.timeout(180_000);
  const file = await fileOf(5);
  const held = inspectSnapshot(file).manifest.meta;
  const { api, start, statusOf, leads, services } = await surroundings();
  const directory = temporaryDirectory('n1');
  let first = await start('n1', directory, '--restore-from', file);
  await leads('n1');
  const status = await statusOf('n1');
  t.not(status.clusterId, held.clusterId, 'another cluster than the one that is gone');
  t.is(status.position?.timeline.epoch, held.position.timeline.epoch + 1_000);
  t.true((status.position?.index ?? 0) > held.position.index);
  t.deepEqual(await services(), ['kept0', 'kept1', 'kept2', 'kept3', 'kept4']);
  t.deepEqual(
    (await api.request('members.list', {})).members.map(({ id, role }) => `${id} ${role}`),
    ['n1 voter'],
  );
  const { operations } = await api.request('operation.list', {});
  t.deepEqual(
    operations.map(({ parameters, requestedBy }) => [parameters.workflow, requestedBy]),
    [['new-cluster', 'n1']],
    'those of before are of the cluster that is gone',
  );
  t.is((await ended(api, operations[0]?.id ?? '')).state, 'done');

  await start('n2', temporaryDirectory('n2'));
  await eventually(async () => (await statusOf('n2')).state === 'blank', { what: 'n2 to be blank', timeoutMs: slowMs });
  const { id } = await api.request('operation.start', { workflow: 'join', node: 'n2' });
  t.is((await ended(api, id)).state, 'done');
  await api.request('model.create', { kind: 'service', id: 'new', name: 'new', spec: {} });
  await sameHashes(api, ['n1', 'n2']);

  await first.kill('SIGKILL');
  first = await start('n1', directory, '--restore-from', file);
  await eventually(async () => (await statusOf('n1')).ignoredSettings.includes('restore'), {
    what: 'the setting to be reported as ignored',
    timeoutMs: slowMs,
  });
  t.true((await services()).includes('new'), 'what was there is not restored over');
  await sameHashes(api, ['n1', 'n2']);
});

test('mission failure 1: a restore that meets Raft state, a model or a second source starts as what is there or refuses by name, and never panics', async (t) => {
  t.timeout(180_000);
  const file = await fileOf(3, 'other');
  const { api, start, statusOf, leads, services } = await surroundings();
  // Raft state and a database at once: it is a member, and stays the one that it is.
  const directory = temporaryDirectory('n1');
  const member = await start('n1', directory, '--bootstrap');
  await leads('n1');
  await createServices(api, 'mine', 2);
  const before = await statusOf('n1');
  await member.kill('SIGKILL');
  const again = await start('n1', directory, '--restore-from', file);
  await leads('n1');
  const after = await statusOf('n1');
  t.deepEqual(after.ignoredSettings, ['restore']);
  t.is(after.clusterId, before.clusterId);
  t.deepEqual(after.position?.timeline, before.position?.timeline);
  t.deepEqual(await services(), ['mine0', 'mine1']);
  t.notRegex(again.logs(), /panic|unhandled|TypeError|"level":"error"/i);

  // Two sources: refused by name, before anything is touched.
  const blank = path.join(temporaryDirectory('blank'), 'data');
  const mixed = await start('n9', blank, '--bootstrap', '--restore-from', file);
  t.is((await mixed.waitForExit(slowMs)).code, 2);
  t.regex(mixed.stderr(), /--bootstrap, --restore-from/);
  t.regex(mixed.stderr(), /\(invalid-config\)/);
  t.false(existsSync(path.join(blank, 'raft.db')), 'nothing was made');

  // A cluster of this name is there: no second one is begun beside it.
  const beside = await start('n9', blank, '--restore-from', file);
  t.is((await beside.waitForExit(slowMs)).code, 1);
  t.regex(beside.stderr(), /\(cluster-exists\)/);

  // A log without its model, and a model without its log: refused with what was found.
  await again.kill('SIGKILL');
  for (const [lost, found] of [
    ['model.db', /holds a log, but the model before it is gone/],
    ['raft.db', /its log and its votes are gone/],
  ] as const) {
    const half = temporaryDirectory('half');
    for (const name of ['raft.db', 'raft.db-wal', 'model.db', 'model.db-wal'])
      if (!name.startsWith(lost)) copyFileSync(path.join(directory, name), path.join(half, name));
    const refused = await start('n1', half, '--restore-from', file);
    t.is((await refused.waitForExit(slowMs)).code, 1);
    t.regex(refused.stderr(), found);
  }
});

test('an empty, a stray and a damaged file are refused, and the controller stays blank', async (t) => {
  t.timeout(180_000);
  const { start, statusOf, leads, services } = await surroundings();
  const folder = temporaryDirectory('files');
  const empty = path.join(folder, 'empty');
  writeFileSync(empty, '');
  const stray = path.join(folder, 'stray');
  const database = new Database(stray);
  database.exec('CREATE TABLE entities (kind, id, name, body)');
  database.close();
  const nothing = await fileOf(0);
  const directory = temporaryDirectory('n1');
  for (const [wrong, because] of [
    [path.join(folder, 'nowhere'), /there is no such file/],
    [empty, /no snapshot of a controller|not a whole, undamaged snapshot/],
    [stray, /no snapshot of a controller/],
    [nothing, /holds no entities at all/],
  ] as const) {
    const refused = await start('n1', directory, '--restore-from', wrong);
    t.is((await refused.waitForExit(slowMs)).code, 1, wrong);
    t.regex(refused.stderr(), because);
    t.regex(refused.stderr(), /\(snapshot-invalid\)/);
  }
  const started = await start('n1', directory);
  await eventually(async () => (await statusOf('n1')).state === 'blank', { what: 'it to be blank', timeoutMs: slowMs });
  await started.stop();
  await start('n1', directory, '--restore-from', await fileOf(2));
  await leads('n1');
  t.deepEqual(await services(), ['kept0', 'kept1']);
});

test('killed at any moment of it, the next start begins again or is whole', async (t) => {
  t.timeout(240_000);
  const random = seededRandom(Number(process.env['QUORATE_TEST_SEED'] ?? Date.now()));
  t.log(`seed ${random.seed}`);
  const file = await fileOf(300);
  const { start, statusOf, leads, services } = await surroundings();
  const directory = temporaryDirectory('n1');
  const args = ['--restore-from', file];
  // From before its first line to the midst of the exchange and behind it.
  for (let round = 0; round < 8; round += 1) {
    const controller = await start('n1', directory, ...args);
    await new Promise((resolve) => setTimeout(resolve, random.between(0, 1_600)));
    await controller.kill('SIGKILL');
  }
  await start('n1', directory, ...args);
  await leads('n1');
  const { clusterId, position } = await statusOf('n1');
  t.truthy(clusterId);
  t.is(position?.timeline.epoch, 1_001);
  t.is((await services()).length, 300);
});
