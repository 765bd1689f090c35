/** The list of controllers for routers, from the committed configuration and nothing else. */
import type { Endpoint, EndpointList } from '../../messaging/schemas/router.js';
import type { Storage } from '../storage/index.js';
import { makeEndpointList } from './routers/index.js';

/** Null while this controller is in no committed configuration. */
export function endpointsOf(cluster: string, storage: Storage): EndpointList | null {
  const meta = storage.model.meta();
  if (meta === undefined) return null;
  const { voters, learners } = meta.configuration;
  const members = storage.model.records('member').flatMap(({ key, value }): Endpoint[] => {
    const role = voters.includes(key) ? 'voter' : learners.includes(key) ? 'learner' : undefined;
    return role === undefined
      ? []
      : [{ id: key, name: value.name, addresses: value.addresses, role, protocol: value.protocol }];
  });
  return makeEndpointList({
    cluster,
    clusterId: meta.clusterId,
    position: { ...meta.position, index: meta.membersIndex },
    members,
  });
}
