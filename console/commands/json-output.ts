/**
 * What commands print with `--json`, as schemas: docs/json.md is made from them, and the tests hold what is printed against
 * them. A field that is here stays, with its meaning; fields may be added.
 */
import { z } from 'zod';
import { wireErrorSchema } from '../../messaging/errors.js';
import { positionSchema } from '../../messaging/position.js';
import { versionRangeSchema } from '../../messaging/protocol.js';
import { eventSchema } from '../../messaging/schemas/events.js';
import { entitySchema } from '../../messaging/schemas/model.js';
import { operationPlanSchema, operationViewSchema } from '../../messaging/schemas/operations.js';
import { routerViewSchema } from '../../messaging/schemas/router.js';
import { nodeStatusSchema } from '../../messaging/schemas/status.js';
import { contextKeys } from '../config/contexts.js';
import * as local from './json-output-local.js';

export interface JsonOutput {
  readonly schema: z.ZodType;
  /** By which name the schema stands in this file, for the comments of its fields. */
  readonly source: string;
  /** One document a line, as things happen. */
  readonly lines?: boolean;
  /** What it is where this flag is given, if that is something else. */
  readonly withFlag?: Readonly<Record<string, z.ZodType>>;
  readonly note?: string;
}

const levelSchema = z.enum(['ok', 'info', 'warn', 'bad']);

const statusSchema = z.object({
  /** When it was judged; milliseconds since 1970. */
  at: z.number(),
  cluster: z.string(),
  health: z.object({
    level: levelSchema,
    sentence: z.string(),
    /** How many more voters may fail; null while nobody can know. */
    failuresSurvived: z.int().nullable(),
    /** Worst first. */
    reasons: z.array(
      z.object({
        /** Stable name, e.g. `member-silent`. */
        code: z.string(),
        level: levelSchema,
        sentence: z.string(),
        /** What to do; empty where nothing needs to be done. */
        remedy: z.string(),
        /** The controller that it is about. */
        node: z.string().nullable(),
        /** Since when it is raised, where a controller says so. */
        since: z.number().nullable().optional(),
      }),
    ),
  }),
  controllers: z.array(nodeStatusSchema),
});

const membersSchema = z.object({
  /** Null where no leader answers; so is `position`. */
  leader: z.string().nullable(),
  position: positionSchema.nullable(),
  members: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      role: z.enum(['voter', 'learner', 'joining', 'leaving']),
      leads: z.boolean(),
      online: z.boolean(),
      version: z.string().nullable(),
      term: z.int().nullable(),
      commit: z.int().nullable(),
      applied: z.int().nullable(),
      /** Entries behind the leader's log. */
      lag: z.int().nullable(),
      addedAt: z.number().nullable(),
    }),
  ),
  /** Controllers that wait to be joined. */
  blank: z.array(z.string()),
  /** Ids that may never be used again. */
  removed: z.array(z.string()),
});

const operationsSchema = z.object({ operations: z.array(operationViewSchema) });

const routersSchema = z.object({
  known: z.int(),
  online: z.int(),
  inSync: z.int(),
  /** Those that were asked for. */
  routers: z.array(routerViewSchema),
});

const entitiesSchema = z.object({ entities: z.array(entitySchema), position: positionSchema });
const writtenSchema = z.object({ entity: entitySchema, position: positionSchema });

const snapshotSchema = z.object({
  node: z.string(),
  /** On the controller. */
  path: z.string(),
  sizeBytes: z.number(),
  sha256: z.string(),
  position: positionSchema,
});

const verifySchema = z.object({
  agree: z.boolean(),
  /** Where they were compared; null where fewer than two were. */
  position: positionSchema.nullable(),
  groups: z.array(z.object({ sha256: z.string(), nodes: z.array(z.string()) })),
  agreeing: z.array(z.string()),
  /** The minority, or all where there is no majority. */
  differing: z.array(z.string()),
  missing: z.array(z.object({ node: z.string(), reason: z.string() })),
});

const contextSchema = z.partialRecord(z.enum(contextKeys), z.union([z.string(), z.array(z.string())]));
const contextsSchema = z.object({
  /** The one in use. */
  current: z.string().nullable(),
  /** By name; each by keys of the config file. Credentials are named by their file. */
  contexts: z.record(z.string(), contextSchema),
});

const supportBundleSchema = z.object({
  path: z.string(),
  sizeBytes: z.int(),
  files: z.array(z.object({ name: z.string(), sizeBytes: z.int() })),
  /** What could not be gathered, and why. */
  missing: z.array(z.object({ name: z.string(), error: z.object({ code: z.string(), message: z.string() }) })),
});

const versionSchema = z.object({
  version: z.string(),
  protocol: versionRangeSchema,
  node: z.string(),
  platform: z.string(),
});

/** On stderr, with exit code 1 or 2. */
export const errorOutputSchema = z.object({ error: wireErrorSchema });

const operation: JsonOutput = { schema: operationViewSchema, source: 'operationViewSchema' };
const planned: JsonOutput = {
  ...operation,
  withFlag: { 'dry-run': operationPlanSchema },
  note: 'With `--dry-run` it is an [operation plan](protocol.md#operation-plan) instead.',
};
const written: JsonOutput = {
  schema: writtenSchema,
  source: 'writtenSchema',
  note: 'Where a file holds several documents: one a line.',
};
const watched = 'With `--watch` one such object a line.';

/** By the words of the command. */
export const jsonOutputs: Readonly<Record<string, JsonOutput>> = {
  status: { schema: statusSchema, source: 'statusSchema', note: watched },
  members: { schema: membersSchema, source: 'membersSchema', note: watched },
  'members join': planned,
  'members remove': planned,
  'members transfer': planned,
  'members replace': planned,
  'members promote': planned,
  'members demote': planned,
  migrate: planned,
  upgrade: { ...planned, note: `${planned.note} Without an ID one such object for each member, one after the other.` },
  restore: {
    ...planned,
    withFlag: { from: local.restoreFromSchema, 'dry-run': operationPlanSchema },
    note: `${planned.note} With \`--from\`, which begins a new cluster: \`{ directory, node, cluster, start, file, entities, clusterId, position, restored }\`.`,
  },
  operations: { schema: operationsSchema, source: 'operationsSchema', note: watched },
  'operations list': { schema: operationsSchema, source: 'operationsSchema', note: watched },
  'operations show': operation,
  'operations watch': operation,
  'operations cancel': operation,
  'operations resume': {
    ...planned,
    note: 'With `--dry-run` it is an [operation plan](protocol.md#operation-plan) instead, with `how`: `anew`, `forward`, `back` or `none`.',
  },
  routers: { schema: routersSchema, source: 'routersSchema', note: watched },
  'model list': {
    schema: entitiesSchema,
    source: 'entitiesSchema',
    note: 'Without a kind: `{ "counts": { KIND: number } }`.',
  },
  'model get': { schema: writtenSchema, source: 'writtenSchema' },
  'model create': written,
  'model update': written,
  'model edit': { schema: writtenSchema, source: 'writtenSchema' },
  'model delete': { schema: writtenSchema, source: 'writtenSchema', note: 'The entity is what it was.' },
  events: { schema: eventSchema, source: 'eventSchema', lines: true },
  'snapshot create': { schema: snapshotSchema, source: 'snapshotSchema' },
  verify: { schema: verifySchema, source: 'verifySchema' },
  'context list': { schema: contextsSchema, source: 'contextsSchema' },
  'support-bundle': { schema: supportBundleSchema, source: 'supportBundleSchema' },
  version: { schema: versionSchema, source: 'versionSchema' },
  demo: {
    schema: local.demoSchema,
    source: 'demoSchema',
    lines: true,
    withFlag: { stop: local.demoStoppedSchema },
    note: 'With `--stop`: `{ stopped, dataDirectory }`, how many processes were ended.',
  },
  export: {
    schema: local.exportSchema,
    source: 'exportSchema',
    withFlag: { file: local.exportedSchema },
    note: 'With `--file`: `{ file, position, counts, entitiesSha256 }`.',
  },
  import: { schema: local.importSchema, source: 'importSchema' },
  'snapshot list': { schema: local.snapshotsSchema, source: 'snapshotsSchema' },
  'snapshot inspect': { schema: local.snapshotFileSchema, source: 'snapshotFileSchema' },
  'snapshot verify': { schema: local.verifiedSnapshotSchema, source: 'verifiedSnapshotSchema' },
  'context add': { schema: local.contextAddedSchema, source: 'contextAddedSchema' },
  'context use': { schema: local.contextUsedSchema, source: 'contextUsedSchema' },
  'context remove': { schema: local.contextRemovedSchema, source: 'contextRemovedSchema' },
  'log-level': { schema: local.logLevelSchema, source: 'logLevelSchema' },
  'check nats': { schema: local.natsCheckSchema, source: 'natsCheckSchema' },
  doctor: { schema: local.doctorSchema, source: 'doctorSchema' },
  reset: { schema: local.resetSchema, source: 'resetSchema' },
  recover: { schema: local.recoverSchema, source: 'recoverSchema' },
  'router enrol': { schema: local.routerEnrolSchema, source: 'routerEnrolSchema' },
  'auth init': { schema: local.authInitSchema, source: 'authInitSchema' },
  'auth add': { schema: local.authAddSchema, source: 'authAddSchema' },
  'auth revoke': { schema: local.authRevokeSchema, source: 'authRevokeSchema' },
  'auth rotate': { schema: local.authRotateSchema, source: 'authRotateSchema' },
  'auth list': { schema: local.authListSchema, source: 'authListSchema' },
  'auth enrol': { schema: local.authEnrolSchema, source: 'authEnrolSchema' },
  'auth certificate': { schema: local.authCertificateSchema, source: 'authCertificateSchema' },
};
