/** A copy of the compiled code that is needed to simulate, with one deliberate fault in it. */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutation } from './mutations.js';

const built = join(import.meta.dirname, '..', '..');
const copied = [
  'messaging',
  'node/cluster',
  'node/model',
  'node/raft',
  'node/server',
  'node/storage',
  'node/workflows',
  'test/simulator',
  'test/support',
];

/** Empties `folder` and lays the copy out in it. Returns where its compiled code is. */
export function copyMutated(mutation: Mutation, folder: string): string {
  const copy = join(folder, 'dist');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  cpSync(join(built, '..', 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(built, '..', 'node_modules'), join(folder, 'node_modules'));
  for (const part of copied) cpSync(join(built, part), join(copy, part), { recursive: true });
  const path = join(copy, mutation.file);
  const source = readFileSync(path, 'utf8');
  const found = source.split(mutation.find).length - 1;
  if (found !== 1)
    throw new Error(
      `"${mutation.name}": its text is found ${found} times in ${mutation.file}, and must be there once: ${mutation.find}`,
    );
  writeFileSync(
    path,
    source.replace(mutation.find, () => mutation.replace),
  );
  return copy;
}
