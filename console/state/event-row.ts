/** An event as one line: what it means, how much it matters, who said it. */
import { formatPosition } from '../../messaging/position.js';
import type { QuorateEvent } from '../../messaging/schemas/events.js';
import { type Level, levelWords } from '../theme.js';
import { formatCount } from './format.js';
import type { EventRow } from './state.js';
import { clean } from './text.js';

/** `now` stands in where the event's own time cannot be read. */
export function eventRowOf(event: QuorateEvent, now: number): EventRow {
  const { level, type, sentence } = describe(event);
  const said = Date.parse(event.timestamp);
  const source =
    event.namespace === 'router'
      ? event.router_id
      : event.namespace === 'alert'
        ? event.alert_source_id
        : event.event_src_id;
  const row = {
    key: keyOf(event),
    event,
    at: Number.isNaN(said) ? now : said,
    level,
    type: clean(type),
    source: clean(source),
    sentence: clean(sentence),
  };
  return { ...row, search: `${row.type} ${row.source} ${row.sentence} ${levelWords[level]}`.toLowerCase() };
}

/** Model events are the same where their positions are; a new leader publishes again what the old one may not have. */
function keyOf(event: QuorateEvent): string {
  if (event.namespace !== 'entityChange') return `${event.namespace} ${event.event_id}`;
  const { timeline, indexType, index } = event.position;
  return `${timeline.id}/${timeline.epoch}/${indexType}/${index}`;
}

function describe(event: QuorateEvent): { readonly level: Level; readonly type: string; readonly sentence: string } {
  switch (event.namespace) {
    case 'cluster':
      return {
        level: clusterLevel(event.eventType),
        type: event.eventType,
        sentence: event.message ?? clusterSentence(event),
      };
    case 'router':
      return {
        level: event.event_type === 'router-online' ? 'ok' : 'warn',
        type: event.event_type,
        sentence:
          event.message ?? `${event.router_id} ${event.event_type.replace(/^router-/u, '').replaceAll('-', ' ')}`,
      };
    case 'entityChange': {
      const entity = event.finalState ?? event.initialState;
      const name = entity === null || entity === undefined ? '' : ` ${entity.name}`;
      const kind = entity?.kind ?? event.entityType;
      return {
        level: 'info',
        type: `${event.entityType} ${event.eventType}`,
        sentence: `${kind}${name} ${event.eventType} at ${formatPosition(event.position)}`,
      };
    }
    case 'alert':
      return {
        level: event.severity === 'error' ? 'bad' : event.severity === 'warning' ? 'warn' : 'info',
        type: `alert ${event.severity}`,
        sentence: `${event.alert_source_id}: ${[event.message, ...event.details].join('; ')}`,
      };
  }
}

const badTypes: ReadonlySet<string> = new Set(['quorum.lost', 'state.is_leaderless']);
const warnTypes: ReadonlySet<string> = new Set(['leadership.lost', 'peer.disconnected', 'member.removed']);
const okTypes: ReadonlySet<string> = new Set([
  'leadership.gained',
  'state.has_leader',
  'quorum.regained',
  'member.promoted',
  'member.added',
  'peer.connected',
  'operation.finished',
]);

function clusterLevel(type: string): Level {
  if (badTypes.has(type)) return 'bad';
  if (warnTypes.has(type)) return 'warn';
  return okTypes.has(type) ? 'ok' : 'info';
}

function clusterSentence(event: Extract<QuorateEvent, { namespace: 'cluster' }>): string {
  const parts = [event.eventType.replaceAll(/[._]/gu, ' ')];
  if (event.leaderId !== undefined && event.leaderId !== null) parts.push(`leader ${event.leaderId}`);
  if (event.term !== undefined) parts.push(`term ${formatCount(event.term)}`);
  if (event.peers !== undefined && event.peers.length > 0) parts.push(event.peers.map((peer) => peer.id).join(', '));
  return parts.join(', ');
}
