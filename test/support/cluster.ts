/**
 * A cluster of real processes for end-to-end tests: one nats-server, controllers and routers, each with a directory of its
 * own, and the few words that tests speak about them. What it knows of the controllers it hears over NATS, as any client.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type ApiClient,
  type ApiParams,
  connectNats,
  createApiClient,
  type Entity,
  type ModelChange,
  type NatsConnection,
  type NodeStatus,
  type OperationView,
  QuorateError,
} from '../../messaging/index.js';
import { type NatsServer, startNatsServer } from './nats.js';
import { quorateMain, type RunningProcess, startProcess, tailOf } from './process.js';
import { temporaryDirectory } from './temporary-directory.js';
import { eventually } from './wait.js';

export interface ClusterOptions {
  /** Voters, named n1, n2, …; default 3. */
  readonly controllers?: number;
  /** Begins with n1 alone, standalone, in place of a cluster. */
  readonly standalone?: boolean;
  /** Named r1, r2, …; default 0. */
  readonly routers?: number;
  /** A server that is there already, or several with commas; otherwise one is started and stopped with the cluster. */
  readonly natsUrl?: string;
  /** Configuration of the server that is started. */
  readonly natsConfig?: string;
  /** Default `test`. */
  readonly name?: string;
  /** Where a controller or router keeps its data; default: a temporary directory each. */
  readonly directoryOf?: (id: string) => string;
  /** Further arguments of every `quorate node`. */
  readonly nodeArguments?: readonly string[];
  /** Further arguments of every `quorate router`. */
  readonly routerArguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What controllers and routers are started as at first. */
  readonly launch?: Launch;
}

/** What a process is started as, when that is not this build as it is. */
export interface Launch {
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another build's program, in place of this one's. */
  readonly main?: string;
}

/** One controller or router: its directory stays the same over restarts. */
export interface TestProcess {
  readonly id: string;
  readonly dataDirectory: string;
  /** The process that runs now or ran last; undefined before the first start. */
  readonly process: RunningProcess | undefined;
  isRunning(): boolean;
  /** What all its processes have written. */
  logs(): string;
}

/** What was heard last of each controller that runs now, by id. */
export type Statuses = ReadonlyMap<string, NodeStatus>;

export interface TestCluster {
  readonly name: string;
  readonly natsUrl: string;
  /** The server that was started with the cluster. @throws where one was given instead. */
  readonly nats: NatsServer;
  readonly connection: NatsConnection;
  readonly api: ApiClient;

  node(id: string): TestProcess;
  router(id: string): TestProcess;
  /** Starts one more controller, which is blank and no member yet, and waits until it has announced itself. */
  startBlank(id: string): Promise<TestProcess>;
  startRouter(id: string): Promise<TestProcess>;

  /** These take the id of a controller or router. */
  kill(id: string, signal?: NodeJS.Signals): Promise<void>;
  stop(id: string): Promise<void>;
  pause(id: string): void;
  resume(id: string): void;
  /** Starts a process that has ended; one that runs is stopped first. With `launch`: as that, from now on. */
  restart(id: string, launch?: Launch): Promise<void>;

  statuses(): Statuses;
  /** The leader whom every running member names; waits until they name the same one. */
  leader(timeoutMs?: number): Promise<string>;
  /** Ids of the running members that do not lead. */
  followers(): Promise<readonly string[]>;
  waitUntil(condition: (statuses: Statuses) => boolean, what: string, timeoutMs?: number): Promise<Statuses>;
  /** Waits until all running members follow one leader and have applied what it had committed when asked. Also under load. */
  settles(timeoutMs?: number): Promise<void>;
  /** The same, until all stand at the same index, which needs writes to have ended; then compares their models. */
  agrees(timeoutMs?: number): Promise<void>;

  /** Runs a workflow to its end. @throws where it does not end as `done`. */
  run(parameters: ApiParams<'operation.start'>, timeoutMs?: number): Promise<OperationView>;
  join(id: string, role?: 'voter' | 'learner'): Promise<OperationView>;
  remove(id: string): Promise<OperationView>;
  replace(old: string, by: string): Promise<OperationView>;
  transfer(to?: string): Promise<OperationView>;

  /** All entities as this controller holds them, without asking the leader. */
  modelOf(id: string): Promise<readonly Entity[]>;
  /** All changes that this controller's journal holds, oldest first. */
  changesOf(id: string): Promise<readonly ModelChange[]>;
  /** Ends everything. What is not ended by the test ends with the test file. */
  end(): Promise<void>;
}

const startTimeoutMs = 30_000;
const operationTimeoutMs = 60_000;
const agreeTimeoutMs = 30_000;
const kinds = ['router', 'service', 'identity', 'policy'] as const;
const pageSize = 1000;

interface Managed extends TestProcess {
  start(): Promise<void>;
  launch: Launch;
  /** When the process that runs now was started, in milliseconds since 1970. */
  startedAt: number;
}

function managedProcess(
  id: string,
  argumentsFor: (dataDirectory: string) => readonly string[],
  { env, launch = {}, directoryOf = temporaryDirectory }: ClusterOptions,
): Managed {
  const dataDirectory = directoryOf(id);
  const started: RunningProcess[] = [];
  return {
    id,
    dataDirectory,
    startedAt: 0,
    launch,
    get process() {
      return started.at(-1);
    },
    isRunning: () => started.at(-1)?.isRunning() ?? false,
    logs: () => started.map((process) => process.logs()).join(''),
    async start() {
      this.startedAt = Date.now();
      const { main = quorateMain, env: more } = this.launch;
      const args = [main, ...argumentsFor(dataDirectory)];
      started.push(await startProcess(process.execPath, args, { name: id, env: { ...env, ...more } }));
    },
  };
}

/** Starts the processes and joins the controllers into one cluster; returns when all are voters and agree. */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const nats = options.natsUrl === undefined ? await startNatsServer({ config: options.natsConfig }) : undefined;
  const natsUrl = options.natsUrl ?? nats?.url ?? '';
  const name = options.name ?? 'test';
  const connection = await connectNats({ servers: natsUrl.split(','), name: 'test-cluster' });
  const cluster = new RunningCluster(name, natsUrl, nats, connection, options);
  try {
    await cluster.bootstrap(options.controllers ?? 3, options.routers ?? 0);
  } catch (error) {
    await cluster.end();
    throw error;
  }
  return cluster;
}

class RunningCluster implements TestCluster {
  readonly api: ApiClient;
  readonly #controllers = new Map<string, Managed>();
  readonly #routers = new Map<string, Managed>();
  readonly #heard = new Map<string, NodeStatus>();

  constructor(
    readonly name: string,
    readonly natsUrl: string,
    private readonly server: NatsServer | undefined,
    readonly connection: NatsConnection,
    private readonly options: ClusterOptions,
  ) {
    this.api = createApiClient({ connection, cluster: name, from: 'test' });
    this.api.watchStatus((status) => this.#heard.set(status.node, status));
  }

  async bootstrap(controllers: number, routers: number): Promise<void> {
    const ids = Array.from({ length: controllers }, (_, index) => `n${index + 1}`);
    const [first = 'n1', ...others] = ids;
    if (this.options.standalone === true) {
      await this.#startController('n1', ['--standalone']);
      await this.#untilHeard('n1', (status) => status.state === 'standalone', 'n1 to serve alone');
      await Promise.all(Array.from({ length: routers }, (_, index) => this.startRouter(`r${index + 1}`)));
      return;
    }
    await this.#startController(first, ['--bootstrap']);
    await Promise.all(others.map((id) => this.#startController(id, [])));
    await this.#untilHeard(first, (status) => status.raft?.role === 'leader', `${first} to lead`);
    for (const id of others) {
      await this.#untilHeard(id, (status) => status.state === 'blank', `${id} to announce itself as blank`);
      await this.#joinFirst(id);
    }
    await this.agrees();
    await Promise.all(Array.from({ length: routers }, (_, index) => this.startRouter(`r${index + 1}`)));
  }

  /** On a machine that is busy just now a round trip or a sync takes too long for a member: it is measured again. */
  async #joinFirst(id: string): Promise<void> {
    const isSlowNow = (error: unknown): boolean =>
      error instanceof QuorateError &&
      error.code === 'check-failed' &&
      /candidate-(nats|disk)-latency/.test(error.message);
    const tried = await eventually(
      () =>
        this.join(id).then(
          () => ({ failure: null }),
          (error: unknown) => (isSlowNow(error) ? false : { failure: error }),
        ),
      { what: `${id} to be fast enough to be joined`, timeoutMs: operationTimeoutMs, intervalMs: 500 },
    );
    if (tried.failure !== null) throw tried.failure;
  }

  get nats(): NatsServer {
    if (this.server === undefined)
      throw new Error('this cluster was given its nats-server: the test that gave it holds it');
    return this.server;
  }

  node(id: string): Managed {
    return found(this.#controllers, id);
  }

  router(id: string): Managed {
    return found(this.#routers, id);
  }

  async startBlank(id: string): Promise<TestProcess> {
    const controller = await this.#startController(id, []);
    await this.#untilHeard(id, (status) => status.state === 'blank', `${id} to announce itself as blank`);
    return controller;
  }

  async #startController(id: string, more: readonly string[]): Promise<Managed> {
    const extra = [...(this.options.nodeArguments ?? []), ...more];
    return await this.#start(this.#controllers, 'node', id, extra);
  }

  startRouter(id: string): Promise<TestProcess> {
    return this.#start(this.#routers, 'router', id, this.options.routerArguments ?? []);
  }

  async #start(kind: Map<string, Managed>, command: string, id: string, more: readonly string[]): Promise<Managed> {
    const common = [command, '--cluster', this.name, '--id', id, '--nats', this.natsUrl];
    const managed = managedProcess(id, (directory) => [...common, '--data-dir', directory, ...more], this.options);
    kind.set(id, managed);
    await managed.start();
    return managed;
  }

  #process(id: string): RunningProcess {
    const { process } = this.#controllers.get(id) ?? this.router(id);
    if (process === undefined) throw new Error(`${id} was never started`);
    return process;
  }

  async kill(id: string, signal?: NodeJS.Signals): Promise<void> {
    await this.#process(id).kill(signal);
  }

  async stop(id: string): Promise<void> {
    await this.#process(id).stop();
  }

  pause(id: string): void {
    this.#process(id).pause();
  }

  resume(id: string): void {
    this.#process(id).resume();
  }

  async restart(id: string, launch?: Launch): Promise<void> {
    if (this.#process(id).isRunning()) await this.stop(id);
    const managed = this.#controllers.get(id) ?? this.router(id);
    managed.launch = launch ?? managed.launch;
    await managed.start();
  }

  statuses(): Statuses {
    // What a process said before it ended says nothing of the one that runs now.
    const current = [...this.#controllers.values()].flatMap((controller) => {
      const status = this.#heard.get(controller.id);
      const isCurrent = controller.isRunning() && status !== undefined && status.startedAt >= controller.startedAt;
      return isCurrent ? [[controller.id, status] as const] : [];
    });
    return new Map(current);
  }

  async waitUntil(condition: (statuses: Statuses) => boolean, what: string, timeoutMs?: number): Promise<Statuses> {
    const met = await eventually(() => condition(this.statuses()) && { statuses: this.statuses() }, {
      what,
      timeoutMs,
      show: () => this.#describe(),
    });
    return met.statuses;
  }

  async #untilHeard(id: string, condition: (status: NodeStatus) => boolean, what: string): Promise<void> {
    await eventually(
      () => {
        const status = this.statuses().get(id);
        return (status !== undefined && condition(status)) || !this.node(id).isRunning();
      },
      { what, timeoutMs: startTimeoutMs, show: () => this.#describe() },
    );
    if (!this.node(id).isRunning())
      throw new Error(`${id} ended while waiting for ${what}:\n${tailOf(this.node(id).logs())}`);
  }

  async leader(timeoutMs = agreeTimeoutMs): Promise<string> {
    const statuses = await this.waitUntil((all) => leaderOf(all) !== undefined, 'one leader', timeoutMs);
    return leaderOf(statuses) ?? '';
  }

  async followers(): Promise<readonly string[]> {
    const leader = await this.leader();
    return membersOf(this.statuses())
      .map((status) => status.node)
      .filter((id) => id !== leader);
  }

  #allHeard(statuses: Statuses): boolean {
    return statuses.size === [...this.#controllers.values()].filter((controller) => controller.isRunning()).length;
  }

  async settles(timeoutMs = agreeTimeoutMs): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const leader = await this.leader(timeoutMs);
    // Asked, because what was heard last may be older than what the test has just written.
    const { raft } = await this.api.request('status.get', {}, { node: leader, timeoutMs });
    const commit = raft?.commit ?? 0;
    const haveApplied = (all: Statuses): boolean =>
      this.#allHeard(all) &&
      leaderOf(all) !== undefined &&
      membersOf(all).every(({ raft }) => (raft?.applied ?? 0) >= commit);
    const leftMs = Math.max(0, deadline - performance.now());
    await this.waitUntil(haveApplied, `all running members to have applied ${commit}`, leftMs);
  }

  async agrees(timeoutMs = agreeTimeoutMs): Promise<void> {
    const isQuiet = (all: Statuses): boolean => this.#allHeard(all) && leaderOf(all) !== undefined && haveOneLog(all);
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const statuses = await this.waitUntil(isQuiet, 'all running members to agree', timeoutMs);
      const ids = membersOf(statuses).map((status) => status.node);
      const models = await Promise.all(ids.map((id) => this.modelOf(id)));
      const different = ids.filter((_, index) => !isDeepStrictEqual(models[index], models[0]));
      if (different.length === 0) return;
      // What was heard last may be older than the last write: then a follower had not come to it yet when it was asked.
      if (performance.now() < deadline) continue;
      const sizes = ids.map((id, index) => `${id}: ${models[index]?.length} entities`).join(', ');
      throw new Error(`the models of ${different.join(', ')} differ from that of ${ids[0]} (${sizes})`);
    }
  }

  async run(parameters: ApiParams<'operation.start'>, timeoutMs = operationTimeoutMs): Promise<OperationView> {
    const { id } = await this.api.request('operation.start', parameters);
    const operation = await eventually(
      async () => {
        const record = await this.api.request('operation.get', { id });
        return record.finishedAt !== null && record;
      },
      { what: `the end of ${parameters.workflow}`, timeoutMs, intervalMs: 50, show: () => this.#describe() },
    );
    if (operation.state === 'done') return operation;
    throw new Error(`${parameters.workflow} ended as ${operation.state}: ${JSON.stringify(operation, undefined, 2)}`);
  }

  join(id: string, role: 'voter' | 'learner' = 'voter'): Promise<OperationView> {
    return this.run({ workflow: 'join', node: id, role });
  }

  remove(id: string): Promise<OperationView> {
    return this.run({ workflow: 'remove', node: id });
  }

  replace(old: string, by: string): Promise<OperationView> {
    return this.run({ workflow: 'replace', node: old, with: by });
  }

  transfer(to?: string): Promise<OperationView> {
    return this.run({ workflow: 'transfer', to: to ?? null });
  }

  async modelOf(id: string): Promise<readonly Entity[]> {
    const entities: Entity[] = [];
    for (const kind of kinds) {
      let more = true;
      for (let after: string | undefined; more; after = entities.at(-1)?.id) {
        const page = await this.api.request('model.list', { kind, after, limit: pageSize, stale: true }, { node: id });
        entities.push(...page.entities);
        more = page.more;
      }
    }
    return entities;
  }

  async changesOf(id: string): Promise<readonly ModelChange[]> {
    const changes: ModelChange[] = [];
    for (let more = true; more; ) {
      const after = changes.at(-1)?.position ?? null;
      const page = await this.api.request('model.changes', { after, limit: pageSize }, { node: id });
      changes.push(...page.changes);
      more = page.more;
    }
    return changes;
  }

  #describe(): unknown {
    return [...this.#controllers.values()].map((controller) => {
      const status = this.statuses().get(controller.id);
      const raft = status?.raft;
      const state = controller.isRunning() ? (status?.state ?? 'running, not heard') : 'ended';
      const position = raft && {
        role: raft.role,
        term: raft.term,
        leader: raft.leader,
        commit: raft.commit,
        applied: raft.applied,
      };
      return { id: controller.id, state, ...position, log: tailOf(controller.logs()).split('\n').slice(-6) };
    });
  }

  async end(): Promise<void> {
    const all = [...this.#routers.values(), ...this.#controllers.values()];
    await Promise.all(all.map(({ process }) => process?.isRunning() && process.stop()));
    await this.connection.close();
    await this.server?.stop();
  }
}

function found(processes: ReadonlyMap<string, Managed>, id: string): Managed {
  const process = processes.get(id);
  if (process === undefined) throw new Error(`there is no ${id}; there are: ${[...processes.keys()].join(', ')}`);
  return process;
}

const membersOf = (statuses: Statuses): readonly NodeStatus[] =>
  [...statuses.values()].filter((status) => status.state === 'member');

/** The running member whom all running members name as their leader and who thinks so too. */
function leaderOf(statuses: Statuses): string | undefined {
  const members = membersOf(statuses);
  const named = new Set(members.map((status) => status.raft?.leader));
  const [leader] = named;
  const leads = typeof leader === 'string' && statuses.get(leader)?.raft?.role === 'leader';
  return named.size === 1 && leads ? leader : undefined;
}

function haveOneLog(statuses: Statuses): boolean {
  const logs = membersOf(statuses).map(({ raft, position }) => ({
    term: raft?.term,
    lastIndex: raft?.lastIndex,
    isApplied: raft?.applied === raft?.lastIndex,
    configuration: raft?.configuration,
    position,
  }));
  return logs.every((log) => log.isApplied && isDeepStrictEqual(log, logs[0]));
}
