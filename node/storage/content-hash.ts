/**
 * The checksum of what a snapshot holds, however SQLite lays it out on pages: over the rows of each table in the order of
 * their keys, each value preceded by its type and length, so that no two contents read the same. It answers whether this file
 * is what was written; whether two members hold the same is asked with `modelHash`, which depends on no text or version.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Connection } from './database.js';

const contents = [
  ['meta', 'SELECT body FROM meta ORDER BY id'],
  ['entities', 'SELECT kind, id, name, body FROM entities ORDER BY kind, id'],
  [
    'entity_references',
    'SELECT target_kind, target_id, kind, id FROM entity_references ORDER BY target_kind, target_id, kind, id',
  ],
  [
    'journal',
    'SELECT idx, request_id, type, previous_index, entity, asked_by, asked_at, refusal FROM journal ORDER BY idx',
  ],
  ['records', 'SELECT bucket, key, value FROM records ORDER BY bucket, key'],
] as const;

/** In hexadecimal. Reads everything; the caller holds a read transaction where the model may change meanwhile. */
export function hashContents(database: Connection): string {
  const hash = createHash('sha256').update('quorate-snapshot-1\n');
  const rows = new RowHasher(hash);
  for (const [table, query] of contents) {
    hash.update(`\n${table}\n`);
    for (const row of database.prepare<[], unknown[]>(query).raw().iterate()) rows.add(row);
    rows.flush();
  }
  return hash.digest('hex');
}

const flushBytes = 1 << 16;

/** Gathers rows in a buffer: one update of the hash for each row would cost more than the hashing. */
class RowHasher {
  readonly #hash: Hash;
  #text = '';

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  add(row: readonly unknown[]): void {
    for (const value of row) this.#text += tagged(value);
    this.#text += ';';
    if (this.#text.length > flushBytes) this.flush();
  }

  flush(): void {
    this.#hash.update(this.#text, 'utf8');
    this.#text = '';
  }
}

function tagged(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `s${value.length}:${value}`;
    case 'number':
      return `n${value},`;
    default:
      if (value === null) return '0';
      throw new TypeError(`a model holds no value of type ${typeof value}`);
  }
}
