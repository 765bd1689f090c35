/**
 * The tables of both databases. To change one: raise its version, change the table here, and add the migration that leads
 * there from the version before, with a stored file of that version as a fixture of its test.
 */
import type { Connection, Schema } from './database.js';

function hasRow(database: Connection, present: ReadonlySet<string>, table: string, condition = ''): boolean {
  return present.has(table) && database.prepare(`SELECT 1 FROM ${table} ${condition} LIMIT 1`).get() !== undefined;
}

export const raftSchema: Schema = {
  name: 'raft',
  applicationId: 0x51_52_61_31,
  version: 1,
  tables: [
    {
      name: 'entries',
      sql: `CREATE TABLE IF NOT EXISTS entries (
        idx INTEGER PRIMARY KEY,
        term INTEGER NOT NULL,
        type INTEGER NOT NULL,
        data BLOB NOT NULL,
        crc INTEGER NOT NULL
      )`,
    },
    {
      // One row each for hard state, compaction point, identity, incarnation, removed mark, and an install that is under way.
      name: 'state',
      sql: `CREATE TABLE IF NOT EXISTS state (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        crc INTEGER NOT NULL
      ) WITHOUT ROWID`,
    },
  ],
  migrations: [],
  holdsData: (database, present) =>
    hasRow(database, present, 'entries') ||
    hasRow(database, present, 'state', "WHERE key IN ('identity', 'hardState', 'removed')"),
};

export const modelSchema: Schema = {
  name: 'model',
  applicationId: 0x51_4d_6f_31,
  version: 1,
  tables: [
    {
      name: 'meta',
      sql: `CREATE TABLE IF NOT EXISTS meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        body TEXT NOT NULL
      )`,
    },
    {
      // With rowids: bodies are appended, and ids, which come in random order, spread over the small pages of an index only.
      name: 'entities',
      sql: `CREATE TABLE IF NOT EXISTS entities (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (kind, id)
      );
      CREATE UNIQUE INDEX IF NOT EXISTS entities_by_name ON entities (kind, name)`,
    },
    {
      name: 'entity_references',
      sql: `CREATE TABLE IF NOT EXISTS entity_references (
        target_kind TEXT NOT NULL,
        target_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        PRIMARY KEY (target_kind, target_id, kind, id)
      ) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS entity_references_by_source ON entity_references (kind, id)`,
    },
    {
      // `entity` is null for a refusal, whose code and message are in `refusal`. Request ids are unique, which the store
      // guards in memory: an index over ids in random order would cost as much as all the rest of a write.
      name: 'journal',
      sql: `CREATE TABLE IF NOT EXISTS journal (
        idx INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL,
        type TEXT NOT NULL,
        previous_index INTEGER,
        entity TEXT,
        asked_by TEXT,
        asked_at INTEGER,
        refusal TEXT
      )`,
    },
    {
      name: 'records',
      sql: `CREATE TABLE IF NOT EXISTS records (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (bucket, key)
      ) WITHOUT ROWID`,
    },
  ],
  migrations: [],
  holdsData: (database, present) => modelSchema.tables.some((table) => hasRow(database, present, table.name)),
};
