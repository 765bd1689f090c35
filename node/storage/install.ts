/**
 * Exchanging the model for another file, together with the log, so that a crash at any moment leaves either the old pair or
 * the new one:
 *  1. the file lies in the folder `staging`, whole, verified and synced;
 *  2. one transaction of raft.db lets the log begin at the file's position and notes the file as `install`: the commit;
 *  3. the file takes the place of model.db;
 *  4. the note is removed.
 * A crash before 2 leaves everything as it was. After 2, opening finds the note and does 3 and 4 again: step 3 may have
 * happened or not, and is the same either way. model.db's write-ahead log goes first, so that it can never be read together
 * with another database than its own; that what it held is lost is no loss, since the commit has abandoned it.
 *
 * A restore, and a snapshot that a member takes although its log reaches further, exchange the model alone: the transaction of
 * step 2 then only notes the file. Until then the model stands just before what it could not apply, and finds it in the log again.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import type { Member } from '../../messaging/schemas/status.js';
import type { ModelMeta } from '../model/store.js';
import { beginTimeline } from '../model/timeline.js';
import { initialConfiguration } from '../raft/configuration.js';
import { openDatabase } from './database.js';
import { removeDatabase, sideFiles, syncFile, syncFolder } from './files.js';
import { restoreFolderName } from './names.js';
import { modelSchema } from './schema.js';
import type { InitialState, StandaloneState } from './types.js';

export const stagingFolderName = 'staging';
export const initialName = 'initial.db';
/** The model, counted in another way. */
export const modeName = 'mode.db';
/** Where the model of a restore is made, as an install's note names it: beside the folder `staging`, which a snapshot on its way in may empty. */
export const restoredName = join('..', restoreFolderName, 'restored.db');

/** Step 3. Both files are closed. Does nothing where it has been done. */
export function replaceModel(staged: string, model: string): void {
  if (!existsSync(staged)) return;
  for (const suffix of sideFiles) rmSync(model + suffix, { force: true });
  renameSync(staged, model);
  syncFolder(dirname(model));
  syncFolder(dirname(staged));
}

/** Whether the model that is there now is the one that the note speaks of. */
export function checkInstalled(
  pending: { readonly index: number; readonly term: number },
  meta: ModelMeta | undefined,
): void {
  if (meta === undefined || meta.position.index < pending.index) {
    throw new QuorateError(
      'damaged',
      `A snapshot at index ${pending.index} was being installed, and its file is gone.`,
    );
  }
}

export function initialMeta(state: InitialState): ModelMeta {
  return beginTimeline(state.restoreFrom?.manifest.meta, {
    clusterId: state.identity.clusterId,
    timeline: state.timeline,
    indexType: 'raft',
    index: state.snapshot.index,
    term: state.snapshot.term,
    configuration: state.snapshot.configuration,
  });
}

/** What a new history knows beside its entities. */
export function initialRecords({ members = [], operation }: InitialState) {
  return [
    ...members.map((member) => ({ bucket: 'member', key: member.id, value: member }) as const),
    ...(operation === undefined
      ? []
      : [{ bucket: 'operation', key: operation.id, value: { revision: 1, operation } } as const]),
  ];
}

/** Makes, in the staging folder, the model that a new history begins with: no entities, but cluster, timeline and members. */
export function writeInitialModel(
  folder: string,
  state: InitialState,
): { readonly path: string; readonly meta: ModelMeta } {
  return writeFirstModel(folder, initialMeta(state), state.members ?? []);
}

/** The same for a standalone controller; it counts from 1. */
export function writeStandaloneModel(
  folder: string,
  { identity, timeline, members }: StandaloneState,
): { readonly path: string; readonly meta: ModelMeta } {
  const meta = beginTimeline(undefined, {
    clusterId: identity.clusterId,
    timeline,
    indexType: 'legacy',
    index: 0,
    term: 0,
    configuration: initialConfiguration([identity.nodeId]),
  });
  return writeFirstModel(folder, meta, members);
}

function writeFirstModel(
  folder: string,
  meta: ModelMeta,
  members: readonly Member[],
): { readonly path: string; readonly meta: ModelMeta } {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, initialName);
  removeDatabase(path);
  const database = openDatabase(path, modelSchema, { synchronous: 'FULL', journalMode: 'DELETE' });
  try {
    database.prepare('INSERT INTO meta (id, body) VALUES (1, ?)').run(JSON.stringify(meta));
    for (const member of members) {
      database
        .prepare("INSERT INTO records (bucket, key, value) VALUES ('member', ?, ?)")
        .run(member.id, JSON.stringify(member));
    }
  } finally {
    database.close();
  }
  syncFile(path);
  syncFolder(folder);
  return { path, meta };
}
