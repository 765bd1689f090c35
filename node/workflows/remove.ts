/** A member is removed, for good: its id is never used again. A leader hands leadership over first. */
import { membersOf } from '../raft/index.js';
import type { Actions } from './actions.js';
import { cluster, member } from './checks/index.js';
import type { Step, Verification, Work, Workflow } from './definition.js';
import { statusFreshMs } from './facts.js';
import { impactAfter } from './impact.js';
import { handOver, successorOf } from './leadership.js';
import { changeMembership, failed, waitUntil } from './waits.js';

/** A removed member that is there learns of it within moments. */
export const knowsMaxMs = 30_000;
/** One that does not answer for this long is away. */
export const awayConfirmMs = 8_000;

const isGone = ({ actions, target }: Work) => !membersOf(actions.configuration()).includes(target);

export function handOverFirst(work: Work): Promise<string> {
  return handOver(work, work.target, () => successorOf(work, work.target));
}

export const transferLeadership: Step = {
  name: 'transfer-leadership',
  title: (target) => `See that somebody other than ${target} leads`,
  run: handOverFirst,
};

const removeMember: Step = {
  name: 'remove-member',
  title: (target) => `Remove ${target} from the configuration`,
  noReturn: {
    because: 'its removal is proposed, and an id that was removed is never used again',
    instead: 'Wait for the end, then join another controller: `quorate members join ID`.',
  },
  run: async (work) => {
    const { target } = work;
    if (isGone(work)) return `${target} is not in the configuration`;
    // An election in between may have made it the leader again.
    await handOverFirst(work);
    await work.recheck([cluster.quorumHealthy, member.votersRemain, member.quorumAfter, member.newestStateKept]);
    await changeMembership(work, [{ type: 'remove', id: target }], {
      isThere: () => isGone(work),
      members: [],
      what: `removing ${target}`,
    });
    return `${target} is not in the configuration any more`;
  },
};

export const configurationWithoutIt: Verification = {
  name: 'configuration-without-it',
  title: (target) => `The committed configuration does not hold ${target}`,
  run: async (work) => {
    await waitUntil(work, {
      forMs: knowsMaxMs,
      until: () => {
        const { removed, votersOutgoing } = work.actions.configuration();
        return (
          (isGone(work) && removed.includes(work.target) && votersOutgoing.length === 0) ||
          'the configuration still holds it'
        );
      },
      otherwise: failed,
    });
    return 'it is gone from the committed configuration, and its id is never used again';
  },
};

/** Success is said when it knows; or when it is away and so cannot act, and the members will tell it when it comes back. */
export const knowsIt: Verification = {
  name: 'knows-it',
  title: (target) => `${target} knows that it was removed`,
  run: (work) => untilItKnows(work, work.target),
};

/** Resolves to what was seen. @throws QuorateError where it is there and does not learn it */
export async function untilItKnows(work: Work, target: string): Promise<string> {
  const { actions } = work;
  const seen: { answer: Awaited<ReturnType<Actions['knowsRemoved']>>; awaySince: number | undefined } = {
    answer: 'not-yet',
    awaySince: undefined,
  };
  await waitUntil(work, {
    forMs: knowsMaxMs,
    until: async () => {
      seen.answer = await actions.knowsRemoved(target);
      // One that is damaged does nothing any more, and does not start again on that directory.
      if (seen.answer === 'knows' || seen.answer === 'damaged') return true;
      const silentMs = actions.status(target)?.ageMs ?? Number.POSITIVE_INFINITY;
      const away = seen.answer === 'away' && silentMs > statusFreshMs;
      seen.awaySince = away ? (seen.awaySince ?? actions.now()) : undefined;
      // One that restarts just now comes back within this time, and is told.
      if (seen.awaySince !== undefined && actions.now() - seen.awaySince >= awayConfirmMs) return true;
      return seen.answer === 'away' ? 'it does not answer' : 'it does not say so yet';
    },
    otherwise: (last) =>
      failed(
        `${target} is there and does not know that it was removed: ${last}`,
        `Stop ${target}: it is not a member any more.`,
      ),
  });
  switch (seen.answer) {
    case 'knows':
      return 'it says so';
    case 'damaged':
      return 'it is damaged, and out of service';
    case 'away':
    case 'not-yet':
      return 'it is away; the members refuse its messages and tell it when it comes back';
  }
}

export const remove: Workflow = {
  name: 'remove',
  summary: 'Removes a member for good; a leader hands leadership over first.',
  checks: [
    cluster.leaderCommittedInTerm,
    member.targetIsMember,
    cluster.noChangePending,
    cluster.noOperationRunning,
    cluster.noTransferRunning,
    cluster.oneCluster,
    cluster.oneTimeline,
    cluster.quorumHealthy,
    member.votersRemain,
    member.quorumAfter,
    member.failuresSurvived,
    member.leaderTransferable,
    member.newestStateKept,
    member.targetReachable,
    member.routersKeepController,
    cluster.votersOddAfter,
  ],
  steps: [transferLeadership, removeMember],
  verifications: [configurationWithoutIt, knowsIt],
  confirmation: (target) => target,
  impact: impactAfter,
};
