/** What the cluster says, taken into the state: statuses, events, operations, answers. Every store here is bounded. */
import type { NodeStatus, OperationView, QuorateEvent, RouterView } from '../../messaging/index.js';
import { eventRowOf } from './event-row.js';
import {
  eventsMax,
  nodesMax,
  operationsMax,
  operationsPollMs,
  pollTimeoutMs,
  retryMs,
  routersMax,
  routersPageLimit,
  routersPollMs,
  routersPollMsPerRouter,
} from './limits.js';
import type { Answer, Step } from './messages.js';
import { measured } from './metrics.js';
import { applyChanges, oneEach } from './model-data.js';
import { record } from './series.js';
import type { EventData, EventRow, NodeRecord, RouterData, State } from './state.js';

export function takeStatus(state: State, status: NodeStatus): State {
  const before = state.nodes.get(status.node);
  if (before !== undefined && isOlder(status, before.status)) return state;
  if (before === undefined && state.nodes.size >= nodesMax) return state;
  const nodes = new Map(state.nodes);
  nodes.set(status.node, recordOf(state.now, status, before));
  return { ...state, nodes, connection: { ...state.connection, lastHeardAt: state.now } };
}

/** A late message must not turn the screen back. */
function isOlder(status: NodeStatus, held: NodeStatus): boolean {
  if (status.incarnation !== held.incarnation) return status.incarnation < held.incarnation;
  return status.sequence < held.sequence;
}

function recordOf(now: number, status: NodeStatus, before: NodeRecord | undefined): NodeRecord {
  const role = status.raft?.role ?? null;
  const term = status.raft?.term ?? 0;
  const sameRole = before !== undefined && before.roleSince.role === role && before.roleSince.term === term;
  return {
    status,
    heardAt: now,
    roleSince: sameRole ? before.roleSince : { role, term, at: now },
    measured: measured(
      before?.measured ?? { mark: null, series: {} },
      status,
      now,
      before?.status.incarnation === status.incarnation,
    ),
  };
}

export function takeEvents(state: State, heard: readonly QuorateEvent[]): State {
  const known = new Set(state.events.rows.map((row) => row.key));
  const added: EventRow[] = [];
  for (const event of heard) {
    const row = eventRowOf(event, state.now);
    if (known.has(row.key)) continue;
    known.add(row.key);
    added.push(row);
  }
  const { counting } = state.events;
  const events: EventData = {
    ...state.events,
    rows: added.length === 0 ? state.events.rows : [...added.reverse(), ...state.events.rows].slice(0, eventsMax),
    heard: state.events.heard + added.length,
    duplicates: state.events.duplicates + heard.length - added.length,
    counting: { ...counting, count: counting.count + added.length },
  };
  const routers = takeRouterEvents(state.routers, added);
  const changes = added.reverse().flatMap(({ event }) => (event.namespace === 'entityChange' ? [event] : []));
  return applyChanges(
    { ...state, events, routers, connection: { ...state.connection, lastHeardAt: state.now } },
    changes,
  );
}

/** A router that came or went is shown so at once, before the next reading of the list. */
function takeRouterEvents(routers: RouterData, added: readonly EventRow[]): RouterData {
  const online = new Map<string, boolean>();
  for (const { event } of added.toReversed())
    if (event.namespace === 'router') online.set(event.router_id, event.router_online);
  if (online.size === 0) return routers;
  const views = routers.views.map((view) => {
    const now = online.get(view.id) ?? view.online;
    return now === view.online ? view : { ...view, online: now };
  });
  return { ...routers, views };
}

/** Closes the seconds that are over. A second in which the console was cut off was not measured. */
export function countSeconds(state: State): State {
  const { counting } = state.events;
  const second = Math.floor(state.now / 1_000);
  if (second === counting.second) return state;
  const measured = state.connection.up && state.connection.since <= counting.second * 1_000;
  const perSecond = measured ? record(state.events.perSecond, counting.second, counting.count) : state.events.perSecond;
  return { ...state, events: { ...state.events, perSecond, counting: { second, count: 0 } } };
}

export function takeOperation(state: State, operation: OperationView): State {
  const held = state.operations.byId.get(operation.id)?.operation;
  if (held !== undefined && held.updatedAt > operation.updatedAt) return state;
  const byId = new Map(state.operations.byId);
  byId.set(operation.id, { operation, heardAt: state.now });
  if (byId.size > operationsMax) {
    const oldest = [...byId.values()].reduce((a, b) => (b.operation.startedAt < a.operation.startedAt ? b : a));
    byId.delete(oldest.operation.id);
  }
  return { ...state, operations: { ...state.operations, byId } };
}

export function takeOperations(state: State, answer: Extract<Answer, { verb: 'operation.list' }>): State {
  if (!answer.outcome.ok) {
    return {
      ...state,
      operations: { ...state.operations, reading: false, error: answer.outcome.error, notBefore: state.now + retryMs },
    };
  }
  const taken = answer.outcome.value.operations.reduce(takeOperation, state);
  return {
    ...taken,
    operations: {
      ...taken.operations,
      reading: false,
      error: null,
      readAt: state.now,
      notBefore: state.now + operationsPollMs,
    },
  };
}

export function readRouters(state: State): Step<State> {
  return [
    { ...state, routers: { ...state.routers, reading: [] } },
    [
      {
        type: 'request',
        timeoutMs: pollTimeoutMs,
        request: { verb: 'routers.list', params: { limit: routersPageLimit } },
      },
    ],
  ];
}

/** One page; the list that is shown changes when all of it was read. */
export function takeRouters(state: State, answer: Extract<Answer, { verb: 'routers.list' }>): Step<State> {
  const { reading } = state.routers;
  if (reading === null) return [state, []];
  if (!answer.outcome.ok) {
    return [
      {
        ...state,
        routers: { ...state.routers, reading: null, error: answer.outcome.error, notBefore: state.now + retryMs },
      },
      [],
    ];
  }
  const { routers, more } = answer.outcome.value;
  const views: readonly RouterView[] = [...reading, ...routers].slice(0, routersMax);
  const after = routers.at(-1)?.id;
  if (more && after !== undefined && views.length < routersMax) {
    const request = { ...answer.request, params: { ...answer.request.params, after } };
    return [
      { ...state, routers: { ...state.routers, reading: views } },
      [{ type: 'request', timeoutMs: pollTimeoutMs, request }],
    ];
  }
  return [
    {
      ...state,
      routers: {
        views: oneEach(views),
        readAt: state.now,
        reading: null,
        error: null,
        notBefore: state.now + Math.max(routersPollMs, views.length * routersPollMsPerRouter),
      },
    },
    [],
  ];
}
