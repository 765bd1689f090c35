/**
 * The log as the core sees it: what is on disk (read through `LogStore`), what is on its way there, and what is not yet,
 * as one sequence. A tail of entries stays in memory, also after it is durable, so that sending and applying seldom read.
 *
 *     compacted | durable, in the store only | tail: durable | handed to be written | not handed yet
 *               ^ firstIndex                 ^ tailStart     ^ stable               ^ handed       ^ lastIndex
 */
import { invariant } from './invariant.js';
import type { Entry, Index, LogStore, SnapshotMeta, Term } from './types.js';

/** Beside its data, an entry costs about this much on the wire and in memory; it keeps floods of empty ones bounded. */
const entryOverheadBytes = 32;

export function entryBytes(entry: Entry): number {
  switch (entry.type) {
    case 'normal':
      return entry.data.length + entryOverheadBytes;
    case 'configuration':
      return (entry.change.context?.length ?? 0) + entry.change.changes.length * 64 + entryOverheadBytes;
    case 'empty':
      return entryOverheadBytes;
  }
}

/** A write that was handed to the driver: when Ready `number` is durable, so is the log up to `upTo`. */
interface Write {
  readonly number: number;
  upTo: Index;
  readonly snapshot: SnapshotMeta | undefined;
}

export class RaftLog {
  readonly #store: LogStore;
  readonly #tailBytesMax: number;
  #tail: Entry[] = [];
  #tailStart: Index;
  #tailBytes = 0;
  #last: Index;
  /** As it was when it was appended or opened; asking for it reads nothing. */
  #lastTermSeen: Term;
  #handed: Index;
  #stable: Index;
  #snapshot: SnapshotMeta | undefined;
  #snapshotHanded = false;
  /** At most one for each Ready that is not persisted yet. */
  readonly #writes: Write[] = [];
  #commit: Index;
  /** Handed to be applied. */
  #applying: Index;
  #applied: Index;

  constructor(store: LogStore, commit: Index, applied: Index, tailBytesMax: number) {
    const last = store.lastIndex();
    invariant(
      applied >= store.firstIndex() - 1,
      () => `the state machine stands at ${applied}, and the log begins only at ${store.firstIndex()}`,
    );
    invariant(
      Math.max(commit, applied) <= last,
      () => `${Math.max(commit, applied)} was committed, and the log ends at ${last}: entries were lost`,
    );
    this.#store = store;
    this.#tailBytesMax = tailBytesMax;
    this.#tailStart = last + 1;
    this.#last = last;
    this.#lastTermSeen = last === 0 ? 0 : (store.term(last) ?? 0);
    this.#handed = last;
    this.#stable = last;
    this.#commit = Math.max(commit, applied);
    this.#applying = applied;
    this.#applied = applied;
  }

  get lastIndex(): Index {
    return this.#last;
  }

  get stable(): Index {
    return this.#stable;
  }

  get commit(): Index {
    return this.#commit;
  }

  get applied(): Index {
    return this.#applied;
  }

  get lastTerm(): Term {
    const term = this.term(this.#last);
    invariant(term !== undefined, 'the term of the last entry is not known');
    return term;
  }

  /** For who looks on: it does not fail where the entry has been damaged since. */
  get lastTermSeen(): Term {
    return this.#lastTermSeen;
  }

  get firstIndex(): Index {
    return this.#snapshot ? this.#snapshot.index + 1 : this.#store.firstIndex();
  }

  /** A snapshot is being installed. */
  get restoring(): boolean {
    return this.#snapshot !== undefined;
  }

  term(index: Index): Term | undefined {
    if (index === 0) return 0;
    if (index > this.#last) return undefined;
    if (index >= this.#tailStart) return (this.#tail[index - this.#tailStart] as Entry).term;
    if (this.#snapshot) return index === this.#snapshot.index ? this.#snapshot.term : undefined;
    return this.#store.term(index);
  }

  /** Whether the log holds an entry of this index and term, and so everything before it (the Log Matching Property). */
  matches(index: Index, term: Term): boolean {
    return this.term(index) === term;
  }

  /** Section 3.6.1: a candidate's log is good enough if its last term is later, or the same and it is not shorter. */
  isUpToDate(lastIndex: Index, lastTerm: Term): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.#last);
  }

  /**
   * Entries in [low, high), at least one, then as many as fit. Undefined when `low` is compacted away. May end early where
   * memory and store meet.
   */
  entries(low: Index, high: Index, bytesMax: number): readonly Entry[] | undefined {
    if (low >= high) return [];
    if (low < this.#tailStart) {
      if (this.#snapshot || low < this.#store.firstIndex()) return undefined;
      const stored = this.#store.entries(low, Math.min(high, this.#tailStart), bytesMax);
      invariant(
        stored === undefined || stored[0]?.index === low,
        () => `the store was asked for entry ${low} and gave another`,
      );
      return stored;
    }
    const from = low - this.#tailStart;
    const end = Math.min(high, this.#last + 1) - this.#tailStart;
    let to = from;
    let bytes = 0;
    while (to < end) {
      bytes += entryBytes(this.#tail[to] as Entry);
      if (bytes > bytesMax && to > from) break;
      to++;
    }
    return this.#tail.slice(from, to);
  }

  /** The largest index up to `index` whose term is not later than `term`; terms never fall, so it can be searched for. */
  lastNotAfter(index: Index, term: Term): Index {
    let low = this.firstIndex - 1;
    let high = Math.min(index, this.#last);
    if (high < low) return high;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const there = this.term(middle);
      if (there !== undefined && there > term) high = middle - 1;
      else low = middle;
    }
    return low;
  }

  /** The sum over (from, to]. */
  bytesBetween(from: Index, to: Index): number {
    let sum = 0;
    this.#scan(from, to, (entry) => {
      sum += entryBytes(entry);
      return true;
    });
    return sum;
  }

  /** Whether a change of membership stands in (from, to]. */
  hasConfigurationBetween(from: Index, to: Index): boolean {
    let found = false;
    this.#scan(from, to, (entry) => {
      found = entry.type === 'configuration';
      return !found;
    });
    return found;
  }

  /** Puts entries after what is there; what conflicts with them goes, which must never be committed entries. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (!first) return;
    invariant(first.index <= this.#last + 1, () => `entry ${first.index} would leave a gap after ${this.#last}`);
    invariant(
      first.index > this.#commit,
      () => `entry ${first.index} would replace one that is committed (up to ${this.#commit})`,
    );
    if (first.index <= this.#last) this.#truncate(first.index);
    for (const entry of entries) {
      this.#tail.push(entry);
      this.#tailBytes += entryBytes(entry);
    }
    this.#last += entries.length;
    this.#lastTermSeen = entries.at(-1)?.term ?? first.term;
  }

  /** Figure 2, AppendEntries, receiver 2 to 4. Undefined when the entry before them is not ours. */
  maybeAppend(prevIndex: Index, prevTerm: Term, entries: readonly Entry[]): Index | undefined {
    if (!this.matches(prevIndex, prevTerm)) return undefined;
    const lastNew = prevIndex + entries.length;
    if (prevIndex === this.#last) {
      this.append(entries);
      return lastNew;
    }
    // Only a real conflict may remove anything: the message may be old, and what follows may be acknowledged already.
    const conflict = entries.findIndex((entry) => !this.matches(entry.index, entry.term));
    if (conflict >= 0) this.append(entries.slice(conflict));
    return lastNew;
  }

  /** Never falls. True when it rose. */
  commitTo(index: Index): boolean {
    if (index <= this.#commit) return false;
    invariant(
      index <= this.#last,
      () => `${index} is committed, and the log ends at ${this.#last}: acknowledged entries were lost`,
    );
    this.#commit = index;
    return true;
  }

  /** Replaces everything by a snapshot that is to be installed. */
  restore(snapshot: SnapshotMeta): void {
    invariant(snapshot.index > this.#commit, 'a snapshot would take back what is committed');
    this.#stable = Math.min(this.#stable, this.#commit);
    for (const write of this.#writes) write.upTo = Math.min(write.upTo, this.#commit);
    this.#snapshot = snapshot;
    this.#snapshotHanded = false;
    this.#tail = [];
    this.#tailBytes = 0;
    this.#tailStart = snapshot.index + 1;
    this.#last = snapshot.index;
    this.#lastTermSeen = snapshot.term;
    this.#handed = snapshot.index;
    this.#commit = snapshot.index;
    this.#applying = snapshot.index;
  }

  get hasUnwritten(): boolean {
    return this.#handed < this.#last || (this.#snapshot !== undefined && !this.#snapshotHanded);
  }

  /** What Ready `number` is to store. */
  takeUnwritten(number: number): { readonly entries: readonly Entry[]; readonly snapshot: SnapshotMeta | undefined } {
    if (!this.hasUnwritten) return { entries: [], snapshot: undefined };
    const entries = this.#tail.slice(this.#handed + 1 - this.#tailStart);
    const snapshot = this.#snapshotHanded ? undefined : this.#snapshot;
    this.#handed = this.#last;
    if (snapshot) this.#snapshotHanded = true;
    this.#writes.push({ number, upTo: this.#last, snapshot });
    return { entries, snapshot };
  }

  /** Everything up to and with Ready `number` is durable. */
  persisted(number: number): void {
    for (let write = this.#writes[0]; write && write.number <= number; write = this.#writes[0]) {
      this.#writes.shift();
      this.#stable = Math.max(this.#stable, write.upTo);
      if (write.snapshot && write.snapshot === this.#snapshot) {
        this.#applied = Math.max(this.#applied, write.snapshot.index);
        this.#snapshot = undefined;
      }
    }
  }

  get hasCommitted(): boolean {
    return this.#applying < Math.min(this.#commit, this.#stable);
  }

  /**
   * What may be applied next: committed, and durable *here*; otherwise the state machine could, after a crash, stand at a
   * place that the log has never heard of.
   */
  takeCommitted(bytesMax: number): readonly Entry[] {
    if (!this.hasCommitted) return [];
    const entries = this.entries(this.#applying + 1, Math.min(this.#commit, this.#stable) + 1, bytesMax);
    invariant(
      entries !== undefined && entries.length > 0,
      () => `entry ${this.#applying + 1} is committed, not applied, and gone from the log`,
    );
    this.#applying += entries.length;
    return entries;
  }

  appliedTo(index: Index): void {
    invariant(
      index >= this.#applied && index <= this.#applying,
      () => `applied ${index}, not between ${this.#applied} and ${this.#applying}`,
    );
    this.#applied = index;
    this.#trim();
  }

  #truncate(from: Index): void {
    this.#stable = Math.min(this.#stable, from - 1);
    this.#handed = Math.min(this.#handed, from - 1);
    // A write under way may store what is now replaced: its acknowledgement must not speak for what replaces it.
    for (const write of this.#writes) write.upTo = Math.min(write.upTo, from - 1);
    const keep = from - this.#tailStart;
    if (keep <= 0) {
      this.#tail = [];
      this.#tailBytes = 0;
      this.#tailStart = from;
    } else {
      for (const entry of this.#tail.splice(keep)) this.#tailBytes -= entryBytes(entry);
    }
    this.#last = from - 1;
  }

  /** Forgets the oldest of the tail in one go, and only when it is twice too large: a constant cost for each entry. */
  #trim(): void {
    if (this.#tailBytes <= 2 * this.#tailBytesMax) return;
    const droppable = Math.min(this.#applied, this.#stable) + 1 - this.#tailStart;
    let count = 0;
    while (count < droppable && this.#tailBytes > this.#tailBytesMax) {
      this.#tailBytes -= entryBytes(this.#tail[count] as Entry);
      count++;
    }
    this.#tail.splice(0, count);
    this.#tailStart += count;
  }

  #scan(from: Index, to: Index, visit: (entry: Entry) => boolean): void {
    for (let next = from + 1; next <= to; ) {
      const entries = this.entries(next, to + 1, this.#tailBytesMax);
      invariant(entries !== undefined && entries.length > 0, () => `entry ${next} is gone from the log`);
      for (const entry of entries) {
        if (!visit(entry)) return;
      }
      next += entries.length;
    }
  }
}
