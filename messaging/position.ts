/**
 * Where in the history something stands. Indexes compare only within one timeline and one index type; everything that
 * compares positions does it here.
 */
import { z } from 'zod';

/** One unbroken history of the model. Restore, recovery and migration begin a new one, with a higher epoch. */
export const timelineSchema = z.object({
  id: z.string().min(1).max(64),
  epoch: z.int().min(1),
});
export type Timeline = z.infer<typeof timelineSchema>;

export const indexTypeSchema = z.enum(['legacy', 'raft']);
export type IndexType = z.infer<typeof indexTypeSchema>;

export const positionSchema = z.object({
  timeline: timelineSchema,
  indexType: indexTypeSchema,
  index: z.int().min(0),
});
export type Position = z.infer<typeof positionSchema>;

/**
 * How an incoming position relates to the one that is held.
 * - `next`, `old`, `gap`: same timeline and index type, so the indexes were compared.
 * - `resync`: another history or another way of counting: only the whole model will do.
 * - `stale`: a history that has been left behind (lower epoch): to be ignored.
 * - `conflict`: two histories claim the same epoch: an alarm.
 */
export type PositionRelation = 'next' | 'old' | 'gap' | 'resync' | 'stale' | 'conflict';

/** Relates an event at `incoming`, which follows `previousIndex`, to the position held. */
export function relate(held: Position | null, incoming: Position, previousIndex: number): PositionRelation {
  if (held === null) return 'resync';
  const timelines = relateTimelines(held.timeline, incoming.timeline);
  if (timelines === 'older') return 'stale';
  if (timelines === 'conflict') return 'conflict';
  if (timelines === 'newer' || held.indexType !== incoming.indexType) return 'resync';
  if (incoming.index <= held.index) return 'old';
  return previousIndex <= held.index ? 'next' : 'gap';
}

export function relateTimelines(held: Timeline, incoming: Timeline): 'same' | 'newer' | 'older' | 'conflict' {
  if (incoming.epoch > held.epoch) return 'newer';
  if (incoming.epoch < held.epoch) return 'older';
  return incoming.id === held.id ? 'same' : 'conflict';
}

/** Whether the indexes of the two may be compared. */
export function comparable(one: Position, other: Position): boolean {
  return one.indexType === other.indexType && relateTimelines(one.timeline, other.timeline) === 'same';
}

/** `r42@3` for people: index type, index, epoch. */
export function formatPosition(position: Position | null): string {
  if (position === null) return '-';
  return `${position.indexType === 'raft' ? 'r' : 'l'}${position.index}@${position.timeline.epoch}`;
}
