/** A blank controller becomes a learner, catches up, and becomes a voter; or is removed again, with the reason. */
import type { OperationParameters } from '../../messaging/index.js';
import { gatesBeyond } from '../model/index.js';
import { membersOf } from '../raft/index.js';
import { candidate, cluster, member } from './checks/index.js';
import type { Step, Verification, Work, Workflow } from './definition.js';
import { impactAfter } from './impact.js';
import { changeMembership, failed, grouped, waitUntil } from './waits.js';

/** A learner that is behind by no more than this counts as caught up: less than a moment of load. */
export const lagSmallMax = 500;
/** For how long it must stay so, with steady contact, before it is promoted. */
export const stabilisationMs = 1_000;
/** A learner that takes nothing more for this long will not catch up. */
export const stallMaxMs = 30_000;
/** The same while a snapshot is made or sent: making one of a large model takes a while, and shows no progress. */
export const snapshotStallMaxMs = 180_000;
export const catchUpMaxMs = 3_600_000;
/** Also one that is started again just then, on a slow machine, is back by then. */
export const verificationMaxMs = 60_000;
/** Within this time it must have been heard for its contact to count as steady: well within `stabilisationMs`, so that one that dies in it is not promoted. */
export const contactSteadyMs = 500;

const wantsVoter = (parameters: OperationParameters) => parameters.workflow === 'join' && parameters.role === 'voter';
const isMember = ({ actions, target }: Work) => membersOf(actions.configuration()).includes(target);
const isVoterNow = ({ actions, target }: Work) => actions.configuration().voters.includes(target);

export const prepareCandidate: Step = {
  name: 'prepare-candidate',
  title: (target) => `Tell ${target} which cluster it joins`,
  run: async (work) => {
    if (isMember(work)) return `${work.target} is a member already`;
    const member = await work.actions.prepareCandidate(work.target);
    return `${member.name} (version ${member.version}) is ready`;
  },
  undo: async (work) => {
    // A controller that was a member is told of its removal by the members; there is nothing to release.
    if (work.actions.configuration().removed.includes(work.target)) return `${work.target} was removed`;
    await work.actions.releaseCandidate(work.target);
    return `${work.target} was released`;
  },
};

export const addLearner: Step = {
  name: 'add-learner',
  title: (target) => `Add ${target} as a learner`,
  run: async (work) => {
    if (isMember(work)) return `${work.target} is a member already`;
    // Asked again, because the leader that asked first may not be this one.
    const member = await work.actions.prepareCandidate(work.target);
    // A gate may have been raised since the checks; while this operation is under way none is.
    const [beyond] = gatesBeyond(work.actions.raisedGates(), member.protocol);
    if (beyond !== undefined) {
      throw failed(`the cluster has begun to use ${beyond.gate}, which ${work.target} does not understand`);
    }
    await changeMembership(work, [{ type: 'addLearner', id: work.target }], {
      isThere: () => isMember(work),
      members: [member],
      what: `adding ${work.target}`,
    });
    return `${work.target} is a learner`;
  },
  undo: async (work) => {
    const { actions, target } = work;
    // The record that says `rolling-back` stands in the log behind whatever was proposed before, so that is applied by now.
    if (!isMember(work)) return `${target} is no member`;
    await changeMembership(work, [{ type: 'remove', id: target }], {
      isThere: () => !membersOf(actions.configuration()).includes(target),
      members: [],
      what: `removing ${target}`,
    });
    return `${target} was removed again; it must be reset, and joined under a new id`;
  },
};

export const catchUp: Step = {
  name: 'catch-up',
  title: (target) => `Wait until ${target} has caught up and stays so`,
  run: async (work) => {
    const { actions, target } = work;
    const watch = new CatchUpWatch(actions.now(), actions.log().lastIndex);
    await waitUntil(work, {
      forMs: catchUpMaxMs,
      until: async () => {
        await remindCandidate(work);
        const verdict = watch.look(work);
        if (verdict.stalledMs > verdict.stalledMaxMs) {
          throw failed(
            `${target} did not catch up: ${verdict.says}, and nothing came for ${Math.round(verdict.stalledMs / 1_000)} s`,
            `Look into the log of ${target}, its network and its disk.`,
          );
        }
        return verdict.steadyMs >= stabilisationMs || verdict.says;
      },
      otherwise: (last) => failed(`${target} did not catch up within ${catchUpMaxMs / 60_000} minutes: ${last}`),
    });
    return `caught up to ${grouped(actions.progress(target)?.match ?? 0)} of ${grouped(actions.log().lastIndex)} entries`;
  },
};

/**
 * A candidate that restarts before it has stored anything has forgotten what it joins: it is told again. One that has
 * acknowledged entries to this leader and is blank has lost them, and is left alone: it must not count as caught up.
 */
async function remindCandidate({ actions, target }: Work): Promise<void> {
  const status = actions.status(target)?.status;
  const hasForgotten = status?.state === 'blank' && status.clusterId === null;
  if (!hasForgotten || (actions.progress(target)?.match ?? 0) > 0) return;
  // Whether it answers or not: what it takes from now on, the watch sees.
  await actions.prepareCandidate(target).catch(() => undefined);
}

/** Looks at a learner again and again: how far, for how long without a step forward, for how long close behind. */
class CatchUpWatch {
  private match = -1;
  private sentBytes = -1;
  private movedAt: number;
  private closeSince: number | undefined;

  /** `goal`: the log as it was in the beginning. A learner that has taken nothing is not close behind, however short the log. */
  constructor(
    now: number,
    private readonly goal: number,
  ) {
    this.movedAt = now;
  }

  look({ actions, target }: Work): {
    readonly says: string;
    readonly steadyMs: number;
    readonly stalledMs: number;
    readonly stalledMaxMs: number;
  } {
    const now = actions.now();
    const progress = actions.progress(target);
    const snapshot = actions.snapshotProgress(target);
    const match = progress?.match ?? 0;
    const sentBytes = snapshot?.sentBytes ?? 0;
    // A learner that is level with a quiet leader does not move either, and is not stalled.
    const level = progress !== undefined && match >= actions.log().lastIndex && progress.active;
    if (match > this.match || sentBytes !== this.sentBytes || level) this.movedAt = now;
    this.match = match;
    this.sentBytes = sentBytes;
    const steady = progress?.active === true && (progress.lastContactMs ?? Number.POSITIVE_INFINITY) <= contactSteadyMs;
    const near = match >= this.goal && actions.log().lastIndex - match <= lagSmallMax;
    const close = progress?.state === 'replicate' && steady && near;
    this.closeSince = close ? (this.closeSince ?? now) : undefined;
    const inSnapshot = progress?.state === 'snapshot';
    return {
      says: inSnapshot
        ? ofSnapshot(snapshot)
        : `caught up to ${grouped(match)} of ${grouped(actions.log().lastIndex)} entries`,
      steadyMs: this.closeSince === undefined ? -1 : now - this.closeSince,
      stalledMs: now - this.movedAt,
      stalledMaxMs: inSnapshot ? snapshotStallMaxMs : stallMaxMs,
    };
  }
}

function ofSnapshot(snapshot: { readonly sentBytes: number; readonly totalBytes: number } | null): string {
  if (snapshot === null) return 'waiting for a snapshot';
  return `receiving a snapshot, ${grouped(Math.round(snapshot.sentBytes / 1024))} of ${grouped(Math.round(snapshot.totalBytes / 1024))} KiB`;
}

export const promote: Step = {
  name: 'promote',
  title: (target) => `Make ${target} a voter`,
  applies: wantsVoter,
  noReturn: {
    because: 'it becomes a voter, and decides from then on',
    instead: 'Wait for the end, then remove it: `quorate members remove ID`.',
  },
  run: async (work) => {
    if (!isMember(work)) throw failed(`${work.target} is not a learner any more`);
    if (isVoterNow(work)) return `${work.target} is a voter already`;
    await work.recheck([cluster.quorumHealthy, member.quorumAfter]);
    await changeMembership(work, [{ type: 'addVoter', id: work.target }], {
      isThere: () => isVoterNow(work),
      members: [],
      what: `promoting ${work.target}`,
    });
    return `${work.target} is a voter`;
  },
  undo: async (work) => `${work.target} is removed as a whole`,
};

export const configurationHoldsIt: Verification = {
  name: 'configuration-holds-it',
  title: (target) => `The committed configuration holds ${target}`,
  run: async (work) => {
    const role = wantsVoter(work.parameters) ? 'voter' : 'learner';
    await waitUntil(work, {
      forMs: verificationMaxMs,
      until: () => {
        const { voters, votersOutgoing, learners } = work.actions.configuration();
        const held =
          role === 'voter'
            ? voters.includes(work.target) && votersOutgoing.length === 0
            : learners.includes(work.target);
        return held || `the configuration does not hold it as a ${role} yet`;
      },
      otherwise: (last) => failed(`${last} after ${verificationMaxMs / 1_000} s`),
    });
    return `it is a ${role} in the committed configuration`;
  },
};

export const appliesAtLeader: Verification = {
  name: 'applies-at-leader',
  title: (target) => `${target} has applied what the leader had committed`,
  run: async (work) => {
    const { actions, target } = work;
    const goal = actions.log().commit;
    let applied = 0;
    await waitUntil(work, {
      forMs: verificationMaxMs,
      until: () => {
        applied = actions.status(target)?.status.raft?.applied ?? 0;
        return applied >= goal || `it says that it has applied ${grouped(applied)} of ${grouped(goal)} entries`;
      },
      otherwise: (last) => failed(`${target} does not keep up: ${last}`),
    });
    return `it has applied ${grouped(applied)}, the leader had committed ${grouped(goal)}`;
  },
};

export const saysMember: Verification = {
  name: 'says-member',
  title: (target) => `${target} says that it is a member`,
  run: async (work) => {
    const { actions, target } = work;
    const role = wantsVoter(work.parameters) ? 'voters' : 'learners';
    await waitUntil(work, {
      forMs: verificationMaxMs,
      until: () => {
        const status = actions.status(target)?.status;
        if (status === undefined) return 'no status of it was heard';
        if (status.state !== 'member') return `its status says: ${status.state}`;
        return status.raft?.configuration[role].includes(target) === true || `it is none of the ${role} that it knows`;
      },
      otherwise: (last) => failed(`${target} does not say what it is: ${last}`),
    });
    return 'its status says so';
  },
};

export const join: Workflow = {
  name: 'join',
  summary: 'Makes a blank controller a member: a learner first, a voter when it has caught up and stays so.',
  checks: [
    cluster.leaderCommittedInTerm,
    cluster.quorumHealthy,
    cluster.noChangePending,
    cluster.noOperationRunning,
    cluster.noTransferRunning,
    cluster.oneCluster,
    cluster.oneTimeline,
    ...candidate.candidateChecks,
    member.quorumAfter,
    cluster.votersOddAfter,
  ],
  steps: [prepareCandidate, addLearner, catchUp, promote],
  verifications: [configurationHoldsIt, appliesAtLeader, saysMember],
  confirmation: (target) => target,
  impact: impactAfter,
};
