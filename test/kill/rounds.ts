/**
 * The kill run: real processes, killed with SIGKILL at random moments, one, several or all, with writes from several clients
 * and something else in flight. After each round: everything that was acknowledged is on every member, once, in one chain of
 * positions (but for what a restore took back: see `restored.ts`); the models are equal by their hashes; and the doctor finds
 * nothing in the directory of any that was killed.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationView, Position } from '../../messaging/index.js';
import { startClients } from '../chaos/clients.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { type Random, seededRandom } from '../support/random.js';
import { SmallDisk } from '../support/small-disk.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { type Activity, begin, drawActivity, members, operationsEnd } from './activities.js';
import { agreeTimeoutMs, differences, doctorOf, judgeRound } from './evidence.js';
import type { RoundReport, Whom } from './report.js';

export interface KillRun {
  readonly seed: number;
  round(): Promise<RoundReport>;
  end(): Promise<void>;
}

export interface KillOptions {
  readonly seed: number;
  /** Each data directory on a small file system that fills up now and then; only in a mount namespace of our own. */
  readonly smallDisks?: boolean;
  /** Models are hashed and compared after so many rounds: what has gone apart stays apart. Default: after each. */
  readonly hashEvery?: number;
  readonly say?: (line: string) => void;
}

const whomWeights: Readonly<Record<Whom, number>> = { leader: 7, one: 6, several: 4, all: 3 };

const clientCount = 4;
/** Often, so that there is always a compaction near, and who was away needs a snapshot. */
const compaction = ['--compact-every', '30', '--compact-keep', '10'];
const joinBytes = 300 << 20;
const smallBytes = 40 << 20;
const fullShare = 0.5;
const killAfterMsMax = 500;
/** Time for writes to be refused, and for leadership to move. */
const killFullAfterMsMax = 2_000;
/** After a step of a restore has begun: most of them take no longer. */
const killAfterStepMsMax = 50;
/** A restore that does not come to the step that was drawn (a disk is full) is killed where it is. */
const stepTimeoutMs = 3_000;
const downMsMax = 300;
const writesBefore = 10;
const writesAfter = 10;
/** Generous, for a machine that does other things too. */
const progressTimeoutMs = 60_000;

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
  readonly #everybody = new Set(this.#controllers);
  #rounds = 0;
  #last: Position | null = null;
  #epoch = 1;
  #operation: OperationView | undefined;

  constructor(
    private readonly cluster: TestCluster,
    private readonly disks: ReadonlyMap<string, SmallDisk>,
    private readonly options: KillOptions,
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
    const beganAt = performance.now();
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
    const written = (writes: number): Promise<void> => clients.progress(writes, progressTimeoutMs);

    const activity = drawActivity(random, this.#controllers.size);
    const whom = drawWhom(random);
    await attempt('writes', () => written(writesBefore));
    const begun = await attempt(activity, () => begin(activity, this.#doing(random), written));
    const full = this.#fillDisks(random);
    await this.#untilMoment(activity, random, full);
    const phase = this.#phaseOf(activity);
    const killed = await this.#kill(random, whom);
    for (const disk of this.disks.values()) disk.free();
    for (const id of killed) {
      this.disks.get(id)?.resize(joinBytes);
      problems.push(...doctorOf(cluster, id));
    }
    await sleep(random.between(0, downMsMax));
    await Promise.all(killed.map((id) => cluster.restart(id)));

    await attempt('writes go on', () => written(writesAfter));
    clients.calm();
    await begun?.ended;
    await attempt('operations end', () => operationsEnd(cluster));
    await attempt('members are known', () => this.#reconcile());
    const history = await clients.stop();
    await attempt('all members agree', () => cluster.agrees(agreeTimeoutMs));
    const around = { cluster, controllers: this.#controllers, everybody: this.#everybody };
    const state = { last: this.#last, epochBefore: this.#epoch, restoring: begun?.restoring };
    const judged = await attempt('it is judged', () => judgeRound({ ...around, ...state, history }));
    problems.push(...(judged?.problems ?? []));
    if (this.#rounds % (this.options.hashEvery ?? 1) === 0)
      problems.push(...((await attempt('hashes are compared', () => differences(around))) ?? []));
    this.#last = judged === undefined ? this.#last : judged.last;
    this.#epoch += judged?.isRestored === true ? 1 : 0;
    const after = this.#counters();
    return {
      ...{ problems, activity, phase, killed, whom, full },
      seed: this.options.seed,
      round: this.#rounds,
      smallDisks: this.disks.size > 0,
      restored: judged?.isRestored === true,
      acknowledgedWrites: history.acknowledged.length,
      longestGapMs: Math.round(history.longestGapMs),
      snapshotsInstalled: Math.max(0, after.snapshots - before.snapshots),
      compactions: Math.max(0, after.firstIndex - before.firstIndex),
      durationMs: Math.round(performance.now() - beganAt),
    };
  }

  #doing(random: Random) {
    const { cluster } = this;
    const startBlank = async (): Promise<string> => {
      const id = `n${this.#everybody.size + 1}`;
      this.#everybody.add(id);
      this.#controllers.add(id);
      await cluster.startBlank(id);
      return id;
    };
    return { cluster, controllers: this.#controllers, random, startBlank, say: this.#say };
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

  /** A restore has short steps and long ones: without a draw among them the short ones would hardly ever be met. */
  async #untilMoment(activity: Activity, random: Random, full: number): Promise<void> {
    if (activity !== 'restore') return sleep(random.between(0, full === 0 ? killAfterMsMax : killFullAfterMsMax));
    const place = random.next();
    const hasCome = (): boolean => {
      const { steps = [], verifications = [] } = this.#operation ?? {};
      const all = [...steps, ...verifications];
      return all.slice(Math.floor(place * all.length)).some(({ state }) => state !== 'pending');
    };
    const wait = { what: 'the step', timeoutMs: stepTimeoutMs, intervalMs: 2 };
    await eventually(hasCome, wait).catch(() => undefined);
    await sleep(random.between(0, killAfterStepMsMax));
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

  /** Whoever is no member when all is over (removed, or not joined after all) is stopped. */
  async #reconcile(): Promise<void> {
    const there = await members(this.cluster);
    for (const id of [...this.#controllers]) {
      if (there.includes(id)) continue;
      this.#controllers.delete(id);
      await this.cluster.stop(id);
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
