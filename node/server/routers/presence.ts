/**
 * Which routers are there. Every member hears every heartbeat and keeps this for itself, so that whoever leads next knows it
 * already. What has been *published* is kept beside what is *seen*: the leader publishes where the two differ, and a
 * follower learns what was published from the leader's events. A change of leader therefore publishes only what changed.
 *
 * Silence is counted in time in which this member *listened*, which is not time that passed: while its process stands still
 * or its connection is away, or what was sent to it waits in a queue because it has too much to do, heartbeats are not heard,
 * and that says nothing about the routers. Pure: time is handed in.
 */
import type { WireError } from '../../../messaging/errors.js';
import { comparable, type IndexType, type Position } from '../../../messaging/position.js';
import type { Heartbeat, HelloRequest, ModelReport, RouterView } from '../../../messaging/schemas/router.js';

export interface PresenceOptions {
  readonly heartbeatMs: number;
  /** Heartbeats that may be missing before a router counts as away. */
  readonly heartbeatsMissedMax: number;
  /** Time that routers get to come back after this controller itself was cut off. */
  readonly reconnectGraceMs: number;
  /** Routers remembered; of those that are away the one not heard for longest is forgotten first. */
  readonly routersMax: number;
}

export interface Transition {
  readonly router: string;
  readonly online: boolean;
  readonly message: string;
}

interface Seen {
  readonly id: string;
  online: boolean;
  /** What readers of events have been told; null: nothing that this member knows of. */
  published: boolean | null;
  heardAt: number;
  /** The same by the clock of listening. */
  silentSince: number;
  incarnation: number;
  version: string;
  protocolVersion: number | null;
  controller: string | null;
  scope: 'whole' | 'own';
  position: Position | null;
  endpoints: Position | null;
  refused: WireError | null;
  left: boolean;
  counters: Readonly<Record<string, number>>;
  /** Where the model and the list stood at the last heartbeat: what the router should have by the next. */
  expected: { readonly model: Position | null; readonly endpoints: Position | null };
  /** Where the model stood when the router said hello, and when that was: it was told so. */
  told: { readonly model: Position | null; readonly atMs: number } | null;
  /** Whether it had, at its last heartbeat, all that there was at the one before: where changes never cease, nobody has all. */
  follows: boolean;
  indexTypes: readonly IndexType[] | null;
  /** What it said last that it holds. */
  report: ModelReport | null;
}

/** How many routers are online and hold what there is, are online and do not yet, were refused, are silent or have left. */
export interface RouterStates {
  readonly 'in-sync': number;
  readonly behind: number;
  readonly refused: number;
  readonly away: number;
}

/** What the controllers stand at now. */
export interface Standing {
  readonly model: Position | null;
  readonly endpoints: Position | null;
}

/** A router that has been told of another history, and has not come over after so many heartbeats, is told again. */
const heartbeatsToComeOver = 6;

export class Presence {
  readonly #options: PresenceOptions;
  readonly #routers = new Map<string, Seen>();
  /** In their order; null: to be made again. */
  #ids: readonly string[] | null = null;
  /** Those for whom what is seen differs from what is published. */
  readonly #differing = new Set<Seen>();
  /** How long this member has listened; stands still while it does not. */
  #listenedMs = 0;
  /** All that was sent to this member before then has been heard. */
  #listenedUntil: number | null = null;
  /** By the clock of listening. */
  #silenceCountsFrom = 0;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  get known(): number {
    return this.#routers.size;
  }

  get online(): number {
    let count = 0;
    for (const seen of this.#routers.values()) if (seen.online) count += 1;
    return count;
  }

  /** How many there are in each state. */
  states(standing: Standing): RouterStates {
    const states = { 'in-sync': 0, behind: 0, refused: 0, away: 0 };
    for (const seen of this.#routers.values()) states[stateOf(seen, standing)] += 1;
    return states;
  }

  /** A router said hello to one of the controllers; `refused` by what this one would answer, `model` by where it stands. */
  hello(hello: HelloRequest, refused: WireError | null, nowMs: number, model: Position | null = null): void {
    const seen = this.#hear(hello.router, nowMs, false);
    if (seen === null) return;
    Object.assign(seen, {
      incarnation: hello.incarnation,
      version: hello.version,
      position: hello.position,
      indexTypes: hello.indexTypes,
      refused,
      left: false,
      told: refused === null ? { model, atMs: nowMs } : null,
    });
    seen.online = refused === null;
    this.#compare(seen);
  }

  /** It is heard; whether any controller accepts it is not known here. Not online until it says so itself. */
  elsewhere(hello: HelloRequest, refusal: WireError, nowMs: number): void {
    const seen = this.#hear(hello.router, nowMs, false);
    if (seen !== null && !seen.online) Object.assign(seen, { version: hello.version, refused: refusal });
  }

  /** The controllers do not accept it any more, whatever it says until it is accepted again. */
  refuse(router: string, refusal: WireError): void {
    const seen = this.#routers.get(router);
    if (seen === undefined) return;
    Object.assign(seen, { online: false, refused: refusal });
    this.#compare(seen);
  }

  /** Heard of and refused: what its heartbeats say does not count. Null: it is accepted. Undefined: it is not known. */
  refusalOf(router: string): WireError | null | undefined {
    return this.#routers.get(router)?.refused;
  }

  /** Returns why the router should say hello again, or null: it misses something and seems not to know. */
  heartbeat(heartbeat: Heartbeat, standing: Standing, nowMs: number): string | null {
    const seen = this.#hear(heartbeat.router, nowMs, true);
    if (seen === null || heartbeat.incarnation < seen.incarnation) return null;
    const { expected } = seen;
    const isLeaving = heartbeat.leaving === true;
    Object.assign(seen, {
      online: !isLeaving,
      left: isLeaving,
      refused: null,
      incarnation: heartbeat.incarnation,
      version: heartbeat.version,
      protocolVersion: heartbeat.protocolVersion,
      controller: heartbeat.controller,
      scope: heartbeat.scope ?? 'whole',
      position: heartbeat.position,
      endpoints: heartbeat.endpoints,
      counters: heartbeat.counters,
      indexTypes: heartbeat.indexTypes ?? seen.indexTypes,
      report: heartbeat.report ?? seen.report,
      expected: standing,
      follows: keptUp(heartbeat.position, expected.model) || !isBehind(heartbeat.position, standing.model),
    });
    this.#compare(seen);
    if (isLeaving) return null;
    if (isBehind(heartbeat.position, expected.model) && !this.#isComingOver(seen, expected.model, nowMs))
      return 'the model has changed since';
    return isBehind(heartbeat.endpoints, expected.endpoints) ? 'the list of controllers has changed since' : null;
  }

  /** It knows of the history that the model is in now, and takes the whole model: of thousands, that may take a while. */
  #isComingOver({ told, position }: Seen, model: Position | null, nowMs: number): boolean {
    if (told === null || told.model === null || model === null || position === null) return false;
    const isOfAnother = !comparable(position, model) && comparable(told.model, model);
    return isOfAnother && nowMs - told.atMs < this.#options.heartbeatMs * heartbeatsToComeOver;
  }

  /** The leader published this (or this member itself did). */
  published(router: string, online: boolean): void {
    const seen = this.#routers.get(router);
    if (seen === undefined) return;
    seen.published = online;
    this.#compare(seen);
  }

  /** This member was cut off: what did that may have cut off routers as well. They get time to come back. */
  listenAgain(): void {
    this.#silenceCountsFrom = this.#listenedMs + this.#options.reconnectGraceMs;
  }

  /**
   * All that was sent to this member before `untilMs` has been heard. Call it several times in a heartbeat. Of a longer time
   * since the last call only so much counts as listening; after a very long one, routers get time to come back.
   */
  listened(untilMs: number): void {
    const { heartbeatMs, heartbeatsMissedMax } = this.#options;
    const sinceMs = this.#listenedUntil === null ? 0 : untilMs - this.#listenedUntil;
    this.#listenedMs = this.#listeningAt(untilMs);
    this.#listenedUntil = Math.max(untilMs, this.#listenedUntil ?? untilMs);
    if (sinceMs > heartbeatMs * 2) this.listenAgain();
    for (const seen of this.#routers.values()) {
      const silentMs = this.#listenedMs - Math.max(seen.silentSince, this.#silenceCountsFrom);
      if (!seen.online || silentMs <= heartbeatMs * heartbeatsMissedMax) continue;
      seen.online = false;
      this.#compare(seen);
    }
  }

  /** What the leader has to publish now; say `published` of each when it has been. */
  unpublished(nowMs: number): readonly Transition[] {
    return [...this.#differing].map((seen) => ({
      router: seen.id,
      online: seen.online,
      message: seen.online ? `router ${seen.id} is online` : awaySentence(seen, nowMs),
    }));
  }

  reportOf(router: string): ModelReport | null {
    return this.#routers.get(router)?.report ?? null;
  }

  /** Whether it said goodbye, and nothing since. */
  hasLeft(router: string): boolean {
    return this.#routers.get(router)?.left ?? false;
  }

  /** Those with ids after this one, in the order of the ids, at most `limit`: who lists ten thousand does so in pages. */
  view(standing: Standing, nowMs: number, after = '', limit = Number.POSITIVE_INFINITY): readonly RouterView[] {
    const ids = this.#sortedIds();
    const from = firstAfter(ids, after);
    return ids
      .slice(from, from + limit)
      .flatMap((id) => this.#routers.get(id) ?? [])
      .map((seen) => ({
        id: seen.id,
        online: seen.online,
        version: seen.version,
        protocolVersion: seen.protocolVersion,
        position: seen.position,
        endpointsIndex: seen.endpoints?.index ?? 0,
        inSync: isInSync(seen, standing),
        lastContactMs: Math.max(0, Math.round(nowMs - seen.heardAt)),
        connectedTo: seen.controller,
        scope: seen.scope,
        indexTypes: seen.indexTypes === null ? null : [...seen.indexTypes],
        refused: seen.refused,
        counters: { ...seen.counters },
      }));
  }

  /**
   * A router first heard of by a heartbeat was online before this member listened: that has been published. One that says
   * hello may be new; told twice it does no harm, untold it would.
   */
  #hear(id: string, nowMs: number, byHeartbeat: boolean): Seen | null {
    const known = this.#routers.get(id);
    if (known !== undefined) {
      known.heardAt = nowMs;
      known.silentSince = this.#listeningAt(nowMs);
      return known;
    }
    if (this.#routers.size >= this.#options.routersMax && !this.#forgetOne()) return null;
    const seen: Seen = {
      id,
      online: false,
      published: byHeartbeat ? true : null,
      heardAt: nowMs,
      silentSince: this.#listeningAt(nowMs),
      incarnation: 0,
      version: '',
      protocolVersion: null,
      controller: null,
      scope: 'whole',
      position: null,
      endpoints: null,
      refused: null,
      left: false,
      counters: {},
      expected: { model: null, endpoints: null },
      told: null,
      follows: false,
      indexTypes: null,
      report: null,
    };
    this.#routers.set(id, seen);
    this.#ids = null;
    return seen;
  }

  /** The clock of listening at a moment not before it was set last. */
  #listeningAt(nowMs: number): number {
    const sinceMs = this.#listenedUntil === null ? 0 : nowMs - this.#listenedUntil;
    return this.#listenedMs + Math.min(Math.max(0, sinceMs), this.#options.heartbeatMs / 2);
  }

  #sortedIds(): readonly string[] {
    this.#ids ??= [...this.#routers.keys()].sort((one, other) => (one < other ? -1 : 1));
    return this.#ids;
  }

  /** Away and never said to be here is no difference. */
  #compare(seen: Seen): void {
    if (seen.online === (seen.published === true)) this.#differing.delete(seen);
    else this.#differing.add(seen);
  }

  #forgetOne(): boolean {
    let oldest: Seen | null = null;
    for (const seen of this.#routers.values()) {
      if (!seen.online && seen.published !== true && (oldest === null || seen.heardAt < oldest.heardAt)) oldest = seen;
    }
    if (oldest !== null) this.#ids = null;
    return oldest !== null && this.#routers.delete(oldest.id);
  }
}

function isInSync(seen: Seen, standing: Standing): boolean {
  return seen.online && seen.position !== null && (seen.follows || !isBehind(seen.position, standing.model));
}

function stateOf(seen: Seen, standing: Standing): keyof RouterStates {
  if (seen.refused !== null) return 'refused';
  if (!seen.online) return 'away';
  return isInSync(seen, standing) ? 'in-sync' : 'behind';
}

/** By halving: how many of the sorted ids are not after this one. */
function firstAfter(ids: readonly string[], after: string): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] ?? '') > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

function awaySentence(seen: Seen, nowMs: number): string {
  if (seen.left) return `router ${seen.id} has stopped`;
  if (seen.refused !== null) return `router ${seen.id} was refused: ${seen.refused.message}`;
  return `router ${seen.id} was last heard ${((nowMs - seen.heardAt) / 1000).toFixed(1)} s ago`;
}

/** Whether a router at `held` should have been at `expected`. Positions of different histories: it has something to learn. */
function keptUp(held: Position | null, expected: Position | null): boolean {
  return held !== null && expected !== null && !isBehind(held, expected);
}

function isBehind(held: Position | null, expected: Position | null): boolean {
  if (expected === null || held === null) return false;
  if (!comparable(held, expected)) return held.timeline.epoch <= expected.timeline.epoch;
  return held.index < expected.index;
}
