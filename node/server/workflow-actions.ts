/** What workflows do to the world, on a running leader: see `node/workflows/actions.ts`. */
import { decode, encode } from '@msgpack/msgpack';
import type { NatsConnection } from '../../messaging/connection.js';
import { QuorateError, toQuorateError, validate } from '../../messaging/errors.js';
import type { ModelComparison } from '../../messaging/model-comparison.js';
import type { VersionRange } from '../../messaging/protocol.js';
import type { OperationParameters, WorkflowParameters } from '../../messaging/schemas/operations.js';
import type { Member as MemberRecord, ProgressView } from '../../messaging/schemas/status.js';
import type { Subjects } from '../../messaging/subjects.js';
import { softwareVersion } from '../../messaging/version.js';
import type { Clock } from '../cluster/clock.js';
import type { Replica } from '../cluster/replica.js';
import type { SnapshotServer } from '../cluster/snapshot-transfer.js';
import type { Transport } from '../cluster/transport.js';
import { encodeMembershipContext, isUnderWay, type OperationRecord, raisedGates } from '../model/index.js';
import type { RaftStatus } from '../raft/index.js';
import type { ControllerStorage } from '../storage/index.js';
import type { Actions } from '../workflows/actions.js';
import { candidateOf, type Facts, namedController, type Probe } from '../workflows/facts.js';
import type { Alarms } from './alarms.js';
import type { EventPublisher } from './events.js';
import { propose, refusalOf } from './handlers.js';
import type { Log } from './log.js';
import { createModeActions, type ModeSources } from './mode-actions.js';
import { OperationLog } from './operation-log.js';
import { type MembershipAnswer, membershipSchema, probeSchema } from './peers.js';
import { createRestoreActions } from './restore-actions.js';
import type { RestoreFiles } from './restore-files.js';
import { endpointsOf, type RouterService } from './routers/index.js';
import { progressViews } from './status.js';
import type { StatusBoard } from './status-board.js';

export interface WorkflowSources {
  readonly nodeId: string;
  readonly cluster: string;
  readonly replica: Replica;
  readonly storage: ControllerStorage;
  readonly board: StatusBoard;
  readonly transport: Transport;
  readonly snapshotServer: SnapshotServer;
  readonly connection: NatsConnection;
  readonly subjects: Subjects;
  readonly clock: Clock;
  readonly log: Log;
  readonly tickMs: number;
  readonly protocol: VersionRange;
  readonly events: EventPublisher;
  readonly alarms: Alarms;
  readonly restoreFiles: RestoreFiles;
  readonly mode: ModeSources;
  readonly backupDirectory: string;
  /** Of this member, up to where its model stands. */
  readonly compactLog: () => Promise<number>;
  readonly compare: (nodes: readonly string[]) => Promise<ModelComparison>;
  /** An operation began, went on or ended: the status says so. */
  readonly onChange: () => void;
  routers(): RouterService | undefined;
}

/** Of the alarm. */
const unknownOperation = 'unknown-operation';
const askTimeoutMs = 1_000;
const probeTimeoutMs = 3_000;
const roundTrips = 3;
/**
 * What a controller subscribes to takes a moment to be known on all servers of a NATS cluster, and its status may come by
 * another way: one that was heard just now, and that nobody answers for, is asked again.
 */
const heardJustNowMs = 2_000;
const probeAttemptsMax = 4;
const probeAgainMs = 250;

export function createActions(sources: WorkflowSources): Actions {
  const { replica, storage, board, transport, clock, nodeId } = sources;

  const restores = createRestoreActions(sources, { propose: (command) => propose(replica, command) });

  const modes = createModeActions(sources, sources.mode);

  const operationLog = new OperationLog(sources.log);
  function publishRecord({ operation, revision }: OperationRecord): void {
    operationLog.note(operation);
    sources.connection.publish(sources.subjects.operation(operation.id), JSON.stringify(operation));
    const what = inWords(operation.parameters);
    if (revision === 0)
      sources.events.cluster('operation.started', { message: `${operation.requestedBy} started: ${what}` });
    if (!isUnderWay(operation))
      sources.events.cluster('operation.finished', { message: `${operation.state}: ${what}` });
    sources.onChange();
  }

  /** The workflows that ask are those of a cluster. */
  function raft(): RaftStatus {
    const status = replica.status();
    if (status === null) throw new QuorateError('standalone');
    return status;
  }

  function meta() {
    const held = storage.model.meta();
    if (held === undefined) throw new QuorateError('not-a-member');
    return held;
  }

  async function askMembership(node: string): Promise<MembershipAnswer> {
    const answer = await transport.request(node, 'membership.ask', encode(null), askTimeoutMs);
    return validate(membershipSchema, decode(answer), 'internal', `the answer of ${node}`);
  }

  async function askCandidate(node: string): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await transport.request(node, 'candidate.probe', encode(null), probeTimeoutMs);
      } catch (error) {
        const ageMs = clock.monotonicMs() - (board.get(node)?.heardAtMs ?? Number.NEGATIVE_INFINITY);
        const isAbsent = error instanceof QuorateError && error.code === 'no-responders';
        if (!isAbsent || ageMs > heardJustNowMs || attempt === probeAttemptsMax) throw error;
        await new Promise<void>((resolve) => clock.after(probeAgainMs, resolve));
      }
    }
  }

  async function probe(node: string): Promise<Probe> {
    try {
      const answer = validate(probeSchema, decode(await askCandidate(node)), 'internal', `the answer of ${node}`);
      const trips: { readonly durationMs: number; readonly offsetMs: number }[] = [];
      for (let trip = 0; trip < roundTrips; trip += 1) {
        const [began, beganAt] = [clock.monotonicMs(), clock.now()];
        const { now } = await askMembership(node);
        const durationMs = clock.monotonicMs() - began;
        trips.push({ durationMs, offsetMs: now - (beganAt + durationMs / 2) });
      }
      trips.sort((a, b) => a.durationMs - b.durationMs);
      return {
        type: 'answered',
        ...answer,
        // The fastest trip says most about the clock.
        clockOffsetMs: trips[0]?.offsetMs ?? 0,
        natsRoundTripMs: trips[Math.floor(trips.length / 2)]?.durationMs ?? 0,
      };
    } catch (error) {
      return { type: 'unreachable', reason: toQuorateError(error).message };
    }
  }

  function progressOf(status: RaftStatus): readonly ProgressView[] {
    return status.role === 'leader' ? progressViews(status, sources.tickMs) : [];
  }

  function leaderOf(status: RaftStatus) {
    return {
      term: status.term,
      committedInTerm: storage.raft.term(status.commit) === status.term,
      lastIndex: status.lastIndex,
      commit: status.commit,
      changePending: status.pendingChangeIndex > status.applied || meta().configuration.votersOutgoing.length > 0,
      transferringTo: status.transferTarget ?? null,
    };
  }

  async function gather(parameters: WorkflowParameters): Promise<Facts> {
    const asked = candidateOf(parameters) ?? namedController(parameters);
    const answer: Probe = asked === null || asked === nodeId ? { type: 'none' } : await probe(asked);
    const status = replica.status();
    const { clusterId, configuration } = meta();
    const now = clock.monotonicMs();
    const routers = sources.routers();
    return {
      now: clock.now(),
      cluster: sources.cluster,
      clusterId,
      leader: {
        id: nodeId,
        version: softwareVersion,
        protocol: sources.protocol,
        dataBytes: storage.raft.sizeBytes() + storage.model.sizeBytes(),
        ...(status === null ? leaderAlone(replica) : leaderOf(status)),
      },
      configuration,
      members: storage.model.records('member').map(({ value }) => value),
      gates: raisedGates(storage.model),
      progress: status === null ? [] : progressOf(status).filter(({ id }) => id !== nodeId),
      heard: board
        .all()
        .map((heard) => ({ status: heard.status, ageMs: now - heard.heardAtMs, twice: heard.strays > 1 })),
      running:
        storage.model
          .records('operation')
          .map(({ value }) => value.operation)
          .find(isUnderWay) ?? null,
      probe: answer,
      mode: parameters.workflow === 'migrate' || parameters.workflow === 'rollback' ? await modes.gather() : null,
      restore: parameters.workflow === 'restore' ? await restores.gather(parameters) : null,
      routers: (routers?.routers() ?? [])
        .filter(({ online }) => online)
        .map(({ id, endpointsIndex, indexTypes }) => ({ id, endpointsIndex, indexTypes })),
      endpointsIndex: endpointsOf(storage.model, sources.cluster, nodeId)()?.position.index ?? 0,
    };
  }

  return {
    gather,
    ...restores.actions,
    ...modes.actions,
    now: () => clock.now(),
    sleep: (durationMs, signal) =>
      new Promise<void>((resolve) => {
        if (signal.aborted) return resolve();
        const finish = (): void => {
          cancel();
          signal.removeEventListener('abort', finish);
          resolve();
        };
        const cancel = clock.after(durationMs, finish);
        signal.addEventListener('abort', finish);
      }),
    leadership: () => {
      const { role, leader = null, term } = replica.leadership();
      return { leading: role === 'leader', leader, term };
    },
    configuration: () => meta().configuration,
    log: () => {
      const applied = replica.appliedIndex;
      const { lastIndex, commit } = replica.status() ?? { lastIndex: applied, commit: applied };
      return { lastIndex, commit, applied };
    },
    progress: (node) => progressOf(raft()).find(({ id }) => id === node),
    snapshotProgress: (node) => sources.snapshotServer.progressOf(node),
    status: (node) => {
      const heard = board.get(node);
      return heard === undefined ? undefined : { status: heard.status, ageMs: clock.monotonicMs() - heard.heardAtMs };
    },
    raisedGates: () => raisedGates(storage.model),
    prepareCandidate: async (node) => {
      const answer = await transport.request(
        node,
        'candidate.prepare',
        encode({ clusterId: meta().clusterId }),
        probeTimeoutMs,
      );
      const { name, version, protocol, addresses } = validate(
        probeSchema,
        decode(answer),
        'internal',
        `the answer of ${node}`,
      );
      return { id: node, name, version, protocol, addresses, addedAt: clock.now() } satisfies MemberRecord;
    },
    releaseCandidate: async (node) => {
      await transport
        .request(node, 'candidate.release', encode({ clusterId: meta().clusterId }), askTimeoutMs)
        .catch(() => undefined);
    },
    proposeConfChange: (change, members) =>
      new Promise((resolve, reject) => {
        const context = members.length === 0 ? undefined : encodeMembershipContext({ members });
        replica.proposeConfChange({ ...change, context }, (result) => {
          if (!result.ok) reject(result.error);
          else if (result.entry.outcome.type === 'configured') resolve();
          else reject(refusalOf(result.entry.outcome));
        });
      }),
    transferLeadership: async (to) => {
      const refusal = replica.transferLeadership(to);
      if (refusal !== null) throw refusal;
    },
    knowsRemoved: async (node) => {
      try {
        const { state } = await askMembership(node);
        return state === 'removed' ? 'knows' : state === 'damaged' ? 'damaged' : 'not-yet';
      } catch {
        return 'away';
      }
    },
    operationRecord: (id) => storage.model.record('operation', id),
    operationRecords: () => storage.model.records('operation').map(({ value }) => value),
    putOperation: async (record: OperationRecord) => {
      const { outcome } = await propose(replica, {
        type: 'operation.put',
        revision: record.revision,
        operation: record.operation,
      });
      if (outcome.type !== 'operation') throw refusalOf(outcome);
      publishRecord(record);
      return outcome.revision;
    },
    protocol: () => sources.protocol,
    tellUnknown: (operation) => {
      if (operation === null) return sources.alarms.clear(unknownOperation);
      const { id, parameters, runner } = operation;
      sources.alarms.raise(unknownOperation, {
        code: 'unknown-operation',
        severity: 'warning',
        message: `the operation ${id} (${parameters.workflow}) was begun by a newer version, last run by ${runner}; ${nodeId} leads, does not know it, and finds nobody to lead who does: the operation waits`,
        remedy: `Start ${runner} again, or upgrade the voters: it goes on by itself as soon as one of a newer version can lead.`,
      });
    },
    reportError: (error, operationId) =>
      sources.log.warn('operation-trouble', 'an operation is held up', {
        operationId,
        error: toQuorateError(error).message,
      }),
  };
}

/** What is applied is all there is. */
function leaderAlone(replica: Replica) {
  const [index, { term }] = [replica.appliedIndex, replica.leadership()];
  return { term, committedInTerm: true, lastIndex: index, commit: index, changePending: false, transferringTo: null };
}

function inWords(parameters: OperationParameters): string {
  switch (parameters.workflow) {
    case 'recover':
      return `go on with ${parameters.node} alone`;
    case 'new-cluster':
      return `begin a new cluster on ${parameters.name}`;
    case 'replace':
      return `replace ${parameters.node} with ${parameters.with}`;
    case 'join':
    case 'remove':
    case 'promote':
    case 'demote':
    case 'upgrade':
      return `${parameters.workflow} ${parameters.node}`;
    case 'transfer':
      return parameters.to === null ? 'transfer leadership' : `transfer leadership to ${parameters.to}`;
    case 'restore':
      return `restore ${parameters.name}`;
    case 'migrate':
      return `migrate ${parameters.node ?? ''} to a cluster`;
    case 'rollback':
      return `roll back to ${parameters.node ?? 'the leader'} standalone`;
  }
}
