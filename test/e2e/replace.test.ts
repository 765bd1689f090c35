/** Replace, promote and demote with real processes: nothing says success before the effect was seen. */
import test, { type ExecutionContext } from 'ava';
import type { OperationView } from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';
import { startLoad } from './load.js';

async function rolesOf(cluster: TestCluster): Promise<readonly string[]> {
  const { members } = await cluster.api.request('members.list', {});
  return members.map(({ id, role }) => `${id} ${role}`);
}

const steps = (operation: OperationView): readonly string[] =>
  [...operation.steps, ...operation.verifications].map(({ step, state }) => `${step} ${state}`);

test.serial('a dead member is replaced by a blank one under load; when it comes back it learns of it', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  const load = startLoad(cluster.api, 4);
  await load.progress(100);
  const [dead = ''] = await cluster.followers();
  await cluster.kill(dead);
  await cluster.startBlank('n4');
  const operation = await cluster.replace(dead, 'n4');
  t.deepEqual(steps(operation), [
    'prepare-candidate done',
    'add-learner done',
    'catch-up done',
    'transfer-leadership done',
    'exchange done',
    'configuration-holds-it done',
    'configuration-without-it done',
    'applies-at-leader done',
    'says-member done',
    'knows-it done',
  ]);
  t.deepEqual([operation.before.voters, operation.after.voters], [3, 3], 'at no moment it was planned to have fewer');
  const left = ['n1', 'n2', 'n3', 'n4'].filter((id) => id !== dead);
  t.deepEqual(
    await rolesOf(cluster),
    left.map((id) => `${id} voter`),
  );
  await load.progress(50);
  await load.stop();
  t.deepEqual(load.failures, []);
  await cluster.restart(dead);
  await cluster.waitUntil((statuses) => statuses.get(dead)?.state === 'removed', `${dead} to know it`);
  await cluster.agrees();
  await cluster.end();
});

/** The record is looked at until this step runs; then whoever runs the operation is killed. */
async function killAtStep(cluster: TestCluster, id: string, step: string): Promise<string | undefined> {
  const record = await eventually(
    async () => {
      const found = await cluster.api.request('operation.get', { id });
      const state = found.steps.find((each) => each.step === step)?.state;
      return (state !== 'pending' || found.finishedAt !== null) && found;
    },
    { what: `the step ${step}`, intervalMs: 2, timeoutMs: 60_000 },
  );
  if (record.finishedAt !== null || !cluster.node(record.runner).isRunning()) return undefined;
  await cluster.kill(record.runner);
  return record.runner;
}

async function killedAt(t: ExecutionContext, step: string): Promise<void> {
  const cluster = await startCluster({ controllers: 3 });
  const load = startLoad(cluster.api, 2);
  await cluster.startBlank('n4');
  const old = await cluster.leader();
  const { id } = await cluster.api.request('operation.start', { workflow: 'replace', node: old, with: 'n4' });
  const killed = await killAtStep(cluster, id, step);
  t.log(`${step}: killed ${killed ?? 'nobody: it was over'}`);
  // Of three, one is dead: it comes back as a supervisor would let it.
  if (killed !== undefined) await cluster.restart(killed);
  const ended = await eventually(
    async () => {
      const record = await cluster.api.request('operation.get', { id });
      return record.finishedAt !== null && record;
    },
    { what: 'the end of the operation', timeoutMs: 90_000, intervalMs: 50 },
  );
  const roles = await rolesOf(cluster);
  if (ended.state === 'done')
    t.deepEqual(
      roles,
      ['n1', 'n2', 'n3', 'n4'].filter((each) => each !== old).map((each) => `${each} voter`),
    );
  else t.deepEqual(roles, ['n1 voter', 'n2 voter', 'n3 voter'], `${ended.error?.message}: all of it was taken back`);
  await load.progress(50);
  await load.stop();
  t.deepEqual(load.failures, []);
  await cluster.end();
}

for (const step of ['catch-up', 'exchange'] as const) {
  test.serial(
    `the leader is to be replaced, and whoever runs that is killed at ${step}: all of it happens, or nothing`,
    async (t) => {
      t.timeout(180_000);
      await killedAt(t, step);
    },
  );
}

test.serial('a voter is made a learner and a voter again; the leader hands over before it is demoted', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  const leader = await cluster.leader();
  t.deepEqual(steps(await cluster.run({ workflow: 'demote', node: leader })), [
    'transfer-leadership done',
    'demote-member done',
    'configuration-holds-it done',
    'says-member done',
  ]);
  t.true((await rolesOf(cluster)).includes(`${leader} learner`));
  await cluster.waitUntil((all) => all.get(leader)?.raft?.role === 'learner', `${leader} to say that it is a learner`);
  const load = startLoad(cluster.api, 2);
  await load.progress(50);
  t.is((await cluster.run({ workflow: 'promote', node: leader })).state, 'done');
  t.deepEqual(await rolesOf(cluster), ['n1 voter', 'n2 voter', 'n3 voter']);
  await load.stop();
  t.deepEqual(load.failures, []);
  await cluster.agrees();
  await cluster.end();
});
