/**
 * Chaos in rounds on one cluster: clients work, faults happen, one controller joins and one is removed; then the faults
 * stop, everything must come to rest in time, and the judge looks at what is left.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ApiClient,
  connectNats,
  createApiClient,
  type ModelChange,
  type Position,
} from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { type Random, seededRandom } from '../support/random.js';
import { type Clients, type History, startClients } from './clients.js';
import { carryOut, type FaultReport, type Targets } from './faults.js';
import { judge } from './judge.js';
import { type MachineTime, machineTimeOf, wallMaxMs } from './machine-time.js';
import { type NatsCluster, startNatsCluster } from './nats-cluster.js';
import { planFaults } from './plan.js';

export interface Chaos {
  readonly seed: number;
  round(faultsMs: number): Promise<RoundReport>;
  end(): Promise<void>;
}

export interface RoundReport {
  readonly problems: readonly string[];
  readonly faults: FaultReport['counts'];
  /** Operations of clients, by outcome. */
  readonly operations: Readonly<Record<'done' | 'refused' | 'unknown', number>>;
  readonly acknowledgedWrites: number;
  readonly longestGapMs: number;
  readonly elections: number;
  readonly snapshotsInstalled: number;
  readonly changes: number;
  readonly joined: string;
  readonly removed: string;
}

const controllerCount = 5;
const natsServerCount = 3;
const clientCount = 6;
const clientConnections = 3;
/** Often, so that members that were away need snapshots, and compaction happens among the faults. */
const compaction = ['--compact-every', '30', '--compact-keep', '10'];
/** What is promised once the faults have stopped, in time in which the machine had processors for it. */
const membershipTimeoutMs = 40_000;
const progressTimeoutMs = 20_000;
const agreeTimeoutMs = 40_000;
const knowsTimeoutMs = 15_000;
const writesAfterwards = 40;
const askAgainMs = 200;
const pageSize = 1_000;

export async function startChaos(seed: number, say: (line: string) => void): Promise<Chaos> {
  const random = seededRandom(seed);
  const nats = await startNatsCluster(natsServerCount);
  const cluster = await startCluster({
    controllers: controllerCount,
    natsUrl: nats.urls.join(','),
    name: 'chaos',
    nodeArguments: compaction,
  });
  const connections = await Promise.all(
    Array.from({ length: clientConnections }, (_, place) =>
      connectNats({ servers: nats.urls, name: `chaos-client-${place + 1}` }),
    ),
  );
  const apis = Array.from({ length: clientCount }, (_, place) => {
    const connection = connections[place % connections.length];
    if (connection === undefined) throw new Error('there are fewer connections than were made');
    return createApiClient({ connection, cluster: cluster.name, from: `client${place + 1}` });
  });
  const members = new Set(Array.from({ length: controllerCount }, (_, place) => `n${place + 1}`));
  const world: World = {
    cluster,
    nats,
    apis,
    random,
    say,
    controllers: members,
    rounds: 0,
    joiners: counter(),
    last: null,
  };
  return {
    seed,
    round: (faultsMs) => playRound(world, faultsMs),
    async end() {
      await Promise.all(connections.map((connection) => connection.close()));
      await cluster.end();
      await nats.stop();
    },
  };
}

interface World extends Targets {
  readonly cluster: TestCluster;
  readonly nats: NatsCluster;
  readonly apis: readonly ApiClient[];
  readonly random: Random;
  readonly say: (line: string) => void;
  rounds: number;
  /** Counts the controllers that were started to join. */
  readonly joiners: { next(): number };
  /** Of the last change in the rounds before. */
  last: Position | null;
}

async function playRound(world: World, faultsMs: number): Promise<RoundReport> {
  const { cluster, controllers, random, say } = world;
  world.rounds += 1;
  const termBefore = highestTerm(cluster);
  const leaving = random.pick([...controllers]);
  const joining = await startCandidate(world);

  const clients = startClients(world.apis, `k${world.rounds}`, random.fork());
  const stopping = new AbortController();
  const membership = sleep(faultsMs / 3).then(() => changeMembers(world, joining, leaving, stopping.signal));
  const { counts, problems: ended } = await carryOut(planFaults(random.fork(), faultsMs), world, say);
  say('all faults are mended');
  const restless = await comesToRest(world, clients, membership, leaving);
  stopping.abort();
  const history = await clients.stop();
  const disagreed = await attempt('all members agree', () =>
    machineOf(world).within(cluster.agrees(wallMaxMs), 'all members to agree', agreeTimeoutMs),
  );
  const journals = await journalsOf(world);
  const judged = judge({ history, beforeIndex: world.last?.index ?? 0, journals });
  const [changes = []] = journals.values();
  world.last = changes.at(-1)?.position ?? world.last;
  const counters = [...cluster.statuses().values()].map((status) => status.counters);
  return {
    problems: [...ended, ...restless, ...disagreed, ...judged],
    faults: counts,
    operations: countOf(history),
    acknowledgedWrites: history.acknowledged.length,
    longestGapMs: history.longestGapMs,
    elections: highestTerm(cluster) - termBefore,
    snapshotsInstalled: counters.reduce((sum, each) => sum + (each['snapshotsInstalled'] ?? 0), 0),
    changes: changes.length,
    joined: [...controllers].at(-1) ?? '',
    removed: leaving,
  };
}

function countOf({ operations }: History): RoundReport['operations'] {
  const refused = operations.filter(({ output }) => output?.type === 'refused').length;
  const unknown = operations.filter(({ output }) => output === undefined).length;
  return { done: operations.length - refused - unknown, refused, unknown };
}

/** Its id is new: one that was a learner, if only for a moment, is never used again. */
async function startCandidate({ cluster, controllers, joiners }: World): Promise<string> {
  const id = `n${controllerCount + joiners.next()}`;
  await cluster.startBlank(id);
  controllers.add(id);
  return id;
}

/** One joins and one leaves while faults happen: whatever refuses or interrupts that, it is asked again. */
async function changeMembers(world: World, first: string, leaving: string, stopping: AbortSignal): Promise<void> {
  const { cluster, controllers, say } = world;
  let joining = first;
  await untilDone(
    async () => {
      const { members, removed } = await cluster.api.request('members.list', {});
      if (members.some(({ id, role }) => id === joining && role === 'voter')) return true;
      if (removed.includes(joining)) {
        say(`the join of ${joining} was rolled back`);
        controllers.delete(joining);
        await cluster.stop(joining);
        joining = await startCandidate(world);
      }
      await cluster.join(joining);
      return false;
    },
    stopping,
    say,
  );
  say(`${joining} has joined`);
  await untilDone(
    async () => {
      const { members } = await cluster.api.request('members.list', {});
      if (!members.some(({ id }) => id === leaving)) return true;
      await cluster.remove(leaving);
      return false;
    },
    stopping,
    say,
  );
  controllers.delete(leaving);
  say(`${leaving} was removed`);
}

/** Works until it says that there is nothing to do any more. */
async function untilDone(work: () => Promise<boolean>, stopping: AbortSignal, say: World['say']): Promise<void> {
  while (!stopping.aborted) {
    try {
      if (await work()) return;
    } catch (error) {
      say(firstLine(error));
    }
    await sleep(askAgainMs);
  }
  throw new Error('it was not done when the round ended');
}

async function comesToRest(
  world: World,
  clients: Clients,
  membership: Promise<void>,
  leaving: string,
): Promise<readonly string[]> {
  const { cluster } = world;
  const machine = machineOf(world);
  const ended = machine.within(membership, 'the join and the removal', membershipTimeoutMs);
  const writesGoOn = () =>
    machine.within(clients.progress(writesAfterwards, wallMaxMs), `${writesAfterwards} writes`, progressTimeoutMs);
  const problems = [
    ...(await attempt('writes go on', writesGoOn)),
    ...(await attempt('one joins and one is removed', () => ended)),
    ...(await attempt('writes go on with the new members', writesGoOn)),
    ...(await attempt('who was removed knows it', () => {
      const what = `${leaving} to know that it was removed`;
      const known = cluster.waitUntil((all) => all.get(leaving)?.state === 'removed', what, wallMaxMs);
      return machine.within(known, what, knowsTimeoutMs);
    })),
  ];
  // Where that came to nothing it is a member, and looked at like the others.
  if (!world.controllers.has(leaving)) await cluster.stop(leaving);
  return problems;
}

/** Of the processes that have to get on, and of what carries their messages. */
function machineOf({ cluster, nats, controllers }: World): MachineTime {
  return machineTimeOf(() => [
    ...[...controllers].flatMap((id) => cluster.node(id).process?.pid ?? []),
    ...nats.servers.map(({ pid }) => pid),
  ]);
}

async function journalsOf({ cluster, controllers, last }: World): Promise<ReadonlyMap<string, readonly ModelChange[]>> {
  const journals = new Map<string, readonly ModelChange[]>();
  for (const id of controllers) {
    // One that does not answer differs from those that do.
    journals.set(id, await changesAfter(cluster, id, last).catch(() => []));
  }
  return journals;
}

/** What did not hold, as one sentence; nothing where it did. */
async function attempt(what: string, work: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await work();
    return [];
  } catch (error) {
    return [`it does not hold that ${what}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function counter(): World['joiners'] {
  let count = 0;
  return {
    next() {
      count += 1;
      return count;
    },
  };
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';

async function changesAfter(cluster: TestCluster, id: string, from: Position | null): Promise<readonly ModelChange[]> {
  const changes: ModelChange[] = [];
  for (let more = true; more; ) {
    const after = changes.at(-1)?.position ?? from;
    const page = await cluster.api.request('model.changes', { after, limit: pageSize }, { node: id });
    changes.push(...page.changes);
    more = page.more;
  }
  return changes;
}

const highestTerm = (cluster: TestCluster): number =>
  Math.max(0, ...[...cluster.statuses().values()].map(({ raft }) => raft?.term ?? 0));
