/**
 * Members over NATS: two lanes on two connections. A message that cannot be decoded, that belongs to another cluster, or
 * that an earlier life of its sender sent, is dropped and counted.
 */
import { asRequestError, type Msg, type NatsConnection, type Subscription } from '../../messaging/connection.js';
import { QuorateError, toQuorateError, validate, wireErrorSchema } from '../../messaging/errors.js';
import type { Timeline } from '../../messaging/position.js';
import { supportedVersions, type VersionRange } from '../../messaging/protocol.js';
import {
  decodeRaftMessage,
  encodeRaftMessage,
  type RaftEnvelope,
  type RaftWireMessage,
} from '../../messaging/raft-codec.js';
import { isOwnInbox, type Lane, subjectRest, subjectsOf, subjectToken } from '../../messaging/subjects.js';
import type { Message } from '../raft/types.js';
import { type OtherLog, otherLogOf } from './other-log.js';
import { laneOf, type PeerVerb, type Transport } from './transport.js';

export interface NatsTransportOptions {
  readonly control: NatsConnection;
  readonly bulk: NatsConnection;
  readonly cluster: string;
  readonly nodeId: string;
  readonly incarnation: number;
  /** What this controller speaks; default: all that this build understands. */
  readonly protocol?: VersionRange;
  /** Null while this controller belongs to no cluster: then nothing of Raft is received or sent. */
  readonly clusterId: () => string | null;
  /** With which timeline this controller's log began; null while it has none. */
  readonly logTimeline: () => Timeline | null;
  /** A controller of the same cluster spoke from another log; what it said was dropped. */
  readonly onOtherLog: (from: string, logTimeline: Timeline, relation: OtherLog) => void;
  /** A controller of the same cluster speaks no version that this one understands; what it said was dropped. */
  readonly onOtherVersion: (from: string, protocol: VersionRange) => void;
}

/** A lane whose socket holds more than this drops what it is given: Raft sends again, and memory stays bounded. */
const pendingBytesMax = 16 * 1024 * 1024;
/** First byte of an answer between controllers. */
const answerOk = 0;
const answerRefused = 1;

export class NatsTransport implements Transport {
  readonly #options: NatsTransportOptions;
  readonly #subjects;
  readonly #subscriptions: Subscription[] = [];
  readonly #lanes: Readonly<Record<Lane, NatsConnection>>;
  /** Subjects are put together once for each peer and lane, not once for each message. */
  readonly #sendSubjects = new Map<string, string>();
  readonly #incarnations = new Map<string, number>();
  #lastAppend: { readonly content: string; readonly bytes: Uint8Array } = { content: '', bytes: new Uint8Array() };
  /** Messages dropped, by reason. */
  readonly dropped: Record<string, number> = {};
  #handler: (message: Message) => void = () => undefined;
  #receiving = false;
  sent = 0;
  received = 0;

  constructor(options: NatsTransportOptions) {
    this.#options = options;
    this.#subjects = subjectsOf(options.cluster);
    this.#lanes = { control: options.control, bulk: options.bulk };
  }

  send(message: Message): void {
    const clusterId = this.#options.clusterId();
    if (clusterId === null) return;
    const lane = laneOf(message);
    const connection = this.#lanes[lane];
    if (pendingBytes(connection) > pendingBytesMax) return this.#drop('backlog');
    const payload = this.#encode(clusterId, message);
    try {
      connection.publish(this.#sendSubject(message.to, lane), payload);
      this.sent += 1;
    } catch {
      // Closed or draining, or over max_payload: for Raft the same as a lost message.
      this.#drop('not-sent');
    }
  }

  /** The same entries usually go to all followers, one after the other: they are encoded once. */
  #encode(clusterId: string, message: Message): Uint8Array {
    const { incarnation, logTimeline, protocol = supportedVersions } = this.#options;
    const envelope = { protocol, clusterId, incarnation, logTimeline: logTimeline(), message: toWire(message) };
    if (message.type !== 'append' || message.entries.length === 0) return encodeRaftMessage(envelope);
    // In one term (and recovery begins a new one), a leader's log has one entry at an index: this says all that the bytes hold.
    const { term, prevIndex, prevTerm, commit, entries } = message;
    const content = `${clusterId} ${term} ${prevIndex} ${prevTerm} ${commit} ${entries.length} ${entries.at(-1)?.term}`;
    if (this.#lastAppend.content !== content) this.#lastAppend = { content, bytes: encodeRaftMessage(envelope) };
    return this.#lastAppend.bytes;
  }

  receive(handler: (message: Message) => void): void {
    this.#handler = handler;
    if (this.#receiving) return;
    this.#receiving = true;
    for (const lane of ['control', 'bulk'] as const) {
      const callback = (error: unknown, message: Msg): void => {
        if (error !== null) return;
        const decoded = this.#decode(message);
        if (decoded === undefined) return;
        this.received += 1;
        this.#handler(decoded);
      };
      this.#subscriptions.push(
        this.#lanes[lane].subscribe(this.#subjects.raftTo(this.#options.nodeId, lane), { callback }),
      );
    }
  }

  async request(to: string, verb: PeerVerb, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const subject = this.#subjects.peer(to, this.#options.nodeId, verb);
    let answer: Uint8Array;
    try {
      answer = (await this.#options.bulk.request(subject, body, { timeout: timeoutMs })).data;
    } catch (error) {
      throw asRequestError(error, `the request ${verb} to ${to}`);
    }
    if (answer[0] === answerOk) return answer.subarray(1);
    throw QuorateError.fromWire(
      validate(wireErrorSchema, parse(answer.subarray(1)), 'internal', `the answer of ${to} is not understood`),
    );
  }

  answer(handler: (from: string, verb: string, body: Uint8Array) => Promise<Uint8Array>): void {
    const callback = (error: unknown, message: Msg): void => {
      const from = subjectToken(message.subject, 2);
      if (error !== null) return;
      if (!isOwnInbox(this.#subjects, message.reply, ['controller'], from)) return this.#drop('reply');
      handler(from, subjectRest(message.subject, 3), message.data).then(
        (body) => respond(message, answerOk, body),
        (failure: unknown) =>
          respond(message, answerRefused, new TextEncoder().encode(JSON.stringify(toQuorateError(failure).toWire()))),
      );
    };
    this.#subscriptions.push(this.#options.bulk.subscribe(this.#subjects.peerTo(this.#options.nodeId), { callback }));
  }

  /** Bytes that each lane's socket has not taken yet. */
  backlogBytes(): Readonly<Record<Lane, number>> {
    const { control, bulk } = this.#lanes;
    return { control: pendingBytes(control), bulk: pendingBytes(bulk) };
  }

  /** Stops receiving; the connections belong to whoever made them. */
  close(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions.length = 0;
  }

  #decode(message: Msg): Message | undefined {
    const from = subjectToken(message.subject, 2);
    // Somebody tried whether its credentials let it speak here; that is no garbage, and counts apart.
    if (message.data.length === 0) return this.#drop('trial');
    const { nodeId, protocol, onOtherVersion } = this.#options;
    const decoded = decodeRaftMessage(message.data, from, nodeId, protocol);
    if (decoded === 'undecodable') return this.#drop(decoded);
    const clusterId = this.#options.clusterId();
    if (clusterId === null || decoded.clusterId !== clusterId) return this.#drop('other-cluster');
    if ('message' in decoded) return this.#judge(from, decoded);
    if (decoded.isRefused) onOtherVersion(from, decoded.protocol);
    return this.#drop('unsupported-version');
  }

  #judge(from: string, envelope: RaftEnvelope): Message | undefined {
    const { logTimeline } = envelope;
    const relation = otherLogOf(this.#options.logTimeline(), logTimeline);
    if (relation !== undefined && logTimeline !== null) {
      this.#options.onOtherLog(from, logTimeline, relation);
      return this.#drop('other-log');
    }
    if (envelope.incarnation < (this.#incarnations.get(from) ?? 0)) return this.#drop('earlier-incarnation');
    this.#incarnations.set(from, envelope.incarnation);
    return fromWire(envelope.message);
  }

  #drop(reason: string): undefined {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
    return undefined;
  }

  #sendSubject(to: string, lane: Lane): string {
    const key = `${to}.${lane}`;
    let subject = this.#sendSubjects.get(key);
    if (subject === undefined) {
      subject = this.#subjects.raft(to, this.#options.nodeId, lane);
      this.#sendSubjects.set(key, subject);
    }
    return subject;
  }
}

/** The core's messages and those of the wire have the same form, but for the answer to a forwarded proposal. */
function toWire(message: Message): RaftWireMessage {
  return message as RaftWireMessage;
}

function fromWire(message: RaftWireMessage): Message {
  if (message.type === 'proposeReply' && message.result.ok) {
    return { ...message, result: { ok: true, term: message.result.term ?? 0, index: message.result.index } };
  }
  return message as Message;
}

/** Bytes that the client library holds because the socket has not taken them. */
function pendingBytes(connection: NatsConnection): number {
  const { protocol } = connection as unknown as {
    protocol?: { outbound?: { size(): number }; transport?: { socket?: { writableLength?: number } } };
  };
  return (protocol?.outbound?.size() ?? 0) + (protocol?.transport?.socket?.writableLength ?? 0);
}

function respond(message: Msg, first: number, body: Uint8Array): void {
  const answer = new Uint8Array(body.length + 1);
  answer[0] = first;
  answer.set(body, 1);
  message.respond(answer);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
