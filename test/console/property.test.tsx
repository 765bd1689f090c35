/** Whatever is said and pressed, in whatever order: there is always a screen, and it fits. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { bindings } from '../../console/keys.js';
import type { Answer, Effect, Message, Request } from '../../console/state/messages.js';
import { reduce } from '../../console/state/reduce.js';
import type { State } from '../../console/state/state.js';
import type { NodeStatus } from '../../messaging/index.js';
import {
  alertEvent,
  at,
  blankStatus,
  changeEvent,
  clusterEvent,
  degradedState,
  doneJoin,
  entityOf,
  failedJoin,
  freshState,
  joinPlan,
  progressOf,
  removePlanThatFails,
  routerEvent,
  routerOf,
  runningJoin,
  services,
  startAt,
  statusOf,
} from './fixtures.js';
import { formFaults, frameOf } from './frame.js';

type Random = () => number;

/** Small and repeatable: mulberry32. */
function randomFrom(seed: number): Random {
  let state = seed;
  return () => {
    state += 0x6d2b79f5;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const pick = <Item,>(random: Random, items: readonly Item[]): Item =>
  items[Math.floor(random() * items.length)] as Item;
const whole = (random: Random, below: number): number => Math.floor(random() * below);

const oddTexts = [
  '',
  '日本語のとても長い名前がここにある',
  'x'.repeat(250),
  '👩‍👩‍👧‍👦👍🏽',
  'a\u001b[31mb\nc\td',
  '\u202Eevil',
  'é́́́',
];
const nodeIds = ['n1', 'n2', 'n3', 'n4', 'a-controller-with-a-very-long-name-indeed-64-characters-long-xxx'];
const keyNames = [...new Set(bindings.flatMap((binding) => binding.keys)), ...'n4x!日', 'space', 'f13'];

function randomStatus(random: Random): NodeStatus {
  const node = pick(random, nodeIds);
  if (random() < 0.15) return { ...blankStatus(node), sequence: whole(random, 1_000) };
  const leads = random() < 0.4;
  const term = whole(random, 4);
  const some = () => nodeIds.filter(() => random() < 0.6);
  const progress = nodeIds.map((id) =>
    progressOf(id, {
      active: random() < 0.7,
      lag: whole(random, 10_000),
      lastContactMs: random() < 0.2 ? null : whole(random, 10_000),
      state: pick(random, ['probe', 'replicate', 'snapshot'] as const),
    }),
  );
  return statusOf(node, {
    name: pick(random, oddTexts),
    version: pick(random, ['0.1.0', ...oddTexts]),
    state: pick(random, [
      'starting',
      'standalone',
      'member',
      'member',
      'member',
      'removed',
      'damaged',
      'stopping',
    ] as const),
    sequence: whole(random, 1_000),
    incarnation: whole(random, 4),
    at: startAt + whole(random, 100_000),
    ignoredSettings: random() < 0.2 ? oddTexts : [],
    alarms:
      random() < 0.2
        ? [
            {
              code: 'odd',
              severity: pick(random, ['warning', 'error'] as const),
              message: pick(random, oddTexts),
              remedy: pick(random, oddTexts),
              since: 0,
            },
          ]
        : [],
    counters: random() < 0.5 ? Object.fromEntries(oddTexts.map((text, index) => [text, index * 1e9])) : {},
    raft: {
      role: leads ? 'leader' : pick(random, ['follower', 'candidate', 'pre-candidate', 'learner'] as const),
      term,
      leader: random() < 0.3 ? null : pick(random, nodeIds),
      commit: whole(random, Number.MAX_SAFE_INTEGER),
      configuration: {
        voters: [...some(), 'n1'].filter((id, index, all) => all.indexOf(id) === index),
        votersOutgoing: random() < 0.3 ? some() : [],
        learners: some(),
        learnersNext: [],
      },
      progress: leads ? progress : [],
      transferringTo: random() < 0.2 ? pick(random, nodeIds) : null,
      hasQuorum: random() < 0.7,
    },
  });
}

function randomEvents(random: Random): Message {
  const event = () =>
    pick(random, [
      () =>
        clusterEvent(
          pick(random, ['quorum.lost', 'leadership.gained', ...oddTexts.filter((text) => text !== '')]),
          whole(random, 1e6),
          {
            message: random() < 0.5 ? pick(random, oddTexts) : undefined,
            leaderId: null,
            peers: nodeIds.map((id) => ({ id })),
          },
        ),
      () => routerEvent(`edge-${whole(random, 40)}`, random() < 0.5, 0),
      () => alertEvent('edge-1', pick(random, oddTexts), 0),
      () =>
        changeEvent(
          1 + whole(random, 500),
          entityOf('service', `s${whole(random, 30)}`, { name: pick(random, oddTexts) || 'x' }),
          0,
          pick(random, ['created', 'updated', 'deleted'] as const),
        ),
      () => ({ ...clusterEvent('members.changed', 0), timestamp: 'not a time' }),
    ])();
  return { type: 'events', events: Array.from({ length: whole(random, 30) }, event) };
}

function snapshotOf(random: Random, index: number) {
  return {
    name: `${pick(random, oddTexts)}${index}.snapshot`,
    path: pick(random, oddTexts),
    sizeBytes: whole(random, 1e12),
    position: random() < 0.2 ? null : at(whole(random, 1e6)),
    createdAt: random() < 0.2 ? null : startAt - whole(random, 1e9),
    createdBy: random() < 0.5 ? null : pick(random, nodeIds),
    origin: pick(random, ['manual', 'scheduled', 'automatic', 'transfer', null] as const),
    problem: random() < 0.2 ? pick(random, oddTexts) : null,
  };
}

/** What a controller might answer, or why it does not. */
function randomAnswer(random: Random, request: Request): Message {
  const error = {
    code: pick(random, ['timeout', 'no-leader', 'check-failed', 'of-a-newer-version']),
    message: pick(random, oddTexts),
    remedy: pick(random, oddTexts),
  };
  const operation = () => pick(random, [runningJoin, doneJoin, failedJoin]);
  const values: Record<Request['verb'], () => unknown> = {
    'routers.list': () => ({
      routers: Array.from({ length: whole(random, 60) }, (_, index) =>
        routerOf(`edge-${index}`, {
          version: pick(random, oddTexts),
          position: random() < 0.2 ? null : at(whole(random, 1e6), 1 + whole(random, 2)),
          refused: random() < 0.1 ? error : null,
        }),
      ),
      more: random() < 0.2,
    }),
    'operation.list': () => ({ operations: [runningJoin, doneJoin, { ...failedJoin, id: 'op-other' }] }),
    'operation.get': operation,
    'operation.plan': () => pick(random, [joinPlan, removePlanThatFails]),
    'operation.start': operation,
    'operation.plan-resume': () => ({
      ...pick(random, [joinPlan, removePlanThatFails]),
      how: pick(random, ['anew', 'forward', 'back', 'none'] as const),
    }),
    'operation.resume': operation,
    'operation.cancel': () => ({ ...runningJoin, cancellation: { by: pick(random, oddTexts), origin: null, at: 5 } }),
    'model.list': () => ({ entities: services, position: at(5), more: random() < 0.1 }),
    'model.get': () => ({ entity: pick(random, services), position: at(5) }),
    'snapshot.create': () => ({
      path: pick(random, oddTexts),
      sizeBytes: whole(random, 1e12),
      sha256: '',
      position: at(5),
    }),
    'snapshot.list': () => ({
      snapshots: Array.from({ length: whole(random, 40) }, (_, index) => snapshotOf(random, index)),
    }),
    'snapshot.verify': () => ({ ...snapshotOf(random, 1), sha256: 'ab' }),
    'restore.take': () => ({ sha256: 'ab', sizeBytes: 12, state: 'verifying' }),
    'restore.stage': () => ({
      node: 'n1',
      state: pick(random, ['receiving', 'verifying', 'ready', 'failed'] as const),
      receivedBytes: 3,
    }),
    'model.create': () => ({ entity: pick(random, services), position: at(6) }),
    'model.update': () => ({ entity: pick(random, services), position: at(6) }),
    'model.delete': () => ({ entity: pick(random, services), position: at(6) }),
  };
  const outcome = random() < 0.25 ? { ok: false, error } : { ok: true, value: values[request.verb]() };
  return { type: 'answer', verb: request.verb, request, outcome } as Answer;
}

function randomMessage(random: Random, state: State, asked: Request[]): Message {
  const kind = random();
  if (kind < 0.5) return { type: 'key', ...keyOf(pick(random, keyNames)) };
  if (kind < 0.62) return { type: 'tick', now: state.now + whole(random, 3_000) };
  if (kind < 0.74) return { type: 'status', status: randomStatus(random) };
  if (kind < 0.8) return randomEvents(random);
  if (kind < 0.82) return { type: 'connection', up: random() < 0.7 };
  if (kind < 0.84) return { type: 'paste', text: pick(random, oddTexts) };
  if (kind < 0.86 && random() < 0.5) return randomEdited(random, state);
  if (kind < 0.86) return { type: 'operation', operation: pick(random, [runningJoin, doneJoin, failedJoin]) };
  const request = asked.splice(whole(random, asked.length), 1)[0];
  return request === undefined ? { type: 'tick', now: state.now + 100 } : randomAnswer(random, request);
}

/** What an editor might leave, also for a dialog that is gone. */
function randomEdited(random: Random, state: State): Message {
  const { overlay } = state.view;
  const number = overlay?.kind === 'change' ? overlay.number : 1;
  const error = { code: 'not-confirmed', message: pick(random, oddTexts), remedy: '' };
  const text = pick(random, [
    ...oddTexts,
    'kind: service\nid: billing\nname: billing\ntags: { a: b, 日本: "x" }\nspec: { deep: { er: [1, 2, 3] }, roleAttributes: null }\n',
    `name: ${'long '.repeat(50)}\n`,
    'name: [unfinished',
  ]);
  return { type: 'edited', number, outcome: random() < 0.2 ? { ok: false, error } : { ok: true, value: text } };
}

function keyOf(name: string) {
  return { name, text: name === 'space' ? ' ' : [...name].length === 1 ? name : '' };
}

const sizes = [
  { columns: 80, rows: 24 },
  { columns: 96, rows: 25 },
  { columns: 111, rows: 29 },
  { columns: 160, rows: 34 },
  { columns: 237, rows: 71 },
];

const seeds = 40;
const messagesPerSeed = 120;
const framesPerSeed = 12;

for (let seed = 1; seed <= seeds; seed += 1) {
  test.serial(`seed ${seed}: after any messages there is a screen that fits`, async (t) => {
    // Between two seeds the result is told: on a slow machine all of them take longer than AVA waits in silence.
    await nextTurn();
    const random = randomFrom(seed);
    let state = freshState(pick(random, sizes));
    const asked: Request[] = [];
    const take = (effects: readonly Effect[]) =>
      asked.push(...effects.flatMap((effect) => (effect.type === 'request' ? [effect.request] : [])));
    for (let count = 0; count < messagesPerSeed; count += 1) {
      const [next, effects] = reduce(state, randomMessage(random, state, asked));
      state = next;
      take(effects);
      if (count % (messagesPerSeed / framesPerSeed) !== 0) continue;
      const size = pick(random, sizes);
      state = { ...state, size, theme: 'none' };
      t.deepEqual(formFaults(frameOf(state), size), [], `seed ${seed}, message ${count}`);
    }
  });
}

test('below the smallest size there is a plain message, with how the cluster is', (t) => {
  for (const size of [
    { columns: 79, rows: 24 },
    { columns: 80, rows: 23 },
    { columns: 20, rows: 5 },
    { columns: 1, rows: 1 },
  ]) {
    const frame = frameOf({ ...degradedState(), size });
    const lines = frame.split('\n');
    t.true(lines.length <= size.rows, `${lines.length} lines`);
    t.deepEqual(formFaults(frame, { ...size, rows: lines.length }), []);
    if (size.columns > 20) t.regex(frame, /DEGRADED: 2 of 3 voters/);
  }
});
