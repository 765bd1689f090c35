/** What the workflow of a restore does to the world, on a running leader: see `node/workflows/actions.ts`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from '@msgpack/msgpack';
import { QuorateError, toQuorateError, validate } from '../../messaging/errors.js';
import type { Position } from '../../messaging/position.js';
import type { AppliedEntry } from '../cluster/member.js';
import { createTimeline } from '../cluster/timeline.js';
import type { Command } from '../model/index.js';
import { membersOf } from '../raft/index.js';
import type { Actions, RestoreFile } from '../workflows/actions.js';
import type { RestoreAnswer, RestoreFacts } from '../workflows/facts.js';
import { refusalOf } from './handlers.js';
import { restoreAnswerSchema } from './peers.js';
import type { WorkflowSources } from './workflow-actions.js';

const askTimeoutMs = 3_000;

type RestoreActions = Pick<
  Actions,
  'askRestore' | 'discardRestore' | 'position' | 'backUp' | 'proposeRestore' | 'compactLog' | 'compareModels'
>;

export interface RestoreWork {
  readonly gather: (file: RestoreFile) => Promise<RestoreFacts>;
  readonly actions: RestoreActions;
}

export function createRestoreActions(
  sources: WorkflowSources,
  { propose }: { readonly propose: (command: Command) => Promise<AppliedEntry> },
): RestoreWork {
  const { nodeId, storage, transport, restoreFiles } = sources;

  function meta() {
    const held = storage.model.meta();
    if (held === undefined) throw new QuorateError('not-a-member');
    return held;
  }

  async function ask(
    node: string,
    { sha256, sizeBytes }: RestoreFile,
    fetchFrom: string | null,
  ): Promise<RestoreAnswer> {
    const body = { sha256, sizeBytes, fetchFrom };
    if (node === nodeId) return restoreFiles.ask(body);
    const answer = await transport.request(node, 'restore.ask', encode(body), askTimeoutMs);
    return validate(restoreAnswerSchema, decode(answer), 'internal', `the answer of ${node}`);
  }

  async function gatherFile({ sha256 }: RestoreFile): Promise<RestoreFacts['file']> {
    const manifest = restoreFiles.manifestOf(sha256);
    if (manifest === undefined) return { type: 'missing', reason: `${nodeId} does not hold it` };
    const { clusterName, createdAt, countByKind } = manifest;
    const { position, clusterId } = manifest.meta;
    const differences = await restoreFiles.differences(sha256);
    return { type: 'whole', cluster: clusterName, clusterId, position, createdAt, countByKind, differences };
  }

  async function gather(file: RestoreFile): Promise<RestoreFacts> {
    const members = membersOf(meta().configuration).map(async (id) => {
      try {
        return { id, answer: await ask(id, file, null), reason: '' };
      } catch (error) {
        return { id, answer: null, reason: toQuorateError(error).message };
      }
    });
    return { file: await gatherFile(file), members: await Promise.all(members) };
  }

  /** One that an earlier run of the same operation has written here is as good: writes are paused since. */
  async function backUp(name: string): Promise<string> {
    const path = join(sources.backupDirectory, name);
    if (existsSync(path)) await storage.inspectSnapshot(path);
    else {
      const { manifest } = await storage.createSnapshot(path, 'automatic');
      await storage.inspectSnapshot(path);
      sources.events.cluster('snapshot.taken', {
        position: manifest.meta.position,
        message: `${nodeId} wrote a snapshot at index ${manifest.meta.position.index}, as a backup`,
      });
    }
    return `${path} on ${nodeId}`;
  }

  async function proposeRestore(given: Parameters<Actions['proposeRestore']>[0]): Promise<void> {
    const { sha256 } = given.file;
    const before = [meta().position, restoreFiles.manifestOf(sha256)?.meta.position].filter(
      (position): position is Position => position !== undefined,
    );
    const timeline = createTimeline(
      before.map((position) => position.timeline),
      () => given.timelineId,
    );
    const { outcome } = await propose({ type: 'model.restore', operation: given.operation, sha256, timeline });
    if (outcome.type !== 'restored') throw refusalOf(outcome);
  }

  return {
    gather,
    actions: {
      askRestore: (node, file, fetchFrom) => ask(node, file, fetchFrom).catch(() => null),
      discardRestore: async (node, { sha256 }) => {
        if (node === nodeId) restoreFiles.discard(sha256);
        else await transport.request(node, 'restore.discard', encode({ sha256 }), askTimeoutMs).catch(() => undefined);
      },
      position: () => meta().position,
      backUp,
      proposeRestore,
      compactLog: sources.compactLog,
      compareModels: sources.compare,
    },
  };
}
