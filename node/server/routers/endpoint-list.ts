/** Makes the list of controllers for routers. It cannot make an empty one: the type of what it returns says so. */
import type { Position } from '../../../messaging/position.js';
import { protocolVersion } from '../../../messaging/protocol.js';
import type { Endpoint, EndpointList } from '../../../messaging/schemas/router.js';

export interface EndpointSource {
  readonly cluster: string;
  readonly clusterId: string;
  /** Where the configuration was committed. */
  readonly position: Position;
  /** Members of the *committed* configuration. */
  readonly members: readonly Endpoint[];
}

/** Null where there is no member with an address: then no list is sent at all. */
export function makeEndpointList(source: EndpointSource): EndpointList | null {
  const usable = source.members
    .map((member) => ({
      ...member,
      addresses: [...new Set(member.addresses.filter((address) => address.trim() !== ''))],
    }))
    .filter((member) => member.addresses.length > 0)
    .sort((one, other) => (one.id < other.id ? -1 : 1));
  const [first, ...rest] = usable;
  if (first === undefined) return null;
  return {
    v: protocolVersion,
    cluster: source.cluster,
    clusterId: source.clusterId,
    position: source.position,
    controllers: [first, ...rest],
  };
}
