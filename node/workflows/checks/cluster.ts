/** Checks of the cluster as it is: asked before every change of membership or leadership. */
import { impactAfter, impactNow } from '../impact.js';
import { type Check, count, fail, ok, warn } from './check.js';

/** More voters make every write slower and hardly anything safer. */
export const votersSensibleMax = 7;

export const leaderCommittedInTerm: Check = {
  name: 'leader-committed-in-term',
  question: 'Has the leader committed an entry in its term, so that it knows what is committed?',
  remedy: 'Wait a moment; if it stays so, the leader does not reach a quorum: `quorate members`.',
  answer: ({ leader }) =>
    leader.committedInTerm
      ? ok(`${leader.id} leads and has committed in term ${leader.term}`)
      : fail(`${leader.id} leads, but has committed nothing in term ${leader.term} yet`),
};

export const quorumHealthy: Check = {
  name: 'quorum-healthy',
  question: 'Does the leader hear a quorum of the voters now?',
  remedy: 'Bring back the voters that are away before anything is changed: `quorate members`.',
  answer: (facts) => {
    const { voters, healthyVoters, quorum, failuresSurvived } = impactNow(facts);
    const said = `${healthyVoters} of ${count(voters, 'voter')} ${healthyVoters === 1 ? 'is' : 'are'} healthy, ${quorum} ${quorum === 1 ? 'is' : 'are'} needed`;
    if (healthyVoters < quorum) return fail(said);
    // One voter alone survives nothing by design; that is no news to whoever runs one.
    if (failuresSurvived === 0 && voters > healthyVoters) return warn(`${said}: one more failure stops all writes`);
    return ok(said);
  },
};

export const noChangePending: Check = {
  name: 'no-change-pending',
  question: 'Is the last change of membership finished?',
  remedy: 'Wait until it is: `quorate members`.',
  answer: ({ leader }) =>
    leader.changePending
      ? fail('a change of membership is not finished yet')
      : ok('no change of membership is pending'),
};

export const noOperationRunning: Check = {
  name: 'no-operation-running',
  question: 'Is no other operation running?',
  remedy: 'Wait for it, or watch it: `quorate operations watch ID`.',
  answer: ({ running }) =>
    running === null
      ? ok('no operation is running')
      : fail(`the operation ${running.id} (${running.parameters.workflow}) is running on ${running.runner}`),
};

export const noTransferRunning: Check = {
  name: 'no-transfer-running',
  question: 'Is leadership not being handed over just now?',
  remedy: 'Wait a moment and try again.',
  answer: ({ leader }) =>
    leader.transferringTo === null
      ? ok('leadership is not being handed over')
      : fail(`leadership is being handed over to ${leader.transferringTo}`),
};

/** Two clusters under one name: nodes that formed one of their own beside the real one. */
export const oneCluster: Check = {
  name: 'one-cluster',
  question: 'Do all controllers that are heard under this name belong to this cluster, or to none?',
  remedy: 'Stop those controllers, make them blank with `quorate reset --data-dir DIR`, and join them.',
  answer: (facts) => {
    const strangers = facts.heard.filter(
      ({ status }) => status.clusterId !== null && status.clusterId !== facts.clusterId,
    );
    if (strangers.length === 0) return ok('no controller of another cluster is heard under this name');
    const names = strangers.map(({ status }) => `${status.node} (cluster id ${status.clusterId})`).join(', ');
    return warn(`another cluster uses the name ${facts.cluster}: ${names}`);
  },
};

/** The model's timeline is one for all members; another one means that somebody restored behind the cluster's back. */
export const oneTimeline: Check = {
  name: 'one-timeline',
  question: 'Do all members that are heard stand on the same timeline?',
  remedy:
    'Remove the member whose timeline differs, make it blank with `quorate reset --data-dir DIR`, and join it under a new id.',
  answer: (facts) => {
    const members = facts.heard.filter(
      ({ status }) => status.clusterId === facts.clusterId && status.state === 'member' && status.position !== null,
    );
    const timelines = new Map(
      members.map(({ status }) => [status.position?.timeline.id, status.position?.timeline] as const),
    );
    if (timelines.size <= 1) return ok('all members that are heard stand on one timeline');
    const named = members.map(
      ({ status }) => `${status.node} on ${status.position?.timeline.id} (epoch ${status.position?.timeline.epoch})`,
    );
    return fail(`members stand on different timelines: ${named.join(', ')}`);
  },
};

export const votersOddAfter: Check = {
  name: 'voters-odd-after',
  question: 'Will the number of voters be odd and sensible afterwards?',
  remedy: 'Plan for 3 or 5 voters: an even number survives no more failures than one voter fewer.',
  answer: (facts, { parameters }) => {
    const before = impactNow(facts);
    const { voters } = impactAfter(parameters, facts);
    if (voters === before.voters) return ok(`the number of voters stays ${voters}`);
    if (voters > votersSensibleMax)
      return warn(
        `there will be ${voters} voters: each write waits for more of them`,
        `Join it as a learner, or keep to ${votersSensibleMax} voters.`,
      );
    return voters % 2 === 0
      ? warn(`there will be ${count(voters, 'voter')}, an even number`)
      : ok(`there will be ${count(voters, 'voter')}`);
  },
};
