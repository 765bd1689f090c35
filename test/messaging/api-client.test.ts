/** The client against a leader that is played by the test, on a real nats-server. */
import test from 'ava';
import { connectNats, createApiClient, QuorateError } from '../../messaging/index.js';
import { subjectsOf } from '../../messaging/subjects.js';
import { median } from '../bench/measure.js';
import { startNatsServer } from '../support/nats.js';
import { eventually } from '../support/wait.js';

const cluster = 'test';
/** After six attempts no wait is shorter than this; see `retryWaitMaxMs`, of which a half is drawn. */
const shortestLateWaitMs = 125;
const operation = '01a1fd4f-dd92-701d-9fb2-ffcd3d21ac22';

test('whoever waits to send again does so when a new leader announces itself, with the same request id', async (t) => {
  const server = await startNatsServer();
  const [connection, leader] = await Promise.all([
    connectNats({ servers: [server.url], name: 'client' }),
    connectNats({ servers: [server.url], name: 'leader' }),
  ]);
  const subjects = subjectsOf(cluster);
  let requests = 0;
  let isLeading = false;
  const ids = new Set<string>();
  leader.subscribe(subjects.apiTo('leader'), {
    callback: (_error, message) => {
      requests += 1;
      ids.add((message.json() as { requestId: string }).requestId);
      const error = new QuorateError(isLeading ? 'not-found' : 'transferring').toWire();
      message.respond(JSON.stringify({ v: 1, ok: false, node: 'n1', error }));
    },
  });
  await leader.flush();
  const client = createApiClient({ connection, cluster, from: 'test' });
  const waited: number[] = [];
  for (let time = 0; time < 5; time += 1) {
    [requests, isLeading] = [0, false];
    ids.clear();
    const refused = t.throwsAsync(client.request('operation.get', { id: operation }, { timeoutMs: 30_000 }));
    await eventually(() => requests >= 6, { what: 'six attempts', intervalMs: 1 });
    isLeading = true;
    const requestsBefore = requests;
    const announcedAt = performance.now();
    leader.publish(subjects.event('cluster.leadership.gained'), '{}');
    const error = await refused;
    waited.push(performance.now() - announcedAt);
    t.is((error as QuorateError | undefined)?.code, 'not-found', 'the answer of the new leader');
    t.is(requests - requestsBefore, 1, 'once more, and not twice');
    t.is(ids.size, 1);
  }
  // Most of them: one that was not waiting yet, or a machine that paused, says nothing.
  t.true(median(waited) < shortestLateWaitMs / 2, `waited ${waited.map(Math.round).join(', ')} ms`);
  await Promise.all([connection.close(), leader.close()]);
  await server.stop();
});

test('what takes long is asked for once, and not again while a controller is at it', async (t) => {
  const server = await startNatsServer();
  const [connection, leader] = await Promise.all([
    connectNats({ servers: [server.url], name: 'client' }),
    connectNats({ servers: [server.url], name: 'leader' }),
  ]);
  let requests = 0;
  leader.subscribe(subjectsOf(cluster).apiTo('leader'), {
    callback: (_error, message) => {
      requests += 1;
      const error = new QuorateError('not-found').toWire();
      // Longer than an ordinary attempt, and than the client is willing to ask.
      setTimeout(() => message.respond(JSON.stringify({ v: 1, ok: false, node: 'n1', error })), 3_000);
    },
  });
  await leader.flush();
  const client = createApiClient({ connection, cluster, from: 'test', timeoutMs: 500 });
  await t.throwsAsync(client.request('operation.plan', { workflow: 'migrate' }), { message: /no such entity/ });
  t.is(requests, 1);
  await Promise.all([connection.close(), leader.close()]);
  await server.stop();
});
