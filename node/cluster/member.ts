/**
 * One running member: drives the Raft core with time, storage and transport, applies what is committed to the model, and
 * tells callers what became of what they proposed or wanted to read.
 *
 * One turn of the loop takes all input that has arrived, sends what may be sent, stores everything in one transaction,
 * answers what has become true by that, and applies what is committed. Nothing in a turn waits for anything but the disk.
 * The order in which this happens is the contract of `node/raft/index.ts`.
 */
import { QuorateError } from '../../messaging/errors.js';
import { supportedVersions, type VersionRange } from '../../messaging/protocol.js';
import { applyBatch, refuseGatesBeyond } from '../model/index.js';
import {
  type ConfChange,
  type Entry,
  emptyConfiguration,
  type Index,
  type Leadership,
  type Message,
  type NodeId,
  type ProgressView,
  Raft,
  type RaftLimits,
  type RaftStatus,
  type Ready,
  type Refusal,
} from '../raft/index.js';
import type { Identity, Storage } from '../storage/index.js';
import type { Clock, Scheduler } from './clock.js';
import { LatencyWindow } from './latency.js';
import { type AppliedEntry, PendingProposals, type ProposalCallback } from './proposals.js';
import { PendingReads, type ReadCallback } from './reads.js';
import type { SnapshotFetcher } from './snapshot-transfer.js';
import type { Transport } from './transport.js';

export type { AppliedEntry, ProposalCallback, ProposalOutcome } from './proposals.js';
export type { ReadCallback } from './reads.js';

export interface MemberTiming {
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  /** An election starts after this many ticks without a leader, up to twice as many. */
  readonly electionTimeoutTicks: number;
}

export const defaultTiming: MemberTiming = { tickMs: 10, heartbeatTicks: 5, electionTimeoutTicks: 20 };

/** Times in milliseconds as ticks, rounded up. */
export function timingOf(electionTimeoutMs: number, heartbeatIntervalMs: number): MemberTiming {
  const { tickMs } = defaultTiming;
  return {
    tickMs,
    heartbeatTicks: Math.max(1, Math.ceil(heartbeatIntervalMs / tickMs)),
    electionTimeoutTicks: Math.max(2, Math.ceil(electionTimeoutMs / tickMs)),
  };
}

/** When the log is compacted, and what is kept of it for followers that are a little behind. */
export interface CompactionPolicy {
  /** Entries applied since the last compaction. */
  readonly everyEntries: number;
  readonly keepEntries: number;
}

export const defaultCompaction: CompactionPolicy = { everyEntries: 20_000, keepEntries: 10_000 };

/** What a member tells its surroundings. Called in the turn in which it happens; must not throw. */
export interface MemberListener {
  applied(entries: readonly AppliedEntry[]): void;
  leadership(leadership: Leadership): void;
  /** This member has been removed, and knows it durably. */
  removed(by: NodeId): void;
  snapshotInstalled(index: Index): void;
  compacted(firstIndex: Index): void;
  /** It cannot go on: the disk failed, or what must hold does not. Nothing is sent or stored after this. */
  failed(error: unknown): void;
}

export interface MemberOptions {
  readonly nodeId: NodeId;
  /** Written with the first snapshot that is installed, on a directory that has none yet. */
  readonly identity: () => Identity;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly snapshots: SnapshotFetcher;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** In [0, 1). */
  readonly random: () => number;
  readonly listener: MemberListener;
  readonly timing?: MemberTiming;
  readonly compaction?: CompactionPolicy;
  readonly limits?: Partial<RaftLimits>;
  /** The versions that this controller understands; default: those of this build. */
  readonly protocol?: VersionRange;
}

/** What the model gathers is committed to its file so often; a crash loses at most that much, and replays it. */
const commitModelEveryMs = 200;

export class Member {
  readonly core: Raft;
  readonly commitLatency = new LatencyWindow();
  readonly syncLatency = new LatencyWindow();
  readonly counters = { proposals: 0, committed: 0, turns: 0, syncs: 0, reads: 0, elections: 0, snapshotsInstalled: 0 };
  readonly #options: MemberOptions;
  readonly #protocol: VersionRange;
  readonly #proposals: PendingProposals;
  readonly #reads = new PendingReads();
  /** Those that wait for the model to stand at one index. */
  readonly #watchers = new Map<() => void, Index>();
  #applied: Index;
  #compactedAt: Index;
  #compacting = false;
  #turnScheduled = false;
  #inTurn = false;
  #stopped = false;
  #counter = 0;
  #stopTicking: (() => void) | undefined;

  constructor(options: MemberOptions) {
    this.#options = options;
    const { storage, clock, timing = defaultTiming } = options;
    this.#proposals = new PendingProposals(clock, (latencyMs, nowMs) => this.commitLatency.add(latencyMs, nowMs));
    this.#protocol = options.protocol ?? supportedVersions;
    refuseGatesBeyond(storage.model, this.#protocol);
    const meta = storage.model.meta();
    this.#applied = meta?.position.index ?? 0;
    this.#compactedAt = storage.raft.firstIndex() - 1;
    this.core = new Raft({
      id: options.nodeId,
      log: storage.raft,
      hardState: storage.raft.hardState(),
      applied: this.#applied,
      configuration: meta?.configuration ?? emptyConfiguration,
      random: options.random,
      limits: {
        heartbeatTicks: timing.heartbeatTicks,
        electionTimeoutTicks: timing.electionTimeoutTicks,
        commitNoticeTicks: 1,
        ...options.limits,
      },
    });
  }

  /** Begins to listen and to tick. */
  start(): void {
    const { transport, clock, timing = defaultTiming } = this.#options;
    transport.receive((message) => this.#guard(() => this.core.step(message)));
    const stopTicking = clock.every(timing.tickMs, () => this.#guard(() => this.core.tick()));
    const stopCommitting = clock.every(commitModelEveryMs, () =>
      this.#attempt(() => this.#options.storage.model.commit()),
    );
    this.#stopTicking = () => {
      stopTicking();
      stopCommitting();
    };
    this.#wake();
  }

  /** Stops at once; whoever waits is answered `stopping`. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#stopTicking?.();
    this.#options.snapshots.cancel();
    this.#failWaiting(new QuorateError('stopping'));
  }

  get appliedIndex(): Index {
    return this.#applied;
  }

  status(): RaftStatus {
    return this.core.status();
  }

  progressOf(id: NodeId): ProgressView | undefined {
    return this.core.status().progress.find((each) => each.id === id);
  }

  /** `callback` is called exactly once. On a follower the command is forwarded to the leader. */
  propose(data: Uint8Array, callback: ProposalCallback): void {
    if (this.#refuseEarly(callback)) return;
    this.counters.proposals += 1;
    const proposalId = this.#nextId();
    this.#guard(() => {
      const result = this.core.propose([data], proposalId);
      if (!result.ok) return callback({ ok: false, error: asError(result) });
      if (!result.forwarded) return this.#proposals.await(result.index, result.term, callback);
      this.#proposals.forwarded(proposalId, callback);
    });
  }

  /** Leader only. `callback` is called when the change has been applied here. */
  proposeConfChange(change: ConfChange, callback: ProposalCallback): void {
    if (this.#refuseEarly(callback)) return;
    this.#guard(() => {
      const result = this.core.proposeConfChange(change);
      if (result.ok) this.#proposals.await(result.index, result.term, callback);
      else callback({ ok: false, error: asError(result) });
    });
  }

  /** Calls back when the model may be read such that all that was committed before this call is seen. */
  read(callback: ReadCallback): void {
    if (this.#stopped) return callback(new QuorateError('stopping'));
    this.counters.reads += 1;
    this.#reads.take(callback);
    this.#wake();
  }

  /**
   * Calls back, once, in the moment in which the model stands at exactly `index`, which is not applied yet; never, where that
   * moment does not come. Returns how to stop waiting.
   */
  whenApplied(index: Index, callback: () => void): () => void {
    this.#watchers.set(callback, index);
    return () => this.#watchers.delete(callback);
  }

  #refuseEarly(callback: ProposalCallback): boolean {
    const code = this.#stopped ? 'stopping' : this.#proposals.full ? 'overloaded' : undefined;
    if (code !== undefined) callback({ ok: false, error: new QuorateError(code) });
    return code !== undefined;
  }

  transferLeadership(target?: NodeId): QuorateError | null {
    const result = this.core.transferLeadership(target);
    this.#wake();
    return result.ok ? null : asError(result);
  }

  campaign(): void {
    this.#guard(() => this.core.campaign());
  }

  /** The connection was interrupted: what was under way is lost, so nothing is sent ahead until followers answer. */
  connectionRestored(): void {
    this.#guard(() => {
      for (const { id } of this.core.status().progress)
        if (id !== this.#options.nodeId) this.core.reportUnreachable(id);
    });
  }

  // ------------------------------------------------------------------------------------------------------------ the turn

  /** Runs what may violate an invariant of the core; such a member must not say another word. */
  #guard(work: () => void): void {
    this.#attempt(work);
    this.#wake();
  }

  #attempt(work: () => void): void {
    if (this.#stopped) return;
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #wake(): void {
    if (this.#turnScheduled || this.#inTurn || this.#stopped) return;
    if (!this.core.hasReady() && !this.#reads.anyTaken) return;
    this.#turnScheduled = true;
    this.#options.scheduler.turn(() => {
      this.#turnScheduled = false;
      this.#attempt(() => this.#beginTurn());
    });
  }

  #beginTurn(): void {
    this.#inTurn = true;
    this.counters.turns += 1;
    if (this.#reads.anyTaken) this.#askToRead();
    this.#takeReady();
  }

  #askToRead(): void {
    const requestId = this.#nextId();
    const result = this.core.readIndex(requestId);
    this.#reads.sent(requestId, result.ok ? null : asError(result));
  }

  #takeReady(): void {
    const ready = this.core.ready();
    if (ready === undefined) {
      this.#inTurn = false;
      this.#wake();
      return;
    }
    if (ready.leadership !== undefined) this.#onLeadership(ready.leadership);
    if (!ready.mustSync && ready.snapshot === undefined) return this.#finishUnsynced(ready);
    // Sent before the disk is written, so that followers write while this member does.
    this.#send(ready.messages);
    this.#then(() => {
      if (ready.snapshot === undefined) {
        this.#persist(ready);
        this.#finish(ready);
      } else {
        this.#install(ready, ready.snapshot.index).then(
          () => this.#then(() => this.#finish(ready)),
          (error: unknown) => this.#fail(error),
        );
      }
    });
  }

  /** Nothing has to be synced: who waits is answered first, then the others are told how far it is. */
  #finishUnsynced(ready: Ready): void {
    this.#persist(ready);
    this.core.persisted(ready);
    this.#apply(ready);
    this.#settle(ready);
    this.#send(ready.messages);
    this.#send(ready.messagesAfterPersist);
    this.#takeReady();
  }

  /** What this Ready wanted stored is durable. */
  #finish(ready: Ready): void {
    this.core.persisted(ready);
    this.#send(ready.messagesAfterPersist);
    this.#then(() => {
      this.#apply(ready);
      this.#settle(ready);
      this.#takeReady();
    });
  }

  /** Goes on once what was sent has left the process. */
  #then(step: () => void): void {
    this.#options.scheduler.afterSend(() => this.#attempt(step));
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) this.#options.transport.send(message);
  }

  #persist(ready: Ready): void {
    if (ready.entries.length === 0 && ready.hardState === undefined) return;
    const { storage, clock } = this.#options;
    const began = clock.monotonicMs();
    storage.raft.persist({ entries: ready.entries, hardState: ready.hardState });
    if (!ready.mustSync) return;
    this.counters.syncs += 1;
    this.syncLatency.add(clock.monotonicMs() - began, clock.monotonicMs());
  }

  /** The only thing in a turn that is not done when the call returns: the next turn waits for it. */
  async #install(ready: Ready, index: Index): Promise<void> {
    const { storage, snapshots, identity, listener } = this.#options;
    await storage.install({
      staged: snapshots.take(index),
      entries: ready.entries,
      hardState: ready.hardState,
      identity: identity(),
    });
    refuseGatesBeyond(storage.model, this.#protocol);
    this.#applied = index;
    this.#compactedAt = index;
    this.counters.snapshotsInstalled += 1;
    // Whether what waits is in the snapshot cannot be told.
    this.#failWaiting(new QuorateError('leadership-lost'));
    listener.snapshotInstalled(index);
  }

  #apply(ready: Ready): void {
    for (const entries of this.#partsOf(ready.committedEntries)) this.#applyEntries(entries);
    if (ready.snapshot !== undefined) this.core.applied(this.#applied);
  }

  /** All at once, but for a pause where somebody waits for the model to stand. */
  #partsOf(entries: readonly Entry[]): readonly (readonly Entry[])[] {
    const [first] = entries;
    if (first === undefined) return [];
    if (this.#watchers.size === 0) return [entries];
    const ends = new Set([...this.#watchers.values()].map((index) => index - first.index + 1));
    const cuts = [0, ...[...ends].filter((at) => at > 0 && at < entries.length).sort((a, b) => a - b), entries.length];
    return cuts.slice(1).map((end, place) => entries.slice(cuts[place], end));
  }

  #applyEntries(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    const outcomes = applyBatch(this.#options.storage.model, entries, this.#protocol);
    // Entries that the model had applied before a restart come first, and have no outcome.
    const skipped = entries.length - outcomes.length;
    const applied = outcomes.map((outcome, place) => ({
      index: outcome.index,
      term: entries[skipped + place]?.term ?? 0,
      outcome,
    }));
    this.#applied = last.index;
    this.core.applied(last.index);
    this.counters.committed += entries.length;
    for (const entry of applied) this.#proposals.applied(entry);
    this.#options.listener.applied(applied);
    this.#compactWhenDue();
    for (const [callback, index] of this.#watchers) {
      if (index > last.index) continue;
      this.#watchers.delete(callback);
      if (index === last.index) callback();
    }
  }

  #settle(ready: Ready): void {
    for (const { requestId, result } of ready.readResults) {
      if (result.ok) this.#reads.confirmed(requestId, result.index);
      else this.#reads.refused(requestId, asError(result));
    }
    this.#reads.answer(this.#applied);
    for (const { proposalId, result } of ready.proposalResults) {
      if (!result.ok) this.#proposals.refused(proposalId, asError(result));
      else {
        const own = { applied: this.#applied, term: this.core.term };
        this.#proposals.appended(proposalId, result.index, result.term, own);
      }
    }
    if (ready.snapshotOffer !== undefined) this.#fetchSnapshot(ready.snapshotOffer.leader, ready.snapshotOffer.index);
    if (ready.removed !== undefined) {
      this.#options.storage.raft.markRemoved({ by: ready.removed.by, index: ready.removed.index });
      // Its log goes no further, so what waits for that waits in vain; whether it was committed, the others know.
      this.#failWaiting(new QuorateError('leadership-lost'));
      this.#options.listener.removed(ready.removed.by);
    }
  }

  #onLeadership(leadership: Leadership): void {
    if (leadership.role === 'candidate') this.counters.elections += 1;
    this.#proposals.leadershipChanged(leadership);
    if (leadership.leader === undefined) this.#reads.leaderGone();
    this.#options.listener.leadership(leadership);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#options.listener.failed(error);
  }

  #failWaiting(error: QuorateError): void {
    this.#proposals.fail(error);
    this.#reads.fail(error);
  }

  // --------------------------------------------------------------------------------------------- snapshots and compaction

  #fetchSnapshot(leader: NodeId, index: Index): void {
    this.#options.snapshots.fetch(leader, index, (staged) => {
      this.#guard(() => {
        if (!this.core.installSnapshot(staged.snapshot)) this.#options.snapshots.discard();
      });
    });
  }

  #compactWhenDue(): void {
    const { compaction = defaultCompaction, storage, listener } = this.#options;
    if (this.#compacting || this.#applied - this.#compactedAt < compaction.everyEntries + compaction.keepEntries)
      return;
    this.#compacting = true;
    storage.compactLog(this.#applied - compaction.keepEntries).then(
      (firstIndex) => {
        this.#compacting = false;
        this.#compactedAt = firstIndex - 1;
        listener.compacted(firstIndex);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #nextId(): string {
    this.#counter += 1;
    return `${this.#options.nodeId}.${this.#options.storage.raft.incarnation()}.${this.#counter}`;
  }
}

/** A refusal of the core, as an error of the contract. */
function asError(refusal: Refusal<string>): QuorateError {
  const details = refusal.leader === undefined ? undefined : { leader: refusal.leader };
  switch (refusal.code) {
    case 'not-leader':
      return new QuorateError(refusal.leader === undefined ? 'no-leader' : 'not-leader', refusal.message, { details });
    case 'overloaded':
    case 'transferring':
    case 'too-large':
    case 'removed':
    case 'change-pending':
      return new QuorateError(refusal.code, refusal.message, { details });
    case 'unknown':
      return new QuorateError('leadership-lost', refusal.message, { details });
    case 'no-commit-in-term':
      return new QuorateError('no-leader', refusal.message, { details });
    default:
      return new QuorateError('invalid-request', refusal.message, { details });
  }
}
