/**
 * A member whose disk is full. It keeps what it could not store (`HeldWrites`), tells the core that it can promise nothing
 * (`Writable`), and tries again, ever more rarely, until there is room. A model whose gathered transaction could not
 * be written stands further back than what was applied: it is brought up again from the log, so that reads are served, and
 * the transaction is tried again in the same way. docs/storage.md says what that means for a cluster.
 */
import { QuorateError } from '../../messaging/errors.js';
import type { Index, Ready, Writable } from '../raft/index.js';
import type { Clock } from './clock.js';
import { HeldWrites } from './held-writes.js';

export interface FullDiskHooks {
  readonly clock: Clock;
  /** Stores what a Ready wants stored, acknowledges it to the core and sends what it promises. Rejects with `storage-full`. */
  store(ready: Ready): Promise<void>;
  /** Where the model stands now. */
  modelIndex(): Index;
  /** Up to where the core has handed out committed entries. */
  committedIndex(): Index;
  /** Applies committed entries from the log, up to this index. May throw `storage-full`. */
  replay(through: Index): void;
  /** Writes what the model has gathered. May throw `storage-full`. */
  commitModel(): void;
  /** What can be written is something else than before. */
  writable(writable: Writable): void;
  /** The disk is full (again), or is not any more. */
  changed(full: boolean): void;
  /** Still full after another attempt; `number` counts them. */
  failedAgain(number: number): void;
  /** Anything else than a full disk. */
  failed(error: unknown): void;
}

const retryFirstMs = 50;
const retryLastMs = 2_000;
/** Entries that the model gathers while it cannot be written: fewer than its store would write by itself. */
const gatheredMax = 1_000;

export class FullDisk {
  readonly #hooks: FullDiskHooks;
  #held: HeldWrites | undefined;
  /** What is being tried again; what comes meanwhile is held behind it. */
  #storing: HeldWrites | undefined;
  /** What the model holds on disk, while it cannot be written. */
  #modelFloor: Index | undefined;
  #attempts = 0;
  #told: Writable = { log: true, model: true };
  #cancel: (() => void) | undefined;

  constructor(hooks: FullDiskHooks) {
    this.#hooks = hooks;
  }

  get isFull(): boolean {
    return this.isLogFull || this.isModelFull;
  }

  /** Nothing of the log can be written. */
  get isLogFull(): boolean {
    return this.#held !== undefined || this.#storing !== undefined;
  }

  get isModelFull(): boolean {
    return this.#modelFloor !== undefined;
  }

  /** Up to where the model can be brought. What lies beyond waits for room. */
  get reach(): Index {
    const inLog = this.isLogFull ? this.#hooks.committedIndex() : Number.POSITIVE_INFINITY;
    const inModel = this.#modelFloor === undefined ? Number.POSITIVE_INFINITY : this.#modelFloor + gatheredMax;
    return Math.min(inLog, inModel);
  }

  /** This Ready could not be stored, or comes after one that could not. */
  hold(ready: Ready): void {
    if (this.#held === undefined) this.#held = new HeldWrites(ready);
    else this.#held.add(ready);
    this.#begin();
  }

  /** The model could not be written: what it had gathered is gone. */
  modelFellBack(): void {
    this.#modelFloor = this.#hooks.modelIndex();
    this.#gather();
    this.#begin();
  }

  /** Applies what has been committed meanwhile, as far as the model may gather it. */
  gather(): void {
    if (this.#modelFloor !== undefined) this.#gather();
  }

  /** A snapshot took the place of the model. */
  modelReplaced(): void {
    this.#modelFloor = undefined;
    this.#tell();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #begin(): void {
    this.#tell();
    if (this.#cancel !== undefined) return;
    this.#attempts = 0;
    this.#schedule();
  }

  #tell(): void {
    const writable = { log: !this.isLogFull, model: !this.isModelFull };
    const before = this.#told;
    if (writable.log === before.log && writable.model === before.model) return;
    this.#told = writable;
    this.#hooks.writable(writable);
    const wasFull = !before.log || !before.model;
    if (this.isFull !== wasFull) this.#hooks.changed(this.isFull);
  }

  #schedule(): void {
    const waitMs = Math.min(retryLastMs, retryFirstMs * 2 ** Math.min(this.#attempts, 10));
    this.#cancel = this.#hooks.clock.after(waitMs, () => void this.#attempt());
  }

  async #attempt(): Promise<void> {
    this.#attempts += 1;
    try {
      await this.#storeHeld();
      this.#writeModel();
    } catch (error) {
      if (!isStorageFull(error)) return this.#hooks.failed(error);
    }
    if (this.#cancel === undefined) return;
    if (this.isFull) this.#schedule();
    else this.#cancel = undefined;
    this.#tell();
    if (this.isFull) this.#hooks.failedAgain(this.#attempts);
  }

  async #storeHeld(): Promise<void> {
    while (this.#held !== undefined) {
      const storing = this.#held;
      this.#storing = storing;
      this.#held = undefined;
      try {
        await this.#hooks.store(storing.ready());
      } catch (error) {
        const later = this.#held as HeldWrites | undefined;
        if (later !== undefined) storing.add(later.ready());
        this.#held = storing;
        throw error;
      } finally {
        this.#storing = undefined;
      }
    }
  }

  #writeModel(): void {
    const { committedIndex, commitModel, modelIndex } = this.#hooks;
    while (this.#modelFloor !== undefined) {
      this.#gather();
      try {
        commitModel();
      } catch (error) {
        if (isStorageFull(error)) this.#gather();
        throw error;
      }
      this.#modelFloor = modelIndex() < committedIndex() ? modelIndex() : undefined;
    }
  }

  #gather(): void {
    const floor = this.#modelFloor ?? 0;
    try {
      this.#hooks.replay(Math.min(this.#hooks.committedIndex(), floor + gatheredMax));
    } catch (error) {
      // Not even memory for so much: reads that need it wait for the next attempt.
      if (!isStorageFull(error)) throw error;
    }
  }
}

export function isStorageFull(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'storage-full';
}
