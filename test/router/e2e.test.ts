/** Routers on real controllers, as processes: leaders are killed, and no router misses anything. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  connectRouter,
  endpointFileName,
  type QuorateEvent,
  type RouterChange,
  type RouterClient,
} from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { sorted } from './support/source.js';

const patienceMs = 60_000;
test.beforeEach((t) => t.timeout(3 * patienceMs));

interface Followed {
  readonly client: RouterClient;
  readonly changes: RouterChange[];
}

async function follow(t: ExecutionContext, cluster: TestCluster, id: string): Promise<Followed> {
  const client = await connectRouter({
    cluster: cluster.name,
    id,
    servers: [cluster.natsUrl],
    dataDirectory: temporaryDirectory(id),
  });
  t.teardown(() => client.close());
  const changes: RouterChange[] = [];
  client.on('change', (change) => changes.push(change));
  await client.whenLive(patienceMs);
  return { client, changes };
}

async function clusterFor(t: ExecutionContext, routers = 0): Promise<TestCluster> {
  const cluster = await startCluster({ controllers: 3, routers });
  t.teardown(() => cluster.end());
  return cluster;
}

/** Writes one entity after another until it is told to stop; returns the names of those that were acknowledged. */
function writing(cluster: TestCluster): { readonly written: string[]; stop(): Promise<void> } {
  const written: string[] = [];
  let isStopped = false;
  const done = (async () => {
    for (let index = 0; !isStopped; index += 1) {
      const name = `service-${index}`;
      await cluster.api.request('model.create', { kind: 'service', name, id: name }, { timeoutMs: patienceMs });
      written.push(name);
    }
  })();
  return {
    written,
    stop: () => {
      isStopped = true;
      return done;
    },
  };
}

async function hasEverything(t: ExecutionContext, cluster: TestCluster, { client, changes }: Followed): Promise<void> {
  const leader = await cluster.leader();
  const model = async () => sorted(await cluster.modelOf(leader));
  const mine = () => sorted(client.model.kinds().flatMap((kind) => client.model.list(kind)));
  await eventually(async () => JSON.stringify(mine()) === JSON.stringify(await model()), {
    what: 'the router to have the model of the controllers',
    timeoutMs: patienceMs,
    intervalMs: 100,
    show: () => ({
      phase: client.phase,
      size: client.model.size,
      position: client.model.position,
      counters: client.counters,
    }),
  });
  // Each exactly once, in the order of the journal.
  const journal = (await cluster.changesOf(leader)).map((change) => change.position.index);
  const seen = changes.filter((change) => change.source !== 'model').map((change) => change.position.index);
  t.deepEqual(seen, journal.slice(journal.length - seen.length));
}

test('kill -9 of the leader under load: the routers follow, nothing lost, nothing twice, nobody called offline', async (t) => {
  const cluster = await clusterFor(t);
  const events: QuorateEvent[] = [];
  cluster.api.watchEvents((event) => events.push(event), 'router.>');
  const routers = await Promise.all(['r1', 'r2', 'r3'].map((id) => follow(t, cluster, id)));
  const load = writing(cluster);
  for (let round = 0; round < 2; round += 1) {
    const before = load.written.length;
    await eventually(() => load.written.length > before + 50, { what: 'writes', timeoutMs: patienceMs });
    const leader = await cluster.leader();
    await cluster.kill(leader);
    const atKill = load.written.length;
    await eventually(() => load.written.length > atKill + 50, { what: 'writes after the kill', timeoutMs: patienceMs });
    await cluster.restart(leader);
    await cluster.settles(patienceMs);
  }
  await load.stop();
  for (const router of routers) {
    await hasEverything(t, cluster, router);
    t.is(router.client.counters.resyncs, 1, 'only the first');
    for (const name of load.written)
      if (router.client.model.get('service', name) === undefined) t.fail(`${name} is missing`);
    t.is(router.changes.filter((change) => change.source !== 'model').length, load.written.length);
  }
  t.deepEqual(
    events.flatMap((event) =>
      event.namespace === 'router' && event.event_type === 'router-offline' ? [event.message] : [],
    ),
    [],
  );
  t.log(`${load.written.length} writes`, routers.map((router) => JSON.stringify(router.client.counters)).join('\n'));
});

test('a killed nats-server that comes back, under load: the routers have everything', async (t) => {
  const cluster = await clusterFor(t);
  const router = await follow(t, cluster, 'r1');
  const load = writing(cluster);
  await eventually(() => load.written.length > 50, { what: 'writes', timeoutMs: patienceMs });
  await cluster.nats.kill();
  await eventually(() => router.client.phase === 'disconnected', {
    what: 'the router to notice',
    timeoutMs: patienceMs,
  });
  await cluster.nats.restart();
  const atRestart = load.written.length;
  await eventually(() => load.written.length > atRestart + 50, {
    what: 'writes after the restart',
    timeoutMs: patienceMs,
  });
  await load.stop();
  await hasEverything(t, cluster, router);
});

test('a change of membership reaches the routers, and the reference router runs as a process', async (t) => {
  const cluster = await clusterFor(t, 1);
  const { client } = await follow(t, cluster, 'r2');
  const ids = () => client.endpoints?.controllers.map((each) => each.id);
  t.deepEqual(ids(), ['n1', 'n2', 'n3']);
  await eventually(
    async () => {
      const { routers } = await cluster.api.request('routers.list', {});
      return (
        routers
          .filter((router) => router.online && router.inSync)
          .map((router) => router.id)
          .join() === 'r1,r2'
      );
    },
    { what: 'both routers to be shown online and in sync', timeoutMs: patienceMs, intervalMs: 200 },
  );
  const [follower = ''] = await cluster.followers();
  await cluster.remove(follower);
  await eventually(() => ids()?.length === 2 && !ids()?.includes(follower), {
    what: 'the list without it',
    timeoutMs: patienceMs,
  });
  t.pass();
});

test('with one controller of three left, a router that restarts still gets the model', async (t) => {
  const cluster = await clusterFor(t);
  await cluster.api.request('model.create', { kind: 'service', name: 's1', id: 's1' });
  await cluster.settles();
  const [one = '', two = ''] = await cluster.followers();
  await cluster.kill(await cluster.leader());
  await cluster.kill(one);
  const { client } = await follow(t, cluster, 'r1');
  t.truthy(client.model.get('service', 's1'));
  // Also when that one has restarted itself, and has never heard of a leader since.
  await cluster.kill(two);
  await cluster.restart(two);
  const again = await follow(t, cluster, 'r2');
  t.truthy(again.client.model.get('service', 's1'));
});

test('controllers restarted in every order, a router file emptied on purpose: no router loses contact for longer than one reconnect', async (t) => {
  const cluster = await clusterFor(t);
  const { client, changes } = await follow(t, cluster, 'r1');
  const phases: string[] = [];
  client.on('phase', (phase) => phases.push(phase));
  const load = writing(cluster);
  for (const order of [
    ['n1', 'n2', 'n3'],
    ['n3', 'n1', 'n2'],
    ['n2', 'n3', 'n1'],
  ]) {
    const directory = temporaryDirectory('emptied');
    writeFileSync(join(directory, endpointFileName), '');
    for (const id of order) {
      await cluster.restart(id);
      await cluster.settles(patienceMs);
      const before = load.written.length;
      await eventually(() => load.written.length > before + 5, { what: 'writes', timeoutMs: patienceMs });
    }
    const emptied = await connectRouter({
      cluster: cluster.name,
      id: 'emptied',
      servers: [cluster.natsUrl],
      dataDirectory: directory,
    });
    await emptied.whenLive(patienceMs);
    t.is(emptied.endpoints?.controllers.length, 3);
    await emptied.close();
  }
  await load.stop();
  await hasEverything(t, cluster, { client, changes });
  t.false(phases.includes('greeting') || phases.includes('refused') || phases.includes('disconnected'), phases.join());
});

test('a router that is killed is told of as offline, once', async (t) => {
  const cluster = await clusterFor(t, 1);
  const heard: string[] = [];
  cluster.api.watchEvents((event) => {
    if (event.namespace === 'router') heard.push(event.event_type);
  }, 'router.>');
  const isOnline = async () => (await cluster.api.request('routers.list', {})).routers.some((each) => each.online);
  await eventually(isOnline, { what: 'the router to be online', timeoutMs: patienceMs });
  await cluster.kill('r1');
  await cluster.transfer();
  await eventually(() => heard.includes('router-offline'), { what: 'the event', timeoutMs: patienceMs });
  t.false(await isOnline());
  t.is(heard.filter((type) => type === 'router-offline').length, 1);
});
