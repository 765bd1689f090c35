/**
 * Makes a data directory blank again. What it held is moved into a folder of `backups`, or deleted. Databases, side files and
 * the folder `staging` cannot be moved in one step, so the order is that of an install (`install.ts`):
 *  1. the backup folder is made and synced;
 *  2. the note `reset.json`, written and synced under another name, takes its name: the commit. From here on the directory
 *     counts as blank, whatever else lies in it;
 *  3. each file is moved, and the folders are synced;
 *  4. the note is removed.
 * A crash before 2 leaves everything as it was. After it, whoever next opens the directory to serve, or resets it again, does
 * 3 and 4: what has been moved already is simply not there any more. Snapshots in `snapshots` and `backups` stay.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { QuorateError } from '../../messaging/errors.js';
import type { Position } from '../../messaging/position.js';
import { shellWord } from '../../messaging/shell-word.js';
import type { DirectoryFacts } from './directory.js';
import { syncFolder } from './files.js';
import { stagingFolderName } from './install.js';
import type { DirectoryLock } from './lock.js';
import { backupsFolderName, modelFileName, raftFileName, restoreFolderName, transferFolderName } from './names.js';

export const resetNoteName = 'reset.json';

const noteSchema = z.object({
  /** Name of the folder in `backups`; null: what was there is deleted. */
  backup: z
    .string()
    .regex(/^reset-[A-Za-z0-9-]+$/)
    .nullable(),
});
type ResetNote = z.infer<typeof noteSchema>;

/** What a directory held, for whoever is about to make it blank. */
export interface DirectoryContents {
  readonly cluster: string | null;
  readonly clusterId: string | null;
  readonly node: string | null;
  readonly membership: Membership;
  readonly position: Position | null;
  /** Voters of the cluster, as far as this directory knows; 0 where it knows none. */
  readonly voters: number;
  readonly damage: readonly string[];
}

/**
 * `contacted`: a leader has spoken to it, and it has promised something. `unknown`: something is there that cannot be read,
 * because it is damaged or of a newer version.
 */
export type Membership = 'blank' | 'contacted' | 'joining' | 'voter' | 'learner' | 'removed' | 'standalone' | 'unknown';

export type ResetStep = 'folder-made' | 'committed' | 'moved' | 'synced' | 'finished';

export interface ResetOptions {
  /** Keep what was there in a folder of `backups`. */
  readonly keep: boolean;
  /** Milliseconds since 1970: names the folder. */
  readonly now: number;
  /** Told after each step, `moved` after each file. */
  readonly onStep?: (step: ResetStep) => void;
}

export function contentsOf(facts: DirectoryFacts): DirectoryContents {
  const { raft, model } = facts;
  return {
    cluster: raft.identity?.clusterName ?? null,
    clusterId: raft.identity?.clusterId ?? model.meta?.clusterId ?? null,
    node: raft.identity?.nodeId ?? null,
    membership: membershipOf(facts),
    position: model.meta?.position ?? null,
    voters: model.meta?.configuration.voters.length ?? 0,
    damage: [...raft.damage, ...model.damage],
  };
}

function membershipOf({ raft, model }: DirectoryFacts): Membership {
  if (raft.removed !== null) return 'removed';
  const configuration = model.meta?.configuration;
  const node = raft.identity?.nodeId ?? '';
  if (model.meta?.position.indexType === 'legacy') return 'standalone';
  if (configuration?.removed.includes(node)) return 'removed';
  if (configuration?.voters.includes(node)) return 'voter';
  if (configuration?.learners.includes(node)) return 'learner';
  const readable =
    raft.damage.length + model.damage.length === 0 && raft.schema !== 'newer' && model.schema !== 'newer';
  if (!readable || model.meta !== null || raft.lastIndex > 0) return 'unknown';
  if (raft.identity !== null) return 'joining';
  return raft.hardState.term > 0 ? 'contacted' : 'blank';
}

/** A reset that was committed and not finished; undefined where there is none. Throws `damaged` where its note is not one. */
export function pendingReset(directory: string): ResetNote | undefined {
  const path = join(directory, resetNoteName);
  if (!existsSync(path)) return undefined;
  try {
    return noteSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new QuorateError('damaged', `${path} does not say what a reset was about to do.`, {
      remedy: `Keep a copy of ${directory}, delete ${path}, and make the directory blank with \`quorate reset --data-dir ${shellWord(directory)}\`.`,
      cause: error,
    });
  }
}

/** Makes the directory blank; answers where what it held is now, or null where it was deleted. Durable when it returns. */
export function resetDirectory(lock: DirectoryLock, options: ResetOptions): string | null {
  const { directory } = lock;
  finishReset(lock);
  const backup = options.keep ? makeBackupFolder(directory, options.now) : null;
  options.onStep?.('folder-made');
  writeNote(directory, { backup });
  options.onStep?.('committed');
  return finishReset(lock, options.onStep) ?? null;
}

/** Steps 3 and 4 of a reset that was committed. Answers where its backup is; undefined: there was nothing to finish. */
export function finishReset(lock: DirectoryLock, onStep?: (step: ResetStep) => void): string | null | undefined {
  const { directory } = lock;
  const note = pendingReset(directory);
  if (note === undefined) return undefined;
  const backup = note.backup === null ? null : join(directory, backupsFolderName, note.backup);
  for (const name of keptNames) {
    clear(join(directory, name), backup === null ? null : join(backup, name));
    onStep?.('moved');
  }
  for (const name of droppedNames) clear(join(directory, name), null);
  if (backup !== null) syncFolder(backup);
  syncFolder(directory);
  onStep?.('synced');
  rmSync(join(directory, resetNoteName));
  syncFolder(directory);
  onStep?.('finished');
  return backup;
}

const databaseNames = [raftFileName, modelFileName];
/** The write-ahead logs belong to their databases: a backup without them would be an older one. */
const keptNames = [
  ...databaseNames.flatMap((name) => [name, `${name}-wal`, `${name}-journal`]),
  stagingFolderName,
  restoreFolderName,
];
/** SQLite makes its index anew, and snapshots for followers are thrown away at each start anyway. */
const droppedNames = [...databaseNames.map((name) => `${name}-shm`), transferFolderName];

function clear(from: string, to: string | null): void {
  if (!existsSync(from)) return;
  if (to === null) rmSync(from, { recursive: true, force: true });
  else renameSync(from, to);
}

function makeBackupFolder(directory: string, now: number): string {
  const backups = join(directory, backupsFolderName);
  mkdirSync(backups, { recursive: true, mode: 0o700 });
  if (statSync(backups).dev !== statSync(directory).dev) {
    throw new QuorateError(
      'invalid-config',
      `${backups} is on another file system: nothing can be moved there whole.`,
      {
        remedy: `Copy ${directory} elsewhere, then reset it with --no-backup.`,
      },
    );
  }
  const name = `reset-${new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')}`;
  const free = (attempt: number): string => {
    const candidate = attempt === 1 ? name : `${name}-${attempt}`;
    return existsSync(join(backups, candidate)) ? free(attempt + 1) : candidate;
  };
  const chosen = free(1);
  mkdirSync(join(backups, chosen), { mode: 0o700 });
  syncFolder(backups);
  syncFolder(directory);
  return chosen;
}

function writeNote(directory: string, note: ResetNote): void {
  const path = join(directory, resetNoteName);
  const draft = `${path}.new`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, JSON.stringify(note));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  syncFolder(directory);
}
