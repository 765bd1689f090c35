/**
 * Many routers in one process: the client itself, one NATS connection each. Told what to do by `fleet.ts` over IPC. What each
 * router gets is counted here, at the far end: changes that are tagged `count: N`, each of which must come exactly once.
 */
import { join } from 'node:path';
import {
  connectRouter,
  entitiesSha256,
  type Position,
  type RouterChange,
  type RouterClient,
} from '../../messaging/index.js';
import { type Counted, distinct, type FleetOrder, type FleetReport, type FleetSettings } from './fleet.js';

interface Watched {
  readonly client: RouterClient;
  /** Of what was counted since the whole model was taken last. */
  counted: Counted;
  last: Position | null;
}

const routers: Watched[] = [];
/** Changes that did not come after the one before it, of the same history. */
let disorder = 0;
/** Milliseconds of the machine's clock at which each router got the entity, by its id. */
const arrivals = new Map<string, number[]>();

/** A timer that comes late says for how long nothing else could happen. */
const stallCheckMs = 50;
let stalledMs = 0;
let checkedAt = performance.now();
setInterval(() => {
  const now = performance.now();
  stalledMs = Math.max(stalledMs, now - checkedAt - stallCheckMs);
  checkedAt = now;
}, stallCheckMs).unref();

/** When the first router of this process got its last change, and the longest time between two. */
let changedAt = performance.now();
let quietMs = 0;

function noteQuiet(): void {
  const now = performance.now();
  quietMs = Math.max(quietMs, now - changedAt);
  changedAt = now;
}

/** The same in all processes of a machine. */
const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

function onChange(watched: Watched, { type, entity, position, source }: RouterChange): void {
  const { last } = watched;
  if (watched === routers[0]) noteQuiet();
  const isSameHistory = last?.timeline.id === position.timeline.id && last.indexType === position.indexType;
  if (isSameHistory && source !== 'model' && position.index <= last.index) disorder += 1;
  watched.last = position;
  if (source === 'model') watched.counted = { count: 0, sum: 0, after: position.index };
  else if (!isSameHistory) watched.counted = { count: 0, sum: 0, after: position.index - 1 };
  const number = type === 'deleted' || source === 'model' ? undefined : entity.tags['count'];
  if (number !== undefined) {
    const { count, sum, after } = watched.counted;
    watched.counted = { count: count + 1, sum: sum + Number(number), after };
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
    const watched: Watched = { client, counted: { count: 0, sum: 0, after: 0 }, last: null };
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
    stalledMs: Math.round(stalledMs),
    quietMs: Math.round(quietMs),
    routers: routers.length,
    live: routers.filter(({ client }) => client.phase === 'live').length,
    connected: routers.filter(({ client }) => client.phase !== 'disconnected').length,
    lowestIndex: Math.min(...positions.map((position) => position?.index ?? -1)),
    timelines: [...new Set(positions.map((position) => position?.timeline.id ?? ''))],
    entities: routers.reduce((sum, { client }) => sum + client.model.size, 0),
    counted: distinct(routers.map(({ counted }) => counted)),
    disorder,
    counters,
    cpuMs: Math.round((usage.userCPUTime + usage.systemCPUTime) / 1000),
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
}

/** One hash of what each holds beside itself: routers that hold the same part of the model agree. */
function modelHashes(): readonly string[] {
  const hashOf = ({ client }: Watched): string =>
    entitiesSha256(
      client.model
        .kinds()
        .filter((kind) => kind !== 'router')
        .flatMap((kind) => client.model.list(kind)),
    );
  return [...new Set(routers.map(hashOf))];
}

async function obey(order: FleetOrder): Promise<unknown> {
  switch (order.order) {
    case 'start':
      return await start(order.settings, order.ids);
    case 'report':
      return report();
    case 'mark':
      stalledMs = quietMs = 0;
      changedAt = performance.now();
      return null;
    case 'hashes':
      return modelHashes();
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
