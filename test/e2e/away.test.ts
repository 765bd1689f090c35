/** A controller that was away when the members changed, and is alone when it comes back. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { endpointFileName, endpointListSchema } from '../../messaging/index.js';
import { startCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';

const patienceMs = 60_000;
const older = { env: { QUORATE_PROTOCOL_MAX: '1' } };

test('it serves routers, and gives none a list of controllers from before', async (t) => {
  t.timeout(5 * patienceMs);
  const cluster = await startCluster({ controllers: 3, routers: 1, launch: older });
  const keptBy = (): string => {
    const file = path.join(cluster.router('r1').dataDirectory, endpointFileName);
    const { list } = JSON.parse(readFileSync(file, 'utf8')) as { list: unknown };
    return endpointListSchema
      .parse(list)
      .controllers.map(({ id, protocol }) => `${id} ${protocol.max}`)
      .join(', ');
  };
  await eventually(() => /"live"/.test(cluster.router('r1').logs()), { what: 'r1 to follow', timeoutMs: patienceMs });
  await cluster.stop('n3');
  await cluster.restart('n1', {});
  const newer = 'n1 2, n2 1, n3 1';
  await eventually(() => keptBy() === newer, {
    what: 'r1 to keep the newer list',
    show: keptBy,
    timeoutMs: patienceMs,
  });
  await cluster.stop('r1');
  await Promise.all([cluster.kill('n1'), cluster.kill('n2')]);
  const saidBefore = cluster.router('r1').logs().length;

  await Promise.all([cluster.restart('n3'), cluster.restart('r1')]);
  const said = () => cluster.router('r1').logs().slice(saidBefore);
  await eventually(() => /"live"/.test(said()), { what: 'r1 to be served by n3', show: said, timeoutMs: patienceMs });
  t.notRegex(said(), /refused/);
  t.is(keptBy(), newer);
  await cluster.end();
});
