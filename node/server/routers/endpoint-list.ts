/** Makes the list of controllers for routers. It cannot make an empty one: the type of what it returns says so. */
import type { Position } from '../../../messaging/position.js';
import { protocolVersion } from '../../../messaging/protocol.js';
import type { Endpoint, EndpointList } from '../../../messaging/schemas/router.js';
import type { Member } from '../../../messaging/schemas/status.js';
import type { ModelStore } from '../../model/store.js';
import type { Configuration } from '../../raft/types.js';

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

/**
 * The list as the model has it: of the configuration that is committed and applied. Null on a controller that is not in it
 * itself: it sends none. Kept until the members change: every hello and heartbeat asks.
 */
export function endpointsOf(
  store: Pick<ModelStore, 'meta' | 'records'>,
  cluster: string,
  nodeId: string,
): () => EndpointList | null {
  let kept: { readonly key: string; readonly list: EndpointList | null } | null = null;
  return () => {
    const meta = store.meta();
    if (meta === undefined) return null;
    const position = { ...meta.position, index: meta.membersIndex };
    const key = `${position.timeline.id} ${position.indexType} ${position.index}`;
    if (kept?.key !== key) {
      const members = membersOf(
        meta.configuration,
        store.records('member').map((record) => record.value),
      );
      const isMember = members.some((member) => member.id === nodeId);
      kept = {
        key,
        list: isMember ? makeEndpointList({ cluster, clusterId: meta.clusterId, position, members }) : null,
      };
    }
    return kept.list;
  };
}

function membersOf(configuration: Configuration, known: readonly Member[]): readonly Endpoint[] {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  const votes = new Set([...voters, ...votersOutgoing]);
  const ids = new Set([...votes, ...learners, ...learnersNext]);
  return known
    .filter((member) => ids.has(member.id))
    .map(({ id, name, addresses, protocol }) => ({
      id,
      name,
      addresses: [...addresses],
      role: votes.has(id) ? 'voter' : 'learner',
      protocol,
    }));
}
