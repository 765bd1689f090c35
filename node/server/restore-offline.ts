/**
 * A new cluster on the model of a file, in the directory of a controller that does not run: what `--restore-from` does at a
 * start, done beforehand. The start-up table decides here too, so that the start that follows meets nothing that it does not know.
 */
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError } from '../../messaging/errors.js';
import type { Position } from '../../messaging/position.js';
import { supportedVersions } from '../../messaging/protocol.js';
import { shellWord } from '../../messaging/shell-word.js';
import { softwareVersion } from '../../messaging/version.js';
import { decideStart } from '../cluster/decide-start.js';
import {
  contentsOf,
  type DirectoryFacts,
  inspectDirectory,
  lockDirectory,
  openStorage,
  type SnapshotFile,
} from '../storage/index.js';
import { inspectSnapshot } from '../storage/inspect.js';
import type { Requester } from '../workflows/control.js';
import { listenForOthers } from './beginnings.js';
import { refuseUnusable, stateFromFile } from './restore-beginning.js';

export interface OfflineRestore {
  readonly directory: string;
  readonly cluster: string;
  readonly nodeId: string;
  readonly file: SnapshotFile;
  /** Who asks for it, and from where. */
  readonly by: Requester;
}

export interface RestoredDirectory {
  readonly clusterId: string;
  /** Where the new history begins. */
  readonly position: Position;
}

/** Reads the whole file, and changes nothing. @throws QuorateError `snapshot-invalid` or `newer-schema` */
export function readForRestore(path: string): SnapshotFile {
  const file = inspectSnapshot(path);
  refuseUnusable(path, file.manifest.countByKind);
  return file;
}

/**
 * Whether it may be done; changes nothing.
 * @throws QuorateError `data-dir-locked`, `not-blank`, `cluster-exists`, and what the start-up table says of the directory
 */
export async function checkOfflineRestore(request: OfflineRestore, client: ApiClient): Promise<void> {
  refuseUnlessBlank(inspectDirectory(request.directory), request);
  const config = { cluster: request.cluster, nodeId: request.nodeId };
  const remedy = `Join this controller to it: start it on the blank directory, then \`quorate members join ${request.nodeId}\`. To put the model of the file in the place of the present one: \`quorate restore ${shellWord(request.file.path)} --cluster ${request.cluster}\`.`;
  await listenForOthers({ config, client }, remedy);
}

/** Leaves the directory blank, or as that of the only voter of a new cluster. */
export async function restoreOffline(request: OfflineRestore): Promise<RestoredDirectory> {
  const { directory, cluster, nodeId, file, by } = request;
  const lock = lockDirectory(directory);
  try {
    // What was found before may have changed since.
    refuseUnlessBlank(inspectDirectory(directory, { lockedByUs: true }), request);
    const now = Date.now;
    const storage = openStorage({ directory, lock, clusterName: cluster, nodeId, softwareVersion, now });
    try {
      // Name and addresses are those that the controller is started with: as the leader that it becomes, it corrects them.
      const member = { id: nodeId, name: nodeId, version: softwareVersion, protocol: supportedVersions, addresses: [] };
      const state = stateFromFile(file, cluster, { ...member, addedAt: now() }, { ...by, now: now() });
      await storage.initialise(state);
      const position = storage.model.meta()?.position;
      if (position === undefined) throw new Error('a history that was begun stands nowhere');
      return { clusterId: state.identity.clusterId, position };
    } finally {
      storage.close();
    }
  } finally {
    lock.release();
  }
}

function refuseUnlessBlank(facts: DirectoryFacts, { directory, cluster, nodeId, file }: OfflineRestore): void {
  const outcome = decideStart(facts, {
    ...{ clusterName: cluster, nodeId, bootstrap: false, recover: false },
    restoreFrom: file.path,
  });
  if (outcome.outcome === 'restore') return;
  if (outcome.outcome === 'refuse') throw new QuorateError(outcome.code, outcome.found, { remedy: outcome.remedy });
  const held = contentsOf(facts);
  throw new QuorateError(
    'not-blank',
    `the data directory ${directory} belongs to ${held.node} of the cluster ${held.cluster} already`,
    {
      remedy: `To restore into that cluster, start it, then \`quorate restore ${shellWord(file.path)} --cluster ${held.cluster}\`. To begin a new one here, make the directory blank first: \`quorate reset --data-dir ${shellWord(directory)}\`.`,
    },
  );
}
