/**
 * raft.db in memory, with the same promises, for tests and for the simulator. What is on the "disk" is a plain object that a
 * new store can be opened on, as a process opens a file after a crash.
 */
import { QuorateError } from '../../messaging/errors.js';
import { invariant } from '../raft/invariant.js';
import type { Entry, HardState, Index, LogDebt, Term } from '../raft/types.js';
import { damagedEntry, dataBytesOf } from './entry-codec.js';
import {
  blankCompactionPoint,
  blankHardState,
  checkEntries,
  checkHardState,
  debtAfter,
  refuseOther,
} from './log-rules.js';
import type { InstallCommit } from './raft-store.js';
import type { CompactionPoint, Identity, PersistBatch, RaftStore, RemovedMark } from './types.js';

/** What survives. Entries lie from `point.index + 1` on; null stands for one that has rotted. */
export interface RaftDisk {
  entries: (Entry | null)[];
  hardState: HardState;
  point: CompactionPoint;
  identity: Identity | null;
  incarnation: number;
  removed: RemovedMark | null;
  debt: LogDebt | null;
  damaged: string | null;
}

export const blankRaftDisk = (): RaftDisk => ({
  entries: [],
  hardState: blankHardState,
  point: blankCompactionPoint,
  identity: null,
  incarnation: 0,
  removed: null,
  debt: null,
  damaged: null,
});

export class MemoryRaftStore implements RaftStore {
  readonly #disk: RaftDisk;
  /** Called before each write: what it throws is what the disk answers. */
  readonly #beforeWrite: () => void;
  #hardState: HardState;

  constructor(disk: RaftDisk = blankRaftDisk(), beforeWrite: () => void = () => undefined) {
    this.#disk = disk;
    this.#beforeWrite = beforeWrite;
    this.#hardState = disk.hardState;
    disk.incarnation += 1;
  }

  firstIndex(): Index {
    return this.#disk.point.index + 1;
  }

  lastIndex(): Index {
    return this.#disk.point.index + this.#disk.entries.length;
  }

  term(index: Index): Term | undefined {
    if (index === this.#disk.point.index) return this.#disk.point.term;
    return index < this.firstIndex() || index > this.lastIndex() ? undefined : this.#read(index).term;
  }

  entries(low: Index, high: Index, bytesMax: number): readonly Entry[] | undefined {
    if (low < this.firstIndex()) return undefined;
    const found: Entry[] = [];
    let bytes = 0;
    for (let index = low; index < Math.min(high, this.lastIndex() + 1); index++) {
      const entry = this.#read(index);
      bytes += dataBytesOf(entry);
      if (found.length > 0 && bytes > bytesMax) break;
      found.push(entry);
    }
    return found;
  }

  compactionPoint(): CompactionPoint {
    return this.#disk.point;
  }

  hardState(): HardState {
    return this.#hardState;
  }

  identity(): Identity | null {
    return this.#disk.identity;
  }

  incarnation(): number {
    return this.#disk.incarnation;
  }

  debt(): LogDebt | null {
    return this.#disk.debt;
  }

  dropDamagedFrom(index: Index): void {
    invariant(
      index > this.#hardState.commit && index <= this.lastIndex(),
      () => `entry ${index} is not one that may be dropped (${this.#hardState.commit} to ${this.lastIndex()})`,
    );
    this.#beforeWrite();
    this.#disk.debt = debtAfter(this.#disk.debt, this.#hardState, this.lastIndex());
    this.#disk.entries.length = index - this.firstIndex();
    this.#disk.hardState = this.#hardState;
  }

  markDamaged(sentence: string): void {
    this.#beforeWrite();
    this.#disk.damaged = sentence;
  }

  removedMark(): RemovedMark | null {
    return this.#disk.removed;
  }

  persist(batch: PersistBatch): void {
    const { entries = [], hardState = this.#hardState } = batch;
    checkEntries(entries, { ...this.#bounds(), commit: this.#hardState.commit });
    checkHardState(hardState, this.#hardState, entries.at(-1)?.index ?? this.lastIndex());
    const promised = hardState.term !== this.#hardState.term || hardState.vote !== this.#hardState.vote;
    if (entries.length > 0 || promised) this.#beforeWrite();
    this.#hardState = hardState;
    const first = entries[0];
    if (first === undefined && !promised) return;
    if (first !== undefined)
      this.#disk.entries.splice(first.index - this.firstIndex(), Number.POSITIVE_INFINITY, ...entries);
    this.#disk.hardState = hardState;
  }

  setIdentity(identity: Identity): void {
    refuseOther(this.#disk.identity, identity);
    this.#beforeWrite();
    this.#disk.identity = identity;
  }

  markRemoved(mark: RemovedMark): void {
    this.#beforeWrite();
    this.#disk.removed = mark;
  }

  damagedEntries(): readonly Index[] {
    return this.#disk.entries.flatMap((entry, at) => (entry === null ? [this.firstIndex() + at] : [])).slice(0, 100);
  }

  sizeBytes(): number {
    return this.#disk.entries.reduce((sum, entry) => sum + (entry === null ? 0 : dataBytesOf(entry)), 0);
  }

  /** What an install changes here, at once. */
  commitInstall(commit: Omit<InstallCommit, 'pending'>): void {
    const { point, identity, entries = [] } = commit;
    const hardState = commit.hardState ?? { ...this.#hardState, commit: Math.max(this.#hardState.commit, point.index) };
    if (identity !== undefined) refuseOther(this.#disk.identity, identity);
    invariant(point.index >= this.#hardState.commit, 'a snapshot would undo what is committed');
    checkEntries(entries, { compacted: point.index, lastIndex: point.index, commit: point.index });
    checkHardState(hardState, { ...this.#hardState, commit: point.index }, entries.at(-1)?.index ?? point.index);
    Object.assign(this.#disk, { entries: [...entries], hardState, point, identity: identity ?? this.#disk.identity });
    this.#hardState = hardState;
  }

  /** What an exchange of the model alone asks for. */
  checkExchange(index: Index, term: Term): void {
    invariant(
      this.term(index) === term && index <= this.#hardState.commit,
      () => `a model at ${index} of term ${term} does not fit the log`,
    );
  }

  /** Drops entries up to `target`; its term is read from the log. */
  compact(target: CompactionPoint): Index {
    const through = Math.min(target.index, this.lastIndex());
    if (through < this.firstIndex()) return this.firstIndex();
    const point = { index: through, term: this.#read(through).term, timeline: target.timeline };
    this.#disk.entries.splice(0, through - this.#disk.point.index);
    this.#disk.point = point;
    return this.firstIndex();
  }

  /** Lets an entry rot: reading it fails from now on. */
  rot(index: Index): void {
    if (index < this.firstIndex() || index > this.lastIndex())
      throw new QuorateError('not-found', `There is no entry ${index}.`);
    this.#disk.entries[index - this.firstIndex()] = null;
  }

  #bounds(): { readonly compacted: Index; readonly lastIndex: Index } {
    return { compacted: this.#disk.point.index, lastIndex: this.lastIndex() };
  }

  #read(index: Index): Entry {
    const entry = this.#disk.entries[index - this.firstIndex()];
    if (entry === null || entry === undefined) throw damagedEntry(index, 'its checksum does not fit');
    return entry;
  }
}
