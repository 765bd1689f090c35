/** What is published, by real controllers: one publisher, no change missing, and the names that readers of OpenZiti's events know. */
import test from 'ava';
import type { QuorateEvent } from '../../messaging/index.js';
import { startCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';
import { startLoad } from './load.js';

test.serial('every change is published, also those that the leader had not published when it was killed', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  const heard: QuorateEvent[] = [];
  cluster.api.watchEvents((event) => heard.push(event));
  await cluster.connection.flush();
  const load = startLoad(cluster.api, 16);
  await load.progress(400);
  const killed = await cluster.leader();
  await cluster.kill(killed);
  await load.progress(400);
  await load.stop();
  await cluster.settles();
  const [alive = ''] = (['n1', 'n2', 'n3'] as const).filter((id) => id !== killed);
  const changes = await cluster.changesOf(alive);
  const published = await eventually(
    () => {
      const byIndex = new Map(
        heard.flatMap((event) => (event.namespace === 'entityChange' ? [[event.position.index, event] as const] : [])),
      );
      return byIndex.size === changes.length && byIndex;
    },
    { what: 'an event for each change in the journal' },
  );
  for (const { position, previousIndex, entity, type } of changes) {
    const event = published.get(position.index);
    t.is(event?.previousIndex, previousIndex);
    t.is(event?.eventType, type);
    t.is(event?.entityType, 'services');
    t.is(event?.finalState?.id, entity.id);
  }
  const publishers = new Set(
    heard.filter(({ namespace }) => namespace === 'entityChange').map(({ event_src_id }) => event_src_id),
  );
  t.true(publishers.has(killed));
  t.is(publishers.size, 2, 'the leader alone publishes: one before the kill, one after it');
  await cluster.end();
});

test.serial('leadership, membership and quorum are told under their names', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  const types: string[] = [];
  cluster.api.watchEvents((event) => types.push('eventType' in event ? event.eventType : ''), 'cluster.>');
  await cluster.connection.flush();
  const told = (type: string) =>
    eventually(() => types.includes(type), { what: `the event ${type}`, show: () => types });
  const [follower = '', other = ''] = await cluster.followers();
  await cluster.transfer(follower);
  await told('leadership.gained');
  await told('state.has_leader');
  await told('leadership.lost');
  await told('operation.finished');
  const former = [...cluster.statuses().keys()].find((id) => id !== follower && id !== other) ?? '';
  await cluster.kill(former);
  await told('peer.disconnected');
  await cluster.kill(other);
  await told('quorum.lost');
  await told('state.is_leaderless');
  types.length = 0;
  await cluster.restart(other);
  await told('quorum.regained');
  await told('peer.disconnected');
  await cluster.restart(former);
  await told('peer.connected');
  await cluster.startBlank('n4');
  await cluster.join('n4');
  for (const type of ['member.added', 'member.promoted', 'members.changed']) await told(type);
  await cluster.api.request('snapshot.create', {}, { node: 'n4' });
  await told('snapshot.taken');
  await cluster.remove('n4');
  await told('member.removed');
  t.pass();
  await cluster.end();
});

test.serial('every controller answers as a NATS service', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  for (const verb of ['PING', 'INFO', 'STATS']) {
    const nodes: string[] = [];
    for await (const message of await cluster.connection.requestMany(`$SRV.${verb}.quorate-controller`, '', {
      maxWait: 1_000,
    })) {
      const { name, metadata } = message.json<{ name: string; metadata: { cluster: string; node: string } }>();
      t.is(name, 'quorate-controller');
      t.is(metadata.cluster, cluster.name);
      nodes.push(metadata.node);
    }
    t.deepEqual(
      nodes.sort((a, b) => (a < b ? -1 : 1)),
      ['n1', 'n2', 'n3'],
      verb,
    );
  }
  await cluster.end();
});
