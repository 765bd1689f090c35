/**
 * What becomes of a snapshot that is restored: a model of its own, with the entities of the file and whatever else it is told
 * to hold. Made beside the present model, whole and synced, before anything is exchanged; in a thread, because it copies everything.
 */
import { constants, copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import type { ModelMeta } from '../model/store.js';
import { openDatabase, translate } from './database.js';
import { removeDatabase, sha256OfFile, syncFile, syncFolder } from './files.js';
import { modelSchema } from './schema.js';

export interface RestoredModel {
  /** A snapshot; it is left as it is. */
  readonly source: string;
  /** Of the snapshot, in hexadecimal. */
  readonly sha256: string;
  /** Where the model is made; what is there is written over. */
  readonly target: string;
  readonly meta: ModelMeta;
  /** In the form in which they lie in the table. */
  readonly records: readonly RecordRow[];
}

export interface RecordRow {
  readonly bucket: string;
  readonly key: string;
  readonly value: string;
}

/** Throws `snapshot-invalid` where the file is not the one that was meant, and `storage-full`. */
export function makeRestoredModel({ source, sha256, target, meta, records }: RestoredModel): void {
  const folder = dirname(target);
  const unfinished = join(folder, `.${basename(target)}.unfinished`);
  mkdirSync(folder, { recursive: true });
  removeDatabase(unfinished);
  try {
    copy(source, unfinished);
    // What was copied is what is checked: the file may have changed since it was verified.
    if (sha256OfFile(unfinished) !== sha256)
      throw new QuorateError('snapshot-invalid', `${source} is not what it was when it was verified.`);
    translate(unfinished, () => rewrite(unfinished, meta, records));
    syncFile(unfinished);
    removeDatabase(target);
    renameSync(unfinished, target);
    syncFolder(folder);
  } catch (error) {
    removeDatabase(unfinished);
    throw error;
  }
}

function copy(source: string, target: string): void {
  try {
    copyFileSync(source, target, constants.COPYFILE_FICLONE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new QuorateError('storage-full', `No room is left to copy ${source}.`, { cause: error });
  }
}

function rewrite(path: string, meta: ModelMeta, records: readonly RecordRow[]): void {
  // An older schema is brought up to date by the opening.
  const database = openDatabase(path, modelSchema, { synchronous: 'FULL', journalMode: 'DELETE' });
  try {
    // Nobody misses this file before it is finished, and then it is synced whole.
    database.pragma('journal_mode = OFF');
    database.pragma('synchronous = OFF');
    database.exec('DELETE FROM journal; DELETE FROM records; DELETE FROM meta; DROP TABLE IF EXISTS manifest');
    database.prepare('INSERT INTO meta (id, body) VALUES (1, ?)').run(JSON.stringify(meta));
    const insert = database.prepare('INSERT INTO records (bucket, key, value) VALUES (?, ?, ?)');
    for (const { bucket, key, value } of records) insert.run(bucket, key, value);
  } finally {
    database.close();
  }
}
