/**
 * What keeps this controller's model, as the server uses it: the Raft member of a cluster (`member.ts`), or a standalone
 * controller (`standalone.ts`), which decides alone. Whoever only writes, reads and waits need not know which of the two it is.
 */
import type { QuorateError } from '../../messaging/errors.js';
import type { ConfChange, Entry, Index, Leadership, NodeId, RaftStatus } from '../raft/index.js';
import type { LatencyWindow } from './latency.js';
import type { AppliedEntry, ProposalCallback } from './proposals.js';
import type { ReadCallback } from './reads.js';

export type { AppliedEntry, ProposalCallback, ProposalOutcome } from './proposals.js';
export type { ReadCallback } from './reads.js';

/** What a replica tells its surroundings. Called in the turn in which it happens; must not throw. */
export interface ReplicaListener {
  applied(entries: readonly AppliedEntry[]): void;
  leadership(leadership: Leadership): void;
  /** Its disk is full: it refuses writes and serves reads; or there is room again. */
  storageFull?(full: boolean): void;
  /** It cannot go on: the disk failed, or what must hold does not. Nothing is sent or stored after this. */
  failed(error: unknown): void;
}

export interface ReplicaQueues {
  /** Proposed and not yet answered. */
  readonly proposals: number;
  readonly proposalsMax: number;
  readonly reads: number;
}

export interface Replica {
  readonly appliedIndex: Index;
  readonly commitLatency: LatencyWindow;
  readonly syncLatency: LatencyWindow;
  readonly counters: Readonly<Record<string, number>>;
  /** What waits here, now. */
  readonly queues: ReplicaQueues;
  start(): void;
  /** Stops at once; whoever waits is answered `stopping`. */
  stop(): void;
  /** Who decides, as far as this controller knows. A standalone one always leads. */
  leadership(): Leadership;
  /** Of Raft; null where there is none. */
  status(): RaftStatus | null;
  /** `callback` is called exactly once, when the command is durable and applied here, or is known not to be. */
  propose(data: Uint8Array, callback: ProposalCallback): void;
  /** Calls back when the model may be read such that all that was acknowledged before this call is seen. */
  read(callback: ReadCallback): void;
  /**
   * Calls back, once, in the moment in which the model stands at exactly `index`, which is not applied yet; never, where that
   * moment does not come. Returns how to stop waiting.
   */
  whenApplied(index: Index, callback: () => void): () => void;
  /** Refused with `standalone` where there is no cluster. */
  proposeConfChange(change: ConfChange, callback: ProposalCallback): void;
  /** Null: it has begun. */
  transferLeadership(target?: NodeId): QuorateError | null;
}

/** Those that wait for the model to stand at one index. */
export class IndexWatchers {
  readonly #watchers = new Map<() => void, Index>();

  add(index: Index, callback: () => void): () => void {
    this.#watchers.set(callback, index);
    return () => this.#watchers.delete(callback);
  }

  /** All entries at once, but for a pause where somebody waits for the model to stand. */
  partsOf(entries: readonly Entry[]): readonly (readonly Entry[])[] {
    const [first] = entries;
    if (first === undefined) return [];
    if (this.#watchers.size === 0) return [entries];
    const ends = new Set([...this.#watchers.values()].map((index) => index - first.index + 1));
    const cuts = [0, ...[...ends].filter((at) => at > 0 && at < entries.length).sort((a, b) => a - b), entries.length];
    return cuts.slice(1).map((end, place) => entries.slice(cuts[place], end));
  }

  /** The model stands at `applied` now. */
  reached(applied: Index): void {
    for (const [callback, index] of this.#watchers) {
      if (index > applied) continue;
      this.#watchers.delete(callback);
      if (index === applied) callback();
    }
  }
}

/**
 * The replica that a controller has now, for those who need not notice that it becomes another one: whoever waited at that
 * moment is answered by the old one, and asks again.
 */
export class CurrentReplica implements Replica {
  #current: Replica;

  constructor(first: Replica) {
    this.#current = first;
  }

  replace(next: Replica): void {
    this.#current = next;
  }

  get appliedIndex(): Index {
    return this.#current.appliedIndex;
  }
  get commitLatency(): LatencyWindow {
    return this.#current.commitLatency;
  }
  get syncLatency(): LatencyWindow {
    return this.#current.syncLatency;
  }
  get counters(): Readonly<Record<string, number>> {
    return this.#current.counters;
  }
  get queues(): ReplicaQueues {
    return this.#current.queues;
  }
  start(): void {
    this.#current.start();
  }
  stop(): void {
    this.#current.stop();
  }
  leadership(): Leadership {
    return this.#current.leadership();
  }
  status(): RaftStatus | null {
    return this.#current.status();
  }
  propose(data: Uint8Array, callback: ProposalCallback): void {
    this.#current.propose(data, callback);
  }
  read(callback: ReadCallback): void {
    this.#current.read(callback);
  }
  whenApplied(index: Index, callback: () => void): () => void {
    return this.#current.whenApplied(index, callback);
  }
  proposeConfChange(change: ConfChange, callback: ProposalCallback): void {
    this.#current.proposeConfChange(change, callback);
  }
  transferLeadership(target?: NodeId): QuorateError | null {
    return this.#current.transferLeadership(target);
  }
}
