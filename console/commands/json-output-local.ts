/**
 * What commands about files, credentials and one controller print with `--json`, as schemas; those about the cluster stand in
 * `json-output.ts`.
 */
import { z } from 'zod';
import { positionSchema, timelineSchema } from '../../messaging/position.js';
import { snapshotViewSchema } from '../../messaging/schemas/api.js';
import { eventSchema } from '../../messaging/schemas/events.js';
import { entitySchema } from '../../messaging/schemas/model.js';
import { findingSchema } from '../../messaging/schemas/operations.js';
import { nodeStatusSchema } from '../../messaging/schemas/status.js';
import { contextKeys } from '../config/contexts.js';

const remarkSchema = z.object({ kind: z.string(), name: z.string(), why: z.string() });
const countsSchema = z.record(z.string(), z.number());

export const demoSchema = z.union([
  z.object({
    type: z.literal('ready'),
    nats: z.string(),
    cluster: z.string(),
    dataDirectory: z.string(),
    configFile: z.string(),
    /** Of each process, by its name. */
    pids: z.record(z.string(), z.int()),
  }),
  z.object({
    type: z.literal('status'),
    at: z.number(),
    health: z.looseObject({ level: z.string(), sentence: z.string() }),
    /** Null where nobody could be asked. */
    routers: z.object({ known: z.int(), online: z.int(), inSync: z.int() }).nullable(),
    controllers: z.array(nodeStatusSchema),
  }),
  z.object({ type: z.literal('event'), event: eventSchema }),
]);

export const demoStoppedSchema = z.object({
  /** Processes that were ended. */
  stopped: z.int(),
  dataDirectory: z.string(),
});

export const exportSchema = z.object({
  format: z.string(),
  formatVersion: z.int(),
  cluster: z.string(),
  clusterId: z.string().nullable(),
  position: positionSchema,
  /** ISO 8601. */
  exportedAt: z.string(),
  softwareVersion: z.string(),
  counts: countsSchema,
  /** Of the entities, so that a file that was cut or changed is found. */
  entitiesSha256: z.string(),
  entities: z.array(entitySchema),
});

export const exportedSchema = exportSchema
  .pick({ position: true, counts: true, entitiesSha256: true })
  .extend({ file: z.string() });

export const importSchema = z.object({
  /** What the file is, for people. */
  source: z.string(),
  /** How many are taken, by kind. */
  create: countsSchema,
  /** How many are in the model already, the same. */
  there: countsSchema,
  leftOut: z.array(remarkSchema),
  /** Taken, but not as it was. */
  changed: z.array(remarkSchema),
  notes: z.array(z.string()),
  /** This and what follows: not with `--dry-run`. */
  imported: z.int().optional(),
  existed: z.int().optional(),
  refused: z.array(remarkSchema).optional(),
  /** Each entity that was to come was seen in the model, the same. */
  verified: z.boolean().optional(),
  position: positionSchema.optional(),
  /** How long the requests took, in milliseconds. */
  tookMs: z.int().optional(),
});

export const snapshotsSchema = z.object({
  /** Newest first. */
  snapshots: z.array(snapshotViewSchema.extend({ node: z.string() })),
  /** Controllers that could not be asked. */
  silent: z.array(z.object({ node: z.string(), reason: z.string() })),
});

export const snapshotFileSchema = z.object({
  path: z.string(),
  sizeBytes: z.int(),
  sha256: z.string(),
  manifest: z.looseObject({
    formatVersion: z.int(),
    schemaVersion: z.int(),
    softwareVersion: z.string(),
    clusterName: z.string(),
    createdAt: z.number(),
    createdBy: z.string(),
    origin: z.string(),
    meta: z.looseObject({
      clusterId: z.string(),
      position: positionSchema,
      /** With which the log began. */
      logTimeline: timelineSchema,
      term: z.int(),
      configuration: z.looseObject({ voters: z.array(z.string()), learners: z.array(z.string()) }),
    }),
    countByKind: countsSchema,
    contentSha256: z.string(),
  }),
});

export const verifiedSnapshotSchema = snapshotViewSchema.omit({ name: true, problem: true }).extend({
  /** Null for a file here. */
  node: z.string().nullable(),
  sha256: z.string(),
});

/** A context as the config file has it. */
const contextValuesSchema = z.partialRecord(z.enum(contextKeys), z.union([z.string(), z.array(z.string())]));
export const contextAddedSchema = z.object({
  name: z.string(),
  /** Whether it is the one in use now. */
  current: z.boolean(),
  context: contextValuesSchema,
});
export const contextUsedSchema = z.object({ current: z.string() });
export const contextRemovedSchema = z.object({ removed: z.string(), current: z.string().nullable() });

export const logLevelSchema = z.object({
  node: z.string(),
  level: z.string(),
  /** When it goes back; null: not by itself. */
  until: z.number().nullable(),
});

export const natsCheckSchema = z.object({
  role: z.string(),
  name: z.string(),
  /** What could not be learned of a server is null. */
  servers: z.array(
    z.object({
      url: z.string(),
      version: z.string().nullable(),
      serverName: z.string().nullable(),
      cluster: z.string().nullable(),
      maxPayload: z.number().nullable(),
      tls: z.boolean().nullable(),
      roundTripMs: z.number().nullable(),
    }),
  ),
  findings: z.array(findingSchema),
});

const contentsSchema = z.object({
  cluster: z.string().nullable(),
  clusterId: z.string().nullable(),
  node: z.string().nullable(),
  membership: z.enum(['blank', 'contacted', 'joining', 'voter', 'learner', 'removed', 'standalone', 'unknown']),
  position: positionSchema.nullable(),
  /** As far as this directory knows; 0 where it knows none. */
  voters: z.int(),
  damage: z.array(z.string()),
});

export const doctorSchema = z.object({
  directory: z.string(),
  contents: contentsSchema,
  findings: z.array(findingSchema),
  /** How a controller would start on it: docs/start-up.md. */
  start: z.looseObject({ outcome: z.string(), rule: z.string() }),
});

export const resetSchema = z.object({
  directory: z.string(),
  found: contentsSchema,
  warnings: z.array(z.string()),
  /** What must be typed. */
  confirmation: z.string(),
  /** False with `--dry-run`. */
  reset: z.boolean(),
  /** Where what was there is kept. */
  backup: z.string().nullable(),
});

export const recoverSchema = z.object({
  /** The survivor that goes on. */
  node: z.string(),
  /** False with `--dry-run`; then the last five are null. */
  recovered: z.boolean(),
  survivors: z.array(
    z.object({
      node: z.string(),
      membership: z.enum(['voter', 'learner', 'none']),
      lastTerm: z.int(),
      lastIndex: z.int(),
      commit: z.int(),
      applied: z.int(),
      timeline: timelineSchema.nullable(),
      leader: z.string().nullable(),
      /** False where damaged entries were dropped from its log and have not come again. */
      logWhole: z.boolean(),
    }),
  ),
  /** Voters that are not heard. */
  missing: z.array(z.string()),
  /** Sentences. */
  mayBeLost: z.array(z.string()),
  position: positionSchema.nullable(),
  lastIndex: z.int().nullable(),
  /** Entries that were kept although they were not known to be committed. */
  uncommittedKept: z.int().nullable(),
  removed: z.array(z.string()).nullable(),
  /** Snapshot of the model as it was. */
  backup: z.string().nullable(),
});

const roleSchema = z.enum(['controller', 'router', 'operator', 'registrar']);
const reloadSchema = z.object({
  done: z.boolean(),
  /** What happened, or what is to be done by hand. */
  sentence: z.string(),
});
const appliedFields = {
  reload: reloadSchema,
  /** Whether NATS was seen to act by it; null where it could not be tried from here. */
  seen: z.boolean().nullable(),
};
const accessSchema = z.enum(['admin', 'read-only']);

export const routerEnrolSchema = z.object({ router: z.string(), publicKey: z.string(), configFile: z.string() });

export const authInitSchema = z.object({
  directory: z.string(),
  cluster: z.string(),
  /** Of nats-server. */
  configuration: z.string(),
  authority: z.string(),
  identities: z.array(
    z.object({
      role: roleSchema,
      name: z.string(),
      access: accessSchema.nullable(),
      publicKey: z.string(),
      seedFile: z.string(),
    }),
  ),
});
export const authAddSchema = z.object({
  role: roleSchema,
  name: z.string(),
  access: accessSchema.nullable(),
  publicKey: z.string(),
  /** Null where the key was made elsewhere. */
  seedFile: z.string().nullable(),
  ...appliedFields,
});
export const authRevokeSchema = z.object({
  role: roleSchema,
  name: z.string(),
  ...appliedFields,
  /** Of a router: whether it is disabled in the model too. */
  model: z.string().nullable(),
});
export const authRotateSchema = z.object({
  role: roleSchema,
  name: z.string(),
  publicKey: z.string(),
  seedFile: z.string(),
  oldKeyIsGood: z.boolean(),
  ...appliedFields,
});
export const authListSchema = z.object({
  cluster: z.string(),
  hosts: z.array(z.string()),
  identities: z.array(
    z.looseObject({
      role: roleSchema,
      name: z.string(),
      access: accessSchema.optional(),
      publicKey: z.string(),
      /** Good still, while a key is rotated. */
      previousKey: z.string().optional(),
      createdAt: z.number(),
    }),
  ),
  revoked: z.array(z.looseObject({ role: roleSchema, name: z.string(), publicKey: z.string(), revokedAt: z.number() })),
  enrolments: z.array(z.object({ router: z.string(), expiresAt: z.number() })),
});
export const authEnrolSchema = z.object({
  router: z.string(),
  /** Secret: good once. */
  token: z.string(),
  expiresAt: z.number(),
  reload: reloadSchema,
});
export const authCertificateSchema = z.object({
  hosts: z.array(z.string()),
  /** For how long it is good. */
  days: z.int(),
  certificate: z.string(),
  reload: reloadSchema,
});

export const restoreFromSchema = z.object({
  directory: z.string(),
  node: z.string(),
  cluster: z.string(),
  /** The command that starts it. */
  start: z.string(),
  file: z.object({
    path: z.string(),
    sizeBytes: z.int(),
    sha256: z.string(),
    cluster: z.string(),
    createdAt: z.number(),
    createdBy: z.string(),
    position: positionSchema,
  }),
  entities: countsSchema,
  /** Null with `--dry-run`, and so is the position. */
  clusterId: z.string().nullable(),
  position: positionSchema.nullable(),
  restored: z.boolean(),
});
