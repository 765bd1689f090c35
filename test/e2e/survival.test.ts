/** Real processes, killed: writes go on, and what was acknowledged is there on every member, in one order. */
import test, { type ExecutionContext } from 'ava';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';
import { type Load, startLoad } from './load.js';

/** Every member holds every acknowledged write once, at the index that was acknowledged, in the same order as the others. */
async function everythingIsThere(
  t: ExecutionContext,
  cluster: TestCluster,
  load: Load,
  members: readonly string[],
): Promise<void> {
  await cluster.agrees();
  const histories = await Promise.all(members.map((id) => cluster.changesOf(id)));
  const [first = []] = histories;
  const orders = histories.map((changes) =>
    changes.map(({ position, entity }) => `${position.index} ${entity.id}`).join('\n'),
  );
  for (const order of orders.slice(1))
    t.is(order, orders[0] ?? '', 'the same changes in the same order on every member');
  const indexes = new Map(first.map(({ position, entity }) => [entity.id, position.index]));
  t.is(indexes.size, first.length, 'no write was applied twice');
  for (const { id, index } of load.acknowledged)
    if (indexes.get(id) !== index) t.fail(`${id} was acknowledged at ${index} and stands at ${indexes.get(id)}`);
  for (const [place, { previousIndex }] of first.entries())
    if (previousIndex !== (first[place - 1]?.position.index ?? 0)) t.fail(`a gap before change ${place}`);
  t.true(first.length >= load.acknowledged.length);
}

test.serial('the leader is killed under load: writes go on and nothing acknowledged is lost', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  const load = startLoad(cluster.api, 8, { pauseMs: 0 });
  await load.progress(300);
  const gaps: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const leader = await cluster.leader();
    load.longestGapMs();
    await cluster.kill(leader, 'SIGKILL');
    await load.progress(300);
    gaps.push(load.longestGapMs());
    await cluster.restart(leader);
    await cluster.settles();
  }
  await load.stop();
  t.log(
    `longest gap in writes after SIGKILL of the leader: ${gaps.map((gap) => `${Math.round(gap)} ms`).join(', ')}; ${load.acknowledged.length} writes`,
  );
  t.deepEqual(load.failures, []);
  await everythingIsThere(t, cluster, load, ['n1', 'n2', 'n3']);
  await cluster.end();
});

test.serial(
  'the nats-server is killed under load and comes back: writes go on and nothing acknowledged is lost',
  async (t) => {
    const cluster = await startCluster({ controllers: 3 });
    const load = startLoad(cluster.api, 8, { pauseMs: 0 });
    await load.progress(300);
    await cluster.nats.kill('SIGKILL');
    await cluster.nats.restart();
    load.longestGapMs();
    await load.progress(300);
    const gap = load.longestGapMs();
    await load.stop();
    t.log(
      `longest gap in writes after the nats-server was back: ${Math.round(gap)} ms; ${load.acknowledged.length} writes`,
    );
    t.deepEqual(load.failures, []);
    await everythingIsThere(t, cluster, load, ['n1', 'n2', 'n3']);
    await cluster.end();
  },
);

test.serial('all controllers are killed at once and start again: everything acknowledged is there', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  const load = startLoad(cluster.api, 16, { pauseMs: 0 });
  await load.progress(500);
  await Promise.all(['n1', 'n2', 'n3'].map((id) => cluster.kill(id, 'SIGKILL')));
  await Promise.all(['n1', 'n2', 'n3'].map((id) => cluster.restart(id)));
  await load.progress(100);
  await load.stop();
  t.deepEqual(load.failures, []);
  await everythingIsThere(t, cluster, load, ['n1', 'n2', 'n3']);
  await cluster.end();
});

test.serial(
  'a controller is stopped in an orderly way: leadership is handed over, without an election timeout',
  async (t) => {
    const cluster = await startCluster({ controllers: 3 });
    const leader = await cluster.leader();
    const before = cluster.statuses().get(leader)?.raft?.term ?? 0;
    const load = startLoad(cluster.api, 4, { pauseMs: 0 });
    await load.progress(100);
    load.longestGapMs();
    await cluster.stop(leader);
    await load.progress(100);
    const gap = load.longestGapMs();
    await load.stop();
    t.log(`longest gap in writes at an orderly stop: ${Math.round(gap)} ms`);
    const next = await cluster.leader();
    t.not(next, leader);
    t.is(cluster.statuses().get(next)?.raft?.term, before + 1, 'one term further: nobody had to campaign twice');
    t.deepEqual(load.failures, []);
    await cluster.end();
  },
);

test.serial('a member that was away for long follows again, by entries or by a snapshot', async (t) => {
  const cluster = await startCluster({
    controllers: 3,
    nodeArguments: ['--compact-every', '200', '--compact-keep', '100'],
  });
  const [away = ''] = await cluster.followers();
  await cluster.kill(away, 'SIGKILL');
  const load = startLoad(cluster.api, 16, { pauseMs: 0 });
  await load.progress(1_500);
  const leader = await cluster.leader();
  await eventually(() => (cluster.statuses().get(leader)?.raft?.firstIndex ?? 0) > 500, {
    what: 'the leader to compact its log',
  });
  await cluster.restart(away);
  await load.progress(200);
  await load.stop();
  await everythingIsThere(t, cluster, load, ['n1', 'n2', 'n3']);
  await cluster.end();
});
