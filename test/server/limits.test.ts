/** What one sender may ask, and that a flood of one neither takes the turn of the event loop nor the answers of the others. */
import test from 'ava';
import { connectNats } from '../../messaging/connection.js';
import { type ApiResponse, apiResponseSchema } from '../../messaging/schemas/api.js';
import { subjectsOf } from '../../messaging/subjects.js';
import { systemClock } from '../../node/cluster/clock.js';
import { type ApiHandlers, ApiServer } from '../../node/server/api.js';
import { createLog } from '../../node/server/log.js';
import { SenderLimits } from '../../node/server/sender-limits.js';
import { TurnQueue, type TurnQueueOptions } from '../../node/server/turn-queue.js';
import { startNatsServer } from '../support/nats.js';
import { eventually } from '../support/wait.js';

test('a sender may send so much at once, then so much a second; others are not concerned', (t) => {
  let now = 0;
  const limits = new SenderLimits({ perSecondMax: 10, sendersMax: 100, now: () => now });
  for (let time = 0; time < 10; time += 1) t.is(limits.take('a'), 0);
  t.is(limits.take('a'), 100, 'one is due in a tenth of a second');
  t.is(limits.take('b'), 0);
  now = 100;
  t.is(limits.take('a'), 0);
  t.true(limits.take('a') > 0);
  now = 60_000;
  for (let time = 0; time < 10; time += 1) t.is(limits.take('a'), 0);
  t.true(limits.take('a') > 0, 'what was not sent in a minute is not saved');
});

test('senders are remembered up to a bound', (t) => {
  const limits = new SenderLimits({ perSecondMax: 1, sendersMax: 3, now: () => 0 });
  for (const sender of ['a', 'b', 'c', 'd', 'e']) limits.take(sender);
  t.is(limits.senders, 3);
});

interface Work {
  readonly number: number;
  readonly bytes?: number;
  readonly from?: string;
  /** How long a step of it takes, and how many steps it has. */
  readonly ms?: number;
  readonly steps?: number;
}

/** Work is as long as it says, by a clock of its own. */
function queueOf(done: number[], limits: Partial<TurnQueueOptions<Work>> = {}) {
  let nowMs = 0;
  const steps = new Map<Work, number>();
  return new TurnQueue<Work>({
    handle: (work) => {
      nowMs += work.ms ?? 0;
      const step = (steps.get(work) ?? 0) + 1;
      steps.set(work, step);
      if (step < (work.steps ?? 1)) return false;
      done.push(work.number);
      return true;
    },
    senderOf: ({ from = 'a' }) => from,
    bytesOf: ({ bytes = 1 }) => bytes,
    ...{ perTurnMax: 3, perTurnBytesMax: 100, perTurnMsMax: 5, now: () => nowMs },
    ...{ waitingMax: 5, waitingOfSenderMax: 5, waitingBytesMax: 1_000 },
    ...limits,
  });
}

async function turns(queue: TurnQueue<Work>, done: readonly number[]): Promise<number[]> {
  const lengths: number[] = [];
  while (queue.depth > 0) {
    await new Promise((resolve) => setImmediate(resolve));
    lengths.push(done.length);
  }
  return lengths;
}

test('work of one turn is bounded, what is over it waits in order, and what is over that is refused', async (t) => {
  const done: number[] = [];
  const queue = queueOf(done);
  const taken = Array.from({ length: 10 }, (_, number) => queue.push({ number }));
  t.deepEqual(done, [0, 1, 2], 'at once');
  t.deepEqual(taken, [...Array.from({ length: 8 }, () => true), false, false]);
  t.is(queue.depth, 5);
  t.deepEqual(await turns(queue, done), [6, 8]);
  t.deepEqual(done, [0, 1, 2, 3, 4, 5, 6, 7]);
  t.true(queue.push({ number: 8 }));
});

test('so it is by bytes: large messages get fewer to a turn, and fewer of them wait', async (t) => {
  const done: number[] = [];
  const queue = queueOf(done);
  const taken = Array.from({ length: 5 }, (_, number) => queue.push({ number, bytes: 400 }));
  t.deepEqual(done, [0]);
  t.deepEqual(taken, [true, true, true, false, false]);
  t.deepEqual(await turns(queue, done), [2, 3]);
  t.true(queue.push({ number: 3, bytes: 400 }), 'there is room again');
});

test('and by time: what takes long is alone in its turn, and what has steps gives the turn away between them', async (t) => {
  const done: number[] = [];
  const queue = queueOf(done);
  for (const [number, ms] of [7, 1, 1, 7].entries()) queue.push({ number, ms });
  t.deepEqual(done, [0], 'it took the turn');
  t.deepEqual(await turns(queue, done), [4], 'what is short shares one');
  const stepped = [{ number: 4, ms: 6, steps: 3 }, { number: 5 }];
  for (const work of stepped) queue.push(work);
  t.deepEqual(await turns(queue, done), [4, 4, 5, 6], 'each of its steps takes a turn');
  t.deepEqual(done, [0, 1, 2, 3, 4, 5]);
});

test('who waits is served in turns, so that a flood of one sender holds up nobody else', async (t) => {
  const done: number[] = [];
  const queue = queueOf(done, { perTurnMax: 1, waitingMax: 10 });
  const floods = [0, 1, 2, 3, 4, 5, 6].map((number) => queue.push({ number, from: 'flood' }));
  t.deepEqual(floods, [true, true, true, true, true, true, false], 'of one sender not so many wait as of all');
  t.true(queue.push({ number: 10, from: 'b' }));
  t.true(queue.push({ number: 20, from: 'c', steps: 2 }));
  t.true(queue.push({ number: 11, from: 'b' }));
  await turns(queue, done);
  t.deepEqual(done, [0, 1, 10, 2, 11, 20, 3, 4, 5]);
});

test('a queue that is cleared hands back what waits, and goes on', async (t) => {
  const done: number[] = [];
  const queue = queueOf(done, { perTurnMax: 1 });
  for (const [number, from] of ['a', 'b', 'a'].entries()) queue.push({ number, from });
  t.deepEqual(
    queue.clear().map(({ number }) => number),
    [1, 2],
  );
  t.is(queue.depth, 0);
  t.true(queue.push({ number: 3 }));
  await turns(queue, done);
  t.deepEqual(done, [0, 3]);
});

test('what is done may clear the queue that it came from', async (t) => {
  const queue: TurnQueue<Work> = queueOf([], {
    perTurnMax: 1,
    handle: ({ number }) => {
      if (number === 1) queue.clear();
      return true;
    },
  });
  for (const number of [0, 1, 2]) queue.push({ number });
  await turns(queue, []);
  t.is(queue.depth, 0);
});

test('a sender that always waits for something is served in order for as long as that lasts', async (t) => {
  const done: number[] = [];
  const unbounded = { waitingOfSenderMax: 10_000, waitingBytesMax: 10_000, perTurnBytesMax: 10_000 };
  const queue = queueOf(done, { perTurnMax: 1_000, waitingMax: 10_000, ...unbounded });
  for (let number = 0; number < 4_000; number += 1) queue.push({ number });
  await new Promise((resolve) => setImmediate(resolve));
  for (let number = 4_000; number < 8_000; number += 1) queue.push({ number });
  await turns(queue, done);
  t.deepEqual(
    done,
    Array.from({ length: done.length }, (_, number) => number),
  );
  t.is(done.length, 8_000);
});

const subjects = subjectsOf('test');

async function serverWith(requestsPerSecondMax: number) {
  const nats = await startNatsServer();
  const [connection, client] = await Promise.all([
    connectNats({ servers: [nats.url], name: 'controller' }),
    connectNats({ servers: [nats.url], name: 'client', inbox: subjects.inbox('operator', 'flood') }),
  ]);
  const log = createLog({ clock: systemClock, write: () => undefined });
  const handlers = {
    'operation.list': () => ({ operations: [] }),
  } as unknown as ApiHandlers;
  const server = new ApiServer({
    ...{ connection, subjects, nodeId: 'n1', log, handlers, requestsPerSecondMax },
    // Time stands still: what is left does not come back.
    now: () => 0,
  });
  server.start();
  await connection.flush();
  const ask = async (from: string): Promise<ApiResponse> => {
    const body = JSON.stringify({ v: 1, requestId: 'request-1', params: {} });
    return apiResponseSchema.parse((await client.request(subjects.api('n1', from, 'operation.list'), body)).json());
  };
  const end = async (): Promise<void> => {
    await Promise.all([connection.close(), client.close()]);
    await nats.stop();
  };
  return { server, client, connection, ask, end };
}

test('who is over the limit is told when to come again, and the others are answered', async (t) => {
  const { ask, end } = await serverWith(20);
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask('flood')));
  const refused = answers.flatMap((answer) => (answer.ok ? [] : [answer.error]));
  t.is(refused.length, 10);
  for (const { code, details } of refused) {
    t.is(code, 'overloaded');
    t.true(Number(details?.['retryAfterMs']) >= 50);
  }
  await end();
});

test('a flood gets some refusals, not an answer to each message', async (t) => {
  const { server, client, connection, end } = await serverWith(1);
  let answers = 0;
  const inbox = `${subjects.inbox('operator', 'flood')}.answers`;
  client.subscribe(inbox, {
    callback: () => {
      answers += 1;
    },
  });
  for (let time = 0; time < 5_000; time += 1)
    client.publish(subjects.api('n1', 'flood', 'operation.list'), '{}', { reply: inbox });
  await client.flush();
  await eventually(() => server.counters.requests >= 5_000, { what: 'all to have arrived' });
  await connection.flush();
  await client.flush();
  t.true(answers >= 1_000 && answers <= 1_002, `${answers} answers`);
  t.is(server.refusedBy['overloaded'], 4_999);
  await end();
});

test('nothing is answered but into the own inbox of whoever asks', async (t) => {
  const { server, client, connection, end } = await serverWith(1_000);
  const heard: string[] = [];
  const listener = client.subscribe('quorate.test.>', {
    callback: (_error, message) => void heard.push(message.subject),
  });
  const body = JSON.stringify({ v: 1, requestId: 'request-1', params: {} });
  const asked = subjects.api('n1', 'flood', 'operation.list');
  const [own, shared] = [`${subjects.inbox('operator', 'flood')}.1`, '_INBOX.flood'];
  const replies = [
    subjects.event('cluster.leadership.gained'),
    subjects.raft('n2', 'n1', 'control'),
    `${subjects.inbox('operator', 'other')}.1`,
    `${subjects.inbox('router', 'flood')}.1`,
    subjects.inbox('operator', 'flood'),
  ];
  const answered = client.subscribe(shared, { callback: (_error, message) => void heard.push(message.subject) });
  for (const reply of [...replies, own, shared]) client.publish(asked, body, { reply });
  await client.flush();
  await eventually(() => heard.includes(shared), { what: 'the last answer' });
  await connection.flush();
  await client.flush();
  t.deepEqual(
    heard.filter((subject) => subject !== asked),
    [own, shared],
  );
  t.is(server.counters.requests, 7);
  listener.unsubscribe();
  answered.unsubscribe();
  await end();
});
