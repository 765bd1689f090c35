/**
 * The newest entries of the log, so that what a leader sends to followers that keep up is never read from disk. Bounded in
 * bytes; the oldest go first. Holds references, no copies: entries are never changed.
 */
import type { Entry, Index } from '../raft/types.js';

/** What an entry costs beside its data. */
const entryOverheadBytes = 64;

export class EntryCache {
  readonly #bytesMax: number;
  #entries: Entry[] = [];
  /** Entries before this place in the array are evicted, and cut off when they make up half of it. */
  #head = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The first index that it holds, or undefined when it is empty. */
  get firstIndex(): Index | undefined {
    return this.#entries[this.#head]?.index;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The entries follow on what is there, or replace it from the first of them on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    this.truncateFrom(first.index);
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#bytes += costOf(entry);
    }
    this.#evict();
  }

  truncateFrom(index: Index): void {
    for (
      let last = this.#entries.at(-1);
      last !== undefined && last.index >= index && this.#entries.length > this.#head;
      last = this.#entries.at(-1)
    ) {
      this.#entries.pop();
      this.#bytes -= costOf(last);
    }
  }

  get(index: Index): Entry | undefined {
    const first = this.firstIndex;
    return first === undefined || index < first ? undefined : this.#entries[this.#head + index - first];
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #evict(): void {
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#entries[this.#head];
      if (oldest === undefined) return;
      this.#bytes -= costOf(oldest);
      this.#head += 1;
    }
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** Configurations are rare and small; counting their encoding here would cost more than it bounds. */
function costOf(entry: Entry): number {
  return entryOverheadBytes + (entry.type === 'normal' ? entry.data.length : 0);
}
