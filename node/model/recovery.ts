/**
 * What a model becomes when its cluster goes on with one member, because the quorum was lost for good: the entities, request
 * ids and outcomes stay as they are; a new timeline begins; who else was a member is removed, and never comes back under its
 * id; and what the old leader was doing ends as failed.
 */
import type { Operation, Position, Timeline } from '../../messaging/index.js';
import { initialConfiguration, membersOf, type NodeId } from '../raft/index.js';
import { invariant } from './invariant.js';
import { isUnderWay, putOperation } from './operations.js';
import { byCodeUnit, type ModelMeta, type ModelStore } from './store.js';
import { beginTimeline } from './timeline.js';

export interface ModelRecovery {
  /** The only voter. */
  readonly nodeId: NodeId;
  readonly timeline: Timeline;
  /** Where the new log begins: after all that the old one held. */
  readonly index: number;
  readonly term: number;
  /** Others that were members or have spoken as such, though this model may not know them. */
  readonly leftBehind: readonly NodeId[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What the new history says of how it began; none where nobody asked whom it could name: in the simulator. */
  readonly record?: (begun: { readonly position: Position }) => Operation;
}

/**
 * All in one transaction of the store. The journal stays, before where the new timeline starts: nobody reads it as history any
 * more, but a client that retries a request from before the recovery still gets its first outcome.
 */
export function recoverModel(store: ModelStore, recovery: ModelRecovery): ModelMeta {
  const { nodeId, timeline, index, term, leftBehind, now, record } = recovery;
  const before = store.meta();
  invariant(before !== undefined, 'there is no model to recover');
  invariant(index > before.position.index, 'a recovered log begins after the model');
  return store.transaction(() => {
    const former = [...before.configuration.removed, ...membersOf(before.configuration), ...leftBehind];
    const removed = [...new Set(former)].filter((id) => id !== nodeId).sort(byCodeUnit);
    const meta = beginTimeline(before, {
      clusterId: before.clusterId,
      timeline,
      indexType: 'raft',
      index,
      term,
      configuration: { ...initialConfiguration([nodeId]), removed },
    });
    for (const { key } of store.records('member')) if (key !== nodeId) store.deleteRecord('member', key);
    for (const { key, value } of store.records('operation')) {
      if (!isUnderWay(value.operation)) continue;
      store.putRecord('operation', key, {
        revision: value.revision + 1,
        operation: ended(value.operation, nodeId, now),
      });
    }
    store.putMeta(meta);
    if (record !== undefined) putFirst(store, record({ position: meta.position }));
    return meta;
  });
}

/** Nothing is under way any more, so it is taken. */
function putFirst(store: ModelStore, operation: Operation): void {
  const put = putOperation(store, { type: 'operation.put', revision: 0, operation });
  invariant(put.ok, 'the record of a recovery is the only one of its id');
}

function ended(operation: Operation, by: NodeId, now: number): Operation {
  const message = `The quorum was lost for good while it ran; the cluster was recovered on ${by}.`;
  return {
    ...operation,
    state: 'failed',
    updatedAt: now,
    finishedAt: now,
    steps: operation.steps.map((step) =>
      step.state === 'running' ? { ...step, state: 'failed', finishedAt: now, detail: message } : step,
    ),
    error: { code: 'operation-failed', message, remedy: 'Start it again if it is still wanted.' },
  };
}
