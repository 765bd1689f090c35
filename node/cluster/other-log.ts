/**
 * Which log of a cluster a message belongs to. Recovery begins a new one, and members of the old one may come back: what
 * they say is not heard, whatever their term, and who hears of a newer log than its own is left behind.
 */
import { relateTimelines, type Timeline } from '../../messaging/position.js';

/** How another log stands to ours; `conflict`: two were begun from the same one. */
export type OtherLog = 'newer' | 'older' | 'conflict';

/**
 * `held`, `theirs`: with which timeline the receiver's and the sender's log began; null while there is none. Undefined where
 * the message may be heard: it is of the same log, or one of the two is blank yet.
 */
export function otherLogOf(held: Timeline | null, theirs: Timeline | null): OtherLog | undefined {
  if (held === null || theirs === null) return undefined;
  const relation = relateTimelines(held, theirs);
  return relation === 'same' ? undefined : relation;
}
