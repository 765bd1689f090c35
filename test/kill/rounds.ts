/**
 * The kill run: real processes, killed with SIGKILL at random moments, one, several or all, with writes from several clients
 * and something else in flight. After each round: everything that was acknowledged is on every member, once, in one chain of
 * positions; the models are equal by their hashes; and the doctor finds nothing in the directory of any that was killed.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareModels, type Operation, type Position } from '../../messaging/index.js';
import { examineDirectory } from '../../node/storage/doctor.js';
import { type Clients, startClients } from '../chaos/clients.js';
import { judge } from '../chaos/judge.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { type Random, seededRandom } from '../support/random.js';
import { SmallDisk } from '../support/small-disk.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { type Activity, begin, drawActivity, members, operationsEnd } from './activities.js';

export interface KillRun {
  readonly seed: number;
  round(): Promise<RoundReport>;
  end(): Promise<void>;
}

export interface RoundReport {
  readonly problems: readonly string[];
  /** What was in flight when they were killed, as far as it was seen from outside. */
  readonly phase: string;
  readonly killed: readonly string[];
  readonly whom: Whom;
  readonly acknowledgedWrites: number;
  readonly longestGapMs: number;
  readonly snapshotsInstalled: number;
  readonly compactions: number;
  /** Disks that were full when it happened. */
  readonly full: number;
}

export interface KillOptions {
  readonly seed: number;
  /** Each data directory on a small file system that fills up now and then; only in a mount namespace of our own. */
  readonly smallDisks?: boolean;
  readonly say?: (line: string) => void;
}

const whomWeights = { leader: 7, one: 6, several: 4, all: 3 } as const;
type Whom = keyof typeof whomWeights;

const clientCount = 4;
/** Often, so that there is always a compaction near, and who was away needs a snapshot. */
const compaction = ['--compact-every', '30', '--compact-keep', '10'];
const joinBytes = 300 << 20;
const smallBytes = 40 << 20;
const fullShare = 0.5;
const killAfterMsMax = 500;
/** Time for writes to be refused, and for leadership to move. */
const killFullAfterMsMax = 2_000;
const downMsMax = 300;
const writesBefore = 10;
const writesAfter = 10;
/** Generous, for a machine that does other things too. */
const progressTimeoutMs = 60_000;
const agreeTimeoutMs = 60_000;
/** On a machine so busy that leaders change by themselves, it takes many attempts until all stand at one index. */
const compareTimeoutMs = 300_000;
const pageSize = 1_000;

export async function startKillRun(options: KillOptions): Promise<KillRun> {
  const disks = new Map<string, SmallDisk>();
  const cluster = await startCluster({
    controllers: 3,
    name: 'kill',
    nodeArguments: compaction,
    ...(options.smallDisks === true
      ? {
          directoryOf: (id: string) => {
            const disk = new SmallDisk(path.join(temporaryDirectory(id), 'disk'), joinBytes);
            disks.set(id, disk);
            return path.join(disk.directory, 'data');
          },
        }
      : {}),
  });
  const run = new Run(cluster, disks, options);
  return {
    seed: options.seed,
    round: () => run.round(),
    end: () => cluster.end(),
  };
}

class Run {
  readonly #random: Random;
  readonly #say: (line: string) => void;
  readonly #controllers = new Set(['n1', 'n2', 'n3']);
  #rounds = 0;
  #ids = 3;
  #last: Position | null = null;
  #operation: Operation | undefined;

  constructor(
    private readonly cluster: TestCluster,
    private readonly disks: ReadonlyMap<string, SmallDisk>,
    options: KillOptions,
  ) {
    this.#random = seededRandom(options.seed);
    this.#say = options.say ?? (() => undefined);
    cluster.api.watchOperations((operation) => {
      this.#operation = operation;
    });
  }

  async round(): Promise<RoundReport> {
    const { cluster } = this;
    const random = this.#random.fork();
    this.#rounds += 1;
    const before = this.#counters();
    this.#operation = undefined;
    const apis = Array.from({ length: clientCount }, () => cluster.api);
    const clients = startClients(apis, `k${this.#rounds}`, random.fork());
    const problems: string[] = [];
    const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> =>
      work().catch((error: unknown) => {
        problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      });

    const activity = drawActivity(random, this.#controllers.size);
    const whom = drawWhom(random);
    const doing = await attempt(activity, () => this.#begin(activity, random, clients));
    const full = this.#fillDisks(random);
    await sleep(random.between(0, full === 0 ? killAfterMsMax : killFullAfterMsMax));
    const phase = this.#phaseOf(activity);
    const killed = await this.#kill(random, whom);
    this.#say(
      `round ${this.#rounds}: ${phase}; killed ${killed.join(', ')}${full === 0 ? '' : `; ${full} disks full`}`,
    );
    for (const disk of this.disks.values()) disk.free();
    problems.push(...this.#doctors(killed));
    await sleep(random.between(0, downMsMax));
    await Promise.all(killed.map((id) => cluster.restart(id)));

    await attempt('writes go on', () => clients.progress(writesAfter, progressTimeoutMs));
    await doing?.ended;
    await attempt('operations end', () => operationsEnd(cluster));
    await attempt('members are known', () => this.#reconcile());
    const history = await clients.stop();
    await attempt('all members agree', () => cluster.agrees(agreeTimeoutMs));
    const journals = await this.#journals();
    problems.push(...judge({ history, beforeIndex: this.#last?.index ?? 0, journals }));
    problems.push(...((await attempt('hashes are compared', () => this.#differences())) ?? []));
    const [changes = []] = journals.values();
    this.#last = changes.at(-1)?.position ?? this.#last;
    const after = this.#counters();
    return {
      problems,
      phase,
      killed,
      whom,
      full,
      acknowledgedWrites: history.acknowledged.length,
      longestGapMs: history.longestGapMs,
      snapshotsInstalled: Math.max(0, after.snapshots - before.snapshots),
      compactions: Math.max(0, after.firstIndex - before.firstIndex),
    };
  }

  async #begin(activity: Activity, random: Random, clients: Clients) {
    await clients.progress(writesBefore, progressTimeoutMs);
    const doing = {
      cluster: this.cluster,
      controllers: this.#controllers,
      random,
      startBlank: () => this.#startBlank(),
      say: this.#say,
    };
    return begin(activity, doing, (writes) => clients.progress(writes, progressTimeoutMs));
  }

  async #startBlank(): Promise<string> {
    this.#ids += 1;
    const id = `n${this.#ids}`;
    this.#controllers.add(id);
    await this.cluster.startBlank(id);
    return id;
  }

  /** Some, or all, or none; a join in flight meets them too. */
  #fillDisks(random: Random): number {
    if (this.disks.size === 0 || !random.chance(fullShare)) return 0;
    const present = [...this.#controllers].flatMap((id) => this.disks.get(id) ?? []);
    const filled = random.shuffle(present).slice(0, random.between(1, present.length));
    for (const disk of filled) {
      disk.resize(Math.max(smallBytes, joinBytes - disk.freeBytes() + (1 << 20)));
      disk.fill();
    }
    return filled.length;
  }

  #phaseOf(activity: Activity): string {
    const operation = this.#operation;
    const parts = operation === undefined ? [] : [...operation.steps, ...operation.verifications];
    const running = operation?.finishedAt === null ? parts.find(({ state }) => state === 'running') : undefined;
    if (operation !== undefined && operation.finishedAt === null)
      return `${operation.parameters.workflow}: ${operation.state === 'running' ? (running?.step ?? 'between steps') : operation.state}`;
    return operation === undefined ? activity : `${activity}: over`;
  }

  async #kill(random: Random, whom: Whom): Promise<readonly string[]> {
    const running = [...this.#controllers].filter((id) => this.cluster.node(id).isRunning());
    const leads = running.find((id) => this.cluster.statuses().get(id)?.raft?.role === 'leader');
    const others = random.shuffle(running);
    const chosen = {
      leader: [leads ?? others[0] ?? ''],
      one: others.slice(0, 1),
      several: others.slice(0, 2),
      all: others,
    }[whom];
    // All signals first: then they die at one moment.
    for (const id of chosen) this.cluster.node(id).process?.signal('SIGKILL');
    await Promise.all(chosen.map((id) => this.cluster.kill(id)));
    return chosen;
  }

  #doctors(killed: readonly string[]): string[] {
    return killed.flatMap((id) => {
      this.disks.get(id)?.resize(joinBytes);
      const { findings } = examineDirectory(this.cluster.node(id).dataDirectory);
      return findings
        .filter(({ outcome }) => outcome === 'fail')
        .map(({ sentence }) => `the doctor says of ${id}, which was killed: ${sentence}`);
    });
  }

  /** Whoever is no member when all is over (removed, or not joined after all) is stopped. */
  async #reconcile(): Promise<void> {
    const there = await members(this.cluster);
    for (const id of [...this.#controllers]) {
      if (there.includes(id)) continue;
      this.#controllers.delete(id);
      await this.cluster.stop(id);
    }
  }

  async #journals() {
    const found = await Promise.all(
      [...this.#controllers].map(async (id) => [id, await this.#changesOf(id).catch(() => [])] as const),
    );
    return new Map(found);
  }

  async #changesOf(id: string) {
    const changes: Awaited<ReturnType<TestCluster['changesOf']>>[number][] = [];
    for (let more = true; more; ) {
      const after = changes.at(-1)?.position ?? this.#last;
      const page = await this.cluster.api.request('model.changes', { after, limit: pageSize }, { node: id });
      changes.push(...page.changes);
      more = page.more;
    }
    return changes;
  }

  /** A member that is busy when it is asked where it stands is left out of a comparison, and asked again. */
  async #differences(): Promise<readonly string[]> {
    const nodes = [...this.#controllers];
    for (const deadline = performance.now() + compareTimeoutMs; ; ) {
      const { groups, missing } = await compareModels(this.cluster.api, nodes, { timeoutMs: agreeTimeoutMs });
      if (groups.length > 1)
        return [`models differ: ${groups.map((group) => group.nodes.join(' and ')).join(' from ')}`];
      if (missing.length === 0) return [];
      if (performance.now() > deadline)
        return [`not all models were compared: ${missing.map(({ node, reason }) => `${node}: ${reason}`).join(', ')}`];
    }
  }

  #counters(): { readonly snapshots: number; readonly firstIndex: number } {
    const statuses = [...this.cluster.statuses().values()];
    return {
      snapshots: statuses.reduce((sum, { counters }) => sum + (counters['snapshotsInstalled'] ?? 0), 0),
      firstIndex: Math.max(0, ...statuses.map(({ raft }) => raft?.firstIndex ?? 0)),
    };
  }
}

function drawWhom(random: Random): Whom {
  const kinds = Object.keys(whomWeights) as Whom[];
  return random.pick(kinds.flatMap((kind) => Array.from({ length: whomWeights[kind] }, () => kind)));
}
