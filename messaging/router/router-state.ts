/**
 * What a router does, as a pure function: `reduce(state, input, nowMs)` gives the next state and the effects to carry out.
 * It holds the conversation (hello, heartbeats, alerts) and the list of controllers; how the model is followed is in
 * `follow.ts`. No clock, no randomness, no I/O: a wait is an effect with bounds, between which the shell draws.
 */
import { z } from 'zod';
import { isRetryable, QuorateError, type WireError } from '../errors.js';
import { identifierSchema } from '../identifiers.js';
import { type IndexType, relateTimelines, type Timeline } from '../position.js';
import { agreeVersion, protocolVersion, type VersionRange } from '../protocol.js';
import type { ModelChange } from '../schemas/model.js';
import {
  controllersMax,
  type EndpointList,
  type Heartbeat,
  type HelloReply,
  type HelloRequest,
  type RouterAlert,
  type RouterDirect,
} from '../schemas/router.js';
import { type Alerts, answered, type NewAlarm, nextToSend, noAlerts, type RouterAlarm, raiseAlarm } from './alerts.js';
import type { EndpointFinding } from './endpoint-file.js';
import { decideEndpoints, type EndpointRule } from './endpoints.js';
import * as following from './follow.js';
import { routerLimits as limits } from './limits.js';

export interface RouterSettings {
  readonly cluster: string;
  readonly router: string;
  readonly version: string;
  /** What to hold of the model. */
  readonly scope: 'whole' | 'own';
  readonly protocol: VersionRange;
  readonly indexTypes: readonly IndexType[];
  /** Rises at each start. */
  readonly incarnation: number;
}

/**
 * - `disconnected`: no NATS server.
 * - `greeting`: no controller has answered the hello yet.
 * - `refused`: the controllers do not accept this router; it asks again from time to time.
 * - `syncing`: something of the model is missing and being fetched.
 * - `live`: it holds all that it has heard of.
 */
export type RouterPhase = 'disconnected' | 'greeting' | 'refused' | 'syncing' | 'live';

export interface RouterState {
  readonly settings: RouterSettings;
  readonly connected: boolean;
  readonly hello: {
    readonly request: number;
    readonly outstanding: boolean;
    /** The timer for the next one runs: after a connection or a word, or after a failure. */
    readonly due: 'soon' | 'later' | null;
    /** Whom the newest one went to; null: any. */
    readonly controller: string | null;
    readonly attempt: number;
    readonly refusal: WireError | null;
    /**
     * While controllers are upgraded one does not speak the router's version and the next does: those that are still to be
     * asked before the router counts as refused. Null: none was asked for that reason.
     */
    readonly others: readonly string[] | null;
  };
  /** What was agreed at the last hello since the connection was made. */
  readonly session: Session | null;
  readonly endpoints: EndpointList | null;
  readonly follow: following.Follow;
  readonly alerts: Alerts;
}

export interface Session {
  readonly controller: string;
  readonly protocolVersion: number;
  readonly heartbeatMs: number;
}

export type RouterTimer = 'hello' | 'sync' | 'alert' | 'heartbeat';

export type RouterInput =
  | { readonly input: 'start'; readonly finding: EndpointFinding }
  | { readonly input: 'connected' }
  | { readonly input: 'disconnected' }
  /** Null: no answer, or one that is not understood. */
  | { readonly input: 'hello-answered'; readonly request: number; readonly reply: HelloReply | null }
  | { readonly input: 'sync-answered'; readonly request: number; readonly outcome: following.SyncOutcome }
  | { readonly input: 'alert-answered'; readonly id: string; readonly taken: boolean }
  | { readonly input: 'change'; readonly change: ModelChange }
  /** Not yet validated. */
  | { readonly input: 'endpoints'; readonly list: unknown }
  | { readonly input: 'endpoints-unsaved'; readonly reason: string }
  | { readonly input: 'direct'; readonly direct: RouterDirect }
  | { readonly input: 'timer'; readonly timer: RouterTimer };

export type RouterCounter =
  | following.FollowCounter
  | 'hellos'
  | 'hellosRefused'
  | 'endpointsAccepted'
  | 'endpointsRefused'
  | 'alertsDropped'
  | 'undecodable';

export type RouterEffect =
  | Exclude<
      following.FollowEffect,
      { readonly effect: 'count' } | { readonly effect: 'timer' } | { readonly effect: 'conflict' }
    >
  | { readonly effect: 'count'; readonly counter: RouterCounter }
  /** Runs the named timer, in place of one that runs already, for a time between the two. */
  | { readonly effect: 'timer'; readonly timer: RouterTimer; readonly minMs: number; readonly maxMs: number }
  /** To any controller where `controller` is null. */
  | {
      readonly effect: 'hello';
      readonly request: number;
      readonly hello: HelloRequest;
      readonly controller: string | null;
    }
  | {
      readonly effect: 'heartbeat';
      readonly heartbeat: Omit<Heartbeat, 'counters' | 'report'>;
      readonly reports: boolean;
    }
  | { readonly effect: 'alert'; readonly alert: RouterAlert }
  | { readonly effect: 'alarm'; readonly alarm: RouterAlarm }
  | { readonly effect: 'save-endpoints'; readonly list: EndpointList }
  | { readonly effect: 'phase'; readonly phase: RouterPhase };

/** One turn: the state as it becomes, and the effects as they gather. */
interface Turn {
  state: RouterState;
  readonly nowMs: number;
  readonly out: RouterEffect[];
}

export function initialState(settings: RouterSettings): RouterState {
  return {
    settings,
    connected: false,
    hello: { request: 0, outstanding: false, due: null, controller: null, attempt: 0, refusal: null, others: null },
    session: null,
    endpoints: null,
    follow: initialFollowOf(settings, null),
    alerts: noAlerts,
  };
}

function initialFollowOf({ scope, router }: RouterSettings, anchor: Timeline | null): following.Follow {
  return following.initialFollow(anchor, scope === 'own' ? router : null);
}

export function phaseOf(state: RouterState): RouterPhase {
  if (!state.connected) return 'disconnected';
  if (state.session === null) return state.hello.refusal === null ? 'greeting' : 'refused';
  return following.isFollowing(state.follow) ? 'live' : 'syncing';
}

/** @param nowMs a clock that never goes back, for the windows of alerts */
export function reduce(
  before: RouterState,
  input: RouterInput,
  nowMs: number,
): { readonly state: RouterState; readonly effects: readonly RouterEffect[] } {
  const turn: Turn = { state: before, nowMs, out: [] };
  step(turn, input);
  const phase = phaseOf(turn.state);
  if (phase !== phaseOf(before)) turn.out.push({ effect: 'phase', phase });
  return { state: turn.state, effects: turn.out };
}

function step(turn: Turn, input: RouterInput): void {
  switch (input.input) {
    case 'start':
      onStart(turn, input.finding);
      return;
    case 'connected':
      turn.state = { ...turn.state, connected: true };
      helloSoon(turn);
      return;
    case 'disconnected':
      onDisconnected(turn);
      return;
    case 'hello-answered':
      onHelloAnswered(turn, input.request, input.reply);
      return;
    case 'sync-answered':
      follow(turn, (state, out) => following.onSyncReply(state, input.request, input.outcome, out));
      return;
    case 'alert-answered':
      onAlertAnswered(turn, input.id, input.taken);
      return;
    case 'change':
      // What a controller says that refuses this router need not mean what the router understands.
      if (turn.state.hello.refusal !== null) return;
      follow(turn, (state, out) => following.onChange(state, input.change, out));
      return;
    case 'endpoints':
      takeEndpoints(turn, input.list);
      return;
    case 'endpoints-unsaved':
      raise(turn, {
        code: 'router.endpoints.unsaved',
        kind: '',
        severity: 'warning',
        message: 'the list of controllers could not be written to disk',
        details: [input.reason],
      });
      return;
    case 'direct':
      if (input.direct.what === 'report') beat(turn, true);
      else helloSoon(turn);
      return;
    case 'timer':
      onTimer(turn, input.timer);
      return;
  }
}

function onTimer(turn: Turn, name: RouterTimer): void {
  if (!turn.state.connected) return;
  switch (name) {
    case 'hello':
      // The one that accepted the router knows it; another may not even speak its version.
      sayHello(turn, turn.state.session?.controller ?? null);
      return;
    case 'sync':
      follow(turn, following.onSyncTimer);
      return;
    case 'alert':
      sendAlert(turn);
      return;
    case 'heartbeat':
      beat(turn);
      return;
  }
}

function onStart(turn: Turn, finding: EndpointFinding): void {
  if (finding.found === 'list') {
    turn.state = {
      ...turn.state,
      endpoints: finding.list,
      follow: initialFollowOf(turn.state.settings, finding.list.position.timeline),
    };
    return;
  }
  raise(turn, {
    code: 'router.endpoints.fallback',
    kind: '',
    severity: finding.found === 'missing' ? 'info' : 'warning',
    message: `the configured list of servers is used: ${finding.sentence}`,
    details: [finding.found],
  });
}

function onDisconnected(turn: Turn): void {
  const { state } = turn;
  turn.state = {
    ...state,
    connected: false,
    session: null,
    hello: { ...state.hello, outstanding: false, due: null, attempt: 0, refusal: null, others: null },
    follow: following.pause(state.follow),
    alerts: { ...state.alerts, outstanding: false },
  };
}

// ---- hello

function sayHello(turn: Turn, controller: string | null): void {
  const { state } = turn;
  const { settings } = state;
  const request = state.hello.request + 1;
  turn.state = { ...state, hello: { ...state.hello, request, controller, outstanding: true, due: null } };
  const hello: HelloRequest = {
    router: settings.router,
    version: settings.version,
    protocol: settings.protocol,
    indexTypes: [...settings.indexTypes],
    position: state.follow.held,
    incarnation: settings.incarnation,
  };
  turn.out.push({ effect: 'count', counter: 'hellos' }, { effect: 'hello', request, hello, controller });
}

function onHelloAnswered(turn: Turn, request: number, reply: HelloReply | null): void {
  const { hello, session } = turn.state;
  if (!hello.outstanding || hello.request !== request) return;
  turn.state = { ...turn.state, hello: { ...hello, outstanding: false } };
  // The controller of the session is gone, or does not listen: any other will do.
  if (reply === null && session !== null && hello.controller !== null) sayHello(turn, null);
  else if (reply === null) askNext(turn, () => helloAgain(turn));
  else if (reply.ok) onWelcome(turn, reply);
  else if (isRetryable(QuorateError.fromWire(reply.error))) helloAgain(turn);
  else onDeclined(turn, reply.error);
}

type Welcome = HelloReply & { readonly ok: true };

function onWelcome(turn: Turn, reply: Welcome): void {
  const { protocol } = turn.state.settings;
  if (reply.protocolVersion < protocol.min || reply.protocolVersion > protocol.max) {
    const message = `the controller ${reply.controller} speaks version ${reply.protocolVersion}`;
    onDeclined(turn, new QuorateError('unsupported-version', message).toWire());
  } else if (isOfStranger(turn, reply)) helloAgain(turn);
  else onAccepted(turn, reply);
}

/** A controller of another cluster or history is not believed in anything. */
function isOfStranger(turn: Turn, reply: Welcome): boolean {
  const refused = takeEndpoints(turn, reply.endpoints);
  if (refused !== null && rulesOfStrangers.has(refused)) return true;
  let isStranger = false;
  follow(turn, (state, out) => {
    const decided = following.onControllerPosition(state, reply.position, out);
    isStranger = decided.refused !== null;
    return decided.follow;
  });
  return isStranger;
}

const rulesOfStrangers: ReadonlySet<EndpointRule> = new Set(['other-cluster', 'timeline-conflict', 'lower-epoch']);

function onAccepted(turn: Turn, reply: Welcome): void {
  const isFirst = turn.state.session === null;
  const heartbeatMs = Math.min(limits.heartbeatMaxMs, Math.max(limits.heartbeatMinMs, reply.heartbeatMs));
  const session: Session = { controller: reply.controller, protocolVersion: reply.protocolVersion, heartbeatMs };
  turn.state = { ...turn.state, session, hello: { ...turn.state.hello, attempt: 0, refusal: null, others: null } };
  if (!isFirst) return;
  timer(turn, 'heartbeat', 0, heartbeatMs);
  follow(turn, following.resume);
  sendAlert(turn);
}

/** One controller declines. Where that is for its version only, each other that may speak the router's is asked first. */
function onDeclined(turn: Turn, error: WireError): void {
  turn.out.push({ effect: 'count', counter: 'hellosRefused' });
  if (error.code === 'unsupported-version' && turn.state.hello.others === null)
    setOthers(turn, othersFor(turn.state, error));
  askNext(turn, () => onRefused(turn, error));
}

/** Whom the refusal names, else those of the list that is held; both may be out of date, so nothing is refused by them. */
function othersFor({ endpoints, settings, hello }: RouterState, error: WireError): readonly string[] {
  const named = z.array(identifierSchema).max(controllersMax).safeParse(error.details?.['controllers']);
  if (named.success) return named.data;
  return (endpoints?.controllers ?? [])
    .filter((each) => each.id !== hello.controller && agreeVersion(each.protocol, settings.protocol) !== null)
    .map((each) => each.id);
}

function setOthers(turn: Turn, others: readonly string[] | null): void {
  turn.state = { ...turn.state, hello: { ...turn.state.hello, others } };
}

/** Asks the next of those that are still to be asked; without one, does `last`. */
function askNext(turn: Turn, last: () => void): void {
  const [next, ...others] = turn.state.hello.others ?? [];
  setOthers(turn, next === undefined ? null : others);
  if (next === undefined) last();
  else sayHello(turn, next);
}

/** No controller accepts this router. */
function onRefused(turn: Turn, error: WireError): void {
  turn.state = {
    ...turn.state,
    session: null,
    hello: { ...turn.state.hello, refusal: error },
    follow: following.pause(turn.state.follow),
  };
  raise(turn, {
    code: 'router.hello.refused',
    kind: error.code,
    severity: 'error',
    message: `the controllers refuse this router: ${error.message}`,
    details: [error.remedy],
  });
  // While controllers are upgraded one refuses and the next accepts: soon again at first, then ever more rarely.
  helloAgain(turn, limits.refusedRetryMs);
}

function helloAgain(turn: Turn, waitMaxMs: number = limits.retryWaitMaxMs): void {
  const { hello } = turn.state;
  const waitMs = Math.min(waitMaxMs, limits.retryWaitMinMs * 2 ** hello.attempt);
  turn.state = { ...turn.state, hello: { ...hello, attempt: Math.min(hello.attempt + 1, 32), others: null } };
  helloIn(turn, 'later', waitMs / 4, waitMs);
}

/** One that is under way or due soon will do: to begin again at each word would put the answer off for ever. */
function helloSoon(turn: Turn): void {
  const { outstanding, due } = turn.state.hello;
  if (!outstanding && due !== 'soon') helloIn(turn, 'soon', 0, limits.helloSpreadMs);
}

function helloIn(turn: Turn, due: 'soon' | 'later', minMs: number, maxMs: number): void {
  turn.state = { ...turn.state, hello: { ...turn.state.hello, due } };
  timer(turn, 'hello', minMs, maxMs);
}

function beat(turn: Turn, reports = false): void {
  const { session, settings, follow: followed, endpoints } = turn.state;
  if (session === null) return;
  const heartbeat: Omit<Heartbeat, 'counters' | 'report'> = {
    v: protocolVersion,
    router: settings.router,
    incarnation: settings.incarnation,
    position: followed.held,
    endpoints: endpoints?.position ?? null,
    controller: session.controller,
    protocolVersion: session.protocolVersion,
    version: settings.version,
    scope: settings.scope,
    indexTypes: [...settings.indexTypes],
  };
  turn.out.push({ effect: 'heartbeat', heartbeat, reports });
  timer(turn, 'heartbeat', session.heartbeatMs * 0.9, session.heartbeatMs * 1.1);
}

// ---- the list of controllers

/** Returns the rule by which it was refused, or null. */
function takeEndpoints(turn: Turn, incoming: unknown): EndpointRule | null {
  const { state } = turn;
  const decision = decideEndpoints(state.endpoints, incoming, state.settings.cluster);
  switch (decision.decision) {
    case 'same':
      return null;
    case 'refuse':
      turn.out.push({ effect: 'count', counter: 'endpointsRefused' });
      raise(turn, {
        code: 'router.endpoints.refused',
        kind: decision.rule,
        severity: decision.rule === 'older' ? 'info' : 'warning',
        message: `a list of controllers was refused: ${decision.sentence}`,
        details: [decision.rule],
      });
      return decision.rule;
    case 'accept':
      turn.out.push(
        { effect: 'count', counter: 'endpointsAccepted' },
        { effect: 'save-endpoints', list: decision.list },
      );
      onNewHistory(turn, decision.list.position.timeline);
      turn.state = {
        ...state,
        endpoints: decision.list,
        follow: { ...state.follow, anchor: decision.list.position.timeline },
      };
      return null;
  }
}

/** A list of a newer history says that the model has one too. */
function onNewHistory(turn: Turn, timeline: Timeline): void {
  const { held } = turn.state.follow;
  if (held !== null && relateTimelines(held.timeline, timeline) === 'newer') helloSoon(turn);
}

// ---- following the model

function follow(turn: Turn, work: (state: following.Follow, out: following.FollowEffects) => following.Follow): void {
  const effects: following.FollowEffects = [];
  const followed = work(turn.state.follow, effects);
  // Without a controller that has accepted the router nothing is asked; it is as soon as one has (`resume`).
  const mayAsk = turn.state.session !== null;
  turn.state = { ...turn.state, follow: followed };
  for (const effect of effects) {
    if (effect.effect === 'conflict') raiseConflict(turn, effect);
    else if (mayAsk || (effect.effect !== 'ask' && effect.effect !== 'timer')) turn.out.push(effect);
  }
}

function raiseConflict(turn: Turn, conflict: { readonly known: Timeline; readonly claimed: Timeline }): void {
  raise(turn, {
    code: 'router.timeline.conflict',
    kind: '',
    severity: 'error',
    message: `two histories of the model claim epoch ${conflict.known.epoch}: ${conflict.known.id}, which is kept, and ${conflict.claimed.id}, which is ignored`,
    details: [conflict.known.id, conflict.claimed.id],
  });
}

// ---- alerts

function raise(turn: Turn, given: NewAlarm): void {
  const { alerts, settings } = turn.state;
  const { router, incarnation } = settings;
  const raised = raiseAlarm(alerts, given, { router, incarnation, nowMs: turn.nowMs });
  if (raised === null) return;
  if (raised.dropped) turn.out.push({ effect: 'count', counter: 'alertsDropped' });
  turn.state = { ...turn.state, alerts: raised.alerts };
  turn.out.push({ effect: 'alarm', alarm: raised.alarm });
  sendAlert(turn);
}

/** As soon as there is a connection: a router that is refused has something to tell as well. */
function sendAlert(turn: Turn): void {
  const { alerts, connected } = turn.state;
  const alert = connected ? nextToSend(alerts) : null;
  if (alert === null) return;
  turn.state = { ...turn.state, alerts: { ...alerts, outstanding: true } };
  turn.out.push({ effect: 'alert', alert });
}

function onAlertAnswered(turn: Turn, id: string, taken: boolean): void {
  if (!turn.state.alerts.outstanding) return;
  const { alerts, retryMs } = answered(turn.state.alerts, id, taken);
  turn.state = { ...turn.state, alerts };
  if (retryMs === null) sendAlert(turn);
  else timer(turn, 'alert', retryMs / 4, retryMs);
}

function timer(turn: Turn, name: RouterTimer, minMs: number, maxMs: number): void {
  turn.out.push({ effect: 'timer', timer: name, minMs, maxMs });
}
