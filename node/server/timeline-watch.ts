/**
 * Which history counts, as one controller sees it. Recovery begins a new log on one survivor; the others may come back from
 * before it, one of them or a majority that can elect a leader. Whoever hears of a log of its cluster that began with a
 * higher epoch is left behind: it says so durably and serves no more. Who hears one of a lower epoch tells it. Two of the same
 * epoch with different ids were begun by two operators who did not know of each other: no machine can choose between them,
 * and all who hear of both raise the alarm.
 *
 * It hears statuses (once a second, on change, and at each start) and, from the transport, Raft messages. What a log began
 * with travels on: also a controller that was left behind says which timeline took the place of its own.
 */
import { relateTimelines, type Timeline } from '../../messaging/position.js';
import type { NodeStatus } from '../../messaging/schemas/status.js';
import type { Clock } from '../cluster/clock.js';
import { type OtherLog, otherLogOf } from '../cluster/other-log.js';
import type { Alarms } from './alarms.js';
import type { EventPublisher } from './events.js';

export interface TimelineWatchOptions {
  readonly clock: Clock;
  readonly nodeId: string;
  readonly alarms: Alarms;
  readonly events: Pick<EventPublisher, 'cluster'>;
  readonly clusterId: () => string | null;
  /** The newest that is known here; null on a controller without a history. */
  readonly logTimeline: () => Timeline | null;
  /** Where the model stands. */
  readonly timeline: () => Timeline | null;
  readonly isLeader: () => boolean;
  /** Our log was left behind: `by` speaks from a newer one. */
  readonly onLeftBehind: (by: string, logTimeline: Timeline) => void;
  /** Whether the committed configuration has removed it, as applied here. */
  readonly isRemoved: (node: string) => boolean;
  /** Says to a controller that ours is the newer log, or that it was removed. */
  readonly tell: (node: string) => void;
}

/** One that was left behind is told at most this often by each. */
const tellEveryMs = 100;
/** Controllers of which is remembered when they were told, or that they are in conflict. */
const rememberedMax = 128;
/** An alarm about a controller that is silent for this long is taken back. */
const conflictForgottenMs = 60_000;

export class TimelineWatch {
  readonly #options: TimelineWatchOptions;
  readonly #toldAtMs = new Map<string, number>();
  readonly #conflictHeardAtMs = new Map<string, number>();

  constructor(options: TimelineWatchOptions) {
    this.#options = options;
  }

  /** Each status that is heard, our own included. */
  heard(status: NodeStatus): void {
    const { clusterId, logTimeline, timeline, nodeId } = this.#options;
    this.#forgetSilent();
    if (status.node === nodeId) return;
    const held = logTimeline();
    if (held === null || status.clusterId === null || status.clusterId !== clusterId())
      return this.#agrees(status.node);
    const relation = otherLogOf(held, status.logTimeline);
    if (relation !== undefined && status.logTimeline !== null)
      return this.otherLog(status.node, status.logTimeline, relation, status.state === 'removed');
    // A learner never speaks first: one that was removed while it was away would wait for a leader for ever.
    if (status.state === 'member' && this.#options.isRemoved(status.node)) this.#options.tell(status.node);
    // In one log timelines follow each other; that two of one epoch stand in it would be the work of two leaders.
    const mine = timeline();
    const theirs = status.position?.timeline;
    if (mine !== null && theirs !== undefined && relateTimelines(mine, theirs) === 'conflict')
      return this.#conflict(status.node, mine, theirs);
    this.#agrees(status.node);
  }

  /** A Raft message, or a status, of another log of this cluster. */
  otherLog(from: string, theirs: Timeline, relation: OtherLog, knowsOfRemoval = false): void {
    const held = this.#options.logTimeline();
    if (held === null) return;
    switch (relation) {
      case 'newer':
        this.#agrees(from);
        this.#options.onLeftBehind(from, theirs);
        return;
      case 'older':
        this.#agrees(from);
        if (!knowsOfRemoval) this.#tell(from);
        return;
      case 'conflict':
        this.#conflict(from, held, theirs);
        return;
    }
  }

  #tell(node: string): void {
    const { clock, tell, isLeader, events } = this.#options;
    const now = clock.monotonicMs();
    const before = this.#toldAtMs.get(node);
    if (before !== undefined && now - before < tellEveryMs) return;
    this.#toldAtMs.delete(node);
    this.#toldAtMs.set(node, now);
    if (this.#toldAtMs.size > rememberedMax) this.#toldAtMs.delete(this.#toldAtMs.keys().next().value ?? '');
    if (before === undefined && isLeader())
      events.cluster('member.left-behind', {
        peers: [{ id: node }],
        message: `${node} is back from before the recovery; it is told that it was removed`,
      });
    tell(node);
  }

  #conflict(node: string, mine: Timeline, theirs: Timeline): void {
    const { alarms, clock, events, isLeader } = this.#options;
    const isNew = !this.#conflictHeardAtMs.has(node);
    this.#conflictHeardAtMs.delete(node);
    this.#conflictHeardAtMs.set(node, clock.monotonicMs());
    if (this.#conflictHeardAtMs.size > rememberedMax) this.#agrees(this.#conflictHeardAtMs.keys().next().value ?? '');
    const message = `${node} stands on the timeline ${theirs.id}, this controller on ${mine.id}, both of epoch ${mine.epoch}: two histories of one cluster`;
    alarms.raise(`timeline-conflict.${node}`, {
      code: 'timeline-conflict',
      severity: 'error',
      message,
      remedy: `Decide which history is to go on. Stop the controllers of the other one, make them blank with \`quorate reset --data-dir DIR\` (a backup is kept), and join them under new ids.`,
    });
    if (isNew && isLeader()) events.cluster('timeline.conflict', { peers: [{ id: node }], message });
  }

  #agrees(node: string): void {
    if (this.#conflictHeardAtMs.delete(node)) this.#options.alarms.clear(`timeline-conflict.${node}`);
  }

  #forgetSilent(): void {
    const now = this.#options.clock.monotonicMs();
    for (const [node, heardAtMs] of this.#conflictHeardAtMs)
      if (now - heardAtMs > conflictForgottenMs) this.#agrees(node);
  }
}
