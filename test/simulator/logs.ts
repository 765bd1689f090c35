/**
 * The logs that a cluster has had. A world begins with one. When the quorum is lost for good and a survivor goes on alone, a
 * new one begins, with a timeline of its own; members of the old one may come back and go on with it until they hear of that.
 * Each log is held to Raft's promises by a checker of its own, and each is judged by the history of what its members answered.
 *
 * What a recovery may lose is what it said that it may lose, and no more: what was acknowledged and does not stand in the log
 * of the survivor that was chosen. All that stands there must be in the new model, once.
 */
import type { Timeline } from '../../messaging/position.js';
import type { ModelMeta, ModelStore } from '../../node/model/index.js';
import { type Configuration, type Index, membersOf, type NodeId } from '../../node/raft/index.js';
import type { Checker } from './checker.js';
import { type EntityState, entityStateOf } from './client.js';
import type { SimulatedController } from './controller.js';
import { count } from './coverage.js';
import type { LogBefore } from './disk.js';
import type { World } from './world.js';

export interface Log {
  readonly timeline: Timeline;
  readonly checker: Checker;
  /** Absent: it is the first one. */
  readonly begun?: Recovery;
}

/** How a log began that is not the first. */
export interface Recovery {
  readonly by: NodeId;
  readonly at: number;
  /** Nothing of the new log stands at or before it. */
  readonly index: Index;
  readonly parent: Log;
  /** Of each key that clients write. */
  readonly states: ReadonlyMap<string, EntityState>;
  /** Requests whose outcome the survivor knew: a retry is answered by that. And whether clients can have been told just that. */
  readonly inherited: ReadonlyMap<string, boolean>;
}

export function beginFirstLog(checker: Checker, timeline: Timeline, configuration: Configuration): Log {
  checker.begin(1, 1, configuration);
  return { timeline, checker };
}

export interface RecoveredLog {
  readonly by: SimulatedController;
  readonly meta: ModelMeta;
  readonly model: ModelStore;
  readonly before: LogBefore;
  readonly parent: Log;
  readonly checker: Checker;
}

export function beginRecoveredLog(world: World, recovered: RecoveredLog): Log {
  const { by, meta, model, parent, checker } = recovered;
  checkBeginning(world, recovered);
  checkNothingIsLost(world, recovered);
  const { index, timeline } = meta.position;
  checker.begin(index, meta.term, meta.configuration);
  const inherited = new Map<string, boolean>();
  for (const requestId of world.requestIds()) {
    const row = model.outcomeOf(requestId);
    if (row === undefined) continue;
    // One that was judged on each side of a restore may have been answered by what the restore took back.
    const isAnswer = isCommittedHere(recovered, row.index) && !parent.checker.wasJudgedEarlier(requestId);
    inherited.set(requestId, isAnswer);
    checker.inherit(requestId, row.index, row.type !== 'refused');
  }
  const states = new Map(world.keys.map((key) => [key, entityStateOf(model, key)] as const));
  return { timeline, checker, begun: { by: by.id, at: world.queue.now, index, parent, states, inherited } };
}

/** A timeline above all others, one voter, and all others removed for ever; in a term in which nobody has voted. */
function checkBeginning(world: World, { by, meta, before, parent }: RecoveredLog): void {
  const wrong = (text: string): void => world.violate('recovery', `${by.id} has gone on alone, and ${text}`);
  const { position, logTimeline, configuration, term } = meta;
  const epochMax = Math.max(parent.checker.epoch, ...world.logs.map(({ checker }) => checker.epoch));
  // Also above a restore that this survivor never heard of: routers may have followed that.
  if (position.timeline.epoch <= epochMax)
    wrong(`begins epoch ${position.timeline.epoch}; there was ${epochMax} already`);
  if (position.timeline.epoch <= before.meta.position.timeline.epoch) wrong('its timeline is not above the one before');
  if (logTimeline.id !== position.timeline.id) wrong('its log is not told from the old one');
  if (position.index <= before.lastIndex) wrong(`begins at ${position.index}, and its log reached ${before.lastIndex}`);
  if (term <= before.term) wrong(`begins in term ${term}, and has voted in ${before.term}`);
  if (membersOf(configuration).join() !== by.id) wrong(`the members are ${membersOf(configuration).join()}`);
  const former = [...membersOf(before.meta.configuration), ...before.meta.configuration.removed];
  const forgotten = former.filter((id) => id !== by.id && !configuration.removed.includes(id));
  if (forgotten.length > 0) wrong(`${forgotten.join()} may come back as if nothing had been`);
}

/** What took effect, and stands in the survivor's log, is in the new model. */
function checkNothingIsLost(world: World, recovered: RecoveredLog): void {
  const { by, model, before, parent } = recovered;
  const { checker } = parent;
  let lost = 0;
  for (const [requestId, index] of checker.requests) {
    const isHere = isCommittedHere(recovered, index);
    const isMeant = index < (before.stoppedAt ?? Number.POSITIVE_INFINITY) && index > (before.restoredAt ?? 0);
    if (!isHere || !isMeant) lost += 1;
    else if (model.outcomeOf(requestId) === undefined)
      world.violate('recovery', `${by.id} has gone on alone without ${requestId}, which stands at ${index} of its log`);
  }
  count(world.coverage, lost > 0 ? 'recovery: writes were only elsewhere' : 'recovery: nothing was lost');
}

/** The survivor held, at this index, what was committed there. */
function isCommittedHere({ before, parent: { checker } }: RecoveredLog, index: Index): boolean {
  const term = before.termAt(index);
  return term === 'compacted' || (term !== undefined && term === checker.committedTermAt(index));
}
