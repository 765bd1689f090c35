/**
 * Changes that lie ahead of what a router holds, in the order of their indexes, each once. Immutable to whoever has one, and
 * cheap to add to at its end, which is where nearly all belong: a router that fetches what it misses while changes go on
 * keeps each of them, and a copy of a thousand for each would cost it more than applying it, just when it has most to do.
 */
import type { ModelChange } from '../schemas/model.js';

export class ChangeBuffer {
  /** Shared by buffers that were made from each other; only what lies within `from` and `to` belongs to this one. */
  readonly #store: ModelChange[];
  readonly #from: number;
  readonly #to: number;

  constructor(store: ModelChange[] = [], from = 0, to = store.length) {
    this.#store = store;
    this.#from = from;
    this.#to = to;
  }

  get size(): number {
    return this.#to - this.#from;
  }

  /** The same buffer where it holds a change of this index already. */
  with(change: ModelChange): ChangeBuffer {
    const { index } = change.position;
    const last = this.#store[this.#to - 1];
    const belongsAtEnd = this.size === 0 || last === undefined || last.position.index < index;
    if (!belongsAtEnd) return this.#withWithin(change);
    // Where another was made from this one and added to, the place is taken: from there on they part.
    if (this.#store.length !== this.#to || this === noChanges) return new ChangeBuffer([...this, change]);
    this.#store.push(change);
    return new ChangeBuffer(this.#store, this.#from, this.#to + 1);
  }

  /** Without its first changes. */
  without(count: number): ChangeBuffer {
    if (count >= this.size) return noChanges;
    const from = this.#from + count;
    // What was dropped is let go when it is most of what is kept.
    if (from * 2 > this.#to) return new ChangeBuffer(this.#store.slice(from, this.#to));
    return new ChangeBuffer(this.#store, from, this.#to);
  }

  *[Symbol.iterator](): Iterator<ModelChange> {
    for (let place = this.#from; place < this.#to; place += 1) {
      const change = this.#store[place];
      if (change !== undefined) yield change;
    }
  }

  #withWithin(change: ModelChange): ChangeBuffer {
    const { index } = change.position;
    const held = [...this];
    const place = held.findLastIndex((each) => each.position.index <= index);
    if (held[place]?.position.index === index) return this;
    return new ChangeBuffer(held.toSpliced(place + 1, 0, change));
  }
}

export const noChanges = new ChangeBuffer();
