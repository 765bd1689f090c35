/** What a controller answers to a router's hello. Pure. */
import { QuorateError, type WireError } from '../../../messaging/errors.js';
import type { Position } from '../../../messaging/position.js';
import { agreeVersion, protocolVersion, supportedVersions, type VersionRange } from '../../../messaging/protocol.js';
import type { EndpointList, HelloReply, HelloRequest } from '../../../messaging/schemas/router.js';

export interface HelloFacts {
  readonly controller: string;
  readonly heartbeatMs: number;
  /** Versions that this controller may speak to routers. */
  readonly protocol?: VersionRange;
  readonly position: Position | null;
  readonly endpoints: EndpointList | null;
}

/** Why the controllers do not take this router at all, whichever of them it asks; null: they do. */
export function refusalOf(hello: HelloRequest, facts: HelloFacts): WireError | null {
  const ours = facts.protocol ?? supportedVersions;
  if (agreeVersion(ours, hello.protocol) === null) {
    const { min, max } = hello.protocol;
    return new QuorateError(
      'unsupported-version',
      `the router speaks versions ${min} to ${max} and the controllers ${ours.min} to ${ours.max}`,
      {
        remedy: max < ours.min ? 'Upgrade the router.' : 'Upgrade the controllers.',
      },
    ).toWire();
  }
  if (facts.position !== null && !hello.indexTypes.includes(facts.position.indexType)) {
    return new QuorateError('hello-refused', `the router does not understand ${facts.position.indexType} indexes`, {
      remedy: 'Upgrade the router.',
    }).toWire();
  }
  return null;
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
    endpoints: facts.endpoints,
    position: facts.position,
  };
}
