/**
 * What only the leader does beside leading: publishes what was committed (also what the leader before it may not have),
 * keeps what the model says of the members up to date, and tells of members that come and go.
 */

import { comparable, type Position } from '../../messaging/position.js';
import type { VersionRange } from '../../messaging/protocol.js';
import type { Member as MemberRecord, NodeStatus } from '../../messaging/schemas/status.js';
import type { Clock } from '../cluster/clock.js';
import type { Replica } from '../cluster/replica.js';
import { type ChangeRow, encodeCommand } from '../model/index.js';
import type { Configuration } from '../raft/index.js';
import type { Storage } from '../storage/index.js';
import type { Alarms } from './alarms.js';
import type { EventPublisher } from './events.js';
import { GateKeeper } from './gate-keeper.js';
import type { Log } from './log.js';
import { ModelWatch, type ModelWatchOptions } from './model-watch.js';
import { isActive } from './status.js';
import type { StatusBoard } from './status-board.js';

export interface LeaderDutiesOptions {
  readonly replica: Replica;
  readonly storage: Storage;
  readonly board: StatusBoard;
  readonly events: EventPublisher;
  readonly clock: Clock;
  readonly log: Log;
  readonly alarms: Alarms;
  readonly nodeId: string;
  readonly tickMs: number;
  readonly protocol: VersionRange;
  readonly compareEveryMs: number;
  readonly compare: ModelWatchOptions['compare'];
}

/** Changes published at a time, so that a long history holds nothing up for more than about a millisecond. */
const publishSliceMax = 100;
const watchEveryMs = 250;
/** A controller of another cluster that is silent for this long is gone. */
const foreignForgottenMs = 10_000;

export class LeaderDuties {
  readonly #options: LeaderDutiesOptions;
  readonly #connected = new Map<string, boolean>();
  readonly #stopListening: () => void;
  readonly #modelWatch: ModelWatch;
  readonly #gateKeeper: GateKeeper;
  #stopWatching: (() => void) | undefined;
  #publishing = false;
  #describing = false;

  constructor(options: LeaderDutiesOptions) {
    this.#options = options;
    this.#gateKeeper = new GateKeeper(options);
    this.#modelWatch = new ModelWatch({
      ...options,
      everyMs: options.compareEveryMs,
      members: () => {
        const configuration = options.storage.model.meta()?.configuration;
        return configuration === undefined ? [] : [...configuration.voters, ...configuration.learners];
      },
    });
    // As a follower: how far has the leader published?
    const { board, events, storage, nodeId } = options;
    const stopHearing = events.listen((position) => sameHistory(position, storage));
    const stopStatuses = board.onStatus((status) => {
      if (status.raft?.role === 'leader' && status.node !== nodeId && sameHistory(status.position, storage))
        events.heardPublished(status.publishedIndex);
    });
    this.#stopListening = () => {
      stopHearing();
      stopStatuses();
    };
  }

  start(): void {
    this.#connected.clear();
    this.#stopWatching = this.#options.clock.every(watchEveryMs, () => this.#watch());
    // Writes wait for the new leader; what the old one has not published can wait for them.
    this.#publishSoon();
    this.#modelWatch.start();
  }

  /** The models of the members, whose difference is an alarm. */
  compareModelsNow(): void {
    this.#modelWatch.compareNow();
  }

  /** Leadership is lost; for good, when the member stops. */
  stop(): void {
    this.#modelWatch.stop();
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }

  close(): void {
    this.stop();
    this.#stopListening();
  }

  /** Publishes what was just applied, or, where something before it is not published yet, begins with that. */
  publishApplied(rows: readonly ChangeRow[]): void {
    const { storage, events } = this.#options;
    const [first] = rows;
    const meta = storage.model.meta();
    if (first === undefined || meta === undefined) return;
    if (this.#publishing || first.previousIndex > events.publishedIndex) return this.publishChanges();
    events.changes(rows, meta.position);
  }

  /** Publishes what is applied and not published yet, a slice at a time. */
  publishChanges(): void {
    if (this.#publishing) return;
    const { storage, events } = this.#options;
    const meta = storage.model.meta();
    if (meta === undefined || meta.lastChangeIndex <= events.publishedIndex) return;
    const rows = storage.model.changesAfter(events.publishedIndex, publishSliceMax);
    events.changes(rows, meta.position);
    if (rows.length === publishSliceMax) this.#publishSoon();
  }

  #publishSoon(): void {
    if (this.#publishing) return;
    this.#publishing = true;
    setImmediate(() => {
      this.#publishing = false;
      if (this.#stopWatching !== undefined) this.publishChanges();
    });
  }

  /** A change of membership was applied at `index`. */
  configured(index: number, before: Configuration, after: Configuration): void {
    const { events, storage } = this.#options;
    const role = (configuration: Configuration, id: string): 'voter' | 'learner' | undefined =>
      configuration.voters.includes(id) ? 'voter' : configuration.learners.includes(id) ? 'learner' : undefined;
    const ids = new Set([...before.voters, ...before.learners, ...after.voters, ...after.learners]);
    for (const id of ids) {
      const [was, is] = [role(before, id), role(after, id)];
      if (was === undefined) events.cluster('member.added', { index, message: `${id} was added as ${is}` });
      else if (is === undefined) events.cluster('member.removed', { index, message: `${id} was removed` });
      else if (was === 'learner' && is === 'voter')
        events.cluster('member.promoted', { index, message: `${id} was promoted to voter` });
    }
    const records = new Map(storage.model.records('member').map(({ key, value }) => [key, value]));
    const peers = [...after.voters, ...after.learners].map((id) => ({
      id,
      addr: records.get(id)?.addresses[0],
      version: records.get(id)?.version,
      role: role(after, id),
    }));
    events.cluster('members.changed', {
      index,
      peers,
      message: `members: ${peers.map((peer) => `${peer.id} (${peer.role})`).join(', ')}`,
    });
  }

  #watch(): void {
    this.#watchPeers();
    this.#watchStatuses();
    this.#gateKeeper.look();
  }

  #watchPeers(): void {
    const { replica, events, nodeId, tickMs } = this.#options;
    for (const progress of replica.status()?.progress ?? []) {
      const { id } = progress;
      if (id === nodeId) continue;
      const isConnected = isActive(progress, tickMs);
      const was = this.#connected.get(id);
      this.#connected.set(id, isConnected);
      // What a new leader sees first is no news.
      if (was === undefined || was === isConnected) continue;
      const peers = [{ id }];
      if (isConnected) events.cluster('peer.connected', { peers, message: `${id} answers again` });
      else events.cluster('peer.disconnected', { peers, message: `${id} does not answer` });
    }
  }

  #watchStatuses(): void {
    const { board, storage, alarms, clock } = this.#options;
    const meta = storage.model.meta();
    if (meta === undefined) return;
    const { voters, learners } = meta.configuration;
    for (const { status, heardAtMs } of board.all()) {
      const isForeign =
        status.clusterId !== null &&
        status.clusterId !== meta.clusterId &&
        clock.monotonicMs() - heardAtMs < foreignForgottenMs;
      if (isForeign) {
        alarms.raise(`foreign-cluster.${status.node}`, {
          code: 'foreign-cluster',
          severity: 'error',
          message: `${status.node} belongs to another cluster of the same name (cluster id ${status.clusterId}); its messages are dropped`,
          remedy: `Find out which of the two clusters is the right one; stop ${status.node}, or give its cluster another name.`,
        });
        continue;
      }
      alarms.clear(`foreign-cluster.${status.node}`);
      const isVoter = voters.includes(status.node);
      if (isVoter && status.state === 'blank') {
        alarms.raise(`lost-log.${status.node}`, {
          code: 'lost-log',
          severity: 'error',
          message: `the voter ${status.node} has lost its data and came back blank; it is kept out, because it may have voted or acknowledged what it no longer knows`,
          remedy: `Remove it (quorate members remove ${status.node}), then join the machine under a new id.`,
        });
      } else alarms.clear(`lost-log.${status.node}`);
      if (isVoter || learners.includes(status.node)) this.#describe(status);
    }
  }

  /** Renews the record of a member whose version, name or addresses have changed. One at a time. */
  #describe(status: NodeStatus): void {
    const { replica, storage, clock } = this.#options;
    if (this.#describing || (status.state !== 'member' && status.state !== 'standalone')) return;
    const held = storage.model.record('member', status.node);
    const record: MemberRecord = {
      id: status.node,
      name: status.name,
      version: status.version,
      protocol: status.protocol,
      addresses: status.addresses,
      addedAt: held?.addedAt ?? clock.now(),
    };
    if (held !== undefined && JSON.stringify(held) === JSON.stringify({ ...held, ...record })) return;
    this.#describing = true;
    replica.propose(encodeCommand({ type: 'member.describe', member: record }), () => {
      this.#describing = false;
    });
  }
}

function sameHistory(heard: Position | null, storage: Storage): boolean {
  const held = storage.model.meta()?.position;
  return held !== undefined && heard !== null && comparable(held, heard);
}
