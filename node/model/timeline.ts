/**
 * The one place where a timeline begins. A timeline that begins anywhere else, or twice, would give two histories the same
 * indexes, and routers would drop new changes as old ones.
 */
import type { IndexType, Timeline } from '../../messaging/index.js';
import type { Configuration } from '../raft/index.js';
import { invariant } from './invariant.js';
import type { ModelMeta } from './store.js';

export interface TimelineBeginning {
  readonly clusterId: string;
  readonly timeline: Timeline;
  /** Where the log goes on: the timeline that it began with. Absent: a new log begins with this timeline. */
  readonly logTimeline?: Timeline;
  readonly indexType: IndexType;
  /** Nothing of the new timeline stands at or before this index. */
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}

/**
 * Meta of a model whose history begins now. `previous` is what the model stood at before (restore, recovery, migration),
 * or undefined for the first timeline of a cluster. The journal before it must be dropped by the caller.
 */
export function beginTimeline(previous: ModelMeta | undefined, beginning: TimelineBeginning): ModelMeta {
  const { clusterId, timeline, logTimeline = timeline, indexType, index, term, configuration } = beginning;
  invariant(
    previous === undefined || timeline.epoch > previous.position.timeline.epoch,
    () => `timeline ${timeline.id} has no higher epoch than the one before it`,
  );
  const legacyIndexMax = previous === undefined ? 0 : legacyIndexMaxOf(previous);
  return {
    clusterId,
    logTimeline,
    position: { timeline, indexType, index },
    term,
    configuration,
    membersIndex: index,
    lastChangeIndex: 0,
    journalStart: index,
    ...(legacyIndexMax === 0 ? {} : { legacyIndexMax }),
  };
}

/** The highest legacy index that was ever given: a standalone controller goes on above it, whatever was in between. */
export function legacyIndexMaxOf({ position, legacyIndexMax = 0 }: ModelMeta): number {
  return position.indexType === 'legacy' ? Math.max(legacyIndexMax, position.index) : legacyIndexMax;
}
