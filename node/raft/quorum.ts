/**
 * What a quorum decides: the highest index that a majority has, and the outcome of a vote; for one set of voters and for
 * the two sets of a joint configuration, where both must agree (dissertation, sections 3.6.2 and 4.3). An empty set never
 * stands in the way: that makes a configuration that is not joint the same as a joint one with an empty second half.
 */
import type { NodeId } from './types.js';

export type VoteOutcome = 'won' | 'lost' | 'pending';

/** The number of voters that decide. */
export function majorityOf(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1;
}

/**
 * The highest number that a majority of `voters` has reached. `reached` gives undefined for a voter not heard of, which
 * counts as 0. Infinity for no voters at all.
 */
export function majorityReached(voters: readonly NodeId[], reached: (id: NodeId) => number | undefined): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const values = new Array<number>(voters.length);
  for (let i = 0; i < voters.length; i++) {
    // Insertion into descending order: there are a handful of voters, and this runs for every acknowledgement.
    const value = reached(voters[i] as NodeId) ?? 0;
    let at = i;
    while (at > 0 && (values[at - 1] as number) < value) {
      values[at] = values[at - 1] as number;
      at--;
    }
    values[at] = value;
  }
  return values[majorityOf(voters.length) - 1] as number;
}

/** The highest number that majorities of both sets have reached. */
export function jointReached(
  voters: readonly NodeId[],
  votersOutgoing: readonly NodeId[],
  reached: (id: NodeId) => number | undefined,
): number {
  return Math.min(majorityReached(voters, reached), majorityReached(votersOutgoing, reached));
}

/** `votes` gives undefined for a voter that has not answered. */
export function majorityVote(voters: readonly NodeId[], votes: (id: NodeId) => boolean | undefined): VoteOutcome {
  if (voters.length === 0) return 'won';
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const needed = majorityOf(voters.length);
  if (granted >= needed) return 'won';
  return granted + missing >= needed ? 'pending' : 'lost';
}

/** Won when both sets say so, lost as soon as one does. */
export function jointVote(
  voters: readonly NodeId[],
  votersOutgoing: readonly NodeId[],
  votes: (id: NodeId) => boolean | undefined,
): VoteOutcome {
  const incoming = majorityVote(voters, votes);
  const outgoing = majorityVote(votersOutgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending';
}
