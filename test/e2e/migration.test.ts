/**
 * From a standalone controller to a cluster and back, with real processes: routers stay connected, writers go on, and nothing
 * is lost, done twice, or refused as old. (Where a process is killed at each step: migration-killed.test.ts.)
 */
import test, { type ExecutionContext } from 'ava';
import {
  connectRouter,
  type OperationView,
  type QuorateError,
  type RouterView,
  subjectsOf,
} from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { runQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { type Load, startLoad } from './load.js';

const routers = ['r1', 'r2', 'r3'];

async function begin(): Promise<TestCluster> {
  const cluster = await startCluster({ standalone: true, routers: routers.length });
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

/** What a client that does not try again is answered when it writes in the pause. */
async function answeredInPause(cluster: TestCluster) {
  const subject = subjectsOf(cluster.name).api('leader', 'raw', 'model.create');
  let number = 0;
  return await eventually(
    async () => {
      number += 1;
      const [requestId, name] = [`raw-request-${number}`, `load-raw-${number}`];
      const draft = { kind: 'service', id: name, name };
      const body = JSON.stringify({ v: 1, requestId, params: draft });
      // In the moment of the change nobody may be there to answer.
      const answer = await cluster.connection.request(subject, body, { timeout: 5_000 }).catch(() => undefined);
      const { error } = (answer?.json() ?? {}) as { readonly error?: { readonly code: string } };
      return error !== undefined && { requestId, draft, code: error.code };
    },
    { what: 'a write to be refused', timeoutMs: 60_000, intervalMs: 10 },
  );
}

function positionsOf(views: readonly RouterView[]): readonly string[] {
  return views.map(({ position }) => `${position?.indexType} ${position?.timeline.epoch}`);
}

const stepsOf = ({ steps, verifications }: OperationView) =>
  [...steps, ...verifications].map(
    ({ step, state, detail, startedAt, finishedAt }) =>
      `${step} ${state} (${(finishedAt ?? 0) - (startedAt ?? 0)} ms): ${detail}`,
  );

test.serial(
  'routers that took high legacy indexes take the small raft indexes after them, and those of a rollback and of a second migration',
  async (t) => {
    t.timeout(300_000);
    const cluster = await begin();
    const load = startLoad(cluster.api, 4);
    await load.progress(300);
    load.longestGapMs();

    const [migrated, paused] = await Promise.all([cluster.run({ workflow: 'migrate' }), answeredInPause(cluster)]);
    t.log(...stepsOf(migrated));
    t.is(paused.code, 'paused', 'who does not try again is told why');
    const retried = await cluster.api.request('model.create', paused.draft, { requestId: paused.requestId });
    t.is(retried.entity.version, 1, 'and gets it done, once, when it does');
    await load.progress(100);
    t.log(`longest gap in writes: ${Math.round(load.longestGapMs())} ms`);
    const first = (await cluster.api.request('status.get', {}, { node: 'n1' })).position;
    t.is(first?.indexType, 'raft');
    t.is(first?.timeline.epoch, 2);
    // Of writers side by side, answers overtake each other by a few indexes; the count that begins anew falls by hundreds.
    const indexes = load.acknowledged.map(({ index }) => index);
    const anew = indexes.findIndex((index, place) => place > 0 && index < (indexes[place - 1] ?? 0) - 100);
    t.true(anew > 0, 'raft indexes are smaller than the legacy ones before them');

    const rolledBack = await cluster.run({ workflow: 'rollback' });
    t.log(...stepsOf(rolledBack));
    await load.progress(100);
    t.log(`longest gap in writes: ${Math.round(load.longestGapMs())} ms`);
    const status = await cluster.api.request('status.get', {}, { node: 'n1' });
    t.is(status.state, 'standalone');
    t.is(status.position?.indexType, 'legacy');
    t.is(status.position?.timeline.epoch, 3);
    t.true(
      (status.position?.index ?? 0) > (indexes[anew - 1] ?? 0),
      'legacy indexes go on above any that was ever given',
    );

    await cluster.run({ workflow: 'migrate' });
    await load.progress(100);
    await load.stop();
    await nothingLost(t, cluster, load);
    const { routers: views } = await cluster.api.request('routers.list', {});
    t.deepEqual(positionsOf(views), ['raft 4', 'raft 4', 'raft 4']);
    await cluster.end();
  },
);

test.serial(
  'a cluster of three rolls back: the others are removed and know it, also the one that was away',
  async (t) => {
    t.timeout(300_000);
    const cluster = await begin();
    const load = startLoad(cluster.api, 2);
    await load.progress(50);
    await cluster.run({ workflow: 'migrate' });
    for (const id of ['n2', 'n3']) {
      await cluster.startBlank(id);
      await cluster.join(id);
    }
    await load.progress(50);
    await cluster.transfer('n2');
    await cluster.kill('n3', 'SIGKILL');
    const rolledBack = await cluster.run({ workflow: 'rollback', node: 'n1' }, 90_000);
    t.log(...stepsOf(rolledBack));
    t.regex(stepsOf(rolledBack).join(), /n2: it says so; n3: it is away/);
    await cluster.restart('n3');
    await cluster.waitUntil(
      (all) => all.get('n2')?.state === 'removed' && all.get('n3')?.state === 'removed',
      'both to say that they are removed',
    );
    t.is(cluster.statuses().get('n1')?.state, 'standalone');
    await load.progress(50);

    await cluster.run({ workflow: 'migrate' });
    await cluster.startBlank('n4');
    await cluster.join('n4');
    const plan = await cluster.api.request('operation.plan', { workflow: 'join', node: 'n2' });
    t.is(plan.findings.find(({ check }) => check === 'candidate-id-unused')?.outcome, 'fail');
    await load.progress(50);
    await load.stop();
    await nothingLost(t, cluster, load);
    t.is((await cluster.modelOf('n4')).length, load.acknowledged.length);
    await cluster.end();
  },
);

test.serial('routers that do not understand raft indexes are named, and left behind only when they are', async (t) => {
  t.timeout(300_000);
  const cluster = await begin();
  const old = await connectRouter({
    cluster: cluster.name,
    id: 'old',
    servers: [cluster.natsUrl],
    dataDirectory: temporaryDirectory('old'),
    indexTypes: ['legacy'],
  });
  await old.whenLive();
  await eventually(
    async () =>
      (await cluster.api.request('routers.list', {})).routers.find(({ id, online }) => id === 'old' && online),
    { what: 'the old router to be online' },
  );
  const refusal = await t.throwsAsync<QuorateError>(cluster.api.request('operation.start', { workflow: 'migrate' }), {
    code: 'check-failed',
    message: /routers-understand-raft failed: 1 connected router does not say that raft indexes are understood: old/,
  });
  t.regex(String(refusal?.remedy), /--leave-behind old/);
  t.is((await cluster.api.request('status.get', {}, { node: 'n1' })).state, 'standalone');
  await t.throwsAsync(cluster.api.request('operation.start', { workflow: 'rollback' }), {
    code: 'check-failed',
    message: /is-cluster/,
  });

  await cluster.run({ workflow: 'migrate', leaveBehind: ['old'] });
  await eventually(() => old.phase === 'refused', { what: 'the old router to be refused', show: () => old.phase });
  const { routers: views } = await cluster.api.request('routers.list', {});
  t.deepEqual(positionsOf(views.filter(({ id }) => id !== 'old')), ['raft 2', 'raft 2', 'raft 2']);
  t.is(views.find(({ id }) => id === 'old')?.refused?.code, 'hello-refused');
  const shown = await runQuorate(['routers', '--cluster', cluster.name, '--nats', cluster.natsUrl]);
  t.regex(
    shown.stdout,
    /^old +refused .*the router does not understand raft indexes/m,
    'the operator sees which one, and why',
  );
  await old.close();
  await cluster.end();
});
