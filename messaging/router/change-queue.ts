/** Changes on their way to one `for await` loop (one call of `next` at a time). Bounded: a loop that falls too far behind is ended with an error. */
import { QuorateError } from '../errors.js';
import type { RouterChange } from './model-view.js';

export class ChangeQueue implements AsyncIterableIterator<RouterChange> {
  readonly #behindMax: number;
  readonly #onReturn: (queue: ChangeQueue) => void;
  #waiting: ((result: IteratorResult<RouterChange>) => void) | null = null;
  #queue: RouterChange[] = [];
  #taken = 0;
  #error: QuorateError | null = null;
  #ended = false;

  constructor(behindMax: number, onReturn: (queue: ChangeQueue) => void) {
    this.#behindMax = behindMax;
    this.#onReturn = onReturn;
  }

  push(change: RouterChange): void {
    if (this.#ended) return;
    if (this.#waiting !== null) {
      this.#waiting({ done: false, value: change });
      this.#waiting = null;
      return;
    }
    if (this.#queue.length - this.#taken >= this.#behindMax) {
      this.#queue = [];
      this.#taken = 0;
      this.#error = new QuorateError('overloaded', `this iteration fell ${this.#behindMax} changes behind`, {
        remedy: 'Read the model, then begin a new iteration; do less between two changes.',
      });
      this.end();
      return;
    }
    this.#queue.push(change);
  }

  /** What is queued is still delivered. */
  end(): void {
    this.#ended = true;
    this.#onReturn(this);
    if (this.#waiting !== null && this.#queue.length === this.#taken) {
      this.#waiting({ done: true, value: undefined });
      this.#waiting = null;
    }
  }

  next(): Promise<IteratorResult<RouterChange>> {
    const value = this.#queue[this.#taken];
    if (value !== undefined) {
      this.#taken += 1;
      // Dropping the taken part in halves keeps a long queue linear.
      if (this.#taken * 2 > this.#queue.length) {
        this.#queue = this.#queue.slice(this.#taken);
        this.#taken = 0;
      }
      return Promise.resolve({ done: false, value });
    }
    if (this.#error !== null) {
      const error = this.#error;
      this.#error = null;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  return(): Promise<IteratorResult<RouterChange>> {
    this.#queue = [];
    this.#taken = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
