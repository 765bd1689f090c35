/** One world, from one plan: time, network, controllers, clients, and who watches them. */
import { promiseHooks } from 'node:v8';
import type { ModelMeta, ModelStore } from '../../node/model/index.js';
import { initialConfiguration, type NodeId, type Term } from '../../node/raft/index.js';
import { type Random, seededRandom } from '../support/random.js';
import { Checker, type Violation } from './checker.js';
import { Client } from './client.js';
import { memberDescription, SimulatedController } from './controller.js';
import { type Coverage, count } from './coverage.js';
import { initialiseDisk, type LogBefore, SnapshotRegistry } from './disk.js';
import { EventQueue } from './event-queue.js';
import { beginFirstLog, beginRecoveredLog, type Log } from './logs.js';
import { clusterId, clusterName } from './names.js';
import { Network, placesMax } from './network.js';
import type { Plan } from './plan.js';

export const timeline = { id: 'simulated-timeline', epoch: 1 };

/** No schedule needs so many; one that does goes round in circles. */
const eventsMax = 300_000;

/** Operations of clients that are begun after the last fault. */
const lastOperations = 6;

/** A promise was made or settled: what waits for it goes on before the next event, as it would in a real process. */
let promiseTouched = false;
const touch = (): void => {
  promiseTouched = true;
};
promiseHooks.createHook({ init: touch, settled: touch });

interface OpenPromise {
  readonly controller: SimulatedController;
  readonly life: number;
  readonly since: number;
}

export interface WorldOptions {
  /** Called with each line of what happens. */
  readonly onTrace?: (line: string) => void;
}

export class World {
  readonly plan: Plan;
  readonly queue = new EventQueue();
  readonly coverage: Coverage = {};
  readonly random: Random;
  readonly network: Network;
  /** Of the cluster, the first first; recovery begins another one. */
  readonly logs: Log[] = [];
  readonly snapshots = new SnapshotRegistry();
  readonly controllers: SimulatedController[] = [];
  readonly byId = new Map<NodeId, SimulatedController>();
  readonly clients: Client[] = [];
  /** Of all controllers; one that is added later is in it, too. */
  readonly priorities = new Map<NodeId, number>();
  readonly trace: ((line: () => string) => void) | undefined;
  /** Faults may still happen. */
  isFaulty = true;
  onElected: (() => void) | undefined;
  onRestored: ((timelineId: string) => void) | undefined;
  /** The record of an operation was written, in this term, and this model is the first that holds it. */
  onOperation: ((model: ModelStore, term: Term) => void) | undefined;
  onRecovered: ((by: SimulatedController) => void) | undefined;
  violation: Violation | undefined;
  /** Controllers tell each other their status: only where there are recoveries or operations, for all else needs none. */
  readonly hasStatuses: boolean;
  readonly hasOperations: boolean;
  /** One is under way after the last fault. */
  isOperating = false;
  onFetch: ((fetcher: SimulatedController) => void) | undefined;
  /** Whose event it is that is being carried out. */
  active: SimulatedController | undefined;
  readonly #soon: (() => void)[] = [];
  readonly #open = new Set<OpenPromise>();
  #operationsLeft: number;
  #value = 0;
  #timelines = 0;
  events = 0;

  constructor(plan: Plan, options: WorldOptions = {}) {
    this.plan = plan;
    this.random = seededRandom(plan.seed + 0x5eed);
    this.network = new Network(this.queue, this.random.fork(), plan.network, this.coverage);
    this.hasStatuses = plan.actions.some(({ type }) => type === 'recover' || type === 'operation');
    this.hasOperations = plan.actions.some(({ type }) => type === 'operation');
    this.#operationsLeft = plan.operationsMax;
    const { onTrace } = options;
    this.trace =
      onTrace === undefined ? undefined : (line) => onTrace(`${this.queue.now.toFixed(2).padStart(9)}  ${line()}`);
    this.#begin();
  }

  #begin(): void {
    const { voters, learners, clients } = this.plan;
    for (let made = 0; made < voters + learners; made += 1) this.addController();
    const ids = this.controllers.map((each) => each.id);
    const configuration = { ...initialConfiguration(ids.slice(0, voters)), learners: ids.slice(voters) };
    this.logs.push(beginFirstLog(this.#newChecker(timeline.epoch), timeline, configuration));
    for (const controller of this.controllers) {
      initialiseDisk(controller.disk, {
        identity: { clusterName, clusterId, nodeId: controller.id },
        timeline,
        snapshot: { index: 1, term: 1, configuration },
        hardState: { term: 1, vote: '', commit: 1 },
        members: ids.map(memberDescription),
      });
      controller.start();
    }
    for (let made = 1; made <= clients; made += 1) {
      const client = new Client(this, `c${made}`, this.random.fork());
      this.clients.push(client);
      client.begin();
    }
  }

  get traces(): boolean {
    return this.trace !== undefined;
  }

  #newChecker(epoch: number): Checker {
    const { coverage } = this;
    const { electionTimeoutTicks } = this.plan.timing;
    const surroundings = {
      ...{ coverage, electionTimeoutTicks },
      violate: (check: string, text: string) => this.violate(check, text),
      elected: () => this.onElected?.(),
      restored: (timelineId: string) => this.onRestored?.(timelineId),
      operationPut: (model: ModelStore, term: Term) => this.onOperation?.(model, term),
    };
    return new Checker(surroundings, epoch);
  }

  /** The newest: that the cluster goes on with. */
  get log(): Log {
    return this.logs.at(-1) as Log;
  }

  get checker(): Checker {
    return this.log.checker;
  }

  /** A survivor has gone on alone, and nothing of it is to be taken back any more. */
  recovered(by: SimulatedController, meta: ModelMeta, model: ModelStore, before: LogBefore): void {
    const parent = this.logs.find(({ timeline: { id } }) => id === before.meta.logTimeline.id) ?? this.log;
    this.logs.push(
      beginRecoveredLog(this, {
        by,
        meta,
        model,
        before,
        parent,
        checker: this.#newChecker(meta.position.timeline.epoch),
      }),
    );
    this.cover('recovery: a survivor has gone on alone');
    this.onRecovered?.(by);
  }

  /** A new machine, blank; undefined when there are too many. */
  addController(): SimulatedController | undefined {
    const place = this.controllers.length;
    if (place >= placesMax) return undefined;
    const controller = new SimulatedController(this, `n${place + 1}`, place, Math.floor(this.random.next() * 2 ** 32));
    this.controllers.push(controller);
    this.byId.set(controller.id, controller);
    const { priorities } = this.plan;
    if (priorities.length > 0) this.priorities.set(controller.id, priorities[place % priorities.length] ?? 0);
    return controller;
  }

  /** The one with the latest term, if several think that they lead; of the newest log that is led. */
  leader(): SimulatedController | undefined {
    let found: SimulatedController | undefined;
    for (const each of this.controllers) {
      if (each.role !== 'leader') continue;
      const newer = found === undefined ? 1 : each.log.timeline.epoch - found.log.timeline.epoch;
      if (newer > 0 || (newer === 0 && each.term > (found?.term ?? 0))) found = each;
    }
    return found;
  }

  cover(what: string): void {
    count(this.coverage, what);
    this.trace?.(() => `   ${this.active?.id ?? ''} (${what})`);
  }

  violate(check: string, text: string): void {
    this.violation ??= { check, text, atMs: this.queue.now };
  }

  soon(call: () => void): void {
    this.#soon.push(call);
  }

  restartLater(controller: SimulatedController, delayMs: number): void {
    this.queue.schedule(delayMs, () => controller.start());
  }

  takeOperation(): boolean {
    if (this.#operationsLeft <= 0) return false;
    this.#operationsLeft -= 1;
    return true;
  }

  /** Clients come to their end soon. */
  finishOperations(): void {
    this.#operationsLeft = Math.min(this.#operationsLeft, lastOperations);
  }

  /** Of all that clients write. */
  get keys(): readonly string[] {
    return [...Array.from({ length: this.plan.keys }, (_, at) => `k${at + 1}`), 'final'];
  }

  *requestIds(): Generator<string> {
    for (const each of this.clients) yield* each.requestIds();
  }

  /** Of each that begins by recovery. */
  newTimelineId(): string {
    this.#timelines += 1;
    return `recovered-${this.#timelines}`;
  }

  nextValue(): number {
    this.#value += 1;
    return this.#value;
  }

  /** What a member was asked for it answers once, in the life in which it was asked. */
  promise(controller: SimulatedController, ask: (kept: () => void) => void): void {
    const open: OpenPromise = { controller, life: controller.life?.number ?? 0, since: this.queue.now };
    let isKept = false;
    this.#open.add(open);
    ask(() => {
      if (isKept) this.violate('answered twice', `${controller.id} answered one request twice`);
      isKept = true;
      this.#open.delete(open);
    });
  }

  /** What was asked of a member that still lives, before `since`, and was not answered. */
  unanswered(since: number): SimulatedController | undefined {
    for (const open of this.#open)
      if (open.since < since && open.controller.life?.number === open.life) return open.controller;
    return undefined;
  }

  /** Runs until `until`, or until something is wrong. */
  async run(until: number): Promise<void> {
    while (this.queue.nextAt <= until && this.violation === undefined) {
      this.active = undefined;
      const run = this.queue.take();
      if (run === undefined) continue;
      this.events += 1;
      if (this.events > eventsMax) this.violate('no end', `${eventsMax} events, and still no end`);
      promiseTouched = false;
      run();
      this.#settleSoon();
      while (promiseTouched) {
        await microtasksDone();
        promiseTouched = false;
        this.#settleSoon();
        for (const each of this.controllers) this.#observe(each);
      }
    }
    if (until < Number.POSITIVE_INFINITY && this.violation === undefined)
      this.queue.now = Math.max(this.queue.now, until);
  }

  #settleSoon(): void {
    if (this.active !== undefined) this.#observe(this.active);
    for (let at = 0; at < this.#soon.length; at += 1) {
      this.active = undefined;
      this.#soon[at]?.();
      if (this.active !== undefined) this.#observe(this.active);
    }
    this.#soon.length = 0;
  }

  #observe(controller: SimulatedController): void {
    if (controller.life !== undefined) controller.log.checker.observe(controller.life.watched);
  }
}

/** All of them, however long the chain: the event loop turns only when none is left. */
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
