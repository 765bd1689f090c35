import test from 'ava';
import { subjectsOf } from '../../messaging/subjects.js';
import { startCluster } from '../support/cluster.js';

/** A little less than three waits of a quarter of a second. */
const askedForMs = 700;

test('a candidate that was heard just now is asked again where nobody answers for it; one that was not heard is not', async (t) => {
  const cluster = await startCluster({ controllers: 1 });
  const { connection, api } = cluster;
  const planJoin = async (node: string): Promise<number> => {
    const beganAt = performance.now();
    const { mayRun } = await api.request('operation.plan', { workflow: 'join', node });
    t.false(mayRun);
    return performance.now() - beganAt;
  };
  t.true(Math.min(await planJoin('n8'), await planJoin('n8'), await planJoin('n8')) < askedForMs);
  // The test plays a blank controller, of whose subscriptions the NATS servers do not know yet.
  const [status] = await api.collectStatus(200);
  const played = { ...status, node: 'n9', name: 'n9', state: 'blank', clusterId: null, raft: null, position: null };
  connection.publish(subjectsOf(cluster.name).status('n9'), JSON.stringify(played));
  await connection.flush();
  t.true((await planJoin('n9')) >= askedForMs);
  await cluster.end();
});
