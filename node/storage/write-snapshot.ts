/** Writing a snapshot: runs in the worker thread, on a connection of its own, while the controller goes on writing. */

import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { QuorateError } from '../../messaging/errors.js';
import { hashContents } from './content-hash.js';
import { openReadOnly, schemaVersionOf, translate } from './database.js';
import { removeDatabase, sha256OfFile, sizeOf, syncFile, syncFolder } from './files.js';
import { countByKindOf, metaOf, snapshotFormatVersion, writeManifest } from './inspect.js';
import type { SnapshotFile, SnapshotManifest } from './types.js';

export type SnapshotAuthor = Pick<
  SnapshotManifest,
  'softwareVersion' | 'clusterName' | 'createdAt' | 'createdBy' | 'origin'
>;

/** Whole and synced under its name, or not there at all. Refuses to write over a file. */
export function writeSnapshot(modelPath: string, path: string, author: SnapshotAuthor): SnapshotFile {
  if (existsSync(path))
    throw new QuorateError('invalid-request', `${path} exists already.`, {
      remedy: 'Name a file that is not there yet.',
    });
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = join(dirname(path), `.${basename(path)}.unfinished`);
  removeDatabase(unfinished);
  try {
    copyModel(modelPath, unfinished);
    const manifest = translate(unfinished, () => sealCopy(unfinished, author));
    syncFile(unfinished);
    const file = { path, sizeBytes: sizeOf(unfinished), sha256: sha256OfFile(unfinished), manifest };
    renameSync(unfinished, path);
    syncFolder(dirname(path));
    return file;
  } catch (error) {
    removeDatabase(unfinished);
    throw error;
  }
}

/** One read transaction, so one position, however long it takes. */
export function copyModel(modelPath: string, path: string): void {
  const source = openReadOnly(modelPath);
  try {
    translate(path, () => source.prepare('VACUUM INTO ?').run(path));
  } finally {
    source.close();
  }
}

function sealCopy(path: string, author: SnapshotAuthor): SnapshotManifest {
  const copy = new Database(path);
  try {
    const meta = metaOf(copy);
    if (meta === undefined)
      throw new QuorateError('invalid-request', 'A blank model has nothing to make a snapshot of.');
    const manifest: SnapshotManifest = {
      formatVersion: snapshotFormatVersion,
      schemaVersion: schemaVersionOf(copy),
      ...author,
      meta,
      countByKind: countByKindOf(copy),
      contentSha256: hashContents(copy),
    };
    writeManifest(copy, manifest);
    return manifest;
  } finally {
    copy.close();
  }
}
