/**
 * Small file systems of a test's own, where the system allows them: the test runs a script of ours in a mount namespace of
 * its own (as root, or as an ordinary user where user namespaces are allowed); the script mounts what it needs, and starts
 * real processes on it. All is gone with the script.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import path from 'node:path';
import { type RunningProcess, startProcess } from './process.js';

const namespaces: readonly (readonly string[])[] = [['--map-root-user', '--mount'], ['--mount']];

/** How to run something in a mount namespace of its own; undefined where this system does not let us. */
export function ownMounts(): readonly string[] | undefined {
  return namespaces.find(
    (given) => spawnSync('unshare', [...given, 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt']).status === 0,
  );
}

/** A built script, in a mount namespace of its own. Undefined where this system does not let us. */
export async function startInOwnMounts(
  script: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningProcess | undefined> {
  const given = ownMounts();
  if (given === undefined) return undefined;
  return startProcess('unshare', [...given, process.execPath, script, ...args], {
    name: path.basename(script, '.js'),
    env,
  });
}

const chunkBytes = 64 << 10;

/** For the script: a file system of `bytes` at `directory`, which is made. */
export class SmallDisk {
  readonly #ballast: string;

  constructor(
    readonly directory: string,
    bytes: number,
  ) {
    mkdirSync(directory, { recursive: true });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'none', directory], { encoding: 'utf8' });
    if (mounted.status !== 0) throw new Error(`cannot mount: ${mounted.stderr}`);
    this.#ballast = path.join(directory, 'ballast');
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.directory);
    return bavail * bsize;
  }

  /** A join asks for more room than a test wants to fill afterwards. */
  resize(bytes: number): void {
    const { status, stderr } = spawnSync('mount', ['-o', `remount,size=${bytes}`, this.directory], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`cannot change the size: ${stderr}`);
  }

  /** Takes away all room but this; `resize` gives it back. */
  leave(bytes: number): void {
    const { blocks, bsize } = statfsSync(this.directory);
    this.resize(blocks * bsize - this.freeBytes() + bytes);
  }

  /** Takes all the room that is left. */
  fill(): void {
    const file = openSync(this.#ballast, 'a');
    try {
      for (let bytes = chunkBytes; bytes >= 1; ) {
        try {
          writeSync(file, Buffer.alloc(bytes));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          bytes = Math.floor(bytes / 2);
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives back what `fill` took. */
  free(): void {
    rmSync(this.#ballast, { force: true });
  }
}
