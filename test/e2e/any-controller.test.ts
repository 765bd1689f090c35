import test from 'ava';
import { startCluster } from '../support/cluster.js';

test('a blank controller takes nothing that is for any member', async (t) => {
  const cluster = await startCluster({ controllers: 1 });
  await cluster.startBlank('n2');
  for (let time = 0; time < 20; time += 1)
    t.deepEqual((await cluster.api.request('model.changes', { after: null })).changes, []);
  await cluster.end();
});
