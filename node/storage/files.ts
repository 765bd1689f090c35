/** Small things with files that must survive a loss of power. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What was written to the file is on disk afterwards. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Names that came or went in the folder are on disk afterwards: a file that was synced can still be lost by its name. */
export function syncFolder(path: string): void {
  syncFile(path);
}

export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

const readBytes = 1 << 20;

/** In hexadecimal. Never call it on an SQLite file that this process has open: closing the file would drop SQLite's locks. */
export function sha256OfFile(path: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(readBytes);
  const file = openSync(path, 'r');
  try {
    for (;;) {
      const count = readSync(file, buffer, 0, readBytes, null);
      if (count === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, count));
    }
  } finally {
    closeSync(file);
  }
}

/** The files that SQLite keeps beside a database. */
export const sideFiles = ['-wal', '-shm', '-journal'] as const;

export function removeDatabase(path: string): void {
  for (const suffix of sideFiles) rmSync(path + suffix, { force: true });
  rmSync(path, { force: true });
}

export function emptyFolder(path: string): void {
  if (!existsSync(path)) return;
  for (const name of readdirSync(path)) rmSync(join(path, name), { force: true, recursive: true });
}
