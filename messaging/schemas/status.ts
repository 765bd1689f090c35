/** What a controller says of itself on `status.<node>`: on change and once a second. */
import { z } from 'zod';
import { nodeIdSchema } from '../identifiers.js';
import { positionSchema, timelineSchema } from '../position.js';
import { versionRangeSchema } from '../protocol.js';
import { orNewer } from './newer.js';

export const configurationSchema = z.object({
  voters: z.array(z.string()),
  votersOutgoing: z.array(z.string()),
  learners: z.array(z.string()),
  learnersNext: z.array(z.string()),
});
export type ConfigurationView = z.infer<typeof configurationSchema>;

/** What the leader knows of one member's replication. */
export const progressSchema = z.object({
  id: z.string(),
  state: orNewer(z.enum(['probe', 'replicate', 'snapshot'])),
  match: z.int(),
  next: z.int(),
  /** Entries that the member is behind the leader's log. */
  lag: z.int(),
  /** Milliseconds since the member was last heard; null: never since this leader was elected. */
  lastContactMs: z.number().nullable(),
  active: z.boolean(),
});
export type ProgressView = z.infer<typeof progressSchema>;

export const raftRoleSchema = z.enum(['leader', 'follower', 'candidate', 'pre-candidate', 'learner']);
export type RaftRole = z.infer<typeof raftRoleSchema>;

export const alarmSchema = z.object({
  code: z.string(),
  severity: orNewer(z.enum(['warning', 'error'])),
  message: z.string(),
  remedy: z.string(),
  since: z.number(),
});
export type Alarm = z.infer<typeof alarmSchema>;

/** A member as the model knows it. */
export const memberSchema = z.object({
  id: z.string(),
  name: z.string(),
  version: z.string(),
  protocol: versionRangeSchema,
  /** NATS servers through which routers reach it. */
  addresses: z.array(z.string()),
  addedAt: z.number(),
});
export type Member = z.infer<typeof memberSchema>;

export const nodeStateSchema = z.enum(['starting', 'blank', 'standalone', 'member', 'removed', 'damaged', 'stopping']);
export type NodeState = z.infer<typeof nodeStateSchema>;

export const backupStatusSchema = z.object({
  directory: z.string(),
  /** Milliseconds from the beginning of one to the beginning of the next. */
  everyMs: z.number(),
  /** So many are kept. */
  keep: z.int(),
  /** The last one that was written and verified; null: none yet. */
  last: z.object({ at: z.number(), path: z.string(), sizeBytes: z.number(), position: positionSchema }).nullable(),
  /** When and why the last attempt failed; null where it did not. */
  failure: z.object({ at: z.number(), code: z.string(), message: z.string() }).nullable(),
  /** When the next one is due. */
  nextAt: z.number(),
});
export type BackupStatus = z.infer<typeof backupStatusSchema>;

export const nodeStatusSchema = z.object({
  v: z.int(),
  cluster: z.string(),
  /** Made when the cluster was first initialised; null on a blank controller. */
  clusterId: z.string().nullable(),
  node: nodeIdSchema,
  name: z.string(),
  /** Rises at each start of this controller; tells a restart from a late message. */
  incarnation: z.int(),
  version: z.string(),
  protocol: versionRangeSchema,
  /** NATS servers through which routers reach it. */
  addresses: z.array(z.string()),
  /** Where it serves health and metrics over HTTP, as `127.0.0.1:4280`; null: nowhere. */
  http: z.string().nullable().default(null),
  state: orNewer(nodeStateSchema),
  /** Among members that are well, the one with the highest leads. */
  priority: z.int().min(0).default(0),
  /** Milliseconds since 1970. */
  at: z.number(),
  startedAt: z.number(),
  /** Rises with each status of this incarnation. */
  sequence: z.int(),
  position: positionSchema.nullable(),
  /**
   * The newest timeline that a log of this cluster is known here to have begun with: of a member, that of its own log; of one
   * that recovery has left behind, the one that took its place.
   */
  logTimeline: timelineSchema.nullable().default(null),
  raft: z
    .object({
      role: orNewer(raftRoleSchema),
      term: z.int(),
      leader: z.string().nullable(),
      firstIndex: z.int(),
      lastIndex: z.int(),
      /** Of the last entry of its log: with `lastIndex`, how up to date it is. */
      lastTerm: z.int().default(0),
      commit: z.int(),
      applied: z.int(),
      configuration: configurationSchema,
      /** Leader only. */
      progress: z.array(progressSchema),
      transferringTo: z.string().nullable(),
      /** Whether this member hears a quorum: as leader of its voters, as follower of a leader. */
      hasQuorum: z.boolean(),
    })
    .nullable(),
  members: z.array(memberSchema),
  /** Feature gates that are raised, by name; controllers of protocol version 1 know of none. */
  gates: z.array(z.string()).default([]),
  /** Highest model change that this controller, as leader, has published. */
  publishedIndex: z.int(),
  /** Changes of the list of controllers; rises with each committed change of membership. */
  routers: z.object({ online: z.int(), known: z.int() }),
  /** Counted since start; rates are made by whoever reads two of them. */
  counters: z.record(z.string(), z.number()),
  /** Measured over the last minute; milliseconds. */
  latency: z.object({
    commitP50Ms: z.number().nullable(),
    commitP99Ms: z.number().nullable(),
    syncP50Ms: z.number().nullable(),
    syncP99Ms: z.number().nullable(),
  }),
  storage: z
    .object({ raftBytes: z.number(), modelBytes: z.number(), entities: z.record(z.string(), z.int()) })
    .nullable(),
  /** Scheduled backups; null where none are configured. */
  backup: backupStatusSchema.nullable().default(null),
  /** What the connection to NATS lacks, although it goes beyond this machine: it was started with --insecure. */
  insecure: z.array(z.string()).default([]),
  operation: z.string().nullable(),
  alarms: z.array(alarmSchema),
  /** Settings that were given and have no effect, by name, e.g. `bootstrap`. */
  ignoredSettings: z.array(z.string()),
});
export type NodeStatus = z.infer<typeof nodeStatusSchema>;
