/**
 * What a survivor's model becomes when it goes on alone: all that its log holds is applied to a copy of the model, also what
 * lies above the commit index, and after that a new timeline begins. Over any store: where the copy lies, and how it comes
 * into its place, is the caller's.
 */
import { QuorateError } from '../../messaging/errors.js';
import type { Position, Timeline } from '../../messaging/position.js';
import type { Operation } from '../../messaging/schemas/operations.js';
import { applyBatch } from '../model/apply.js';
import type { RestoreCommand } from '../model/commands.js';
import { type ModelRecovery, recoverModel } from '../model/recovery.js';
import { judgeRestore, restoreIn } from '../model/restore.js';
import type { ModelMeta, ModelStore } from '../model/store.js';
import { type Entry, type Index, membersOf, type NodeId, type Term, votersOf } from '../raft/index.js';
import type { ChunkSource, CompactionPoint, PersistBatch, RaftStore } from './types.js';

export interface RecoverRequest {
  readonly clusterName: string;
  readonly nodeId: NodeId;
  /** Its epoch is higher than that of the model. */
  readonly timeline: Timeline;
  /** Others that are left behind, beside the members that the model or the log knows. */
  readonly leftBehind: readonly NodeId[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The record with which the new history begins; see `recoverModel`. */
  readonly record?: (begun: Begun) => Operation;
  /** The file that is staged for a restore: one that the log asks for, and that was not carried out yet, is. */
  readonly stagedRestore?: ChunkSource | null;
  /** Called after each step: for the log. */
  readonly onStep?: (step: RecoverStep) => void;
}

export interface Begun {
  /** Where the new history begins. */
  readonly position: Position;
  /** Snapshot of the state before. */
  readonly backup: string;
  readonly uncommittedKept: number;
}

/** In this order. */
export const recoverSteps = ['backup', 'copy', 'apply', 'begin', 'commit', 'exchange', 'done'] as const;
export type RecoverStep = (typeof recoverSteps)[number];

export interface Recovered {
  readonly meta: ModelMeta;
  /** Of the last entry that the old log held, or of the model where it held none. */
  readonly lastIndex: Index;
  /** Entries that were kept although they were not known to be committed. */
  readonly uncommittedKept: number;
  /** Snapshot of the model as it was. */
  readonly backup: string;
}

/** The copy that everything is applied to, and what is needed for that. */
export interface RecoveryCopy {
  /** Another object after a restore, where the store is no longer the same. */
  model(): ModelStore;
  readonly raft: RaftStore;
  /** Carries out a restore that the log asks for; false where its file is not here. */
  restore(entry: Entry, command: RestoreCommand, before: ModelMeta): boolean;
  /** Between two batches: others have their turn. */
  pause(): Promise<void>;
}

/** Entries that are applied in one transaction. */
const batchMax = 500;
const batchBytesMax = 4 << 20;

/** What the start-up table refuses on a directory, said again for one that is open. @throws QuorateError `removed`, `not-a-member`, `damaged`: this directory is none to go on with. */
export function refuseRecovery(
  meta: ModelMeta | undefined,
  raft: RaftStore,
  nodeId: NodeId,
): asserts meta is ModelMeta {
  if (raft.removedMark() !== null || meta?.configuration.removed.includes(nodeId) === true)
    throw new QuorateError('removed', `${nodeId} was removed from its cluster; what it holds may be old.`);
  if (meta === undefined || meta.position.indexType !== 'raft')
    throw new QuorateError('not-a-member', `${nodeId} holds no model of a cluster.`);
  if (!votersOf(meta.configuration).includes(nodeId)) {
    throw new QuorateError('not-a-member', `${nodeId} is no voter: it may lack what was acknowledged.`, {
      remedy:
        'Recover on a voter that survived. Without one, begin a new cluster on a snapshot: `quorate restore --from FILE --id ID --data-dir DIR`.',
    });
  }
  if (meta.position.index < raft.compactionPoint().index)
    throw new QuorateError(
      'damaged',
      `The log does not reach back to the model, which stands at ${meta.position.index}.`,
    );
}

export function resultOf(before: ModelMeta, raft: RaftStore): Pick<Recovered, 'lastIndex' | 'uncommittedKept'> {
  const { index } = before.position;
  return {
    lastIndex: Math.max(raft.lastIndex(), index),
    uncommittedKept: Math.max(0, raft.lastIndex() - Math.max(raft.hardState().commit, index)),
  };
}

/** Brings the copy up to the end of the log, and begins the new timeline in it. */
export async function recoverCopy(
  copy: RecoveryCopy,
  request: Omit<RecoverRequest, 'record'> & Pick<ModelRecovery, 'record'>,
): Promise<ModelMeta> {
  const seen = await applyAll(copy);
  request.onStep?.('apply');
  const model = copy.model();
  // A restore that the log held has begun a timeline of its own.
  const epoch = Math.max(request.timeline.epoch, (model.meta()?.position.timeline.epoch ?? 0) + 1);
  return recoverModel(model, {
    ...request,
    timeline: { ...request.timeline, epoch },
    ...beginningOf(model, copy.raft),
    leftBehind: [...request.leftBehind, ...seen],
  });
}

/** The log that goes with it: empty, in a term in which this member alone has led. */
export function logAfterRecovery({ position, term }: ModelMeta): {
  readonly point: CompactionPoint;
  readonly batch: PersistBatch;
} {
  const { index, timeline } = position;
  return { point: { index, term, timeline }, batch: { hardState: { term, vote: '', commit: index } } };
}

/** Applies what the log holds beyond the model; answers everybody who was a member on the way. */
async function applyAll(copy: RecoveryCopy): Promise<ReadonlySet<NodeId>> {
  const { raft } = copy;
  const seen = new Set<NodeId>();
  for (let applied = copy.model().meta()?.position.index ?? 0; applied < raft.lastIndex(); ) {
    const high = Math.min(applied + batchMax, raft.lastIndex()) + 1;
    const entries = raft.entries(applied + 1, high, batchBytesMax);
    if (entries === undefined || entries.length === 0)
      throw new QuorateError('damaged', `The log does not reach back to the model, which stands at ${applied}.`);
    const taken = applySome(copy, entries);
    if (taken.length === 0) return seen;
    for (const id of namedIn(taken)) seen.add(id);
    const meta = copy.model().meta();
    for (const id of meta === undefined ? [] : membersOf(meta.configuration)) seen.add(id);
    applied = meta?.position.index ?? applied + taken.length;
    await copy.pause();
  }
  return seen;
}

/**
 * Up to a restore, or one that is first. Where the file of that one is not here, what stands behind it belongs to a model that
 * this directory never had: nothing is answered, and the model stays the one before, whole.
 */
function applySome(copy: RecoveryCopy, entries: readonly Entry[]): readonly Entry[] {
  const at = entries.findIndex((entry) => restoreIn(entry) !== undefined);
  const [first] = entries;
  if (at !== 0 || first === undefined) {
    const plain = at < 0 ? entries : entries.slice(0, at);
    applyBatch(copy.model(), plain);
    return plain;
  }
  const command = restoreIn(first);
  const meta = copy.model().meta();
  if (command === undefined || meta === undefined || !judgeRestore(copy.model(), meta, command).ok) {
    applyBatch(copy.model(), [first]);
    return [first];
  }
  return copy.restore(first, command, meta) ? [first] : [];
}

function namedIn(entries: readonly Entry[]): readonly NodeId[] {
  return entries.flatMap((entry) => (entry.type === 'configuration' ? entry.change.changes.map(({ id }) => id) : []));
}

/** After everything that model and log hold, and in a term in which nobody has voted. */
function beginningOf(model: ModelStore, raft: RaftStore): { readonly index: Index; readonly term: Term } {
  const meta = model.meta();
  const lastIndex = Math.max(raft.lastIndex(), meta?.position.index ?? 0);
  const lastTerm = raft.term(raft.lastIndex()) ?? 0;
  return { index: lastIndex + 1, term: Math.max(raft.hardState().term, meta?.term ?? 0, lastTerm) + 1 };
}
