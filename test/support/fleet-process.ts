/**
 * Many routers in one process: the client itself, one NATS connection each. Told what to do by `fleet.ts` over IPC. What each
 * router gets is counted here, at the far end: changes that are tagged `count: N`, each of which must come exactly once.
 */
import { join } from 'node:path';
import { connectRouter, type Position, type RouterChange, type RouterClient } from '../../messaging/index.js';
import type { FleetOrder, FleetReport, FleetSettings } from './fleet.js';

interface Watched {
  readonly client: RouterClient;
  /** Of what was counted: how many came, and the sum of their numbers; the two together tell a missing one from a repeated one. */
  count: number;
  sum: number;
  last: Position | null;
}

const routers: Watched[] = [];
/** Changes that did not come after the one before it, of the same history. */
let disorder = 0;
/** Milliseconds of the machine's clock at which each router got the entity, by its id. */
const arrivals = new Map<string, number[]>();

/** The same in all processes of a machine. */
const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

function onChange(watched: Watched, { type, entity, position, source }: RouterChange): void {
  const { last } = watched;
  const isSameHistory = last?.timeline.id === position.timeline.id && last.indexType === position.indexType;
  if (isSameHistory && source !== 'model' && position.index <= last.index) disorder += 1;
  watched.last = position;
  const number = type === 'deleted' ? undefined : entity.tags['count'];
  if (number !== undefined) {
    watched.count += 1;
    watched.sum += Number(number);
  } else if (entity.id.startsWith('timed-')) {
    const at = arrivals.get(entity.id) ?? [];
    arrivals.set(entity.id, at);
    at.push(machineMs());
  }
}

async function start(settings: FleetSettings, ids: readonly string[]): Promise<void> {
  const begun = await Promise.all(
    ids.map((id) =>
      connectRouter({
        cluster: settings.cluster,
        id,
        servers: settings.servers,
        dataDirectory: join(settings.directory, id),
        scope: settings.scope,
        version: 'simulated',
      }),
    ),
  );
  for (const client of begun) {
    const watched: Watched = { client, count: 0, sum: 0, last: null };
    routers.push(watched);
    client.on('change', (change) => onChange(watched, change));
  }
}

function report(): FleetReport {
  const counters: Record<string, number> = {};
  for (const { client } of routers)
    for (const [name, value] of Object.entries(client.counters)) counters[name] = (counters[name] ?? 0) + value;
  const positions = routers.map(({ client }) => client.model.position);
  const usage = process.resourceUsage();
  return {
    routers: routers.length,
    live: routers.filter(({ client }) => client.phase === 'live').length,
    connected: routers.filter(({ client }) => client.phase !== 'disconnected').length,
    lowestIndex: Math.min(...positions.map((position) => position?.index ?? -1)),
    timelines: [...new Set(positions.map((position) => position?.timeline.id ?? ''))],
    entities: routers.reduce((sum, { client }) => sum + client.model.size, 0),
    counted: [...new Set(routers.map(({ count, sum }) => `${count} ${sum}`))].slice(0, 5),
    disorder,
    counters,
    cpuMs: Math.round((usage.userCPUTime + usage.systemCPUTime) / 1000),
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
}

async function obey(order: FleetOrder): Promise<unknown> {
  switch (order.order) {
    case 'start':
      return await start(order.settings, order.ids);
    case 'report':
      return report();
    case 'arrivals': {
      const taken = arrivals.get(order.id) ?? [];
      if (order.forget) arrivals.delete(order.id);
      return taken;
    }
    case 'end':
      await Promise.all(routers.map(({ client }) => client.close()));
      return null;
  }
}

process.on('message', (message: { readonly number: number; readonly order: FleetOrder }) => {
  void obey(message.order).then(
    (answer) => process.send?.({ number: message.number, answer }),
    (error: unknown) => process.send?.({ number: message.number, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
