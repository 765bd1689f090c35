/** What a newer version publishes: readers ignore what they do not know, count it, and go on with what they know. */
import test from 'ava';
import {
  connectNats,
  connectRouter,
  createApiClient,
  type EntityChangeEvent,
  type QuorateEvent,
  subjectsOf,
} from '../../messaging/index.js';
import { startNatsServer } from '../support/nats.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

const common = { v: 1, event_src_id: 'n1', timestamp: '2026-11-21T10:00:00.000Z', event_id: 'e-1' };
const position = { timeline: { id: 't', epoch: 1 }, indexType: 'raft', index: 9 } as const;
const change: EntityChangeEvent = {
  ...common,
  namespace: 'entityChange',
  eventId: 'e-1',
  eventType: 'created',
  entityType: 'services',
  initialState: null,
  finalState: { kind: 'service', id: 'web', name: 'web', version: 1, createdAt: 1, updatedAt: 1, tags: {}, spec: {} },
  position,
  previousIndex: 0,
};

/** Of another namespace, of a type that is not known, with fields that are not known, and no JSON at all. */
const unknown: readonly (readonly [string, unknown])[] = [
  ['circuit.created', { ...common, namespace: 'circuit', eventType: 'created', path: ['r1'] }],
  ['entityChange.services', { ...change, eventType: 'archived' }],
  ['entityChange.services', { ...change, position: { ...position, indexType: 'hybrid' } }],
];

test('an API client ignores events that it does not know, counts them, and takes the next', async (t) => {
  const nats = await startNatsServer();
  const connection = await connectNats({ servers: [nats.url], name: 'reader' });
  const client = createApiClient({ connection, cluster: 'test', from: 'test' });
  const events: QuorateEvent[] = [];
  client.watchEvents((event) => events.push(event));
  await connection.flush();
  const subjects = subjectsOf('test');
  const say = (type: string, body: string): void => connection.publish(subjects.event(type), body);
  for (const [type, event] of unknown) say(type, JSON.stringify(event));
  say('cluster.x', 'no JSON');
  say(
    'cluster.planet.aligned',
    JSON.stringify({ ...common, namespace: 'cluster', eventType: 'planet.aligned', orbit: 3 }),
  );
  say('entityChange.services', JSON.stringify({ ...change, colour: 'red' }));
  await eventually(() => events.length === 2, { what: 'the two that are known' });
  t.is(client.undecodable(), unknown.length + 1);
  t.like(events[0], { namespace: 'cluster', eventType: 'planet.aligned' }, 'a new type of a known namespace is shown');
  t.like(events[1], { namespace: 'entityChange', eventType: 'created' });
  await connection.close();
});

test('a router ignores what it does not know, counts it, and goes on', async (t) => {
  const nats = await startNatsServer();
  const router = await connectRouter({
    cluster: 'test',
    id: 'r1',
    servers: [nats.url],
    dataDirectory: temporaryDirectory('r1'),
  });
  const connection = await connectNats({ servers: [nats.url], name: 'controller' });
  await eventually(() => router.phase === 'greeting', { what: 'the router to be connected' });
  const subjects = subjectsOf('test');
  for (const [type, event] of unknown) connection.publish(subjects.event(type), JSON.stringify(event));
  connection.publish(subjects.routerDirect('r1'), JSON.stringify({ v: 1, what: 'sing' }));
  connection.publish(subjects.endpoints(), JSON.stringify({ v: 99, cluster: 'test', controllers: [] }));
  await eventually(() => router.counters.undecodable === 3 && router.counters.endpointsRefused === 1, {
    what: 'all of it to be counted',
    show: () => router.counters,
  });
  t.is(router.phase, 'greeting', 'it still asks for a controller that it understands');
  await router.close();
  await connection.close();
});
