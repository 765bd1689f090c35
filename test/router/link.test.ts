/** What a router is answered while its process stands still. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { z } from 'zod';
import { connectNats, subjectsOf } from '../../messaging/index.js';
import { realClock } from '../../messaging/router/clock.js';
import { RouterLink } from '../../messaging/router/link.js';
import { startNatsServer } from '../support/nats.js';
import { clusterName } from './support/fake-cluster.js';

const answerSchema = z.object({ ok: z.literal(true) });
const nothing = (): void => undefined;

async function connectedLink(url: string): Promise<RouterLink> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const link = new RouterLink({
    ...{ cluster: clusterName, router: 'r1', connection: {}, servers: () => [url], clock: realClock },
    handlers: {
      ...{ connected: resolve, disconnected: nothing, unreachable: nothing, change: nothing, endpoints: nothing },
      ...{ direct: nothing, undecodable: nothing, failed: nothing },
    },
  });
  link.start();
  await promise;
  return link;
}

/** Nothing happens in this thread for so long; what is sent to it arrives, and waits. */
function standStill(forMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('what was answered while the router stood still was answered in time, however long that was', async (t) => {
  const nats = await startNatsServer();
  const answerer = new Worker(new URL('./support/answering-worker.js', import.meta.url), { workerData: nats.url });
  await once(answerer, 'message');
  const link = await connectedLink(nats.url);
  const timeoutMs = 1_000;
  const answer = link.request('hello', {}, answerSchema, timeoutMs);
  // Until the question has left.
  for (let turns = 0; turns < 5; turns += 1) await turn();
  standStill(2 * timeoutMs);
  t.deepEqual(await answer, { ok: true });

  answerer.postMessage('end');
  await once(answerer, 'exit');
  t.is(await link.request('hello', {}, answerSchema, 50), null, 'nobody is there any more');
  await link.close();
  await nats.kill();
});

test('what is not answered in time is not waited for any longer', async (t) => {
  const nats = await startNatsServer();
  const link = await connectedLink(nats.url);
  // Somebody hears it, and says nothing.
  const silent = await connectNats({ servers: [nats.url], name: 'silent' });
  silent.subscribe(subjectsOf(clusterName).routerRequests('hello'), { callback: nothing });
  await silent.flush();
  const beganAt = performance.now();
  t.is(await link.request('hello', {}, answerSchema, 100), null);
  t.true(performance.now() - beganAt < 30_000);
  await Promise.all([link.close(), silent.close()]);
  await nats.kill();
});
