/** Checks of a member that is to be removed, or to lead. */
import { isVoter, votersOf } from '../../raft/index.js';
import { bestSuccessor, heardOf, isHealthy, isMemberNow, progressOf, statusFreshMs } from '../facts.js';
import { impactAfter, impactNow } from '../impact.js';
import { type Check, count, fail, milliseconds, ok, warn } from './check.js';

/** A voter that lags by more than this would keep writers waiting for it once it leads. */
export const transferLagMax = 1_000;
const routersNamedMax = 5;

export const targetIsMember: Check = {
  name: 'target-is-member',
  question: 'Is it a member?',
  remedy: 'See the members: `quorate members`.',
  answer: (facts, { target }) => {
    if (isMemberNow(facts, target))
      return ok(`${target} is a ${isVoter(facts.configuration, target) ? 'voter' : 'learner'}`);
    return facts.configuration.removed.includes(target)
      ? fail(`${target} was removed already`, 'There is nothing to do.')
      : fail(`${target} is not a member`);
  },
};

export const targetPreferred: Check = {
  name: 'target-preferred',
  question: 'Will it keep the lead?',
  remedy: 'To let it lead for good, give it the highest `--priority`.',
  answer: (facts, { target }) => {
    const priorityOf = (id: string): number => heardOf(facts, id)?.status.priority ?? 0;
    const better = facts.configuration.voters.filter((id) => id !== target && priorityOf(id) > priorityOf(target));
    return better.length === 0
      ? ok(`no other voter has a higher priority than ${target}`)
      : warn(`${better.join(' and ')} had better lead (priority), and will take over again when well`);
  },
};

export const targetIsLearner: Check = {
  name: 'target-is-learner',
  question: 'Is it a learner?',
  remedy: 'See the members: `quorate members`.',
  answer: ({ configuration }, { target }) => {
    if (configuration.learners.includes(target)) return ok(`${target} is a learner`);
    return isVoter(configuration, target)
      ? fail(`${target} is a voter already`, 'There is nothing to do.')
      : fail(`${target} is not a member`, `Join it as a voter: \`quorate members join ${target}\`.`);
  },
};

export const targetDecides: Check = {
  name: 'target-decides',
  question: 'Is it a voter?',
  remedy: 'See the members: `quorate members`.',
  answer: ({ configuration }, { target }) => {
    if (configuration.voters.includes(target)) return ok(`${target} is a voter`);
    return configuration.learners.includes(target)
      ? fail(`${target} is a learner already`, 'There is nothing to do.')
      : fail(`${target} is not a member`);
  },
};

export const votersRemain: Check = {
  name: 'voters-remain',
  question: 'Will there be a voter left?',
  remedy: 'Join another controller as a voter first: `quorate members join ID`.',
  answer: (facts, { parameters }) => {
    const { voters } = impactAfter(parameters, facts);
    return voters === 0
      ? fail('it is the last voter: nobody would be left to decide')
      : ok(`${count(voters, 'voter')} ${voters === 1 ? 'remains' : 'remain'}`);
  },
};

export const quorumAfter: Check = {
  name: 'quorum-after',
  question: 'Will enough of the remaining voters be healthy to decide?',
  remedy: 'Bring back voters that are away, or remove those that are away first.',
  answer: (facts, { parameters }) => {
    const { voters, healthyVoters, quorum } = impactAfter(parameters, facts);
    const said = `${healthyVoters} of the ${count(voters, 'voter')} left ${healthyVoters === 1 ? 'is' : 'are'} healthy, ${quorum} ${quorum === 1 ? 'is' : 'are'} needed`;
    return healthyVoters < quorum ? fail(said) : ok(said);
  },
};

export const quorumWithoutIt: Check = {
  name: 'quorum-without-it',
  question: 'Are the others a quorum while it is away?',
  remedy: 'Bring back the voters that are away first: without a quorum nothing can be written.',
  answer: (facts, { target }) => {
    const voters = votersOf(facts.configuration);
    const others = voters.filter((id) => id !== target && isHealthy(facts, id)).length;
    const { quorum } = impactNow(facts);
    const said = `${count(others, 'other voter')} ${others === 1 ? 'is' : 'are'} healthy, ${quorum} ${quorum === 1 ? 'is' : 'are'} needed`;
    if (others < quorum) return fail(said);
    return others === quorum ? warn(`${said}: while it is away, no other may fail`, 'Do not take long.') : ok(said);
  },
};

export const failuresSurvived: Check = {
  name: 'failures-survived',
  question: 'How many failures does the cluster survive afterwards, and before?',
  remedy: 'Join another voter before or soon after: `quorate members join ID`.',
  answer: (facts, { parameters }) => {
    const before = impactNow(facts).failuresSurvived;
    const after = impactAfter(parameters, facts).failuresSurvived;
    const said = `it survives ${count(after, 'failure')} afterwards, ${before} before`;
    return after < before || after === 0 ? warn(said) : ok(said);
  },
};

export const leaderTransferable: Check = {
  name: 'leader-transferable',
  question: 'If it leads, is there a healthy voter that can take over first?',
  remedy: 'Bring another voter back, or wait until one has caught up.',
  answer: (facts, { target, parameters }) => {
    if (target !== facts.leader.id) return ok(`${target} does not lead`);
    if (impactAfter(parameters, facts).voters === 0) return fail(`${target} leads, and there is no other voter`);
    const successor = bestSuccessor(facts);
    if (successor === null) return fail(`${target} leads, and no other voter is healthy`);
    const lag = progressOf(facts, successor)?.lag ?? 0;
    return lag > transferLagMax
      ? fail(`${target} leads, and ${successor} is ${lag.toLocaleString('en-US')} entries behind`)
      : ok(`${target} leads; leadership goes to ${successor} first`);
  },
};

/** Committed means held by a quorum with this member; is it also held without it? */
export const newestStateKept: Check = {
  name: 'newest-state-kept',
  question: 'Do the remaining voters hold the newest committed state without it?',
  remedy: 'Wait until the other voters have caught up: `quorate members`.',
  answer: (facts, { target }) => {
    const { commit, id } = facts.leader;
    const others = facts.configuration.voters.filter((voter) => voter !== target);
    const holders = others.filter(
      (voter) => isHealthy(facts, voter) && (voter === id || (progressOf(facts, voter)?.match ?? 0) >= commit),
    );
    const quorum = Math.floor(others.length / 2) + 1;
    if (holders.length === 0) return fail('no other healthy voter holds the newest committed state');
    const said = `${holders.length} of the ${count(others.length, 'voter')} left ${holders.length === 1 ? 'holds' : 'hold'} the newest committed state`;
    return holders.length < quorum ? warn(`${said}: it is committed again as they catch up`) : ok(said);
  },
};

export const targetReachable: Check = {
  name: 'target-reachable',
  question: 'Is it there to learn that it is removed?',
  remedy:
    'Make sure that it is not started again with its old data; the members would refuse it, and it would then learn.',
  answer: (facts, { target }) => {
    const heard = heardOf(facts, target);
    if (heard !== undefined && heard.ageMs <= statusFreshMs) return ok(`${target} is heard`);
    return warn(
      heard === undefined ? `${target} is away` : `${target} was last heard ${milliseconds(heard.ageMs)} ago`,
    );
  },
};

export const routersKeepController: Check = {
  name: 'routers-keep-a-controller',
  question: 'Do the routers know the controllers that remain?',
  remedy: 'Wait until they have taken the present list of controllers: `quorate routers`.',
  answer: ({ routers, endpointsIndex }) => {
    const behind = routers.filter((router) => router.endpointsIndex === null || router.endpointsIndex < endpointsIndex);
    if (behind.length === 0)
      return ok(
        routers.length === 0
          ? 'no routers are online'
          : `${count(routers.length, 'router')} online ${routers.length === 1 ? 'knows' : 'know'} all controllers`,
      );
    const named = behind.slice(0, routersNamedMax).map(({ id }) => id);
    const others = behind.length > named.length ? `, and ${behind.length - named.length} more` : '';
    return warn(`${count(behind.length, 'router')} may know only this controller: ${named.join(', ')}${others}`);
  },
};

// ------------------------------------------------------------------------------------------------------- to lead

export const targetIsVoter: Check = {
  name: 'target-is-voter',
  question: 'Is there a voter to hand leadership to, and is it one?',
  remedy: 'Name a voter: `quorate members` lists them.',
  answer: (facts, { target, parameters }) => {
    if (target === '')
      return fail(
        parameters.workflow === 'transfer' && parameters.to === null
          ? 'no other voter is healthy'
          : 'no voter is named',
      );
    const { configuration } = facts;
    return configuration.voters.includes(target)
      ? ok(`${target} is a voter`)
      : fail(`${target} is ${configuration.learners.includes(target) ? 'a learner' : 'no member'}: it cannot lead`);
  },
};

export const targetNotLeader: Check = {
  name: 'target-not-leader',
  question: 'Does it not lead already?',
  remedy: 'There is nothing to do.',
  answer: ({ leader }, { target }) =>
    leader.id === target ? fail(`${target} leads already`) : ok(`${leader.id} leads now`),
};

export const targetHealthy: Check = {
  name: 'target-healthy',
  question: 'Does the leader hear it?',
  remedy: 'Bring it back, or name another voter.',
  answer: (facts, { target }) =>
    isHealthy(facts, target)
      ? ok(`the leader hears ${target}`)
      : fail(`the leader does not hear ${target === '' ? 'anybody' : target}`),
};

export const targetCaughtUp: Check = {
  name: 'target-caught-up',
  question: 'Does it hold nearly all of the log?',
  remedy: 'Wait until it has caught up, or name another voter.',
  answer: (facts, { target }) => {
    const progress = progressOf(facts, target);
    if (progress === undefined)
      return target === facts.leader.id
        ? ok('it is the leader')
        : fail(`nothing is known of the log of ${target === '' ? 'anybody' : target}`);
    const said = `${target} is ${progress.lag.toLocaleString('en-US')} entries behind`;
    return progress.lag > transferLagMax || progress.state === 'snapshot' ? fail(said) : ok(said);
  },
};
