/** A console is left open for days: what it holds must not grow with what it has heard. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import type { Answer, Effect, Message, Request } from '../../console/state/messages.js';
import { reduceAll } from '../../console/state/reduce.js';
import type { State } from '../../console/state/state.js';
import {
  at,
  changeEvent,
  clusterEvent,
  entityOf,
  freshState,
  routerEvent,
  routerOf,
  runningJoin,
  services,
  startAt,
  statusOf,
} from './fixtures.js';

const routerCount = 100;
const routers = Array.from({ length: routerCount }, (_, index) => routerOf(`edge-${index}`));
const nodes = ['n1', 'n2', 'n3'];

/** What a cluster says in one second; every name, id and figure in it is new where in a cluster it would be. */
function heardIn(second: number): readonly Message[] {
  const commit = 20_000 + second * 5;
  const statuses = nodes.map((node): Message => {
    const counters = { 'raft.appendsSent': second * 10, 'api.requests': second * 7 };
    const raft = { commit, applied: commit, lastIndex: commit };
    return {
      type: 'status',
      status: { ...statusesOf[node], at: now(second), sequence: second, raft: { ...raftOf(node), ...raft }, counters },
    } as Message;
  });
  const events = [
    changeEvent(commit, entityOf('service', `service-${second}`), 0),
    { ...routerEvent(`edge-${second % routerCount}`, second % 2 === 0, 0) },
    clusterEvent(`leadership.gained`, 0, { message: `in second ${second}` }),
  ];
  const operation: readonly Message[] =
    second % 20 === 0
      ? [
          {
            type: 'operation',
            operation: { ...runningJoin, id: `op-${second}`, startedAt: now(second), updatedAt: now(second) },
          },
        ]
      : [];
  return [...statuses, { type: 'events', events }, ...operation];
}

const now = (second: number): number => startAt + second * 1_000;
const statusesOf = Object.fromEntries(nodes.map((node) => [node, statusOf(node)]));
const raftOf = (node: string) => statusesOf[node]?.raft;

function answerTo(request: Request, second: number): Message {
  const values: Partial<Record<Request['verb'], () => unknown>> = {
    'routers.list': () => ({ routers: routers.map((router) => ({ ...router })), more: false }),
    'operation.list': () => ({ operations: [{ ...runningJoin, id: `op-listed-${second}` }] }),
    'model.list': () => ({ entities: services, position: at(20_000 + second), more: false }),
    'snapshot.list': () => ({ snapshots: [] }),
  };
  const value = values[request.verb];
  const outcome =
    value === undefined
      ? { ok: false, error: { code: 'timeout', message: '', remedy: '' } }
      : { ok: true, value: value() };
  return { type: 'answer', verb: request.verb, request, outcome } as Answer;
}

const keys = [
  '1',
  '2',
  '3',
  '4',
  '5',
  'j',
  'enter',
  'space',
  'esc',
  '6',
  'j',
  'enter',
  'esc',
  '8',
  't',
  '9',
  '-',
  'p',
  '7',
];

/** Objects, entries and characters that are reached from `state`. */
function weigh(state: State): number {
  const seen = new Set<unknown>();
  const left: unknown[] = [state];
  let weight = 0;
  while (left.length > 0) {
    const value = left.pop();
    weight += typeof value === 'string' ? value.length : 1;
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof Map) left.push(...value.keys(), ...value.values());
    else if (value instanceof Set) left.push(...value);
    else left.push(...Object.keys(value), ...Object.values(value));
  }
  return weight;
}

test('after hours the console holds what it held after the first', async (t) => {
  t.timeout(300_000);
  let state = freshState({ columns: 120, rows: 40 });
  let asked: Request[] = [];
  const step = (messages: readonly Message[]): void => {
    const [next, effects]: readonly [State, readonly Effect[]] = reduceAll(state, messages);
    state = next;
    for (const effect of effects) if (effect.type === 'request') asked.push(effect.request);
  };
  const weights: number[] = [];
  const hours = 3;
  for (let second = 1; second <= hours * 3_600; second += 1) {
    step([{ type: 'tick', now: now(second) }, ...heardIn(second)]);
    const answers = asked.map((request) => answerTo(request, second));
    asked = [];
    step(answers);
    const key = keys[second % keys.length] ?? '';
    if (second % 7 === 0) step([{ type: 'key', name: key, text: key.length === 1 ? key : '' }]);
    if (second % 600 === 0) await nextTurn();
    if (second % 3_600 === 0) weights.push(weigh(state));
  }
  const [first = 0, ...later] = weights;
  t.true(first > 10_000, 'something was heard');
  for (const weight of later) t.true(Math.abs(weight - first) < first * 0.05, `${weights.join(', ')}`);
});
