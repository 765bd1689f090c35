/** The quorum is lost for good: a survivor goes on alone, and nobody who comes back can disturb it. Real processes. */
import test, { type ExecutionContext } from 'ava';
import type { NodeStatus } from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';

/** Creates services and answers the ids of those that were acknowledged. */
async function write(cluster: TestCluster, prefix: string, count: number): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, number) => `${prefix}${number}`);
  for (const id of ids) await cluster.api.request('model.create', { kind: 'service', id, name: id, spec: {} });
  return ids;
}

async function holds(t: ExecutionContext, cluster: TestCluster, node: string, ids: readonly string[]): Promise<void> {
  const held = new Set((await cluster.modelOf(node)).map((entity) => entity.id));
  t.deepEqual(
    ids.filter((id) => !held.has(id)),
    [],
    `${node} holds all that was acknowledged`,
  );
}

/** A machine that is busy with other tests takes its time to start a process. */
const patienceMs = 60_000;

const statusOf = (cluster: TestCluster, id: string): NodeStatus | undefined => cluster.statuses().get(id);

/** Waits until the survivor hears no leader, which takes as long as its lease. */
async function leaderless(cluster: TestCluster, ...ids: readonly string[]): Promise<void> {
  await cluster.waitUntil(
    (statuses) => ids.every((id) => statuses.get(id)?.raft?.leader === null),
    `${ids.join(', ')} to hear no leader`,
    patienceMs,
  );
}

async function leads(cluster: TestCluster, id: string): Promise<void> {
  await cluster.waitUntil((statuses) => statuses.get(id)?.raft?.role === 'leader', `${id} to lead`, patienceMs);
}

async function becomesRemoved(t: ExecutionContext, cluster: TestCluster, id: string): Promise<void> {
  await cluster.waitUntil(
    (statuses) => statuses.get(id)?.state === 'removed',
    `${id} to know that it is removed`,
    patienceMs,
  );
  const status = statusOf(cluster, id);
  t.is(status?.raft, null, `${id} takes part in no log`);
  t.is(status?.logTimeline?.epoch, 1_001);
}

test.serial(
  'five members, three lost for good: a survivor goes on; the old majority comes back and is told',
  async (t) => {
    t.timeout(180_000);
    const cluster = await startCluster({ controllers: 5, routers: 1 });
    const before = await write(cluster, 'before', 20);
    await cluster.agrees();
    // n4 and n5 stay, and the leader is among those that are lost.
    if (!['n1', 'n2', 'n3'].includes(await cluster.leader())) await cluster.transfer('n1');
    await Promise.all(['n1', 'n2', 'n3'].map((id) => cluster.kill(id)));
    await leaderless(cluster, 'n4', 'n5');

    const recovered = await cluster.api.request('recovery.begin', {}, { node: 'n4', timeoutMs: 60_000 });
    t.is(recovered.position.timeline.epoch, 1_001);
    t.deepEqual(recovered.removed, ['n1', 'n2', 'n3', 'n5']);
    await leads(cluster, 'n4');
    const after = await write(cluster, 'after', 20);
    // The other survivor hears of it, and serves no more.
    await becomesRemoved(t, cluster, 'n5');

    // One of the lost comes back alone; then, with the recovered side away, a majority of the old.
    await cluster.restart('n1');
    await becomesRemoved(t, cluster, 'n1');
    await cluster.restart('n2');
    await cluster.restart('n3');
    await becomesRemoved(t, cluster, 'n2');
    await becomesRemoved(t, cluster, 'n3');
    await leads(cluster, 'n4');
    const late = await write(cluster, 'late', 5);

    // It is durable: they start as removed, without hearing anybody.
    await cluster.stop('n4');
    await Promise.all(['n1', 'n2', 'n3', 'n5'].map((id) => cluster.restart(id)));
    await cluster.waitUntil(
      (statuses) => ['n1', 'n2', 'n3', 'n5'].every((id) => statuses.get(id)?.state === 'removed'),
      'all four to start as removed',
      patienceMs,
    );
    await cluster.restart('n4');
    await leads(cluster, 'n4');
    await holds(t, cluster, 'n4', [...before, ...after, ...late]);

    // It grows again, and the router has followed into the new timeline.
    await cluster.startBlank('n6');
    await cluster.join('n6');
    await cluster.waitUntil((statuses) => statuses.get('n6')?.state === 'member', 'n6 to be a member');
    await holds(t, cluster, 'n6', [...before, ...after, ...late]);
    t.is(statusOf(cluster, 'n6')?.logTimeline?.id, recovered.position.timeline.id);
    await eventually(
      async () => {
        const { routers } = await cluster.api.request('routers.list', {});
        return routers.some(({ id, position }) => id === 'r1' && position?.timeline.epoch === 1_001);
      },
      { what: 'the router to stand on the new timeline' },
    );
    await cluster.end();
  },
);

test.serial(
  'an old majority that has elected a leader while the recovered side was away stops when it hears it',
  async (t) => {
    t.timeout(120_000);
    const cluster = await startCluster();
    const before = await write(cluster, 'before', 5);
    await cluster.agrees();
    await Promise.all(['n1', 'n2'].map((id) => cluster.kill(id)));
    await leaderless(cluster, 'n3');
    await cluster.api.request('recovery.begin', {}, { node: 'n3', timeoutMs: 60_000 });
    await leads(cluster, 'n3');
    const after = await write(cluster, 'after', 5);
    await cluster.kill('n3');
    // Nobody is there to tell them: they are a majority, and elect.
    await Promise.all(['n1', 'n2'].map((id) => cluster.restart(id)));
    await cluster.waitUntil(
      (statuses) => ['n1', 'n2'].some((id) => statuses.get(id)?.raft?.role === 'leader'),
      'the old majority to have a leader',
    );
    await cluster.restart('n3');
    await becomesRemoved(t, cluster, 'n1');
    await becomesRemoved(t, cluster, 'n2');
    await leads(cluster, 'n3');
    const late = await write(cluster, 'late', 5);
    await holds(t, cluster, 'n3', [...before, ...after, ...late]);
    await cluster.end();
  },
);

test.serial(
  'while a leader or a quorum is there nothing is recovered; nor on one that holds less, unless it is named',
  async (t) => {
    t.timeout(120_000);
    const cluster = await startCluster({ controllers: 5 });
    await write(cluster, 'before', 5);
    await cluster.agrees();
    const begin = (node: string, leaveBehind: string[] = []) =>
      cluster.api.request('recovery.begin', { leaveBehind }, { node, timeoutMs: 60_000 });
    await t.throwsAsync(begin('n3'), { code: 'quorum-present' });

    // n5 misses a few entries that n4 has.
    await cluster.kill('n5');
    await write(cluster, 'more', 5);
    await cluster.settles();
    await Promise.all(['n1', 'n2', 'n3'].map((id) => cluster.kill(id)));
    await leaderless(cluster, 'n4');
    await cluster.restart('n5');
    await cluster.waitUntil((statuses) => statuses.get('n5')?.raft?.leader === null, 'n5 to be heard');
    await t.throwsAsync(begin('n5'), { code: 'better-survivor', message: /n4 holds/ });
    // Two at once: at most one, and never two timelines.
    const outcomes = await Promise.allSettled([begin('n4'), begin('n5', ['n4'])]);
    t.true(outcomes.filter(({ status }) => status === 'fulfilled').length <= 1, JSON.stringify(outcomes));
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        t.true(
          ['recovery-running', 'removed', 'not-a-member', 'quorum-present'].includes(outcome.reason.code),
          String(outcome.reason),
        );
    if (outcomes.every(({ status }) => status === 'rejected')) await begin('n4');
    await cluster.waitUntil(
      (statuses) => ['n4', 'n5'].filter((id) => statuses.get(id)?.raft?.role === 'leader').length === 1,
      'one of the two to lead',
    );
    await cluster.waitUntil(
      (statuses) => ['n4', 'n5'].filter((id) => statuses.get(id)?.state === 'removed').length === 1,
      'the other one to be removed',
    );
    await cluster.end();
  },
);
