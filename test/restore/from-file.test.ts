/** `quorate restore --from FILE`: the site burned down, and this file is left. Real processes. */
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { inspectDirectory, openStorage } from '../../node/storage/index.js';
import { otherModel } from '../storage/restore-contract.js';
import { startCluster } from '../support/cluster.js';
import { startNatsServer } from '../support/nats.js';
import { type FinishedProcess, runQuorate, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { createServices, sameHashes } from './support.js';

const slowMs = 60_000;
const cluster = 'burned';

test('one command prepares a blank directory, its last line starts it, and the others join; whatever else is there is refused untouched', async (t) => {
  t.timeout(300_000);
  const running = await startCluster({ controllers: 1, name: cluster });
  const { api, natsUrl } = running;
  await createServices(api, 'kept', 5);
  const { path: made } = await api.request('snapshot.create', { name: 'left.snapshot' }, { node: 'n1' });
  const file = path.join(temporaryDirectory('file'), 'left.snapshot');
  copyFileSync(made, file);
  const directory = path.join(temporaryDirectory('ctrl1'), 'data');
  const reached = ['node', '--cluster', cluster, '--nats', natsUrl];
  const restore = (...args: readonly string[]): Promise<FinishedProcess> =>
    runQuorate(['restore', ...args, '--nats', natsUrl], { timeoutMs: slowMs });
  const begin = (from: string, ...more: readonly string[]) =>
    restore('--from', from, '--id', 'ctrl1', '--data-dir', directory, ...more);
  const refused = async (result: Promise<FinishedProcess>, code: number, expected: RegExp) => {
    const { code: found, stderr } = await result;
    t.is(found, code, stderr);
    t.regex(stderr, expected);
    t.false(existsSync(directory), 'nothing was made');
  };

  // The cluster that is to have burned down is there.
  await refused(begin(file), 1, /the cluster burned is there already: n1 .*\(cluster-exists\)/);
  const used = running.node('n1').dataDirectory;
  const intoUsed = () => restore('--from', file, '--id', 'n1', '--data-dir', used);
  await refused(intoUsed(), 1, /\(data-dir-locked\)/);
  await running.kill('n1', 'SIGKILL');
  await refused(intoUsed(), 1, /belongs to n1 of the cluster burned already \(not-blank\)/);

  const wrong = (name: string, content: string): string => {
    const at = path.join(temporaryDirectory('wrong'), name);
    writeFileSync(at, content);
    return at;
  };
  await refused(begin(wrong('empty', '')), 1, /\(snapshot-invalid\)/);
  await refused(begin(wrong('stray', 'something else')), 1, /\(snapshot-invalid\)/);
  await refused(begin(file, '--node', 'n1'), 2, /more than one source/);
  await refused(restore(file, '--from', file), 2, /more than one source/);
  const configured = { env: { QUORATE_BOOTSTRAP: 'true' }, timeoutMs: slowMs };
  const args = ['restore', '--from', file, '--id', 'ctrl1', '--data-dir', directory, '--nats', natsUrl];
  await refused(runQuorate(args, configured), 2, /more than one source .*bootstrap/);

  const dry = await begin(file, '--dry-run', '--json');
  t.is(dry.code, 0, dry.stderr);
  const plan = JSON.parse(dry.stdout);
  t.like(plan, { node: 'ctrl1', cluster, restored: false, clusterId: null, entities: { service: 5 } });
  t.false(existsSync(directory), 'a dry run makes nothing');

  const done = await begin(file);
  t.is(done.code, 0, done.stderr);
  const [start = ''] = /^ {2}quorate (node .*)$/m.exec(done.stdout)?.slice(1) ?? [];
  t.true(start.includes(directory), done.stdout);
  // Since then another cluster of this name has begun: this one does not begin beside it.
  const other = await startQuorate([
    ...reached,
    '--id',
    'ctrl9',
    '--data-dir',
    temporaryDirectory('ctrl9'),
    '--bootstrap',
  ]);
  await api.request('model.list', { kind: 'service' }, { timeoutMs: slowMs });
  const beside = await runQuorate(start.split(' '), { timeoutMs: slowMs });
  t.is(beside.code, 1);
  t.regex(beside.stderr, /the cluster burned is there already: ctrl9 .*\(cluster-exists\)/);
  await other.kill();
  const first = await startQuorate(start.split(' '), { name: 'ctrl1' });
  await startQuorate([...reached, '--id', 'ctrl2', '--data-dir', temporaryDirectory('ctrl2')]);
  const listed = await api.request('model.list', { kind: 'service', limit: 10 }, { timeoutMs: slowMs });
  t.deepEqual(
    listed.entities.map(({ id }) => id),
    ['kept0', 'kept1', 'kept2', 'kept3', 'kept4'],
  );
  const status = await api.request('status.get', {}, { node: 'ctrl1', timeoutMs: slowMs });
  t.is(status.position?.timeline.epoch, 1_001);
  t.deepEqual(status.raft?.configuration.voters, ['ctrl1']);
  const record = await eventually(
    async () => {
      const [begun] = (await api.request('operation.list', {}, { timeoutMs: slowMs })).operations;
      return begun?.finishedAt != null && begun;
    },
    { what: 'the record of how it began to end', timeoutMs: slowMs },
  );
  t.like(record.parameters, { workflow: 'new-cluster', node: 'ctrl1', name: path.basename(file) });
  t.like(record, { state: 'done', before: { voters: 0 }, after: { voters: 1 } });
  t.regex(record.origin ?? '', /@/);
  t.deepEqual(
    record.findings.map(({ check, outcome }) => [check, outcome]),
    [
      ['file-is-whole', 'ok'],
      ['directory-is-blank', 'ok'],
      ['no-such-cluster', 'ok'],
    ],
  );
  const joined = await runQuorate(['members', 'join', 'ctrl2', '--yes', '--cluster', cluster, '--nats', natsUrl], {
    timeoutMs: slowMs,
  });
  t.is(joined.code, 0, joined.stderr);
  await sameHashes(api, ['ctrl1', 'ctrl2']);
  // Whoever is in doubt and gives the command again does no harm.
  const again = await begin(file);
  t.regex(again.stderr, /\((data-dir-locked|cluster-exists)\)/);
  await first.stop();
  t.regex((await begin(file)).stderr, /\(not-blank\)/);
  await running.end();
});

test('ended at any moment of it, the same command begins again or says that it is done', async (t) => {
  t.timeout(180_000);
  const { url } = await startNatsServer();
  const source = openStorage({
    ...{ directory: temporaryDirectory('source'), clusterName: cluster, nodeId: 'old', softwareVersion: 'test' },
    now: Date.now,
  });
  const { path: file } = await otherModel(source, 200);
  source.close();
  // In the order in which they appear.
  for (const mark of ['lock.db', 'raft.db', 'model.db', 'staging', 'model.db-wal']) {
    const directory = path.join(temporaryDirectory(), 'data');
    const args = ['restore', '--from', file, '--id', 'n1', '--data-dir', directory, '--nats', url, '--json'];
    const first = await startQuorate(args);
    const isThere = () => existsSync(path.join(directory, mark)) || !first.isRunning();
    await eventually(isThere, { what: mark, timeoutMs: slowMs, intervalMs: 1 });
    await first.kill('SIGKILL');
    t.is((await runQuorate(['doctor', '--data-dir', directory], { timeoutMs: slowMs })).code, 0, mark);
    const second = await runQuorate(args, { timeoutMs: slowMs });
    if (second.code === 0) t.like(JSON.parse(second.stdout), { restored: true, entities: { service: 200 } });
    else t.regex(second.stderr, /\(not-blank\)/, mark);
    const { raft, model } = inspectDirectory(directory, { thorough: true });
    t.deepEqual([raft.damage, model.damage, model.meta?.position.timeline.epoch], [[], [], 1_001], mark);
  }
});
