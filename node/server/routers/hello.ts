/** What a controller answers to a router's hello. Pure. */
import { QuorateError, type WireError } from '../../../messaging/errors.js';
import { comparable, type Position } from '../../../messaging/position.js';
import { agreeVersion, protocolVersion, supportedVersions, type VersionRange } from '../../../messaging/protocol.js';
import { revokedTag } from '../../../messaging/revocation.js';
import type { Entity } from '../../../messaging/schemas/model.js';
import type { EndpointList, HelloReply, HelloRequest } from '../../../messaging/schemas/router.js';
import type { RouterModelReader } from './model-reader.js';

export interface HelloFacts {
  readonly controller: string;
  readonly heartbeatMs: number;
  /** Versions that this controller may speak to routers. */
  readonly protocol?: VersionRange;
  readonly position: Position | null;
  /** The router as the model has it; null: it is not in the model. */
  readonly router: Entity | null;
  readonly endpoints: EndpointList | null;
}

/**
 * Why this controller does not take this router; null: it does. Where others may, because they were upgraded already or not
 * yet, the refusal names them (`details.controllers`): the router asks those before it takes no for an answer.
 */
export function refusalOf(hello: HelloRequest, facts: HelloFacts): WireError | null {
  const ours = facts.protocol ?? supportedVersions;
  if (agreeVersion(ours, hello.protocol) === null) {
    const { min, max } = hello.protocol;
    return new QuorateError(
      'unsupported-version',
      `the router speaks versions ${min} to ${max} and the controllers ${ours.min} to ${ours.max}`,
      {
        remedy: max < ours.min ? 'Upgrade the router.' : 'Upgrade the controllers.',
        details: { controllers: othersThatSpeak(hello.protocol, facts) },
      },
    ).toWire();
  }
  if (isDisabled(facts.router)) return disabledError(hello.router, facts.router);
  if (facts.position !== null && !hello.indexTypes.includes(facts.position.indexType)) {
    return new QuorateError('hello-refused', `the router does not understand ${facts.position.indexType} indexes`, {
      remedy: 'Upgrade the router.',
    }).toWire();
  }
  return null;
}

/** Why the model, and not the router's version, keeps it out; null: it does not. */
export function refusalByModel(router: string, model: Pick<RouterModelReader, 'entity'>): WireError | null {
  const entity = model.entity('router', router) ?? null;
  return isDisabled(entity) ? disabledError(router, entity) : null;
}

function isDisabled(router: Entity | null): boolean {
  return router?.spec['disabled'] === true;
}

function disabledError(router: string, entity: Entity | null): WireError {
  const revoked = entity?.tags[revokedTag];
  if (revoked !== undefined) {
    return new QuorateError('hello-refused', `the key of router ${router} was revoked at ${revoked}`, {
      remedy: `Where it is to serve again: quorate auth enrol router ${router}`,
    }).toWire();
  }
  return new QuorateError('hello-refused', `the router ${router} is disabled in the model`, {
    remedy: `Enable it: quorate model update router ${router} --set disabled=false`,
  }).toWire();
}

function othersThatSpeak(range: VersionRange, { controller, endpoints }: HelloFacts): readonly string[] {
  return (endpoints?.controllers ?? [])
    .filter((each) => each.id !== controller && agreeVersion(each.protocol, range) !== null)
    .map((each) => each.id);
}

/** Whether another controller may accept what this one refused. */
export function namesOthers(refusal: WireError): boolean {
  const others = refusal.details?.['controllers'];
  return Array.isArray(others) && others.length > 0;
}

export function answerHello(hello: HelloRequest, facts: HelloFacts): HelloReply {
  const refusal = refusalOf(hello, facts);
  if (refusal !== null) return { v: protocolVersion, ok: false, error: refusal };
  const agreed = agreeVersion(facts.protocol ?? supportedVersions, hello.protocol);
  if (facts.position === null || facts.endpoints === null || agreed === null) {
    return {
      v: protocolVersion,
      ok: false,
      error: new QuorateError('behind', 'this controller is not a member with a model yet').toWire(),
    };
  }
  return {
    v: protocolVersion,
    ok: true,
    controller: facts.controller,
    protocolVersion: agreed,
    heartbeatMs: facts.heartbeatMs,
    ...(holdsNewerThan(facts.endpoints, hello) ? {} : { endpoints: facts.endpoints }),
    position: facts.position,
  };
}

/** The leader has told the router of a change of membership that is not applied here yet: the older list is of no use to it. */
function holdsNewerThan({ position }: EndpointList, { endpoints: held }: HelloRequest): boolean {
  return held !== undefined && held !== null && comparable(held, position) && position.index < held.index;
}
