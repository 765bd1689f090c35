/** What routers are promised, each against real clients, the real service and a real nats-server. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { connectNats, connectRouter, endpointFileName, subjectsOf } from '../../messaging/index.js';
import { readEndpointFile } from '../../messaging/router/endpoint-file.js';
import { serviceLimits } from '../../node/server/routers/limits.js';
import { startNatsServer } from '../support/nats.js';
import { seededRandom } from '../support/random.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { clusterName, type FakeCluster } from './support/fake-cluster.js';
import { anyList, isGoodAfter } from './support/lists.js';
import { ModelSource } from './support/source.js';
import { clusterFor, endpointIds, inSync, liveRouter, router } from './support/watched.js';

const subjects = subjectsOf(clusterName);

// The promises of docs/routers.md, in its words: each test of one is named after it.
const neverWithout = 'a router never ends up without controllers';
const neverDropped = 'it never drops a new event as old';
const neverMissed = 'it never misses an event, and applies none twice';
const onlyUnderstood = 'it is spoken to only in versions that it understands';

// ---- 1. A router never ends up without controllers

test(`${neverWithout}: an empty list of controllers is never accepted, and the operator sees that it was refused`, async (t) => {
  const cluster = await clusterFor(t);
  const { client, directory } = await liveRouter(t, cluster);
  const file = () => readFileSync(join(directory, endpointFileName), 'utf8');
  await eventually(() => file().includes('"n3"'), { what: 'the list to be on disk' });
  const before = file();
  cluster.send(subjects.endpoints(), {
    ...cluster.endpoints,
    position: { ...cluster.source.position, index: 99 },
    controllers: [],
  });
  await eventually(() => client.counters.endpointsRefused === 1, { what: 'the list to be refused' });
  t.deepEqual(endpointIds(client), ['n1', 'n2', 'n3']);
  t.is(file(), before);
  const [alert] = await eventually(
    () => cluster.alerts('router.endpoints.refused').length > 0 && cluster.alerts('router.endpoints.refused'),
    { what: 'the alert' },
  );
  t.like(alert, {
    namespace: 'alert',
    alert_source_type: 'router',
    alert_source_id: 'r1',
    severity: 'warning',
    message: 'a list of controllers was refused: it names no controller',
    details: ['router.endpoints.refused', 'empty'],
    related_entities: { router: 'r1' },
  });
});

test(`${neverWithout}: a hello that brings a bad list costs the router only the list`, async (t) => {
  const cluster = await clusterFor(t);
  cluster.put('service', 's1');
  // A controller whose code is broken in just the way that once cut routers off.
  cluster.endpoints = { ...cluster.endpoints, controllers: [] } as unknown as typeof cluster.endpoints;
  const { client, alarms } = await liveRouter(t, cluster);
  await inSync(t, cluster, client);
  t.is(client.endpoints, null);
  t.true(alarms.some((alarm) => alarm.code === 'router.endpoints.refused'));
});

test(`${neverWithout}: a controller that is behind what a router holds gives it no older list, and the router needs none`, async (t) => {
  const cluster = await clusterFor(t);
  const { client, alarms, directory } = await liveRouter(t, cluster);
  const before = cluster.endpoints;
  cluster.setMembers(['n1', 'n2']);
  await eventually(() => endpointIds(client)?.length === 2, { what: 'the newer list' });
  await client.close();
  // All that are left have not heard of it yet, and one of them is elected.
  for (const each of cluster.controllers.values()) Object.assign(each, { endpoints: before, isCurrent: false });
  await cluster.kill('n1');
  cluster.elect('n2');
  const again = await liveRouter(t, cluster, { dataDirectory: directory });
  t.deepEqual(endpointIds(again.client), ['n1', 'n2']);
  // Now they have, and the new leader says so.
  for (const each of cluster.controllers.values()) Object.assign(each, { endpoints: null, isCurrent: true });
  cluster.setMembers(['n2', 'n3']);
  await eventually(() => endpointIds(again.client)?.[1] === 'n3', { what: 'the newest list' });
  t.is(client.counters.endpointsRefused + again.client.counters.endpointsRefused, 0);
  t.deepEqual(
    alarms.map(({ code }) => code),
    ['router.endpoints.fallback'],
    'at its first start, and no more',
  );
  t.deepEqual(again.alarms, []);
});

test(`${neverWithout}: whatever lists are sent, the router has controllers, in memory and on disk, and finds them again after a restart`, async (t) => {
  const cluster = await clusterFor(t);
  const { client, directory } = await liveRouter(t, cluster);
  const random = seededRandom(11);
  const file = () => readEndpointFile(join(directory, endpointFileName), clusterName);
  await eventually(async () => (await file()).found === 'list', { what: 'the first list on disk' });
  let held = client.endpoints;
  let sent = 0;
  for (let round = 0; round < 40; round += 1) {
    for (let index = 0; index < 10; index += 1) {
      const list = anyList(random);
      // What is no JSON cannot be sent as it is.
      if (list !== undefined) cluster.send(subjects.endpoints(), list);
      if (list !== undefined) sent += 1;
      if (isGoodAfter(held, list)) held = list as typeof held;
    }
    t.is((await file()).found, 'list', 'from then on there is a good one at every moment');
    t.true((client.endpoints?.controllers.length ?? 0) > 0);
  }
  const judged = () => client.counters.endpointsRefused + client.counters.endpointsAccepted;
  await cluster.flush();
  await eventually(() => judged() >= sent / 2, { what: 'the lists to be judged' });
  await eventually(() => isDeepStrictEqual(client.endpoints, held), {
    what: 'the last good one',
    show: () => client.endpoints,
  });
  await client.close();
  const again = await router(t, cluster, { dataDirectory: directory });
  t.deepEqual(again.client.endpoints, held);
  t.true(cluster.alerts('router.endpoints.refused').length > 0);
});

test(`${neverWithout}: each alert reaches the operator once, also when no leader was there to take it`, async (t) => {
  const cluster = await clusterFor(t);
  const { client } = await liveRouter(t, cluster);
  cluster.leader = null;
  for (let index = 0; index < 5; index += 1) cluster.send(subjects.endpoints(), 'not even JSON');
  await eventually(() => client.counters.endpointsRefused === 5, { what: 'the lists to be refused' });
  t.is(cluster.alerts('router.endpoints.refused').length, 0);
  cluster.elect('n2');
  await eventually(() => cluster.alerts('router.endpoints.refused').length > 0, {
    what: 'the alert, sent again to the new leader',
  });
  cluster.put('service', 's1');
  await inSync(t, cluster, client);
  t.is(cluster.alerts('router.endpoints.refused').length, 1);
});

for (const [what, contents] of [
  ['an empty file', ''],
  ['a damaged file', '{"format":1,"sha256":"00","list":{"controllers":[]}}'],
  ['a file of something else', 'hello'],
] as const) {
  test(`${neverWithout}: ${what} falls back to the configured list, said in the log and to the operator`, async (t) => {
    const cluster = await clusterFor(t);
    const directory = temporaryDirectory('router');
    writeFileSync(join(directory, endpointFileName), contents);
    const { client, logged, alarms } = await liveRouter(t, cluster, { dataDirectory: directory });
    t.true(logged.some((line) => line.startsWith('warn: the configured list of servers is used')));
    t.is(alarms[0]?.code, 'router.endpoints.fallback', 'also the program that uses the client is told');
    t.deepEqual(endpointIds(client), ['n1', 'n2', 'n3']);
    await eventually(() => cluster.alerts('router.endpoints.fallback').length === 1, { what: 'the alert' });
    await eventually(() => readFileSync(join(directory, endpointFileName), 'utf8').includes('"n3"'), {
      what: 'a good file',
    });
  });
}

test(`${neverWithout}: the last good list on disk is enough when the configured server is gone`, async (t) => {
  const old = await startNatsServer();
  t.teardown(() => old.kill());
  const cluster = await clusterFor(t);
  const directory = temporaryDirectory('router');
  const first = await liveRouter(t, cluster, { dataDirectory: directory });
  await first.client.close();
  await old.kill();
  const second = await liveRouter(t, cluster, { dataDirectory: directory, servers: [old.url] });
  await inSync(t, cluster, second.client);
});

test(`${neverWithout}: a running router finds controllers through addresses that it has learned`, async (t) => {
  // Two servers that know nothing of each other: only the list of controllers leads from one to the other.
  const [one, two] = await Promise.all([startNatsServer(), startNatsServer()]);
  t.teardown(() => Promise.all([one.kill(), two.kill()]));
  const source = new ModelSource();
  const before = await clusterFor(t, { natsUrl: one.url, source });
  before.setMembers(['n1', 'n2', 'n3'], () => [one.url, two.url]);
  const { client } = await liveRouter(t, before, { servers: [one.url] });
  await eventually(() => client.endpoints?.controllers[0].addresses.includes(two.url), { what: 'the new address' });
  const after = await clusterFor(t, { natsUrl: two.url, source });
  await one.kill();
  await eventually(() => client.phase !== 'live', { what: 'the router to notice' });
  after.put('service', 's1');
  await inSync(t, after, client);
});

test(`${neverWithout}: each committed change of membership reaches the routers, also when the broadcast is lost`, async (t) => {
  const cluster = await clusterFor(t, { heartbeatMs: 100 });
  const { client } = await liveRouter(t, cluster);
  cluster.setMembers(['n1', 'n2']);
  await eventually(() => endpointIds(client)?.length === 2, { what: 'the list of two' });
  t.deepEqual(endpointIds(client), ['n1', 'n2']);
  // No leader broadcasts this one; the next leader does not either, for it finds it already so: the heartbeat tells.
  cluster.leader = null;
  cluster.setMembers(['n1', 'n2', 'n3']);
  cluster.leader = 'n3';
  await eventually(() => endpointIds(client)?.length === 3, { what: 'the list of three' });
  t.deepEqual(endpointIds(client), ['n1', 'n2', 'n3']);
});

// ---- 2. A router never drops a new event as old

test(`${neverDropped}: a new timeline makes the router take the whole model again, though its indexes are lower`, async (t) => {
  const cluster = await clusterFor(t);
  for (let index = 0; index < 20; index += 1) cluster.put('service', `s${index}`);
  const { client } = await liveRouter(t, cluster);
  const [kept] = [...cluster.source.entities.values()];
  cluster.source.begin({ timeline: { id: 'restored', epoch: 2 }, entities: kept === undefined ? [] : [kept] });
  cluster.setMembers(['n1', 'n2', 'n3']);
  cluster.put('service', 'after-restore');
  await inSync(t, cluster, client);
  t.is(client.model.size, 2);
  t.is(client.model.position?.timeline.epoch, 2);
  // And goes on from there.
  cluster.put('service', 'later');
  await inSync(t, cluster, client);
});

test(`${neverDropped}: a router follows from legacy indexes to Raft indexes and back`, async (t) => {
  const source = new ModelSource({ id: 'standalone', epoch: 1 }, 'legacy');
  const cluster = await clusterFor(t, { source, controllers: ['n1'] });
  for (let index = 0; index < 20; index += 1) cluster.put('service', `s${index}`);
  const { client, changes } = await liveRouter(t, cluster);
  cluster.source.begin({ timeline: { id: 'cluster', epoch: 2 }, indexType: 'raft' });
  cluster.setMembers(['n1']);
  cluster.put('service', 'first-in-cluster');
  await inSync(t, cluster, client);
  t.is(client.model.position?.indexType, 'raft');
  // Nothing but the new entity: taking the whole model again disturbs no application.
  t.deepEqual(
    changes.filter((change) => change.position.timeline.epoch === 2).map((change) => change.entity.id),
    ['first-in-cluster'],
  );
  cluster.source.begin({ timeline: { id: 'standalone-again', epoch: 3 }, indexType: 'legacy' });
  cluster.put('service', 'first-alone');
  await inSync(t, cluster, client);
});

test(`${neverDropped}: a lower epoch is ignored`, async (t) => {
  const cluster = await clusterFor(t, { source: new ModelSource({ id: 'second', epoch: 2 }) });
  cluster.put('service', 's1');
  const { client } = await liveRouter(t, cluster);
  const stale = new ModelSource({ id: 'first', epoch: 1 });
  for (let index = 0; index < 10; index += 1) cluster.publishChange(stale.put('service', 'stale'));
  await eventually(() => client.counters.staleEvents === 10, { what: 'the stale events to be counted' });
  cluster.put('service', 's2');
  await inSync(t, cluster, client);
  t.is(client.counters.resyncs, 1);
});

test(`${neverDropped}: the same epoch with another id is an alarm, and the model stays as it is`, async (t) => {
  const cluster = await clusterFor(t);
  cluster.put('service', 's1');
  const { client, alarms } = await liveRouter(t, cluster);
  cluster.publishChange(new ModelSource({ id: 'impostor', epoch: 1 }).put('service', 'foreign'));
  await eventually(() => cluster.alerts('router.timeline.conflict').length === 1, { what: 'the alert' });
  t.true(alarms.some((alarm) => alarm.code === 'router.timeline.conflict'));
  cluster.put('service', 's2');
  await inSync(t, cluster, client);
});

test(`${neverDropped}: one event of a history that no controller knows does not cut the router off`, async (t) => {
  const cluster = await clusterFor(t);
  cluster.put('service', 's1');
  const { client } = await liveRouter(t, cluster);
  cluster.publishChange(new ModelSource({ id: 'from-nowhere', epoch: 9 }).put('service', 'foreign'));
  await eventually(() => client.phase === 'syncing', { what: 'the router to look for that history' });
  const change = cluster.put('service', 's2');
  await eventually(() => client.model.get('service', 's2') !== undefined, {
    what: 'the true history to go on meanwhile',
  });
  t.deepEqual(client.model.position, change.position);
});

// ---- 3. A router never misses an event

test(`${neverMissed}: a gap is filled, and nothing is applied twice`, async (t) => {
  const cluster = await clusterFor(t);
  const { client, changes } = await liveRouter(t, cluster);
  cluster.put('service', 's1');
  cluster.publishesChanges = false;
  for (let index = 0; index < 10; index += 1) cluster.put('service', 'lost', `name ${index}`);
  cluster.publishesChanges = true;
  const last = cluster.put('service', 's2');
  await inSync(t, cluster, client);
  cluster.publishChange(last);
  cluster.publishChange(last);
  await eventually(() => client.counters.duplicates >= 2, { what: 'the repeated events to be counted' });
  t.is(changes.filter((change) => change.entity.id === 'lost').length, 10);
  t.is(changes.length, 12);
  t.is(client.counters.resyncs, 1, 'only the first, when it started');
});

test(`${neverMissed}: the last event before a silence is lost, and the router gets it all the same`, async (t) => {
  const cluster = await clusterFor(t, { heartbeatMs: 60 });
  const { client } = await liveRouter(t, cluster);
  cluster.publishesChanges = false;
  cluster.put('service', 'lost');
  await inSync(t, cluster, client);
  t.is(client.counters.changesFetched, 1);
});

test(`${neverMissed}: where the log no longer reaches back the router gets the whole model`, async (t) => {
  const cluster = await clusterFor(t, { source: new ModelSource(undefined, 'raft', 5) });
  const { client } = await liveRouter(t, cluster);
  cluster.publishesChanges = false;
  for (let index = 0; index < 50; index += 1) cluster.put('service', `s${index}`);
  cluster.publishesChanges = true;
  cluster.put('service', 'last');
  await inSync(t, cluster, client);
  t.is(client.counters.resyncs, 2);
});

test(`${neverMissed}: a killed nats-server that comes back: the router has what happened meanwhile`, async (t) => {
  const nats = await startNatsServer();
  t.teardown(() => nats.kill());
  const cluster = await clusterFor(t, { natsUrl: nats.url });
  const { client, changes } = await liveRouter(t, cluster);
  cluster.put('service', 'before');
  await inSync(t, cluster, client);
  await nats.kill();
  await eventually(() => client.phase === 'disconnected', { what: 'the router to notice' });
  cluster.publishesChanges = false;
  cluster.put('service', 'meanwhile');
  cluster.put('service', 'meanwhile', 'again');
  cluster.publishesChanges = true;
  await nats.restart();
  await inSync(t, cluster, client);
  t.deepEqual(
    changes.map((change) => [change.entity.name, change.source]),
    [
      ['before', 'event'],
      ['meanwhile', 'sync'],
      ['again', 'sync'],
    ],
  );
});

test(`${neverMissed}: a router that starts before any controller and any nats-server is there comes live when they are`, async (t) => {
  const nats = await startNatsServer();
  await nats.kill();
  t.teardown(() => nats.kill());
  const directory = temporaryDirectory('router');
  const client = await connectRouter({ cluster: clusterName, id: 'r1', servers: [nats.url], dataDirectory: directory });
  t.teardown(() => client.close());
  t.is(client.phase, 'disconnected');
  await nats.restart();
  await eventually(() => client.phase === 'greeting', { what: 'the router to look for controllers' });
  const cluster = await clusterFor(t, { natsUrl: nats.url });
  cluster.put('service', 's1');
  await client.whenLive();
  await inSync(t, cluster, client);
});

test(`${neverMissed}: a follower that is behind leads no router back`, async (t) => {
  const cluster = await clusterFor(t);
  cluster.put('service', 's1');
  cluster.replicasFollow = false;
  const { client } = await liveRouter(t, cluster);
  // Only the router hears of these; all controllers lag.
  const second = cluster.source.put('service', 's2');
  const third = cluster.source.put('service', 's3');
  cluster.publishChange(second);
  await eventually(() => client.model.get('service', 's2') !== undefined, { what: 's2' });
  cluster.publishChange(third);
  await eventually(() => client.model.get('service', 's3') !== undefined, { what: 's3' });
  for (const id of ['n1', 'n2', 'n3'])
    cluster.send(subjects.routerDirect('r1'), { v: 1, what: 'hello-again', reason: id });
  await eventually(() => client.counters.hellos >= 2, { what: 'another hello' });
  t.deepEqual(client.model.position, third.position);
  cluster.replicasFollow = true;
  cluster.put('service', 's4');
  await inSync(t, cluster, client);
});

test(`${neverMissed}: a large model is taken in pages that all stand at one position, while it goes on changing`, async (t) => {
  const cluster = await clusterFor(t);
  for (let index = 0; index < 6000; index += 1) cluster.source.put('service', `service-${index}`);
  cluster.follow();
  const { client } = await router(t, cluster);
  for (let index = 0; index < 300; index += 1) {
    cluster.put('service', `service-${(index * 7) % 6000}`, `name ${index}`);
    if (index % 10 === 0) await cluster.flush();
  }
  await client.whenLive();
  await inSync(t, cluster, client);
  const pages = [...cluster.controllers.values()].reduce((sum, each) => sum + (each.service?.counters().pages ?? 0), 0);
  t.true(pages > 1, `${pages} pages`);
});

// ---- 4. Versions

test(`${onlyUnderstood}: a router whose versions the controllers do not understand is told why, and the operator sees it`, async (t) => {
  const cluster = await clusterFor(t);
  const logged: unknown[] = [];
  const { client, alarms } = await router(t, cluster, {
    protocol: { min: 7, max: 9 },
    log: (_level, _message, fields) => logged.push(fields?.['details']),
  });
  await eventually(() => client.phase === 'refused', { what: 'the refusal' });
  t.deepEqual(logged.filter((details) => details !== undefined).at(-1), ['Upgrade the controllers.']);
  t.regex(alarms.find((alarm) => alarm.code === 'router.hello.refused')?.message ?? '', /7 to 9/);
  await eventually(() => cluster.routerEvents('r1').includes('router-hello-refused'), { what: 'the event' });
  const [view] = cluster.controller('n1').service?.routers() ?? [];
  t.like(view, { id: 'r1', online: false, refused: { code: 'unsupported-version' } });
  await eventually(() => client.counters.hellosRefused > 3, { what: 'it to have asked again' });
  await cluster.flush();
  const told = cluster.routerEvents('r1').filter((each) => each === 'router-hello-refused');
  t.is(told.length, 1, 'the operator is told once in a while, not at each hello');
});

test(`${onlyUnderstood}: a change of a kind that a newer version made stops no router: it takes what the change led to`, async (t) => {
  const cluster = await clusterFor(t);
  const { client, changes } = await liveRouter(t, cluster);
  const newer = (id: string) => cluster.changed(Object.assign(cluster.source.put('service', id), { type: 'merged' }));
  cluster.put('service', 's1');
  await inSync(t, cluster, client);
  newer('s2');
  cluster.put('service', 's3');
  await inSync(t, cluster, client);
  t.true(client.counters.undecodable > 0);
  t.deepEqual(
    new Set(changes.map(({ type, entity }) => `${type} ${entity.id}`)),
    new Set(['created s1', 'created s2', 'created s3']),
  );
  t.is(changes.length, 3);
  // Also where it is the last one for a while, and nothing after it shows that it was missed.
  newer('s4');
  await inSync(t, cluster, client);
});

test('who waits for a router to come live is told when it is closed', async (t) => {
  const cluster = await clusterFor(t);
  for (const controller of cluster.controllers.values()) controller.isServing = false;
  const { client } = await router(t, cluster);
  const waiting = client.whenLive(60_000);
  await client.close();
  await t.throwsAsync(waiting, { code: 'stopping', message: /closed/ });
  await t.throwsAsync(client.whenLive(), { code: 'stopping' });
});

test(`${onlyUnderstood}: a router that understands no Raft indexes is refused by a cluster`, async (t) => {
  const cluster = await clusterFor(t);
  const { client, alarms } = await router(t, cluster, { indexTypes: ['legacy'] });
  await eventually(() => client.phase === 'refused', { what: 'the refusal' });
  t.regex(alarms.find((alarm) => alarm.code === 'router.hello.refused')?.message ?? '', /raft indexes/);
});

// ---- Presence

test('routers come online and go offline, each told once', async (t) => {
  const cluster = await clusterFor(t, { heartbeatMs: 60 });
  const { client } = await liveRouter(t, cluster);
  await eventually(() => cluster.routerEvents('r1').length === 1, { what: 'online' });
  await client.close();
  await eventually(() => cluster.routerEvents('r1').length === 2, { what: 'offline' });
  t.deepEqual(cluster.routerEvents('r1'), ['router-online', 'router-offline']);
});

test('a change of leader publishes no false transition', async (t) => {
  const cluster = await clusterFor(t, { heartbeatMs: 60 });
  const { client } = await liveRouter(t, cluster);
  const beats = (id: string) => cluster.controller(id).service?.counters().heartbeats ?? 0;
  for (const id of ['n2', 'n3', 'n1']) {
    cluster.elect(id);
    const before = beats(id);
    await eventually(() => beats(id) > before + 5, { what: `${id} to lead for a while` });
  }
  t.deepEqual(cluster.routerEvents('r1'), ['router-online']);
  // A controller that has just come and leads at once.
  await cluster.add('n4');
  cluster.elect('n4');
  await eventually(() => beats('n4') > 5, { what: 'n4 to lead for a while' });
  t.deepEqual(cluster.routerEvents('r1'), ['router-online']);
  t.is(client.phase, 'live');
});

test('a router that goes away while there is no leader is told of by the next one', async (t) => {
  const cluster = await clusterFor(t, { heartbeatMs: 60 });
  const { client } = await liveRouter(t, cluster);
  await eventually(() => cluster.routerEvents('r1').length === 1, { what: 'online' });
  cluster.leader = null;
  await client.close();
  await eventually(() => cluster.controller('n2').service?.presence().online === 0, { what: 'n2 to see it' });
  cluster.elect('n2');
  await eventually(() => cluster.routerEvents('r1').length === 2, { what: 'offline' });
  t.deepEqual(cluster.routerEvents('r1'), ['router-online', 'router-offline']);
});

test('a nats-server that restarts makes no router offline', async (t) => {
  const nats = await startNatsServer();
  t.teardown(() => nats.kill());
  const limitMs = 1500;
  const cluster = await clusterFor(t, { natsUrl: nats.url, heartbeatMs: 1000, heartbeatsMissedMax: limitMs / 1000 });
  const { client } = await liveRouter(t, cluster);
  await eventually(() => cluster.routerEvents('r1').length > 0, { what: 'online' });
  const before = cluster.events.length;
  await nats.kill();
  const killedAt = performance.now();
  await eventually(() => performance.now() - killedAt > limitMs + 100, { what: 'longer than a router may be silent' });
  t.is(client.phase, 'disconnected');
  await nats.restart();
  await client.whenLive();
  const beats = () => cluster.controller('n1').service?.counters().heartbeats ?? 0;
  const beatsBefore = beats();
  await eventually(() => beats() > beatsBefore + 2, { what: 'heartbeats' });
  t.deepEqual(
    cluster.events.slice(before).filter((event) => event.namespace === 'router'),
    [],
  );
});

// ---- Robustness

test('no message, whatever is in it, ends a router or a controller', async (t) => {
  const cluster = await clusterFor(t);
  const { client } = await liveRouter(t, cluster);
  const rubbish = [
    '',
    '{',
    'null',
    '[]',
    '{"v":1}',
    '{"v":99,"what":"hello-again"}',
    '\u0000\u0001',
    '{"namespace":"entityChange"}',
    '1e999',
  ];
  for (const body of rubbish) {
    for (const subject of [
      subjects.event('entityChange.services'),
      subjects.endpoints(),
      subjects.routerDirect('r1'),
      subjects.routerRequest('r1', 'hello'),
      subjects.routerRequest('r1', 'heartbeat'),
      subjects.routerRequest('r1', 'sync'),
      subjects.routerRequest('r1', 'sync', 'n1'),
      subjects.routerRequest('r1', 'alert'),
      subjects.event('router.router-online'),
    ]) {
      cluster.send(subject, body);
    }
  }
  await eventually(() => client.counters.undecodable >= rubbish.length, { what: 'the rubbish to be counted' });
  cluster.put('service', 's1');
  await inSync(t, cluster, client);
});

test('what a router says is small: more is not read, whatever is in it', async (t) => {
  const cluster = await clusterFor(t);
  const [protocol, incarnation] = [{ min: 1, max: 2 }, 1];
  const sayHello = (router: string, padding: string) =>
    cluster.send(subjects.routerRequest(router, 'hello'), {
      ...{ router, version: '1', protocol, indexTypes: ['raft'], position: null, incarnation, padding },
    });
  sayHello('large', 'x'.repeat(serviceLimits.messageBytesMax));
  sayHello('small', 'x');
  const known = () =>
    cluster
      .controller('n1')
      .service?.routers()
      .map(({ id }) => id);
  await eventually(() => known()?.includes('small'), { what: 'the later hello to be heard' });
  t.deepEqual(known(), ['small']);
});

test('after a mass reconnect each question of a router is answered once, by one of all the members', async (t) => {
  const cluster = await clusterFor(t);
  cluster.put('service', 's1');
  const routers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => liveRouter(t, cluster, { id: `r${index}` })),
  );
  const answered = () => [...cluster.controllers.values()].map(({ service }) => service?.counters());
  const sum = (counts: readonly (number | undefined)[]) =>
    counts.reduce<number>((total, each) => total + (each ?? 0), 0);
  await eventually(
    () => sum(answered().map((each) => each?.hellos)) === sum(routers.map(({ client }) => client.counters.hellos)),
    { what: 'as many answers as questions', show: () => answered() },
  );
  // That all 40 go to one of three by chance happens once in 10^18 times.
  t.true(answered().filter((each) => (each?.hellos ?? 0) + (each?.pages ?? 0) > 0).length > 1);
});

test('changes can be read with for await, and end when the client is closed', async (t) => {
  const cluster = await clusterFor(t);
  const { client } = await liveRouter(t, cluster);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { type, entity } of client.changes()) seen.push(`${type} ${entity.id}`);
  })();
  cluster.put('service', 's1');
  cluster.put('service', 's1', 'renamed');
  cluster.delete('service', 's1');
  await inSync(t, cluster, client);
  await client.close();
  await reading;
  t.deepEqual(seen, ['created s1', 'updated s1', 'deleted s1']);
});

test('a handler of the application that fails disturbs nothing', async (t) => {
  const cluster = await clusterFor(t);
  const { client } = await liveRouter(t, cluster);
  client.on('change', () => {
    throw new Error('the application is broken');
  });
  cluster.put('service', 's1');
  cluster.put('service', 's2');
  await inSync(t, cluster, client);
  t.is(client.counters.handlerErrors, 2);
});

test('the list of controllers is broadcast when it changes, and not else', async (t) => {
  const cluster = await clusterFor(t, { heartbeatMs: 60 });
  const connection = await connectNats({ servers: [cluster.url], name: 'counter' });
  t.teardown(() => connection.close());
  const heard: unknown[] = [];
  connection.subscribe(subjects.endpoints(), { callback: (_error, message) => heard.push(message.json()) });
  await connection.flush();
  const { client } = await liveRouter(t, cluster);
  cluster.setMembers(['n1', 'n2']);
  const beats = () => cluster.controller('n1').service?.counters().heartbeats ?? 0;
  const before = beats();
  await eventually(() => beats() > before + 10, { what: 'many ticks' });
  t.is(heard.length, 1);
  t.deepEqual(endpointIds(client), ['n1', 'n2']);
});

test('an alert that is sent again, because the answer was lost, is one event', async (t) => {
  const cluster = await clusterFor(t);
  const connection = await connectNats({ servers: [cluster.url], name: 'raw' });
  t.teardown(() => connection.close());
  const alert = { v: 1, id: 'same-id-1', router: 'raw', code: 'test', severity: 'info', message: 'm', details: [] };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const answer = await connection.request(subjects.routerRequest('raw', 'alert'), JSON.stringify(alert));
    t.like(answer.json(), { ok: true });
  }
  await cluster.flush();
  t.is(cluster.alerts('test').length, 1);
});

test('a router cannot speak for another one', async (t) => {
  const cluster = await clusterFor(t);
  const { client } = await liveRouter(t, cluster);
  const connection = await connectNats({ servers: [cluster.url], name: 'raw' });
  t.teardown(() => connection.close());
  const position = client.model.position;
  const subject = (verb: 'hello' | 'sync' | 'heartbeat') => subjects.routerRequest('thief', verb);
  const hello = {
    router: 'r1',
    version: '',
    protocol: { min: 1, max: 1 },
    indexTypes: ['raft'],
    position,
    incarnation: 9e15,
  };
  const answer = await connection.request(subject('hello'), JSON.stringify(hello));
  t.like(answer.json(), { ok: false, error: { code: 'invalid-request' } });
  const sync = await connection.request(
    subject('sync'),
    JSON.stringify({ v: 1, router: 'r1', want: { what: 'model', cursor: null } }),
  );
  t.like(sync.json(), { what: 'refused', error: { code: 'invalid-request' } });
  const farewell = {
    v: 1,
    router: 'r1',
    incarnation: 9e15,
    position,
    endpoints: null,
    controller: 'n1',
    protocolVersion: 1,
    version: '',
    leaving: true,
    counters: {},
  };
  connection.publish(subject('heartbeat'), JSON.stringify(farewell));
  await eventually(() => (cluster.controller('n1').service?.counters().undecodable ?? 0) >= 2, {
    what: 'it to be refused',
  });
  t.like(cluster.controller('n1').service?.routers(), [{ id: 'r1', online: true }]);
});

test('routers upgraded first, then one controller of three, then the others: nobody is left without controllers', async (t) => {
  const nats = await startNatsServer();
  t.teardown(() => nats.kill());
  const source = new ModelSource();
  const newest = new Map([
    ['n1', 1],
    ['n2', 1],
    ['n3', 1],
  ]);
  // Clusters of one controller each stand for one cluster of three: they share source, name and server.
  const running = new Map<string, FakeCluster>();
  const start = async (id: string, max: number): Promise<FakeCluster> => {
    await running.get(id)?.kill(id);
    newest.set(id, max);
    const cluster = await clusterFor(t, { natsUrl: nats.url, source, controllers: [id], protocol: { min: 1, max } });
    cluster.leader = null;
    running.set(id, cluster);
    for (const each of running.values())
      each.setMembers(['n1', 'n2', 'n3'], undefined, (member) => ({ min: 1, max: newest.get(member) ?? 1 }));
    return cluster;
  };
  const change = (leader: FakeCluster, id: string) => {
    const made = source.put('service', id);
    for (const each of running.values()) each.follow();
    leader.changed(made);
  };
  const first = await start('n1', 1);
  await start('n2', 1);
  await start('n3', 1);
  first.elect('n1');
  const upgraded = await liveRouter(t, first, { id: 'upgraded', protocol: { min: 1, max: 2 } });
  const phases: string[] = [];
  upgraded.client.on('phase', (phase) => phases.push(phase));
  change(first, 's1');
  await inSync(t, first, upgraded.client);
  // One controller of three is new; a router that speaks nothing older finds it each time, though two of three refuse it.
  const second = await start('n2', 2);
  for (let index = 0; index < 8; index += 1) {
    const ahead = await liveRouter(t, second, { id: `ahead-${index}`, protocol: { min: 2, max: 2 } });
    t.deepEqual(
      ahead.alarms.filter((alarm) => alarm.code === 'router.hello.refused'),
      [],
    );
    change(first, `s2-${index}`);
    await inSync(t, first, ahead.client);
    // Nor do those that refuse it get it back when it is told to say hello again.
    const before = ahead.client.counters.hellos;
    second.send(subjects.routerDirect(`ahead-${index}`), { v: 1, what: 'hello-again', reason: 'a test' });
    await eventually(() => ahead.client.counters.hellos > before, { what: 'another hello' });
    change(first, `s3-${index}`);
    await inSync(t, first, ahead.client);
    t.is(ahead.client.counters.hellos, before + 1, 'it went to the one that knows it');
  }
  await inSync(t, first, upgraded.client);
  await start('n1', 2);
  await start('n3', 2);
  second.elect('n2');
  change(second, 'last');
  await inSync(t, second, upgraded.client);
  t.false(phases.includes('refused'));
  t.deepEqual(endpointIds(upgraded.client), ['n1', 'n2', 'n3']);
});

test('a router that is disabled in the model is refused at once, and comes back when it is enabled', async (t) => {
  const cluster = await clusterFor(t, { heartbeatMs: 60 });
  const { client } = await liveRouter(t, cluster);
  await eventually(() => cluster.routerEvents('r1').length === 1, { what: 'online' });
  cluster.put('router', 'r1', 'r1', { disabled: true });
  await eventually(() => client.phase === 'refused', { what: 'the refusal' });
  t.like(cluster.controller('n1').service?.routers(), [
    { id: 'r1', online: false, refused: { code: 'hello-refused', message: 'the router r1 is disabled in the model' } },
  ]);
  cluster.put('service', 'not-for-it');
  cluster.put('router', 'r1', 'r1', { disabled: false });
  await client.whenLive();
  await inSync(t, cluster, client);
  await eventually(() => cluster.routerEvents('r1').length >= 4, { what: 'online again' });
  t.deepEqual(cluster.routerEvents('r1'), ['router-online', 'router-offline', 'router-hello-refused', 'router-online']);
});

test('a disabled router gets no model, and one that missed the word is told again', async (t) => {
  const cluster = await clusterFor(t, { heartbeatMs: 60 });
  const { client } = await liveRouter(t, cluster);
  // No controller told it when this changed: as if the word was lost, and a new leader had not been there.
  cluster.source.put('router', 'r1', 'r1', { disabled: true });
  cluster.follow();
  await cluster.kill('n1');
  await cluster.add('n4');
  cluster.elect('n4');
  await eventually(() => client.phase === 'refused', { what: 'the refusal' });
  const connection = await connectNats({ servers: [cluster.url], name: 'raw' });
  t.teardown(() => connection.close());
  const answer = await connection.request(
    subjects.routerRequest('r1', 'sync'),
    JSON.stringify({ v: 1, router: 'r1', want: { what: 'model', cursor: null } }),
  );
  t.like(answer.json(), { what: 'refused', error: { code: 'hello-refused' } });
});
