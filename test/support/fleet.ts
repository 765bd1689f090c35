/** Thousands of simulated routers, in a few processes of their own, as one thing that can be asked what they hold. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWithUs, hasEnded } from './children.js';
import { memoryDirectory } from './temporary-directory.js';
import { eventually } from './wait.js';

export interface FleetSettings {
  readonly cluster: string;
  readonly servers: readonly string[];
  readonly scope: 'whole' | 'own';
  readonly directory: string;
}

export type FleetOrder =
  | { readonly order: 'start'; readonly settings: FleetSettings; readonly ids: readonly string[] }
  | { readonly order: 'report' }
  | { readonly order: 'mark' }
  | { readonly order: 'hashes' }
  | { readonly order: 'arrivals'; readonly id: string; readonly forget: boolean }
  | { readonly order: 'end' };

/** How many changes came, and the sum of their numbers: the two together tell a missing one from a repeated one. */
export interface Counted {
  readonly count: number;
  readonly sum: number;
  /** Since the whole model was taken at this index: what was before came with it. */
  readonly after: number;
}

export interface FleetReport {
  readonly routers: number;
  readonly live: number;
  readonly connected: number;
  /** Of the positions that they hold; -1: one holds nothing. */
  readonly lowestIndex: number;
  readonly timelines: readonly string[];
  /** Held by all together. */
  readonly entities: number;
  /** Of changes tagged `count: N`; each that occurs with any router. */
  readonly counted: readonly Counted[];
  readonly disorder: number;
  /** Of all clients together. */
  readonly counters: Readonly<Record<string, number>>;
  readonly cpuMs: number;
  readonly rssMb: number;
  /**
   * Since the last mark, the longest that one of the processes did nothing else than what it was at: so long, at worst, its
   * routers could not even say that they are there.
   */
  readonly stalledMs: number;
  /** Since the last mark, the longest time without a change at the routers that are watched for it, one of each process. */
  readonly quietMs: number;
}

export interface FleetOptions {
  readonly cluster: string;
  readonly servers: readonly string[];
  readonly routers: number;
  /** Default 1. */
  readonly processes?: number;
  /** Default `whole`. */
  readonly scope?: 'whole' | 'own';
  /** Of their ids, which a number follows; default `router`. */
  readonly prefix?: string;
  /** Arguments of the Node that runs them. */
  readonly execArgv?: readonly string[];
  /** Told now and then while something is waited for. */
  readonly onProgress?: (what: string, report: FleetReport) => void;
}

export interface Fleet {
  readonly routers: number;
  readonly scope: 'whole' | 'own';
  /** Begins all of them, some at a time; returns when all are live. */
  start(timeoutMs: number): Promise<void>;
  report(): Promise<FleetReport>;
  /** From now on it is noted anew how long nothing happened. */
  mark(): Promise<void>;
  /** Waits until every router stands at this index or further; under load one or the other may be fetching what is newer. */
  reaches(index: number, timeoutMs: number, timeline?: string): Promise<FleetReport>;
  /** The hashes of what routers hold, themselves left out; one, where all hold the same. */
  modelHashes(): Promise<readonly string[]>;
  /** When each router got the entity (`timed-…`), in milliseconds of {@link machineMs}; waits until all have. */
  arrivals(id: string, timeoutMs: number): Promise<readonly number[]>;
  end(): Promise<void>;
}

/** A clock that all processes of this machine share. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Connecting more at once makes a queue in the NATS server and time-outs, and no fleet starts so. */
const startedAtOnce = 250;
const pollMs = 50;
const tellEveryMs = 5_000;

export function createFleet(options: FleetOptions): Fleet {
  return new ForkedFleet(options);
}

class ForkedFleet implements Fleet {
  readonly routers: number;
  readonly scope: 'whole' | 'own';
  readonly #settings: FleetSettings;
  readonly #children: readonly Child[];
  readonly #prefix: string | undefined;
  readonly #onProgress: FleetOptions['onProgress'];
  #toldAt = 0;

  constructor(options: FleetOptions) {
    this.routers = options.routers;
    this.#prefix = options.prefix;
    this.#onProgress = options.onProgress;
    const { cluster, servers, scope = 'whole' } = options;
    this.scope = scope;
    // Real routers have a disk each; thousands of them would sync their files to the one that the controllers have here.
    this.#settings = { cluster, servers, scope, directory: memoryDirectory('fleet') };
    this.#children = Array.from({ length: options.processes ?? 1 }, () => new Child(options.execArgv ?? []));
  }

  async start(timeoutMs: number): Promise<void> {
    const ids = Array.from({ length: this.routers }, (_, index) => fleetRouterId(index, this.#prefix));
    for (let from = 0; from < ids.length; from += startedAtOnce) {
      const some = ids.slice(from, from + startedAtOnce);
      await this.#child(from / startedAtOnce).ask({ order: 'start', settings: this.#settings, ids: some });
      await this.#until((report) => report.connected === from + some.length, 'the routers to connect', timeoutMs);
    }
    await this.#until((report) => report.live === this.routers, 'all routers to be live', timeoutMs);
  }

  async report(): Promise<FleetReport> {
    const all = await Promise.all(this.#children.map((child) => child.ask<FleetReport>({ order: 'report' })));
    return all.filter((each) => each.routers > 0).reduce(together, nobody);
  }

  async mark(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.ask({ order: 'mark' })));
  }

  reaches(index: number, timeoutMs: number, timeline?: string): Promise<FleetReport> {
    const isThere = (report: FleetReport): boolean =>
      report.routers === this.routers &&
      report.lowestIndex >= index &&
      (timeline === undefined || report.timelines.every((each) => each === timeline));
    return this.#until(isThere, `all routers to stand at ${index}`, timeoutMs);
  }

  async modelHashes(): Promise<readonly string[]> {
    const all = await Promise.all(this.#children.map((child) => child.ask<string[]>({ order: 'hashes' })));
    return [...new Set(all.flat())];
  }

  async arrivals(id: string, timeoutMs: number): Promise<readonly number[]> {
    const ask = async (forget: boolean) =>
      (await Promise.all(this.#children.map((child) => child.ask<number[]>({ order: 'arrivals', id, forget })))).flat();
    const count = async () => (await ask(false)).length >= this.routers;
    await eventually(count, { what: `all routers to have ${id}`, timeoutMs, intervalMs: pollMs });
    return await ask(true);
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end()));
  }

  #child(turn: number): Child {
    const child = this.#children[turn % this.#children.length];
    if (child === undefined) throw new Error('a fleet has at least one process');
    return child;
  }

  async #until(isTrue: (report: FleetReport) => boolean, what: string, timeoutMs: number): Promise<FleetReport> {
    let last = nobody;
    await eventually(
      async () => {
        last = await this.report();
        const now = performance.now();
        if (now - this.#toldAt > tellEveryMs) {
          this.#toldAt = now;
          this.#onProgress?.(what, last);
        }
        return isTrue(last);
      },
      // To ask ten thousand is work for their processes: the more there are, the less often.
      { what, timeoutMs, intervalMs: Math.max(pollMs, this.routers / 20), show: () => last },
    );
    return last;
  }
}

export function distinct(all: readonly Counted[]): readonly Counted[] {
  return [...new Map(all.map((each) => [`${each.count} ${each.sum} ${each.after}`, each])).values()];
}

export const fleetRouterId = (index: number, prefix = 'router'): string =>
  `${prefix}-${String(index).padStart(5, '0')}`;

const nobody: FleetReport = {
  routers: 0,
  live: 0,
  connected: 0,
  lowestIndex: Number.POSITIVE_INFINITY,
  timelines: [],
  entities: 0,
  counted: [],
  disorder: 0,
  counters: {},
  cpuMs: 0,
  rssMb: 0,
  stalledMs: 0,
  quietMs: 0,
};

function together(one: FleetReport, other: FleetReport): FleetReport {
  const names = new Set([...Object.keys(one.counters), ...Object.keys(other.counters)]);
  return {
    routers: one.routers + other.routers,
    live: one.live + other.live,
    connected: one.connected + other.connected,
    lowestIndex: Math.min(one.lowestIndex, other.lowestIndex),
    timelines: [...new Set([...one.timelines, ...other.timelines])],
    entities: one.entities + other.entities,
    counted: distinct([...one.counted, ...other.counted]),
    disorder: one.disorder + other.disorder,
    counters: Object.fromEntries(
      [...names].map((name) => [name, (one.counters[name] ?? 0) + (other.counters[name] ?? 0)]),
    ),
    cpuMs: one.cpuMs + other.cpuMs,
    rssMb: one.rssMb + other.rssMb,
    stalledMs: Math.max(one.stalledMs, other.stalledMs),
    quietMs: Math.max(one.quietMs, other.quietMs),
  };
}

class Child {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (reply: { readonly answer?: unknown; readonly error?: string }) => void>();
  #asked = 0;

  constructor(execArgv: readonly string[]) {
    const main = fileURLToPath(new URL('./fleet-process.js', import.meta.url));
    this.#process = fork(main, { execArgv: [...execArgv], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const { pid } = this.#process;
    if (pid !== undefined) {
      endWithUs(pid);
      this.#process.once('exit', () => hasEnded(pid));
    }
    this.#process.on('message', (message: { readonly number: number; readonly answer?: unknown }) => {
      this.#waiting.get(message.number)?.(message);
      this.#waiting.delete(message.number);
    });
    this.#process.once('exit', () => {
      for (const answer of this.#waiting.values()) answer({ error: 'the process of the fleet has ended' });
      this.#waiting.clear();
    });
  }

  ask<Answer = void>(order: FleetOrder): Promise<Answer> {
    this.#asked += 1;
    const number = this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, ({ answer, error }) => {
        // The process is ours, and each order has one kind of answer.
        if (error === undefined) resolve(answer as Answer);
        else reject(new Error(error));
      });
      this.#process.send({ number, order });
    });
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    await this.ask({ order: 'end' });
    this.#process.disconnect();
    await gone;
  }
}
