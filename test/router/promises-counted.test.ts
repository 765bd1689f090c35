/**
 * Events counted at both ends, among real processes: what clients were told is written, what the journal of the controllers holds,
 * and what each of many routers got. None lost, none applied twice, none refused as old. `npm run bench:routers -- --routers 10000`
 * does the same with many.
 */
import test, { type ExecutionContext } from 'ava';
import { entitiesSha256 } from '../../messaging/index.js';
import { fileAt, stage } from '../restore/support.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { CountedLoad, differences, inJournal, servingNode } from '../support/counted-load.js';
import { createFleet, type Fleet, type FleetReport } from '../support/fleet.js';
import { eventually } from '../support/wait.js';

const patienceMs = 90_000;
const writers = 4;
const routers = 20;
const countedEntities = 8;
test.beforeEach((t) => t.timeout(6 * patienceMs));

const loadOn = (cluster: TestCluster): CountedLoad =>
  new CountedLoad(cluster, { writers, entities: countedEntities, timeoutMs: patienceMs });

/** What the leader holds, in the part of it that concerns every router. */
async function leaderHash(cluster: TestCluster, scope: 'whole' | 'own'): Promise<string> {
  const model = await cluster.modelOf(await servingNode(cluster));
  return entitiesSha256(model.filter(({ kind, id }) => kind !== 'router' && (scope === 'whole' || id !== 'elsewhere')));
}

/** At the far end: each router got each change once, and holds what the leader holds. Returns what they report. */
async function allGotAll(
  t: ExecutionContext,
  cluster: TestCluster,
  fleet: Fleet,
  load: CountedLoad,
): Promise<FleetReport> {
  const report = await fleet.reaches(load.lastIndex, patienceMs, load.timeline);
  t.deepEqual(await differences(cluster, report), []);
  t.deepEqual(await fleet.modelHashes(), [await leaderHash(cluster, fleet.scope)]);
  const shown = ['events', 'changesFetched', 'duplicates', 'gaps', 'resyncs', 'hellos', 'staleEvents'];
  t.log(fleet.scope, shown.map((name) => `${name} ${report.counters[name]}`).join(', '));
  return report;
}

async function fleetOf(cluster: TestCluster, prefix: string, scope: 'whole' | 'own'): Promise<Fleet> {
  const fleet = createFleet({ cluster: cluster.name, servers: [cluster.natsUrl], routers, scope, prefix });
  await fleet.start(patienceMs);
  return fleet;
}

async function fleetsOn(t: ExecutionContext, cluster: TestCluster): Promise<readonly Fleet[]> {
  const fleets = await Promise.all([fleetOf(cluster, 'own', 'own'), fleetOf(cluster, 'whole', 'whole')]);
  t.teardown(() => Promise.all(fleets.map((fleet) => fleet.end())));
  return fleets;
}

async function createModel(cluster: TestCluster): Promise<void> {
  const create = (kind: string, id: string, spec: Record<string, unknown>) =>
    cluster.api.request('model.create', { kind, id, name: id, spec });
  await create('policy', 'everywhere', { type: 'Dial', routerRoles: ['#all'], serviceRoles: ['#public'] });
  for (let index = 0; index < countedEntities; index += 1)
    await create('service', `counted-${index}`, { roleAttributes: ['public'] });
  for (let index = 0; index < routers; index += 1) await create('router', `own-${String(index).padStart(5, '0')}`, {});
  await create('service', 'elsewhere', { roleAttributes: ['private'] });
  if (cluster.statuses().size > 1) await cluster.settles(patienceMs);
}

test('events are counted at both ends through the kill of a leader, the kill of the nats-server, and a member that comes back: none lost, none twice, none refused as old', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  t.teardown(() => cluster.end());
  await createModel(cluster);
  const offline: string[] = [];
  cluster.api.watchEvents((event) => {
    if (event.namespace === 'router' && event.event_type === 'router-offline') offline.push(event.message ?? '');
  }, 'router.>');
  const fleets = await fleetsOn(t, cluster);
  const load = loadOn(cluster);
  await load.progress(60);
  const killed = await cluster.leader();
  await cluster.kill(killed);
  await load.progress(60);
  await cluster.nats.kill();
  for (const fleet of fleets)
    await eventually(async () => (await fleet.report()).connected === 0, {
      what: 'the routers to notice',
      timeoutMs: patienceMs,
    });
  await cluster.nats.restart();
  await load.progress(60);
  await cluster.restart(killed);
  await load.progress(60);
  await load.stop();
  t.deepEqual((await inJournal(cluster))(0).toSorted(byNumber), load.acknowledged.toSorted(byNumber));
  for (const fleet of fleets) {
    const report = await allGotAll(t, cluster, fleet, load);
    t.is(report.counters['resyncs'], routers, 'only the first of each');
    t.is(report.counters['staleEvents'], 0);
    t.is(report.counters['endpointsRefused'], 0);
  }
  t.deepEqual(offline, []);
});

test('events are counted at both ends through a restore: every router comes to the new history, and from there on gets each once', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  t.teardown(() => cluster.end());
  await createModel(cluster);
  const fleets = await fleetsOn(t, cluster);
  const load = loadOn(cluster);
  await load.progress(40);
  const leader = await cluster.leader();
  const { path } = await cluster.api.request('snapshot.create', { name: 'counted.snapshot' }, { node: leader });
  await load.progress(40);
  const before = load.timeline;
  await cluster.run(await stage(cluster.api, fileAt(path)), patienceMs);
  await load.progress(60);
  await load.stop();
  t.not(load.timeline, before);
  for (const fleet of fleets) {
    const report = await allGotAll(t, cluster, fleet, load);
    t.true((report.counters['resyncs'] ?? 0) >= 2 * routers, 'each took the whole model again');
    // Of a member that had not switched yet, if at all: a list of the history that was left behind is refused.
    t.true((report.counters['endpointsRefused'] ?? 0) <= report.routers);
  }
});

test('events are counted at both ends through a migration and a rollback: small indexes after large ones are new all the same', async (t) => {
  const cluster = await startCluster({ standalone: true });
  t.teardown(() => cluster.end());
  await createModel(cluster);
  const fleets = await fleetsOn(t, cluster);
  const load = loadOn(cluster);
  for (const workflow of ['migrate', 'rollback', 'migrate'] as const) {
    await load.progress(50);
    const before = load.timeline;
    await cluster.run({ workflow }, patienceMs);
    await load.progress(20);
    t.not(load.timeline, before);
  }
  await load.stop();
  for (const fleet of fleets) {
    const report = await allGotAll(t, cluster, fleet, load);
    t.true((report.counters['resyncs'] ?? 0) >= 4 * routers, 'each took the whole model at each new history');
  }
});

const byNumber = (one: number, other: number): number => one - other;
