/**
 * One member as a driver would run it: the core, a disk, a state machine, and between them the Readies that are being
 * written. Nothing happens by itself; whoever holds the member says when a Ready is taken and when it is durable.
 */
import {
  bootstrapLog,
  type Entry,
  type Message,
  type NodeId,
  type ProposalResult,
  Raft,
  type RaftLimits,
  type ReadResult,
  type Ready,
  type SnapshotMeta,
} from '../../../node/raft/index.js';
import { Disk } from './disk.js';
import { apply, blankMachine, type Machine } from './machine.js';

/** Who wants to know what happens. */
export interface Surroundings {
  send(message: Message): void;
  /** A Ready was taken; nothing of it is durable. */
  taken(member: Member, ready: Ready): void;
  applied(member: Member, entry: Entry): void;
  installed(member: Member, meta: SnapshotMeta): void;
}

export interface MemberOptions {
  readonly id: NodeId;
  /** Of the first members only: what they start from. */
  readonly founders?: readonly NodeId[];
  /** What it finds when it starts; nothing, if not given. */
  readonly disk?: Disk;
  readonly machine?: Machine;
  readonly random: () => number;
  readonly limits: Partial<RaftLimits>;
  readonly surroundings: Surroundings;
}

export class Member {
  readonly id: NodeId;
  readonly disk: Disk;
  raft: Raft;
  machine: Machine;
  /** The state machine as it would be found after a crash: it may lag behind the log. */
  durableMachine: Machine;
  /** Fetched, and waiting for the core to say that it is to be installed. */
  staged: Machine | undefined;
  readonly pending: Ready[] = [];
  readonly reads: ReadResult[] = [];
  readonly proposals: ProposalResult[] = [];
  snapshotOffer: Ready['snapshotOffer'];
  removedNotice: Ready['removed'];
  up = true;
  readonly #options: MemberOptions;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.id = options.id;
    this.disk = options.disk ?? new Disk();
    this.machine = options.machine ?? blankMachine;
    this.durableMachine = this.machine;
    if (options.founders) this.disk.store(bootstrapLog(options.founders));
    this.raft = this.#start();
  }

  /** Sends what may be sent at once. False when there is nothing to do. */
  take(): boolean {
    const ready = this.up ? this.raft.ready() : undefined;
    if (!ready) return false;
    this.pending.push(ready);
    this.#options.surroundings.taken(this, ready);
    for (const message of ready.messages) this.#options.surroundings.send(message);
    this.reads.push(...ready.readResults);
    this.proposals.push(...ready.proposalResults);
    this.snapshotOffer = ready.snapshotOffer ?? this.snapshotOffer;
    this.removedNotice = ready.removed ?? this.removedNotice;
    return true;
  }

  /** The oldest Ready becomes durable; then what it promises is sent, and what it commits is applied. */
  persist(): boolean {
    const ready = this.pending.shift();
    if (!ready) return false;
    const { surroundings } = this.#options;
    this.disk.store(ready);
    if (ready.snapshot) this.#install(ready.snapshot);
    this.raft.persisted(ready);
    for (const message of ready.messagesAfterPersist) surroundings.send(message);
    for (const entry of ready.committedEntries) {
      this.machine = apply(this.machine, entry);
      surroundings.applied(this, entry);
    }
    const last = ready.committedEntries.at(-1);
    if (last) this.raft.applied(last.index);
    return true;
  }

  /** Whatever there is to do, until there is nothing. */
  work(): boolean {
    let worked = false;
    while (this.take() || this.persist()) worked = true;
    return worked;
  }

  /** A whole snapshot of another's state has arrived. */
  receiveSnapshot(machine: Machine): void {
    this.staged = machine;
    const { applied: index, term, configuration } = machine;
    if (!this.raft.installSnapshot({ index, term, configuration })) this.staged = undefined;
    this.snapshotOffer = undefined;
  }

  /** The state machine's file is synced; the log may forget what it covers, but for a tail. */
  checkpoint(tail: number): void {
    this.durableMachine = this.machine;
    this.disk.compact(this.machine.applied - tail);
  }

  /** Everything that is not durable is gone. */
  crash(): void {
    this.up = false;
    this.pending.length = 0;
    this.staged = undefined;
    this.snapshotOffer = undefined;
    this.machine = this.durableMachine;
  }

  restart(): void {
    this.raft = this.#start();
    this.up = true;
  }

  #start(): Raft {
    const { id, random, limits } = this.#options;
    const { applied, configuration } = this.machine;
    const { disk } = this;
    return new Raft({
      id,
      log: disk,
      hardState: disk.hard,
      applied,
      configuration,
      ...(disk.debt === undefined ? {} : { debt: disk.debt }),
      random,
      limits,
    });
  }

  #install(meta: SnapshotMeta): void {
    if (this.staged?.applied !== meta.index) throw new Error(`no snapshot of ${meta.index} is staged`);
    this.machine = this.staged;
    this.durableMachine = this.staged;
    this.staged = undefined;
    this.#options.surroundings.installed(this, meta);
  }
}
