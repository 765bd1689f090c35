/** A learner becomes a voter; a voter becomes a learner: it goes on receiving everything, and decides nothing any more. */
import { cluster, member } from './checks/index.js';
import type { NoReturn, Step, Verification, Work, Workflow } from './definition.js';
import { impactAfter } from './impact.js';
import { appliesAtLeader, catchUp, configurationHoldsIt, promote as promoteStep, saysMember } from './join.js';
import { handOverFirst, transferLeadership } from './remove.js';
import { changeMembership, failed } from './waits.js';

/** Steps and verifications of a join, for a member that is to have this role. */
function as<Part extends Step | Verification>(role: 'voter' | 'learner', part: Part): Part {
  const run = (work: Work) => part.run({ ...work, parameters: { workflow: 'join', node: work.target, role } });
  // What a join takes back by removing the newcomer stays here: it was a member before.
  return { ...part, applies: undefined, undo: undefined, run };
}

const becomesVoter: NoReturn = {
  because: 'the change that makes it a voter is proposed',
  instead: 'Wait for the end, then make it a learner again: `quorate members demote ID`.',
};

export const promote: Workflow = {
  name: 'promote',
  summary: 'Makes a learner a voter, when it has caught up and stays so.',
  checks: [
    cluster.leaderCommittedInTerm,
    member.targetIsLearner,
    cluster.quorumHealthy,
    cluster.noChangePending,
    cluster.noOperationRunning,
    cluster.noTransferRunning,
    cluster.oneTimeline,
    member.targetHealthy,
    member.quorumAfter,
    cluster.votersOddAfter,
  ],
  steps: [as('voter', catchUp), { ...as('voter', promoteStep), noReturn: becomesVoter }],
  verifications: [as('voter', configurationHoldsIt), as('voter', appliesAtLeader), as('voter', saysMember)],
  confirmation: (target) => target,
  impact: impactAfter,
};

const demoteMember: Step = {
  name: 'demote-member',
  title: (target) => `Make ${target} a learner`,
  noReturn: {
    because: 'the change that takes its vote away is proposed',
    instead: 'Wait for the end, then make it a voter again: `quorate members promote ID`.',
  },
  run: async (work) => {
    const { actions, target } = work;
    const isThere = () => {
      const { learners, votersOutgoing } = actions.configuration();
      return learners.includes(target) && votersOutgoing.length === 0;
    };
    if (isThere()) return `${target} is a learner`;
    if (!actions.configuration().voters.includes(target)) throw failed(`${target} is not a member any more`);
    // An election in between may have made it the leader again.
    await handOverFirst(work);
    await work.recheck([cluster.quorumHealthy, member.votersRemain, member.quorumAfter, member.newestStateKept]);
    await changeMembership(work, [{ type: 'addLearner', id: target }], {
      isThere,
      members: [],
      what: `demoting ${target}`,
    });
    return `${target} is a learner`;
  },
};

export const demote: Workflow = {
  name: 'demote',
  summary: 'Makes a voter a learner; a leader hands leadership over first.',
  checks: [
    cluster.leaderCommittedInTerm,
    member.targetDecides,
    cluster.noChangePending,
    cluster.noOperationRunning,
    cluster.noTransferRunning,
    cluster.oneTimeline,
    cluster.quorumHealthy,
    member.votersRemain,
    member.quorumAfter,
    member.failuresSurvived,
    member.leaderTransferable,
    member.newestStateKept,
    cluster.votersOddAfter,
  ],
  steps: [transferLeadership, demoteMember],
  verifications: [as('learner', configurationHoldsIt), as('learner', saysMember)],
  confirmation: (target) => target,
  impact: impactAfter,
};
