/** A member with a higher priority leads whenever it is well. */
import test from 'ava';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';

const takeOverMs = 60_000;

const leads = (cluster: TestCluster, id: string): Promise<unknown> =>
  eventually(async () => (await cluster.leader(takeOverMs)) === id, { what: `${id} to lead`, timeoutMs: takeOverMs });

test('it takes over by itself, again after it was away, and not from where an operation put leadership meanwhile', async (t) => {
  t.timeout(240_000);
  const cluster = await startCluster();
  t.teardown(() => cluster.end());
  t.is(await cluster.leader(), 'n1');
  await cluster.restart('n3', { env: { QUORATE_PRIORITY: '10' } });
  await leads(cluster, 'n3');

  await cluster.kill('n3');
  await eventually(async () => (await cluster.leader(takeOverMs)) !== 'n3', { what: 'another one to lead' });
  await cluster.restart('n3');
  await leads(cluster, 'n3');

  const { findings } = await cluster.transfer('n2');
  t.like(
    findings.find(({ check }) => check === 'target-preferred'),
    { outcome: 'warn' },
  );
  await leads(cluster, 'n3');
});
