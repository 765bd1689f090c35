/** What makes each check pass, warn and fail: facts, as data. The tests go through them, and docs/checks.md is made from them. */
import type {
  Finding,
  IndexType,
  NodeStatus,
  Operation,
  ProgressView,
  WorkflowParameters,
} from '../../messaging/index.js';
import { initialConfiguration } from '../../node/raft/index.js';
import {
  evaluate,
  type Facts,
  type Probe,
  type RestoreAnswer,
  type RestoreFacts,
  workflows,
} from '../../node/workflows/index.js';
import { healthyAnswer, healthyFile, healthyProbe, nodeStatus, World } from './world.js';

export const join: WorkflowParameters = { workflow: 'join', node: 'x', role: 'voter' };
export const joinLearner: WorkflowParameters = { workflow: 'join', node: 'x', role: 'learner' };
export const remove: WorkflowParameters = { workflow: 'remove', node: 'c' };
export const removeLeader: WorkflowParameters = { workflow: 'remove', node: 'a' };
export const transfer: WorkflowParameters = { workflow: 'transfer', to: 'c' };
const upgrade: WorkflowParameters = { workflow: 'upgrade', node: 'c', from: null };
export const transferAny: WorkflowParameters = { workflow: 'transfer', to: null };

const migrate = { workflow: 'migrate', node: 'a', leaveBehind: [] } satisfies WorkflowParameters;
const rollback = { workflow: 'rollback', node: 'a', leaveBehind: [] } satisfies WorkflowParameters;

type Answered = Extract<Probe, { type: 'answered' }>;
type Change = Partial<Facts>;

const progress = (id: string, given: Partial<ProgressView> = {}): ProgressView => ({
  id,
  state: 'replicate',
  match: 1_000,
  next: 1_001,
  lag: 0,
  lastContactMs: 10,
  active: true,
  ...given,
});
const away = (id: string) => progress(id, { active: false, lastContactMs: 60_000, match: 10, lag: 990 });

/** Three healthy voters a, b, c led by a; x is blank and answers. */
export function healthy(parameters: WorkflowParameters): Facts {
  const facts = new World().facts(parameters);
  const members = ['a', 'b', 'c'].map((id) => ({
    id,
    name: `name-of-${id}`,
    version: '0.1.0',
    protocol: { min: 1, max: 1 },
    addresses: [],
    addedAt: 0,
  }));
  return {
    ...facts,
    members,
    leader: { ...facts.leader, commit: 1_000, lastIndex: 1_000 },
    progress: [progress('b'), progress('c')],
  };
}

const voters = (...ids: string[]): Change => ({
  configuration: initialConfiguration(ids),
  progress: ids.filter((id) => id !== 'a').map((id) => progress(id)),
});
const leader = (given: Partial<Facts['leader']>): Change => ({ leader: { ...healthy(join).leader, ...given } });
const probe = (given: Partial<Answered>): Change => ({ probe: { ...healthyProbe('x'), ...given } });
const heard = (id: string, given: { clusterId?: string; twice?: boolean; ageMs?: number; epoch?: number }): Change => {
  const status = nodeStatus(id, 'member', null);
  const position = {
    timeline: { id: given.epoch === undefined ? 'timeline-one' : 'other', epoch: given.epoch ?? 1 },
    indexType: 'raft',
    index: 5,
  } as const;
  const stranger = { ...status, clusterId: given.clusterId ?? 'cluster-one', position };
  return {
    heard: [
      ...healthy(join).heard.filter((each) => each.status.node !== id),
      { status: stranger, ageMs: given.ageMs ?? 100, twice: given.twice ?? false },
    ],
  };
};

/** What the controller concerned says of itself before it counts in another way. */
const mode = (given: Partial<NonNullable<Facts['mode']>>): Change => ({
  mode: {
    standalone: true,
    problems: [],
    modelBytes: 1 << 20,
    diskFreeBytes: 10 * 2 ** 30,
    newestChangeAt: null,
    deniedSubjects: [],
    maxPayloadBytes: 1 << 20,
    ...given,
  },
});
const heardOnly = (id: string, given: Partial<NodeStatus> & { ageMs?: number }): Change => {
  const { ageMs = 100, ...rest } = given;
  return {
    heard: [{ status: { ...nodeStatus(id, 'member', null), clusterId: 'cluster-one', ...rest }, ageMs, twice: false }],
  };
};
const router = (indexTypes: readonly IndexType[] | null): Change => ({
  routers: [{ id: 'edge-1', endpointsIndex: 1, indexTypes }],
});

const silent: Change = { probe: { type: 'unreachable', reason: 'no answer within 2 s' } };
const running: Operation = {
  id: 'operation-1',
  parameters: remove,
  requestedBy: 'olga',
  state: 'running',
  startedAt: 0,
  updatedAt: 0,
  finishedAt: null,
  runner: 'a',
  findings: [],
  before: { voters: 3, healthyVoters: 3, quorum: 2, failuresSurvived: 1 },
  after: { voters: 2, healthyVoters: 2, quorum: 2, failuresSurvived: 0 },
  steps: [],
  verifications: [],
  error: null,
};
const learnerX: Change = { configuration: { ...initialConfiguration(['a', 'b', 'c']), learners: ['x'] } };
const removedX: Change = { configuration: { ...initialConfiguration(['a', 'b', 'c']), removed: ['x'] } };
const cAway: Change = { progress: [progress('b'), away('c')] };
const bAway: Change = { progress: [away('b'), progress('c')] };
const bothAway: Change = { progress: [away('b'), away('c')] };

const restore: WorkflowParameters = {
  workflow: 'restore',
  sha256: '0'.repeat(64),
  sizeBytes: 1_000,
  name: 'a.snapshot',
};
const restoreFacts = (given: Partial<RestoreFacts>): Change => ({
  restore: { file: healthyFile(), members: membersAnswering({}), ...given },
});
/** Begun by two operators who did not know of each other. */
const twin = { id: 'twin', epoch: 1 };
const file = (given: RestoreFacts['file']): Change => restoreFacts({ file: given });
const answers = (given: Record<string, Partial<RestoreAnswer> | null>): Change =>
  restoreFacts({ members: membersAnswering(given) });
function membersAnswering(given: Record<string, Partial<RestoreAnswer> | null>): RestoreFacts['members'] {
  return ['a', 'b', 'c'].map((id) => {
    const change = given[id];
    return change === null
      ? { id, answer: null, reason: 'no answer' }
      : { id, answer: { ...healthyAnswer(), ...change }, reason: '' };
  });
}

export type Case = readonly [
  outcome: Finding['outcome'],
  parameters: WorkflowParameters,
  change: Change,
  sentence: RegExp,
];

const cases: Readonly<Record<string, readonly Case[]>> = {
  'leader-committed-in-term': [
    ['ok', join, {}, /a leads and has committed in term 1/],
    ['fail', join, leader({ committedInTerm: false }), /nothing in term 1 yet/],
  ],
  'quorum-healthy': [
    ['ok', join, {}, /3 of 3 voters are healthy, 2 are needed/],
    ['ok', join, voters('a'), /1 of 1 voter is healthy/],
    ['warn', join, cAway, /2 of 3 voters are healthy.*one more failure stops all writes/],
    ['fail', join, bothAway, /1 of 3 voters is healthy, 2 are needed/],
    [
      'fail',
      transfer,
      { ...voters('a', 'b', 'c', 'd', 'e'), progress: [away('b'), progress('c'), away('d'), away('e')] },
      /2 of 5 voters are healthy, 3 are needed/,
    ],
  ],
  'no-change-pending': [
    ['ok', join, {}, /no change/],
    ['fail', join, leader({ changePending: true }), /not finished yet/],
  ],
  'no-operation-running': [
    ['ok', join, {}, /no operation/],
    ['fail', join, { running }, /operation-1 \(remove\) is running on a/],
  ],
  'no-transfer-running': [
    ['ok', join, {}, /not being handed over/],
    ['fail', join, leader({ transferringTo: 'b' }), /handed over to b/],
  ],
  'one-cluster': [
    ['ok', join, {}, /no controller of another cluster/],
    [
      'warn',
      join,
      heard('z', { clusterId: 'cluster-two' }),
      /another cluster uses the name test: z \(cluster id cluster-two\)/,
    ],
  ],
  'one-timeline': [
    ['ok', join, {}, /one timeline/],
    ['fail', join, heard('c', { epoch: 2 }), /c on other \(epoch 2\)/],
  ],
  'candidate-not-member': [
    ['ok', join, {}, /x is not a member yet/],
    ['fail', { ...join, node: 'b' }, {}, /b is a member already/],
    ['fail', join, learnerX, /x is a learner already/],
  ],
  'candidate-id-unused': [
    ['ok', join, {}, /never used/],
    ['fail', join, removedX, /removed earlier/],
  ],
  'candidate-reachable': [
    ['ok', join, {}, /x answers/],
    ['fail', join, silent, /x does not answer: no answer within 2 s/],
  ],
  'candidate-id-unique': [
    ['ok', join, {}, /one process/],
    ['fail', join, heard('x', { twice: true }), /two processes speak as x/],
  ],
  'candidate-blank': [
    ['ok', join, {}, /x is blank/],
    [
      'fail',
      join,
      probe({ state: 'member', clusterId: 'cluster-two' }),
      /member of another cluster \(cluster-two\): it was bootstrapped on its own/,
    ],
    ['fail', join, probe({ state: 'member', clusterId: 'cluster-one' }), /believes that it is a member/],
    ['fail', join, probe({ state: 'removed' }), /was removed/],
    ['fail', join, probe({ state: 'standalone' }), /serves routers alone/],
    ['fail', join, probe({ state: 'starting' }), /is starting/],
    ['fail', join, probe({ state: 'damaged' }), /damaged/],
    ['fail', join, silent, /not known/],
  ],
  'candidate-cluster': [
    ['ok', join, {}, /configured for test/],
    ['fail', join, probe({ cluster: 'other' }), /configured for the cluster other, not test/],
    ['fail', join, probe({ clusterId: 'cluster-two' }), /holds the cluster id cluster-two/],
  ],
  'candidate-name-unique': [
    ['ok', join, {}, /name-of-x is free/],
    ['fail', join, probe({ name: 'name-of-b' }), /the member b has the name/],
  ],
  'candidate-version': [
    ['ok', join, {}, /as the leader does/],
    ['warn', join, probe({ version: '0.2.0' }), /0.2.0, the leader 0.1.0/],
    [
      'fail',
      join,
      probe({ version: '9.0.0', protocol: { min: 2, max: 3 } }),
      /shares no protocol version with a, b, c/,
    ],
  ],
  'quorum-without-it': [
    ['ok', upgrade, voters('a', 'b', 'c', 'd', 'e'), /4 other voters are healthy, 3 are needed/],
    ['warn', upgrade, {}, /2 other voters are healthy, 2 are needed: while it is away, no other may fail/],
    ['fail', upgrade, { progress: [away('b'), progress('c')] }, /1 other voter is healthy, 2 are needed/],
    ['fail', { workflow: 'upgrade', node: 'a', from: null }, voters('a'), /0 other voters are healthy, 1 is needed/],
  ],
  'candidate-features': [
    ['ok', join, {}, /understands protocol versions up to 1; 0 feature gates raised/],
    [
      'ok',
      join,
      { gates: [{ gate: 'model-import', version: 2, index: 9, at: 0 }], ...probe({ protocol: { min: 1, max: 2 } }) },
      /up to 2; 1 feature gate raised/,
    ],
    [
      'fail',
      join,
      { gates: [{ gate: 'model-import', version: 2, index: 9, at: 0 }] },
      /x understands protocol versions up to 1; the cluster uses model-import of version 2/,
    ],
  ],
  'candidate-clock': [
    ['ok', join, probe({ clockOffsetMs: -200 }), /200 ms behind/],
    ['warn', join, probe({ clockOffsetMs: 400 }), /400 ms ahead/],
    ['fail', join, probe({ clockOffsetMs: -60_000 }), /60.0 s behind/],
  ],
  'candidate-disk-space': [
    ['ok', join, {}, /are free/],
    [
      'warn',
      join,
      { ...probe({ diskFreeBytes: 4e9 }), ...leader({ dataBytes: 1e9 }) },
      /3.7 GiB are free, 2.8 GiB are needed/,
    ],
    ['fail', join, { ...probe({ diskFreeBytes: 2e9 }), ...leader({ dataBytes: 1e9 }) }, /1.9 GiB are free/],
    ['fail', join, probe({ diskFreeBytes: 1e8 }), /95.4 MiB are free, 256.0 MiB are needed/],
  ],
  'candidate-disk-latency': [
    ['ok', join, {}, /0.2 ms/],
    ['warn', join, probe({ syncLatencyMs: 30 }), /30 ms: commits would wait/],
    ['fail', join, probe({ syncLatencyMs: 400 }), /longer than an election waits/],
  ],
  'candidate-nats-latency': [
    ['ok', join, {}, /0.3 ms/],
    ['warn', join, probe({ natsRoundTripMs: 60 }), /60 ms/],
    ['fail', join, probe({ natsRoundTripMs: 200 }), /longer than an election waits/],
  ],
  'candidate-max-payload': [
    ['ok', join, {}, /1.0 MiB/],
    ['fail', join, probe({ maxPayloadBytes: 65_536 }), /64.0 KiB, 512.0 KiB are needed/],
  ],
  'candidate-credentials': [
    ['ok', join, {}, /allow what a member needs/],
    ['warn', join, probe({ deniedSubjects: null }), /did not try/],
    ['fail', join, probe({ deniedSubjects: ['quorate.test.raft.x.>'] }), /NATS refused it: quorate.test.raft.x/],
  ],
  'voters-odd-after': [
    ['ok', join, voters('a', 'b'), /there will be 3 voters/],
    ['ok', joinLearner, {}, /stays 3/],
    ['warn', join, {}, /there will be 4 voters, an even number/],
    ['warn', join, voters('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), /there will be 9 voters: each write waits/],
    ['warn', remove, {}, /there will be 2 voters, an even number/],
  ],
  'target-is-member': [
    ['ok', remove, {}, /c is a voter/],
    ['ok', { ...remove, node: 'x' }, learnerX, /x is a learner/],
    ['fail', { ...remove, node: 'x' }, {}, /x is not a member/],
    ['fail', { ...remove, node: 'x' }, removedX, /x was removed already/],
  ],
  'target-is-learner': [
    ['ok', { workflow: 'promote', node: 'x' }, learnerX, /x is a learner/],
    ['fail', { workflow: 'promote', node: 'c' }, {}, /c is a voter already/],
    ['fail', { workflow: 'promote', node: 'x' }, {}, /x is not a member/],
  ],
  'target-decides': [
    ['ok', { workflow: 'demote', node: 'c' }, {}, /c is a voter/],
    ['fail', { workflow: 'demote', node: 'x' }, learnerX, /x is a learner already/],
    ['fail', { workflow: 'demote', node: 'x' }, {}, /x is not a member/],
  ],
  'voters-remain': [
    ['ok', remove, {}, /2 voters remain/],
    ['fail', removeLeader, voters('a'), /the last voter/],
  ],
  'quorum-after': [
    ['ok', { workflow: 'replace', node: 'c', with: 'x', role: 'voter' }, {}, /3 of the 3 voters left/],
    [
      'fail',
      { workflow: 'replace', node: 'c', with: 'x', role: 'voter' },
      { ...bothAway, probe: { type: 'none' } },
      /1 of the 3 voters left/,
    ],
    ['ok', remove, {}, /2 of the 2 voters left are healthy/],
    ['ok', remove, cAway, /2 of the 2 voters/],
    ['fail', remove, bAway, /1 of the 2 voters left is healthy, 2 are needed/],
    ['ok', join, cAway, /3 of the 4 voters/],
    ['fail', join, { ...cAway, ...silent }, /2 of the 4 voters left are healthy, 3 are needed/],
  ],
  'failures-survived': [
    [
      'ok',
      remove,
      { ...voters('a', 'b', 'c', 'd'), progress: [progress('b'), away('c'), progress('d')] },
      /survives 1 failure afterwards, 0 before/,
    ],
    ['warn', remove, {}, /survives 0 failures afterwards, 1 before/],
    ['warn', remove, voters('a', 'b', 'c', 'd', 'e'), /survives 1 failure afterwards, 2 before/],
  ],
  'leader-transferable': [
    ['ok', remove, {}, /c does not lead/],
    ['ok', removeLeader, { progress: [progress('b', { match: 900 }), progress('c')] }, /leadership goes to c first/],
    ['fail', removeLeader, bothAway, /no other voter is healthy/],
    [
      'fail',
      removeLeader,
      { progress: [progress('b', { lag: 5_000, match: 5 }), away('c')] },
      /b is 5,000 entries behind/,
    ],
    ['fail', removeLeader, voters('a'), /there is no other voter/],
    [
      'fail',
      removeLeader,
      { progress: [progress('b', { lag: 5_000 }), progress('c', { lag: 6_000 })] },
      /entries behind/,
    ],
  ],
  'newest-state-kept': [
    ['ok', remove, {}, /2 of the 2 voters left hold/],
    [
      'warn',
      remove,
      { progress: [progress('b', { match: 500 }), progress('c')] },
      /1 of the 2 voters left holds.*committed again/,
    ],
    ['fail', removeLeader, { progress: [progress('b', { match: 500 }), away('c')] }, /^no other healthy voter holds/],
    [
      'fail',
      removeLeader,
      { progress: [progress('b', { match: 500 }), progress('c', { match: 500 })] },
      /no other healthy voter holds/,
    ],
  ],
  'target-reachable': [
    ['ok', remove, {}, /c is heard/],
    ['warn', remove, heard('c', { ageMs: 30_000 }), /last heard 30.0 s ago/],
    ['warn', { ...remove, node: 'z' }, {}, /z is away/],
  ],
  'routers-keep-a-controller': [
    ['ok', remove, {}, /no routers are online/],
    ['ok', remove, { routers: [{ id: 'r1', endpointsIndex: 7 }], endpointsIndex: 7 }, /1 router online knows all/],
    [
      'warn',
      remove,
      {
        routers: [...'12345678'].map((id) => ({ id: `r${id}`, endpointsIndex: id === '1' ? null : 3 })),
        endpointsIndex: 7,
      },
      /8 routers may know only this controller: r1, r2, r3, r4, r5, and 3 more/,
    ],
  ],
  'target-is-voter': [
    ['ok', transfer, {}, /c is a voter/],
    ['fail', { ...transfer, to: 'x' }, learnerX, /^x is a learner: it cannot lead/],
    ['fail', { ...transfer, to: 'z' }, {}, /z is no member/],
    [
      'fail',
      { ...transfer, to: 'x' },
      { ...learnerX, progress: [progress('b'), progress('c'), progress('x')] },
      /x is a learner: it cannot lead/,
    ],
    ['fail', transferAny, bothAway, /no other voter is healthy/],
  ],
  'target-not-leader': [
    ['ok', transfer, {}, /a leads now/],
    ['fail', { ...transfer, to: 'a' }, {}, /a leads already/],
  ],
  'target-healthy': [
    ['ok', transfer, {}, /the leader hears c/],
    ['ok', transferAny, cAway, /the leader hears b/],
    ['fail', transfer, cAway, /does not hear c/],
  ],
  'file-whole': [
    ['ok', restore, {}, /written 1970-01-01T00:00:00.000Z, at index 17/],
    [
      'fail',
      restore,
      file({ type: 'missing', reason: 'a does not hold it' }),
      /no file to restore: a does not hold it/,
    ],
    ['fail', restore, { restore: null }, /no file to restore/],
  ],
  'file-has-content': [
    ['ok', restore, {}, /the file holds 3 entities/],
    ['fail', restore, file({ ...healthyFile(), countByKind: {} }), /no entities at all/],
    ['ok', restore, file({ type: 'missing', reason: '' }), /no file to look into/],
  ],
  'file-of-this-cluster': [
    ['ok', restore, {}, /written by this cluster/],
    ['warn', restore, file({ ...healthyFile(), cluster: 'other', clusterId: 'x' }), /other \(cluster id x\)/],
    [
      'warn',
      restore,
      file({ ...healthyFile(), position: { ...healthyFile().position, timeline: twin } }),
      /timeline twin, this cluster on timeline-one, both of epoch 1: two histories/,
    ],
  ],
  'members-reachable': [
    ['ok', restore, {}, /all 3 members answer/],
    ['warn', restore, answers({ c: null }), /away: c \(no answer\)/],
    ['fail', restore, answers({ b: null, c: null }), /too few voters answer/],
  ],
  'restore-understood': [
    ['ok', restore, { gates: [{ gate: 'model-restore', version: 2, index: 5, at: 0 }] }, /all members understand/],
    ['fail', restore, { gates: [] }, /not in use yet/],
  ],
  'members-disk-space': [
    ['ok', restore, {}, /there is room/],
    ['fail', restore, answers({ b: { diskFreeBytes: 1_000 } }), /too little room: b has 1000 bytes of/],
    ['ok', restore, answers({ b: null }), /room on all members that answer/],
  ],
  'what-is-lost': [
    ['warn', restore, {}, /service: 1 come back, 1 change, 2 are lost/],
    ['ok', restore, file({ ...healthyFile(), differences: [] }), /the same entities/],
  ],
  'target-caught-up': [
    ['ok', transfer, {}, /0 entries behind/],
    ['fail', transfer, { progress: [progress('b'), progress('c', { lag: 5_000 })] }, /5,000 entries behind/],
    ['fail', transfer, { progress: [progress('b'), progress('c', { state: 'snapshot' })] }, /behind/],
    ['fail', transfer, { progress: [progress('b')] }, /nothing is known/],
  ],
  'target-preferred': [
    ['ok', transfer, {}, /no other voter has a higher priority/],
    ['ok', transfer, heardOnly('c', { priority: 10 }), /no other voter/],
    ['warn', transfer, heardOnly('a', { priority: 10 }), /a had better lead/],
  ],
};

/** Of a migration and the way back. */
const modeCases: typeof cases = {
  'is-standalone': [
    ['ok', migrate, mode({ standalone: true }), /a serves alone/],
    ['fail', migrate, mode({ standalone: false }), /member of a cluster already/],
    ['fail', migrate, { mode: null }, /nothing is known/],
  ],
  'is-cluster': [
    ['ok', rollback, mode({ standalone: false }), /a leads a cluster/],
    ['fail', rollback, mode({ standalone: true }), /standalone already/],
  ],
  'model-intact': [
    ['ok', migrate, mode({}), /read as a whole/],
    ['fail', migrate, mode({ problems: ['Entities that are not what they say: service s1.'] }), /service s1/],
  ],
  'mode-disk-space': [
    ['ok', migrate, mode({}), /free/],
    ['fail', migrate, mode({ modelBytes: 500 << 20, diskFreeBytes: 1_000 << 20 }), /1000.0 MiB free, 1.0 GiB wanted/],
  ],
  clock: [
    ['ok', migrate, { ...mode({ newestChangeAt: 0 }), heard: [] }, /is not behind/],
    ['ok', migrate, { ...mode({}), ...heardOnly('b', { at: healthy(migrate).now - 100 }) }, /the clock is not behind/],
    ['ok', migrate, { ...mode({}), ...heardOnly('b', { at: 0, ageMs: 60_000 }) }, /not behind what was written/],
    ['fail', migrate, { ...mode({ newestChangeAt: 3_600_000_000_000 }), heard: [] }, /behind the newest change/],
    [
      'warn',
      migrate,
      { ...mode({}), ...heardOnly('b', { at: healthy(migrate).now - 60_100 }) },
      /differs by 60.0 s from b/,
    ],
  ],
  'cluster-id-free': [
    ['ok', migrate, { heard: [] }, /nobody else is heard/],
    ['ok', migrate, heardOnly('b', { ageMs: 60_000 }), /^nobody else is heard/],
    ['ok', migrate, heardOnly('b', { state: 'removed' }), /nobody else is heard as part/],
    ['fail', migrate, heardOnly('b', {}), /b \(member, of the cluster id of this one\)/],
    ['fail', migrate, heardOnly('b', { clusterId: 'other' }), /another one, other/],
  ],
  'nats-allows-member': [
    ['ok', migrate, mode({}), /all subjects are allowed/],
    ['fail', migrate, mode({ deniedSubjects: ['quorate.test.raft.x'] }), /does not allow quorate.test.raft.x/],
    ['fail', migrate, mode({ maxPayloadBytes: 1_000 }), /1000.0 bytes|1000 bytes at most/],
  ],
  'routers-understand-raft': [
    ['ok', migrate, router(['legacy', 'raft']), /1 connected router understands raft/],
    ['ok', migrate, { routers: [] }, /no router is connected/],
    ['fail', migrate, router(['legacy']), /edge-1/],
    ['fail', migrate, router(null), /not say .* edge-1/],
    [
      'warn',
      { ...migrate, leaveBehind: ['edge-1'] },
      router(['legacy']),
      /left behind, and refused from then on: edge-1/,
    ],
  ],
  'routers-understand-legacy': [
    ['ok', rollback, router(['legacy', 'raft']), /1 connected router understands legacy/],
    ['fail', rollback, router(['raft']), /edge-1/],
    ['warn', { ...rollback, leaveBehind: ['edge-1'] }, router(['raft']), /left behind/],
  ],
  'rollback-understood': [
    ['ok', rollback, { gates: [{ gate: 'rollback', version: 2, index: 1, at: 1 }] }, /all members understand it/],
    ['fail', rollback, { gates: [] }, /not in use yet/],
  ],
  'others-reachable': [
    ['ok', rollback, {}, /b, c are heard/],
    ['ok', rollback, voters('a'), /no others/],
    ['warn', rollback, { progress: [progress('b'), away('c')] }, /away: c/],
  ],
};

export const all = { ...cases, ...modeCases };

export const checks = new Map(
  Object.values(workflows).flatMap((workflow) => workflow.checks.map((check) => [check.name, check] as const)),
);

/** What lets every check of the workflow pass. */
function whole(parameters: WorkflowParameters): Facts {
  const facts = healthy(parameters);
  const gated = (gate: string) => ({ gates: [{ gate, version: 1, index: 1, at: 0 }] });
  switch (parameters.workflow) {
    case 'restore':
      return { ...facts, ...gated('model-restore') };
    case 'migrate':
      return { ...facts, ...mode({}), ...voters('a'), heard: [] };
    case 'rollback':
      return { ...facts, ...mode({ standalone: false }), ...gated('rollback') };
    case 'join':
    case 'remove':
    case 'replace':
    case 'promote':
    case 'demote':
    case 'upgrade':
    case 'transfer':
      return facts;
  }
}

/** Where one of these does not pass, these others cannot either. */
export const together: Readonly<Record<string, readonly string[]>> = {
  // Of a candidate that does not answer nothing is known.
  'candidate-reachable': [
    'candidate-blank',
    'candidate-clock',
    'candidate-cluster',
    'candidate-credentials',
    'candidate-disk-latency',
    'candidate-disk-space',
    'candidate-features',
    'candidate-max-payload',
    'candidate-name-unique',
    'candidate-nats-latency',
    'candidate-version',
  ],
  // The last voter leads, and nobody is left to decide, or to hold anything.
  'voters-remain': ['leader-transferable', 'newest-state-kept', 'quorum-after'],
};

export interface Alone {
  readonly finding: Finding;
  readonly parameters: WorkflowParameters;
  /** The others that stop the workflow with these facts. */
  readonly others: readonly string[];
}

/** A case in which the check does not pass, stops the workflow where it can, and as few others as may be do. */
export function aloneOf(name: string): Alone | undefined {
  const found = (all[name] ?? []).flatMap(([, parameters, change]) => {
    const facts = { ...whole(parameters), ...change };
    const findings = workflows[parameters.workflow].checks.map((check) => evaluate(check, facts, parameters));
    const finding = findings.find(({ check, outcome }) => check === name && outcome !== 'ok');
    const others = findings
      .filter(({ check, outcome }) => check !== name && outcome === 'fail')
      .map(({ check }) => check);
    return finding === undefined ? [] : [{ finding, parameters, others }];
  });
  const rank = ({ finding, others }: Alone) => (finding.outcome === 'fail' ? 0 : 1_000) + others.length;
  return found.toSorted((a, b) => rank(a) - rank(b))[0];
}
