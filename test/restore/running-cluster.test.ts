/** Restore into a running cluster of real processes. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import type { Operation, OperationPlan } from '../../messaging/index.js';
import { startCluster } from '../support/cluster.js';
import { runQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { createServices, fileAt, sameHashes, servicesOf, stage } from './support.js';

test.serial('the model of a file takes the place of the present one on all members, on a new timeline', async (t) => {
  t.timeout(120_000);
  const cluster = await startCluster();
  const { api } = cluster;
  await createServices(api, 'kept', 20);
  await cluster.agrees();
  const leader = await cluster.leader();
  const made = await api.request('snapshot.create', { name: 'good.snapshot' }, { node: leader });
  await createServices(api, 'lost', 10);
  await api.request('model.update', { kind: 'service', id: 'kept0', patch: { tags: { changed: 'yes' } } });
  await api.request('model.delete', { kind: 'service', id: 'kept1' });
  const before = (await api.request('status.get', {}, { node: leader })).position;
  const parameters = await stage(api, fileAt(made.path));
  const plan = await api.request('operation.plan', parameters);
  t.true(plan.mayRun, JSON.stringify(plan.findings));
  t.regex(
    plan.findings.find(({ check }) => check === 'what-is-lost')?.sentence ?? '',
    /service: 1 come back, 1 change, 10 are lost/,
  );
  t.is(plan.confirmation, 'test');
  const operation = await cluster.run(parameters);
  t.log(operation.steps.map(({ step, detail }) => `${step}: ${detail}`));
  t.log(operation.verifications.map(({ step, detail }) => `${step}: ${detail}`));
  await cluster.agrees();
  for (const id of ['n1', 'n2', 'n3']) {
    const services = await servicesOf(cluster, id);
    t.is(services.length, 20);
    t.true(services.every((each) => each.startsWith('kept')));
    const { position } = await api.request('status.get', {}, { node: id });
    t.is(position?.timeline.epoch, (before?.timeline.epoch ?? 0) + 1);
    t.true((position?.index ?? 0) > (before?.index ?? 0), 'indexes never go back');
  }
  await sameHashes(api, ['n1', 'n2', 'n3']);
  await createServices(api, 'after', 5);
  await sameHashes(api, ['n1', 'n2', 'n3']);
  await cluster.end();
});

test.serial('quorate restore: from a file in hand and from a controller; what it asks, refuses and says', async (t) => {
  t.timeout(120_000);
  const cluster = await startCluster();
  const { api } = cluster;
  const env = { QUORATE_NATS: cluster.natsUrl, QUORATE_CLUSTER: cluster.name };
  const run = (...args: string[]) => runQuorate(['restore', ...args], { env, timeoutMs: 60_000 });
  await createServices(api, 'kept', 3);
  await cluster.agrees();
  const [follower = ''] = await cluster.followers();
  const { path: file } = await api.request('snapshot.create', { name: 'good.snapshot' }, { node: follower });
  await createServices(api, 'lost', 4);

  const empty = path.join(temporaryDirectory('files'), 'empty');
  writeFileSync(empty, '');
  const stray = path.join(temporaryDirectory('files'), 'stray.db');
  const database = new Database(stray);
  database.exec('CREATE TABLE entities (kind, id)');
  database.close();
  const damaged = path.join(temporaryDirectory('files'), 'damaged');
  writeFileSync(damaged, readFileSync(file, 'latin1').replaceAll('kept1', 'kept9'), 'latin1');
  for (const [wrong, because] of [
    [empty, /is empty/],
    [stray, /no snapshot of a controller/],
    [damaged, /do not fit their checksum|structure is damaged/],
    [path.join(empty, 'nowhere'), /there is no file/],
  ] as const) {
    const refused = await run(wrong, '--yes', '--i-understand', cluster.name);
    t.is(refused.code, 1, wrong);
    t.regex(refused.stderr, because);
    t.regex(refused.stderr, /\(snapshot-invalid\)/);
    t.notRegex(refused.stderr, /incoming\.db/, 'not a name that only the leader knows');
  }
  for (const args of [[file, '--yes'], [file, '--yes', '--i-understand', 'another'], [file]]) {
    const refused = await run(...args);
    t.is(refused.code, 1);
    t.regex(refused.stderr, /\(not-confirmed\)/);
  }
  t.is((await servicesOf(cluster, follower)).length, 7, 'nothing has changed');

  const planned = await run(file, '--dry-run', '--json');
  t.is(planned.code, 0, planned.stderr);
  const plan = JSON.parse(planned.stdout) as OperationPlan;
  t.is(plan.mayRun, true, planned.stdout);
  t.is((await servicesOf(cluster, follower)).length, 7);

  const done = await run(file, '--yes', '--i-understand', cluster.name);
  t.is(done.code, 0, done.stderr);
  t.regex(done.stdout, /good\.snapshot is restored/);
  t.deepEqual(await servicesOf(cluster, follower), ['kept0', 'kept1', 'kept2']);

  await createServices(api, 'later', 2);
  const again = await run('good.snapshot', '--node', follower, '--yes', '--i-understand', cluster.name, '--json');
  t.is(again.code, 0, again.stderr);
  t.is((JSON.parse(again.stdout) as Operation).state, 'done');
  await cluster.agrees();
  t.deepEqual(await servicesOf(cluster, follower), ['kept0', 'kept1', 'kept2']);
  const outside = await run('../raft.db', '--node', follower, '--yes', '--i-understand', cluster.name);
  t.regex(outside.stderr, /must be a file name/);
  await cluster.end();
});
