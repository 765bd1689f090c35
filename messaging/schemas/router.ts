/** What routers and controllers say to each other. Every message is JSON and carries the protocol version `v`. */
import { z } from 'zod';
import { wireErrorSchema } from '../errors.js';
import { identifierSchema } from '../identifiers.js';
import { indexTypeSchema, positionSchema } from '../position.js';
import { versionRangeSchema } from '../protocol.js';
import { entitySchema, modelChangeSchema } from './model.js';

export const controllersMax = 128;
export const addressesMax = 16;

export const endpointSchema = z.object({
  id: identifierSchema,
  name: z.string().max(256),
  /** NATS addresses where this controller can be reached. */
  addresses: z.array(z.string().min(1).max(512)).min(1).max(addressesMax),
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
    .max(controllersMax)
    .refine((list) => new Set(list.map((each) => each.id)).size === list.length, { error: 'names a controller twice' }),
});
export type EndpointList = z.infer<typeof endpointListSchema> & {
  readonly controllers: readonly [Endpoint, ...Endpoint[]];
};

export const helloRequestSchema = z.object({
  router: identifierSchema,
  /** Software version of the router, for people. */
  version: z.string().max(64),
  protocol: versionRangeSchema,
  indexTypes: z.array(indexTypeSchema).min(1),
  /** Where the router stands; null: it holds nothing. */
  position: positionSchema.nullable(),
  /** Position of the list of controllers that it holds; null: it holds none. Left out, it is given whatever list there is. */
  endpoints: positionSchema.nullable().optional(),
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
    /**
     * An {@link EndpointList}; judged apart from the rest, so that a list that is not good costs the router only the list.
     * Left out where the router holds a newer one.
     */
    endpoints: z.unknown().optional(),
    /** Where the answering controller's model stands. */
    position: positionSchema,
  }),
  z.object({ v: z.int(), ok: z.literal(false), error: wireErrorSchema }),
]);
export type HelloReply = z.infer<typeof helloReplySchema>;

/** What a router holds, when it is asked to say so: for whoever wants to see that it is what the controllers hold. */
export const modelReportSchema = z.object({
  position: positionSchema,
  /** Of all the entities that it holds: see `EntityHash`. */
  entitiesSha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ModelReport = z.infer<typeof modelReportSchema>;

/**
 * Says everything that the controllers show of a router: only one of them heard its hello, and all of them track it.
 */
export const heartbeatSchema = z.object({
  v: z.int(),
  router: identifierSchema,
  incarnation: z.int(),
  /** Where its model stands; null: it holds none yet. */
  position: positionSchema.nullable(),
  /** Position of the list of controllers that it holds. */
  endpoints: positionSchema.nullable(),
  /** The controller that answered its hello. */
  controller: z.string(),
  protocolVersion: z.int(),
  version: z.string().max(64),
  /** What it holds of the model. Default: all of it. */
  scope: z.enum(['whole', 'own']).optional(),
  /** The ways of counting that it understands. */
  indexTypes: z.array(indexTypeSchema).min(1).optional(),
  /** Set on one that answers `report`. */
  report: modelReportSchema.optional(),
  /** Set on the last one: the router stops. */
  leaving: z.boolean().optional(),
  /** Counted by the router since its start, e.g. `events`, `gaps`, `duplicates`, `resyncs`. */
  counters: z.record(z.string(), z.number()),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;

/**
 * Asks for what is missing: changes after `position`, or the model in pages. The first page may come from any controller;
 * the others are asked of the one that gave the first (`routerRequest(router, 'sync', controller)`), because all must stand
 * at one position.
 */
export const syncRequestSchema = z.object({
  v: z.int(),
  router: identifierSchema,
  want: z.discriminatedUnion('what', [
    z.object({ what: z.literal('changes'), after: positionSchema }),
    z.object({
      what: z.literal('model'),
      /** As given with the page before; null for the first page. */
      cursor: z.string().max(512).nullable(),
      /** `own`: only what concerns this router; the controller chooses. Default: the whole model. */
      scope: z.enum(['whole', 'own']).optional(),
      /** With the first page: a model from before this position is of no use to the router. */
      atLeast: positionSchema.optional(),
    }),
  ]),
});
export type SyncRequest = z.infer<typeof syncRequestSchema>;

export const syncReplySchema = z.discriminatedUnion('what', [
  z.object({
    v: z.int(),
    what: z.literal('changes'),
    controller: identifierSchema,
    /** Oldest first, without a gap. */
    changes: z.array(modelChangeSchema),
    /** Where the controller stands: there is no change between the last one here and this, unless `more` is set. */
    position: positionSchema,
    more: z.boolean(),
  }),
  z.object({
    v: z.int(),
    what: z.literal('model'),
    controller: identifierSchema,
    /** The same on every page of one model. */
    position: positionSchema,
    entities: z.array(entitySchema),
    /** Null on the last page. */
    cursor: z.string().nullable(),
  }),
  /** `snapshot-required`, `behind`, `overloaded` (with `details.retryAfterMs`), `timeline-conflict`, ... */
  z.object({ v: z.int(), what: z.literal('refused'), error: wireErrorSchema }),
]);
export type SyncReply = z.infer<typeof syncReplySchema>;

/** A router's alarm or refusal, for the operator. A request: the leader answers `{ v, ok: true }`, else it is sent again. */
export const routerAlertSchema = z.object({
  v: z.int(),
  /** Becomes the id of the event, so that one that is sent again can be told from a new one. */
  id: z.string().min(8).max(64),
  router: identifierSchema,
  /** `router.endpoints.refused`, `router.timeline.conflict`, ... */
  code: z.string().max(64),
  severity: z.enum(['info', 'warning', 'error']),
  message: z.string().max(1024),
  details: z.array(z.string().max(1024)).max(16),
});
export type RouterAlert = z.infer<typeof routerAlertSchema>;

export const routerAlertReplySchema = z.object({ v: z.int(), ok: z.literal(true) });

/**
 * On `to-router.<id>`: the controllers want something of one router. `hello-again` is sent to one that fell behind without
 * knowing it (the last event before a silence was lost): what the hello's answer says mends it. `report` asks for a heartbeat
 * soon that says what it holds.
 */
export const routerDirectSchema = z.discriminatedUnion('what', [
  z.object({ v: z.int(), what: z.literal('hello-again'), reason: z.string() }),
  z.object({ v: z.int(), what: z.literal('report') }),
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
  /** What it holds: the whole model, or its own part. */
  scope: z.enum(['whole', 'own']).default('whole'),
  /** The ways of counting that it understands; null: it has not said. */
  indexTypes: z.array(indexTypeSchema).nullable().default(null),
  refused: wireErrorSchema.nullable(),
  counters: z.record(z.string(), z.number()),
});
export type RouterView = z.infer<typeof routerViewSchema>;
