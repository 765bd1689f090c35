/**
 * Where the state machine keeps what it knows. The interface belongs to the model; storage implements it, on SQLite and in
 * memory. All calls are synchronous; everything that changes something runs inside `transaction`, together with the position
 * that it leads to, so that a copy of the data always says where it stands.
 */
import type { Position } from '../../messaging/position.js';
import type { Entity, ModelChange } from '../../messaging/schemas/model.js';
import type { Configuration, Index, Term } from '../raft/types.js';

/** Where the model stands, and what goes with that. A blank model has nulls, term 0 and no members. */
export interface ModelMeta {
  readonly clusterId: string | null;
  readonly position: Position | null;
  /** Term of the entry at `position.index`. */
  readonly term: Term;
  readonly configuration: Configuration;
}

/** What one applied command left behind: for the answer to a retried request, and for routers that missed the event. */
export interface JournalRow {
  readonly index: Index;
  /** Null where the command came without one. */
  readonly requestId: string | null;
  /** Null where nothing changed (a command that was refused keeps its answer here too). */
  readonly change: Pick<ModelChange, 'previousIndex' | 'type' | 'entity'> | null;
  /** What the request was answered: anything that JSON can hold. */
  readonly result: unknown;
}

export type ChangeRow = JournalRow & { readonly change: NonNullable<JournalRow['change']> };

/** Small replicated records that are not entities, such as `members`, `operations`, `facts`: any JSON value by bucket and key. */
export interface KeyedRecord {
  readonly key: string;
  readonly value: unknown;
}

export interface ListEntitiesOptions {
  /** Ids greater than this one, in the order of their bytes. */
  readonly after?: string;
  readonly limit: number;
  /** Only entities whose id or name holds this text; upper and lower case of A to Z are the same. */
  readonly filter?: string;
}

export interface ModelReader {
  meta(): ModelMeta;
  getEntity(kind: string, id: string): Entity | undefined;
  getEntityByName(kind: string, name: string): Entity | undefined;
  /** In the order of the ids' bytes. */
  listEntities(kind: string, options: ListEntitiesOptions): readonly Entity[];
  /** Kinds without entities are absent. Kept in memory: cheap. */
  countByKind(): Readonly<Record<string, number>>;
  journalByRequestId(requestId: string): JournalRow | undefined;
  /** Rows with a change, after `index`, oldest first. */
  changesAfter(index: Index, limit: number): readonly ChangeRow[];
  /** The lowest and highest index in the journal, and that of the last change (0: none); null while it is empty. */
  journalRange(): { readonly first: Index; readonly last: Index } | null;
  getRecord(bucket: string, key: string): unknown;
  /** In the order of the keys' bytes. */
  listRecords(bucket: string): readonly KeyedRecord[];
}

export interface ModelStore extends ModelReader {
  /** Runs `work` as one unit: all of it is there afterwards, or, where it throws, nothing. Not nested. */
  transaction<Result>(work: () => Result): Result;
  /** Changes what is named. Inside a transaction: call it once at its end, not once for each entry. */
  setMeta(changed: Partial<ModelMeta>): void;
  /** Throws where the id or the name is taken in its kind: the caller has checked. */
  insertEntity(entity: Entity): void;
  /** Throws where there is none with its kind and id, or the name is taken. */
  updateEntity(entity: Entity): void;
  /** Throws where there is none. */
  deleteEntity(kind: string, id: string): void;
  /** Indexes rise; a request id occurs once. */
  appendJournal(row: JournalRow): void;
  /** Deletes all rows up to and including `index`. */
  pruneJournal(index: Index): void;
  putRecord(bucket: string, key: string, value: unknown): void;
  deleteRecord(bucket: string, key: string): void;
}
