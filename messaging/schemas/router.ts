/** What routers and controllers say to each other. Every message is JSON and carries the protocol version `v`. */
import { z } from 'zod';
import { identifierSchema } from '../identifiers.js';
import { positionSchema } from '../position.js';
import { wireErrorSchema } from '../errors.js';
import { versionRangeSchema } from '../protocol.js';
import { entitySchema, modelChangeSchema } from './model.js';

export const endpointSchema = z.object({
  id: identifierSchema,
  name: z.string(),
  /** NATS addresses where this controller can be reached. */
  addresses: z.array(z.string().min(1)).min(1),
  role: z.enum(['voter', 'learner']),
  protocol: versionRangeSchema,
});
export type Endpoint = z.infer<typeof endpointSchema>;

/** The list of controllers. At least one: the type and the schema both say so. */
export const endpointListSchema = z.object({
  v: z.int(),
  cluster: z.string(),
  clusterId: z.string(),
  position: positionSchema,
  controllers: z
    .array(endpointSchema)
    .min(1, 'is empty')
    .refine((list) => new Set(list.map((each) => each.id)).size === list.length, { error: 'names a controller twice' }),
});
export type EndpointList = z.infer<typeof endpointListSchema> & { readonly controllers: readonly [Endpoint, ...Endpoint[]] };

export const helloRequestSchema = z.object({
  router: identifierSchema,
  /** Software version of the router, for people. */
  version: z.string().max(64),
  protocol: versionRangeSchema,
  indexTypes: z.array(z.enum(['legacy', 'raft'])).min(1),
  /** Where the router stands; null: it holds nothing. */
  position: positionSchema.nullable(),
  /** Rises at each start of the router. */
  incarnation: z.int(),
});
export type HelloRequest = z.infer<typeof helloRequestSchema>;

export const helloReplySchema = z.discriminatedUnion('ok', [
  z.object({
    v: z.int(),
    ok: z.literal(true),
    controller: z.string(),
    protocolVersion: z.int(),
    heartbeatMs: z.number(),
    endpoints: endpointListSchema,
    /** Where the answering controller's model stands. */
    position: positionSchema,
  }),
  z.object({ v: z.int(), ok: z.literal(false), error: wireErrorSchema }),
]);
export type HelloReply = z.infer<typeof helloReplySchema>;

export const heartbeatSchema = z.object({
  v: z.int(),
  router: identifierSchema,
  incarnation: z.int(),
  position: positionSchema.nullable(),
  endpointsIndex: z.int(),
  version: z.string().max(64),
  /** Counted by the router since its start, e.g. `events`, `gaps`, `duplicates`, `resyncs`. */
  counters: z.record(z.string(), z.number()),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;

/** Asks for what is missing: changes after `position`, or the model in pages. */
export const syncRequestSchema = z.object({
  v: z.int(),
  router: identifierSchema,
  want: z.discriminatedUnion('what', [
    z.object({ what: z.literal('changes'), after: positionSchema }),
    z.object({
      what: z.literal('model'),
      /** Where the page before ended, with the position of the first page: all pages must stand at one position. */
      cursor: z.string().max(512).nullable(),
    }),
  ]),
});
export type SyncRequest = z.infer<typeof syncRequestSchema>;

export const syncReplySchema = z.discriminatedUnion('what', [
  z.object({
    v: z.int(),
    what: z.literal('changes'),
    changes: z.array(modelChangeSchema),
    /** Where the controller stands; the router is up to date when it has reached it. */
    position: positionSchema,
    more: z.boolean(),
  }),
  z.object({
    v: z.int(),
    what: z.literal('model'),
    position: positionSchema,
    entities: z.array(entitySchema),
    /** Null on the last page. */
    cursor: z.string().nullable(),
  }),
  /** `snapshot-required`, `not-a-member`, `overloaded`, ... */
  z.object({ v: z.int(), what: z.literal('refused'), error: wireErrorSchema }),
]);
export type SyncReply = z.infer<typeof syncReplySchema>;

/** A router's alarm or refusal, for the operator. */
export const routerAlertSchema = z.object({
  v: z.int(),
  router: identifierSchema,
  /** `router.endpoints.refused`, `router.timeline.conflict`, ... */
  code: z.string().max(64),
  severity: z.enum(['info', 'warning', 'error']),
  message: z.string().max(1024),
  details: z.array(z.string().max(1024)).max(16),
});
export type RouterAlert = z.infer<typeof routerAlertSchema>;

/** On `to-router.<id>`: the controllers want something of one router. */
export const routerDirectSchema = z.discriminatedUnion('what', [
  z.object({ v: z.int(), what: z.literal('hello-again'), reason: z.string() }),
]);
export type RouterDirect = z.infer<typeof routerDirectSchema>;

/** A router as the controllers see it. */
export const routerViewSchema = z.object({
  id: z.string(),
  online: z.boolean(),
  version: z.string(),
  protocolVersion: z.int().nullable(),
  position: positionSchema.nullable(),
  /** Index of the list of controllers that it holds. */
  endpointsIndex: z.int(),
  /** Whether it stands at the leader's newest change. */
  inSync: z.boolean(),
  lastContactMs: z.number(),
  connectedTo: z.string().nullable(),
  refused: wireErrorSchema.nullable(),
  counters: z.record(z.string(), z.number()),
});
export type RouterView = z.infer<typeof routerViewSchema>;
