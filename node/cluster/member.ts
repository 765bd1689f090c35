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
import { applyBatch, judgeRestore, type Outcome, refuseGatesBeyond, restoreIn } from '../model/index.js';
import {
  type ConfChange,
  type Entry,
  emptyConfiguration,
  type Index,
  type Leadership,
  type Message,
  membersOf,
  type NodeId,
  type ProgressView,
  Raft,
  type RaftLimits,
  type RaftStatus,
  type Ready,
  type Refusal,
} from '../raft/index.js';
import type { Identity, StagedSnapshot, Storage } from '../storage/index.js';
import type { Clock, Scheduler } from './clock.js';
import { FullDisk, isStorageFull } from './full-disk.js';
import { LatencyWindow } from './latency.js';
import { PendingProposals, waitingMax } from './proposals.js';
import { PendingReads } from './reads.js';
import {
  IndexWatchers,
  type ProposalCallback,
  type ReadCallback,
  type Replica,
  type ReplicaListener,
  type ReplicaQueues,
} from './replica.js';
import { RestoreSwitch, type SwitchOutcome } from './restore-switch.js';
import type { SnapshotFetcher } from './snapshot-transfer.js';
import type { Transport } from './transport.js';

export type { AppliedEntry, ProposalCallback, ProposalOutcome, ReadCallback } from './replica.js';

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

export interface MemberListener extends ReplicaListener {
  /** This member has been removed, and knows it durably. */
  removed(by: NodeId): void;
  snapshotInstalled(index: Index): void;
  compacted(firstIndex: Index): void;
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

/** A removed mark that found no room on the disk is written after this long. */
const markAgainMs = 2_000;
/** Read from the log at a time, to be applied again. */
const replayBytesMax = 1 << 20;
/** What the model gathers is committed to its file so often; a crash loses at most that much, and replays it. */
const commitModelEveryMs = 200;

export class Member implements Replica {
  readonly core: Raft;
  readonly commitLatency = new LatencyWindow();
  readonly syncLatency = new LatencyWindow();
  readonly counters = {
    ...{ proposals: 0, committed: 0, turns: 0, syncs: 0, reads: 0 },
    ...{ elections: 0, leaderChanges: 0, snapshotsInstalled: 0 },
  };
  readonly #options: MemberOptions;
  readonly #protocol: VersionRange;
  readonly #proposals: PendingProposals;
  readonly #reads = new PendingReads();
  readonly #watchers = new IndexWatchers();
  /** The last committed entry that the core has handed out, and the last that was applied and told of. */
  #committed: Index;
  #told: Index;
  readonly #fullDisk: FullDisk;
  /** A restore: nothing behind it is applied meanwhile. */
  readonly #switch: RestoreSwitch;
  /** What came meanwhile is being applied, from the log. */
  #catchingUp = false;
  #staged: StagedSnapshot | undefined;
  #compactedAt: Index;
  #compacting = false;
  #turnScheduled = false;
  #inTurn = false;
  #stopped = false;
  #counter = 0;
  #lastLeader: NodeId | undefined;
  #stopTicking: (() => void) | undefined;

  constructor(options: MemberOptions) {
    this.#options = options;
    const { storage, clock, timing = defaultTiming } = options;
    this.#proposals = new PendingProposals(clock, (latencyMs, nowMs) => this.commitLatency.add(latencyMs, nowMs));
    this.#protocol = options.protocol ?? supportedVersions;
    refuseGatesBeyond(storage.model, this.#protocol);
    const meta = storage.model.meta();
    this.#committed = this.#told = this.appliedIndex;
    this.#fullDisk = new FullDisk({
      clock: options.clock,
      store: (ready) => this.#storeHeld(ready),
      modelIndex: () => this.appliedIndex,
      committedIndex: () => this.#switch.standsAt ?? this.#committed,
      replay: (through) => this.#replay(through),
      commitModel: () => storage.model.commit(),
      writable: (writable) => this.core.setWritable(writable),
      changed: (full) => this.#onFullDisk(full),
      failedAgain: (number) => this.#guard(() => this.#handOverWhenFull(number)),
      failed: (error) => this.#fail(error),
    });
    this.#switch = new RestoreSwitch({
      ...{ storage, clock, snapshots: options.snapshots },
      others: () => this.#othersLeaderFirst(),
      offer: (snapshot) => this.#offer(snapshot),
      isLogFull: () => this.#fullDisk.isLogFull,
      committed: () => this.#committed,
      done: (outcome, isLast) => this.#guard(() => this.#onSwitched(outcome, isLast)),
      failed: (error) => this.#fail(error),
    });
    this.#compactedAt = storage.raft.firstIndex() - 1;
    this.core = new Raft({
      id: options.nodeId,
      log: storage.raft,
      hardState: storage.raft.hardState(),
      debt: storage.raft.debt() ?? undefined,
      applied: this.appliedIndex,
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
    const stopCommitting = clock.every(commitModelEveryMs, () => this.#attempt(() => this.#commitModel()));
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
    this.#fullDisk.stop();
    this.#switch.stop();
    this.#options.snapshots.cancel();
    this.#failWaiting(new QuorateError('stopping'));
  }

  /** What the model says: where its transaction could not be written, it stands further back than before. */
  get appliedIndex(): Index {
    return this.#options.storage.model.meta()?.position.index ?? 0;
  }

  get queues(): ReplicaQueues {
    return { proposals: this.#proposals.size, proposalsMax: waitingMax, reads: this.#reads.size };
  }

  leadership(): Leadership {
    const { role, term, leader } = this.core;
    return { role, term, leader };
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

  whenApplied(index: Index, callback: () => void): () => void {
    return this.#watchers.add(index, callback);
  }

  #refuseEarly(callback: ProposalCallback): boolean {
    const code = this.#stopped
      ? 'stopping'
      : this.#fullDisk.isFull
        ? 'storage-full'
        : this.#proposals.full
          ? 'overloaded'
          : undefined;
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

  setPriorities(priorities: ReadonlyMap<NodeId, number>): void {
    this.core.setPriorities(priorities);
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
    if (this.#fullDisk.isLogFull) return this.#goOnWithoutDisk(ready);
    if (!ready.mustSync && ready.snapshot === undefined) return this.#finishUnsynced(ready);
    // Sent before the disk is written, so that followers write while this member does.
    this.#send(ready.messages);
    this.#then(() => {
      this.#store(ready);
    });
  }

  #store(ready: Ready): void {
    const whenFull = (error: unknown): void => {
      if (!isStorageFull(error)) return this.#fail(error);
      this.#holdBack(ready);
    };
    if (ready.snapshot !== undefined) {
      this.#install(ready, ready.snapshot.index).then(() => this.#then(() => this.#finish(ready)), whenFull);
      return;
    }
    try {
      this.#persist(ready);
    } catch (error) {
      return whenFull(error);
    }
    this.#finish(ready);
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

  // ---------------------------------------------------------------------------------------------------------- a full disk

  /** It could not be stored: nothing that it promises is said. What was committed before is durable, and is applied. */
  #holdBack(ready: Ready): void {
    this.#fullDisk.hold(ready);
    this.#apply(ready);
    this.#settle(ready);
    this.#takeReady();
  }

  /** What promises nothing is done: heartbeats and reads go on. */
  #goOnWithoutDisk(ready: Ready): void {
    this.#send(ready.messages);
    const wantsDisk = ready.hardState !== undefined || ready.entries.length > 0 || ready.snapshot !== undefined;
    if (wantsDisk || ready.messagesAfterPersist.length > 0) this.#fullDisk.hold(ready);
    this.#apply(ready);
    this.#settle(ready);
    this.#takeReady();
  }

  async #storeHeld(held: Ready): Promise<void> {
    if (held.snapshot === undefined) this.#persist(held);
    else await this.#install(held, held.snapshot.index);
    this.core.persisted(held);
    this.#send(held.messagesAfterPersist);
  }

  #onFullDisk(full: boolean): void {
    this.#options.listener.storageFull?.(full);
    if (full) return;
    this.#guard(() => this.#reads.answer(this.appliedIndex));
  }

  /**
   * A leader that can store nothing hands over where the others can go on without it: they have committed what it could not
   * store, or its log can be written and only the model cannot, so that it can vote and store. Where they cannot, it stays:
   * reads need a leader, and one that had to be elected would have to store something. Nobody takes over who has no room.
   */
  #handOverWhenFull(attempt: number): void {
    const { role, progress, commit, stable } = this.core.status();
    if (role !== 'leader' || (this.#fullDisk.isLogFull && commit <= stable)) return;
    const { voters } = this.#options.storage.model.meta()?.configuration ?? emptyConfiguration;
    const others = progress
      .filter(({ id, recentlyActive }) => id !== this.#options.nodeId && voters.includes(id) && recentlyActive)
      .sort((a, b) => b.match - a.match);
    const target = others[attempt % Math.max(1, others.length)];
    if (target !== undefined) this.core.transferLeadership(target.id);
  }

  #commitModel(): void {
    if (this.#fullDisk.isModelFull) return;
    try {
      this.#options.storage.model.commit();
    } catch (error) {
      if (!isStorageFull(error)) throw error;
    }
    // Whoever tried to write it: a snapshot begins with that, too.
    this.#noticeFallBack();
  }

  #noticeFallBack(): void {
    if (this.appliedIndex < this.#told && !this.#fullDisk.isModelFull) this.#fullDisk.modelFellBack();
  }

  /** Applies again, from the log, what the model has lost, and then what came meanwhile. */
  #replay(through: Index): void {
    for (let from = this.appliedIndex + 1; from <= through; from = this.appliedIndex + 1) {
      const entries = this.#options.storage.raft.entries(from, through + 1, replayBytesMax);
      if (entries === undefined || entries.length === 0)
        throw new QuorateError('damaged', `The model stands at ${from - 1}, and the log does not reach back to that.`);
      if (!this.#applyInOrder(entries, (part) => this.#applyEntries(part))) break;
    }
    this.#reads.answer(this.appliedIndex);
  }

  /** Goes on once what was sent has left the process. */
  #then(step: () => void): void {
    this.#options.scheduler.afterSend(() => this.#attempt(step));
  }

  /** One that was stopped in the middle of a turn (its log was left behind, an invariant was broken) says not another word. */
  #send(messages: readonly Message[]): void {
    if (this.#stopped) return;
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
    await this.#switch.abandon();
    this.#staged ??= snapshots.take(index);
    await storage.install({
      staged: this.#staged,
      entries: ready.entries,
      hardState: ready.hardState,
      identity: identity(),
    });
    refuseGatesBeyond(storage.model, this.#protocol);
    this.#staged = undefined;
    this.#committed = this.#told = index;
    this.#fullDisk.modelReplaced();
    this.#compactedAt = index;
    this.counters.snapshotsInstalled += 1;
    // Whether what waits is in the snapshot cannot be told.
    this.#failWaiting(new QuorateError('leadership-lost'));
    listener.snapshotInstalled(index);
  }

  #apply(ready: Ready): void {
    const last = ready.committedEntries.at(-1);
    if (last !== undefined) this.#committed = last.index;
    this.#noticeFallBack();
    // What comes while the model is exchanged waits in the log.
    if (this.#switch.standsAt === undefined && !this.#catchingUp)
      this.#applyInOrder(ready.committedEntries, (part) => this.#applyParts(part));
    this.#fullDisk.gather();
    if (ready.snapshot !== undefined && !this.#fullDisk.isLogFull) this.core.applied(this.#told);
  }

  /** False where a restore is in the way, which takes longer than a turn: what follows it is applied when it is done. */
  #applyInOrder(entries: readonly Entry[], apply: (part: readonly Entry[]) => void): boolean {
    let from = 0;
    for (const [at, entry] of entries.entries()) {
      if (restoreIn(entry) === undefined) continue;
      apply(entries.slice(from, at));
      if (this.#isInTheWay(entry)) return false;
      from = at;
    }
    apply(from === 0 ? entries : entries.slice(from));
    return true;
  }

  #applyParts(entries: readonly Entry[]): void {
    for (const part of this.#watchers.partsOf(entries)) {
      if (this.#fullDisk.isModelFull) return;
      this.#tryToApply(part);
    }
  }

  #tryToApply(entries: readonly Entry[]): void {
    try {
      this.#applyEntries(entries);
    } catch (error) {
      if (!isStorageFull(error)) throw error;
      this.#fullDisk.modelFellBack();
    }
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
    // Told of once, however often the model had to apply it.
    const news = applied.filter(({ index }) => index > this.#told);
    if (last.index > this.#told) {
      this.counters.committed += last.index - this.#told;
      this.#told = last.index;
      this.core.applied(last.index);
    }
    for (const entry of news) this.#proposals.applied(entry);
    if (news.length > 0) this.#options.listener.applied(news);
    this.#compactWhenDue();
    this.#watchers.reached(last.index);
  }

  // ------------------------------------------------------------------------------------------------------------ a restore

  /** Begins it where the model stands just before it, and it may happen. */
  #isInTheWay(entry: Entry): boolean {
    const command = restoreIn(entry);
    const { model } = this.#options.storage;
    const before = model.meta();
    if (command === undefined || before === undefined) return false;
    const { index } = before.position;
    // Done before a restart; or the disk is full, and the model is not there yet.
    if (index !== entry.index - 1) return index < entry.index;
    // A refused one is applied as any other entry.
    if (!judgeRestore(model, before, command).ok) return false;
    this.#switch.begin(entry, command, before);
    return true;
  }

  #othersLeaderFirst(): readonly NodeId[] {
    const { nodeId, storage } = this.#options;
    const members = membersOf(storage.model.meta()?.configuration ?? emptyConfiguration);
    const { leader } = this.core;
    return members.filter((id) => id !== nodeId).sort((a, b) => Number(b === leader) - Number(a === leader));
  }

  #offer({ snapshot }: StagedSnapshot): boolean {
    const isTaken = this.core.installSnapshot(snapshot);
    this.#wake();
    return isTaken;
  }

  #onSwitched({ type, index, entry, command }: SwitchOutcome, isLast: boolean): void {
    const { listener, storage } = this.#options;
    this.#told = index;
    this.#fullDisk.modelReplaced();
    this.core.applied(index);
    if (type === 'restored') {
      const outcome: Outcome = { type: 'restored', index, timeline: command.timeline };
      const applied = { index, term: entry.term, outcome };
      this.counters.committed += 1;
      this.#proposals.applied(applied);
      listener.applied([applied]);
    } else {
      refuseGatesBeyond(storage.model, this.#protocol);
      this.counters.snapshotsInstalled += 1;
      this.#failWaiting(new QuorateError('leadership-lost'));
      listener.snapshotInstalled(index);
    }
    this.#watchers.reached(index);
    if (isLast) this.#catchUp();
  }

  /** Applies what came meanwhile, from the log, a slice in each turn. */
  #catchUp(): void {
    const { storage, scheduler } = this.#options;
    const from = this.appliedIndex + 1;
    this.#catchingUp = from <= this.#committed && !this.#fullDisk.isModelFull;
    if (!this.#catchingUp) return this.#reads.answer(this.appliedIndex);
    const entries = storage.raft.entries(from, this.#committed + 1, replayBytesMax) ?? [];
    if (entries.length === 0)
      throw new QuorateError('damaged', `The model stands at ${from - 1}, and the log does not reach back to that.`);
    this.#catchingUp = this.#applyInOrder(entries, (part) => this.#applyParts(part));
    if (this.#catchingUp) scheduler.turn(() => this.#guard(() => this.#catchUp()));
  }

  #settle(ready: Ready): void {
    for (const { requestId, result } of ready.readResults) {
      // It cannot store what it would have to wait for; another member has it.
      const outOfReach = result.ok && result.index > this.#fullDisk.reach;
      if (outOfReach) this.#reads.refused(requestId, new QuorateError('behind'));
      else if (result.ok) this.#reads.confirmed(requestId, result.index);
      else this.#reads.refused(requestId, asError(result));
    }
    this.#reads.answer(this.appliedIndex);
    for (const { proposalId, result } of ready.proposalResults) {
      if (!result.ok) this.#proposals.refused(proposalId, asError(result));
      else {
        const own = { applied: this.#told, term: this.core.term };
        this.#proposals.appended(proposalId, result.index, result.term, own);
      }
    }
    if (ready.snapshotOffer !== undefined) this.#fetchSnapshot(ready.snapshotOffer.leader, ready.snapshotOffer.index);
    if (ready.removed !== undefined) {
      this.#markRemoved(ready.removed);
      // Its log goes no further, so what waits for that waits in vain; whether it was committed, the others know.
      this.#failWaiting(new QuorateError('leadership-lost'));
      this.#options.listener.removed(ready.removed.by);
    }
  }

  #markRemoved(removal: NonNullable<Ready['removed']>): void {
    const { storage, clock } = this.#options;
    try {
      storage.raft.markRemoved(removal);
    } catch (error) {
      if (!isStorageFull(error)) throw error;
      // It serves nobody in any case; what it may not forget is written when there is room, or learned again.
      clock.after(markAgainMs, () => this.#attempt(() => this.#markRemoved(removal)));
    }
  }

  #onLeadership(leadership: Leadership): void {
    if (leadership.role === 'candidate') this.counters.elections += 1;
    if (leadership.leader !== undefined && leadership.leader !== this.#lastLeader) {
      this.#lastLeader = leadership.leader;
      this.counters.leaderChanges += 1;
    }
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

  /** Drops the log up to where the model stands, whatever the policy keeps. Resolves to the first index that is left. */
  async compact(): Promise<Index> {
    const firstIndex = await this.#options.storage.compactLog(this.#told);
    this.#compactedAt = Math.max(this.#compactedAt, firstIndex - 1);
    this.#options.listener.compacted(firstIndex);
    return firstIndex;
  }

  #compactWhenDue(): void {
    const { compaction = defaultCompaction, storage, listener } = this.#options;
    if (
      this.#compacting ||
      this.#fullDisk.isModelFull ||
      this.#told - this.#compactedAt < compaction.everyEntries + compaction.keepEntries
    )
      return;
    this.#compacting = true;
    storage.compactLog(this.#told - compaction.keepEntries).then(
      (firstIndex) => {
        this.#compacting = false;
        this.#compactedAt = firstIndex - 1;
        listener.compacted(firstIndex);
      },
      (error: unknown) => {
        this.#compacting = false;
        if (!isStorageFull(error)) return this.#fail(error);
        // Later: what is in the log is not lost.
        this.#compactedAt = this.#told - compaction.keepEntries;
        this.#attempt(() => this.#noticeFallBack());
      },
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
    case 'storage-full':
      return new QuorateError(refusal.code, refusal.message, { details });
    case 'unknown':
      return new QuorateError('leadership-lost', refusal.message, { details });
    case 'no-commit-in-term':
      return new QuorateError('no-leader', refusal.message, { details });
    default:
      return new QuorateError('invalid-request', refusal.message, { details });
  }
}
