/** A member's log and hard state as they are on disk: only what `store` was given survives a crash. */
import type { Entry, HardState, Index, LogDebt, LogStore, Ready, Term } from '../../../node/raft/index.js';

export class Disk implements LogStore {
  hard: HardState = { term: 0, vote: '', commit: 0 };
  debt: LogDebt | undefined;
  #baseIndex: Index = 0;
  #baseTerm: Term = 0;
  #entries: Entry[] = [];

  firstIndex(): Index {
    return this.#baseIndex + 1;
  }

  lastIndex(): Index {
    return this.#baseIndex + this.#entries.length;
  }

  term(index: Index): Term | undefined {
    return index === this.#baseIndex ? this.#baseTerm : this.#entries[index - this.#baseIndex - 1]?.term;
  }

  entries(low: Index, high: Index, bytesMax: number): readonly Entry[] | undefined {
    if (low <= this.#baseIndex) return undefined;
    const found: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#entries.slice(low - this.#baseIndex - 1, high - this.#baseIndex - 1)) {
      bytes += entry.type === 'normal' ? entry.data.length : 0;
      if (bytes > bytesMax && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  /** One transaction. */
  store({ snapshot, entries, hardState }: Pick<Ready, 'snapshot' | 'entries' | 'hardState'>): void {
    if (snapshot) {
      this.#baseIndex = snapshot.index;
      this.#baseTerm = snapshot.term;
      this.#entries = [];
    }
    const first = entries[0];
    if (first) {
      this.#entries.length = first.index - this.#baseIndex - 1;
      this.#entries.push(...entries);
    }
    if (hardState) this.hard = hardState;
  }

  /** Damaged entries from here on are dropped; what they may have promised is noted. */
  lose(index: Index): void {
    this.debt = { index: Math.max(this.lastIndex(), this.debt?.index ?? 0), term: this.hard.term };
    this.#entries.length = index - this.#baseIndex - 1;
  }

  /** Drops entries up to `index`. */
  compact(index: Index): void {
    const term = this.term(index);
    if (index <= this.#baseIndex || term === undefined) return;
    this.#entries = this.#entries.slice(index - this.#baseIndex);
    this.#baseIndex = index;
    this.#baseTerm = term;
  }
}
