/**
 * How a router follows the model: what it does with each change and each answer, so that it misses none, applies none twice
 * and refuses none as old. Pure: it is told what arrived and says what to do. One request is outstanding at a time.
 *
 * `held` is where the router's model stands; `target` the furthest position that it has heard of. While the two differ it
 * asks: for the changes between them where both lie in one history, else for the whole model in pages. Live changes that
 * lie ahead are kept in `buffer` meanwhile and applied when what comes before them is there.
 */
import { comparable, type Position, relate, relateTimelines, type Timeline } from '../position.js';
import type { Entity, ModelChange } from '../schemas/model.js';
import type { SyncReply, SyncRequest } from '../schemas/router.js';
import { type ChangeBuffer, noChanges } from './change-buffer.js';
import { routerLimits as limits } from './limits.js';
import { contains, type Part, partAfter, partOf } from './part.js';

export interface Follow {
  /** The id of a router that wants its own part of the model only; null: the whole. */
  readonly own: string | null;
  /** The part that is held, where it is one. */
  readonly part: Part | null;
  readonly held: Position | null;
  /** The history that the list of controllers on disk belongs to: known before anything is held. */
  readonly anchor: Timeline | null;
  readonly target: Position | null;
  /** Ahead of `held`, in the history of `target`, in the order of their indexes, each once. */
  readonly buffer: ChangeBuffer;
  readonly sync: Sync | null;
  /** Number of the newest request; an answer to an older one is late. */
  readonly requests: number;
}

interface Asking {
  /** Null while a timer runs before the next attempt. */
  readonly request: number | null;
  /** Failures in a row. */
  readonly attempt: number;
}
interface ChangesSync extends Asking {
  readonly what: 'changes';
}
interface ModelSync extends Asking {
  readonly what: 'model';
  /** Null before the first page. */
  readonly pages: Pages | null;
  /** Answers, in a row, of an older history than that of the target. */
  readonly olderReplies: number;
  /** A model from before this is of no use: the change here is why it is asked for. */
  readonly atLeast: Position | null;
}
type Sync = ChangesSync | ModelSync;

interface Pages {
  readonly controller: string;
  readonly position: Position;
  readonly cursor: string;
  readonly received: readonly (readonly Entity[])[];
  readonly count: number;
}

export type FollowCounter =
  | 'events'
  | 'duplicates'
  | 'gaps'
  | 'staleEvents'
  | 'conflicts'
  | 'bufferOverflows'
  | 'changesFetched'
  | 'resyncs'
  | 'pageRestarts'
  | 'syncRetries'
  | 'targetsGivenUp'
  | 'badReplies';

export type FollowEffect =
  | {
      readonly effect: 'ask';
      readonly request: number;
      readonly want: SyncRequest['want'];
      readonly controller: string | null;
    }
  | { readonly effect: 'timer'; readonly timer: 'sync'; readonly minMs: number; readonly maxMs: number }
  /** `part`: what it is with the change; null where the whole model is held. */
  | {
      readonly effect: 'apply';
      readonly change: ModelChange;
      readonly source: 'event' | 'sync';
      readonly part: Part | null;
    }
  /** The model stands further on, and nothing of it changed on the way. */
  | { readonly effect: 'advance'; readonly position: Position }
  | {
      readonly effect: 'replace';
      readonly entities: readonly Entity[];
      readonly position: Position;
      readonly part: Part | null;
    }
  | { readonly effect: 'count'; readonly counter: FollowCounter }
  /** `claimed` says the epoch of `known` belongs to it. */
  | { readonly effect: 'conflict'; readonly known: Timeline; readonly claimed: Timeline };

export type FollowEffects = FollowEffect[];

/** What became of a request for changes or a page: an answer, one of which nothing is understood, or that none came. */
export type SyncOutcome = SyncReply | { readonly what: 'not-understood' } | { readonly what: 'failed' };

/** @param own the router's id, where it wants its own part only */
export function initialFollow(anchor: Timeline | null, own: string | null = null): Follow {
  return { own, part: null, held: null, anchor, target: null, buffer: noChanges, sync: null, requests: 0 };
}

export function isFollowing(follow: Follow): boolean {
  return follow.held !== null && follow.sync === null;
}

/** The history that the router believes in. */
function historyOf(follow: Follow): Timeline | null {
  return follow.held?.timeline ?? follow.anchor;
}

/** A change was published. */
export function onChange(follow: Follow, change: ModelChange, out: FollowEffects): Follow {
  const known = historyOf(follow);
  const timelines = known === null ? 'newer' : relateTimelines(known, change.position.timeline);
  if (timelines === 'conflict' && known !== null) return conflict(follow, known, change.position.timeline, out);
  if (timelines === 'older') {
    out.push({ effect: 'count', counter: 'staleEvents' });
    return follow;
  }
  switch (relate(follow.held, change.position, change.previousIndex)) {
    case 'next': {
      const applied = apply(follow, change, 'event', out);
      if (applied === null) return takeUpTo(buffer(raise(follow, change.position), change, out), change.position, out);
      out.push({ effect: 'count', counter: 'events' });
      return settle(drain(applied, out));
    }
    case 'old':
      out.push({ effect: 'count', counter: 'duplicates' });
      return follow;
    case 'gap':
      out.push({ effect: 'count', counter: 'gaps' });
      return startChanges(buffer(raise(follow, change.position), change, out), limits.gapWaitMs, out);
    case 'resync':
      return startModel(buffer(raise(follow, change.position), change, out), limits.modelSpreadMs, out);
    case 'stale':
    case 'conflict':
      return follow;
  }
}

/**
 * A controller said, at hello, where it stands. `refused` where it belongs to a history that the router has left behind or
 * does not believe; then nothing changed.
 */
export function onControllerPosition(
  follow: Follow,
  position: Position,
  out: FollowEffects,
): { readonly follow: Follow; readonly refused: 'stale' | 'conflict' | null } {
  const known = historyOf(follow);
  const timelines = known === null ? 'newer' : relateTimelines(known, position.timeline);
  if (timelines === 'older') return { follow, refused: 'stale' };
  if (timelines === 'conflict' && known !== null)
    return { follow: conflict(follow, known, position.timeline, out), refused: 'conflict' };
  const { held } = follow;
  if (held === null || !comparable(held, position))
    return { follow: startModel(raise(follow, position), 0, out), refused: null };
  if (position.index > held.index) return { follow: startChanges(raise(follow, position), 0, out), refused: null };
  return { follow, refused: null };
}

/** The connection is there again: what was asked before it broke may be lost, so it is asked again. */
export function resume(follow: Follow, out: FollowEffects): Follow {
  return follow.sync === null ? follow : ask(follow, follow.sync, out);
}

/** The connection is gone: nothing is outstanding. */
export function pause(follow: Follow): Follow {
  return follow.sync === null ? follow : { ...follow, sync: { ...follow.sync, request: null } };
}

export function onSyncTimer(follow: Follow, out: FollowEffects): Follow {
  return follow.sync === null || follow.sync.request !== null ? follow : ask(follow, follow.sync, out);
}

export function onSyncReply(follow: Follow, request: number, outcome: SyncOutcome, out: FollowEffects): Follow {
  const { sync } = follow;
  if (sync === null || sync.request !== request) return follow;
  switch (outcome.what) {
    case 'failed':
      return retry(follow, sync, 0, out);
    case 'not-understood':
      // A newer version may make changes of a kind that is not known here: the model, which they lead to, is.
      return badReply(follow, sync, out);
    case 'refused':
      if (outcome.error.code === 'snapshot-required') return beginModel(follow, sync, out);
      return retry(follow, sync, retryAfterMs(outcome.error.details), out);
    case 'changes':
      return sync.what === 'changes' ? onChangesReply(follow, sync, outcome, out) : badReply(follow, sync, out);
    case 'model':
      return sync.what === 'model' ? onPage(follow, sync, outcome, out) : badReply(follow, sync, out);
  }
}

function onChangesReply(
  follow: Follow,
  sync: ChangesSync,
  reply: SyncReply & { what: 'changes' },
  out: FollowEffects,
): Follow {
  const { held } = follow;
  if (held === null) return beginModel(follow, sync, out);
  const timelines = relateTimelines(held.timeline, reply.position.timeline);
  if (timelines === 'older') return retry(follow, sync, 0, out);
  if (timelines === 'conflict')
    return retry(conflict(follow, held.timeline, reply.position.timeline, out), sync, 0, out);
  if (!comparable(held, reply.position)) return beginModel(raise(follow, reply.position), sync, out);

  let next = follow;
  for (const change of reply.changes) {
    const relation = relate(next.held, change.position, change.previousIndex);
    if (relation === 'old') continue;
    // An answer that leaves something out, or comes from elsewhere, is a controller's error: only the whole model is safe.
    if (relation !== 'next') return beginModel(counted(next, 'badReplies', out), sync, out);
    const applied = apply(next, change, 'sync', out);
    if (applied === null) return beginModel(raise(next, change.position), sync, out, change.position);
    out.push({ effect: 'count', counter: 'changesFetched' });
    next = applied;
  }
  if (reply.more) {
    const progressed = next.held !== null && next.held.index > held.index;
    return progressed ? ask(next, { ...sync, attempt: 0 }, out) : retry(next, sync, 0, out);
  }
  // Nothing lies between the last change and where the controller stands.
  if (next.held !== null && reply.position.index > next.held.index) {
    out.push({ effect: 'advance', position: reply.position });
    next = { ...next, held: reply.position };
  }
  next = drain(next, out);
  if (reached(next)) return { ...next, sync: null, target: null };
  const progressed = next.held !== null && next.held.index > held.index;
  if (!progressed && sync.attempt >= limits.unreachedRepliesMax) return giveUp(next, out);
  return retry(next, progressed ? { ...sync, attempt: 0 } : sync, 0, out);
}

/**
 * An event spoke of a position that no controller has reached, again and again: it was wrong, and must not keep the router
 * asking for ever. Had it been right, the next event shows the gap again.
 */
function giveUp(follow: Follow, out: FollowEffects): Follow {
  out.push({ effect: 'count', counter: 'targetsGivenUp' });
  return { ...follow, target: null, buffer: noChanges, sync: null };
}

function onPage(follow: Follow, sync: ModelSync, reply: SyncReply & { what: 'model' }, out: FollowEffects): Follow {
  if (sync.pages !== null && !samePlace(sync.pages.position, reply.position)) {
    return beginModel(counted(follow, 'pageRestarts', out), sync, out);
  }
  if (sync.pages === null) {
    const older = olderThanKnown(follow, reply.position, out);
    if (older === 'than-target') return onOlderReply(follow, sync, out);
    if (older === 'than-held' || isTooEarly(sync, reply.position)) return retry(follow, sync, 0, out);
  }
  const received = [...(sync.pages?.received ?? []), reply.entities];
  const count = (sync.pages?.count ?? 0) + reply.entities.length;
  if (count > limits.modelEntitiesMax || (reply.cursor !== null && reply.cursor === sync.pages?.cursor))
    return badReply(follow, sync, out);
  if (reply.cursor !== null) {
    const pages: Pages = {
      controller: reply.controller,
      position: reply.position,
      cursor: reply.cursor,
      received,
      count,
    };
    return ask(follow, { ...sync, attempt: 0, olderReplies: 0, pages }, out);
  }
  const taken = drain(
    take({ ...raise(follow, reply.position), sync: null }, received.flat(), reply.position, out),
    out,
  );
  if (reached(taken)) return { ...taken, target: null };
  const within = taken.held !== null && taken.target !== null && comparable(taken.held, taken.target);
  return within ? startChanges(taken, 0, out) : startModel(taken, 0, out);
}

/** As often as that it is asked for again: who answers lags; but a position that nobody reaches must not hold it up for ever. */
function isTooEarly({ atLeast, attempt }: ModelSync, position: Position): boolean {
  const lags = atLeast !== null && comparable(atLeast, position) && position.index < atLeast.index;
  return lags && attempt < limits.unreachedRepliesMax;
}

/** The model is there, whole. It is not used where live changes have led further meanwhile: a router never goes back. */
function take(follow: Follow, entities: readonly Entity[], position: Position, out: FollowEffects): Follow {
  out.push({ effect: 'count', counter: 'resyncs' });
  if (follow.held !== null && comparable(follow.held, position) && follow.held.index >= position.index) return follow;
  const part = follow.own === null ? null : partOf(follow.own, entities);
  // A controller that knows nothing of parts gives the whole.
  const taken = part === null ? entities : entities.filter((entity) => contains(part, entity));
  out.push({ effect: 'replace', entities: taken, position, part });
  return { ...follow, held: position, part };
}

/** Whether a first page comes from before what is held (which would lead back), or from before what events spoke of. */
function olderThanKnown(follow: Follow, position: Position, out: FollowEffects): 'than-target' | 'than-held' | null {
  const { target } = follow;
  const known = historyOf(follow);
  if (known !== null) {
    const timelines = relateTimelines(known, position.timeline);
    if (timelines === 'conflict') conflict(follow, known, position.timeline, out);
    if (timelines === 'older' || timelines === 'conflict') return 'than-held';
  }
  if (target !== null && relateTimelines(target.timeline, position.timeline) === 'older') return 'than-target';
  const { held } = follow;
  return held !== null && comparable(held, position) && position.index < held.index ? 'than-held' : null;
}

/**
 * Events spoke of a newer history and the controllers know nothing of it. They may be behind; but one message that was wrong
 * must not cut the router off, so after a while it goes on with the history that the controllers answer from.
 */
function onOlderReply(follow: Follow, sync: ModelSync, out: FollowEffects): Follow {
  const olderReplies = sync.olderReplies + 1;
  if (olderReplies < limits.olderRepliesMax) return retry(follow, { ...sync, olderReplies }, 0, out);
  const forgetful = giveUp(follow, out);
  return follow.held === null ? startModel(forgetful, 0, out) : startChanges(forgetful, 0, out);
}

/** Null where it cannot be applied: it brings more into the router's part of the model than the change itself holds. */
function apply(follow: Follow, change: ModelChange, source: 'event' | 'sync', out: FollowEffects): Follow | null {
  const part = follow.part === null ? null : partAfter(follow.part, change);
  if (part === null && follow.part !== null) return null;
  out.push({ effect: 'apply', change, source, part });
  return { ...follow, held: change.position, part };
}

/** Applies what was kept and has become next. */
function drain(follow: Follow, out: FollowEffects): Follow {
  if (follow.buffer.size === 0) return follow;
  let next = follow;
  let taken = 0;
  for (const change of follow.buffer) {
    const relation = relate(next.held, change.position, change.previousIndex);
    if (relation === 'next') {
      const applied = apply(next, change, 'event', out);
      if (applied === null) break;
      out.push({ effect: 'count', counter: 'events' });
      next = applied;
    } else if (relation === 'gap' || relation === 'resync') {
      break;
    }
    taken += 1;
  }
  return { ...next, buffer: follow.buffer.without(taken) };
}

/** A gap that live changes have closed needs no answer any more. */
function settle(follow: Follow): Follow {
  return follow.sync?.what === 'changes' && reached(follow) ? { ...follow, sync: null, target: null } : follow;
}

function reached(follow: Follow): boolean {
  const { held, target } = follow;
  if (held === null) return false;
  return (
    target === null ||
    (comparable(held, target) && held.index >= target.index) ||
    relateTimelines(held.timeline, target.timeline) === 'older'
  );
}

/** Remembers the furthest position heard of; what was kept of another history has no use any more. */
function raise(follow: Follow, position: Position): Follow {
  const { target } = follow;
  if (target !== null && relateTimelines(target.timeline, position.timeline) === 'older') return follow;
  if (target !== null && comparable(target, position)) {
    return position.index > target.index ? { ...follow, target: position } : follow;
  }
  return { ...follow, target: position, buffer: noChanges };
}

function buffer(follow: Follow, change: ModelChange, out: FollowEffects): Follow {
  if (follow.target === null || !comparable(follow.target, change.position)) return follow;
  if (follow.buffer.size >= limits.bufferedChangesMax) {
    out.push({ effect: 'count', counter: 'bufferOverflows' });
    return { ...follow, buffer: noChanges };
  }
  const kept = follow.buffer.with(change);
  return kept === follow.buffer ? follow : { ...follow, buffer: kept };
}

function startChanges(follow: Follow, waitMs: number, out: FollowEffects): Follow {
  if (follow.sync !== null) return follow;
  const sync: Sync = { what: 'changes', request: null, attempt: 0 };
  if (waitMs === 0) return ask(follow, sync, out);
  out.push({ effect: 'timer', timer: 'sync', minMs: 0, maxMs: waitMs });
  return { ...follow, sync };
}

/** @param spreadMs what all routers hear at once they ask for at random within this time */
function startModel(follow: Follow, spreadMs: number, out: FollowEffects, atLeast: Position | null = null): Follow {
  if (follow.sync?.what === 'model') return follow;
  const sync = newModelSync(0, atLeast);
  if (spreadMs === 0) return ask(follow, sync, out);
  out.push({ effect: 'timer', timer: 'sync', minMs: 0, maxMs: spreadMs });
  return { ...follow, sync };
}

/** The change at `position` brings more than it holds: the model is taken again, from there or later. */
function takeUpTo(follow: Follow, position: Position, out: FollowEffects): Follow {
  return startModel(follow, limits.modelSpreadMs, out, position);
}

/** Begins the model anew in place of what was asked; without a wait the first time only. */
function beginModel(follow: Follow, sync: Sync, out: FollowEffects, atLeast: Position | null = null): Follow {
  if (sync.what === 'changes') return ask(follow, newModelSync(0, atLeast), out);
  return retry(follow, { ...sync, pages: null }, 0, out);
}

function newModelSync(attempt: number, atLeast: Position | null): ModelSync {
  return { what: 'model', request: null, attempt, pages: null, olderReplies: 0, atLeast };
}

function ask(follow: Follow, sync: Sync, out: FollowEffects): Follow {
  const { held } = follow;
  if (sync.what === 'changes' && held === null) return ask(follow, newModelSync(sync.attempt, null), out);
  const request = follow.requests + 1;
  if (sync.what === 'changes' && held !== null) {
    out.push({ effect: 'ask', request, want: { what: 'changes', after: held }, controller: null });
  } else if (sync.what === 'model') {
    out.push({
      effect: 'ask',
      request,
      want: {
        what: 'model',
        cursor: sync.pages?.cursor ?? null,
        ...(follow.own === null ? {} : { scope: 'own' as const }),
        ...(sync.atLeast === null ? {} : { atLeast: sync.atLeast }),
      },
      controller: sync.pages?.controller ?? null,
    });
  }
  return { ...follow, requests: request, sync: { ...sync, request } };
}

function retry(follow: Follow, sync: Sync, floorMs: number, out: FollowEffects): Follow {
  const waitMs = Math.min(limits.retryWaitMaxMs, limits.retryWaitMinMs * 2 ** sync.attempt);
  out.push(
    { effect: 'count', counter: 'syncRetries' },
    { effect: 'timer', timer: 'sync', minMs: floorMs + waitMs / 4, maxMs: floorMs + waitMs },
  );
  const attempt = Math.min(sync.attempt + 1, 32);
  if (sync.what === 'changes') return { ...follow, sync: { ...sync, request: null, attempt } };
  const lost = sync.pages !== null && attempt >= limits.pageAttemptsMax;
  return { ...follow, sync: { ...sync, request: null, attempt, pages: lost ? null : sync.pages } };
}

function badReply(follow: Follow, sync: Sync, out: FollowEffects): Follow {
  return beginModel(counted(follow, 'badReplies', out), sync, out);
}

function counted(follow: Follow, counter: FollowCounter, out: FollowEffects): Follow {
  out.push({ effect: 'count', counter });
  return follow;
}

function conflict(follow: Follow, known: Timeline, claimed: Timeline, out: FollowEffects): Follow {
  out.push({ effect: 'count', counter: 'conflicts' }, { effect: 'conflict', known, claimed });
  return follow;
}

function samePlace(one: Position, other: Position): boolean {
  return comparable(one, other) && one.index === other.index;
}

function retryAfterMs(details: Readonly<Record<string, unknown>> | undefined): number {
  const given = details?.['retryAfterMs'];
  return typeof given === 'number' && given >= 0 ? Math.min(given, limits.retryWaitMaxMs) : 0;
}
