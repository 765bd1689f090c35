/**
 * The one place where a timeline is made. Bootstrap, restore, recovery and migration call it; everything else passes on what
 * it was given. (`beginTimeline` in `node/model` is what a model becomes when one begins.)
 */
import { randomUUID } from 'node:crypto';
import type { Timeline } from '../../messaging/position.js';

/**
 * A new timeline whose epoch is higher than that of each in `before`: all that went into the new history (the model that is
 * there, the file that takes its place, what other members were heard to stand on). None: the first one of a cluster, epoch 1.
 *
 * The id tells two apart that were begun from the same one by two operators who did not know of each other: they have the
 * same epoch, and whoever meets both raises the alarm.
 */
export function createTimeline(before: readonly Timeline[], newId: () => string = randomUUID): Timeline {
  const epoch = before.reduce((highest, timeline) => Math.max(highest, timeline.epoch), 0) + 1;
  return { id: newId(), epoch };
}
