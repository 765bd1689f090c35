/** What goes on around a restore: clients write, routers follow, a member is away and comes back. Real processes. */
import test from 'ava';
import { connectRouter, type QuorateEvent } from '../../messaging/index.js';
import { byCodeUnit } from '../../node/model/index.js';
import { inspectSnapshot } from '../../node/storage/inspect.js';
import { startCluster } from '../support/cluster.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { createServices, ended, fileAt, sameHashes, servicesOf, stage } from './support.js';

const slowMs = 120_000;

test('writers are told to wait and lose nothing, routers take the new model, who was away takes it as a snapshot', async (t) => {
  t.timeout(300_000);
  const cluster = await startCluster();
  const { api } = cluster;
  await createServices(api, 'kept', 30);
  await cluster.agrees(slowMs);
  const leader = await cluster.leader();
  const made = await api.request('snapshot.create', { name: 'good.snapshot' }, { node: leader });
  const router = await connectRouter({
    ...{ cluster: cluster.name, id: 'r1', servers: [cluster.natsUrl] },
    dataDirectory: temporaryDirectory('r1'),
  });
  await router.whenLive(slowMs);
  const [away = ''] = (await cluster.followers()).slice(-1);
  await cluster.kill(away, 'SIGKILL');
  const events: QuorateEvent[] = [];
  api.watchEvents((event) => events.push(event), 'cluster.>');

  const acknowledged: { readonly id: string; readonly epoch: number; readonly index: number }[] = [];
  let isStopped = false;
  const writing = (async () => {
    for (let number = 0; !isStopped; number += 1) {
      const id = `written${number}`;
      const { position } = await api.request(
        'model.create',
        { kind: 'service', id, name: id, spec: {} },
        { timeoutMs: slowMs },
      );
      acknowledged.push({ id, epoch: position.timeline.epoch, index: position.index });
    }
  })();
  await eventually(() => acknowledged.length > 20, { what: 'writes', timeoutMs: slowMs });
  const parameters = await stage(api, fileAt(made.path));
  await eventually(async () => (await api.request('operation.plan', parameters)).mayRun, {
    what: 'it may run',
    timeoutMs: slowMs,
  });
  const { id } = await api.request('operation.start', parameters, { timeoutMs: slowMs });
  const operation = await ended(api, id, slowMs);
  t.is(operation.state, 'done', operation.error?.message);
  const epochNow = 2;
  await eventually(() => acknowledged.filter(({ epoch }) => epoch === epochNow).length > 5, {
    what: 'writes to go on',
    timeoutMs: slowMs,
  });
  isStopped = true;
  await writing;

  // What was acknowledged before lies in the backup, without exception; what after, in the model; and indexes only rise.
  const backup = operation.steps.find(({ step }) => step === 'back-up')?.detail ?? '';
  const [, backupPath = ''] = /^in (.*) on /.exec(backup) ?? [];
  const old = acknowledged.filter(({ epoch }) => epoch < epochNow);
  const { manifest } = inspectSnapshot(backupPath);
  t.is(manifest.countByKind['service'], 30 + old.length, 'all that was ever acknowledged is in the backup');
  const after = acknowledged.filter(({ epoch }) => epoch === epochNow).map((each) => each.id);
  const present = await servicesOf(cluster, leader);
  t.deepEqual(present.filter((each) => each.startsWith('written')).length, after.length);
  for (const each of after) t.true(present.includes(each), each);
  for (const [place, each] of acknowledged.entries())
    if (place > 0) t.true(each.index > (acknowledged[place - 1]?.index ?? 0), 'indexes never go back');

  await cluster.restart(away);
  await cluster.agrees(slowMs);
  await sameHashes(api, ['n1', 'n2', 'n3']);
  t.true((await api.request('status.get', {}, { node: away })).counters['snapshotsInstalled'] === 1, 'as a snapshot');

  await eventually(() => router.model.position?.timeline.epoch === epochNow, {
    what: 'the router to stand on it',
    timeoutMs: slowMs,
  });
  await eventually(() => router.model.size === present.length, {
    what: 'the router to hold what the controllers hold',
    timeoutMs: slowMs,
    show: () => [router.model.size, present.length, router.phase, router.counters],
  });
  t.deepEqual(
    router.model
      .list('service')
      .map((each) => each.id)
      .toSorted(byCodeUnit),
    present.toSorted(byCodeUnit),
  );
  await router.close();
  t.true(events.some((event) => event.namespace === 'cluster' && event.eventType === 'model.restored'));
  await cluster.end();
});
