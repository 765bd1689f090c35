/**
 * Events on `quorate.<cluster>.events.>`. Namespaces, types and field names follow those that OpenZiti publishes, so that
 * what reads its events reads these; `position`, `previousIndex` and `event_id` are added. Readers remove duplicates by
 * `position` where there is one, else by `event_id`.
 */
import { z } from 'zod';
import { positionSchema, timelineSchema } from '../position.js';
import { entitySchema } from './model.js';

const common = {
  v: z.int(),
  /** The controller that published it. */
  event_src_id: z.string(),
  /** RFC 3339. */
  timestamp: z.string(),
  event_id: z.string(),
  /** On which history of the model its publisher stood; absent where it had none, or where `position` says it. */
  timeline: timelineSchema.optional(),
};

export const clusterEventTypes = [
  'peer.connected',
  'peer.disconnected',
  'members.changed',
  'leadership.gained',
  'leadership.lost',
  'state.has_leader',
  'state.is_leaderless',
  'member.added',
  'member.promoted',
  'member.removed',
  'member.left-behind',
  'quorum.lost',
  'quorum.regained',
  'snapshot.taken',
  'snapshot.installed',
  'model.differs',
  'timeline.conflict',
  'cluster.recovered',
  'member.damaged',
  'log.damaged',
  'storage.full',
  'storage.free',
  'model.restored',
  'operation.started',
  'operation.finished',
  'gate.raised',
] as const;

export const clusterEventSchema = z.object({
  ...common,
  namespace: z.literal('cluster'),
  eventType: z.string(),
  /** The Raft index that it belongs to, where there is one. */
  index: z.int().optional(),
  position: positionSchema.optional(),
  term: z.int().optional(),
  leaderId: z.string().nullable().optional(),
  peers: z
    .array(
      z.object({
        id: z.string(),
        addr: z.string().optional(),
        version: z.string().optional(),
        role: z.string().optional(),
      }),
    )
    .optional(),
  /** One sentence for people. */
  message: z.string().optional(),
});
export type ClusterEvent = z.infer<typeof clusterEventSchema>;

export const routerEventSchema = z.object({
  ...common,
  namespace: z.literal('router'),
  /** `router-online`, `router-offline`, `router-hello-refused`, `router-endpoints-refused`. */
  event_type: z.string(),
  router_id: z.string(),
  router_online: z.boolean(),
  message: z.string().optional(),
});
export type RouterEvent = z.infer<typeof routerEventSchema>;

export const entityChangeEventSchema = z.object({
  ...common,
  namespace: z.literal('entityChange'),
  eventId: z.string(),
  eventType: z.enum(['created', 'updated', 'deleted']),
  entityType: z.string(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  initialState: entitySchema.nullable().optional(),
  finalState: entitySchema.nullable().optional(),
  position: positionSchema,
  previousIndex: z.int().min(0),
});
export type EntityChangeEvent = z.infer<typeof entityChangeEventSchema>;

export const alertEventSchema = z.object({
  ...common,
  namespace: z.literal('alert'),
  alert_source_type: z.enum(['router', 'controller']),
  alert_source_id: z.string(),
  severity: z.enum(['info', 'warning', 'error']),
  message: z.string(),
  details: z.array(z.string()),
  related_entities: z.record(z.string(), z.string()),
});
export type AlertEvent = z.infer<typeof alertEventSchema>;

export const eventSchema = z.discriminatedUnion('namespace', [
  clusterEventSchema,
  routerEventSchema,
  entityChangeEventSchema,
  alertEventSchema,
]);
export type QuorateEvent = z.infer<typeof eventSchema>;

/** The subject's part after `events.` */
export function eventSubjectType(event: QuorateEvent): string {
  switch (event.namespace) {
    case 'cluster':
      return `cluster.${event.eventType}`;
    case 'router':
      return `router.${event.event_type}`;
    case 'entityChange':
      return `entityChange.${event.entityType}`;
    case 'alert':
      return `alert.${event.alert_source_type}`;
  }
}
