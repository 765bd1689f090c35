/** What a `for await` loop over changes gets: each once and in order, what is queued also after the end, and an end when it is too slow. */
import test from 'ava';
import { ChangeQueue } from '../../messaging/router/change-queue.js';
import { routerLimits } from '../../messaging/router/limits.js';
import type { RouterChange } from '../../messaging/router/model-view.js';

const change = (index: number): RouterChange => ({
  type: 'created',
  entity: {
    kind: 'service',
    id: `s${index}`,
    name: `s${index}`,
    version: 1,
    createdAt: 1,
    updatedAt: 1,
    tags: {},
    spec: {},
  },
  position: { timeline: { id: 'A', epoch: 1 }, indexType: 'raft', index },
  source: 'event',
});

function queueOf(behindMax: number) {
  const ended: ChangeQueue[] = [];
  const queue = new ChangeQueue(behindMax, (each) => ended.push(each));
  const push = (from: number, to: number): void => {
    for (let index = from; index <= to; index += 1) queue.push(change(index));
  };
  return { queue, ended, push };
}

async function read(queue: ChangeQueue, countMax = Number.POSITIVE_INFINITY): Promise<readonly number[]> {
  const seen: number[] = [];
  while (seen.length < countMax) {
    const { done, value } = await queue.next();
    if (done === true) break;
    seen.push(value.position.index);
  }
  return seen;
}

test('who waits gets the next change, who comes later all that were queued, in order', async (t) => {
  const { queue, push } = queueOf(10);
  const waiting = queue.next();
  push(1, 4);
  t.is((await waiting).value?.position.index, 1);
  t.deepEqual(await read(queue, 2), [2, 3]);
  push(5, 6);
  t.deepEqual(await read(queue, 3), [4, 5, 6]);
});

test('what is queued when the client is closed is still given; who waits is told of the end', async (t) => {
  const { queue, ended, push } = queueOf(10);
  push(1, 3);
  queue.end();
  push(4, 5);
  t.deepEqual(await read(queue), [1, 2, 3]);
  t.deepEqual(ended, [queue]);
  const idle = queueOf(10).queue;
  const waiting = idle.next();
  idle.end();
  t.is((await waiting).done, true);
});

test('a loop that falls too far behind is ended with an error that says what to do, and keeps nothing', async (t) => {
  const { queue, ended, push } = queueOf(routerLimits.iterationBehindMax);
  push(1, routerLimits.iterationBehindMax);
  t.is(ended.length, 0, 'so many are kept');
  t.deepEqual(await read(queue, 1), [1]);
  push(routerLimits.iterationBehindMax + 1, routerLimits.iterationBehindMax + 2);
  t.deepEqual(ended, [queue], 'nothing is pushed to it any more');
  const error = await t.throwsAsync(queue.next(), { code: 'overloaded', message: /fell 65536 changes behind/ });
  t.regex(String((error as { readonly remedy?: string } | undefined)?.remedy), /begin a new iteration/);
  t.is((await queue.next()).done, true, 'and it is told once');
});

test('a loop that is left ends the iteration, and lets go of what was queued', async (t) => {
  const { queue, ended, push } = queueOf(10);
  push(1, 5);
  for await (const { position } of queue) {
    if (position.index === 2) break;
  }
  t.deepEqual(ended, [queue]);
  push(6, 7);
  t.is((await queue.next()).done, true);
});
