/**
 * The commands of the state machine, and how they lie in the log. A command holds everything that it needs to be applied:
 * time, ids and names of people are stamped by the leader that proposes it, so that every member, at any time, comes to the
 * same result.
 *
 * An entry's data is one MessagePack array: `[format, type, ...fields]`. `format` is the protocol version that brought the
 * command: the lowest that understands it. A command of a format above 1 is proposed only where a feature gate says that all
 * members understand it (`gates.ts`); `gate.raise` is itself proposed only where they do. A member that meets a command it does not know must stop: to skip it would make its model differ
 * from the others' for ever, silently.
 */
import { decode, Encoder } from '@msgpack/msgpack';
import {
  type Entity,
  type EntityPatch,
  featureGates,
  type Member,
  type Operation,
  QuorateError,
  supportedVersions,
  type Timeline,
} from '../../messaging/index.js';

/** What is stamped on each request that changes something. */
export interface Stamp {
  /** The client's; unique for ever. A retry has the same. */
  readonly requestId: string;
  /** Milliseconds since 1970, by the leader's clock. */
  readonly at: number;
  /** The operator's or controller's name. */
  readonly by: string;
}

export type CreateCommand = Stamp & {
  readonly type: 'create';
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Complete: defaults are filled in by the proposer. */
  readonly spec: Readonly<Record<string, unknown>>;
};

export type UpdateCommand = Stamp & {
  readonly type: 'update';
  readonly kind: string;
  readonly id: string;
  /** The version that the entity must have; null: any. */
  readonly version: number | null;
  readonly patch: EntityPatch;
};

export type DeleteCommand = Stamp & {
  readonly type: 'delete';
  readonly kind: string;
  readonly id: string;
  readonly version: number | null;
};

/**
 * Creates an entity as it was elsewhere, with its version and times. Where it is there already, the very same, nothing happens:
 * an import that is run again goes on where it stopped, however long ago that was.
 */
export type ImportCommand = Stamp & {
  readonly type: 'import';
  readonly entity: Entity;
};

/** Raises a feature gate: see `gates.ts`. */
export interface GateRaiseCommand {
  readonly type: 'gate.raise';
  readonly gate: string;
  /** The protocol version that brought the feature. */
  readonly version: number;
  /** Milliseconds since 1970, by the leader's clock. */
  readonly at: number;
}

/** Writes the record of an operation, if it still has `revision` (0: there is none yet). */
export interface OperationPutCommand {
  readonly type: 'operation.put';
  readonly revision: number;
  readonly operation: Operation;
}

/** Renews what is known of a member, for example after its upgrade. Ignored when it is no member. */
export interface MemberDescribeCommand {
  readonly type: 'member.describe';
  readonly member: Member;
}

/** A new history of the model begins after this entry: restore, recovery, migration. Refused unless the epoch is higher. */
export interface TimelineBeginCommand {
  readonly type: 'timeline.begin';
  readonly timeline: Timeline;
}

/** Puts the entities of a file that members have staged in the place of the present ones, on a new timeline: see `restore.ts`. */
export interface RestoreCommand {
  readonly type: 'model.restore';
  /** Id of the operation that asks for it. */
  readonly operation: string;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
  readonly timeline: Timeline;
}

/** Changes nothing; for a barrier. */
export interface NoopCommand {
  readonly type: 'noop';
}

export type EntityCommand = CreateCommand | UpdateCommand | DeleteCommand | ImportCommand;
export type Command =
  | EntityCommand
  | OperationPutCommand
  | MemberDescribeCommand
  | TimelineBeginCommand
  | GateRaiseCommand
  | RestoreCommand
  | NoopCommand;

/** This member cannot apply a committed entry, and must stop before it. */
export class UnappliableEntry extends QuorateError {
  /** `newer`: written by a newer version, upgrade this member. `undecodable`: the entry is damaged, or a bug. */
  readonly reason: 'newer' | 'undecodable';

  constructor(reason: 'newer' | 'undecodable', message: string, options?: ErrorOptions) {
    super(reason === 'newer' ? 'newer-command' : 'undecodable-command', message, options);
    this.reason = reason;
  }
}

const encoder = new Encoder({ ignoreUndefined: true });

/** The data of the log entry that carries this command. */
export function encodeCommand(command: Command): Uint8Array {
  return encoder.encode(layOut(command));
}

function layOut(command: Command): unknown[] {
  switch (command.type) {
    case 'create':
      return [
        1,
        'create',
        command.requestId,
        command.at,
        command.by,
        command.kind,
        command.id,
        command.name,
        command.tags,
        command.spec,
      ];
    case 'update':
      return [
        1,
        'update',
        command.requestId,
        command.at,
        command.by,
        command.kind,
        command.id,
        command.version,
        command.patch,
      ];
    case 'delete':
      return [1, 'delete', command.requestId, command.at, command.by, command.kind, command.id, command.version];
    case 'import':
      return [2, 'import', command.requestId, command.at, command.by, command.entity];
    case 'gate.raise':
      return [2, 'gate.raise', command.gate, command.version, command.at];
    case 'operation.put':
      return [1, 'operation.put', command.revision, command.operation];
    case 'member.describe':
      return [1, 'member.describe', command.member];
    case 'timeline.begin':
      return [1, 'timeline.begin', command.timeline];
    case 'model.restore':
      return [restoreFormat, 'model.restore', command.operation, command.sha256, command.timeline];
    case 'noop':
      return [1, 'noop'];
  }
}

const restoreFormat = featureGates['model-restore'].since;
/** What the data of every restore, and of no other command, begins with: an array of five, its format, its type. */
export const restoreMark: Uint8Array = Uint8Array.from([
  0x95,
  restoreFormat,
  0xa0 | 'model.restore'.length,
  ...new TextEncoder().encode('model.restore'),
]);

/**
 * The command in an entry's data. What a leader wrote was checked by `prepare.ts` before it was proposed, and is trusted
 * here to have the form of its type: this is on the path of every entry on every member.
 * @param formatMax the highest format that this controller understands
 * @throws UnappliableEntry
 */
export function decodeCommand(data: Uint8Array, formatMax: number = supportedVersions.max): Command {
  const [format, type, ...fields] = decodeArray(data);
  if (typeof format !== 'number' || typeof type !== 'string')
    throw new UnappliableEntry('undecodable', 'the entry holds no command');
  if (format > formatMax) {
    throw new UnappliableEntry(
      'newer',
      `the log holds a command (${type}) of protocol version ${format}; this controller understands versions up to ${formatMax}`,
    );
  }
  const command = takeUp(type, fields);
  if (command === undefined)
    throw new UnappliableEntry('undecodable', `the log holds a command that does not exist: ${type}`);
  return command;
}

function decodeArray(data: Uint8Array): unknown[] {
  try {
    const decoded = decode(data);
    if (Array.isArray(decoded)) return decoded;
  } catch (error) {
    throw new UnappliableEntry('undecodable', 'the entry is not valid MessagePack', { cause: error });
  }
  throw new UnappliableEntry('undecodable', 'the entry holds no command');
}

function takeUp(type: string, fields: unknown[]): Command | undefined {
  const [first, at, by, kind, id, ...rest] = fields;
  // The one place where decoded data gets its type; see above why it is trusted.
  const as = <Kind extends Command>(command: unknown): Kind => command as Kind;
  switch (type) {
    case 'create':
      return as<CreateCommand>({
        type,
        requestId: first,
        at,
        by,
        kind,
        id,
        name: rest[0],
        tags: rest[1],
        spec: rest[2],
      });
    case 'update':
      return as<UpdateCommand>({ type, requestId: first, at, by, kind, id, version: rest[0], patch: rest[1] });
    case 'delete':
      return as<DeleteCommand>({ type, requestId: first, at, by, kind, id, version: rest[0] });
    case 'import':
      return as<ImportCommand>({ type, requestId: first, at, by, entity: kind });
    case 'gate.raise':
      return as<GateRaiseCommand>({ type, gate: first, version: at, at: by });
    case 'operation.put':
      return as<OperationPutCommand>({ type, revision: first, operation: at });
    case 'member.describe':
      return as<MemberDescribeCommand>({ type, member: first });
    case 'timeline.begin':
      return as<TimelineBeginCommand>({ type, timeline: first });
    case 'model.restore':
      return as<RestoreCommand>({ type, operation: first, sha256: at, timeline: by });
    case 'noop':
      return { type };
    default:
      return undefined;
  }
}

// --------------------------------------------------------------------------------------------- changes of membership

/** What a change of membership carries in its `context`: who the members are that it adds. */
export interface MembershipContext {
  readonly members: readonly Member[];
}

export function encodeMembershipContext(context: MembershipContext): Uint8Array {
  return encoder.encode([1, context.members]);
}

/** @throws UnappliableEntry */
export function decodeMembershipContext(
  data: Uint8Array | undefined,
  formatMax: number = supportedVersions.max,
): MembershipContext {
  // A change that the core proposes by itself (leaving a joint configuration) carries nothing.
  if (data === undefined || data.length === 0) return { members: [] };
  const [format, members] = decodeArray(data);
  if (typeof format === 'number' && format > formatMax)
    throw new UnappliableEntry('newer', `the log holds a change of membership of format ${format}`);
  return { members: members as readonly Member[] };
}
