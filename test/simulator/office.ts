/**
 * What a controller of production does beside its member, as far as a recovery needs it: it says how it stands, hears how the
 * others stand, knows which log counts, and goes on alone when it is told to and may. All three are the production's own
 * (`node/server`); the office is the desk at which they sit.
 */

import type { Timeline } from '../../messaging/position.js';
import type { NodeState, NodeStatus } from '../../messaging/schemas/status.js';
import { subjectsOf } from '../../messaging/subjects.js';
import type { Clock } from '../../node/cluster/clock.js';
import type { OtherLog } from '../../node/cluster/other-log.js';
import type { Transport } from '../../node/cluster/transport.js';
import type { NodeId } from '../../node/raft/index.js';
import { Alarms } from '../../node/server/alarms.js';
import { Recovery } from '../../node/server/recovery.js';
import { buildStatus } from '../../node/server/status.js';
import { StatusBoard } from '../../node/server/status-board.js';
import { TimelineWatch } from '../../node/server/timeline-watch.js';
import type { SimulatedController } from './controller.js';
import type { SimulatedStorage } from './disk.js';
import { clusterName } from './names.js';
import type { World } from './world.js';

/** In production once a second; a simulated second holds more. */
const publishEveryMs = 100;
const changeDelayMs = 5;
/** So long are the others listened to before one is judged to be a survivor. */
const listenMs = 40;

export const silentLog = { info: ignore, warn: ignore, error: ignore };
function ignore(): void {}

export interface OfficeSurroundings {
  readonly storage: SimulatedStorage;
  readonly transport: Transport;
  readonly clock: Clock;
}

export class Office {
  readonly #controller: SimulatedController;
  readonly #surroundings: OfficeSurroundings;
  readonly #watch: TimelineWatch;
  readonly #recovery: Recovery;
  readonly #startedAt: number;
  readonly alarms: Alarms;
  readonly board: StatusBoard;
  #sequence = 0;
  #changePending = false;

  constructor(world: World, controller: SimulatedController, surroundings: OfficeSurroundings) {
    const { storage, transport, clock } = surroundings;
    this.#controller = controller;
    this.#surroundings = surroundings;
    this.#startedAt = clock.now();
    this.alarms = new Alarms(clock, () => this.changed());
    const nodeId = controller.id;
    // It is told what comes, and never subscribes.
    this.board = new StatusBoard({
      ...{ clock, nodeId, subjects: subjectsOf(clusterName), onMismatch: () => undefined },
      connection: undefined as never,
    });
    const events = { cluster: (eventType: string) => world.cover(`event: ${eventType}`) };
    this.#watch = new TimelineWatch({
      ...{ clock, nodeId, events, alarms: this.alarms },
      clusterId: () => storage.raft.identity()?.clusterId ?? null,
      logTimeline: () => controller.logTimeline,
      timeline: () => storage.model.meta()?.position.timeline ?? null,
      isLeader: () => controller.role === 'leader',
      onLeftBehind: (by, timeline) => controller.leaveBehind(by, timeline),
      isRemoved: (node) => storage.model.meta()?.configuration.removed.includes(node) === true,
      tell: (to) => transport.send({ type: 'removed', from: nodeId, to, term: 0, index: 0 }),
    });
    this.#recovery = new Recovery({
      ...{ nodeId, clock, storage, transport, events, cluster: clusterName, log: silentLog },
      collect: () => controller.collect(listenMs),
      status: () => this.status(),
      pause: () => {
        controller.endMember('recovering');
        this.#publish();
      },
      fatal: (error) => controller.fatal(error),
      newId: () => world.newTimelineId(),
      resume: (outcome) => {
        controller.beginMember(outcome === 'recovered');
        this.#publish();
      },
    });
  }

  start(): void {
    this.#publish();
    this.#surroundings.clock.every(publishEveryMs, () => this.#publish());
  }

  /** Others are told soon. */
  changed(): void {
    if (this.#changePending) return;
    this.#changePending = true;
    this.#surroundings.clock.after(changeDelayMs, () => {
      this.#changePending = false;
      this.#publish();
    });
  }

  #publish(): void {
    this.#sequence += 1;
    const status = this.status();
    this.board.note(status);
    this.#controller.publish(status);
  }

  hear(status: NodeStatus): void {
    this.board.note(status);
    this.#watch.heard(status);
  }

  otherLog(from: NodeId, theirs: Timeline, relation: OtherLog): void {
    this.#watch.otherLog(from, theirs, relation);
  }

  /** Another survivor asks to be the one that goes on. */
  promise(by: NodeId): void {
    this.#recovery.promise(by);
  }

  /** As an operator asks for it. */
  async recover(leaveBehind: readonly NodeId[]): Promise<void> {
    await this.#recovery.begin(leaveBehind);
  }

  status(): NodeStatus {
    const { storage, clock } = this.#surroundings;
    const { id, member, logTimeline } = this.#controller;
    const state = this.#state();
    return buildStatus(
      {
        config: {
          ...{ cluster: clusterName, nodeId: id, name: id, dataDirectory: '', nats: { servers: [] }, advertise: [] },
          ...{ bootstrap: false, restoreFrom: null, logLevel: 'error', logPretty: false },
        },
        ...{ version: 'simulated', clock, storage, startedAt: this.#startedAt, state, publishedIndex: 0 },
        replica: state === 'member' ? member : undefined,
        ...{ routers: { online: 0, known: 0 }, counters: {}, alarms: this.alarms.list(), ignoredSettings: [] },
        ...{ operation: null, logTimeline, backup: null, tickMs: 10, httpAddress: null },
      },
      this.#sequence,
    );
  }

  #state(): NodeState {
    const { standing, knowsRemoved, disk } = this.#controller;
    if (standing === 'recovering') return 'starting';
    if (knowsRemoved || disk.removed !== null) return 'removed';
    return disk.model.meta() === undefined ? 'blank' : 'member';
  }
}
