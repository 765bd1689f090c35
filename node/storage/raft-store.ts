/**
 * raft.db: the log and what this member has promised. Every write is one transaction with one sync (`synchronous=FULL`), and
 * is durable when the call returns. See docs/storage.md for why it runs on the main thread, with the figures.
 */

import { QuorateError } from '../../messaging/errors.js';
import { invariant } from '../raft/invariant.js';
import type { Entry, HardState, Index, LogDebt, Term } from '../raft/types.js';
import { type Connection, openDatabase, settingsOf, toStorageError, translate } from './database.js';
import { EntryCache } from './entry-cache.js';
import { damagedEntry, dataBytesOf, type EntryRow, fromRow, toRow } from './entry-codec.js';
import { sizeOf } from './files.js';
import {
  blankCompactionPoint,
  blankHardState,
  checkEntries,
  checkHardState,
  debtAfter,
  refuseOther,
} from './log-rules.js';
import { raftSchema } from './schema.js';
import { StateRows, type StateValue } from './state-rows.js';
import type { CompactionPoint, Identity, PersistBatch, RaftStore, RemovedMark } from './types.js';

export interface RaftStoreOptions {
  /** Bytes of the newest entries that are kept in memory. */
  readonly cacheBytesMax?: number;
  /** Give the write-ahead log its full size at once: see `layOutLog` in database.ts. */
  readonly layOutLog?: boolean;
}

export const cacheBytesMaxDefault = 4 << 20;
const damagedListMax = 100;

export type PendingInstall = StateValue<'install'>;

/** Everything that one install changes in raft.db. */
export interface InstallCommit extends PersistBatch {
  readonly point: CompactionPoint;
  readonly pending: PendingInstall;
  readonly identity?: Identity;
}

/** What the beginning of standalone changes in raft.db. */
export interface StandaloneCommit {
  readonly identity: Identity;
  readonly pending: PendingInstall;
}

export class SqliteRaftStore implements RaftStore {
  readonly #path: string;
  readonly #database: Connection;
  readonly #cache: EntryCache;
  readonly #state: StateRows;
  readonly #statements;
  readonly #inTransaction;
  #hardState: HardState;
  /** The commit index has moved on since the hard state was last written. */
  #commitUnwritten = false;
  #point: CompactionPoint;
  #lastIndex: Index;
  readonly #incarnation: number;
  #identity: Identity | null;
  #standalone: boolean;

  constructor(path: string, options: RaftStoreOptions = {}) {
    this.#path = path;
    this.#database = openDatabase(path, raftSchema, { synchronous: 'FULL', layOutLog: options.layOutLog });
    this.#cache = new EntryCache(options.cacheBytesMax ?? cacheBytesMaxDefault);
    this.#state = new StateRows(this.#database);
    this.#statements = prepare(this.#database);
    this.#inTransaction = this.#database.transaction((work: () => void) => work()).immediate;
    this.#hardState = this.#state.get('hardState') ?? blankHardState;
    this.#point = this.#state.get('compactionPoint') ?? blankCompactionPoint;
    this.#identity = this.#state.get('identity') ?? null;
    this.#standalone = this.#state.get('standalone') ?? false;
    this.#lastIndex = this.#readLastIndex();
    this.#incarnation = (this.#state.get('incarnation') ?? 0) + 1;
    this.#write(() => this.#state.put('incarnation', this.#incarnation));
  }

  // ------------------------------------------------------------------------------------------------------------- reading

  firstIndex(): Index {
    return this.#point.index + 1;
  }

  lastIndex(): Index {
    return this.#lastIndex;
  }

  term(index: Index): Term | undefined {
    if (index === this.#point.index) return this.#point.term;
    if (index < this.#point.index || index > this.#lastIndex) return undefined;
    return (this.#cache.get(index) ?? this.#read(index)).term;
  }

  entries(low: Index, high: Index, bytesMax: number): readonly Entry[] | undefined {
    if (low <= this.#point.index) return undefined;
    const end = Math.min(high, this.#lastIndex + 1);
    const cached = this.#cache.firstIndex;
    return cached !== undefined && low >= cached
      ? this.#fromCache(low, end, bytesMax)
      : this.#fromDisk(low, end, bytesMax);
  }

  compactionPoint(): CompactionPoint {
    return this.#point;
  }

  hardState(): HardState {
    return this.#hardState;
  }

  identity(): Identity | null {
    return this.#identity;
  }

  incarnation(): number {
    return this.#incarnation;
  }

  removedMark(): RemovedMark | null {
    return this.#state.get('removed') ?? null;
  }

  standalone(): boolean {
    return this.#standalone;
  }

  pendingInstall(): PendingInstall | undefined {
    return this.#state.get('install');
  }

  debt(): LogDebt | null {
    return this.#state.get('debt') ?? null;
  }

  /** Of the entries after `index`, the first whose checksum does not fit or that is missing. */
  firstDamagedAfter(index: Index): Index | undefined {
    let expected = index + 1;
    try {
      for (const row of this.#statements.between.iterate(expected, this.#lastIndex + 1)) {
        if (row[0] !== expected) return expected;
        fromRow(row);
        expected += 1;
      }
    } catch (error) {
      if (error instanceof QuorateError && error.code === 'damaged') return expected;
      throw toStorageError(error, this.#path);
    }
    return expected <= this.#lastIndex ? expected : undefined;
  }

  damagedEntries(): readonly Index[] {
    return damagedEntriesOf(this.#database, this.#point.index, this.#lastIndex);
  }

  /** Whether a commit is synced, as SQLite itself says. */
  settings(): ReturnType<typeof settingsOf> {
    return settingsOf(this.#database);
  }

  sizeBytes(): number {
    return sizeOf(this.#path) + sizeOf(`${this.#path}-wal`);
  }

  // ------------------------------------------------------------------------------------------------------------- writing

  persist(batch: PersistBatch): void {
    const entries = batch.entries ?? [];
    const lastIndex = entries.at(-1)?.index ?? this.#lastIndex;
    checkEntries(entries, { compacted: this.#point.index, lastIndex: this.#lastIndex, commit: this.#hardState.commit });
    if (batch.hardState !== undefined) checkHardState(batch.hardState, this.#hardState, lastIndex);
    const next = batch.hardState ?? this.#hardState;
    const promised = next.term !== this.#hardState.term || next.vote !== this.#hardState.vote;
    const commitUnwritten = this.#commitUnwritten || next.commit !== this.#hardState.commit;
    if (entries.length === 0 && !promised) {
      this.#hardState = next;
      this.#commitUnwritten = commitUnwritten;
      return;
    }
    this.#write(() => {
      this.#writeEntries(entries);
      if (promised || commitUnwritten) this.#state.put('hardState', next);
    });
    this.#hardState = next;
    this.#commitUnwritten = false;
    this.#lastIndex = lastIndex;
    this.#cache.append(entries);
  }

  dropDamagedFrom(index: Index): void {
    invariant(
      index > this.#hardState.commit && index <= this.#lastIndex,
      () => `entry ${index} is not one that may be dropped (${this.#hardState.commit} to ${this.#lastIndex})`,
    );
    const debt = debtAfter(this.debt(), this.#hardState, this.#lastIndex);
    this.#write(() => {
      this.#statements.deleteFrom.run(index);
      this.#state.put('debt', debt);
      this.#state.put('hardState', this.#hardState);
    });
    this.#commitUnwritten = false;
    this.#lastIndex = index - 1;
    this.#cache.truncateFrom(index);
  }

  markDamaged(sentence: string): void {
    this.#write(() => this.#state.put('damaged', { sentence }));
  }

  setIdentity(identity: Identity): void {
    refuseOther(this.#identity, identity);
    this.#write(() => this.#state.put('identity', identity));
    this.#identity = identity;
  }

  markRemoved(mark: RemovedMark): void {
    this.#write(() => this.#state.put('removed', mark));
  }

  /** The commit of an install: from here on the log begins at the snapshot, and the model must follow. */
  commitInstall(commit: InstallCommit): void {
    const { point, identity, entries = [] } = commit;
    const hardState = commit.hardState ?? { ...this.#hardState, commit: Math.max(this.#hardState.commit, point.index) };
    if (identity !== undefined) refuseOther(this.#identity, identity);
    invariant(
      point.index >= this.#hardState.commit,
      () => `a snapshot at ${point.index} would undo what is committed (up to ${this.#hardState.commit})`,
    );
    checkEntries(entries, { compacted: point.index, lastIndex: point.index, commit: point.index });
    checkHardState(hardState, { ...this.#hardState, commit: point.index }, entries.at(-1)?.index ?? point.index);
    this.#write(() => {
      this.#statements.deleteAll.run();
      for (const entry of entries) this.#statements.insert.run(...toRow(entry));
      this.#state.put('compactionPoint', point);
      this.#state.put('hardState', hardState);
      this.#state.put('install', commit.pending);
      this.#state.delete('standalone');
      if (identity !== undefined) this.#state.put('identity', identity);
    });
    this.#standalone = false;
    this.#identity = identity ?? this.#identity;
    this.#point = point;
    this.#hardState = hardState;
    this.#commitUnwritten = false;
    this.#lastIndex = entries.at(-1)?.index ?? point.index;
    this.#cache.clear();
    this.#cache.append(entries);
  }

  /**
   * The commit of a beginning without a log: what was promised as a member ends with it. Its term is kept in the model's meta,
   * so that a later log goes on above it.
   */
  commitStandalone({ identity, pending }: StandaloneCommit): void {
    refuseOther(this.#identity, identity);
    this.#write(() => {
      this.#statements.deleteAll.run();
      this.#state.delete('compactionPoint');
      this.#state.delete('hardState');
      this.#state.put('standalone', true);
      this.#state.put('identity', identity);
      this.#state.put('install', pending);
    });
    this.#identity = identity;
    this.#standalone = true;
    this.#point = blankCompactionPoint;
    this.#hardState = blankHardState;
    this.#commitUnwritten = false;
    this.#lastIndex = 0;
    this.#cache.clear();
  }

  /** The commit of an exchange of the model alone: the log stays as it is, and the model must follow. */
  commitExchange(pending: PendingInstall): void {
    const { index, term } = pending;
    const held = this.term(index);
    invariant(
      held === term && index <= this.#hardState.commit,
      () => `a model at ${index} of term ${term} does not fit the log, which has term ${held ?? 'none'} there`,
    );
    this.#write(() => {
      this.#state.put('install', pending);
      // The model is about to show that so much was committed.
      this.#state.put('hardState', this.#hardState);
    });
    this.#commitUnwritten = false;
  }

  /** The model is in its place: the install is done. */
  finishInstall(): void {
    this.#write(() => this.#state.delete('install'));
  }

  /** Drops at most `rowsMax` of the oldest entries, up to `target`; returns the first index that is left. */
  compactSlice(target: CompactionPoint, rowsMax: number): Index {
    const through = Math.min(target.index, this.#point.index + rowsMax);
    if (through <= this.#point.index) return this.firstIndex();
    const term = this.term(through);
    if (term === undefined) throw damagedEntry(through, 'it is not there');
    const point = { index: through, term, timeline: target.timeline };
    this.#write(() => {
      this.#statements.deleteThrough.run(through);
      this.#state.put('compactionPoint', point);
    });
    this.#point = point;
    return this.firstIndex();
  }

  close(): void {
    try {
      if (this.#commitUnwritten) this.#write(() => this.#state.put('hardState', this.#hardState));
    } catch {
      // The commit index is learned again: an orderly end only saves the asking.
    }
    this.#database.close();
  }

  // ------------------------------------------------------------------------------------------------------------- helpers

  #writeEntries(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first !== undefined && first.index <= this.#lastIndex) this.#statements.deleteFrom.run(first.index);
    for (const entry of entries) this.#statements.insert.run(...toRow(entry));
  }

  #write(work: () => void): void {
    try {
      this.#inTransaction(work);
    } catch (error) {
      throw toStorageError(error, this.#path);
    }
  }

  #readLastIndex(): Index {
    const { first, last } = this.#statements.range.get() ?? { first: null, last: null };
    if (first === null || last === null) return this.#point.index;
    if (first !== this.#point.index + 1) throw damagedEntry(this.#point.index + 1, 'it is not there');
    return last;
  }

  #read(index: Index): Entry {
    const row = translate(this.#path, () => this.#statements.one.get(index));
    if (row === undefined) throw damagedEntry(index, 'it is not there');
    return fromRow(row);
  }

  #fromCache(low: Index, end: Index, bytesMax: number): readonly Entry[] {
    const found: Entry[] = [];
    let bytes = 0;
    for (let index = low; index < end; index++) {
      const entry = this.#cache.get(index) ?? this.#read(index);
      bytes += dataBytesOf(entry);
      if (found.length > 0 && bytes > bytesMax) break;
      found.push(entry);
    }
    return found;
  }

  #fromDisk(low: Index, end: Index, bytesMax: number): readonly Entry[] {
    return translate(this.#path, () => {
      const found: Entry[] = [];
      let bytes = 0;
      for (const row of this.#statements.between.iterate(low, end)) {
        bytes += row[3].length;
        if (found.length > 0 && bytes > bytesMax) return found;
        const expected = low + found.length;
        if (row[0] !== expected) throw damagedEntry(expected, 'it is not there');
        found.push(fromRow(row));
      }
      if (found.length < end - low) throw damagedEntry(low + found.length, 'it is not there');
      return found;
    });
  }
}

function prepare(database: Connection) {
  const columns = 'idx, term, type, data, crc';
  return {
    insert: database.prepare<EntryRow>(`INSERT INTO entries (${columns}) VALUES (?, ?, ?, ?, ?)`),
    deleteFrom: database.prepare<[number]>('DELETE FROM entries WHERE idx >= ?'),
    deleteThrough: database.prepare<[number]>('DELETE FROM entries WHERE idx <= ?'),
    deleteAll: database.prepare<[]>('DELETE FROM entries'),
    one: database.prepare<[number], EntryRow>(`SELECT ${columns} FROM entries WHERE idx = ?`).raw(),
    between: database
      .prepare<[number, number], EntryRow>(`SELECT ${columns} FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx`)
      .raw(),
    range: database.prepare<[], { first: number | null; last: number | null }>(
      'SELECT (SELECT idx FROM entries ORDER BY idx LIMIT 1) AS first, (SELECT idx FROM entries ORDER BY idx DESC LIMIT 1) AS last',
    ),
  };
}

/** Indexes in (`compacted`, `lastIndex`] whose entry is missing or does not fit its checksum, the first hundred. */
export function damagedEntriesOf(database: Connection, compacted: Index, lastIndex: Index): readonly Index[] {
  const damaged: Index[] = [];
  let expected = compacted + 1;
  const missing = (end: Index) => {
    for (; expected < end && damaged.length < damagedListMax; expected++) damaged.push(expected);
  };
  for (const row of database
    .prepare<[], EntryRow>('SELECT idx, term, type, data, crc FROM entries ORDER BY idx')
    .raw()
    .iterate()) {
    missing(row[0]);
    if (damaged.length >= damagedListMax) return damaged;
    try {
      fromRow(row);
    } catch {
      damaged.push(row[0]);
    }
    expected = row[0] + 1;
  }
  missing(lastIndex + 1);
  return damaged;
}
