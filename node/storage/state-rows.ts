/** The table `state` of raft.db: one small JSON value by key, each with its checksum and validated when it is read. */
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { QuorateError } from '../../messaging/errors.js';
import { timelineSchema } from '../../messaging/position.js';
import type { Connection } from './database.js';

const indexSchema = z.int().min(0);

export const stateSchemas = {
  hardState: z.object({ term: indexSchema, vote: z.string(), commit: indexSchema }),
  compactionPoint: z.object({ index: indexSchema, term: indexSchema, timeline: timelineSchema.nullable() }),
  identity: z.object({ clusterName: z.string(), clusterId: z.string(), nodeId: z.string() }),
  incarnation: z.int().min(0),
  removed: z.object({ by: z.string(), index: indexSchema, leftBehindBy: timelineSchema.optional() }),
  /** Damaged entries were dropped that this member may have acknowledged. */
  debt: z.object({ index: indexSchema, term: indexSchema }),
  /** What was found when it was taken out of service: it may not be served again. */
  damaged: z.object({ sentence: z.string() }),
  /** The controller serves alone: there is no log, and the model is what was promised. Absent in a cluster. */
  standalone: z.literal(true),
  /** An install that is committed here and not finished in the model: the file to be put in its place, and where that stands. */
  install: z.object({ file: z.string(), index: indexSchema, term: indexSchema }),
} as const;

export type StateKey = keyof typeof stateSchemas;
export type StateValue<Key extends StateKey> = z.infer<(typeof stateSchemas)[Key]>;

const checksumOf = (key: string, value: string) => crc32(value, crc32(key));

export class StateRows {
  readonly #put;
  readonly #get;
  readonly #delete;

  constructor(database: Connection) {
    this.#get = database.prepare<[string], { value: string; crc: number }>(
      'SELECT value, crc FROM state WHERE key = ?',
    );
    // A connection that only reads may look at rows as well.
    this.#put = database.readonly
      ? null
      : database.prepare<[string, string, number]>('INSERT OR REPLACE INTO state (key, value, crc) VALUES (?, ?, ?)');
    this.#delete = database.readonly ? null : database.prepare<[string]>('DELETE FROM state WHERE key = ?');
  }

  /** Throws `damaged` where the row does not fit its checksum. */
  get<Key extends StateKey>(key: Key): StateValue<Key> | undefined {
    const row = this.#get.get(key);
    if (row === undefined) return undefined;
    if (checksumOf(key, row.value) !== row.crc)
      throw new QuorateError('damaged', `The ${key} in raft.db is damaged: its checksum does not fit.`);
    const parsed = stateSchemas[key].safeParse(JSON.parse(row.value));
    if (!parsed.success)
      throw new QuorateError('damaged', `The ${key} in raft.db is damaged: it does not have its form.`);
    return parsed.data as StateValue<Key>;
  }

  put<Key extends StateKey>(key: Key, value: StateValue<Key>): void {
    const text = JSON.stringify(value);
    this.#put?.run(key, text, checksumOf(key, text));
  }

  delete(key: StateKey): void {
    this.#delete?.run(key);
  }
}
