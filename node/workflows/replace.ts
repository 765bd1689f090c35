/**
 * One member goes and another comes, in one change of membership: the new one is a learner first and catches up, so that at
 * no moment fewer voters decide than before. It works as well where the one that goes is dead or damaged.
 */
import type { OperationParameters } from '../../messaging/index.js';
import { membersOf } from '../raft/index.js';
import { candidate, cluster, member } from './checks/index.js';
import type { Step, Verification, Work, Workflow } from './definition.js';
import { impactAfter } from './impact.js';
import { addLearner, appliesAtLeader, catchUp, configurationHoldsIt, prepareCandidate, saysMember } from './join.js';
import { configurationWithoutIt, handOverFirst, knowsIt, transferLeadership } from './remove.js';
import { changeMembership, failed, resumeRemedy } from './waits.js';

type Replace = Extract<OperationParameters, { workflow: 'replace' }>;

function replaceOf(parameters: OperationParameters): Replace {
  if (parameters.workflow !== 'replace') throw new TypeError(`${parameters.workflow} replaces nobody`);
  return parameters;
}

/** The same work, for the steps of a join of the new member. */
function joining(work: Work): Work {
  const { with: target, role } = replaceOf(work.parameters);
  return { ...work, target, parameters: { workflow: 'join', node: target, role } };
}

function ofNewMember<Part extends Step | Verification>(part: Part): Part {
  const undo = 'undo' in part ? part.undo : undefined;
  return {
    ...part,
    title: (_target: string, parameters: OperationParameters) =>
      part.title(replaceOf(parameters).with, replaceOf(parameters)),
    run: (work: Work) => part.run(joining(work)),
    ...(undo === undefined ? {} : { undo: (work: Work) => undo(joining(work)) }),
  };
}

function isExchanged({ actions, parameters }: Work): boolean {
  const { node, with: newMember, role } = replaceOf(parameters);
  const { voters, votersOutgoing, learners } = actions.configuration();
  const held = role === 'voter' ? voters.includes(newMember) : learners.includes(newMember);
  return held && !membersOf(actions.configuration()).includes(node) && votersOutgoing.length === 0;
}

const exchange: Step = {
  name: 'exchange',
  title: (target, parameters) => `Exchange ${target} for ${replaceOf(parameters).with}, in one change of membership`,
  noReturn: {
    because: 'the exchange is proposed, and an id that was removed is never used again',
    instead: 'Wait for the end, then replace the new one: `quorate members replace OLD NEW`.',
  },
  run: async (work) => {
    const { node, with: newMember, role } = replaceOf(work.parameters);
    const now = () => work.actions.configuration();
    const isThere = () => isExchanged(work);
    if (isThere()) return `${newMember} is a ${role}, ${node} is not in the configuration`;
    if (!membersOf(now()).includes(newMember)) throw failed(`${newMember} is not a learner any more`);
    // An election in between may have made it the leader again.
    await handOverFirst(work);
    // Where the change is in the log already, and only its second half is awaited, it cannot be held up any more.
    if (now().votersOutgoing.length === 0) {
      // It may have died since: what would take the place of the old one then is nobody.
      await catchUp.run(joining(work));
      await work.recheck([cluster.quorumHealthy, member.quorumAfter, member.newestStateKept]);
    }
    const type = role === 'voter' ? 'addVoter' : 'addLearner';
    await changeMembership(
      work,
      [
        { type, id: newMember },
        { type: 'remove', id: node },
      ],
      { isThere, members: [], what: `exchanging ${node} for ${newMember}` },
    );
    return `${newMember} is a ${role}, ${node} is not in the configuration any more`;
  },
  // The one that went cannot come back; to remove the new one as well would leave fewer than before.
  undo: async (work) => {
    const { node, with: newMember } = replaceOf(work.parameters);
    if (isExchanged(work)) throw failed(`${newMember} has taken the place of ${node}`, resumeRemedy);
    return `${node} is what it was`;
  },
};

export const replace: Workflow = {
  name: 'replace',
  summary:
    'Replaces a member by a blank controller, also one that is dead or damaged: the new one catches up first, then both change in one step.',
  checks: [
    cluster.leaderCommittedInTerm,
    member.targetIsMember,
    cluster.quorumHealthy,
    cluster.noChangePending,
    cluster.noOperationRunning,
    cluster.noTransferRunning,
    cluster.oneCluster,
    cluster.oneTimeline,
    ...candidate.candidateChecks,
    member.quorumAfter,
    member.leaderTransferable,
    member.newestStateKept,
    member.targetReachable,
    member.routersKeepController,
  ],
  steps: [ofNewMember(prepareCandidate), ofNewMember(addLearner), ofNewMember(catchUp), transferLeadership, exchange],
  verifications: [
    ofNewMember(configurationHoldsIt),
    configurationWithoutIt,
    ofNewMember(appliesAtLeader),
    ofNewMember(saysMember),
    knowsIt,
  ],
  confirmation: (target) => target,
  impact: impactAfter,
};
