/** A NATS that carries too little: it is said at once, and nobody ends of it. */
import test from 'ava';
import type { EntityChangeEvent } from '../../messaging/schemas/events.js';
import { startCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';

test('where NATS carries too little an alarm says so, and an event that is too large ends no controller', async (t) => {
  t.timeout(180_000);
  const cluster = await startCluster({ controllers: 1, natsConfig: 'max_payload: 65536' });
  const alarm = await eventually(
    () =>
      cluster
        .statuses()
        .get('n1')
        ?.alarms.find(({ code }) => code === 'nats-max-payload'),
    { what: 'the alarm', timeoutMs: 60_000 },
  );
  t.regex(alarm.message, /65536 bytes in a message, and 524288 are needed/);
  const heard: EntityChangeEvent[] = [];
  cluster.api.watchEvents((event) => {
    if (event.namespace === 'entityChange') heard.push(event);
  });
  await cluster.connection.flush();
  await cluster.api.request('model.create', { kind: 'service', id: 'large', name: 'large' });
  for (const half of ['first', 'second']) {
    const tags = Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`${half}-${at}`, '長'.repeat(1_024)]));
    const done = cluster.api.request('model.update', { kind: 'service', id: 'large', patch: { tags } });
    // Twice the tags are in no message any more: neither in the event nor in the answer.
    if (half === 'second') await t.throwsAsync(done, { message: /too-large|bytes/ });
    else await done;
  }
  await cluster.node('n1').process?.waitForLog('event-not-sent', 60_000);
  await cluster.api.request('model.create', { kind: 'service', id: 'small', name: 'small' }, { timeoutMs: 60_000 });
  const last = await eventually(() => heard.find(({ finalState }) => finalState?.id === 'small'), {
    what: 'the next event',
    timeoutMs: 60_000,
  });
  // By the index before it, whoever follows knows that there was another one.
  t.is(last.previousIndex, last.position.index - 1);
  t.is(
    Math.max(...heard.filter((each) => each !== last).map(({ position }) => position.index)),
    last.previousIndex - 1,
  );
  t.true(cluster.node('n1').isRunning());
  await cluster.end();
});
