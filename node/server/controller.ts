/**
 * One controller: opens its data directory, finds out what it is (blank, joining, member, removed), and puts the parts that
 * belong to that together: the member, the API, the router service, operations, events and status.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiClient, createApiClient } from '../../messaging/api-client.js';
import type { NatsConnection } from '../../messaging/connection.js';
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { compareModels } from '../../messaging/model-comparison.js';
import type { Timeline } from '../../messaging/position.js';
import { supportedVersions, type VersionRange } from '../../messaging/protocol.js';
import type { NodeState, NodeStatus } from '../../messaging/schemas/status.js';
import { shellWord } from '../../messaging/shell-word.js';
import { type Subjects, subjectsOf } from '../../messaging/subjects.js';
import { type Clock, eventLoopScheduler } from '../cluster/clock.js';
import { defaultTiming, Member, type MemberListener } from '../cluster/member.js';
import { NatsTransport } from '../cluster/nats-transport.js';
import { type AppliedEntry, CurrentReplica, type Replica, type ReplicaListener } from '../cluster/replica.js';
import { SnapshotFetcher, SnapshotServer } from '../cluster/snapshot-transfer.js';
import { Standalone } from '../cluster/standalone.js';
import type { ChangeRow } from '../model/index.js';
import type { Leadership } from '../raft/index.js';
import { backupsFolderName, type DirectoryStorage, type ModeChange } from '../storage/index.js';
import { Alarms } from './alarms.js';
import { ApiServer, requestsMax } from './api.js';
import { ScheduledBackups } from './backups.js';
import { type BeginningSources, beginOnSnapshot, beginStandalone, bootstrap, listenIfJustBegun } from './beginnings.js';
import { CatchUp } from './catch-up.js';
import type { ControllerConfig } from './config.js';
import { CredentialTrial } from './credentials.js';
import { Damage } from './damage.js';
import { DiskNews } from './disk-news.js';
import { EventPublisher } from './events.js';
import { createHandlers } from './handlers.js';
import { LeaderDuties } from './leader-duties.js';
import { LeadershipNews } from './leadership-news.js';
import { LeftBehind } from './left-behind.js';
import type { Log } from './log.js';
import type { LogLevels } from './log-levels.js';
import { compareEveryMsDefault } from './model-watch.js';
import type { ControllerFacts } from './observe/index.js';
import { OperationService } from './operations.js';
import { PayloadWatch } from './payload-watch.js';
import { answerPeer, type MembershipAnswer, measureDisk, type PeerSources, type Probe } from './peers.js';
import { prioritiesOf } from './preference.js';
import { Recovery } from './recovery.js';
import { RestoreFiles } from './restore-files.js';
import { createRouterService, endpointsOf, type RouterService, readerOf, serviceLimits } from './routers/index.js';
import { SenderLimits } from './sender-limits.js';
import { SenderWatch } from './sender-watch.js';
import { buildStatus, StatusPublisher } from './status.js';
import { StatusBoard } from './status-board.js';
import { TimelineWatch } from './timeline-watch.js';
import { VersionWatch } from './version-watch.js';

export interface Connections {
  /** Votes, heartbeats, reads. */
  readonly control: NatsConnection;
  /** Entries, snapshots. */
  readonly bulk: NatsConnection;
  /** API, events, status, routers: a flood of requests does not stand in the way of the other two. */
  readonly service: NatsConnection;
}

export type Beginning =
  | 'blank'
  | 'bootstrap'
  | 'restore'
  | 'begin-standalone'
  | 'start-standalone'
  | 'member'
  | 'removed';

export interface ControllerOptions {
  readonly config: ControllerConfig;
  readonly version: string;
  readonly storage: DirectoryStorage;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly log: Log;
  readonly logLevels: LogLevels;
  readonly ignoredSettings: readonly string[];
  readonly removed: boolean;
  /** Where health and metrics are served. */
  readonly httpAddress: string | null;
  /** It cannot go on; the process ends. */
  readonly onFatal: (error: unknown) => void;
}

/** What another controller may ask, chunks of snapshots apart: what it asks may cost a write to the disk, or a file. */
const peerLimits = { perSecondMax: 100, sendersMax: 128 } as const;
/** A disk that was measured is not measured again so soon: it takes writes that are waited for. */
const diskMeasuredMs = 1_000;
/** How long a leader that is stopped waits for its successor. */
const handoverMaxMs = 1_000;
/** After a restart a new leader publishes again at most so many of the last changes. */
const republishedMax = 1_000;
/** A comparison of all models takes at most so long. */
const compareMaxMs = 300_000;
/** How long one that is to go on alone listens for others. */
const recoveryListenMs = 1_000;

/** Alone, nobody else can be elected: longer than this, and something is wrong. */
const modeChangeLeadMaxMs = 10_000;
const modeChangePollMs = 5;
/** What requests are refused with in these states. */
const absences = ['stopping', 'removed', 'damaged'] as const;
/** In which it has a model that it speaks of. */
const servingStates: ReadonlySet<NodeState> = new Set(['member', 'standalone', 'stopping']);

export class Controller {
  readonly #options: ControllerOptions;
  readonly #subjects: Subjects;
  readonly #transport: NatsTransport;
  readonly #snapshotServer: SnapshotServer;
  readonly #events: EventPublisher;
  readonly #api: ApiServer;
  readonly #status: StatusPublisher;
  readonly #board: StatusBoard;
  readonly #news: LeadershipNews;
  readonly #alarms: Alarms;
  readonly #timelines: TimelineWatch;
  readonly #versions: VersionWatch;
  /** What it speaks: less than this build understands where a test wants an older one. */
  readonly #protocol: VersionRange;
  readonly #recovery: Recovery;
  readonly #diskNews: DiskNews;
  readonly #damage: Damage;
  readonly #backups: ScheduledBackups | undefined;
  readonly #backupDirectory: string;
  readonly #restoreFiles: RestoreFiles;
  readonly #startedAt: number;
  #state: NodeState;
  /** Whether a recovery elsewhere left this controller's log behind. */
  readonly #leftBehind: LeftBehind;
  /** Which cluster a blank controller was told to join; forgotten by a restart, for it has promised nothing yet. */
  #preparedFor: string | null = null;
  /** In a cluster, or on the way into one. */
  #member: Member | undefined;
  /** What keeps the model: the member, or this controller alone. */
  #replica: CurrentReplica | undefined;
  #routers: RouterService | undefined;
  #operations: OperationService | undefined;
  #duties: LeaderDuties | undefined;
  /** Since when routers are listened to. */
  #routersSinceMs = 0;
  readonly #credentials: CredentialTrial;
  readonly #senders: SenderWatch;
  readonly #payload: PayloadWatch;
  #disk: { readonly atMs: number; readonly found: ReturnType<typeof measureDisk> } | undefined;
  #leading = false;
  readonly #catchUp: CatchUp;

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { config, connections, clock, storage, log } = options;
    const incarnation = storage.raft.incarnation();
    this.#protocol = config.protocol ?? supportedVersions;
    this.#startedAt = clock.now();
    this.#subjects = subjectsOf(config.cluster);
    this.#state = options.removed ? 'removed' : 'starting';
    this.#leftBehind = new LeftBehind({ storage, clock });
    this.#backupDirectory = join(config.dataDirectory, backupsFolderName);
    mkdirSync(this.#backupDirectory, { recursive: true });
    this.#transport = new NatsTransport({
      control: connections.control,
      bulk: connections.bulk,
      cluster: config.cluster,
      nodeId: config.nodeId,
      incarnation,
      clusterId: () => this.#clusterId(),
      logTimeline: () => this.#logTimeline(),
      onOtherLog: (from, timeline, relation) => this.#timelines.otherLog(from, timeline, relation),
      protocol: this.#protocol,
      onOtherVersion: (from, protocol) => this.#versions.refused(from, protocol),
    });
    this.#snapshotServer = new SnapshotServer(storage);
    this.#restoreFiles = new RestoreFiles({
      ...{ storage, clock, log, transport: this.#transport },
      dataDirectory: config.dataDirectory,
      backupDirectory: this.#backupDirectory,
    });
    this.#events = new EventPublisher({
      connection: connections.service,
      subjects: this.#subjects,
      clock,
      nodeId: config.nodeId,
      incarnation,
      timeline: () => storage.model.meta()?.position.timeline ?? null,
      log,
    });
    log.describe(() => ({ term: this.#member?.core.term }));
    this.#news = new LeadershipNews({ nodeId: config.nodeId, clock, events: this.#events });
    this.#catchUp = new CatchUp({ replica: () => this.#replica, clock, onChange: () => this.#routers?.refresh() });
    this.#credentials = new CredentialTrial(connections, this.#subjects, config.nodeId);
    this.#alarms = new Alarms(clock, () => this.#status.changed());
    this.#senders = new SenderWatch({ clock, alarms: this.#alarms, log });
    this.#payload = new PayloadWatch({ connection: connections.service, alarms: this.#alarms, log });
    const { nodeId, dataDirectory } = config;
    const disk = { nodeId, dataDirectory, clock, log, alarms: this.#alarms, events: this.#events };
    this.#diskNews = new DiskNews(disk);
    this.#damage = new Damage({ ...disk, storage });
    storage.watchDamage((error) => this.failed(error));
    this.#board = new StatusBoard({
      connection: connections.service,
      subjects: this.#subjects,
      clock,
      nodeId: config.nodeId,
      onMismatch: (claimed, bound) => this.#senders.mismatch('a status', claimed, bound),
    });
    this.#timelines = new TimelineWatch({
      clock,
      nodeId: config.nodeId,
      alarms: this.#alarms,
      events: this.#events,
      clusterId: () => this.#clusterId(),
      logTimeline: () => this.#logTimeline(),
      timeline: () => storage.model.meta()?.position.timeline ?? null,
      isLeader: () => this.#leading,
      onLeftBehind: (by, timeline) => this.#onLeftBehind(by, timeline),
      isRemoved: (node) => storage.model.meta()?.configuration.removed.includes(node) === true,
      tell: (to) => this.#transport.send({ type: 'removed', from: config.nodeId, to, term: 0, index: 0 }),
    });
    this.#board.onStatus((status) => this.#timelines.heard(status));
    const clusterId = () => this.#clusterId();
    this.#versions = new VersionWatch({ clock, nodeId, alarms: this.#alarms, protocol: this.#protocol, clusterId });
    this.#board.onStatus((status) => this.#versions.heard(status));
    this.#board.onStatus(() => {
      const statuses = this.#board.all().map(({ status }) => status);
      this.#member?.setPriorities(prioritiesOf(statuses, (this.#operations?.running() ?? null) !== null));
    });
    this.#backups =
      config.backup &&
      new ScheduledBackups({
        schedule: config.backup,
        cluster: config.cluster,
        nodeId: config.nodeId,
        clock,
        log,
        alarms: this.#alarms,
        position: () => (servingStates.has(this.#state) ? (storage.model.meta()?.position ?? null) : null),
        create: (path, origin) => storage.createSnapshot(path, origin),
        verify: (path) => storage.verifySnapshot(path),
        onChange: () => this.#status.changed(),
      });
    this.#recovery = new Recovery({
      nodeId: config.nodeId,
      cluster: config.cluster,
      clock,
      storage,
      transport: this.#transport,
      log,
      events: this.#events,
      collect: () => this.#client().collectStatus(recoveryListenMs),
      status: () => this.#buildStatus(this.#status.sequence),
      pause: () => {
        this.#state = 'starting';
        this.#stopMember();
        this.#status.now();
      },
      fatal: (error) => this.#options.onFatal(error),
      resume: (outcome) => {
        this.#startMember();
        if (outcome === 'recovered') this.#member?.campaign();
        this.#status.now();
      },
    });
    const handlers = createHandlers({
      clock,
      storage,
      backupDirectory: this.#backupDirectory,
      scheduleDirectory: config.backup?.directory,
      replica: () => (this.#state === 'removed' ? undefined : this.#replica),
      absence: () => absences.find((each) => each === this.#state) ?? 'not-a-member',
      routers: () => this.#routers,
      operations: () => this.#operations,
      restoreFiles: this.#restoreFiles,
      nodeId: config.nodeId,
      status: () => this.#buildStatus(this.#status.sequence),
      recovery: this.#recovery,
      logLevels: this.#options.logLevels,
      compareModelsNow: () => this.#duties?.compareModelsNow(),
      onSnapshot: (position) =>
        this.#events.cluster('snapshot.taken', {
          position,
          message: `${config.nodeId} wrote a snapshot at index ${position.index}`,
        }),
    });
    this.#api = new ApiServer({
      connection: connections.service,
      subjects: this.#subjects,
      nodeId: config.nodeId,
      log,
      handlers,
      protocol: this.#protocol,
      requestsPerSecondMax: config.requestsPerSecondMax,
    });
    this.#status = new StatusPublisher(
      clock,
      connections.service,
      this.#subjects,
      config.nodeId,
      (sequence) => this.#buildStatus(sequence),
      (status) => this.#board.note(status),
    );
  }

  /** Begins to serve. @throws QuorateError `cluster-exists` */
  async start(how: Beginning): Promise<void> {
    const { log } = this.#options;
    const limits = new SenderLimits({ ...peerLimits, now: () => this.#options.clock.monotonicMs() });
    this.#transport.answer(async (from, verb, body) => {
      const retryAfterMs = verb === 'snapshot.chunk' ? 0 : limits.take(from);
      if (retryAfterMs > 0) throw new QuorateError('overloaded', undefined, { details: { retryAfterMs } });
      return answerPeer(this.#peerSources(), from, verb, body);
    });
    this.#board.start();
    this.#payload.look();
    switch (how) {
      case 'removed':
        this.#state = 'removed';
        // One that recovery has left behind must not help the others of its log to elect anybody.
        if (this.#leftBehind.by === null) this.#createMember().start();
        break;
      case 'blank':
        this.#state = 'blank';
        log.info('blank: waiting to be joined', { command: `quorate members join ${this.#options.config.nodeId}` });
        break;
      case 'bootstrap':
        await bootstrap(this.#beginningSources());
        this.#startMember();
        // Nobody else can lead: there is nothing to wait for.
        this.#member?.campaign();
        break;
      case 'restore':
        await beginOnSnapshot(this.#beginningSources());
        this.#startMember();
        this.#member?.campaign();
        break;
      case 'begin-standalone':
        await beginStandalone(this.#beginningSources());
        this.#startStandalone();
        break;
      case 'start-standalone':
        this.#startStandalone();
        break;
      case 'member':
        await listenIfJustBegun(this.#beginningSources());
        this.#startMember();
        break;
    }
    this.#api.start();
    void this.#backups?.start();
    this.#status.now();
  }

  /** Hands leadership over where it can, then stops all parts. The connections are not closed here. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    this.#backups?.stop();
    await this.#handOver();
    this.#setLeading(false);
    this.#status.now();
    this.#status.stop();
    this.#api.stop();
    this.#board.stop();
    this.#senders.stop();
    this.#stopMember();
    this.#transport.close();
  }

  /**
   * Something failed that the member or this controller cannot go on with. Damage is lived with: by dropping what may be
   * dropped, or out of service, so that somebody says what is wrong; anything else is fatal.
   */
  failed(error: unknown): void {
    const failure = toQuorateError(error);
    if (failure.code !== 'damaged') return this.#options.onFatal(error);
    if (this.#state === 'damaged' || this.#state === 'stopping') return;
    const before = this.#state;
    this.#state = 'damaged';
    this.#setLeading(false);
    this.#member?.stop();
    // Not from inside the turn, or the reading, in which it was met.
    setImmediate(() => this.#liveWithDamage(failure, before));
  }

  #liveWithDamage(failure: QuorateError, before: NodeState): void {
    this.#stopMember();
    try {
      if (before === 'member' && this.#damage.drop(failure)) {
        this.#options.log.warn('log-damaged', 'a damaged entry was dropped', { found: failure.message });
        return this.#startMember();
      }
    } catch (error) {
      this.#options.log.error('damaged', 'a damaged entry could not be dropped', {
        error: toQuorateError(error).message,
      });
    }
    this.#damage.outOfService(failure);
    this.#status.now();
  }

  /** What metrics and health are made from. */
  facts(): ControllerFacts {
    const { storage } = this.#options;
    const replica = servingStates.has(this.#state) ? this.#replica : undefined;
    const routers = this.#routers;
    return {
      status: this.#buildStatus(this.#status.sequence),
      raft: replica?.status() ?? null,
      commit: replica?.commitLatency.histogram ?? null,
      sync: replica?.syncLatency.histogram ?? null,
      queues: replica?.queues ?? null,
      api: { queue: { depth: this.#api.running, max: requestsMax }, refused: this.#api.refusedBy },
      transport: { dropped: this.#transport.dropped, backlogBytes: this.#transport.backlogBytes() },
      statusesUndecodable: this.#board.undecodable,
      routers: routers && { counters: routers.counters(), states: routers.states(), syncs: routers.syncs() },
      servesRouters: this.#servesRouters(),
      snapshots: { written: storage.snapshotsWritten(), sentBytes: this.#snapshotServer.sentBytes },
    };
  }

  /** NATS refused to carry something on this subject. */
  permissionDenied(subject: string): void {
    this.#credentials.denied(subject);
  }

  /** A connection to NATS was interrupted and is there again. */
  connectionRestored(): void {
    this.#payload.look();
    this.#member?.connectionRestored();
    this.#status.changed();
  }

  // ---------------------------------------------------------------------------------------------------------- beginnings

  #beginningSources(): BeginningSources {
    const { config, storage, log, clock, version } = this.#options;
    return { config, storage, log, clock, version, protocol: this.#protocol, client: this.#client() };
  }

  #prepare(clusterId: string, from: string): void {
    if (this.#state !== 'blank') {
      throw new QuorateError('check-failed', `${this.#options.config.nodeId} is not blank: it is ${this.#state}`, {
        remedy: `Make it blank first (stop it, then \`quorate reset --data-dir ${shellWord(this.#options.config.dataDirectory)}\`), or join another controller.`,
      });
    }
    if (this.#preparedFor === clusterId && this.#member !== undefined) return;
    this.#release();
    this.#preparedFor = clusterId;
    this.#options.log.info('joining', { clusterId, invitedBy: from });
    this.#createMember().start();
    this.#status.changed();
  }

  #release(): void {
    if (this.#state !== 'blank') return;
    this.#preparedFor = null;
    this.#stopMember();
    this.#status.changed();
  }

  // ---------------------------------------------------------------------------------------------------------- the member

  #startMember(): void {
    this.#state = 'member';
    let member: Member;
    try {
      member = this.#createMember();
    } catch (error) {
      // The end of the log is read when a member begins.
      if (toQuorateError(error).code !== 'damaged') throw error;
      return this.failed(error);
    }
    this.#damage.watchDebt(member);
    member.start();
    this.#startServices();
  }

  #startStandalone(): void {
    this.#state = 'standalone';
    const replica = this.#createStandalone();
    this.#startServices();
    replica.start();
  }

  #createStandalone(): Standalone {
    const { config, storage, clock } = this.#options;
    const standalone = new Standalone({
      nodeId: config.nodeId,
      model: storage.model,
      clock,
      scheduler: eventLoopScheduler,
      listener: this.#replicaListener(),
    });
    this.#keepBy(standalone);
    return standalone;
  }

  /** What keeps the model from now on; whoever uses it need not notice. */
  #keepBy(replica: Replica): void {
    if (this.#replica === undefined) this.#replica = new CurrentReplica(replica);
    else this.#replica.replace(replica);
  }

  /** @throws QuorateError where nothing was changed; it then serves as before. */
  async #changeMode(change: ModeChange): Promise<void> {
    const { storage, log, clock, config } = this.#options;
    const { onModeStep } = config;
    const prepared = await storage.prepareModeChange(change, onModeStep);
    const was = storage.raft.standalone();
    this.#replica?.stop();
    try {
      prepared.commit(onModeStep);
    } catch (error) {
      // After the commit there is no way back but a start.
      if (storage.raft.standalone() !== was) this.#options.onFatal(error);
      else await this.#serveAs(was);
      throw error;
    }
    log.info('counts in another way', { indexType: change.indexType, epoch: change.timeline.epoch });
    this.#setLeading(false);
    this.#events.restart(change.index);
    await this.#serveAs(!was, clock.monotonicMs() + modeChangeLeadMaxMs);
  }

  /** Resolves when it leads, as a standalone controller does at once, or does not come to it in time. */
  async #serveAs(standalone: boolean, deadlineMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#state === 'stopping') return;
    if (standalone) {
      this.#state = 'standalone';
      this.#member = undefined;
      this.#news.stop();
      this.#createStandalone().start();
    } else {
      this.#state = 'member';
      const member = this.#createMember();
      member.start();
      // Nobody else can lead: there is nothing to wait for.
      member.campaign();
    }
    this.#routers?.refresh();
    this.#status.now();
    while (this.#replica?.leadership().role !== 'leader' && this.#options.clock.monotonicMs() < deadlineMs)
      await new Promise<void>((resolve) => this.#options.clock.after(modeChangePollMs, resolve));
  }

  #createMember(): Member {
    const { config, storage, clock, log } = this.#options;
    const snapshots = new SnapshotFetcher({
      storage,
      transport: this.#transport,
      clock,
      onAbandoned: (error) => {
        const { code, message } = toQuorateError(error);
        if (code === 'storage-full') this.#diskNews.noRoomForSnapshot(message);
        log.warn('snapshot-abandoned', 'fetching a snapshot was given up; the leader will offer it again', {
          error: message,
        });
      },
    });
    this.#member = new Member({
      nodeId: config.nodeId,
      identity: () => ({ clusterName: config.cluster, clusterId: this.#clusterId() ?? '', nodeId: config.nodeId }),
      storage,
      transport: this.#transport,
      snapshots,
      clock,
      scheduler: eventLoopScheduler,
      random: Math.random,
      listener: this.#listener(),
      timing: config.timing,
      compaction: config.compaction,
      protocol: this.#protocol,
    });
    this.#keepBy(this.#member);
    return this.#member;
  }

  #startServices(): void {
    const { config, connections, clock, log, storage } = this.#options;
    const replica = this.#replica;
    if (replica === undefined) return;
    const meta = storage.model.meta();
    // What was applied just before the last stop may never have been published; readers remove duplicates.
    this.#events.restart(Math.max(meta?.journalStart ?? 0, (meta?.position.index ?? 0) - republishedMax));
    const client = this.#client();
    const compare = (nodes: readonly string[]) => compareModels(client, nodes, { timeoutMs: compareMaxMs });
    this.#operations = new OperationService({
      nodeId: config.nodeId,
      cluster: config.cluster,
      replica,
      storage,
      board: this.#board,
      transport: this.#transport,
      connection: connections.service,
      subjects: this.#subjects,
      clock,
      log,
      tickMs: (config.timing ?? defaultTiming).tickMs,
      protocol: this.#protocol,
      snapshotServer: this.#snapshotServer,
      events: this.#events,
      alarms: this.#alarms,
      routers: () => this.#routers,
      restoreFiles: this.#restoreFiles,
      mode: {
        change: (change) => this.#changeMode(change),
        deniedSubjects: () => this.#credentials.run(config.nodeId),
        routersHeardForMs: () => clock.monotonicMs() - this.#routersSinceMs,
        routerHeartbeatMs: config.routerHeartbeatMs ?? serviceLimits.heartbeatMs,
      },
      backupDirectory: this.#backupDirectory,
      compare,
      compactLog: async () => (await this.#member?.compact()) ?? 0,
      onChange: () => this.#status.changed(),
    });
    this.#routersSinceMs = clock.monotonicMs();
    this.#routers = createRouterService({
      connection: connections.service,
      subjects: this.#subjects,
      nodeId: config.nodeId,
      model: readerOf(storage.model),
      protocol: this.#protocol,
      heartbeatMs: config.routerHeartbeatMs,
      serves: () => this.#servesRouters(),
      isLeader: () => this.#leading,
      isCurrent: () => this.#catchUp.leads,
      endpoints: endpointsOf(storage.model, config.cluster, config.nodeId),
      publishEvent: (event) => this.#events.routerService(event),
      log: (code, message, fields) => log.error(code, message, fields),
      onMismatch: (claimed, bound) => this.#senders.mismatch('a message', claimed, bound),
    });
    this.#duties = new LeaderDuties({
      replica,
      storage,
      board: this.#board,
      events: this.#events,
      clock,
      log,
      alarms: this.#alarms,
      nodeId: config.nodeId,
      tickMs: (config.timing ?? defaultTiming).tickMs,
      protocol: this.#protocol,
      compareEveryMs: config.compareEveryMs ?? compareEveryMsDefault,
      compare,
    });
    this.#api.setServing(true);
  }

  #stopMember(): void {
    this.#stopServices();
    this.#replica?.stop();
    this.#member = undefined;
    this.#replica = undefined;
  }

  #stopServices(): void {
    this.#api.setServing(false);
    this.#news.stop();
    this.#diskNews.stop();
    this.#duties?.close();
    this.#operations?.stop();
    this.#routers?.stop();
    this.#duties = undefined;
    this.#operations = undefined;
    this.#routers = undefined;
  }

  #listener(): MemberListener {
    const { log } = this.#options;
    return {
      ...this.#replicaListener(),
      removed: (by) => this.#onRemoved(by),
      snapshotInstalled: (index) => this.#onSnapshotInstalled(index),
      compacted: (firstIndex) => log.debug('compacted the log', { firstIndex }),
    };
  }

  #replicaListener(): ReplicaListener {
    return {
      applied: (entries) => this.#onApplied(entries),
      leadership: (leadership) => this.#onLeadership(leadership),
      storageFull: (full) => this.#diskNews.changed(full),
      failed: (error) => this.failed(error),
    };
  }

  #onApplied(entries: readonly AppliedEntry[]): void {
    const changes: ChangeRow[] = [];
    for (const { index, outcome } of entries) {
      if (outcome.type === 'changed' && !outcome.repeated) changes.push(outcome.change);
      if (outcome.type === 'configured') {
        if (this.#leading) this.#duties?.configured(index, outcome.before, outcome.after);
      }
      if (outcome.type === 'gate' && outcome.raised) this.#status.changed();
      if (outcome.type === 'restored') this.#onRestored(outcome.index);
      if (outcome.type === 'configured' || outcome.type === 'described') {
        this.#routers?.refresh();
        this.#status.changed();
      }
    }
    this.#routers?.changed(changes);
    if (this.#leading && changes.length > 0) this.#duties?.publishApplied(changes);
  }

  #onLeadership({ role, term, leader }: Leadership): void {
    this.#options.log.info('leadership', { role, term, leader: leader ?? null });
    if (this.#state === 'removed') return;
    const leading = role === 'leader';
    this.#setLeading(leading);
    this.#catchUp.look();
    // Where nobody can follow, nobody leads.
    if (this.#state !== 'standalone') this.#news.changed({ role, term, leader });
    this.#status.changed();
  }

  #setLeading(leading: boolean): void {
    if (this.#leading === leading) return;
    this.#leading = leading;
    this.#api.setLeading(leading);
    if (leading) this.#duties?.start();
    else this.#duties?.stop();
    this.#operations?.setLeading(leading);
    this.#routers?.refresh();
  }

  /** Another history has begun: whatever counts indexes begins anew. */
  #onRestored(index: number): void {
    const { storage, log, config } = this.#options;
    const position = storage.model.meta()?.position;
    log.info('restored the model', { index, timeline: position?.timeline });
    this.#events.restart(index);
    if (this.#leading)
      this.#events.cluster('model.restored', {
        ...{ index, position },
        message: `${config.nodeId} leads into a restored model: timeline ${position?.timeline.id}, epoch ${position?.timeline.epoch}`,
      });
    this.#routers?.refresh();
    this.#status.changed();
  }

  #onSnapshotInstalled(index: number): void {
    this.#options.log.info('installed a snapshot', { index });
    this.#preparedFor = null;
    this.#events.restart(index);
    if (this.#state === 'blank') {
      this.#state = 'member';
      this.#startServices();
    }
    this.#routers?.refresh();
    this.#status.changed();
  }

  /**
   * It serves nobody from now on; but its member runs on, also after a restart: it may be the only one that knows that its
   * removal is committed, and then the others cannot elect anybody before they have heard that from it.
   */
  #onRemoved(by: string): void {
    if (this.#state === 'removed') return;
    this.#options.log.warn('removed', 'removed from the cluster', {
      by,
      remedy: `to use this machine again, under a new id: stop it, then \`quorate reset --data-dir ${shellWord(this.#options.config.dataDirectory)}\``,
    });
    this.#setLeading(false);
    this.#state = 'removed';
    // Not from inside the member's own turn.
    setImmediate(() => {
      this.#stopServices();
      this.#status.now();
    });
  }

  /** The quorum was lost, and `by` has gone on alone, or those who followed it: what this log holds beyond that is given up. */
  #onLeftBehind(by: string, logTimeline: Timeline): void {
    if (this.#state === 'removed' || this.#state === 'stopping') return;
    const { config, log } = this.#options;
    this.#leftBehind.begin(by, logTimeline);
    log.warn('left-behind', 'left behind by a recovery', {
      by,
      epoch: logTimeline.epoch,
      remedy: `what this log holds beyond the recovery is not in the cluster; to use this machine again, under a new id: stop it, then \`quorate reset --data-dir ${shellWord(config.dataDirectory)}\` (a backup is kept)`,
    });
    this.#setLeading(false);
    this.#state = 'removed';
    this.#member?.stop();
    setImmediate(() => {
      this.#stopServices();
      this.#status.now();
    });
  }

  /**
   * A member that is still catching up, or was just started and has not asked yet how far the others are, must not give its
   * half of the model to a router that starts now. Where no leader is heard for a while, nobody is known to have more than a
   * voter has: it serves that, for a router that starts then needs controllers too.
   */
  #servesRouters(): boolean {
    if (this.#state === 'standalone') return true;
    const member = this.#member;
    if (member === undefined || this.#state !== 'member') return false;
    this.#catchUp.look();
    if (this.#catchUp.once) return true;
    const voters = this.#options.storage.model.meta()?.configuration.voters ?? [];
    const { appliedIndex, core } = member;
    return this.#catchUp.isAlone && appliedIndex >= core.commit && voters.includes(this.#options.config.nodeId);
  }

  // ------------------------------------------------------------------------------------------------------------- answers

  #client(): ApiClient {
    const { config, connections } = this.#options;
    return createApiClient({ connection: connections.service, cluster: config.cluster, from: config.nodeId });
  }

  #clusterId(): string | null {
    return this.#options.storage.raft.identity()?.clusterId ?? this.#preparedFor;
  }

  /** The newest that is known here: see `logTimeline` of the status. */
  #logTimeline(): Timeline | null {
    return this.#leftBehind.by ?? this.#options.storage.model.meta()?.logTimeline ?? null;
  }

  #buildStatus(sequence: number): NodeStatus {
    const { config, clock, storage, version, ignoredSettings, httpAddress } = this.#options;
    const counters = {
      ...this.#replica?.counters,
      requests: this.#api.counters.requests,
      requestsRefused: this.#api.counters.refused,
      events: this.#events.published,
      raftSent: this.#transport.sent,
      raftReceived: this.#transport.received,
      rejectedSender: this.#senders.rejected,
      raftDropped: Object.values(this.#transport.dropped).reduce((sum, each) => sum + each, 0),
    };
    const status = buildStatus(
      {
        config,
        version,
        clock,
        storage,
        startedAt: this.#startedAt,
        httpAddress,
        state: this.#state,
        replica: servingStates.has(this.#state) ? this.#replica : undefined,
        publishedIndex: this.#events.publishedIndex,
        routers: this.#routers?.presence() ?? { online: 0, known: 0 },
        counters,
        alarms: this.#alarms.list(),
        ignoredSettings,
        operation: this.#operations?.running() ?? null,
        logTimeline: this.#logTimeline(),
        backup: this.#backups?.status() ?? null,
        tickMs: (config.timing ?? defaultTiming).tickMs,
      },
      sequence,
    );
    return { ...status, clusterId: this.#clusterId() };
  }

  #peerSources(): PeerSources {
    return {
      probe: (from) => this.#probe(from),
      membership: () => this.#membership(),
      prepare: (clusterId, from) => this.#prepare(clusterId, from),
      release: (clusterId) => {
        if (this.#preparedFor === clusterId) this.#release();
      },
      promiseRecovery: (from) => this.#recovery.promise(from),
      describeSnapshot: (body) => this.#snapshotServer.describe(body),
      snapshotChunk: (from, body) => this.#snapshotServer.chunk(from, body),
      askRestore: (ask) => this.#restoreFiles.ask(ask),
      discardRestore: (sha256) => this.#restoreFiles.discard(sha256),
    };
  }

  #measureDisk(): ReturnType<typeof measureDisk> {
    const now = this.#options.clock.monotonicMs();
    if (this.#disk === undefined || now - this.#disk.atMs > diskMeasuredMs)
      this.#disk = { atMs: now, found: measureDisk(this.#options.config.dataDirectory) };
    return this.#disk.found;
  }

  async #probe(from: string): Promise<Probe> {
    const { config, version, connections } = this.#options;
    return {
      node: config.nodeId,
      name: config.name,
      state: this.#state,
      cluster: config.cluster,
      clusterId: this.#clusterId(),
      version,
      protocol: this.#protocol,
      addresses: [...config.advertise],
      ...this.#measureDisk(),
      maxPayloadBytes: connections.service.info?.max_payload ?? 0,
      deniedSubjects: await this.#credentials.run(from),
    };
  }

  #membership(): MembershipAnswer {
    const { storage, clock } = this.#options;
    return {
      state: this.#state,
      clusterId: this.#clusterId(),
      position: storage.model.meta()?.position ?? null,
      now: clock.now(),
    };
  }

  /** So that a planned stop costs a few milliseconds of writes and not an election. */
  async #handOver(): Promise<void> {
    const member = this.#member;
    if (member === undefined || !this.#leading || member.transferLeadership() !== null) return;
    const deadline = this.#options.clock.monotonicMs() + handoverMaxMs;
    while (member.core.role === 'leader' && this.#options.clock.monotonicMs() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
