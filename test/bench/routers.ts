/**
 * `npm run bench:routers -- --routers 10000`: many routers on one nats-server and three controller processes. What an operator of a
 * large fleet would ask: how late an event is for the last of them, how many events a second they all follow, how long until all
 * are in sync after a mass reconnect, what a leader pays for them when nothing happens, and whether any of them misses anything
 * while a nats-server and a leader are killed, the model is restored, and the cluster is rolled back and migrated.
 *
 * The routers are the client itself, thousands to a process, each with a NATS connection of its own. They share the machine with
 * what is measured, and most of its time is theirs: it is given beside each figure, with the load of the machine before.
 */
import { loadavg } from 'node:os';
import type { EntityDraft, OperationView } from '../../messaging/index.js';
import { fileAt, stage } from '../restore/support.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { CountedLoad, differences, inJournal, servingNode } from '../support/counted-load.js';
import { createFleet, type Fleet, fleetRouterId, machineMs } from '../support/fleet.js';
import { readOptions } from '../support/options.js';
import { runQuorate } from '../support/process.js';
import { eventually } from '../support/wait.js';
import { costOf, spentBetween } from './costs.js';

const given = readOptions(
  {
    command: 'npm run bench:routers',
    purpose: 'What many routers cost a cluster, and whether any misses an event whatever happens to the controllers.',
    examples: [
      ['--routers 1000', 'a thousand'],
      ['--routers 10000 --json', 'ten thousand, for machines'],
      ['--routers 1000 --idle-seconds 300', 'what they cost while nothing happens, over minutes'],
      ['--routers 2000 --faults rollback,migrate', 'the migration, without the rest'],
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
    entities: { type: 'string', number: 'whole', default: '50', describe: 'of the model, beside those of the routers' },
    rounds: { type: 'string', number: 'whole', default: '20', describe: 'events one at a time, for the latency' },
    'idle-seconds': { type: 'string', number: 'any', default: '15', describe: 'in which nothing happens' },
    'burst-seconds': { type: 'string', number: 'any', default: '5', describe: 'of events at full speed' },
    'load-share': {
      type: 'string',
      number: 'any',
      default: '0.3',
      describe: 'of the events a second that all follow at full speed, which are written through each fault',
    },
    faults: {
      type: 'string',
      default: 'server,leader,restore,rollback,migrate',
      describe: 'that they go through, in this order; a migration needs the rollback before it',
    },
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
const patienceMs = 1_800_000;
const setupInFlight = 128;
const writers = 32;
const groupSize = 50;

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const results: Record<string, unknown> = {};
let phase = 'setting up';

interface Bench {
  readonly cluster: TestCluster;
  readonly fleet: Fleet;
}

interface LoadedBench extends Bench {
  readonly load: CountedLoad;
  /** Written before and after each fault. */
  readonly someEvents: number;
}

type Figures = Readonly<Record<string, unknown>>;

/** Says what `work` took, and what it cost whom. */
async function measured<Found extends Figures>(
  what: string,
  { cluster, fleet }: Bench,
  work: () => Promise<Found>,
): Promise<Found> {
  phase = what;
  const leader = await servingNode(cluster, patienceMs);
  const costs = async () => ({
    leader: costOf(cluster.node(leader).process?.pid ?? 0),
    nats: costOf(cluster.nats.pid),
    routers: await fleet.report(),
  });
  await fleet.mark();
  const before = await costs();
  const load = loadavg()[0]?.toFixed(1);
  const startedAt = performance.now();
  const more = await work();
  const tookMs = Math.round(performance.now() - startedAt);
  const after = await costs();
  const row = {
    tookMs,
    ...more,
    leader: spentBetween(before.leader, after.leader),
    nats: spentBetween(before.nats, after.nats),
    routers: `${spentBetween(before.routers, after.routers)}; their processes stood still for up to ${after.routers.stalledMs} ms`,
    load,
  };
  results[what] = row;
  const lines = Object.entries(row).map(([name, value]) => `    ${name}: ${String(value)}`);
  say(`${what}\n${lines.join('\n')}`);
  return more;
}

function quantiles(values: readonly number[]): Readonly<Record<'p50' | 'p99' | 'last', string>> {
  const ordered = [...values].sort((one, other) => one - other);
  const at = (share: number) => `${(ordered[Math.floor((ordered.length - 1) * share)] ?? Number.NaN).toFixed(1)} ms`;
  return { p50: at(0.5), p99: at(0.99), last: at(1) };
}

/** With `own`: routers in groups, each with services and identities of its own, and some that are everywhere. */
function modelDrafts(): readonly EntityDraft[] {
  const service = (id: string, ...roleAttributes: string[]): EntityDraft => ({
    kind: 'service',
    id,
    name: id,
    spec: { roleAttributes },
  });
  const drafts: EntityDraft[] = [
    ...Array.from({ length: writers }, (_, index) => service(`counted-${index}`, 'public')),
    ...Array.from({ length: Number(given.entities) }, (_, index) => service(`service-${index}`, 'elsewhere')),
  ];
  if (given.scope === 'whole') return drafts;
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

async function createModel(cluster: TestCluster): Promise<void> {
  const drafts = modelDrafts().values();
  const worker = async (): Promise<void> => {
    for (const draft of drafts) await cluster.api.request('model.create', draft, { timeoutMs: patienceMs });
  };
  await Promise.all(Array.from({ length: setupInFlight }, worker));
  await cluster.settles(patienceMs);
}

async function fanOut({ cluster, fleet }: Bench): Promise<Figures> {
  const lateMs: number[] = [];
  const committedMs: number[] = [];
  for (let round = 0; round < Number(given.rounds); round += 1) {
    const id = `timed-${round}`;
    const sentAt = machineMs();
    const draft = { kind: 'service', id, name: id, spec: { roleAttributes: ['public'] } };
    await cluster.api.request('model.create', draft, { timeoutMs: patienceMs });
    committedMs.push(machineMs() - sentAt);
    for (const at of await fleet.arrivals(id, patienceMs)) lateMs.push(at - sentAt);
  }
  const { p50, p99, last } = quantiles(lateMs);
  return {
    'from the request to each router': `p50 ${p50}, p99 ${p99}, last ${last}`,
    'its answer': quantiles(committedMs).p50,
  };
}

interface Speed {
  readonly events: number;
  /** A second, as `followed`: by all routers. */
  readonly written: number;
  readonly followed: number;
}

/** Events a second: written, and followed by all routers. */
async function speedOf({ cluster, fleet }: Bench, events: number, numberedFrom: number): Promise<Speed> {
  const fast = new CountedLoad(cluster, { writers, entities: writers, timeoutMs: patienceMs, numberedFrom });
  const startedAt = performance.now();
  await fast.progress(events);
  await fast.stop();
  const count = fast.acknowledged.length;
  const perSecond = () => (count / (performance.now() - startedAt)) * 1000;
  const written = perSecond();
  await fleet.reaches(fast.lastIndex, patienceMs);
  const rounded = (value: number): number => Number(value.toFixed(1));
  return { events: count, written: rounded(written), followed: rounded(perSecond()) };
}

async function atFullSpeed(bench: Bench): Promise<Figures & Speed> {
  const rough = await speedOf(bench, writers, 1_000_000);
  const speed = await speedOf(bench, Math.round(rough.followed * Number(given['burst-seconds'])), 2_000_000);
  return { ...speed, 'applied by all routers a second': Math.round(speed.followed * routers) };
}

/** What is lost while the server is down is what the routers must fetch. */
async function massReconnect({ cluster, fleet, load, someEvents }: LoadedBench): Promise<Figures> {
  await load.progress(someEvents);
  await load.stop();
  await cluster.nats.kill();
  await eventually(async () => (await fleet.report()).connected === 0, {
    what: 'all to notice',
    timeoutMs: patienceMs,
    intervalMs: 200,
  });
  await cluster.nats.restart();
  const startedAt = performance.now();
  // One, and no more before all have it: on a machine that has too much to do already they would only fall further behind.
  load.start();
  await load.progress(1);
  await load.stop();
  const writtenMs = performance.now() - startedAt;
  await fleet.reaches(load.lastIndex, patienceMs);
  const syncMs = performance.now() - startedAt;
  load.start();
  return {
    'from the start of the server to the first write': `${Math.round(writtenMs)} ms`,
    'to all routers in sync': `${Math.round(syncMs)} ms`,
  };
}

async function leaderKill({ cluster, load, someEvents }: LoadedBench): Promise<Figures> {
  const leader = await cluster.leader(patienceMs);
  await load.progress(someEvents);
  await cluster.kill(leader);
  await load.progress(someEvents);
  await cluster.restart(leader);
  await load.progress(someEvents);
  await cluster.settles(patienceMs);
  return {};
}

async function restore({ cluster, load, someEvents }: LoadedBench): Promise<Figures> {
  const leader = await cluster.leader(patienceMs);
  const { path } = await cluster.api.request('snapshot.create', { name: 'bench.snapshot' }, { node: leader });
  await load.progress(someEvents);
  return duration(await cluster.run(await stage(cluster.api, fileAt(path)), patienceMs));
}

async function changesMode({ cluster }: Bench, workflow: 'migrate' | 'rollback'): Promise<Figures> {
  return duration(await cluster.run({ workflow }, patienceMs));
}

function duration({ steps, verifications, startedAt, finishedAt }: OperationView): Figures {
  const took = [...steps, ...verifications].map(
    (each) => `${each.step} ${((each.finishedAt ?? 0) - (each.startedAt ?? 0)) / 1000} s`,
  );
  return { operation: `${((finishedAt ?? 0) - startedAt) / 1000} s: ${took.join(', ')}` };
}

/** Under load; then each router must have got each event once, in order. */
async function through(
  what: string,
  bench: LoadedBench,
  fault: (bench: LoadedBench) => Promise<Figures>,
): Promise<void> {
  const { cluster, fleet, load, someEvents } = bench;
  await measured(what, bench, async () => {
    load.start();
    await load.progress(someEvents);
    const figures = await fault(bench);
    await load.progress(someEvents);
    await load.stop();
    const report = await fleet.reaches(load.lastIndex, patienceMs, load.timeline);
    const wrong = await differences(cluster, report);
    if (wrong.length > 0) throw new Error(`${what}: ${wrong.join('; ')}`);
    const { counters, quietMs } = report;
    return {
      ...figures,
      'no write was acknowledged for': `${Math.round(load.gapMs())} ms`,
      'no event came for': `${quietMs} ms`,
      'counted at both ends': `each of ${routers} routers got what the journal holds, once, in order; refused as old ${counters['staleEvents']}`,
    };
  });
}

async function listing({ cluster }: Bench): Promise<Figures> {
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

/** What each is told was written is in the journal; checked while it is one history. */
async function checkAcknowledged({ cluster, load }: LoadedBench): Promise<void> {
  const held = new Set((await inJournal(cluster))(0));
  const lost = load.acknowledged.filter((number) => !held.has(number));
  if (lost.length > 0) throw new Error(`${lost.length} acknowledged writes are not in the journal: ${lost.join(' ')}`);
  say(`writes: ${load.acknowledged.length} acknowledged, and all are in the journal`);
}

/** Under no more than the routers can follow while the controllers share the machine with them. */
async function faults({ cluster, fleet }: Bench, perSecondMax: number): Promise<void> {
  say(`through each fault ${perSecondMax.toFixed(1)} events a second are written; --load-share changes that`);
  const few = Math.max(1, Math.min(writers, Math.floor(perSecondMax)));
  const load = new CountedLoad(cluster, { writers: few, entities: writers, timeoutMs: patienceMs, perSecondMax });
  await load.stop();
  const bench = { cluster, fleet, load, someEvents: Math.max(10, Math.round(3 * perSecondMax)) };
  const chosen = new Set(given.faults.split(','));
  const go = async (name: string, what: string, fault: (each: LoadedBench) => Promise<Figures>): Promise<void> => {
    if (chosen.has(name)) await through(what, bench, fault);
  };
  await go('server', 'the nats-server is killed and started again', massReconnect);
  await go('leader', 'the leader is killed, and comes back', leaderKill);
  await checkAcknowledged(bench);
  await go('restore', 'the model is restored', restore);
  await go('rollback', 'the cluster is rolled back to one standalone controller', (each) =>
    changesMode(each, 'rollback'),
  );
  await go('migrate', 'it is migrated to a cluster again', (each) => changesMode(each, 'migrate'));
}

async function main(): Promise<void> {
  const scope = given.scope === 'whole' ? 'whole' : 'own';
  const env = given['leader-flags'] === '' ? undefined : { NODE_OPTIONS: given['leader-flags'] };
  const began = performance.now();
  const cluster = await startCluster({ controllers: 3, env });
  say(`${routers} routers (${scope}) in ${given.processes} processes, ${modelDrafts().length} entities, 3 controllers`);
  await createModel(cluster);
  const offline = new Map<string, string[]>();
  cluster.api.watchEvents((event) => {
    if (event.namespace !== 'router' || event.event_type !== 'router-offline') return;
    offline.set(phase, [...(offline.get(phase) ?? []), event.message ?? '']);
  }, 'router.>');
  const fleet = createFleet({
    ...{ cluster: cluster.name, servers: [cluster.natsUrl], routers, scope },
    processes: Number(given.processes),
    execArgv: given['router-flags'].split(' '),
    onProgress: (what, { connected, live, lowestIndex }) =>
      say(
        `    ${Math.round((performance.now() - began) / 1000)} s: waiting for ${what}: ${connected} connected, ${live} live, the last at ${lowestIndex}`,
      ),
  });
  const bench: Bench = { cluster, fleet };
  await measured('first sync of all', bench, async () => {
    await fleet.start(patienceMs);
    return { 'entities held by all': (await fleet.report()).entities };
  });
  await measured('nothing happens', bench, async () => {
    await new Promise((resolve) => setTimeout(resolve, Number(given['idle-seconds']) * 1000));
    return {};
  });
  await measured('the list of routers', bench, () => listing(bench));
  await measured(`${given.rounds} events, one at a time`, bench, () => fanOut(bench));
  const { followed } = await measured(`events at full speed, ${writers} writers`, bench, () => atFullSpeed(bench));
  await faults(bench, Math.max(1, followed * Number(given['load-share'])));
  const { counters } = await fleet.report();
  results['counters'] = counters;
  say(
    `    ${Object.entries(counters)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
  );
  for (const [during, messages] of offline)
    say(`called offline during "${during}": ${messages.length}; ${messages[0]}`);
  say(`in all ${Math.round((performance.now() - began) / 1000)} s`);
  if (given.json) process.stdout.write(`${JSON.stringify({ routers, scope, ...results }, null, 2)}\n`);
  await fleet.end();
  await cluster.end();
}

await main();
