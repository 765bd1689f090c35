/**
 * model.db: the state machine's data, with the position that it stands at in the same transaction. It may be behind raft.db
 * after a crash (`synchronous=NORMAL`: synced when the write-ahead log is folded in, and by `makeDurable`), and is then
 * brought up to date from the log.
 */
import { promises as fs } from 'node:fs';
import { dirname } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import type { Entity } from '../../messaging/schemas/model.js';
import type { HashedModel } from '../model/hash.js';
import type {
  ChangeRow,
  EntityReference,
  JournalRow,
  ListOptions,
  ModelMeta,
  RecordBucket,
  RecordTypes,
} from '../model/store.js';
import { asciiLowerCase } from '../model/store.js';
import { type Connection, openDatabase, settingsOf, toStorageError, translate } from './database.js';
import { sizeOf } from './files.js';
import { metaOf } from './inspect.js';
import { RequestIndex } from './request-index.js';
import type { RecordRow } from './restored-model.js';
import { modelSchema } from './schema.js';
import type { SelfDurableModelStore } from './types.js';

/** Room for the pages of some 100,000 entities. */
const modelOptions = { synchronous: 'NORMAL', cacheKibibytes: 64 << 10 } as const;

/** Rows gathered in one transaction of SQLite; `commit` ends it earlier. */
const gatheredRowsMax = 2_000;

interface JournalColumns {
  readonly idx: number;
  readonly request_id: string;
  readonly type: JournalRow['type'];
  readonly previous_index: number | null;
  readonly entity: string | null;
  readonly asked_by: string | null;
  readonly asked_at: number | null;
  readonly refusal: string | null;
}

/** What a text of ours holds: it comes back as `JSON.stringify` wrote it, or is damaged. */
function parse<Value>(text: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch (error) {
    throw new QuorateError('damaged', 'A row of model.db is damaged: it is no valid JSON.', { cause: error });
  }
}

const parseEntity = (body: string) => parse<Entity>(body);

export class SqliteModelStore implements SelfDurableModelStore {
  /** Told of damage that is met, before it is thrown. */
  onDamage: ((error: QuorateError) => void) | undefined;
  readonly #path: string;
  #database: Connection;
  #statements: ReturnType<typeof prepare>;
  #savepoint: (work: () => unknown) => unknown;
  #meta: ModelMeta | undefined;
  #counts: Map<string, number>;
  #requests = new RequestIndex([]);
  /** Kinds of which an entity has ever referred to something: the others need no look into the table of references. */
  #referring: Set<string>;
  /** The text of the entity that was last written: it goes into the journal as well. */
  #lastEntity: Entity | undefined;
  #lastBody = '';
  /** Whether each commit is synced. */
  #syncCommits = false;
  /** Inside the work of a transaction. */
  #working = false;
  /** Rows of the journal that the open transaction of SQLite has gathered. */
  #gathered = 0;

  constructor(path: string) {
    this.#path = path;
    this.#database = openDatabase(path, modelSchema, modelOptions);
    this.#statements = prepare(this.#database);
    this.#savepoint = savepointOf(this.#database);
    this.#counts = new Map();
    this.#referring = new Set();
    this.#reload();
  }

  // ------------------------------------------------------------------------------------------------------------ meta

  meta(): ModelMeta | undefined {
    return this.#meta;
  }

  putMeta(meta: ModelMeta): void {
    this.#statements.putMeta.run(JSON.stringify(meta));
    this.#meta = meta;
  }

  // -------------------------------------------------------------------------------------------------------- entities

  get(kind: string, id: string): Entity | undefined {
    return this.#read(() => {
      const body = this.#statements.get.get(kind, id);
      return body === undefined ? undefined : parseEntity(body);
    });
  }

  idOfName(kind: string, name: string): string | undefined {
    return this.#read(() => this.#statements.idOfName.get(kind, name));
  }

  insert(entity: Entity, references: readonly EntityReference[]): void {
    this.#statements.insert.run(entity.kind, entity.id, entity.name, this.#bodyOf(entity));
    this.#count(entity.kind, 1);
    this.#putReferences(entity.kind, entity.id, references);
  }

  replace(entity: Entity, references: readonly EntityReference[]): void {
    const { kind, id, name } = entity;
    const body = this.#bodyOf(entity);
    // Most changes keep the name, and then no index needs to be touched.
    const kept = this.#statements.replaceBody.run(body, kind, id, name).changes;
    if (kept === 0 && this.#statements.replace.run(name, body, kind, id).changes === 0) {
      throw new Error(`there is no ${kind} ${id} to replace`);
    }
    this.#dropReferences(entity.kind, entity.id);
    this.#putReferences(entity.kind, entity.id, references);
  }

  delete(kind: string, id: string): void {
    if (this.#statements.delete.run(kind, id).changes !== 1) throw new Error(`there is no ${kind} ${id} to delete`);
    this.#count(kind, -1);
    this.#dropReferences(kind, id);
  }

  list(kind: string, options: ListOptions): readonly Entity[] {
    const { after = '', through = lastId, limit, bytesMax, filter = '' } = options;
    const { list, listFiltered } = this.#statements;
    return this.#read(() => {
      const wanted = { kind, after, through, limit, filter: asciiLowerCase(filter) };
      const statement = filter === '' ? list : listFiltered;
      const bodies =
        bytesMax === undefined ? statement.all(wanted) : upTo(bytesMax, statement.iterate(wanted), lengthOf);
      return bodies.map(parseEntity);
    });
  }

  idFurther(kind: string, after: string, count: number): string | undefined {
    return this.#read(() => this.#statements.idFurther.get(kind, after, count - 1));
  }

  countsByKind(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  referrers(kind: string, id: string, limit: number): readonly EntityReference[] {
    return this.#read(() => this.#statements.referrers.all(kind, id, limit));
  }

  // --------------------------------------------------------------------------------------------------------- journal

  appendJournal(row: JournalRow): void {
    this.#gathered += 1;
    this.#requests.append(row.requestId, row.index);
    if (row.type === 'refused') {
      const refusal = JSON.stringify({ code: row.code, message: row.message });
      this.#statements.appendJournal.run(row.index, row.requestId, row.type, null, null, null, null, refusal);
    } else {
      this.#statements.appendJournal.run(
        row.index,
        row.requestId,
        row.type,
        row.previousIndex,
        this.#bodyOf(row.entity),
        row.by,
        row.at,
        null,
      );
    }
  }

  outcomeOf(requestId: string): JournalRow | undefined {
    const index = this.#requests.indexOf(requestId);
    return index === undefined ? undefined : this.journalAfter(index - 1, 1)[0];
  }

  changesAfter(index: number, limit: number, bytesMax?: number): readonly ChangeRow[] {
    const { changesAfter } = this.#statements;
    const rows = this.#read(() =>
      (bytesMax === undefined
        ? changesAfter.all(index, limit)
        : upTo(bytesMax, changesAfter.iterate(index, limit), ({ entity }) => lengthOf(entity ?? ''))
      ).map(toJournalRow),
    );
    return rows.filter((row) => row.type !== 'refused');
  }

  journalAfter(index: number, limit: number): readonly JournalRow[] {
    return this.#read(() => this.#statements.journalAfter.all(index, limit).map(toJournalRow));
  }

  pruneJournal(throughIndex: number): void {
    this.#statements.pruneJournal.run(throughIndex);
    this.#requests.prune(throughIndex);
  }

  // --------------------------------------------------------------------------------------------------------- records

  record<Bucket extends RecordBucket>(bucket: Bucket, key: string): RecordTypes[Bucket] | undefined {
    return this.#read(() => {
      const value = this.#statements.record.get(bucket, key);
      return value === undefined ? undefined : parse<RecordTypes[Bucket]>(value);
    });
  }

  putRecord<Bucket extends RecordBucket>(bucket: Bucket, key: string, value: RecordTypes[Bucket]): void {
    this.#statements.putRecord.run(bucket, key, JSON.stringify(value));
  }

  deleteRecord(bucket: RecordBucket, key: string): void {
    this.#statements.deleteRecord.run(bucket, key);
  }

  records<Bucket extends RecordBucket>(
    bucket: Bucket,
  ): readonly { readonly key: string; readonly value: RecordTypes[Bucket] }[] {
    return this.#read(() =>
      this.#statements.records.all(bucket).map(({ key, value }) => ({ key, value: parse<RecordTypes[Bucket]>(value) })),
    );
  }

  /** All of them, as they lie in their table. */
  recordRows(): readonly RecordRow[] {
    return this.#read(() => this.#statements.recordRows.all());
  }

  // ----------------------------------------------------------------------------------------------------- transactions

  /**
   * A savepoint inside a transaction of SQLite that gathers many of them: pages that one batch after the other touches are
   * then written once. What is gathered and not committed is lost in a crash, and comes again from the log.
   */
  transaction<Result>(work: () => Result): Result {
    if (this.#working) throw new Error('transactions of the model are not nested');
    this.#working = true;
    const meta = this.#meta;
    const counts = new Map(this.#counts);
    try {
      if (!this.#database.inTransaction) this.#statements.begin.run();
      // What `work` returns comes back as it is.
      const result = this.#savepoint(work) as Result;
      this.#requests.commit();
      return result;
    } catch (error) {
      this.#meta = meta;
      this.#counts = counts;
      this.#requests.rollBack();
      // SQLite gives up the whole transaction where the disk fails: then what was gathered is gone, too.
      if (!this.#database.inTransaction) this.#reload();
      throw this.#failure(error);
    } finally {
      this.#lastEntity = undefined;
      this.#working = false;
      if (this.#gathered >= gatheredRowsMax) this.commit();
    }
  }

  /** Throws `storage-full` and the like; where SQLite gave up what was gathered, the position falls back with it. */
  commit(): void {
    this.#gathered = 0;
    if (!this.#database.inTransaction) return;
    try {
      this.#statements.commit.run();
    } catch (error) {
      // Without a log nothing would bring it again in order, and who asked was told that it failed.
      if (this.#syncCommits && this.#database.inTransaction) this.#database.exec('ROLLBACK');
      if (!this.#database.inTransaction) this.#reload();
      throw this.#failure(error);
    }
  }

  syncCommits(on: boolean): void {
    this.commit();
    this.#syncCommits = on;
    this.#applySettings();
  }

  /**
   * Syncs the write-ahead log, outside the main thread: with it, every transaction that it holds is recovered after a loss of
   * power; what it no longer holds was folded into the database, which SQLite syncs before it reuses the log.
   */
  async makeDurable(): Promise<ModelMeta | undefined> {
    this.commit();
    const meta = this.#meta;
    // Closing a descriptor of model.db itself would drop SQLite's locks on it; the write-ahead log carries none.
    await syncInBackground(`${this.#path}-wal`);
    await syncInBackground(dirname(this.#path));
    return meta;
  }

  /** Whether a commit is synced, as SQLite itself says. */
  settings(): ReturnType<typeof settingsOf> {
    return settingsOf(this.#database);
  }

  sizeBytes(): number {
    return sizeOf(this.#path) + sizeOf(`${this.#path}-wal`);
  }

  /** Puts another file in the place of this one: `exchange` runs while it is closed. */
  exchange(exchange: () => void): void {
    // What is gathered belongs to what is exchanged.
    if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
    this.#gathered = 0;
    this.#database.close();
    exchange();
    this.#database = openDatabase(this.#path, modelSchema, modelOptions);
    this.#statements = prepare(this.#database);
    this.#savepoint = savepointOf(this.#database);
    this.#applySettings();
    this.#reload();
  }

  close(): void {
    try {
      if (this.#database.open) this.commit();
    } catch {
      // What could not be written comes again from the log.
    }
    this.#database.close();
  }

  // ---------------------------------------------------------------------------------------------------------- helpers

  #applySettings(): void {
    this.#database.pragma(`synchronous = ${this.#syncCommits ? 'FULL' : modelOptions.synchronous}`);
  }

  #reload(): void {
    translate(this.#path, () => {
      // An installed snapshot brings its manifest along; what it says is of the file, not of what the model becomes.
      this.#database.exec('DROP TABLE IF EXISTS manifest');
      this.#meta = metaOf(this.#database);
      this.#counts = new Map(this.#statements.counts.all());
      this.#referring = new Set(this.#statements.referring.all());
      this.#requests = new RequestIndex(this.#statements.requests.iterate());
    });
  }

  #read<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): unknown {
    const failure = toStorageError(error, this.#path);
    if (failure instanceof QuorateError && failure.code === 'damaged') this.onDamage?.(failure);
    return failure;
  }

  #bodyOf(entity: Entity): string {
    if (this.#lastEntity === entity) return this.#lastBody;
    this.#lastEntity = entity;
    this.#lastBody = JSON.stringify(entity);
    return this.#lastBody;
  }

  #count(kind: string, change: number): void {
    const count = (this.#counts.get(kind) ?? 0) + change;
    if (count === 0) this.#counts.delete(kind);
    else this.#counts.set(kind, count);
  }

  #putReferences(kind: string, id: string, references: readonly EntityReference[]): void {
    for (const reference of references) this.#statements.putReference.run(reference.kind, reference.id, kind, id);
    if (references.length > 0) this.#referring.add(kind);
  }

  #dropReferences(kind: string, id: string): void {
    if (this.#referring.has(kind)) this.#statements.dropReferences.run(kind, id);
  }
}

/** Behind every id: they are ASCII. */
const lastId = '\u{10FFFF}';
/** Characters, which is what their bytes are near enough for a bound. */
const lengthOf = (body: string): number => body.length;

/** Reads on until what was read comes to `bytesMax`. */
function upTo<Row>(bytesMax: number, rows: Iterable<Row>, bytesOf: (row: Row) => number): readonly Row[] {
  const taken: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    taken.push(row);
    bytes += bytesOf(row);
    if (bytes >= bytesMax) break;
  }
  return taken;
}

/** What can be read on a connection of its own, as it stands in that connection's transaction. */
export function readerOf(database: Connection): HashedModel {
  const statements = prepare(database);
  return {
    meta: () => {
      const body = statements.meta.get();
      return body === undefined ? undefined : parse<ModelMeta>(body);
    },
    countsByKind: () => Object.fromEntries(statements.counts.all()),
    list: (kind, { after = '', limit }) =>
      statements.list.all({ kind, after, through: lastId, limit, filter: '' }).map(parseEntity),
    journalAfter: (index, limit) => statements.journalAfter.all(index, limit).map(toJournalRow),
    records: <Bucket extends RecordBucket>(bucket: Bucket) =>
      statements.records.all(bucket).map(({ key, value }) => ({ key, value: parse<RecordTypes[Bucket]>(value) })),
  };
}

async function syncInBackground(path: string): Promise<void> {
  const file = await fs.open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Inside a transaction, the library's transactions are savepoints. */
function savepointOf(database: Connection): (work: () => unknown) => unknown {
  return database.transaction((work: () => unknown) => work());
}

function toJournalRow(row: JournalColumns): JournalRow {
  const common = { index: row.idx, requestId: row.request_id };
  if (row.type === 'refused')
    return { ...common, type: row.type, ...parse<{ code: string; message: string }>(row.refusal ?? '') };
  return {
    ...common,
    type: row.type,
    previousIndex: row.previous_index ?? 0,
    entity: parseEntity(row.entity ?? ''),
    by: row.asked_by ?? '',
    at: row.asked_at ?? 0,
  };
}

interface Listed {
  readonly kind: string;
  readonly after: string;
  readonly through: string;
  readonly limit: number;
  readonly filter: string;
}

function prepare(database: Connection) {
  const journal = 'idx, request_id, type, previous_index, entity, asked_by, asked_at, refusal';
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    meta: database.prepare<[], string>('SELECT body FROM meta').pluck(),
    putMeta: database.prepare<[string]>('INSERT OR REPLACE INTO meta (id, body) VALUES (1, ?)'),
    counts: database.prepare<[], [string, number]>('SELECT kind, count(*) FROM entities GROUP BY kind').raw(),
    requests: database.prepare<[], [string, number]>('SELECT request_id, idx FROM journal ORDER BY idx').raw(),
    referring: database.prepare<[], string>('SELECT DISTINCT kind FROM entity_references').pluck(),

    get: database.prepare<[string, string], string>('SELECT body FROM entities WHERE kind = ? AND id = ?').pluck(),
    idOfName: database.prepare<[string, string], string>('SELECT id FROM entities WHERE kind = ? AND name = ?').pluck(),
    insert: database.prepare<[string, string, string, string]>(
      'INSERT INTO entities (kind, id, name, body) VALUES (?, ?, ?, ?)',
    ),
    replaceBody: database.prepare<[string, string, string, string]>(
      'UPDATE entities SET body = ? WHERE kind = ? AND id = ? AND name = ?',
    ),
    replace: database.prepare<[string, string, string, string]>(
      'UPDATE entities SET name = ?, body = ? WHERE kind = ? AND id = ?',
    ),
    delete: database.prepare<[string, string]>('DELETE FROM entities WHERE kind = ? AND id = ?'),
    list: database
      .prepare<[Listed], string>(
        'SELECT body FROM entities WHERE kind = $kind AND id > $after AND id <= $through ORDER BY id LIMIT $limit',
      )
      .pluck(),
    idFurther: database
      .prepare<[string, string, number], string>(
        'SELECT id FROM entities WHERE kind = ? AND id > ? ORDER BY id LIMIT 1 OFFSET ?',
      )
      .pluck(),
    listFiltered: database
      .prepare<[Listed], string>(
        `SELECT body FROM entities WHERE kind = $kind AND id > $after AND id <= $through AND (instr(lower(id), $filter) > 0 OR instr(lower(name), $filter) > 0)
         ORDER BY id LIMIT $limit`,
      )
      .pluck(),
    putReference: database.prepare<[string, string, string, string]>(
      'INSERT OR IGNORE INTO entity_references (target_kind, target_id, kind, id) VALUES (?, ?, ?, ?)',
    ),
    dropReferences: database.prepare<[string, string]>('DELETE FROM entity_references WHERE kind = ? AND id = ?'),
    referrers: database.prepare<[string, string, number], EntityReference>(
      'SELECT kind, id FROM entity_references WHERE target_kind = ? AND target_id = ? ORDER BY kind, id LIMIT ?',
    ),

    appendJournal: database.prepare<
      [number, string, string, number | null, string | null, string | null, number | null, string | null]
    >(`INSERT INTO journal (${journal}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    changesAfter: database.prepare<[number, number], JournalColumns>(
      `SELECT ${journal} FROM journal WHERE idx > ? AND entity IS NOT NULL ORDER BY idx LIMIT ?`,
    ),
    journalAfter: database.prepare<[number, number], JournalColumns>(
      `SELECT ${journal} FROM journal WHERE idx > ? ORDER BY idx LIMIT ?`,
    ),
    pruneJournal: database.prepare<[number]>('DELETE FROM journal WHERE idx <= ?'),

    record: database
      .prepare<[string, string], string>('SELECT value FROM records WHERE bucket = ? AND key = ?')
      .pluck(),
    putRecord: database.prepare<[string, string, string]>(
      'INSERT OR REPLACE INTO records (bucket, key, value) VALUES (?, ?, ?)',
    ),
    deleteRecord: database.prepare<[string, string]>('DELETE FROM records WHERE bucket = ? AND key = ?'),
    recordRows: database.prepare<[], RecordRow>('SELECT bucket, key, value FROM records ORDER BY bucket, key'),
    records: database.prepare<[string], { key: string; value: string }>(
      'SELECT key, value FROM records WHERE bucket = ? ORDER BY key',
    ),
  };
}
