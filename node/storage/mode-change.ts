/**
 * The same model, counted in another way: a standalone controller's model becomes the first snapshot of a cluster, or that of
 * a cluster's only member becomes a standalone controller's. What is decided here is pure; `rewriteCopy` does it to a copy of
 * the file, which then takes the place of the model as an install does (`install.ts`).
 *
 * The rows of the journal are kept below the beginning of the new timeline, at indexes of 0 and less: there they are no
 * changes that anybody may ask for, but a request that comes again after the change is still known and not done twice.
 */
import { QuorateError } from '../../messaging/errors.js';
import type { ModelMeta } from '../model/store.js';
import { beginTimeline, legacyIndexMaxOf } from '../model/timeline.js';
import { invariant } from '../raft/invariant.js';
import type { HardState } from '../raft/types.js';
import { openDatabase } from './database.js';
import { syncFile } from './files.js';
import { metaOf } from './inspect.js';
import { modelSchema } from './schema.js';
import type { CompactionPoint, Identity, ModeChange } from './types.js';

/** @throws QuorateError `ambiguous-state` where there is nothing to change, or it has been changed already. */
export function modeBefore(
  meta: ModelMeta | undefined,
  identity: Identity | null,
  change: ModeChange,
): { readonly meta: ModelMeta; readonly identity: Identity } {
  if (meta === undefined || identity === null)
    throw new QuorateError('ambiguous-state', 'A blank controller has no model to count in another way.');
  if (meta.position.indexType === change.indexType)
    throw new QuorateError('ambiguous-state', `The model is counted by ${change.indexType} indexes already.`);
  const { voters, votersOutgoing, learners, learnersNext } = meta.configuration;
  const others = [...voters, ...votersOutgoing, ...learners, ...learnersNext].filter((id) => id !== identity.nodeId);
  if (others.length > 0)
    throw new QuorateError('ambiguous-state', `The cluster still has other members: ${others.join(', ')}.`);
  return { meta, identity };
}

export function metaAfter(before: ModelMeta, change: ModeChange): ModelMeta {
  invariant(change.term >= before.term, () => `the term would fall from ${before.term} to ${change.term}`);
  invariant(
    change.indexType === 'raft' ? change.index >= 1 : change.index >= legacyIndexMaxOf(before),
    () => `${change.indexType} indexes cannot go on after ${change.index}`,
  );
  const begun = beginTimeline(before, { ...change, clusterId: before.clusterId });
  // The operation that asked for it goes on, and ends the pause itself.
  return before.writesPausedBy === undefined ? begun : { ...begun, writesPausedBy: before.writesPausedBy };
}

/** Where the log of a cluster begins that begins with this model: whoever joins takes a snapshot first. */
export function logAfter({ index, term, timeline }: ModeChange): {
  readonly point: CompactionPoint;
  readonly hardState: HardState;
} {
  return { point: { index, term, timeline }, hardState: { term, vote: '', commit: index } };
}

/** Changes a copy of the model, and syncs it. */
export function rewriteCopy(path: string, change: ModeChange, nodeId: string): void {
  const copy = openDatabase(path, modelSchema, { synchronous: 'FULL', journalMode: 'DELETE' });
  try {
    const before = metaOf(copy);
    if (before === undefined) throw new QuorateError('damaged', `${path} is the copy of a model without a position.`);
    copy.transaction(() => {
      copy.prepare('UPDATE meta SET body = ?').run(JSON.stringify(metaAfter(before, change)));
      // Downward, in their order: no row meets one that has not moved yet.
      copy.prepare('UPDATE journal SET idx = idx - ?').run(before.position.index);
      copy.prepare("DELETE FROM records WHERE bucket = 'member' AND key <> ?").run(nodeId);
    })();
  } finally {
    copy.close();
  }
  syncFile(path);
}
