/**
 * Who waits to read. A read is taken with all others of its turn (`take`), confirmed by the leader for an index, and answered
 * once the model here has got there. It promises that each callback is called exactly once.
 */
import { QuorateError } from '../../messaging/errors.js';
import type { Index } from '../raft/index.js';

export type ReadCallback = (refusal: QuorateError | null) => void;

export class PendingReads {
  #taken: ReadCallback[] = [];
  readonly #sent = new Map<string, readonly ReadCallback[]>();
  #ready: { readonly index: Index; readonly callbacks: readonly ReadCallback[] }[] = [];

  get anyTaken(): boolean {
    return this.#taken.length > 0;
  }

  /** Those that wait. */
  get size(): number {
    let size = this.#taken.length;
    for (const callbacks of this.#sent.values()) size += callbacks.length;
    for (const { callbacks } of this.#ready) size += callbacks.length;
    return size;
  }

  take(callback: ReadCallback): void {
    this.#taken.push(callback);
  }

  /** All that were taken share one round of confirmation. `refusal`: the core did not take the question. */
  sent(requestId: string, refusal: QuorateError | null): void {
    const callbacks = this.#taken;
    this.#taken = [];
    if (refusal === null) this.#sent.set(requestId, callbacks);
    else for (const callback of callbacks) callback(refusal);
  }

  confirmed(requestId: string, index: Index): void {
    this.#ready.push({ index, callbacks: this.#withdraw(requestId) });
  }

  refused(requestId: string, refusal: QuorateError): void {
    for (const callback of this.#withdraw(requestId)) callback(refusal);
  }

  /** The model stands at `applied`. */
  answer(applied: Index): void {
    if (this.#ready.length === 0) return;
    const due = this.#ready.filter((each) => each.index <= applied);
    this.#ready = this.#ready.filter((each) => each.index > applied);
    for (const { callbacks } of due) for (const callback of callbacks) callback(null);
  }

  /** Nobody sends what they wait for; a member that was left out without knowing it would keep them for ever. */
  leaderGone(): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const { callbacks } of ready) for (const callback of callbacks) callback(new QuorateError('no-leader'));
  }

  fail(error: QuorateError): void {
    const all = [...this.#taken, ...[...this.#sent.values()].flat(), ...this.#ready.flatMap((each) => each.callbacks)];
    this.#taken = [];
    this.#sent.clear();
    this.#ready = [];
    for (const callback of all) callback(error);
  }

  #withdraw(requestId: string): readonly ReadCallback[] {
    const callbacks = this.#sent.get(requestId) ?? [];
    this.#sent.delete(requestId);
    return callbacks;
  }
}
