/** What a controller says of itself: built from what its parts know, published on change and once a second. */
import type { NatsConnection } from '../../messaging/connection.js';
import type { Timeline } from '../../messaging/position.js';
import { protocolVersion, supportedVersions } from '../../messaging/protocol.js';
import type {
  Alarm,
  BackupStatus,
  NodeState,
  NodeStatus,
  ProgressView,
  RaftRole,
} from '../../messaging/schemas/status.js';
import { lacksOf } from '../../messaging/security.js';
import type { Subjects } from '../../messaging/subjects.js';
import type { Clock } from '../cluster/clock.js';
import type { Replica } from '../cluster/replica.js';
import type { RaftStatus } from '../raft/index.js';
import type { Storage } from '../storage/index.js';
import type { ControllerConfig } from './config.js';

export interface StatusSources {
  readonly config: ControllerConfig;
  readonly version: string;
  readonly clock: Clock;
  readonly storage: Storage;
  readonly startedAt: number;
  readonly httpAddress: string | null;
  readonly state: NodeState;
  /** What keeps its model; undefined where nothing does. */
  readonly replica: Replica | undefined;
  readonly publishedIndex: number;
  readonly routers: { readonly online: number; readonly known: number };
  readonly counters: Readonly<Record<string, number>>;
  readonly alarms: readonly Alarm[];
  readonly ignoredSettings: readonly string[];
  readonly operation: string | null;
  readonly logTimeline: Timeline | null;
  readonly backup: BackupStatus | null;
  readonly tickMs: number;
}

export function buildStatus(sources: StatusSources, sequence: number): NodeStatus {
  const { config, clock, storage, replica } = sources;
  const raft = replica?.status() ?? null;
  const isDamaged = sources.state === 'damaged';
  const meta = storage.model.meta();
  const now = clock.monotonicMs();
  const commit = replica?.commitLatency.percentiles(now);
  const sync = replica?.syncLatency.percentiles(now);
  return {
    v: protocolVersion,
    cluster: config.cluster,
    clusterId: storage.raft.identity()?.clusterId ?? null,
    node: config.nodeId,
    name: config.name,
    incarnation: storage.raft.incarnation(),
    version: sources.version,
    protocol: config.protocol ?? supportedVersions,
    addresses: [...config.advertise],
    http: sources.httpAddress,
    state: sources.state,
    priority: config.priority ?? 0,
    at: clock.now(),
    startedAt: sources.startedAt,
    sequence,
    position: meta?.position ?? null,
    logTimeline: sources.logTimeline,
    raft: raft === null ? null : raftView(raft, replica?.appliedIndex ?? 0, sources.tickMs),
    // What is damaged is not read again.
    members: isDamaged ? [] : storage.model.records('member').map(({ value }) => value),
    gates: isDamaged ? [] : storage.model.records('gate').map(({ key }) => key),
    publishedIndex: sources.publishedIndex,
    routers: sources.routers,
    counters: { ...sources.counters },
    latency: {
      commitP50Ms: commit?.p50 ?? null,
      commitP99Ms: commit?.p99 ?? null,
      syncP50Ms: sync?.p50 ?? null,
      syncP99Ms: sync?.p99 ?? null,
    },
    storage: {
      raftBytes: storage.raft.sizeBytes(),
      modelBytes: storage.model.sizeBytes(),
      entities: { ...storage.model.countsByKind() },
    },
    backup: sources.backup,
    insecure: lacksOf([...config.nats.servers, ...config.advertise], config.nats),
    operation: sources.operation,
    alarms: [...sources.alarms],
    ignoredSettings: [...sources.ignoredSettings],
  };
}

function raftView(raft: RaftStatus, applied: number, tickMs: number): NodeStatus['raft'] {
  const { voters, votersOutgoing, learners, learnersNext } = raft.configuration;
  return {
    role: roleOf(raft),
    term: raft.term,
    leader: raft.leader ?? null,
    firstIndex: raft.firstIndex,
    lastIndex: raft.lastIndex,
    lastTerm: raft.lastTerm,
    commit: raft.commit,
    applied,
    configuration: {
      voters: [...voters],
      votersOutgoing: [...votersOutgoing],
      learners: [...learners],
      learnersNext: [...learnersNext],
    },
    progress: raft.role === 'leader' ? progressViews(raft, tickMs) : [],
    transferringTo: raft.transferTarget ?? null,
    hasQuorum: raft.leader !== undefined,
  };
}

function roleOf(raft: RaftStatus): RaftRole {
  switch (raft.role) {
    case 'leader':
    case 'candidate':
      return raft.role;
    case 'preCandidate':
      return 'pre-candidate';
    case 'follower':
      return raft.membership === 'learner' ? 'learner' : 'follower';
  }
}

export function progressViews(raft: RaftStatus, tickMs: number): ProgressView[] {
  return raft.progress.map((each) => ({
    id: each.id,
    state: each.state,
    match: each.match,
    next: each.next,
    lag: Math.max(0, raft.lastIndex - each.match),
    lastContactMs: each.id === raft.id ? 0 : each.silentTicks * tickMs,
    active: each.id === raft.id || isActive(each, tickMs),
  }));
}

/** A member that was not heard for longer does not count as active; many times the heartbeat interval. */
const activeWithinMs = 1_000;

/** Whether the leader hears this member. (The core's own mark is cleared at each check of the quorum, and would flicker.) */
export function isActive(progress: { readonly silentTicks: number }, tickMs: number): boolean {
  return progress.silentTicks * tickMs <= activeWithinMs;
}

/** A change is published soon after it happened, but never more often than this. */
const changeDelayMs = 25;
const publishEveryMs = 1_000;

export class StatusPublisher {
  readonly #publish: (sequence: number) => void;
  readonly #clock: Clock;
  readonly #stopTimer: () => void;
  #pending: (() => void) | undefined;
  #sequence = 0;

  constructor(
    clock: Clock,
    connection: NatsConnection,
    subjects: Subjects,
    node: string,
    build: (sequence: number) => NodeStatus,
    onPublished: (status: NodeStatus) => void,
  ) {
    this.#clock = clock;
    this.#publish = (sequence) => {
      if (connection.isClosed() || connection.isDraining()) return;
      const status = build(sequence);
      connection.publish(subjects.status(node), JSON.stringify(status));
      onPublished(status);
    };
    this.#stopTimer = clock.every(publishEveryMs, () => this.now());
  }

  get sequence(): number {
    return this.#sequence;
  }

  changed(): void {
    this.#pending ??= this.#clock.after(changeDelayMs, () => this.now());
  }

  now(): void {
    this.#pending?.();
    this.#pending = undefined;
    this.#sequence += 1;
    this.#publish(this.#sequence);
  }

  stop(): void {
    this.#pending?.();
    this.#stopTimer();
  }
}
