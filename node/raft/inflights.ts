/** The window of appends to one follower that it has not answered yet: bounded in messages and in bytes. */
import { invariant } from './invariant.js';
import type { Index } from './types.js';

export class Inflights {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  /** A ring: the last index and the bytes of each message, oldest at `#start`. It grows up to `#messagesMax`. */
  readonly #lastIndexes: number[] = [];
  readonly #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number) {
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Nothing more may be sent. One message may overshoot the bytes, or a large entry could never be sent at all. */
  get full(): boolean {
    return this.#count >= this.#messagesMax || this.#bytes >= this.#bytesMax;
  }

  /** A message whose last entry is `lastIndex` has been sent; indexes come in rising order. */
  add(lastIndex: Index, bytes: number): void {
    invariant(!this.full, 'an append was sent beyond the window');
    const at = this.#position(this.#count);
    this.#lastIndexes[at] = lastIndex;
    this.#sizes[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Everything up to `index` has been answered. */
  freeUpTo(index: Index): void {
    while (this.#count > 0 && (this.#lastIndexes[this.#start] as number) <= index) {
      this.#bytes -= this.#sizes[this.#start] as number;
      this.#start = this.#position(1);
      this.#count--;
    }
  }

  clear(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #position(offset: number): number {
    return (this.#start + offset) % this.#messagesMax;
  }
}
