/**
 * `npm run bench:routers -- --routers 10000`: many routers on one nats-server and three controller processes. What an operator of a
 * large fleet would ask: how late an event is for the last of them, how many events a second they all follow, how long until all
 * are in sync after a mass reconnect, what a leader pays for them when nothing happens, and whether any of them misses anything.
 *
 * The routers are the client itself, thousands to a process, each with a NATS connection of its own. They share the machine with
 * what is measured, and most of its time is theirs: it is given beside each figure, with the load of the machine before.
 */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import type { EntityDraft } from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { createFleet, type Fleet, type FleetReport, fleetRouterId, machineMs } from '../support/fleet.js';
import { readOptions } from '../support/options.js';
import { runQuorate } from '../support/process.js';
import { eventually } from '../support/wait.js';

const given = readOptions(
  {
    command: 'npm run bench:routers',
    purpose: 'What many routers cost a cluster: connecting, events, a mass reconnect.',
    examples: [
      ['--routers 1000', 'a thousand'],
      ['--routers 10000 --processes 4 --json', 'ten thousand, for machines'],
    ],
  },
  {
    routers: { type: 'string', number: 'whole', default: '1000', describe: 'simulated routers' },
    processes: { type: 'string', number: 'whole', default: '2', describe: 'in which they run' },
    scope: {
      type: 'string',
      default: 'own',
      describe: '`own`: each follows its part of the model; `whole`: all of it',
    },
    entities: { type: 'string', number: 'whole', default: '50', describe: 'of the whole model, with --scope whole' },
    rounds: { type: 'string', number: 'whole', default: '20', describe: 'events one at a time, for the latency' },
    events: {
      type: 'string',
      number: 'whole',
      default: '500',
      describe: 'at full speed, for the rate; as many through each fault',
    },
    'idle-seconds': { type: 'string', number: 'any', default: '15', describe: 'in which nothing happens' },
    'leader-flags': { type: 'string', default: '', describe: 'of the Node that runs controllers, e.g. --cpu-prof' },
    'router-flags': {
      type: 'string',
      default: '--max-semi-space-size=64',
      describe: 'of the Node that runs routers; with thousands in one, its young objects need room',
    },
    json: { type: 'boolean', default: false, describe: 'for machines' },
  },
);
const routers = Number(given.routers);
const events = Number(given.events);
const patienceMs = 1_800_000;
const setupInFlight = 128;
const writers = 32;
const groupSize = 50;

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const results: Record<string, unknown> = {};
let phase = 'setting up';

interface Cost {
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** From the kernel; NaN where it does not tell. */
function costOf(pid: number): Cost {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const rssKb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN;
    const ticksPerSecond = 100;
    return {
      cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond,
      rssMb: Math.round(Number(rssKb) / 1024),
    };
  } catch {
    return { cpuMs: Number.NaN, rssMb: Number.NaN };
  }
}

/** Says what `work` took, and what it cost whom. */
async function measured(
  what: string,
  { cluster, fleet }: Bench,
  work: () => Promise<Readonly<Record<string, unknown>>>,
): Promise<void> {
  phase = what;
  const leader = await cluster.leader();
  const pids = { leader: cluster.node(leader).process?.pid ?? 0, nats: cluster.nats.pid };
  const before = { leader: costOf(pids.leader), nats: costOf(pids.nats), fleet: await fleet.report() };
  const load = loadavg()[0]?.toFixed(1);
  const startedAt = performance.now();
  const more = await work();
  const tookMs = performance.now() - startedAt;
  const after = { leader: costOf(pids.leader), nats: costOf(pids.nats), fleet: await fleet.report() };
  const spent = (cost: { cpuMs: number }, was: { cpuMs: number }): string =>
    Number.isNaN(cost.cpuMs) ? 'restarted' : `${Math.round(cost.cpuMs - was.cpuMs)} ms CPU`;
  const row = {
    tookMs: Math.round(tookMs),
    ...more,
    leader: `${spent(after.leader, before.leader)}, ${after.leader.rssMb} MB`,
    nats: `${spent(after.nats, before.nats)}, ${after.nats.rssMb} MB`,
    routers: `${spent(after.fleet, before.fleet)}, ${after.fleet.rssMb} MB`,
    load,
  };
  results[what] = row;
  say(
    `${what}\n${Object.entries(row)
      .map(([name, value]) => `    ${name}: ${String(value)}`)
      .join('\n')}`,
  );
}

interface Bench {
  readonly cluster: TestCluster;
  readonly fleet: Fleet;
  /** Writes that were acknowledged, and the sum of their numbers: each router must have got just these. */
  count: number;
  sum: number;
}

function quantiles(values: readonly number[]): Readonly<Record<string, string>> {
  const ordered = [...values].sort((one, other) => one - other);
  const at = (share: number) => `${(ordered[Math.floor((ordered.length - 1) * share)] ?? Number.NaN).toFixed(1)} ms`;
  return { p50: at(0.5), p99: at(0.99), last: at(1) };
}

async function inParallel<Item>(items: readonly Item[], atOnce: number, work: (item: Item) => Promise<unknown>) {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next]; next < items.length; item = items[next]) {
      next += 1;
      if (item !== undefined) await work(item);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** With `own`: routers in groups, each with services and identities of its own, and some that are everywhere. */
function modelDrafts(): readonly EntityDraft[] {
  const service = (id: string, ...roleAttributes: string[]): EntityDraft => ({
    kind: 'service',
    id,
    name: id,
    spec: { roleAttributes },
  });
  const counted = Array.from({ length: writers }, (_, index) => service(`counted-${index}`, 'public'));
  if (given.scope === 'whole')
    return [
      ...counted,
      ...Array.from({ length: Number(given.entities) }, (_, index) => service(`service-${index}`, 'public')),
    ];
  const drafts: EntityDraft[] = [...counted];
  for (let group = 0; group * groupSize < routers; group += 1) {
    const mark = `group-${group}`;
    for (let index = 0; index < 5; index += 1) {
      drafts.push(service(`${mark}-service-${index}`, mark));
      const id = `${mark}-identity-${index}`;
      drafts.push({ kind: 'identity', id, name: id, spec: { roleAttributes: [mark] } });
    }
    const role = [`#${mark}`];
    drafts.push({
      kind: 'policy',
      id: mark,
      name: mark,
      spec: { type: 'Dial', routerRoles: role, serviceRoles: role, identityRoles: role },
    });
  }
  drafts.push({
    kind: 'policy',
    id: 'everywhere',
    name: 'everywhere',
    spec: { type: 'Dial', routerRoles: ['#all'], serviceRoles: ['#public'] },
  });
  for (let index = 0; index < routers; index += 1) {
    const id = fleetRouterId(index);
    const roleAttributes = [`group-${Math.floor(index / groupSize)}`];
    drafts.push({ kind: 'router', id, name: id, spec: { roleAttributes } });
  }
  return drafts;
}

/** Writes `howMany` changes that every router must get; returns the index of the last. */
async function writeCounted(bench: Bench, howMany: number): Promise<number> {
  let last = 0;
  const from = bench.count;
  const numbers = Array.from({ length: howMany }, (_, index) => from + index + 1);
  await inParallel(numbers, writers, async (number) => {
    const id = `counted-${number % writers}`;
    const request = { kind: 'service', id, patch: { tags: { count: String(number) } } };
    const { position } = await bench.cluster.api.request('model.update', request, { timeoutMs: patienceMs });
    last = Math.max(last, position.index);
    bench.count += 1;
    bench.sum += number;
  });
  return last;
}

async function fanOut(bench: Bench): Promise<Readonly<Record<string, unknown>>> {
  const lateMs: number[] = [];
  const committedMs: number[] = [];
  for (let round = 0; round < Number(given.rounds); round += 1) {
    const id = `timed-${round}`;
    const sentAt = machineMs();
    await bench.cluster.api.request('model.create', {
      kind: 'service',
      id,
      name: id,
      spec: { roleAttributes: ['public'] },
    });
    committedMs.push(machineMs() - sentAt);
    for (const at of await bench.fleet.arrivals(id, patienceMs)) lateMs.push(at - sentAt);
  }
  const { p50, p99, last } = quantiles(lateMs);
  return {
    'from the request to each router': `p50 ${p50}, p99 ${p99}, last ${last}`,
    'its answer': quantiles(committedMs)['p50'],
  };
}

async function rate(bench: Bench, howMany: number): Promise<Readonly<Record<string, unknown>>> {
  const startedAt = performance.now();
  const last = await writeCounted(bench, howMany);
  const writtenMs = performance.now() - startedAt;
  await bench.fleet.reaches(last, patienceMs);
  const tookMs = performance.now() - startedAt;
  const perSecond = (ms: number) => Math.round((howMany / ms) * 1000);
  return {
    'changes written a second': perSecond(writtenMs),
    'changes a second that all follow': perSecond(tookMs),
    'applied by all routers a second': perSecond(tookMs) * routers,
  };
}

/** What is lost while the server is down is what the routers must fetch. */
async function massReconnect(bench: Bench): Promise<Readonly<Record<string, unknown>>> {
  const { cluster, fleet } = bench;
  await cluster.nats.kill();
  await eventually(async () => (await fleet.report()).connected === 0, {
    what: 'all to notice',
    timeoutMs: patienceMs,
  });
  await cluster.nats.restart();
  const startedAt = performance.now();
  const first = await writeCounted(bench, 1);
  const writtenMs = performance.now() - startedAt;
  await fleet.reaches(first, patienceMs);
  return {
    'from the start of the server to the first write': `${Math.round(writtenMs)} ms`,
    'to all routers in sync': `${Math.round(performance.now() - startedAt)} ms`,
  };
}

async function leaderKill(bench: Bench): Promise<Readonly<Record<string, unknown>>> {
  const { cluster, fleet } = bench;
  const leader = await cluster.leader();
  const writing = writeCounted(bench, events);
  const half = bench.count + events / 2;
  await eventually(() => bench.count >= half, { what: 'half of the writes', timeoutMs: patienceMs });
  await cluster.kill(leader);
  const last = await writing;
  await fleet.reaches(last, patienceMs);
  await cluster.restart(leader);
  await cluster.settles(patienceMs);
  return {};
}

async function listing(bench: Bench): Promise<Readonly<Record<string, unknown>>> {
  const { cluster } = bench;
  const isListed = async () => (await cluster.api.request('routers.list', { limit: 1 })).routers.length > 0;
  await eventually(isListed, { what: 'a list of routers', timeoutMs: patienceMs });
  const shown: Record<string, unknown> = {};
  for (const more of [[], ['--json'], ['--filter', 'router-00001']]) {
    const startedAt = performance.now();
    const { code, stdout } = await runQuorate(
      ['routers', '--cluster', cluster.name, '--nats', cluster.natsUrl, ...more],
      { timeoutMs: patienceMs },
    );
    const head = more.includes('--json') ? `${stdout.length} bytes` : (stdout.split('\n')[0] ?? '');
    shown[['quorate routers', ...more].join(' ')] =
      `${Math.round(performance.now() - startedAt)} ms, exit ${code}, ${head}`;
  }
  return shown;
}

/** @throws where any router got another number of events than were written */
function checkCounts(bench: Bench, { counted, disorder, counters }: FleetReport): void {
  const got = [...new Set(counted.map(({ count, sum }) => `${count} ${sum}`))];
  say(
    `events: ${bench.count} written, ${got.map((each) => each.split(' ')[0]).join(' or ')} got by each router; out of order ${disorder}`,
  );
  say(
    `    ${Object.entries(counters)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
  );
  results['counters'] = counters;
  const expected = `${bench.count} ${bench.sum}`;
  if (got.length !== 1 || got[0] !== expected || disorder > 0 || (counters['staleEvents'] ?? 0) > 0)
    throw new Error(`the routers did not get just what was written: ${got.join('; ')} and not ${expected}`);
}

async function main(): Promise<void> {
  const scope = given.scope === 'whole' ? 'whole' : 'own';
  const env = given['leader-flags'] === '' ? undefined : { NODE_OPTIONS: given['leader-flags'] };
  const cluster = await startCluster({ controllers: 3, env });
  const drafts = modelDrafts();
  say(`${routers} routers (${scope}) in ${given.processes} processes, ${drafts.length} entities, 3 controllers`);
  await inParallel(drafts, setupInFlight, (draft) =>
    cluster.api.request('model.create', draft, { timeoutMs: patienceMs }),
  );
  await cluster.settles(patienceMs);
  const offline = new Map<string, string[]>();
  cluster.api.watchEvents((event) => {
    if (event.namespace !== 'router' || event.event_type !== 'router-offline') return;
    offline.set(phase, [...(offline.get(phase) ?? []), event.message ?? '']);
  }, 'router.>');
  const servers = [cluster.natsUrl];
  const fleet = createFleet({
    cluster: cluster.name,
    servers,
    routers,
    processes: Number(given.processes),
    scope,
    execArgv: given['router-flags'].split(' '),
  });
  const bench: Bench = { cluster, fleet, count: 0, sum: 0 };
  const idleMs = Number(given['idle-seconds']) * 1000;
  await measured('first sync of all', bench, async () => {
    await fleet.start(patienceMs);
    return { 'entities held by all': (await fleet.report()).entities };
  });
  await measured('nothing happens', bench, async () => {
    await new Promise((resolve) => setTimeout(resolve, idleMs));
    return {};
  });
  await measured('the list of routers', bench, () => listing(bench));
  await measured(`${given.rounds} events, one at a time`, bench, () => fanOut(bench));
  await measured(`${events} events, ${writers} writers`, bench, () => rate(bench, events));
  await measured('the nats-server is killed and started again', bench, () => massReconnect(bench));
  await measured(`the leader is killed among ${events} events`, bench, () => leaderKill(bench));
  const report = await fleet.reaches(0, patienceMs);
  checkCounts(bench, report);
  for (const [during, messages] of offline)
    say(`called offline during "${during}": ${messages.length}; ${messages[0]}`);
  if (given.json) process.stdout.write(`${JSON.stringify({ routers, scope, ...results }, null, 2)}\n`);
  await fleet.end();
  await cluster.end();
}

await main();
