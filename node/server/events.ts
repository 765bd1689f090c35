/**
 * Publishes events, as the one publisher that there is at a time: the leader. Every member follows what was published, so
 * that a new leader goes on where the old one stopped; readers remove what they get twice by its position.
 */
import { z } from 'zod';
import { parseJson } from '../../messaging/api-client.js';
import type { NatsConnection } from '../../messaging/connection.js';
import { type Position, positionSchema, type Timeline } from '../../messaging/position.js';
import { protocolVersion } from '../../messaging/protocol.js';
import {
  type ClusterEvent,
  type EntityChangeEvent,
  eventSubjectType,
  type QuorateEvent,
} from '../../messaging/schemas/events.js';
import { entityTypeOfKind, type ModelChange } from '../../messaging/schemas/model.js';
import type { Subjects } from '../../messaging/subjects.js';
import type { Clock } from '../cluster/clock.js';
import type { ChangeRow } from '../model/store.js';
import type { Log } from './log.js';
import type { RouterServiceEvent } from './routers/index.js';

type CommonField = 'v' | 'event_src_id' | 'timestamp' | 'event_id' | 'timeline';
type MadeHere = CommonField | 'namespace';

export interface EventPublisherOptions {
  readonly connection: NatsConnection;
  readonly subjects: Subjects;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly incarnation: number;
  /** Where the model stands. */
  readonly timeline: () => Timeline | null;
  readonly log: Log;
}

/** All that is needed of an event, so that hearing costs little. */
const heardSchema = z.object({ event_src_id: z.string(), position: positionSchema });

export class EventPublisher {
  readonly #options: EventPublisherOptions;
  #count = 0;
  /** Highest index of a model change that this or, as far as it was heard, an earlier leader has published. */
  publishedIndex = 0;

  constructor(options: EventPublisherOptions) {
    this.#options = options;
  }

  get published(): number {
    return this.#count;
  }

  /**
   * Follows what another leader publishes: whoever leads next then publishes again next to nothing, where its status alone, once
   * a second, would leave a second's worth, which every router would get twice. Returns how to stop.
   */
  listen(isSameHistory: (position: Position) => boolean): () => void {
    const { connection, subjects, nodeId } = this.#options;
    const subscription = connection.subscribe(subjects.event('entityChange.>'), {
      callback: (error, message) => {
        if (error !== null) return;
        const heard = heardSchema.safeParse(parseJson(message));
        if (heard.success && heard.data.event_src_id !== nodeId && isSameHistory(heard.data.position))
          this.heardPublished(heard.data.position.index);
      },
    });
    return () => subscription.unsubscribe();
  }

  /** What the leader says of itself in its status. */
  heardPublished(index: number): void {
    if (index > this.publishedIndex) this.publishedIndex = index;
  }

  /** After a snapshot of another history was installed, its indexes say nothing any more. */
  restart(index: number): void {
    this.publishedIndex = index;
  }

  cluster(eventType: string, fields: Partial<Omit<ClusterEvent, MadeHere | 'eventType'>> = {}): void {
    this.#publish({ ...this.#common(), namespace: 'cluster', eventType, ...fields });
  }

  /** What the router service tells: presence, refusals, alerts. */
  routerService(event: RouterServiceEvent): void {
    this.#publish({ ...this.#common(), ...event });
  }

  /** Publishes those changes that were not published before; `rows` rise. */
  changes(rows: readonly ChangeRow[], position: Position): void {
    for (const { index, previousIndex, type, entity, by, at } of rows) {
      if (index <= this.publishedIndex) continue;
      this.publishedIndex = index;
      this.#publish(this.#entityChange({ position: { ...position, index }, previousIndex, type, entity }, by, at));
    }
  }

  #entityChange(change: ModelChange, by: string, at: number): EntityChangeEvent {
    const { entity, position, type } = change;
    const eventId = `${position.timeline.epoch}-${position.index}`;
    return {
      v: protocolVersion,
      namespace: 'entityChange',
      event_src_id: this.#options.nodeId,
      // When it was asked for, not when it is published: the same event from two leaders is the same.
      timestamp: new Date(at).toISOString(),
      event_id: eventId,
      eventId,
      eventType: type,
      entityType: entityTypeOfKind[entity.kind] ?? entity.kind,
      metadata: { author: { type: 'operator', id: by, name: by } },
      initialState: type === 'deleted' ? entity : null,
      finalState: type === 'deleted' ? null : entity,
      position,
      previousIndex: change.previousIndex,
    };
  }

  #common(): Pick<QuorateEvent, CommonField> {
    const { nodeId, incarnation, clock, timeline } = this.#options;
    return {
      v: protocolVersion,
      event_src_id: nodeId,
      timestamp: new Date(clock.now()).toISOString(),
      event_id: `${nodeId}-${incarnation}-${this.#count}`,
      timeline: timeline() ?? undefined,
    };
  }

  #publish(event: QuorateEvent): void {
    this.#count += 1;
    const { connection, subjects } = this.#options;
    if (connection.isClosed() || connection.isDraining()) return;
    const subject = subjects.event(eventSubjectType(event));
    try {
      connection.publish(subject, JSON.stringify(event));
    } catch (error) {
      // Over `max_payload`. It is in the journal: whoever hears the next one asks for what was between.
      this.#options.log.warn('event-not-sent', 'an event could not be sent', { subject, error: String(error) });
    }
  }
}
