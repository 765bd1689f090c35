/**
 * Raft messages on the wire: MessagePack arrays, one self-contained message each.
 *
 * `[needs, min, max, clusterId, incarnation, logTimeline, kind, term, ...fields]`, where `kind` and the fields stand in
 * `raftLayouts` below. `needs` is the lowest protocol version that understands the message, `min` to `max` what the sender
 * understands: members of different versions replicate with each other for as long as their ranges have a version in common.
 * The first four stay as they are in every version, so that who does not understand the rest can say whose it is. The sender
 * and the receiver are not inside: they are tokens of the subject, which NATS permissions bind. Whatever does not have this
 * form decodes to a reason, never to an exception.
 *
 * What a later version adds: a field goes to the end of its kind, is of a type that may be absent, and is ignored by whoever
 * does not know it; a kind goes to the end of the table, needs that version, and is sent only to those that have it.
 */
import { Decoder, Encoder } from '@msgpack/msgpack';
import type { Timeline } from './position.js';
import { agreeVersion, supportedVersions, type VersionRange } from './protocol.js';

/** The protocol version that the Raft messages of today need; raised only when their meaning changes. */
export const raftMessagesNeed = 1;

/** An entry of the log: data of the model, a change of membership, or nothing (a new leader's first). */
export type WireEntry =
  | { readonly type: 'normal'; readonly term: number; readonly index: number; readonly data: Uint8Array }
  | { readonly type: 'configuration'; readonly term: number; readonly index: number; readonly change: WireConfChange }
  | { readonly type: 'empty'; readonly term: number; readonly index: number };

export interface WireConfChange {
  readonly changes: readonly { readonly type: 'addVoter' | 'addLearner' | 'remove' | 'update'; readonly id: string }[];
  readonly transition: 'auto' | 'joint-implicit' | 'joint-explicit' | 'leave-joint';
  readonly context?: Uint8Array;
}

interface WireReadContext {
  readonly leader: string;
  readonly term: number;
  readonly round: number;
}

/** What a field may hold, by the name that the layouts use. */
interface FieldTypes {
  count: number;
  flag: boolean;
  text: string;
  entries: readonly WireEntry[];
  bytesList: readonly Uint8Array[];
  readContext: WireReadContext | undefined;
  outcome: WireOutcome;
}

/** `ok`: the numbers that belong to it, by position; otherwise a code, a sentence, and perhaps who leads. */
export type WireOutcome =
  | { readonly ok: true; readonly term?: number; readonly index: number }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly leader?: string };

type FieldType = keyof FieldTypes;
type Layout = readonly (readonly [name: string, type: FieldType])[];

/** The fields of each kind, in their order on the wire. New kinds go to the end: the number of a kind is its place here. */
export const raftLayouts = {
  preVote: [
    ['lastIndex', 'count'],
    ['lastTerm', 'count'],
    ['commit', 'count'],
    ['commitTerm', 'count'],
  ],
  preVoteReply: [
    ['granted', 'flag'],
    ['commit', 'count'],
    ['commitTerm', 'count'],
  ],
  vote: [
    ['lastIndex', 'count'],
    ['lastTerm', 'count'],
    ['transfer', 'flag'],
    ['commit', 'count'],
    ['commitTerm', 'count'],
  ],
  voteReply: [
    ['granted', 'flag'],
    ['commit', 'count'],
    ['commitTerm', 'count'],
  ],
  append: [
    ['prevIndex', 'count'],
    ['prevTerm', 'count'],
    ['commit', 'count'],
    ['entries', 'entries'],
  ],
  appendReply: [
    ['rejected', 'flag'],
    ['index', 'count'],
    ['hintIndex', 'count'],
    ['hintTerm', 'count'],
  ],
  heartbeat: [
    ['commit', 'count'],
    ['readContext', 'readContext'],
  ],
  heartbeatReply: [['readContext', 'readContext']],
  snapshot: [
    ['index', 'count'],
    ['snapshotTerm', 'count'],
  ],
  timeoutNow: [],
  propose: [
    ['proposalId', 'text'],
    ['data', 'bytesList'],
  ],
  proposeReply: [
    ['proposalId', 'text'],
    ['result', 'outcome'],
  ],
  readIndex: [['requestId', 'text']],
  readIndexReply: [
    ['requestId', 'text'],
    ['result', 'outcome'],
  ],
  transferLeadership: [['target', 'text']],
  removed: [['index', 'count']],
} as const satisfies Record<string, Layout>;

export type RaftMessageKind = keyof typeof raftLayouts;

type FieldsOf<L extends Layout> = { readonly [F in L[number] as F[0]]: FieldTypes[F[1]] };

/** A message as it goes in and comes out: who, which term, and the fields of its kind. */
export type RaftWireMessage = {
  [K in RaftMessageKind]: {
    readonly type: K;
    readonly from: string;
    readonly to: string;
    readonly term: number;
  } & FieldsOf<(typeof raftLayouts)[K]>;
}[RaftMessageKind];

export interface RaftEnvelope {
  /** What the sender understands. */
  readonly protocol: VersionRange;
  readonly clusterId: string;
  readonly incarnation: number;
  /** With which timeline the sender's log began; null while it has none. On the wire `[id, epoch]`. */
  readonly logTimeline: Timeline | null;
  readonly message: RaftWireMessage;
}

/** A message of a version that is not understood here. */
export interface UnsupportedRaftMessage {
  readonly clusterId: string;
  /** What its sender understands. */
  readonly protocol: VersionRange;
  /** No version is understood by both sides: nothing that the sender says ever will be. */
  readonly isRefused: boolean;
}

const kinds = Object.keys(raftLayouts) as readonly RaftMessageKind[];
const kindNumbers: ReadonlyMap<string, number> = new Map(kinds.map((kind, number) => [kind, number]));
const headerLength = 8;

/** Limits on what a decoder will hold, so that a hostile message costs little. NATS's own bound is `max_payload`. */
const bytesMax = 8 * 1024 * 1024;
const itemsMax = 65_536;

const encoder = new Encoder({ ignoreUndefined: true });
const decoder = new Decoder({
  maxStrLength: 65_536,
  maxBinLength: bytesMax,
  maxArrayLength: itemsMax,
  maxMapLength: 0,
  maxExtLength: 0,
});

/** `message.from` and `message.to` travel in the subject. */
export function encodeRaftMessage(envelope: RaftEnvelope): Uint8Array {
  const { message, protocol } = envelope;
  const values: unknown[] = [
    raftMessagesNeed,
    protocol.min,
    protocol.max,
    envelope.clusterId,
    envelope.incarnation,
    envelope.logTimeline === null ? null : [envelope.logTimeline.id, envelope.logTimeline.epoch],
    kindNumbers.get(message.type),
    message.term,
  ];
  for (const [name, type] of raftLayouts[message.type] as Layout) {
    values.push(pack(type, (message as unknown as Record<string, unknown>)[name]));
  }
  return encoder.encode(values);
}

/**
 * @param from @param to as the subject says them
 * @param ours what this side understands
 */
export function decodeRaftMessage(
  bytes: Uint8Array,
  from: string,
  to: string,
  ours: VersionRange = supportedVersions,
): RaftEnvelope | UnsupportedRaftMessage | 'undecodable' {
  let values: unknown;
  try {
    values = decoder.decode(bytes);
  } catch {
    return 'undecodable';
  }
  if (!Array.isArray(values) || values.length < headerLength) return 'undecodable';
  const [needs, min, max, clusterId, incarnation, timeline, kindNumber, term] = values as unknown[];
  if (!isCount(needs) || !isCount(min) || !isCount(max) || typeof clusterId !== 'string') return 'undecodable';
  const protocol = { min, max };
  const isRefused = agreeVersion(ours, protocol) === null;
  if (isRefused || needs > ours.max) return { clusterId, protocol, isRefused };
  const type = isCount(kindNumber) ? kinds[kindNumber] : undefined;
  const logTimeline = unpackTimeline(timeline);
  if (type === undefined || !isCount(incarnation) || !isCount(term) || logTimeline === malformed) return 'undecodable';
  const message: Record<string, unknown> = { type, from, to, term };
  let place = headerLength;
  for (const [name, fieldType] of raftLayouts[type] as Layout) {
    const field = unpack(fieldType, values[place]);
    if (field === malformed) return 'undecodable';
    message[name] = field;
    place += 1;
  }
  return { protocol, clusterId, incarnation, logTimeline, message: message as unknown as RaftWireMessage };
}

// -------------------------------------------------------------------------------------------------- entries, also on disk

/** A change of membership as bytes, for whoever stores it. */
export function encodeConfChange(change: WireConfChange): Uint8Array {
  return encoder.encode(packConfChange(change));
}

/** Undefined when the bytes are not a change of membership. */
export function decodeConfChange(bytes: Uint8Array): WireConfChange | undefined {
  try {
    const change = unpackConfChange(decoder.decode(bytes));
    return change === malformed ? undefined : change;
  } catch {
    return undefined;
  }
}

// ------------------------------------------------------------------------------------------------------------- the fields

const malformed = Symbol('malformed');
type Malformed = typeof malformed;

const entryNumbers = { empty: 0, normal: 1, configuration: 2 } as const;
const changeTypes = ['addVoter', 'addLearner', 'remove', 'update'] as const;
const transitions = ['auto', 'joint-implicit', 'joint-explicit', 'leave-joint'] as const;

function pack(type: FieldType, value: unknown): unknown {
  switch (type) {
    case 'entries':
      return (value as readonly WireEntry[]).map(packEntry);
    case 'readContext': {
      const context = value as WireReadContext | undefined;
      return context === undefined ? null : [context.leader, context.term, context.round];
    }
    case 'outcome': {
      const outcome = value as WireOutcome;
      return outcome.ok
        ? [true, outcome.term ?? null, outcome.index]
        : [false, outcome.code, outcome.message, outcome.leader ?? null];
    }
    case 'count':
    case 'flag':
    case 'text':
    case 'bytesList':
      return value;
  }
}

function unpack(type: FieldType, value: unknown): unknown {
  switch (type) {
    case 'count':
      return isCount(value) ? value : malformed;
    case 'flag':
      return typeof value === 'boolean' ? value : malformed;
    case 'text':
      return typeof value === 'string' ? value : malformed;
    case 'entries':
      return unpackList(value, unpackEntry);
    case 'bytesList':
      return unpackList(value, (item) => (item instanceof Uint8Array ? item : malformed));
    case 'readContext': {
      if (value === null || value === undefined) return undefined;
      if (!Array.isArray(value)) return malformed;
      const [leader, term, round] = value as unknown[];
      return typeof leader === 'string' && isCount(term) && isCount(round) ? { leader, term, round } : malformed;
    }
    case 'outcome':
      return unpackOutcome(value);
  }
}

function unpackList<T>(value: unknown, unpackItem: (item: unknown) => T | Malformed): readonly T[] | Malformed {
  if (!Array.isArray(value)) return malformed;
  const items: T[] = [];
  for (const each of value as unknown[]) {
    const item = unpackItem(each);
    if (item === malformed) return malformed;
    items.push(item as T);
  }
  return items;
}

function packEntry(entry: WireEntry): unknown {
  switch (entry.type) {
    case 'empty':
      return [entryNumbers.empty, entry.term, entry.index];
    case 'normal':
      return [entryNumbers.normal, entry.term, entry.index, entry.data];
    case 'configuration':
      return [entryNumbers.configuration, entry.term, entry.index, packConfChange(entry.change)];
  }
}

function unpackEntry(value: unknown): WireEntry | Malformed {
  if (!Array.isArray(value)) return malformed;
  const [number, term, index, content] = value as unknown[];
  if (!isCount(term) || !isCount(index)) return malformed;
  switch (number) {
    case entryNumbers.empty:
      return { type: 'empty', term, index };
    case entryNumbers.normal:
      return content instanceof Uint8Array ? { type: 'normal', term, index, data: content } : malformed;
    case entryNumbers.configuration: {
      const change = unpackConfChange(content);
      return change === malformed ? malformed : { type: 'configuration', term, index, change };
    }
    default:
      return malformed;
  }
}

function packConfChange(change: WireConfChange): unknown {
  const changes = change.changes.map((each) => [changeTypes.indexOf(each.type), each.id]);
  return [transitions.indexOf(change.transition), changes, change.context ?? null];
}

function unpackConfChange(value: unknown): WireConfChange | Malformed {
  if (!Array.isArray(value)) return malformed;
  const [transitionNumber, packed, context] = value as unknown[];
  const transition = isCount(transitionNumber) ? transitions[transitionNumber] : undefined;
  const changes = unpackList(packed, (item) => {
    if (!Array.isArray(item)) return malformed;
    const [typeNumber, id] = item as unknown[];
    const type = isCount(typeNumber) ? changeTypes[typeNumber] : undefined;
    return type === undefined || typeof id !== 'string' ? malformed : { type, id };
  });
  if (transition === undefined || changes === malformed) return malformed;
  if (context === null || context === undefined) return { changes, transition };
  return context instanceof Uint8Array ? { changes, transition, context } : malformed;
}

function unpackOutcome(value: unknown): WireOutcome | Malformed {
  if (!Array.isArray(value)) return malformed;
  const [ok, first, second, leader] = value as unknown[];
  if (ok === true) {
    if (!isCount(second)) return malformed;
    if (first === null || first === undefined) return { ok, index: second };
    return isCount(first) ? { ok, term: first, index: second } : malformed;
  }
  if (ok !== false || typeof first !== 'string' || typeof second !== 'string') return malformed;
  return typeof leader === 'string'
    ? { ok, code: first, message: second, leader }
    : { ok, code: first, message: second };
}

function unpackTimeline(value: unknown): Timeline | null | Malformed {
  if (value === null) return null;
  if (!Array.isArray(value)) return malformed;
  const [id, epoch] = value as unknown[];
  return typeof id === 'string' && isCount(epoch) ? { id, epoch } : malformed;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
