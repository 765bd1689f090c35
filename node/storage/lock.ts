/**
 * One process at a time uses a data directory. The lock is SQLite's own, on an empty file beside the databases: the kernel
 * holds it for the process and lets go of it when the process ends, however it ends, so that it can never be stale.
 */

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { QuorateError } from '../../messaging/errors.js';
import { toStorageError } from './database.js';

export interface DirectoryLock {
  readonly directory: string;
  release(): void;
}

export const lockFileName = 'lock.db';

/** Makes the directory where it is missing. Throws `data-dir-locked` at once where another process (or this one) has it. */
export function lockDirectory(directory: string): DirectoryLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, lockFileName);
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { timeout: 0 });
    takeExclusively(database);
  } catch (error) {
    database?.close();
    if (isBusy(error))
      throw new QuorateError('data-dir-locked', `Another process uses the data directory ${directory}.`);
    throw toStorageError(error, path);
  }
  const held = database;
  return { directory, release: () => held.close() };
}

/** Whether some process has it now; makes nothing. */
export function isDirectoryLocked(directory: string): boolean {
  const path = join(directory, lockFileName);
  if (!existsSync(path)) return false;
  const database = new Database(path, { timeout: 0, fileMustExist: true });
  try {
    takeExclusively(database);
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw toStorageError(error, path);
  } finally {
    database.close();
  }
}

/** No byte is ever written, not even of a journal: an exclusive transaction that stays open is nothing but the lock. */
function takeExclusively(database: Database.Database): void {
  database.pragma('journal_mode = MEMORY');
  database.exec('BEGIN EXCLUSIVE');
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
}
