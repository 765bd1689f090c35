/** A cluster as a console would hear it, in the situations that matter. Times are fixed: 2026-11-21 10:32:11 UTC. */

import type { Answer, Message, RequestVerb } from '../../console/state/messages.js';
import { reduceAll } from '../../console/state/reduce.js';
import { initialState, type State } from '../../console/state/state.js';
import {
  type AlertEvent,
  alertEventSchema,
  type ClusterEvent,
  clusterEventSchema,
  type Entity,
  type EntityChangeEvent,
  entityChangeEventSchema,
  entitySchema,
  type NodeStatus,
  nodeStatusSchema,
  type Operation,
  type OperationPlan,
  operationPlanSchema,
  operationSchema,
  type Position,
  type RouterEvent,
  type RouterView,
  routerEventSchema,
  routerViewSchema,
} from '../../messaging/index.js';

// Screens show local time: everywhere the same, so that golden frames are.
process.env.TZ = 'UTC';

export const startAt = Date.UTC(2026, 10, 21, 10, 32, 11);
const bornAt = startAt - 3 * 3_600_000;

export const at = (index: number, epoch = 1): Position => ({
  timeline: { id: 'tl-5f0c', epoch },
  indexType: 'raft',
  index,
});

type Raft = NonNullable<NodeStatus['raft']>;

export interface NodeOptions extends Partial<Omit<NodeStatus, 'raft'>> {
  readonly raft?: Partial<Raft> | null;
}

const threeVoters = { voters: ['n1', 'n2', 'n3'], votersOutgoing: [], learners: [], learnersNext: [] };

export function progressOf(id: string, change: Partial<Raft['progress'][number]> = {}): Raft['progress'][number] {
  return { id, state: 'replicate', match: 18_204, next: 18_205, lag: 0, lastContactMs: 12, active: true, ...change };
}

const leaderRaft: Raft = {
  role: 'leader',
  term: 5,
  leader: 'n1',
  firstIndex: 8_001,
  lastIndex: 18_204,
  lastTerm: 5,
  commit: 18_204,
  applied: 18_204,
  configuration: threeVoters,
  progress: [progressOf('n1'), progressOf('n2'), progressOf('n3', { lastContactMs: 31 })],
  transferringTo: null,
  hasQuorum: true,
};

/** A status of a member that follows n1 well; what is given differs from that. */
export function statusOf(node: string, options: NodeOptions = {}): NodeStatus {
  const { raft, ...rest } = options;
  const base: Raft = node === 'n1' ? leaderRaft : { ...leaderRaft, role: 'follower', progress: [] };
  return nodeStatusSchema.parse({
    v: 1,
    cluster: 'demo',
    clusterId: 'c-71e2a90b',
    node,
    name: `controller ${node}`,
    incarnation: 3,
    version: '0.1.0',
    protocol: { min: 1, max: 1 },
    state: 'member',
    at: startAt,
    startedAt: bornAt,
    sequence: 1,
    addresses: ['nats://127.0.0.1:4222'],
    position: at(18_190),
    raft: raft === null ? null : { ...base, ...raft },
    members: ['n1', 'n2', 'n3'].map((id) => ({
      id,
      name: `controller ${id}`,
      version: '0.1.0',
      protocol: { min: 1, max: 1 },
      addresses: ['nats://127.0.0.1:4222'],
      addedAt: bornAt,
    })),
    publishedIndex: 18_190,
    routers: { online: 5, known: 5 },
    counters: {
      'raft.appendsSent': 40_122,
      'raft.heartbeatsSent': 216_000,
      'api.requests': 19_377,
      'api.refused': 12,
      'storage.transactions': 18_420,
      'messages.undecodable': 0,
    },
    latency: { commitP50Ms: 0.91, commitP99Ms: 3.4, syncP50Ms: 0.13, syncP99Ms: 0.42 },
    storage: {
      raftBytes: 8_388_608,
      modelBytes: 2_621_440,
      entities: { router: 5, service: 12, identity: 40, policy: 7 },
    },
    operation: null,
    alarms: [],
    ignoredSettings: [],
    ...rest,
  });
}

export function blankStatus(node: string): NodeStatus {
  return statusOf(node, {
    state: 'blank',
    clusterId: null,
    position: null,
    raft: null,
    members: [],
    publishedIndex: 0,
    routers: { online: 0, known: 0 },
    storage: null,
    counters: {},
    latency: { commitP50Ms: null, commitP99Ms: null, syncP50Ms: null, syncP99Ms: null },
  });
}

export function routerOf(id: string, change: Partial<RouterView> = {}): RouterView {
  return routerViewSchema.parse({
    id,
    online: true,
    version: '2.4.1',
    protocolVersion: 1,
    position: at(18_190),
    endpointsIndex: 17,
    inSync: true,
    lastContactMs: 420,
    connectedTo: 'n2',
    refused: null,
    counters: { events: 1_830, gaps: 2, duplicates: 14, resyncs: 1 },
    ...change,
  });
}

export const fiveRouters: readonly RouterView[] = [
  routerOf('edge-ams-1'),
  routerOf('edge-fra-1', { connectedTo: 'n1' }),
  routerOf('edge-fra-2', { connectedTo: 'n3', lastContactMs: 80 }),
  routerOf('edge-nrt-1', { inSync: false, position: at(18_112), lastContactMs: 1_480 }),
  routerOf('edge-sfo-1', { connectedTo: 'n1' }),
];

let eventCount = 0;
function nextEventId(): string {
  eventCount += 1;
  return `e-${eventCount}`;
}
const eventBase = (agoMs: number) => ({
  v: 1,
  event_src_id: 'n1',
  timestamp: new Date(startAt - agoMs).toISOString(),
  event_id: nextEventId(),
});

export function clusterEvent(eventType: string, agoMs: number, change: Partial<ClusterEvent> = {}): ClusterEvent {
  return clusterEventSchema.parse({ ...eventBase(agoMs), namespace: 'cluster', eventType, ...change });
}

export function routerEvent(router: string, online: boolean, agoMs: number): RouterEvent {
  const event_type = online ? 'router-online' : 'router-offline';
  return routerEventSchema.parse({
    ...eventBase(agoMs),
    namespace: 'router',
    event_type,
    router_id: router,
    router_online: online,
  });
}

export function alertEvent(router: string, message: string, agoMs: number): AlertEvent {
  const alert = {
    alert_source_type: 'router',
    alert_source_id: router,
    severity: 'warning',
    message,
    details: [],
    related_entities: {},
  };
  return alertEventSchema.parse({ ...eventBase(agoMs), namespace: 'alert', ...alert });
}

export function entityOf(kind: string, id: string, change: Partial<Entity> = {}): Entity {
  const times = { createdAt: bornAt, updatedAt: startAt - 600_000 };
  return entitySchema.parse({ kind, id, name: id, version: 1, ...times, tags: {}, spec: {}, ...change });
}

export function changeEvent(
  index: number,
  entity: Entity,
  agoMs: number,
  type: 'created' | 'updated' | 'deleted' = 'created',
): EntityChangeEvent {
  const entityTypes: Record<string, string> = {
    router: 'routers',
    service: 'services',
    identity: 'identities',
    policy: 'policies',
  };
  const base = eventBase(agoMs);
  return entityChangeEventSchema.parse({
    ...base,
    namespace: 'entityChange',
    eventId: base.event_id,
    eventType: type,
    entityType: entityTypes[entity.kind] ?? entity.kind,
    initialState: type === 'deleted' ? entity : null,
    finalState: type === 'deleted' ? null : entity,
    position: at(index),
    previousIndex: index - 1,
  });
}

export const recentEvents = [
  clusterEvent('member.added', 840_000, { message: 'n3 was added as a learner' }),
  clusterEvent('member.promoted', 815_000, { message: 'n3 became a voter' }),
  routerEvent('edge-nrt-1', false, 410_000),
  clusterEvent('leadership.gained', 300_000, { term: 5, leaderId: 'n1', message: 'n1 leads term 5' }),
  routerEvent('edge-nrt-1', true, 290_000),
  alertEvent('edge-nrt-1', 'a list of controllers was refused: it was empty', 120_000),
  changeEvent(18_188, entityOf('service', 'billing', { version: 3 }), 40_000, 'updated'),
  changeEvent(18_189, entityOf('identity', 'ci-runner-7'), 12_000),
  changeEvent(18_190, entityOf('service', '日本語サービス', { id: 'svc-jp' }), 2_000),
  clusterEvent('snapshot.taken', 1_000, { message: 'n1 took a snapshot at r18190@1' }),
];

export const services: readonly Entity[] = [
  entityOf('service', 'billing', {
    version: 3,
    tags: { team: 'money', tier: '1' },
    spec: { roleAttributes: ['internal'], address: 'billing.internal:8443' },
  }),
  entityOf('service', 'ci-cache', { tags: { team: 'build' }, spec: { roleAttributes: ['build'] } }),
  entityOf('service', 'svc-jp', { name: '日本語サービス', spec: { roleAttributes: [] } }),
  entityOf('service', 'wiki', { version: 12, tags: { team: 'docs' }, spec: { roleAttributes: ['internal', 'docs'] } }),
];

export const joinPlan: OperationPlan = operationPlanSchema.parse({
  parameters: { workflow: 'join', node: 'n4', role: 'voter' },
  findings: [
    { check: 'candidate-is-reachable', outcome: 'ok', sentence: 'n4 answers within 1 ms.', remedy: '' },
    {
      check: 'candidate-is-blank',
      outcome: 'ok',
      sentence: 'n4 is blank: it holds no cluster of its own.',
      remedy: '',
    },
    { check: 'id-is-unused', outcome: 'ok', sentence: 'No member, present or removed, has the id n4.', remedy: '' },
    {
      check: 'version-is-compatible',
      outcome: 'ok',
      sentence: 'n4 runs 0.1.0 and speaks protocol 1, as all members do.',
      remedy: '',
    },
    { check: 'leader-has-committed', outcome: 'ok', sentence: 'n1 leads and has committed in term 5.', remedy: '' },
    { check: 'quorum-is-healthy', outcome: 'ok', sentence: '3 of 3 voters are healthy.', remedy: '' },
    {
      check: 'voters-after-are-odd',
      outcome: 'warn',
      sentence: 'There will be 4 voters: they survive no more failures than 3 and need one more to agree.',
      remedy: 'Join a fifth afterwards, or join n4 as a learner.',
    },
  ],
  before: { voters: 3, healthyVoters: 3, quorum: 2, failuresSurvived: 1 },
  after: { voters: 4, healthyVoters: 4, quorum: 3, failuresSurvived: 1 },
  steps: [
    { step: 'add-learner', title: 'Add n4 as a learner' },
    { step: 'catch-up', title: 'Wait until n4 has caught up and stays so' },
    { step: 'promote', title: 'Make n4 a voter' },
  ],
  mayRun: true,
  confirmation: 'n4',
});

export const removePlanThatFails: OperationPlan = operationPlanSchema.parse({
  parameters: { workflow: 'remove', node: 'n2' },
  findings: [
    { check: 'target-is-member', outcome: 'ok', sentence: 'n2 is a voter of this cluster.', remedy: '' },
    {
      check: 'quorum-after-is-healthy',
      outcome: 'fail',
      sentence:
        'After it 2 voters remain of which only 1 is healthy, and 2 are needed: nothing could be written any more.',
      remedy: 'Bring n3 back first, or remove n3, which is away, instead.',
    },
    {
      check: 'failures-survived',
      outcome: 'warn',
      sentence: 'The cluster will survive no failure.',
      remedy: 'Join another controller first.',
    },
  ],
  before: { voters: 3, healthyVoters: 2, quorum: 2, failuresSurvived: 0 },
  after: { voters: 2, healthyVoters: 1, quorum: 2, failuresSurvived: -1 },
  steps: [
    { step: 'remove', title: 'Remove n2 from the configuration' },
    { step: 'tell', title: 'Tell n2 that it was removed' },
  ],
  mayRun: false,
  confirmation: 'n2',
});

type StepState = Operation['steps'][number]['state'];

export function joinOperation(
  states: readonly [StepState, StepState, StepState],
  verified: StepState,
  change: Partial<Operation> = {},
): Operation {
  const record = (step: string, title: string, state: StepState, detail: string, from: number, tookMs: number) => ({
    step,
    title,
    state,
    detail: state === 'pending' ? '' : detail,
    startedAt: state === 'pending' ? null : startAt + from,
    finishedAt: state === 'done' || state === 'failed' ? startAt + from + tookMs : null,
  });
  return operationSchema.parse({
    id: 'op-18205',
    parameters: joinPlan.parameters,
    requestedBy: 'alice',
    origin: 'alice@bastion-1',
    state: 'running',
    startedAt: startAt,
    updatedAt: startAt + 900,
    finishedAt: null,
    runner: 'n1',
    findings: joinPlan.findings,
    before: joinPlan.before,
    after: joinPlan.after,
    steps: [
      record('add-learner', 'Add n4 as a learner', states[0], 'committed at 18,206', 0, 14),
      record('catch-up', 'Wait until n4 has caught up and stays so', states[1], '4,210 of 18,204 entries', 14, 2_210),
      record('promote', 'Make n4 a voter', states[2], 'committed at 18,311', 2_224, 21),
    ],
    verifications: [
      record('voter-everywhere', 'Every member has n4 as a voter', verified, 'seen on n1, n2, n3 and n4', 2_245, 40),
    ],
    error: null,
    ...change,
  });
}

export const runningJoin = joinOperation(['done', 'running', 'pending'], 'pending');
export const doneJoin = joinOperation(['done', 'done', 'done'], 'done', {
  state: 'done',
  updatedAt: startAt + 2_300,
  finishedAt: startAt + 2_285,
});
export const failedJoin = joinOperation(['done', 'failed', 'skipped'], 'skipped', {
  state: 'failed',
  updatedAt: startAt + 2_300,
  finishedAt: startAt + 2_285,
  error: {
    code: 'operation-failed',
    message: 'n4 did not catch up within 60 s: its disk sync takes 480 ms. It was removed again.',
    remedy: 'Give n4 a faster disk, reset it to blank and join it again.',
  },
});

export const size = { columns: 120, rows: 40 };

export function freshState(given: { readonly columns: number; readonly rows: number } = size): State {
  return initialState({
    now: startAt - 60_000,
    cluster: 'demo',
    operator: 'alice',
    version: '0.1.0',
    nonce: 'test-console',
    locked: false,
    theme: 'none',
    colorDepth: 'none',
    size: given,
  });
}

export function stateAfter(state: State, ...messages: readonly Message[]): State {
  return reduceAll(state, messages)[0];
}

/** A successful answer, with the request that it is for. */
export function answerOf<Verb extends RequestVerb>(
  verb: Verb,
  request: Extract<Answer, { verb: Verb }>['request'],
  value: unknown,
): Message {
  return { type: 'answer', verb, request, outcome: { ok: true, value } } as Message;
}

export function tick(now: number): Message {
  return { type: 'tick', now };
}

export function keys(...names: readonly string[]): readonly Message[] {
  return names.map(
    (name): Message => ({ type: 'key', name, text: name.length === 1 ? name : name === 'space' ? ' ' : '' }),
  );
}

/** Types each character, as an operator would. */
export function typing(text: string): readonly Message[] {
  return keys(...[...text].map((letter) => (letter === ' ' ? 'space' : letter)));
}

/** Three members and five routers that were heard for a minute, with traffic that rises and falls. */
export function healthyState(
  given = size,
  statuses: readonly NodeStatus[] = ['n1', 'n2', 'n3'].map((id) => statusOf(id)),
): State {
  let state = freshState(given);
  let commit = 17_000;
  for (let second = 60; second > 0; second -= 1) {
    const now = startAt - second * 1_000;
    commit += Math.round(20 + 15 * Math.sin(second / 5)) * (second > 50 && second < 54 ? 0 : 1);
    const messages: Message[] = [tick(now)];
    // For three seconds nothing was heard: the sparkline has a gap there.
    if (second < 30 || second > 33) {
      for (const status of statuses) {
        if (status.raft === null) continue;
        const earlier = {
          ...status,
          at: now,
          sequence: 60 - second,
          raft: { ...status.raft, commit, applied: commit },
        };
        messages.push({ type: 'status', status: earlier });
      }
    }
    state = stateAfter(state, ...messages);
  }
  const last = statuses.map(
    (status): Message => ({ type: 'status', status: { ...status, at: startAt, sequence: 100 } }),
  );
  return stateAfter(
    state,
    tick(startAt),
    ...last,
    { type: 'events', events: recentEvents },
    answerOf('routers.list', { verb: 'routers.list', params: {} }, { routers: fiveRouters, more: false }),
    answerOf('operation.list', { verb: 'operation.list', params: {} }, { operations: [] }),
    tick(startAt + 300),
  );
}

export function withModel(state: State): State {
  const opened = stateAfter(state, ...keys('4', 'tab'));
  const number = opened.model.reading?.number ?? 0;
  return stateAfter(
    opened,
    answerOf(
      'model.list',
      { verb: 'model.list', number, params: { kind: 'service' } },
      { entities: services, position: at(18_190), more: false },
    ),
  );
}

/** n3 is away for twelve seconds; n4 waits blank. */
export function degradedState(given = size): State {
  const n1 = statusOf('n1', {
    raft: {
      progress: [
        progressOf('n1'),
        progressOf('n2'),
        progressOf('n3', { active: false, state: 'probe', match: 17_950, lag: 254, lastContactMs: 12_400 }),
      ],
    },
    routers: { online: 4, known: 5 },
  });
  const before = healthyState(given);
  const later = startAt + 12_000;
  const routers = fiveRouters.map((router) =>
    router.id === 'edge-fra-2' ? { ...router, online: false, inSync: false, lastContactMs: 12_000 } : router,
  );
  return stateAfter(
    before,
    tick(later),
    { type: 'status', status: { ...n1, at: later, sequence: 101 } },
    { type: 'status', status: { ...statusOf('n2'), at: later, sequence: 101 } },
    { type: 'status', status: blankStatus('n4') },
    {
      type: 'events',
      events: [
        clusterEvent('peer.disconnected', -400, { message: 'n1 lost contact with n3' }),
        routerEvent('edge-fra-2', false, -2_000),
      ],
    },
    answerOf('routers.list', { verb: 'routers.list', params: {} }, { routers, more: false }),
    tick(later + 200),
  );
}

const sevenIds = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'];

/** Seven voters, of which the last few raise so many alarms. */
export function sevenState(given = size, alarms = 0): State {
  const configuration = { ...threeVoters, voters: sevenIds };
  const alarmOf = (number: number): NodeStatus['alarms'][number] => ({
    code: `disk-slow-${number}`,
    severity: number % 3 === 0 ? 'error' : 'warning',
    message: `syncing to disk ${number} takes 120 ms`,
    remedy: 'Move its data directory to a faster disk.',
    since: startAt - number * 60_000,
  });
  return healthyState(
    given,
    sevenIds.map((id, index) =>
      statusOf(id, {
        raft: { configuration, ...(id === 'n1' ? { progress: sevenIds.map((each) => progressOf(each)) } : {}) },
        alarms: Array.from({ length: alarms }, (_, number) => alarmOf(number)).filter(
          (_, number) => index === sevenIds.length - 1 - (number % 4),
        ),
      }),
    ),
  );
}

export function cutOffState(given = size): State {
  return stateAfter(
    healthyState(given),
    tick(startAt + 1_000),
    { type: 'connection', up: false },
    tick(startAt + 5_300),
  );
}

export function noQuorumState(given = size): State {
  const later = startAt + 9_000;
  const lonely = statusOf('n2', { raft: { role: 'pre-candidate', leader: null, hasQuorum: false } });
  return stateAfter(
    healthyState(given),
    tick(later),
    { type: 'status', status: { ...lonely, at: later, sequence: 101 } },
    tick(later + 100),
  );
}
