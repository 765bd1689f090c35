/** Which snapshots lie in a folder, told from their manifests, without reading them whole. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { toQuorateError } from '../../messaging/errors.js';
import { openReadOnly } from './database.js';
import { sideFiles } from './files.js';
import { readManifest } from './inspect.js';
import type { SnapshotManifest } from './types.js';

export interface CataloguedSnapshot {
  readonly path: string;
  readonly name: string;
  readonly sizeBytes: number;
  /** Null where it cannot be read; `problem` says why. */
  readonly manifest: SnapshotManifest | null;
  readonly problem: string | null;
}

/** The newest files of a folder that are looked at. */
export const cataloguedMax = 1_000;

/** Newest first. Hidden files, folders and what SQLite keeps beside a database are left out; a folder that is not there is empty. */
export async function listSnapshots(folder: string): Promise<readonly CataloguedSnapshot[]> {
  const found: CataloguedSnapshot[] = [];
  for (const { name, sizeBytes } of filesIn(folder)) {
    const path = join(folder, name);
    found.push({ path, name, sizeBytes, ...manifestOf(path) });
    // Each takes about a millisecond.
    await nextTurn();
  }
  return found.sort((one, other) => (other.manifest?.createdAt ?? 0) - (one.manifest?.createdAt ?? 0));
}

function filesIn(folder: string): readonly { readonly name: string; readonly sizeBytes: number }[] {
  return namesIn(folder)
    .filter((name) => !name.startsWith('.') && !sideFiles.some((suffix) => name.endsWith(suffix)))
    .flatMap((name) => {
      const stat = statSync(join(folder, name), { throwIfNoEntry: false });
      return stat?.isFile() === true ? [{ name, sizeBytes: stat.size, changedAt: stat.mtimeMs }] : [];
    })
    .sort((one, other) => other.changedAt - one.changedAt)
    .slice(0, cataloguedMax);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Of one file; null where it cannot be read, with `problem`. */
export function manifestOf(path: string): Pick<CataloguedSnapshot, 'manifest' | 'problem'> {
  try {
    const database = openReadOnly(path);
    try {
      return { manifest: readManifest(database, path), problem: null };
    } finally {
      database.close();
    }
  } catch (error) {
    return { manifest: null, problem: toQuorateError(error).message };
  }
}
