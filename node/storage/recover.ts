/**
 * Going on alone with what one directory holds: see `recovered-model.ts` for what the model becomes. Here: how it comes about on
 * disk, so that a crash at any moment leaves the directory as it was, or recovered.
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
import { metaAfterRestore } from '../model/restore.js';
import type { ModelMeta } from '../model/store.js';
import { removeDatabase, sideFiles, sizeOf, syncFile, syncFolder } from './files.js';
import { replaceModel } from './install.js';
import { SqliteModelStore } from './model-store.js';
import { recoverCopy } from './recovered-model.js';
import { makeRestoredModel } from './restored-model.js';
import type { RaftStore } from './types.js';

export const recoveredName = 'recovered.db';

/** Steps 2 and 3. `source`: a closed SQLite file that holds the model. */
export async function writeRecoveredModel(
  folder: string,
  source: string,
  raft: RaftStore,
  request: Parameters<typeof recoverCopy>[1],
): Promise<ModelMeta> {
  const path = join(folder, recoveredName);
  await fs.mkdir(folder, { recursive: true });
  removeDatabase(path);
  await copyFile(source, path);
  request.onStep?.('copy');
  const model = new SqliteModelStore(path);
  const { stagedRestore: staged = null } = request;
  let meta: ModelMeta;
  try {
    meta = await recoverCopy(
      {
        model: () => model,
        raft,
        restore(entry, command, before) {
          if (staged === null || staged.sha256 !== command.sha256) return false;
          const target = join(folder, `restored-${recoveredName}`);
          const after = metaAfterRestore(before, entry, command);
          try {
            makeRestoredModel({
              ...{ source: staged.path, sha256: staged.sha256, target, meta: after },
              records: model.recordRows(),
            });
          } catch (error) {
            // A damaged file is no reason to lose the rest: as where there is none.
            if (error instanceof QuorateError && error.code === 'snapshot-invalid') return false;
            throw error;
          }
          model.exchange(() => replaceModel(target, path));
          return true;
        },
        pause: () => nextTurn(),
      },
      request,
    );
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
