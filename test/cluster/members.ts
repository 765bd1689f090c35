/** Members in one process, over a real nats-server and real files: the layer below the controller. */

import { connectNats, type NatsConnection } from '../../messaging/connection.js';
import { QuorateError } from '../../messaging/errors.js';
import type { VersionRange } from '../../messaging/protocol.js';
import { eventLoopScheduler, systemClock } from '../../node/cluster/clock.js';
import { type AppliedEntry, Member, type MemberTiming, type ProposalOutcome } from '../../node/cluster/member.js';
import { NatsTransport } from '../../node/cluster/nats-transport.js';
import { SnapshotFetcher, SnapshotServer } from '../../node/cluster/snapshot-transfer.js';
import { type Command, encodeCommand } from '../../node/model/index.js';
import {
  applyConfChange,
  type ConfChange,
  initialConfiguration,
  type Leadership,
  type Message,
} from '../../node/raft/index.js';
import { openStorage, type Storage } from '../../node/storage/index.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

export { applyConfChange, type ConfChange };

export interface TestMember {
  readonly id: string;
  readonly member: Member;
  readonly storage: Storage;
  readonly applied: AppliedEntry[];
  readonly failures: unknown[];
  readonly transport: NatsTransport;
  /** Members that speak no version that this one understands. */
  readonly refused: ReadonlySet<string>;
  stop(): Promise<void>;
}

const clusterId = 'cluster-under-test';
const clusterName = 'test';

export interface StartMemberOptions {
  readonly id: string;
  readonly url: string;
  /** Given: this member begins the cluster. */
  readonly voters?: readonly string[];
  readonly directory?: string;
  readonly timing?: MemberTiming;
  readonly protocol?: VersionRange;
  readonly compaction?: { readonly everyEntries: number; readonly keepEntries: number };
  readonly onLeadership?: (leadership: Leadership) => void;
  /** What this member hears in place of a message. */
  readonly hears?: (message: Message) => Message;
}

export async function startMember(options: StartMemberOptions): Promise<TestMember> {
  const { id, url, voters } = options;
  const storage = openStorage({
    directory: options.directory ?? temporaryDirectory(id),
    clusterName,
    nodeId: id,
    softwareVersion: 'test',
    now: () => Date.now(),
  });
  if (voters !== undefined && storage.raft.identity() === null) {
    await storage.initialise({
      identity: { clusterName, clusterId, nodeId: id },
      timeline: { id: 'timeline', epoch: 1 },
      snapshot: { index: 1, term: 1, configuration: initialConfiguration(voters) },
      hardState: { term: 1, vote: '', commit: 1 },
    });
  }
  const [control, bulk] = await Promise.all([
    connectNats({ servers: [url], name: `${id}-control` }),
    connectNats({ servers: [url], name: `${id}-bulk` }),
  ]);
  const refused = new Set<string>();
  const transport = new NatsTransport({
    control,
    bulk,
    cluster: clusterName,
    nodeId: id,
    incarnation: storage.raft.incarnation(),
    clusterId: () => clusterId,
    logTimeline: () => storage.model.meta()?.logTimeline ?? null,
    onOtherLog: () => undefined,
    protocol: options.protocol,
    onOtherVersion: (from) => refused.add(from),
  });
  const server = new SnapshotServer(storage);
  transport.answer(async (from, verb, body) => {
    if (verb === 'snapshot.describe') return server.describe(body);
    if (verb === 'snapshot.chunk') return server.chunk(from, body);
    throw new QuorateError('unknown-verb');
  });
  const applied: AppliedEntry[] = [];
  const failures: unknown[] = [];
  const { hears = (message) => message } = options;
  const member = new Member({
    nodeId: id,
    identity: () => ({ clusterName, clusterId, nodeId: id }),
    storage,
    transport: {
      send: (message) => transport.send(message),
      receive: (take) => transport.receive((message) => take(hears(message))),
      request: (...asked) => transport.request(...asked),
      answer: (answerer) => transport.answer(answerer),
    },
    snapshots: new SnapshotFetcher({ storage, transport, clock: systemClock, onAbandoned: () => undefined }),
    clock: systemClock,
    scheduler: eventLoopScheduler,
    random: Math.random,
    timing: options.timing,
    compaction: options.compaction,
    protocol: options.protocol,
    listener: {
      applied: (entries) => void applied.push(...entries),
      leadership: (leadership) => options.onLeadership?.(leadership),
      removed: () => undefined,
      snapshotInstalled: () => undefined,
      compacted: () => undefined,
      failed: (error) => void failures.push(error),
    },
  });
  member.start();
  return {
    id,
    member,
    storage,
    applied,
    failures,
    transport,
    refused,
    stop: () => stopMember(member, transport, storage, [control, bulk]),
  };
}

async function stopMember(
  member: Member,
  transport: NatsTransport,
  storage: Storage,
  connections: readonly NatsConnection[],
): Promise<void> {
  member.stop();
  transport.close();
  await Promise.all(connections.map((connection) => connection.close()));
  storage.close();
}

export function leaderOf(members: readonly TestMember[]): Promise<TestMember> {
  return eventually(
    () =>
      members.find(
        ({ member }) =>
          member.core.role === 'leader' && members.every((each) => each.member.core.leader === member.core.id),
      ),
    { what: 'a leader that all follow' },
  );
}

export function propose({ member }: TestMember, command: Command): Promise<ProposalOutcome> {
  return new Promise((resolve) => member.propose(encodeCommand(command), resolve));
}

export function changeMembership({ member }: TestMember, change: ConfChange): Promise<ProposalOutcome> {
  return new Promise((resolve) => member.proposeConfChange(change, resolve));
}

export function read({ member }: TestMember): Promise<QuorateError | null> {
  return new Promise((resolve) => member.read(resolve));
}

let requests = 0;

export function create(name: string): Command {
  requests += 1;
  return {
    type: 'create',
    requestId: `request-${requests}`,
    at: 1_000 + requests,
    by: 'test',
    kind: 'service',
    id: `service-${name}`,
    name,
    tags: {},
    spec: { roleAttributes: [], encryptionRequired: true },
  };
}
