/**
 * Checks of a controller that is to join. It is asked, and what can be measured is measured: a candidate's clock, disk and
 * connection are those that it will serve with.
 */
import { agreeVersion } from '../../../messaging/index.js';
import { maxPayloadNeededBytes, natsRoundTripFailMs, natsRoundTripWarnMs } from '../../../messaging/nats-needs.js';
import { gatesBeyond } from '../../model/index.js';
import type { Facts, Probe } from '../facts.js';
import { isMemberNow } from '../facts.js';
import { type Answer, bytes, type Check, count, fail, milliseconds, ok, type Subject, warn } from './check.js';

export const clockOffsetWarnMs = 250;
export const clockOffsetFailMs = 10_000;
export const syncLatencyWarnMs = 20;
/** Beyond this an answer to an append may come later than an election timeout. */
export const syncLatencyFailMs = 150;
/** Room for the data as it is, a snapshot of it on the way in, and growth. */
export const diskFactor = 3;
export const diskFreeMinBytes = 256 * 1024 * 1024;

type Answered = Extract<Probe, { type: 'answered' }>;

/** A check of what the candidate answered: without an answer there is nothing to judge, and that is never a pass. */
function ofCandidate(
  check: Omit<Check, 'answer' | 'ofCandidate'> & {
    readonly judge: (candidate: Answered, facts: Facts, subject: Subject) => Answer;
  },
): Check {
  const { judge, ...rest } = check;
  return {
    ...rest,
    ofCandidate: true,
    answer: (facts, subject) =>
      facts.probe.type === 'answered'
        ? judge(facts.probe, facts, subject)
        : fail('not known: the candidate did not answer', candidateReachable.remedy),
  };
}

export const candidateReachable: Check = {
  name: 'candidate-reachable',
  question: 'Does the candidate answer?',
  remedy: 'Start the controller with this cluster name and NATS server; `quorate status` lists those that are heard.',
  ofCandidate: true,
  answer: ({ probe }, { target }) => {
    if (probe.type === 'answered') return ok(`${target} answers`);
    return fail(`${target} does not answer${probe.type === 'unreachable' ? `: ${probe.reason}` : ''}`);
  },
};

export const candidateNotMember: Check = {
  name: 'candidate-not-member',
  question: 'Is the candidate not a member already?',
  remedy: 'There is nothing to do: `quorate members` lists the members.',
  ofCandidate: true,
  answer: (facts, { target, parameters }) => {
    if (!isMemberNow(facts, target)) return ok(`${target} is not a member yet`);
    const promotable =
      parameters.workflow === 'join' && parameters.role === 'voter' && facts.configuration.learners.includes(target);
    return promotable
      ? fail(`${target} is a learner already`, `Make it a voter: \`quorate members promote ${target}\`.`)
      : fail(`${target} is a member already`);
  },
};

export const candidateIdUnused: Check = {
  name: 'candidate-id-unused',
  question: 'Was no member with this id ever removed?',
  remedy:
    'Stop it, make it blank with `quorate reset --data-dir DIR`, and start it under a new id: ids of removed members are never used again.',
  ofCandidate: true,
  answer: ({ configuration }, { target }) =>
    configuration.removed.includes(target)
      ? fail(`a member with the id ${target} was removed earlier`)
      : ok(`the id ${target} was never used`),
};

export const candidateBlank = ofCandidate({
  name: 'candidate-blank',
  question: 'Is the candidate blank: without a history of its own?',
  remedy: 'Stop the controller, make it blank with `quorate reset --data-dir DIR`, and start it without --bootstrap.',
  judge: (candidate, facts, { target }) => {
    switch (candidate.state) {
      case 'blank':
        return ok(`${target} is blank`);
      case 'member':
        return candidate.clusterId === facts.clusterId
          ? fail(`${target} believes that it is a member of this cluster`)
          : fail(`${target} is a member of another cluster (${candidate.clusterId}): it was bootstrapped on its own`);
      case 'removed':
        return fail(
          `${target} was removed from a cluster`,
          'Stop it, make it blank with `quorate reset --data-dir DIR`, and start it under a new id.',
        );
      case 'standalone':
        return fail(`${target} serves routers alone, with a history of its own`);
      case 'starting':
      case 'stopping':
        return fail(`${target} is ${candidate.state}`, 'Wait until it runs and try again.');
      case 'damaged':
        return fail(
          `the data directory of ${target} is damaged`,
          'Stop the controller, move the damaged directory away, and start it on an empty one.',
        );
    }
  },
});

export const candidateCluster = ofCandidate({
  name: 'candidate-cluster',
  question: 'Is the candidate meant for this cluster?',
  remedy: 'Start it with the name of this cluster, on an empty data directory.',
  judge: (candidate, facts, { target }) => {
    if (candidate.cluster !== facts.cluster)
      return fail(`${target} is configured for the cluster ${candidate.cluster}, not ${facts.cluster}`);
    if (candidate.clusterId !== null && candidate.clusterId !== facts.clusterId)
      return fail(`${target} holds the cluster id ${candidate.clusterId}, not ${facts.clusterId}`);
    return ok(`${target} is configured for ${facts.cluster}`);
  },
});

export const candidateAlone: Check = {
  name: 'candidate-id-unique',
  question: 'Is the candidate the only process that speaks under its id?',
  remedy: 'Stop one of the two, or give it another id.',
  ofCandidate: true,
  answer: ({ heard }, { target }) =>
    heard.some(({ status, twice }) => twice && status.node === target)
      ? fail(`two processes speak as ${target}`)
      : ok(`one process speaks as ${target}`),
};

export const candidateNameUnique = ofCandidate({
  name: 'candidate-name-unique',
  question: 'Does no member have the name of the candidate?',
  remedy: 'Give the candidate another name.',
  judge: (candidate, { members }, { target }) => {
    const holder = members.find(({ id, name }) => name === candidate.name && id !== target);
    return holder === undefined
      ? ok(`the name ${candidate.name} is free`)
      : fail(`the member ${holder.id} has the name ${candidate.name} already`);
  },
});

export const candidateVersion = ofCandidate({
  name: 'candidate-version',
  question: 'Does the candidate understand what the members speak?',
  remedy: 'Install the version that the members run on the candidate.',
  judge: (candidate, { leader, members }, { target }) => {
    const strangers = [leader, ...members].filter(
      (member) => agreeVersion(member.protocol, candidate.protocol) === null,
    );
    if (strangers.length > 0) {
      return fail(
        `${target} (version ${candidate.version}) shares no protocol version with ${[...new Set(strangers.map(({ id }) => id))].join(', ')}`,
      );
    }
    return candidate.version === leader.version
      ? ok(`${target} runs version ${candidate.version}, as the leader does`)
      : warn(`${target} runs version ${candidate.version}, the leader ${leader.version}`);
  },
});

export const candidateFeatures = ofCandidate({
  name: 'candidate-features',
  question: 'Does the candidate understand the features that the cluster uses?',
  remedy: 'Install the version that the members run on the candidate: a feature gate that is raised is never lowered.',
  judge: (candidate, { gates }, { target }) => {
    const beyond = gatesBeyond(gates, candidate.protocol);
    return beyond.length === 0
      ? ok(
          `${target} understands protocol versions up to ${candidate.protocol.max}; ${count(gates.length, 'feature gate')} raised`,
        )
      : fail(
          `${target} understands protocol versions up to ${candidate.protocol.max}; the cluster uses ${beyond.map(({ gate, version }) => `${gate} of version ${version}`).join(', ')}`,
        );
  },
});

export const candidateClock = ofCandidate({
  name: 'candidate-clock',
  question: 'Does the clock of the candidate agree with that of the leader (measured)?',
  remedy: 'Set the clocks of both by NTP.',
  judge: ({ clockOffsetMs }, _facts, { target }) => {
    const offset = Math.abs(clockOffsetMs);
    const said = `the clock of ${target} is ${milliseconds(offset)} ${clockOffsetMs < 0 ? 'behind' : 'ahead of'} the leader's`;
    if (offset > clockOffsetFailMs) return fail(said);
    return offset > clockOffsetWarnMs ? warn(said) : ok(said);
  },
});

export const candidateDiskSpace = ofCandidate({
  name: 'candidate-disk-space',
  question: 'Has the candidate room for the model, the log and a snapshot on the way in?',
  remedy: 'Free or add disk space where its data directory is.',
  judge: ({ diskFreeBytes }, { leader }) => {
    const needed = Math.max(diskFreeMinBytes, leader.dataBytes * diskFactor);
    const said = `${bytes(diskFreeBytes)} are free, ${bytes(needed)} are needed`;
    if (diskFreeBytes < needed) return fail(said);
    return diskFreeBytes < 2 * needed ? warn(said) : ok(said);
  },
});

export const candidateDiskLatency = ofCandidate({
  name: 'candidate-disk-latency',
  question: 'Does the disk of the candidate sync fast enough (measured there)?',
  remedy: 'Give it a disk that syncs faster, or end what else uses this one.',
  judge: ({ syncLatencyMs }) => {
    const said = `a write with a sync takes ${milliseconds(syncLatencyMs)}`;
    if (syncLatencyMs > syncLatencyFailMs) return fail(`${said}: longer than an election waits`);
    return syncLatencyMs > syncLatencyWarnMs ? warn(`${said}: commits would wait for it`) : ok(said);
  },
});

export const candidateNatsLatency = ofCandidate({
  name: 'candidate-nats-latency',
  question: 'Is the way to the candidate over NATS short enough (measured)?',
  remedy: 'Connect it to a NATS server that is nearer to the members.',
  judge: ({ natsRoundTripMs }) => {
    const said = `a round trip over NATS takes ${milliseconds(natsRoundTripMs)}`;
    if (natsRoundTripMs > natsRoundTripFailMs) return fail(`${said}: longer than an election waits`);
    return natsRoundTripMs > natsRoundTripWarnMs ? warn(said) : ok(said);
  },
});

export const candidateMaxPayload = ofCandidate({
  name: 'candidate-max-payload',
  question: 'Does the NATS server of the candidate carry messages as large as the members send?',
  remedy: `Set max_payload of that NATS server to at least ${maxPayloadNeededBytes} bytes (the default is 1 MiB).`,
  judge: ({ maxPayloadBytes }) => {
    const said = `its NATS server carries messages of up to ${bytes(maxPayloadBytes)}, ${bytes(maxPayloadNeededBytes)} are needed`;
    return maxPayloadBytes < maxPayloadNeededBytes ? fail(said) : ok(said);
  },
});

export const candidateCredentials = ofCandidate({
  name: 'candidate-credentials',
  question: 'Do the credentials of the candidate allow what a member needs (tried, not read)?',
  remedy: 'Grant its NATS user the subjects that docs/protocol.md lists for a controller.',
  judge: ({ deniedSubjects }, _facts, { target }) => {
    if (deniedSubjects === null)
      return warn(
        `${target} did not try its credentials`,
        'See for yourself that its NATS user may use the subjects that docs/protocol.md lists for a controller.',
      );
    return deniedSubjects.length === 0
      ? ok('its credentials allow what a member needs')
      : fail(`NATS refused it: ${deniedSubjects.join(', ')}`);
  },
});

/** Of whoever comes in, whether it joins or replaces another; in the order in which they are shown. */
export const candidateChecks: readonly Check[] = [
  candidateNotMember,
  candidateIdUnused,
  candidateReachable,
  candidateAlone,
  candidateBlank,
  candidateCluster,
  candidateNameUnique,
  candidateVersion,
  candidateFeatures,
  candidateClock,
  candidateDiskSpace,
  candidateDiskLatency,
  candidateNatsLatency,
  candidateMaxPayload,
  candidateCredentials,
];
