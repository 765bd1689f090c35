/**
 * What the state machine needs of its storage. It is defined here, by its consumer; `node/storage` implements it on SQLite
 * and `memory-store.ts` in memory, and both pass the same contract tests.
 *
 * Everything is synchronous. All that is applied from one batch of log entries happens inside one `transaction`: either all
 * of it is there after a crash, with the position that it leads to, or none. Values that were handed in or out are never
 * changed afterwards by either side, so an implementation in memory need not copy.
 *
 * Ids, kinds and keys are ASCII, so that ordering by code unit (JavaScript) and by byte (SQLite `BINARY`) is the same order.
 */
import type { Entity, Member, Operation, Position, Timeline } from '../../messaging/index.js';
import type { Configuration } from '../raft/index.js';

/** Where the model stands and what belongs to no entity. Written once for each batch. */
export interface ModelMeta {
  /** Made when the cluster was first initialised; never changes. */
  readonly clusterId: string;
  /**
   * The timeline with which the log began that the model is applied from: at bootstrap, at recovery, or when a cluster is
   * begun on a file. A restore into a running cluster begins a new timeline in the same log, and leaves this as it is. Who
   * stands on another log can share no entry with us.
   */
  readonly logTimeline: Timeline;
  /** The last entry that is applied. */
  readonly position: Position;
  /** Term of that entry; where the index type is `legacy`, the last one that was given in a cluster before, else 0. */
  readonly term: number;
  readonly configuration: Configuration;
  /** Index of the last entry that changed who the members are or what is known of them: the version of routers' lists. */
  readonly membersIndex: number;
  /** Index of the last change of an entity in this timeline; 0 where there is none yet. */
  readonly lastChangeIndex: number;
  /** The journal holds every change and every outcome with an index greater than this one. */
  readonly journalStart: number;
  /** The highest legacy index ever given before this timeline, so that one given later goes on above it; absent: none was. */
  readonly legacyIndexMax?: number;
  /** Id of the operation (a restore, a migration) during which changes of entities are refused with `paused`. */
  readonly writesPausedBy?: string;
}

export interface EntityReference {
  readonly kind: string;
  readonly id: string;
}

/** One change of an entity, remembered with the request that asked for it. */
export interface ChangeRow {
  readonly index: number;
  readonly requestId: string;
  readonly type: 'created' | 'updated' | 'deleted';
  /** Index of the change before it in the same timeline; 0 where there is none. */
  readonly previousIndex: number;
  /** After the change; for a deletion, what it was. */
  readonly entity: Entity;
  /** Who asked, and when, in milliseconds since 1970 by the clock of the leader that took it. */
  readonly by: string;
  readonly at: number;
}

/** A request that was refused when its turn came. It changed nothing, but its outcome is as final as a change. */
export interface RefusalRow {
  readonly index: number;
  readonly requestId: string;
  readonly type: 'refused';
  readonly code: string;
  readonly message: string;
}

export type JournalRow = ChangeRow | RefusalRow;

/** `revision` counts the writes of the record, from 1: the runner of an operation writes by compare-and-set. */
export interface OperationRecord {
  readonly revision: number;
  readonly operation: Operation;
}

/** A feature gate that is raised: see `gates.ts`. */
export interface GateRecord {
  /** The protocol version that brought the feature. */
  readonly version: number;
  /** The entry that raised it, and when, by the clock of the leader of that time. */
  readonly index: number;
  readonly at: number;
}

/** What is kept beside the entities, by bucket. */
export interface RecordTypes {
  /** Keyed by the controller's id. */
  readonly member: Member;
  /** Keyed by the operation's id. */
  readonly operation: OperationRecord;
  /** Keyed by the gate's name. */
  readonly gate: GateRecord;
}
export type RecordBucket = keyof RecordTypes;
export const recordBuckets = ['member', 'operation', 'gate'] as const satisfies readonly RecordBucket[];

export interface ListOptions {
  /** Ids greater than this one; absent: from the first. */
  readonly after?: string;
  /** Ids up to and including this one; absent: to the last. */
  readonly through?: string;
  readonly limit: number;
  /** None is read after the one with which what was read comes to so many bytes. */
  readonly bytesMax?: number;
  /** Only entities whose id or name holds this text; letters A-Z and a-z count as equal. */
  readonly filter?: string;
}

export interface ModelStore {
  /** Undefined on a blank controller. */
  meta(): ModelMeta | undefined;
  putMeta(meta: ModelMeta): void;

  get(kind: string, id: string): Entity | undefined;
  /** Names are unique in their kind. */
  idOfName(kind: string, name: string): string | undefined;
  /** The caller has seen that neither id nor name is there; an implementation may throw otherwise. */
  insert(entity: Entity, references: readonly EntityReference[]): void;
  /** Replaces the entity with this kind and id, and what it refers to. */
  replace(entity: Entity, references: readonly EntityReference[]): void;
  /** Also removes what it refers to. */
  delete(kind: string, id: string): void;
  /** In the order of their ids. */
  list(kind: string, options: ListOptions): readonly Entity[];
  /**
   * The id of the entity that is `count` further than `after` in the order of ids: what lies between is so much work to look
   * through. Undefined where there are fewer.
   */
  idFurther(kind: string, after: string, count: number): string | undefined;
  /** Only kinds of which there is at least one. */
  countsByKind(): Readonly<Record<string, number>>;
  /** Who refers to this entity, ordered by kind and id; at most `limit`. */
  referrers(kind: string, id: string, limit: number): readonly EntityReference[];

  appendJournal(row: JournalRow): void;
  outcomeOf(requestId: string): JournalRow | undefined;
  /** Changes (not refusals) with an index greater than this one, oldest first; `bytesMax` as in {@link ListOptions}. */
  changesAfter(index: number, limit: number, bytesMax?: number): readonly ChangeRow[];
  /** All rows with an index greater than this one, oldest first. */
  journalAfter(index: number, limit: number): readonly JournalRow[];
  /** Deletes the rows with an index up to and including this one. */
  pruneJournal(throughIndex: number): void;

  record<Bucket extends RecordBucket>(bucket: Bucket, key: string): RecordTypes[Bucket] | undefined;
  putRecord<Bucket extends RecordBucket>(bucket: Bucket, key: string, value: RecordTypes[Bucket]): void;
  deleteRecord(bucket: RecordBucket, key: string): void;
  /** In the order of their keys. The number of records in a bucket is bounded by those who write them. */
  records<Bucket extends RecordBucket>(
    bucket: Bucket,
  ): readonly { readonly key: string; readonly value: RecordTypes[Bucket] }[];

  /** Everything that `work` writes, or, when it throws, nothing. Not nested. */
  transaction<Result>(work: () => Result): Result;
}

/** Lower case for A-Z only, as SQLite's `lower`: what `filter` compares by. */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The order of ids, kinds and keys. */
export function byCodeUnit(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
