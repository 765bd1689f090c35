/** Carries planned faults out on real processes, and mends each when its time is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestCluster } from '../support/cluster.js';
import type { NatsServer } from '../support/nats.js';
import { tailOf } from '../support/process.js';
import { eventually } from '../support/wait.js';
import type { NatsCluster } from './nats-cluster.js';
import type { Fault, FaultKind } from './plan.js';
import type { RouteProxy } from './route-proxy.js';

/** What can be hit; each holds one fault at a time. */
export interface Targets {
  readonly cluster: TestCluster;
  readonly nats: NatsCluster;
  /** Controllers that should be running: members, and whoever is joining. Changes with joins and removals. */
  readonly controllers: Set<string>;
}

export interface FaultCount {
  fired: number;
  /** All that it could have hit was broken already. */
  skipped: number;
}

export interface FaultReport {
  readonly counts: Readonly<Partial<Record<FaultKind, FaultCount>>>;
  /** Processes that ended and were not killed. */
  readonly problems: readonly string[];
}

const transferTimeoutMs = 1_500;
const snapshotTimeoutMs = 5_000;
const natsRestartTimeoutMs = 30_000;

/** Resolves when the last fault is mended. `say` hears of each. */
export async function carryOut(
  faults: readonly Fault[],
  targets: Targets,
  say: (line: string) => void,
): Promise<FaultReport> {
  const injector = new Injector(targets, say);
  const beganAt = performance.now();
  await Promise.all(
    faults.map(async (fault) => {
      await sleep(Math.max(0, beganAt + fault.atMs - performance.now()));
      await injector.carryOut(fault);
    }),
  );
  injector.findDead();
  return { counts: injector.counts, problems: [...injector.problems] };
}

class Injector {
  readonly counts: Partial<Record<FaultKind, FaultCount>> = {};
  readonly problems = new Set<string>();
  readonly #targets: Targets;
  readonly #say: (line: string) => void;
  /** What is broken now: ids of controllers, urls of servers, names of routes. */
  readonly #broken = new Set<string>();

  constructor(targets: Targets, say: (line: string) => void) {
    this.#targets = targets;
    this.#say = say;
  }

  async carryOut(fault: Fault): Promise<void> {
    this.findDead();
    const { lastsMs } = fault;
    switch (fault.kind) {
      case 'kill':
      case 'stop': {
        const id = this.#controllerFor(fault);
        const signal = fault.kind === 'kill' ? 'SIGKILL' : 'SIGTERM';
        return await this.#break(fault, id === undefined ? [] : [id], (ids) => this.#kill(ids, lastsMs, signal));
      }
      case 'kill-all':
        return await this.#break(fault, this.#freeControllers(), (ids) => this.#kill(ids, lastsMs));
      case 'pause': {
        const id = this.#controllerFor(fault);
        return await this.#break(fault, id === undefined ? [] : [id], (ids) => this.#pause(ids, lastsMs));
      }
      case 'kill-nats':
      case 'pause-nats': {
        const server = this.#freeOf(this.#targets.nats.servers, ({ url }) => url, fault);
        if (server === undefined) return this.#count(fault.kind, 'skipped');
        const work = fault.kind === 'kill-nats' ? killServer : pauseServer;
        return await this.#break(fault, [server.url], () => work(server, lastsMs));
      }
      case 'cut-route':
      case 'stall-route': {
        const route = this.#freeOf(this.#targets.nats.routes, ({ name }) => name, fault);
        if (route === undefined) return this.#count(fault.kind, 'skipped');
        return await this.#break(fault, [route.name], () => breakRoute(route.proxy, fault));
      }
      case 'transfer':
        return await this.#ask(fault, async ({ cluster }) => {
          await cluster.api.request('operation.start', { workflow: 'transfer' }, { timeoutMs: transferTimeoutMs });
        });
      case 'snapshot':
        return await this.#ask(fault, async ({ cluster }) => {
          const node = this.#controllerFor(fault);
          if (node === undefined) throw new Error('everybody is broken');
          await cluster.api.request('snapshot.create', {}, { node, timeoutMs: snapshotTimeoutMs });
        });
    }
  }

  /** A controller that ended by itself: nothing that happens here may end one. */
  findDead(): void {
    const { cluster, controllers } = this.#targets;
    for (const id of controllers) {
      if (this.#broken.has(id) || cluster.node(id).isRunning()) continue;
      this.problems.add(`${id} ended and was not killed:\n${tailOf(cluster.node(id).logs())}`);
    }
  }

  #count(kind: FaultKind, what: keyof FaultCount): void {
    this.counts[kind] ??= { fired: 0, skipped: 0 };
    this.counts[kind][what] += 1;
  }

  /** Breaks these, which nothing else breaks meanwhile. */
  async #break(
    fault: Fault,
    names: readonly string[],
    work: (names: readonly string[]) => Promise<void>,
  ): Promise<void> {
    if (names.length === 0) return this.#count(fault.kind, 'skipped');
    this.#count(fault.kind, 'fired');
    this.#say(`${fault.kind} ${names.join(', ')} for ${fault.lastsMs} ms`);
    for (const name of names) this.#broken.add(name);
    try {
      await work(names);
    } finally {
      for (const name of names) this.#broken.delete(name);
    }
  }

  /** Asks for something that may well be refused, or be lost, in the middle of other faults. */
  async #ask(fault: Fault, work: (targets: Targets) => Promise<void>): Promise<void> {
    try {
      await work(this.#targets);
      this.#count(fault.kind, 'fired');
      this.#say(`${fault.kind}`);
    } catch (error) {
      this.#count(fault.kind, 'skipped');
      this.#say(`${fault.kind}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #kill(ids: readonly string[], downMs: number, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const { cluster } = this.#targets;
    await Promise.all(ids.map((id) => (signal === 'SIGTERM' ? cluster.stop(id) : cluster.kill(id))));
    await sleep(downMs);
    await Promise.all(ids.map((id) => cluster.restart(id)));
  }

  async #pause(ids: readonly string[], pausedMs: number): Promise<void> {
    const { cluster } = this.#targets;
    for (const id of ids) cluster.pause(id);
    await sleep(pausedMs);
    for (const id of ids) cluster.resume(id);
  }

  #freeControllers(): readonly string[] {
    return [...this.#targets.controllers].filter((id) => !this.#broken.has(id));
  }

  #controllerFor({ draw, onLeader }: Fault): string | undefined {
    const free = this.#freeControllers();
    const leader = this.#leader();
    if (onLeader && leader !== undefined && free.includes(leader)) return leader;
    return free[Math.floor(draw * free.length)];
  }

  /** Whoever led last, by its own word. */
  #leader(): string | undefined {
    const leaders = [...this.#targets.cluster.statuses().values()].filter(({ raft }) => raft?.role === 'leader');
    return leaders.sort((a, b) => (b.raft?.term ?? 0) - (a.raft?.term ?? 0))[0]?.node;
  }

  #freeOf<T>(all: readonly T[], nameOf: (each: T) => string, { draw }: Fault): T | undefined {
    const free = all.filter((each) => !this.#broken.has(nameOf(each)));
    return free[Math.floor(draw * free.length)];
  }
}

async function killServer(server: NatsServer, downMs: number): Promise<void> {
  await server.kill();
  await sleep(downMs);
  // Its port may be taken for a moment by a connection that somebody else opened.
  await eventually(() => server.restart().then(() => true), {
    what: `${server.url} to run again`,
    timeoutMs: natsRestartTimeoutMs,
  });
}

async function pauseServer(server: NatsServer, pausedMs: number): Promise<void> {
  server.pause();
  await sleep(pausedMs);
  server.resume();
}

const stalls = ['both', 'there', 'back'] as const;

async function breakRoute(proxy: RouteProxy, { kind, lastsMs }: Fault): Promise<void> {
  if (kind === 'cut-route') proxy.cut();
  else proxy.stall(stalls[lastsMs % stalls.length] ?? 'both');
  await sleep(lastsMs);
  proxy.mend();
}
