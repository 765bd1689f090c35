/**
 * A controller that serves alone: no Raft, and no log. A command is applied to the model in a transaction that is synced
 * before anybody hears of it, so what was answered or published is on disk. Commands that arrive together share one sync.
 * Entries are counted by legacy indexes, one by one, and go through the same state machine as those of a cluster.
 *
 * It needs the model's storage with synced commits. It never decides to be standalone: `decide-start.ts` does.
 */
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { applyBatch } from '../model/index.js';
import type { ConfChange, Entry, Index, Leadership, NodeId } from '../raft/index.js';
import type { SelfDurableModelStore } from '../storage/index.js';
import type { Clock, Scheduler } from './clock.js';
import { LatencyWindow } from './latency.js';
import {
  type AppliedEntry,
  IndexWatchers,
  type ProposalCallback,
  type ReadCallback,
  type Replica,
  type ReplicaListener,
  type ReplicaQueues,
} from './replica.js';

export interface StandaloneOptions {
  readonly nodeId: NodeId;
  /** Not blank, and counted by legacy indexes. */
  readonly model: SelfDurableModelStore;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly listener: ReplicaListener;
}

/** Commands that wait for their turn; more are refused as `overloaded`. */
const waitingMax = 16_384;
/** Commands in one transaction: a turn takes some tens of milliseconds at most. */
const batchMax = 1_000;
/** As a member's, so that none is accepted here that a cluster would refuse later. */
const proposalBytesMax = 512 * 1024;

interface Waiting {
  readonly data: Uint8Array;
  readonly since: number;
  readonly callback: ProposalCallback;
}

export class Standalone implements Replica {
  readonly commitLatency = new LatencyWindow();
  readonly syncLatency = new LatencyWindow();
  readonly counters = { proposals: 0, committed: 0, turns: 0, syncs: 0, reads: 0 };
  readonly #options: StandaloneOptions;
  readonly #watchers = new IndexWatchers();
  #waiting: Waiting[] = [];
  #turnScheduled = false;
  #stopped = false;
  #diskFull = false;

  constructor(options: StandaloneOptions) {
    const indexType = options.model.meta()?.position.indexType;
    if (indexType !== 'legacy')
      throw new QuorateError('ambiguous-state', 'A controller serves alone only with a model of its own.');
    this.#options = options;
  }

  start(): void {
    this.#options.model.syncCommits(true);
    this.#options.listener.leadership(this.leadership());
  }

  stop(): void {
    if (this.#stopped) return;
    this.#end();
    this.#options.model.syncCommits(false);
  }

  #end(): void {
    this.#stopped = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { callback } of waiting) callback({ ok: false, error: new QuorateError('stopping') });
  }

  get queues(): ReplicaQueues {
    return { proposals: this.#waiting.length, proposalsMax: waitingMax, reads: 0 };
  }

  get appliedIndex(): Index {
    return this.#meta().position.index;
  }

  leadership(): Leadership {
    return { role: 'leader', term: this.#meta().term, leader: this.#options.nodeId };
  }

  status(): null {
    return null;
  }

  propose(data: Uint8Array, callback: ProposalCallback): void {
    const refused = this.#refusal(data);
    if (refused !== null) return callback({ ok: false, error: refused });
    this.counters.proposals += 1;
    this.#waiting.push({ data, since: this.#options.clock.monotonicMs(), callback });
    this.#wake();
  }

  /** What was answered was applied before: there is nothing to wait for. */
  read(callback: ReadCallback): void {
    this.counters.reads += 1;
    callback(this.#stopped ? new QuorateError('stopping') : null);
  }

  whenApplied(index: Index, callback: () => void): () => void {
    return this.#watchers.add(index, callback);
  }

  proposeConfChange(_change: ConfChange, callback: ProposalCallback): void {
    callback({ ok: false, error: new QuorateError('standalone') });
  }

  transferLeadership(): QuorateError {
    return new QuorateError('standalone');
  }

  #refusal(data: Uint8Array): QuorateError | null {
    if (this.#stopped) return new QuorateError('stopping');
    if (data.length > proposalBytesMax)
      return new QuorateError('too-large', `the command has ${data.length} bytes; it may have ${proposalBytesMax}`);
    return this.#waiting.length >= waitingMax ? new QuorateError('overloaded') : null;
  }

  #wake(): void {
    if (this.#turnScheduled || this.#stopped || this.#waiting.length === 0) return;
    this.#turnScheduled = true;
    this.#options.scheduler.turn(() => {
      this.#turnScheduled = false;
      if (!this.#stopped) this.#turn();
    });
  }

  #turn(): void {
    this.counters.turns += 1;
    const batch = this.#waiting.splice(0, batchMax);
    const { position, term } = this.#meta();
    const entries = batch.map(
      ({ data }, place): Entry => ({
        type: 'normal',
        index: position.index + 1 + place,
        term,
        data,
      }),
    );
    let done = 0;
    try {
      for (const part of this.#watchers.partsOf(entries)) {
        const applied = this.#apply(part);
        const settled = batch.slice(done, done + part.length);
        done += part.length;
        this.#settle(settled, applied);
      }
    } catch (error) {
      this.#failed(batch.slice(done), error);
    }
    this.#wake();
  }

  /** Durable when it returns; where it throws, the model stands where it stood. */
  #apply(entries: readonly Entry[]): readonly AppliedEntry[] {
    const { model, clock } = this.#options;
    const outcomes = applyBatch(model, entries);
    const began = clock.monotonicMs();
    model.commit();
    this.#setDiskFull(false);
    this.counters.syncs += 1;
    this.counters.committed += entries.length;
    this.syncLatency.add(clock.monotonicMs() - began, clock.monotonicMs());
    return outcomes.map((outcome) => ({ index: outcome.index, term: this.#meta().term, outcome }));
  }

  #settle(batch: readonly Waiting[], applied: readonly AppliedEntry[]): void {
    const now = this.#options.clock.monotonicMs();
    batch.forEach(({ since, callback }, place) => {
      const entry = applied[place];
      if (entry === undefined) throw new Error('an entry that follows on was not applied');
      this.commitLatency.add(now - since, now);
      callback({ ok: true, entry });
    });
    this.#options.listener.applied(applied);
    this.#watchers.reached(this.appliedIndex);
  }

  /** A full disk passes: whoever asked may ask again. Anything else means that what the disk holds is not known. */
  #failed(batch: readonly Waiting[], failure: unknown): void {
    const error = toQuorateError(failure);
    for (const { callback } of batch) callback({ ok: false, error });
    if (error.code === 'storage-full') return this.#setDiskFull(true);
    this.#end();
    this.#options.listener.failed(failure);
  }

  #setDiskFull(full: boolean): void {
    if (this.#diskFull === full) return;
    this.#diskFull = full;
    this.#options.listener.storageFull?.(full);
  }

  #meta() {
    const meta = this.#options.model.meta();
    if (meta === undefined) throw new Error('the model of a standalone controller is blank');
    return meta;
  }
}
