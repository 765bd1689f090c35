/** Recovery on the directory of a controller that does not run: the start-up table decides, storage does it. */
import { QuorateError } from '../../messaging/errors.js';
import type { Position } from '../../messaging/position.js';
import { softwareVersion } from '../../messaging/version.js';
import {
  contentsOf,
  type DirectoryFacts,
  type DirectoryLock,
  inspectDirectory,
  openStorage,
  type Recovered,
  type RecoverRequest,
} from '../storage/index.js';
import { decideStart } from './decide-start.js';
import { createTimelineUnasked } from './timeline.js';

/** Whose directory it is, where it cannot say so itself: a model whose log is gone. */
export interface GivenOwner {
  readonly cluster: string | undefined;
  readonly node: string | undefined;
}

/** What a survivor's directory holds, and whether it can go on alone. */
export interface RecoverableDirectory {
  readonly cluster: string;
  readonly node: string;
  readonly position: Position;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly commit: number;
  readonly voters: readonly string[];
}

/** @throws QuorateError what the start-up table says of it: `removed`, `damaged`, `ambiguous-state`, … */
export function examineForRecovery(facts: DirectoryFacts, given: GivenOwner): RecoverableDirectory {
  const contents = contentsOf(facts);
  const node = given.node ?? contents.node;
  const cluster = given.cluster ?? contents.cluster;
  const { meta } = facts.model;
  const outcome = decideStart(facts, {
    clusterName: cluster ?? 'unknown',
    nodeId: node ?? 'unknown',
    bootstrap: false,
    restoreFrom: null,
    recover: true,
  });
  if (outcome.outcome === 'refuse') throw new QuorateError(outcome.code, outcome.found, { remedy: outcome.remedy });
  if (outcome.outcome !== 'recover' || meta === null)
    throw new QuorateError('not-a-member', `The data directory ${facts.directory} holds nothing to recover.`);
  if (node === null || cluster === null) {
    throw new QuorateError('invalid-config', `The data directory ${facts.directory} does not say whose it is.`, {
      remedy: 'Give the id of the controller with --id, and the name of its cluster with --cluster.',
    });
  }
  const { lastIndex, lastTerm, hardState } = facts.raft;
  const { position, term, configuration } = meta;
  return {
    cluster,
    node,
    position,
    lastIndex: Math.max(lastIndex, position.index),
    lastTerm: Math.max(lastTerm, term),
    commit: Math.max(hardState.commit, position.index),
    voters: configuration.voters,
  };
}

/** Leaves the directory as it was, or recovered; a controller that is started on it then leads a cluster of one. */
export async function recoverDirectory(
  lock: DirectoryLock,
  given: GivenOwner & Pick<RecoverRequest, 'record' | 'onStep'> & { readonly now: () => number },
): Promise<Recovered> {
  const { directory } = lock;
  const facts = inspectDirectory(directory, { lockedByUs: true });
  const { cluster, node, position } = examineForRecovery(facts, given);
  const storage = openStorage({ directory, lock, clusterName: cluster, nodeId: node, softwareVersion, now: given.now });
  try {
    return await storage.recover({
      clusterName: cluster,
      nodeId: node,
      timeline: createTimelineUnasked([position.timeline]),
      leftBehind: [],
      now: given.now(),
      onStep: given.onStep,
      record: given.record,
    });
  } finally {
    storage.close();
  }
}
