/**
 * The verbs of the API, as data: what each asks, what it answers, whom to ask. The controller's dispatcher, the client and
 * docs/protocol.md are all made from this table.
 */
import { z } from 'zod';
import { wireErrorSchema } from '../errors.js';
import { nodeIdSchema } from '../identifiers.js';
import { logLevels } from '../log-line.js';
import { positionSchema } from '../position.js';
import {
  entityDraftSchema,
  entityIdSchema,
  entityKindSchema,
  entityPatchSchema,
  entitySchema,
  modelChangeSchema,
} from './model.js';
import {
  operationPlanSchema,
  operationViewSchema,
  originSchema,
  sha256Schema,
  workflowParametersSchema,
} from './operations.js';
import { routerViewSchema } from './router.js';
import { memberSchema, nodeStatusSchema } from './status.js';

interface Verb {
  /** One sentence. */
  readonly summary: string;
  /** `leader`: needs the leader. `any`: any member answers. `node`: about one controller, asked by its id. */
  readonly to: 'leader' | 'any' | 'node';
  /** Whether it changes something: then the request id makes a retry harmless. */
  readonly changes: boolean;
  /** The protocol version that brought it; absent: the first. */
  readonly since?: number;
  /** It may take long: whoever asked again while it is at it would only make it begin again. */
  readonly takesLong?: true;
  readonly params: z.ZodType;
  readonly result: z.ZodType;
}

/** One file, as it says of itself; null where it cannot be read. */
export const snapshotViewSchema = z.object({
  name: z.string(),
  path: z.string(),
  sizeBytes: z.number(),
  position: positionSchema.nullable(),
  createdAt: z.number().nullable(),
  /** The controller that wrote it. */
  createdBy: z.string().nullable(),
  /** `manual`: asked for; `scheduled`: by the schedule; `automatic`: before something that replaced the model. */
  origin: z.enum(['manual', 'scheduled', 'automatic', 'transfer']).nullable(),
  /** What is wrong with it. */
  problem: z.string().nullable(),
});
export type SnapshotView = z.infer<typeof snapshotViewSchema>;

const written = z.object({ entity: entitySchema, position: positionSchema });
const none = z.object({});

/** A file in a controller's folder for backups. */
const backupNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, 'must be a file name of A-Z a-z 0-9 _ . -');

/** Bytes of a file that one request carries at most: as base64 it is well under NATS's default `max_payload` of 1 MiB. */
export const uploadChunkBytesMax = 384 * 1024;

export const logLevelSchema = z.enum(logLevels);

/** How far a controller is with a file that is to be restored. `ready`: whole, read and checked. */
export const stagedStateSchema = z.enum(['missing', 'receiving', 'verifying', 'ready', 'failed']);

export const apiVerbs = {
  'status.get': {
    summary: 'The status of the controller that is asked.',
    to: 'node',
    changes: false,
    params: none,
    result: nodeStatusSchema,
  },
  'members.list': {
    summary: 'The committed configuration and its members.',
    to: 'leader',
    changes: false,
    params: none,
    result: z.object({
      position: positionSchema,
      members: z.array(memberSchema.extend({ role: z.enum(['voter', 'learner']) })),
      removed: z.array(z.string()),
      leader: z.string(),
    }),
  },
  'routers.list': {
    summary: 'The routers that the controllers have heard of, in the order of their ids, in pages.',
    to: 'leader',
    changes: false,
    params: z.object({
      /** Ids greater than this one. */
      after: z.string().max(64).optional(),
      limit: z.int().min(1).max(1000).default(500),
    }),
    result: z.object({ routers: z.array(routerViewSchema), more: z.boolean() }),
  },
  'model.create': {
    summary: 'Creates an entity.',
    to: 'leader',
    changes: true,
    params: entityDraftSchema,
    result: written,
  },
  'model.import': {
    summary:
      'Creates an entity as it was elsewhere, with its id, version and times; where it is there already, the very same, nothing happens. Refused with `gate-closed` until all members understand it.',
    to: 'leader',
    changes: true,
    since: 2,
    params: z.object({ entity: entitySchema }),
    result: written.extend({
      /** It was there already; false for a retry of the request that made it. */
      existed: z.boolean(),
    }),
  },
  'model.update': {
    summary: 'Changes an entity; with `version`, only if it still has that version.',
    to: 'leader',
    changes: true,
    params: z.object({
      kind: entityKindSchema,
      id: entityIdSchema,
      version: z.int().min(1).optional(),
      patch: entityPatchSchema,
    }),
    result: written,
  },
  'model.delete': {
    summary: 'Deletes an entity; with `version`, only if it still has that version.',
    to: 'leader',
    changes: true,
    params: z.object({ kind: entityKindSchema, id: entityIdSchema, version: z.int().min(1).optional() }),
    result: written,
  },
  'model.get': {
    summary: 'One entity by id or name. Linearizable unless `stale` is set.',
    to: 'leader',
    changes: false,
    params: z.object({
      kind: entityKindSchema,
      id: entityIdSchema.optional(),
      name: z.string().optional(),
      stale: z.boolean().default(false),
    }),
    result: z.object({ entity: entitySchema, position: positionSchema }),
  },
  'model.list': {
    summary: 'Entities of a kind in the order of their ids, in pages. Linearizable unless `stale` is set.',
    to: 'leader',
    changes: false,
    params: z.object({
      kind: entityKindSchema,
      /** Only entities whose name or id holds this text. */
      filter: z.string().max(256).optional(),
      /** Ids greater than this one. */
      after: z.string().max(128).optional(),
      limit: z.int().min(1).max(1000).default(200),
      stale: z.boolean().default(false),
    }),
    result: z.object({ entities: z.array(entitySchema), position: positionSchema, more: z.boolean() }),
  },
  'model.changes': {
    summary:
      'Changes of the model after an index, oldest first; refused with `snapshot-required` where the journal no longer reaches back.',
    to: 'any',
    changes: false,
    params: z.object({ after: positionSchema.nullable(), limit: z.int().min(1).max(1000).default(200) }),
    result: z.object({ changes: z.array(modelChangeSchema), position: positionSchema, more: z.boolean() }),
  },
  'model.hash': {
    summary:
      'The hash of the whole model of the member that is asked, at exactly `index`, to compare members; null where it had passed that index, or did not come to it.',
    to: 'node',
    changes: false,
    params: z.object({
      /** Without it: where the model stands. */
      index: z.int().min(0).optional(),
      /** How long to wait for an index that is not applied yet. */
      waitMs: z.int().min(0).max(5000).default(1000),
    }),
    result: z.object({
      /** Where the model stood: at `index`, or where it was when it missed it. */
      position: positionSchema,
      sha256: z.string().nullable(),
      /** Of the entities alone, as an export carries it; controllers of protocol version 1 do not say. */
      entitiesSha256: z.string().optional(),
    }),
  },
  'model.compare': {
    summary:
      'The leader compares the models of all members now, and not only on its schedule: its alarm is raised, or ends. The answer comes when it begins.',
    to: 'leader',
    changes: false,
    since: 2,
    params: z.object({}),
    result: z.object({}),
  },
  'snapshot.create': {
    summary: 'Writes a snapshot of the model to a file on the controller that is asked.',
    to: 'node',
    changes: true,
    params: z.object({
      /** Name of the file, in the controller's folder for backups; made from the time where none is given. */
      name: backupNameSchema.optional(),
    }),
    result: z.object({ path: z.string(), sizeBytes: z.number(), sha256: z.string(), position: positionSchema }),
  },
  'snapshot.list': {
    summary:
      'The snapshots that lie on the controller that is asked: in its folder for backups, and where the schedule writes.',
    to: 'node',
    changes: false,
    params: none,
    result: z.object({ snapshots: z.array(snapshotViewSchema) }),
  },
  'snapshot.verify': {
    summary: 'Reads a snapshot on the controller that is asked whole, and checks it; refused with `snapshot-invalid`.',
    to: 'node',
    changes: true,
    params: z.object({
      /** As `snapshot.list` names it. */
      name: z.string().min(1).max(255),
    }),
    result: snapshotViewSchema.extend({ sha256: z.string() }),
  },
  'recovery.begin': {
    summary:
      'The quorum is lost for good: the controller that is asked goes on alone, on a new timeline. Refused where it hears a leader or a quorum of the voters, where it is no voter, and where a member that it hears holds more, unless that one is named.',
    to: 'node',
    changes: true,
    params: z.object({
      /** Reachable members that hold more than this one, and are left behind nevertheless. */
      leaveBehind: z.array(nodeIdSchema).max(128).default([]),
    }),
    result: z.object({
      /** Where the new timeline begins. */
      position: positionSchema,
      /** Of the last entry that its log held. */
      lastIndex: z.int(),
      /** Entries that were kept although they were not known to be committed. */
      uncommittedKept: z.int(),
      /** Members of before, which are removed now. */
      removed: z.array(z.string()),
      /** Snapshot of the model as it was, on the controller. */
      backup: z.string(),
    }),
  },
  'restore.stage': {
    summary:
      'Gives the leader the file that is to be restored, piece by piece, and says how far it is; a file that a member has already is fetched from there. The last file that was given takes the place of the one before.',
    to: 'leader',
    changes: true,
    params: z.object({
      /** Of the whole file. */
      sha256: sha256Schema,
      sizeBytes: z.int().min(1),
      /** A piece; it is taken where it begins at `receivedBytes`. Without it: how far is it? */
      chunk: z
        .object({
          offset: z.int().min(0),
          /** Base64. */
          data: z.base64().max(Math.ceil(uploadChunkBytesMax / 3) * 4),
        })
        .optional(),
    }),
    result: z.object({
      node: nodeIdSchema,
      state: stagedStateSchema,
      /** Where the next piece begins. */
      receivedBytes: z.int().min(0),
    }),
  },
  'restore.take': {
    summary:
      'Makes ready, on the controller that is asked, a file in its folder for backups that is to be restored; the leader fetches it from there.',
    to: 'node',
    changes: true,
    params: z.object({ name: backupNameSchema }),
    result: z.object({ sha256: sha256Schema, sizeBytes: z.int(), state: stagedStateSchema }),
  },
  'operation.plan': {
    summary: 'Runs the checks of a workflow and says what it would change.',
    to: 'leader',
    takesLong: true,
    changes: false,
    params: workflowParametersSchema,
    result: operationPlanSchema,
  },
  'operation.start': {
    summary: 'Starts a workflow; refused with `check-failed` where a check fails.',
    to: 'leader',
    takesLong: true,
    changes: true,
    params: workflowParametersSchema,
    result: operationViewSchema,
  },
  'operation.cancel': {
    summary:
      'Cancels an operation that is under way: what it has done is taken back. Answers when that is replicated; refused with `not-cancellable` from the step on that cannot be taken back.',
    to: 'leader',
    changes: true,
    since: 2,
    params: z.object({ id: z.string() }),
    result: operationViewSchema,
  },
  'operation.plan-resume': {
    summary: 'Says how an operation that failed would go on, and runs the checks for that.',
    to: 'leader',
    takesLong: true,
    changes: false,
    since: 2,
    params: z.object({ id: z.string() }),
    result: operationPlanSchema.extend({
      /** `anew`: from the beginning; `forward`: from where it failed; `back`: on with taking back; `none`: it runs. */
      how: z.enum(['anew', 'forward', 'back', 'none']),
    }),
  },
  'operation.resume': {
    summary:
      'Lets an operation that has failed go on, or one that has halted; refused with `not-resumable` where it cannot, with `check-failed` where a check fails.',
    to: 'leader',
    takesLong: true,
    changes: true,
    since: 2,
    params: z.object({ id: z.string() }),
    result: operationViewSchema,
  },
  'log.level': {
    summary:
      'Sets which lines the controller that is asked writes to its log, until it is set again or started anew, or for a time; without `level`: says which.',
    to: 'node',
    changes: true,
    since: 2,
    params: z.object({
      level: logLevelSchema.optional(),
      /** Then back to the level that it was started with. */
      forMs: z.int().min(1_000).max(86_400_000).optional(),
    }),
    result: z.object({
      level: logLevelSchema,
      /** When it goes back, in milliseconds since 1970; null: not by itself. */
      until: z.number().nullable(),
    }),
  },
  'operation.get': {
    summary: 'The record of one operation.',
    to: 'leader',
    changes: false,
    params: z.object({ id: z.string() }),
    result: operationViewSchema,
  },
  'operation.list': {
    summary: 'Operations, newest first.',
    to: 'leader',
    changes: false,
    params: z.object({ limit: z.int().min(1).max(100).default(20) }),
    result: z.object({ operations: z.array(operationViewSchema) }),
  },
} as const satisfies Record<string, Verb>;

/** The protocol version that brought a verb. */
export function sinceOf(verb: ApiVerb): number {
  const { since = 1 }: Verb = apiVerbs[verb];
  return since;
}

export function takesLong(verb: ApiVerb): boolean {
  const given: Verb = apiVerbs[verb];
  return given.takesLong === true;
}

export type ApiVerb = keyof typeof apiVerbs;
export type ApiParams<V extends ApiVerb> = z.input<(typeof apiVerbs)[V]['params']>;
export type ApiParsedParams<V extends ApiVerb> = z.output<(typeof apiVerbs)[V]['params']>;
export type ApiResult<V extends ApiVerb> = z.output<(typeof apiVerbs)[V]['result']>;

export const requestIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{8,64}$/, 'must be 8 to 64 of the characters A-Z a-z 0-9 _ -');

export const apiRequestSchema = z.object({
  v: z.int(),
  requestId: requestIdSchema,
  /** Who asks from where, for the record of what is started. */
  origin: originSchema.optional(),
  params: z.unknown(),
});
export type ApiRequest = z.infer<typeof apiRequestSchema>;

export const apiResponseSchema = z.discriminatedUnion('ok', [
  z.object({ v: z.int(), ok: z.literal(true), node: nodeIdSchema, result: z.unknown() }),
  z.object({ v: z.int(), ok: z.literal(false), node: nodeIdSchema, error: wireErrorSchema }),
]);
export type ApiResponse = z.infer<typeof apiResponseSchema>;
