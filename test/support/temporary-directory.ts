/** Directories that are gone when the test file is. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { removeWithUs } from './children.js';

let parent: string | undefined;
let count = 0;

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
