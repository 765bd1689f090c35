/**
 * How a router and the controllers come to know each other: the hello, whom it is said to, what its answer says of versions and
 * histories; and the list of controllers, which comes with it. Pure, as all of the state machine.
 */
import { z } from 'zod';
import { isRetryable, QuorateError, type WireError } from '../errors.js';
import { identifierSchema } from '../identifiers.js';
import { relateTimelines, type Timeline } from '../position.js';
import { agreeVersion } from '../protocol.js';
import { controllersMax, type EndpointList, type HelloReply, type HelloRequest } from '../schemas/router.js';
import { decideEndpoints, type EndpointRule } from './endpoints.js';
import * as following from './follow.js';
import { routerLimits as limits } from './limits.js';
import { follow, type RouterState, raise, type Session, sendAlert, type Turn, timer } from './turn.js';

export function sayHello(turn: Turn, controller: string | null): void {
  const { state } = turn;
  const { settings } = state;
  const request = state.hello.request + 1;
  const { endpoints } = state;
  turn.state = { ...state, hello: { ...state.hello, request, controller, endpoints, outstanding: true, due: null } };
  const hello: HelloRequest = {
    router: settings.router,
    version: settings.version,
    protocol: settings.protocol,
    indexTypes: [...settings.indexTypes],
    position: state.follow.held,
    endpoints: endpoints?.position ?? null,
    incarnation: settings.incarnation,
  };
  turn.out.push({ effect: 'count', counter: 'hellos' }, { effect: 'hello', request, hello, controller });
}

export function onHelloAnswered(turn: Turn, request: number, reply: HelloReply | null): void {
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
  const keepsItsOwn = reply.endpoints === undefined && turn.state.endpoints !== null;
  const refused = keepsItsOwn ? null : takeEndpoints(turn, reply.endpoints, turn.state.hello.endpoints);
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
export function helloSoon(turn: Turn): void {
  const { outstanding, due } = turn.state.hello;
  if (!outstanding && due !== 'soon') helloIn(turn, 'soon', 0, limits.helloSpreadMs);
}

function helloIn(turn: Turn, due: 'soon' | 'later', minMs: number, maxMs: number): void {
  turn.state = { ...turn.state, hello: { ...turn.state.hello, due } };
  timer(turn, 'hello', minMs, maxMs);
}

/**
 * Returns the rule by which it was refused, or null.
 * @param heldBefore what was held when the list was asked for: where that was older, and a newer one came meanwhile, the answer is
 * of no use, but nobody is at fault, and the operator is told nothing
 */
export function takeEndpoints(
  turn: Turn,
  incoming: unknown,
  heldBefore: EndpointList | null = turn.state.endpoints,
): EndpointRule | null {
  const { state } = turn;
  const decision = decideEndpoints(state.endpoints, incoming, state.settings.cluster);
  switch (decision.decision) {
    case 'same':
      return null;
    case 'refuse':
      if (
        wasOvertaken(decision.rule) &&
        decideEndpoints(heldBefore, incoming, state.settings.cluster).decision !== 'refuse'
      )
        return decision.rule;
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
        ...turn.state,
        endpoints: decision.list,
        follow: { ...turn.state.follow, anchor: decision.list.position.timeline },
      };
      return null;
  }
}

function wasOvertaken(rule: EndpointRule): boolean {
  return rule === 'older' || rule === 'lower-epoch';
}

/** A list of a newer history says that the model has one too. */
function onNewHistory(turn: Turn, timeline: Timeline): void {
  const { held } = turn.state.follow;
  if (held !== null && relateTimelines(held.timeline, timeline) === 'newer') helloSoon(turn);
}
