/** Messages, queues, routers and events. */
import type { ControllerFacts } from './facts.js';
import { byLabel, counted, type Metric, mapped, of, one, type Sample } from './metric.js';

export const messageMetrics: readonly Metric[] = [
  {
    name: 'quorate_nats_connected',
    type: 'gauge',
    group: 'Messages',
    labels: ['connection'],
    help: 'Whether this connection to NATS is up: control (votes, heartbeats), bulk (entries, snapshots), service (all else)',
    read: ({ nats }) => byLabel('connection', mapped(nats.connections, one)),
  },
  {
    name: 'quorate_nats_reconnects_total',
    type: 'counter',
    group: 'Messages',
    help: 'Times that a connection to NATS was lost and came back',
    read: ({ nats }) => nats.reconnects,
  },
  {
    name: 'quorate_raft_messages_sent_total',
    type: 'counter',
    group: 'Messages',
    help: 'Messages of Raft that were sent',
    read: counted('raftSent'),
  },
  {
    name: 'quorate_raft_messages_received_total',
    type: 'counter',
    group: 'Messages',
    help: 'Messages of Raft that were received and understood',
    read: counted('raftReceived'),
  },
  {
    name: 'quorate_api_requests_total',
    type: 'counter',
    group: 'Messages',
    help: 'Requests of operators and clients that reached this controller',
    read: counted('requests'),
  },
  {
    name: 'quorate_rejected_messages_total',
    type: 'counter',
    group: 'Messages',
    labels: ['source', 'reason'],
    help: 'Messages that were dropped or refused, by where they came from (raft, api, router, status) and why',
    read: of(rejected),
  },
];

/** Refusals of an API request that say nothing against the request count too: their codes tell them apart. */
function rejected({ transport, api, routers, statusesUndecodable }: ControllerFacts): readonly Sample[] {
  const counters = routers?.counters;
  const bySource: Readonly<Record<string, Readonly<Record<string, number>>>> = {
    raft: transport.dropped,
    api: api.refused,
    router:
      counters === undefined
        ? {}
        : {
            'hello-refused': counters.hellosRefused,
            overloaded: counters.overloaded,
            undecodable: counters.undecodable,
            sender: counters.mismatched,
            refused: counters.refused,
          },
    status: { undecodable: statusesUndecodable },
  };
  return Object.entries(bySource).flatMap(([source, reasons]) =>
    Object.entries(reasons).map(([reason, value]) => ({ labels: { source, reason }, value })),
  );
}

export const queueMetrics: readonly Metric[] = [
  {
    name: 'quorate_queue_depth',
    type: 'gauge',
    group: 'Queues',
    labels: ['queue'],
    help: 'What waits now: proposals for their commit, API requests for their answer, router syncs for the model',
    read: of((controller) =>
      byLabel(
        'queue',
        mapped(queuesOf(controller), ({ depth }) => depth),
      ),
    ),
  },
  {
    name: 'quorate_queue_limit',
    type: 'gauge',
    group: 'Queues',
    labels: ['queue'],
    help: 'How many may wait there; more are refused as overloaded',
    read: of((controller) =>
      byLabel(
        'queue',
        mapped(queuesOf(controller), ({ max }) => max),
      ),
    ),
  },
  {
    name: 'quorate_raft_pending_reads',
    type: 'gauge',
    group: 'Queues',
    help: 'Linearizable reads that wait for their confirmation',
    read: of(({ queues }) => queues?.reads ?? null),
  },
  {
    name: 'quorate_raft_uncommitted_bytes',
    type: 'gauge',
    group: 'Queues',
    help: 'Leader only: bytes of entries that it has taken and that are not committed yet',
    read: of(({ raft }) => (raft === null || raft.role !== 'leader' ? null : raft.uncommittedBytes)),
  },
  {
    name: 'quorate_nats_pending_bytes',
    type: 'gauge',
    group: 'Queues',
    labels: ['connection'],
    help: 'Bytes that the socket of this connection has not taken yet; over 16 MiB messages of Raft are dropped',
    read: of(({ transport }) => byLabel('connection', transport.backlogBytes)),
  },
];

function queuesOf({ queues, api, routers }: ControllerFacts) {
  return {
    ...(queues === null ? {} : { proposals: { depth: queues.proposals, max: queues.proposalsMax } }),
    api: api.queue,
    ...(routers === undefined ? {} : { 'router-syncs': routers.syncs }),
  };
}

export const routerMetrics: readonly Metric[] = [
  {
    name: 'quorate_routers',
    type: 'gauge',
    group: 'Routers and events',
    labels: ['state'],
    help: 'Routers as this controller hears them: in-sync, behind, refused, away',
    read: of(({ routers }) => (routers === undefined ? null : byLabel('state', { ...routers.states }))),
  },
  {
    name: 'quorate_router_hellos_total',
    type: 'counter',
    group: 'Routers and events',
    help: 'Routers that this controller has accepted when they said hello',
    read: of(({ routers }) => routers?.counters.hellos ?? null),
  },
  {
    name: 'quorate_router_heartbeats_total',
    type: 'counter',
    group: 'Routers and events',
    help: 'Heartbeats of routers that it has heard',
    read: of(({ routers }) => routers?.counters.heartbeats ?? null),
  },
  {
    name: 'quorate_router_model_pages_total',
    type: 'counter',
    group: 'Routers and events',
    help: 'Pages of the model that it gave to routers that took it whole',
    read: of(({ routers }) => routers?.counters.pages ?? null),
  },
  {
    name: 'quorate_router_change_answers_total',
    type: 'counter',
    group: 'Routers and events',
    help: 'Answers with changes to routers that had missed some',
    read: of(({ routers }) => routers?.counters.changesAnswers ?? null),
  },
  {
    name: 'quorate_events_published_total',
    type: 'counter',
    group: 'Routers and events',
    help: 'Events that it published, as leader or of itself',
    read: counted('events'),
  },
  {
    name: 'quorate_events_published_index',
    type: 'gauge',
    group: 'Routers and events',
    help: 'Highest index of a model change that it published or knows to be published',
    read: of(({ status }) => status.publishedIndex),
  },
];
