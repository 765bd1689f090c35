/**
 * Opening SQLite: pragmas, the version of the schema, missing tables, migrations, and what SQLite's errors mean here. A
 * database is never given out before all of its tables are there and its schema is the one of this build.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { QuorateError } from '../../messaging/errors.js';
import { sizeOf } from './files.js';

export type Connection = Database.Database;

export interface Table {
  readonly name: string;
  /** Statements that make it with its indexes, each with `IF NOT EXISTS`. */
  readonly sql: string;
}

/** Changes a database of version `to - 1` into one of version `to`. Runs inside the transaction of the opening. */
export interface Migration {
  readonly to: number;
  readonly up: (database: Connection) => void;
}

export interface Schema {
  readonly name: 'raft' | 'model';
  /** SQLite's `application_id`: tells our files from any other database. */
  readonly applicationId: number;
  /** SQLite's `user_version`; 0 means that nothing has been made yet. */
  readonly version: number;
  readonly tables: readonly Table[];
  readonly migrations: readonly Migration[];
  /**
   * Whether the tables that are present hold something of a cluster. Then a table that is missing was lost, and making it anew
   * would hide the loss: the database is damaged. Otherwise what is missing is simply made.
   */
  readonly holdsData: (database: Connection, present: ReadonlySet<string>) => boolean;
}

export interface OpenOptions {
  readonly synchronous: 'FULL' | 'NORMAL';
  readonly journalMode?: 'WAL' | 'DELETE';
  /** Pages kept in memory; SQLite's own default (16 MiB) where it is not given. */
  readonly cacheKibibytes?: number;
  /** See {@link layOutLog}. */
  readonly layOutLog?: boolean;
}

/** Waiting for a lock: only a snapshot's reader ever holds one, and never for long. */
const busyTimeoutMs = 5_000;
/** The write-ahead log is folded into the database when it has grown by this many pages of 4 KiB. */
const checkpointPages = 2_000;
const pageBytes = 4_096;
/** Where less is free, a log that is laid out in advance could be what fills the disk. */
const freeBytesForLayoutMin = 256 << 20;
/** A write-ahead log that a long reader let grow is cut to this when it is reset. */
const walBytesMax = 64 << 20;

/** Opens to write; makes what is missing, migrates what is older. Throws `newer-schema` or `damaged`, having changed nothing. */
export function openDatabase(path: string, schema: Schema, options: OpenOptions): Connection {
  const database = translate(path, () => new Database(path, { timeout: busyTimeoutMs }));
  try {
    return translate(path, () => {
      refuseForeign(database, path, schema);
      setJournalMode(database, path, options.journalMode ?? 'WAL');
      database.pragma(`synchronous = ${options.synchronous}`);
      if (options.cacheKibibytes !== undefined) database.pragma(`cache_size = -${options.cacheKibibytes}`);
      database.pragma(`wal_autocheckpoint = ${checkpointPages}`);
      database.pragma(`journal_size_limit = ${walBytesMax}`);
      database.transaction(() => bringUpToDate(database, path, schema)).immediate();
      if (options.layOutLog === true) layOutLog(database, path);
      return database;
    });
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Lets the write-ahead log have its full size from the beginning. A sync of a file that grows also has to write the file
 * system's own records of it, which takes about as long again (ext4: 0.21 ms against 0.11 ms); a log that was once as long as
 * it may be is written over from its start. Each statement is a transaction, so that the filler does get into the log: whoever
 * was killed in between finds the table again.
 */
function layOutLog(database: Connection, path: string): void {
  database.exec('DROP TABLE IF EXISTS layout');
  const wanted = checkpointPages * pageBytes;
  const { bavail, bsize } = statfsSync(dirname(path));
  if (sizeOf(`${path}-wal`) >= wanted || bavail * bsize < freeBytesForLayoutMin) return;
  database.exec(`
    CREATE TABLE layout (filler BLOB);
    INSERT INTO layout VALUES (zeroblob(${wanted}));
    DROP TABLE layout;
  `);
  database.pragma('wal_checkpoint(RESTART)');
}

/** SQLite silently keeps another mode where a file system (most network ones) cannot do what was asked. */
function setJournalMode(database: Connection, path: string, mode: 'WAL' | 'DELETE'): void {
  const found = database.pragma(`journal_mode = ${mode}`, { simple: true });
  if (String(found).toUpperCase() === mode) return;
  throw new QuorateError(
    'invalid-config',
    `The file system of ${path} cannot hold a database safely (journal mode ${found}).`,
    {
      remedy: 'Give the controller a data directory on a local disk with --data-dir.',
    },
  );
}

/** What SQLite says that it does on this connection. */
export function settingsOf(database: Connection): { readonly journalMode: string; readonly synchronous: string } {
  const levels = ['OFF', 'NORMAL', 'FULL', 'EXTRA'];
  return {
    journalMode: String(database.pragma('journal_mode', { simple: true })).toUpperCase(),
    synchronous: levels[Number(database.pragma('synchronous', { simple: true }))] ?? 'unknown',
  };
}

/** Opens to read; looks at nothing and changes nothing. */
export function openReadOnly(path: string): Connection {
  return translate(path, () => new Database(path, { timeout: busyTimeoutMs, readonly: true, fileMustExist: true }));
}

export function schemaVersionOf(database: Connection): number {
  return Number(database.pragma('user_version', { simple: true }));
}

export function applicationIdOf(database: Connection): number {
  return Number(database.pragma('application_id', { simple: true }));
}

export function tableNames(database: Connection): ReadonlySet<string> {
  const names = database.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  return new Set(names.map((row) => row.name));
}

function refuseForeign(database: Connection, path: string, schema: Schema): void {
  const version = schemaVersionOf(database);
  if (version === 0 && tableNames(database).size > 0) {
    throw new QuorateError('damaged', `${path} is not a ${schema.name} database of a controller.`);
  }
  if (version > schema.version) {
    throw new QuorateError(
      'newer-schema',
      `${path} has schema version ${version}; this version knows up to ${schema.version}.`,
    );
  }
  if (version > 0 && applicationIdOf(database) !== schema.applicationId) {
    throw new QuorateError('damaged', `${path} is not a ${schema.name} database of a controller.`);
  }
}

function bringUpToDate(database: Connection, path: string, schema: Schema): void {
  refuseForeign(database, path, schema);
  const found = schemaVersionOf(database);
  for (let version = found + 1; found > 0 && version <= schema.version; version++) {
    const migration = schema.migrations.find((candidate) => candidate.to === version);
    if (migration === undefined) throw new Error(`no migration of ${schema.name} to schema version ${version}`);
    migration.up(database);
  }
  if (found > 0) refuseLoss(database, path, schema);
  for (const table of schema.tables) database.exec(table.sql);
  if (found !== schema.version) {
    database.pragma(`application_id = ${schema.applicationId}`);
    database.pragma(`user_version = ${schema.version}`);
  }
}

export function missingTables(database: Connection, schema: Schema): readonly string[] {
  const present = tableNames(database);
  return schema.tables.filter((table) => !present.has(table.name)).map((table) => table.name);
}

function refuseLoss(database: Connection, path: string, schema: Schema): void {
  const missing = missingTables(database, schema);
  if (missing.length > 0 && schema.holdsData(database, tableNames(database))) {
    throw new QuorateError('damaged', `${path} has lost its table ${missing.join(', ')}.`, { details: { missing } });
  }
}

/** What SQLite's errors mean to whoever called: the disk is full, the file is damaged, or the disk failed. */
export function toStorageError(error: unknown, path: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const because = { cause: error };
  // The index of a write-ahead log (`-shm`) grows with it, and has an error of its own for a disk without room.
  if (error.code === 'SQLITE_FULL' || error.code === 'SQLITE_IOERR_SHMSIZE')
    return new QuorateError('storage-full', `No room is left to write ${path}.`, because);
  if (error.code.startsWith('SQLITE_CORRUPT') || error.code === 'SQLITE_NOTADB') {
    return new QuorateError('damaged', `${path} is damaged: ${error.message}.`, because);
  }
  return new QuorateError('internal', `${path}: ${error.message} (${error.code}).`, because);
}

export function translate<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw toStorageError(error, path);
  }
}
