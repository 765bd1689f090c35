/** Data directories for the tests of the commands that work on them: of a real controller that was killed, and compared as bytes. */
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { TestCluster } from '../support/cluster.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** Writes entities, so that log and model hold something. */
export async function writeEntities(cluster: TestCluster, count: number, prefix = 'entity'): Promise<void> {
  for (let each = 1; each <= count; each++)
    await cluster.api.request('model.create', { kind: 'identity', name: `${prefix}-${each}`, spec: {} });
}

export function copyOf(directory: string, label = 'copy'): string {
  const copy = temporaryDirectory(label);
  cpSync(directory, copy, { recursive: true });
  return copy;
}

/** Each file below the directory with a checksum of its bytes, each folder with nothing. */
export function bytesOf(directory: string, ignored: (path: string) => boolean = () => false): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(directory, name);
    const shown = relative(directory, path);
    if (ignored(shown)) continue;
    found[shown] = statSync(path).isDirectory()
      ? 'folder'
      : createHash('sha256').update(readFileSync(path)).digest('hex');
  }
  return found;
}
