/**
 * A new cluster on the model of a file: the site burned down, and this is what is left. A blank controller begins it with
 * itself as the only voter, under a new cluster id and a timeline of a higher epoch than the file's; the others join. Whatever the file says of
 * members and operations was of the cluster that is gone.
 */
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import { ok } from '../../messaging/finding.js';
import type { Operation } from '../../messaging/schemas/operations.js';
import type { Member } from '../../messaging/schemas/status.js';
import { createTimelineUnasked } from '../cluster/timeline.js';
import { findKind } from '../model/index.js';
import { initialConfiguration } from '../raft/index.js';
import type { InitialState, SnapshotFile, Storage } from '../storage/index.js';
import { beginningRecord } from '../workflows/beginnings.js';
import type { Requester } from '../workflows/control.js';

/** Reads the whole file. Nothing is touched yet. @throws QuorateError `snapshot-invalid` or `newer-schema` */
export async function inspectForRestore(storage: Storage, path: string): Promise<SnapshotFile> {
  const file = await storage.inspectSnapshot(path);
  refuseUnusable(path, file.manifest.countByKind);
  return file;
}

/** A file without anything in it is never what was meant; one with unknown kinds would be half understood. */
export function refuseUnusable(path: string, countByKind: Readonly<Record<string, number>>): void {
  const unknown = Object.keys(countByKind).filter((kind) => findKind(kind) === undefined);
  if (unknown.length > 0) {
    throw new QuorateError(
      'newer-schema',
      `${path} holds entities of kinds that this version does not know: ${unknown}.`,
      {
        remedy: 'Use the version that wrote it, or a newer one.',
      },
    );
  }
  if (Object.values(countByKind).every((count) => count === 0)) {
    throw new QuorateError('snapshot-invalid', `${path} holds no entities at all.`, {
      remedy: 'Choose another file; to begin an empty cluster, use --bootstrap.',
    });
  }
}

/** `by`: who asked for it, for the record of how the cluster began. */
export function stateFromFile(
  file: SnapshotFile,
  clusterName: string,
  member: Member,
  by: Requester & { readonly now: number },
): InitialState {
  const { position } = file.manifest.meta;
  // Behind where the file stands: an index that somebody remembers does not come again.
  const index = position.index + 1;
  return {
    identity: { clusterName, clusterId: randomUUID(), nodeId: member.id },
    timeline: createTimelineUnasked([position.timeline]),
    snapshot: { index, term: 1, configuration: initialConfiguration([member.id]) },
    hardState: { term: 1, vote: '', commit: index },
    members: [member],
    restoreFrom: file,
    operation: recordOf(file, clusterName, member.id, by),
  };
}

function recordOf(
  { path, sha256, sizeBytes, manifest }: SnapshotFile,
  clusterName: string,
  node: string,
  { now, ...by }: Requester & { readonly now: number },
): Operation {
  const counts = Object.entries(manifest.countByKind).map(([kind, count]) => `${count} ${kind}`);
  return beginningRecord({
    id: randomUUID(),
    parameters: { workflow: 'new-cluster', node, sha256, sizeBytes, name: basename(path) },
    by,
    findings: [
      ok('file-is-whole', `${path} is whole, written by ${manifest.createdBy} of ${manifest.clusterName}.`),
      ok('directory-is-blank', `The directory of ${node} held no history.`),
      ok('no-such-cluster', `No cluster ${clusterName} was heard.`),
    ],
    before: null,
    details: { 'take-entities': counts.join(', ') },
    startedAt: now,
    now,
  });
}
