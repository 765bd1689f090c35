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
  return { id: newId(), epoch: highestEpoch(before) + 1 };
}

/**
 * The same where those who may know of later timelines cannot be asked: on a survivor of a lost quorum, on a file from a site
 * that is gone. What was begun there (restores that this survivor never heard of, or that came after the file) is left behind
 * by a step that nobody takes otherwise: routers that followed it would drop a lower epoch, and never come.
 */
export function createTimelineUnasked(before: readonly Timeline[], newId: () => string = randomUUID): Timeline {
  return { id: newId(), epoch: highestEpoch(before) + unheardMax + 1 };
}

/** Timelines that were begun unheard, at most. */
const unheardMax = 999;

function highestEpoch(timelines: readonly Timeline[]): number {
  return timelines.reduce((highest, { epoch }) => Math.max(highest, epoch), 0);
}
