/** The state of a router, what it is told and what it does about it; and what every part of the state machine does in a turn. */
import type { WireError } from '../errors.js';
import type { IndexType, Timeline } from '../position.js';
import type { VersionRange } from '../protocol.js';
import type { ModelChange } from '../schemas/model.js';
import type {
  EndpointList,
  Heartbeat,
  HelloReply,
  HelloRequest,
  RouterAlert,
  RouterDirect,
} from '../schemas/router.js';
import { type Alerts, type NewAlarm, nextToSend, type RouterAlarm, raiseAlarm } from './alerts.js';
import type { EndpointFinding } from './endpoint-file.js';
import type * as following from './follow.js';

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
    /** The list that was held when it was said. */
    readonly endpoints: EndpointList | null;
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
  /** The next heartbeat says what the router holds. */
  readonly reportDue: boolean;
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
export interface Turn {
  state: RouterState;
  readonly nowMs: number;
  readonly out: RouterEffect[];
}

export function timer(turn: Turn, name: RouterTimer, minMs: number, maxMs: number): void {
  turn.out.push({ effect: 'timer', timer: name, minMs, maxMs });
}

export function follow(
  turn: Turn,
  work: (state: following.Follow, out: following.FollowEffects) => following.Follow,
): void {
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

export function raise(turn: Turn, given: NewAlarm): void {
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
export function sendAlert(turn: Turn): void {
  const { alerts, connected } = turn.state;
  const alert = connected ? nextToSend(alerts) : null;
  if (alert === null) return;
  turn.state = { ...turn.state, alerts: { ...alerts, outstanding: true } };
  turn.out.push({ effect: 'alert', alert });
}
