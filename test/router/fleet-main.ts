/**
 * Many routers on three real controllers: `node dist/test/router/fleet-main.js --routers 1000 --entities 1000`. Prints what an
 * operator of a large fleet would ask: how long until all are in sync, how late an event is for the last of them, how many
 * events a second they follow, how long a mass reconnect takes, and what all that costs the leader. The routers share one
 * process here, so their own work is part of each figure.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { connectRouter, type RouterClient } from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

const { values: given } = parseArgs({
  options: {
    routers: { type: 'string', default: '1000' },
    entities: { type: 'string', default: '500' },
    events: { type: 'string', default: '500' },
  },
});
const routers = Number(given.routers);
const patienceMs = 300_000;
const ticksPerSecond = 100;

function costOf(pid: number): { readonly cpuMs: number; readonly rssMb: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  const rssKb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0;
  return { cpuMs: (ticks * 1000) / ticksPerSecond, rssMb: Math.round(Number(rssKb) / 1024) };
}

async function measured(cluster: TestCluster, what: string, work: () => Promise<string>): Promise<void> {
  const pid = cluster.node(await cluster.leader()).process?.pid ?? 0;
  const before = costOf(pid);
  const startedAt = performance.now();
  const more = await work();
  const tookMs = performance.now() - startedAt;
  const after = costOf(pid);
  const cpu = `leader ${Math.round(after.cpuMs - before.cpuMs)} ms CPU, ${after.rssMb} MB`;
  console.log(`${what}: ${Math.round(tookMs)} ms; ${cpu}${more === '' ? '' : `; ${more}`}`);
}

function quantiles(values: readonly number[]): string {
  const ordered = [...values].sort((one, other) => one - other);
  const at = (share: number) => (ordered[Math.floor((ordered.length - 1) * share)] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

const cluster = await startCluster({ controllers: 3 });
const create = (id: string) => cluster.api.request('model.create', { kind: 'service', name: id, id });
for (let from = 0; from < Number(given.entities); from += 100) {
  await Promise.all(Array.from({ length: 100 }, (_, index) => create(`service-${from + index}`)));
}
await cluster.settles();
console.log(`${routers} routers, ${given.entities} entities, 3 controllers`);

const clients: RouterClient[] = [];
const allAt = (index: number) => () =>
  clients.every((client) => client.phase === 'live' && (client.model.position?.index ?? 0) >= index);
const away = (index: number) => () => clients.filter((client) => (client.model.position?.index ?? 0) < index).length;
const until = (index: number, what: string) =>
  eventually(allAt(index), { what, timeoutMs: patienceMs, intervalMs: 10, show: away(index) });

await measured(cluster, 'first sync of all', async () => {
  for (let index = 0; index < routers; index += 1) {
    const options = { cluster: cluster.name, id: `r${index}`, servers: [cluster.natsUrl] };
    clients.push(await connectRouter({ ...options, dataDirectory: temporaryDirectory('r') }));
  }
  await until(1, 'all to have the model');
  return '';
});

await measured(cluster, '20 events, one at a time', async () => {
  const lateMs: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const heard = clients.map(
      (client) =>
        new Promise<number>((resolve) => {
          const stop = client.on('change', () => {
            stop();
            resolve(performance.now());
          });
        }),
    );
    const { position } = await create(`fan-out-${round}`);
    const acknowledgedAt = performance.now();
    for (const at of await Promise.all(heard)) lateMs.push(Math.max(0, at - acknowledgedAt));
    await until(position.index, 'all to have it');
  }
  return `after the acknowledgement of the write: ${quantiles(lateMs)}`;
});

await measured(cluster, `${given.events} events, 32 writers`, async () => {
  const startedAt = performance.now();
  let next = 0;
  let last = 0;
  const writer = async () => {
    while (next < Number(given.events)) {
      next += 1;
      last = Math.max(last, (await create(`load-${next}`)).position.index);
    }
  };
  await Promise.all(Array.from({ length: 32 }, writer));
  await until(last, 'all to have all');
  const seconds = (performance.now() - startedAt) / 1000;
  return `${Math.round((Number(given.events) * routers) / seconds)} events applied a second by all`;
});

await cluster.nats.kill();
await eventually(() => clients.every((client) => client.phase === 'disconnected'), {
  what: 'all to notice',
  timeoutMs: patienceMs,
});
await cluster.nats.restart();
const { position } = await create('after-the-outage');
await measured(cluster, 'mass reconnect, from the first write after it until all have it', async () => {
  await until(position.index, 'all to be in sync again');
  return '';
});

const sum = (counter: keyof RouterClient['counters']) =>
  clients.reduce((total, each) => total + each.counters[counter], 0);
console.log(
  `gaps ${sum('gaps')}, fetched ${sum('changesFetched')}, duplicates ${sum('duplicates')}, whole models ${sum('resyncs')}`,
);
await Promise.all(clients.map((client) => client.close()));
await cluster.end();
