/**
 * What a router does, as a pure function: `reduce(state, input, nowMs)` gives the next state and the effects to carry out. Here
 * it is put together: `greeting.ts` holds the hello and the list of controllers, `follow.ts` how the model is followed,
 * `turn.ts` what they have in common. No clock, no randomness, no I/O: a wait is an effect with bounds, between which the shell
 * draws.
 */
import type { Timeline } from '../position.js';
import { protocolVersion } from '../protocol.js';
import type { Heartbeat } from '../schemas/router.js';
import { answered, noAlerts } from './alerts.js';
import type { EndpointFinding } from './endpoint-file.js';
import * as following from './follow.js';
import { helloSoon, onHelloAnswered, sayHello, takeEndpoints } from './greeting.js';
import { routerLimits as limits } from './limits.js';
import {
  follow,
  type RouterEffect,
  type RouterInput,
  type RouterPhase,
  type RouterSettings,
  type RouterState,
  type RouterTimer,
  raise,
  sendAlert,
  type Turn,
  timer,
} from './turn.js';

export type * from './turn.js';

export function initialState(settings: RouterSettings): RouterState {
  return {
    settings,
    connected: false,
    hello: {
      request: 0,
      outstanding: false,
      due: null,
      controller: null,
      endpoints: null,
      attempt: 0,
      refusal: null,
      others: null,
    },
    session: null,
    reportDue: false,
    endpoints: null,
    follow: initialFollowOf(settings, null),
    alerts: noAlerts,
  };
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
  // Whoever waits for the routers to come to another history need not wait for their next heartbeat.
  const { session } = turn.state;
  if (session !== null && turn.out.some(({ effect }) => effect === 'replace'))
    timer(turn, 'heartbeat', 0, Math.min(session.heartbeatMs, limits.resyncedHeartbeatMs));
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
      if (input.direct.what === 'report') reportSoon(turn);
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
      // The one that accepted the router knows it; another may not even speak its version. Unless that has just failed.
      sayHello(turn, turn.state.hello.attempt === 0 ? (turn.state.session?.controller ?? null) : null);
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
    reportDue: false,
    hello: { ...state.hello, outstanding: false, due: null, attempt: 0, refusal: null, others: null },
    follow: following.pause(state.follow),
    alerts: { ...state.alerts, outstanding: false },
  };
}

/** All routers are asked at once; and one that is asked again before it has answered answers once. */
function reportSoon(turn: Turn): void {
  if (turn.state.session === null || turn.state.reportDue) return;
  turn.state = { ...turn.state, reportDue: true };
  timer(turn, 'heartbeat', 0, limits.reportSpreadMs);
}

function beat(turn: Turn): void {
  const { session, settings, follow: followed, endpoints, reportDue } = turn.state;
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
  turn.out.push({ effect: 'heartbeat', heartbeat, reports: reportDue });
  turn.state = { ...turn.state, reportDue: false };
  timer(turn, 'heartbeat', session.heartbeatMs * 0.9, session.heartbeatMs * 1.1);
}

function onAlertAnswered(turn: Turn, id: string, taken: boolean): void {
  if (!turn.state.alerts.outstanding) return;
  const { alerts, retryMs } = answered(turn.state.alerts, id, taken);
  turn.state = { ...turn.state, alerts };
  if (retryMs === null) sendAlert(turn);
  else timer(turn, 'alert', retryMs / 4, retryMs);
}

function initialFollowOf({ scope, router }: RouterSettings, anchor: Timeline | null): following.Follow {
  return following.initialFollow(anchor, scope === 'own' ? router : null);
}
