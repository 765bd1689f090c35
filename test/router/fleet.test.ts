/**
 * Many routers at once, in one process, against the real service: what a mass reconnect costs and how long it takes.
 * `QUORATE_TEST_FLEET=1000 npx ava dist/test/router/fleet.test.js` for a large one; without it a small one runs.
 */
import test from 'ava';
import { connectRouter, type RouterClient } from '../../messaging/index.js';
import { startNatsServer } from '../support/nats.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { clusterName, FakeCluster } from './support/fake-cluster.js';

const routers = Number(process.env['QUORATE_TEST_FLEET'] ?? 60);
const entities = Number(process.env['QUORATE_TEST_FLEET_ENTITIES'] ?? 500);
const boundMs = 60_000;
test.beforeEach((t) => t.timeout(5 * boundMs));

const total = (
  cluster: FakeCluster,
  counter: 'hellos' | 'changesAnswers' | 'pages' | 'modelsBuilt' | 'overloaded' | 'nudges',
) => [...cluster.controllers.values()].reduce((sum, each) => sum + (each.service?.counters()[counter] ?? 0), 0);

test(`${routers} routers: all follow, all come back after the nats-server was killed, and none misses anything`, async (t) => {
  const nats = await startNatsServer();
  t.teardown(() => nats.kill());
  const cluster = await FakeCluster.start({ natsUrl: nats.url, heartbeatMs: 2_000 });
  t.teardown(() => cluster.end());
  for (let index = 0; index < entities; index += 1) cluster.source.put('service', `service-${index}`);
  cluster.follow();

  const clients: RouterClient[] = [];
  t.teardown(() => Promise.all(clients.map((client) => client.close())));
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: routers }, async (_, index) => {
      const client = await connectRouter({
        cluster: clusterName,
        id: `r${index}`,
        servers: [nats.url],
        dataDirectory: temporaryDirectory('r'),
      });
      clients.push(client);
    }),
  );
  const allStand = () => {
    const { index } = cluster.source.position;
    return clients.every((client) => client.phase === 'live' && client.model.position?.index === index);
  };
  const away = () =>
    clients.filter(
      (client) => client.phase !== 'live' || client.model.position?.index !== cluster.source.position.index,
    ).length;
  await eventually(allStand, { what: 'all routers to have the model', timeoutMs: boundMs, show: away });
  t.log(
    `first sync: ${Math.round(performance.now() - startedAt)} ms, models built ${total(cluster, 'modelsBuilt')}, pages ${total(cluster, 'pages')}`,
  );
  t.true(total(cluster, 'modelsBuilt') <= 3 * cluster.controllers.size, 'models are shared');

  const fanOut: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const at = performance.now();
    const heard = clients.map(
      (client) =>
        new Promise<void>((resolve) => {
          const stop = client.on('change', () => {
            stop();
            fanOut.push(performance.now() - at);
            resolve();
          });
        }),
    );
    cluster.put('service', 'fan-out', `round ${round}`);
    await Promise.all(heard);
  }
  fanOut.sort((one, other) => one - other);
  const quantile = (share: number) => fanOut[Math.floor((fanOut.length - 1) * share)]?.toFixed(1);
  t.log(
    `fan-out of one event to ${routers} routers in this one process: p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`,
  );

  await nats.kill();
  await eventually(() => clients.every((client) => client.phase === 'disconnected'), {
    what: 'all to notice',
    timeoutMs: boundMs,
  });
  cluster.publishesChanges = false;
  for (let index = 0; index < 50; index += 1) cluster.put('service', `meanwhile-${index}`);
  cluster.publishesChanges = true;
  const pagesBefore = total(cluster, 'pages');
  await nats.restart();
  const restartedAt = performance.now();
  await eventually(allStand, { what: 'all routers to be in sync again', timeoutMs: boundMs, show: away });
  t.log(
    `in sync again after the reconnect: ${Math.round(performance.now() - restartedAt)} ms, overloaded ${total(cluster, 'overloaded')}`,
  );
  t.is(total(cluster, 'pages'), pagesBefore, 'nobody needed the whole model');

  // Nobody was called offline, and everybody is shown.
  const offline = cluster.events.filter(
    (event) => event.namespace === 'router' && event.event_type === 'router-offline',
  );
  t.deepEqual(offline, []);
  await eventually(() => cluster.controller('n1').service?.presence().online === routers, {
    what: 'all to be seen online',
    timeoutMs: boundMs,
  });
  t.is(
    clients.reduce((sum, client) => sum + client.counters.handlerErrors + client.counters.undecodable, 0),
    0,
  );
});
