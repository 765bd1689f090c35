/**
 * Which request id stands at which index of the journal: in memory, because the ids come in random order and would make an
 * index on disk cost as much as all the rest of a write. The journal's own bound on rows bounds it.
 */
import type { Index } from '../raft/types.js';

export class RequestIndex {
  /** In the order of the journal: a Map keeps the order of insertion. */
  #indexes: Map<string, Index>;
  #appended: string[] = [];
  #pruned: (readonly [string, Index])[] = [];

  constructor(rows: Iterable<readonly [requestId: string, index: Index]>) {
    this.#indexes = new Map(rows);
  }

  get size(): number {
    return this.#indexes.size;
  }

  indexOf(requestId: string): Index | undefined {
    return this.#indexes.get(requestId);
  }

  append(requestId: string, index: Index): void {
    if (this.#indexes.has(requestId)) throw new Error(`the journal holds the request ${requestId} already`);
    this.#indexes.set(requestId, index);
    this.#appended.push(requestId);
  }

  prune(throughIndex: Index): void {
    for (const row of this.#indexes) {
      if (row[1] > throughIndex) return;
      this.#indexes.delete(row[0]);
      this.#pruned.push(row);
    }
  }

  commit(): void {
    this.#appended = [];
    this.#pruned = [];
  }

  rollBack(): void {
    for (const requestId of this.#appended) this.#indexes.delete(requestId);
    if (this.#pruned.length > 0) this.#indexes = new Map([...this.#pruned, ...this.#indexes]);
    this.commit();
  }
}
