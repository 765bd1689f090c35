/**
 * What must hold for whatever is stored, whichever implementation stores it. They stay on in production: a member that would
 * break one of its promises stops instead (`InvariantViolation`).
 */
import { QuorateError } from '../../messaging/errors.js';
import { invariant } from '../raft/invariant.js';
import type { Entry, HardState, Index, LogDebt } from '../raft/types.js';
import type { CompactionPoint, Identity } from './types.js';

export const blankHardState: HardState = { term: 0, vote: '', commit: 0 };
export const blankCompactionPoint: CompactionPoint = { index: 0, term: 0, timeline: null };

/** Entries follow on without a gap, terms never fall along them, and nothing that is committed is replaced. */
export function checkEntries(
  entries: readonly Entry[],
  log: { readonly compacted: Index; readonly lastIndex: Index; readonly commit: Index },
): void {
  const first = entries[0];
  if (first === undefined) return;
  invariant(
    first.index > log.compacted,
    () => `entry ${first.index} is compacted away already (up to ${log.compacted})`,
  );
  invariant(first.index <= log.lastIndex + 1, () => `entry ${first.index} leaves a gap after ${log.lastIndex}`);
  invariant(first.index > log.commit, () => `entry ${first.index} would replace a committed one (up to ${log.commit})`);
  let before = first;
  for (const entry of entries) {
    if (entry !== first)
      invariant(entry.index === before.index + 1, () => `entry ${entry.index} follows ${before.index} in one batch`);
    invariant(
      entry.term >= before.term,
      () => `entry ${entry.index} of term ${entry.term} follows one of term ${before.term}`,
    );
    before = entry;
  }
}

/** The term never falls, a vote is given once in a term, the commit index never falls and never points beyond the log. */
export function checkHardState(next: HardState, held: HardState, lastIndex: Index): void {
  invariant(next.term >= held.term, () => `the term would fall from ${held.term} to ${next.term}`);
  invariant(
    next.term > held.term || held.vote === '' || next.vote === held.vote,
    () => `a second vote in term ${next.term}: ${next.vote} after ${held.vote}`,
  );
  invariant(next.commit >= held.commit, () => `the commit index would fall from ${held.commit} to ${next.commit}`);
  invariant(
    next.commit <= lastIndex,
    () => `the commit index ${next.commit} lies beyond the log, which ends at ${lastIndex}`,
  );
}

/**
 * Whether this damaged entry, with all after it, may be dropped and asked for again: nobody knows it to be committed, and
 * others decide what is. A voter alone has committed whatever it has stored.
 */
export function mayDrop(
  index: Index,
  held: { readonly commit: Index; readonly applied: Index; readonly voters: readonly string[]; readonly self: string },
): boolean {
  return index > Math.max(held.commit, held.applied) && held.voters.some((id) => id !== held.self);
}

/** What is owed once entries up to `lastIndex` are dropped, on top of what was owed before. */
export function debtAfter(before: LogDebt | null, hardState: HardState, lastIndex: Index): LogDebt {
  return { index: Math.max(lastIndex, before?.index ?? 0), term: hardState.term };
}

/** A directory belongs to one controller of one cluster, for ever. */
export function refuseOther(held: Identity | null, given: Identity): void {
  if (held === null) return;
  if (held.clusterName !== given.clusterName || held.clusterId !== given.clusterId) {
    throw new QuorateError(
      'wrong-cluster',
      `The data directory belongs to the cluster ${held.clusterName} (${held.clusterId}).`,
    );
  }
  if (held.nodeId !== given.nodeId) {
    throw new QuorateError('wrong-node', `The data directory belongs to the controller ${held.nodeId}.`);
  }
}
