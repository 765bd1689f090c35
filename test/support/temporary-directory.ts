/** Directories that are gone when the test file is. */
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { removeWithUs } from './children.js';

let parent: string | undefined;
let count = 0;

const memory = '/dev/shm';

/** One in memory, where there is such a place: to sync a file there costs nothing, and nobody else's disk. */
export function memoryDirectory(label: string): string {
  if (!existsSync(memory)) return temporaryDirectory(label);
  const directory = mkdtempSync(path.join(memory, `quorate-test-${label}-`));
  removeWithUs(directory);
  return directory;
}

/** A new, empty directory. `label` shows in its name. All of a test file lie in one, which is removed at its end. */
export function temporaryDirectory(label = 'data'): string {
  if (parent === undefined) {
    parent = mkdtempSync(path.join(tmpdir(), 'quorate-test-'));
    removeWithUs(parent);
  }
  count += 1;
  const directory = path.join(parent, `${String(count).padStart(3, '0')}-${label}`);
  mkdirSync(directory);
  return directory;
}
