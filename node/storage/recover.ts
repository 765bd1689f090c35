/**
 * Going on alone with what one directory holds: see `recoverModel` for what the model becomes. Here: how it comes about, so
 * that a crash at any moment leaves the directory as it was, or recovered.
 *  1. the model is written to `backups`, as every snapshot is: the state before, without what was never known to be committed;
 *  2. a copy of it lies in `staging`; all entries of the log are applied to the copy, also those above the commit index. The
 *     model itself must not see them: were the recovery given up now, a leader might still replace them;
 *  3. in the copy, the new timeline begins; it is closed and synced;
 *  4. copy and an empty log take the place of model and log, by the one commit of `install.ts`.
 */
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { QuorateError } from '../../messaging/errors.js';
import type { Timeline } from '../../messaging/position.js';
import { applyBatch } from '../model/apply.js';
import { recoverModel } from '../model/recovery.js';
import { judgeRestore, metaAfterRestore, restoreIn } from '../model/restore.js';
import type { ModelMeta } from '../model/store.js';
import { type Entry, type Index, membersOf, type NodeId } from '../raft/index.js';
import { removeDatabase, sideFiles, sizeOf, syncFile, syncFolder } from './files.js';
import { replaceModel } from './install.js';
import { SqliteModelStore } from './model-store.js';
import { makeRestoredModel } from './restored-model.js';
import type { ChunkSource, RaftStore } from './types.js';

export interface RecoverRequest {
  readonly clusterName: string;
  readonly nodeId: NodeId;
  /** Its epoch is higher than that of the model. */
  readonly timeline: Timeline;
  /** Others that are left behind, beside the members that the model or the log knows. */
  readonly leftBehind: readonly NodeId[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The file that is staged for a restore: one that the log asks for, and that was not carried out yet, is. */
  readonly stagedRestore?: ChunkSource | null;
  /** Called after each step: for the log. */
  readonly onStep?: (step: RecoverStep) => void;
}

export type RecoverStep = 'backup' | 'copy' | 'apply' | 'begin' | 'commit' | 'exchange' | 'done';

export interface Recovered {
  readonly meta: ModelMeta;
  /** Of the last entry that the old log held, or of the model where it held none. */
  readonly lastIndex: Index;
  /** Entries that were kept although they were not known to be committed. */
  readonly uncommittedKept: number;
  /** Snapshot of the model as it was. */
  readonly backup: string;
}

export const recoveredName = 'recovered.db';
/** Entries that are applied in one transaction. */
const batchMax = 500;
const batchBytesMax = 4 << 20;

/** Steps 2 and 3. `source`: a closed SQLite file that holds the model. */
export async function writeRecoveredModel(
  folder: string,
  source: string,
  raft: RaftStore,
  request: RecoverRequest,
): Promise<ModelMeta> {
  const path = join(folder, recoveredName);
  await fs.mkdir(folder, { recursive: true });
  removeDatabase(path);
  await copyFile(source, path);
  request.onStep?.('copy');
  const model = new SqliteModelStore(path);
  let meta: ModelMeta;
  try {
    const seen = await applyAll(model, raft, { folder, path, staged: request.stagedRestore ?? null });
    request.onStep?.('apply');
    // A restore that the log held has begun a timeline of its own.
    const epoch = Math.max(request.timeline.epoch, (model.meta()?.position.timeline.epoch ?? 0) + 1);
    meta = recoverModel(model, {
      ...request,
      timeline: { ...request.timeline, epoch },
      ...beginningOf(model, raft),
      leftBehind: [...request.leftBehind, ...seen],
    });
  } finally {
    model.close();
  }
  // Its write-ahead log would stay behind when the file is moved.
  if (sideFiles.some((suffix) => sizeOf(path + suffix) > 0))
    throw new QuorateError('storage-full', `The write-ahead log of ${path} could not be folded in.`);
  for (const suffix of sideFiles) await fs.rm(path + suffix, { force: true });
  syncFile(path);
  syncFolder(folder);
  request.onStep?.('begin');
  return meta;
}

async function copyFile(source: string, target: string): Promise<void> {
  try {
    await fs.copyFile(source, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new QuorateError('storage-full', `No room is left to copy the model to ${target}.`, { cause: error });
  }
}

interface Copy {
  readonly folder: string;
  /** Of the copy that everything is applied to. */
  readonly path: string;
  readonly staged: ChunkSource | null;
}

/** Applies what the log holds beyond the model; answers everybody who was a member on the way. */
async function applyAll(model: SqliteModelStore, raft: RaftStore, copy: Copy): Promise<ReadonlySet<NodeId>> {
  const seen = new Set<NodeId>();
  for (let applied = model.meta()?.position.index ?? 0; applied < raft.lastIndex(); ) {
    const high = Math.min(applied + batchMax, raft.lastIndex()) + 1;
    const entries = raft.entries(applied + 1, high, batchBytesMax);
    if (entries === undefined || entries.length === 0)
      throw new QuorateError('damaged', `The log does not reach back to the model, which stands at ${applied}.`);
    const taken = applySome(model, entries, copy);
    if (taken.length === 0) return seen;
    for (const id of namedIn(taken)) seen.add(id);
    const meta = model.meta();
    for (const id of meta === undefined ? [] : membersOf(meta.configuration)) seen.add(id);
    applied = meta?.position.index ?? applied + taken.length;
    await nextTurn();
  }
  return seen;
}

/**
 * Up to a restore, or one that is first. Where the file of that one is not here, what stands behind it belongs to a model that
 * this directory never had: nothing is answered, and the model stays the one before, whole.
 */
function applySome(model: SqliteModelStore, entries: readonly Entry[], copy: Copy): readonly Entry[] {
  const at = entries.findIndex((entry) => restoreIn(entry) !== undefined);
  const [first] = entries;
  if (at !== 0 || first === undefined) {
    const plain = at < 0 ? entries : entries.slice(0, at);
    applyBatch(model, plain);
    return plain;
  }
  const command = restoreIn(first);
  const meta = model.meta();
  if (command === undefined || meta === undefined || !judgeRestore(model, meta, command).ok) {
    applyBatch(model, [first]);
    return [first];
  }
  if (copy.staged?.sha256 !== command.sha256) return [];
  const target = join(copy.folder, `restored-${recoveredName}`);
  const { path: source, sha256 } = copy.staged;
  const after = metaAfterRestore(meta, first, command);
  makeRestoredModel({ source, sha256, target, meta: after, records: model.recordRows() });
  model.exchange(() => replaceModel(target, copy.path));
  return [first];
}

function namedIn(entries: readonly Entry[]): readonly NodeId[] {
  return entries.flatMap((entry) => (entry.type === 'configuration' ? entry.change.changes.map(({ id }) => id) : []));
}

/** After everything that model and log hold, and in a term in which nobody has voted. */
function beginningOf(model: SqliteModelStore, raft: RaftStore): { readonly index: Index; readonly term: number } {
  const meta = model.meta();
  const lastIndex = Math.max(raft.lastIndex(), meta?.position.index ?? 0);
  const lastTerm = raft.term(raft.lastIndex()) ?? 0;
  return { index: lastIndex + 1, term: Math.max(raft.hardState().term, meta?.term ?? 0, lastTerm) + 1 };
}
