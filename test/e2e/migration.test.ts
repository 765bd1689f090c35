/**
 * From a standalone controller to a cluster and back, with real processes: routers stay connected, writers go on, and nothing
 * is lost, done twice, or refused as old. (Where a process is killed at each step: migration-killed.test.ts.)
 */
import test, { type ExecutionContext } from 'ava';
import type { Operation, RouterView } from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';
import { type Load, startLoad } from './load.js';

const routers = ['r1', 'r2', 'r3'];

async function begin(): Promise<TestCluster> {
  const cluster = await startCluster({ standalone: true, routers: 3 });
  for (const id of routers) await cluster.router(id).process?.waitForLog('"message":"live"');
  return cluster;
}

/** Both ends: what was acknowledged to writers, and what each router has applied. */
async function nothingLost(t: ExecutionContext, cluster: TestCluster, load: Load): Promise<void> {
  t.deepEqual(load.failures, []);
  const acknowledged = new Set(load.acknowledged.map(({ id }) => id));
  t.is(acknowledged.size, load.acknowledged.length);
  const views = await eventually(
    async () => {
      const answer = await cluster.api.request('routers.list', {});
      return answer.routers.length === routers.length && answer.routers.every(({ inSync }) => inSync) && answer.routers;
    },
    { what: 'all routers to be in sync', timeoutMs: 60_000 },
  );
  const leader = [...cluster.statuses().values()].find(({ state }) => state === 'member' || state === 'standalone');
  const held = (await cluster.modelOf(leader?.node ?? '')).map(({ id }) => id);
  t.deepEqual(
    [...acknowledged].filter((id) => !held.includes(id)),
    [],
    'all that was acknowledged is in the model',
  );
  for (const id of routers) {
    const created =
      cluster
        .router(id)
        .logs()
        .match(/service load-\S+ created/g) ?? [];
    t.is(new Set(created).size, held.length, `${id} has seen everything`);
    t.is(created.length, held.length, `${id} has applied nothing twice`);
  }
  for (const { id, counters } of views) {
    t.is(counters['conflicts'], 0, `${id} met no conflict`);
    t.is(counters['badReplies'], 0, `${id} got no bad reply`);
  }
}

function positionsOf(views: readonly RouterView[]): readonly string[] {
  return views.map(({ position }) => `${position?.indexType} ${position?.timeline.epoch}`);
}

const stepsOf = ({ steps, verifications }: Operation) =>
  [...steps, ...verifications].map(({ step, state, detail }) => `${step} ${state}: ${detail}`);

test.serial(
  'routers that took high legacy indexes take the small raft indexes after them, and those of a rollback and of a second migration',
  async (t) => {
    const cluster = await begin();
    const load = startLoad(cluster.api, 4);
    await load.progress(300);
    load.longestGapMs();

    const migrated = await cluster.run({ workflow: 'migrate' });
    t.log(...stepsOf(migrated));
    await load.progress(100);
    t.log(`longest gap in writes: ${Math.round(load.longestGapMs())} ms`);
    const first = (await cluster.api.request('status.get', {}, { node: 'n1' })).position;
    t.is(first?.indexType, 'raft');
    t.is(first?.timeline.epoch, 2);
    const highest = Math.max(...load.acknowledged.slice(0, 300).map(({ index }) => index));
    const smallest = Math.min(...load.acknowledged.slice(-90).map(({ index }) => index));
    t.true(smallest < highest, `raft indexes (from ${smallest}) are smaller than legacy ones (up to ${highest})`);

    const rolledBack = await cluster.run({ workflow: 'rollback' });
    t.log(...stepsOf(rolledBack));
    await load.progress(100);
    t.log(`longest gap in writes: ${Math.round(load.longestGapMs())} ms`);
    const status = await cluster.api.request('status.get', {}, { node: 'n1' });
    t.is(status.state, 'standalone');
    t.is(status.position?.indexType, 'legacy');
    t.is(status.position?.timeline.epoch, 3);
    t.true((status.position?.index ?? 0) > highest, 'legacy indexes go on above any that was ever given');

    await cluster.run({ workflow: 'migrate' });
    await load.progress(100);
    await load.stop();
    await nothingLost(t, cluster, load);
    const { routers: views } = await cluster.api.request('routers.list', {});
    t.deepEqual(positionsOf(views), ['raft 4', 'raft 4', 'raft 4']);
    await cluster.end();
  },
);
