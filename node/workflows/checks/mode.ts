/** Checks before a standalone controller becomes the first member of a cluster, and before the way back. */
import type { FeatureGate, IndexType, WorkflowParameters } from '../../../messaging/index.js';
import { type Facts, type ModeFacts, statusFreshMs } from '../facts.js';
import { bytes, type Check, count, fail, milliseconds, ok, warn } from './check.js';

/** The copy that takes the place of the model, and the backup, beside the model that is there until then. */
const copiesOfModel = 2;
const roomMinBytes = 64 << 20;
/** What NATS must carry for members: see `candidate-max-payload`. */
const payloadBytesMin = 512 * 1024;
/** Timestamps of new changes must not lie before those of old ones. */
const clockBehindMaxMs = 1_000;
const clockOffsetWarnMs = 2_000;
const namedMax = 10;
const rollbackGate: FeatureGate = 'rollback';

function withMode(answer: (mode: ModeFacts, facts: Facts) => ReturnType<Check['answer']>): Check['answer'] {
  return (facts) => (facts.mode == null ? fail('nothing is known of this controller') : answer(facts.mode, facts));
}

export const isStandalone: Check = {
  name: 'is-standalone',
  question: 'Is the controller standalone?',
  remedy: 'There is nothing to migrate: it is in a cluster. Join others with `quorate members join ID`.',
  answer: withMode(({ standalone }, { leader }) =>
    standalone ? ok(`${leader.id} serves alone`) : fail(`${leader.id} is a member of a cluster already`),
  ),
};

export const isCluster: Check = {
  name: 'is-cluster',
  question: 'Is there a cluster to come back from?',
  remedy: 'There is nothing to roll back: the controller is standalone.',
  answer: withMode(({ standalone }, { leader }) =>
    standalone ? fail(`${leader.id} is standalone already`) : ok(`${leader.id} leads a cluster`),
  ),
};

export const modelIntact: Check = {
  name: 'model-intact',
  question: 'Is the model whole and undamaged, read as a whole?',
  remedy: 'Restore a backup first; `quorate doctor --data-dir DIR` says what is wrong, when the controller is stopped.',
  answer: withMode(({ problems, modelBytes }) =>
    problems.length === 0 ? ok(`the model was read as a whole (${bytes(modelBytes)})`) : fail(problems.join(' ')),
  ),
};

export const diskSpace: Check = {
  name: 'mode-disk-space',
  question: 'Is there room for a backup and for the model that takes the place of the present one?',
  remedy: 'Free or add disk space where its data directory is.',
  answer: withMode(({ modelBytes, diskFreeBytes }) => {
    const wanted = modelBytes * copiesOfModel + roomMinBytes;
    const said = `${bytes(diskFreeBytes)} free, ${bytes(wanted)} wanted`;
    return diskFreeBytes >= wanted ? ok(said) : fail(said);
  }),
};

/** Alone there is nobody to compare with but what was written down before, and who is heard. */
export const clockRight: Check = {
  name: 'clock',
  question: 'Is its clock not behind the newest change of the model, and does it agree with those that are heard?',
  remedy: 'Set the clock by NTP.',
  answer: withMode(({ newestChangeAt }, { now, heard, leader }) => {
    if (newestChangeAt !== null && newestChangeAt - now > clockBehindMaxMs)
      return fail(`the clock is ${milliseconds(newestChangeAt - now)} behind the newest change of the model`);
    const others = heard.filter(({ status, ageMs }) => status.node !== leader.id && ageMs <= statusFreshMs);
    const off = others.filter(({ status, ageMs }) => Math.abs(now - ageMs - status.at) > clockOffsetWarnMs);
    if (off.length === 0) return ok('the clock is not behind what was written down before');
    return warn(
      off
        .map(({ status, ageMs }) => `it differs by ${milliseconds(now - ageMs - status.at)} from ${status.node}`)
        .join(', '),
    );
  }),
};

export const clusterIdFree: Check = {
  name: 'cluster-id-free',
  question: 'Does nobody else use the name or the id of this cluster?',
  remedy: 'Stop the others, and make them blank with `quorate reset --data-dir DIR`; then they may be joined.',
  answer: ({ heard, clusterId, cluster, leader }) => {
    const others = heard.filter(
      ({ status, ageMs }) =>
        status.node !== leader.id && status.clusterId !== null && ageMs <= statusFreshMs && status.state !== 'removed',
    );
    if (others.length === 0) return ok(`nobody else is heard as part of ${cluster}`);
    const named = others.map(({ status }) => {
      const which = status.clusterId === clusterId ? 'this one' : `another one, ${status.clusterId}`;
      return `${status.node} (${status.state}, of the cluster id of ${which})`;
    });
    return fail(`others are heard under the name ${cluster}: ${named.join(', ')}`);
  },
};

export const natsAllows: Check = {
  name: 'nats-allows-member',
  question: 'Does NATS allow and carry what a member needs (tried, not read)?',
  remedy:
    'Grant its NATS user the subjects that docs/protocol.md lists for a controller, and set max_payload to at least 524288 bytes.',
  answer: withMode(({ deniedSubjects, maxPayloadBytes }) => {
    if (deniedSubjects.length > 0) return fail(`NATS does not allow ${deniedSubjects.join(', ')}`);
    if (maxPayloadBytes < payloadBytesMin) return fail(`NATS carries messages of ${bytes(maxPayloadBytes)} at most`);
    return ok(`all subjects are allowed, and messages of ${bytes(maxPayloadBytes)}`);
  }),
};

function routersUnderstand(indexType: IndexType): Check['answer'] {
  return ({ routers }, { parameters }) => {
    const leaveBehind = new Set(leftBehindBy(parameters));
    const unable = routers.filter(({ indexTypes }) => !(indexTypes ?? []).includes(indexType)).map(({ id }) => id);
    const unnamed = unable.filter((id) => !leaveBehind.has(id));
    const more = unnamed.length > namedMax ? ` and ${unnamed.length - namedMax} more` : '';
    if (unnamed.length > 0)
      return fail(
        `${count(unnamed.length, 'connected router')} ${unnamed.length === 1 ? 'does' : 'do'} not say that ${indexType} indexes are understood: ${unnamed.slice(0, namedMax).join(', ')}${more}`,
        `Upgrade them, or leave them behind: --leave-behind ${unnamed.slice(0, namedMax).join(',')}. They will be refused until they are upgraded.`,
      );
    if (unable.length > 0) return warn(`left behind, and refused from then on: ${unable.join(', ')}`);
    if (routers.length === 0) return ok('no router is connected');
    return ok(
      `${count(routers.length, 'connected router')} ${routers.length === 1 ? 'understands' : 'understand'} ${indexType} indexes`,
    );
  };
}

function leftBehindBy(parameters: WorkflowParameters): readonly string[] {
  return parameters.workflow === 'migrate' || parameters.workflow === 'rollback' ? parameters.leaveBehind : [];
}

export const routersUnderstandRaft: Check = {
  name: 'routers-understand-raft',
  question: 'Does every connected router understand raft indexes, but for those that are named to be left behind?',
  remedy: 'Upgrade them, or name them with --leave-behind.',
  answer: routersUnderstand('raft'),
};

export const routersUnderstandLegacy: Check = {
  name: 'routers-understand-legacy',
  question: 'Does every connected router understand legacy indexes, but for those that are named to be left behind?',
  remedy: 'Upgrade them, or name them with --leave-behind.',
  answer: routersUnderstand('legacy'),
};

export const rollbackUnderstood: Check = {
  name: 'rollback-understood',
  question: 'Do all members understand it (is the feature gate raised)?',
  remedy: 'Upgrade the members that are older; the leader raises the gate by itself when all are heard.',
  answer: ({ gates }) =>
    gates.some(({ gate }) => gate === rollbackGate)
      ? ok('all members understand it')
      : fail(`the feature ${rollbackGate} is not in use yet: not every member is known to understand it`),
};

/** Those that are away learn of it when they come back: the timeline of the controller that stays is a newer one. */
export const othersReachable: Check = {
  name: 'others-reachable',
  question: 'Are the other members there, to learn that they are removed?',
  remedy: 'Bring them back first, or stop them for good: when they come back, they are told.',
  answer: (facts, { target }) => {
    const { voters, learners } = facts.configuration;
    const others = [...voters, ...learners].filter((id) => id !== target);
    const away = others.filter(
      (id) => id !== facts.leader.id && facts.progress.find((each) => each.id === id)?.active !== true,
    );
    if (others.length === 0) return ok('there are no others');
    return away.length === 0 ? ok(`${others.join(', ')} are heard`) : warn(`away: ${away.join(', ')}`);
  },
};
