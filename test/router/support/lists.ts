/** Lists of controllers for fuzzing, and what a good one is, said in the plainest way. */
import type { EndpointList } from '../../../messaging/index.js';
import type { Random } from '../../support/random.js';

/** A list that may be wrong in any way, often only a little. */
export function anyList(random: Random): unknown {
  const addresses = () =>
    Array.from({ length: random.between(0, 2) }, () =>
      random.pick(['nats://a:1', 'b:2', '', ' ', 'x y', 7 as unknown as string]),
    );
  const controllers = Array.from({ length: random.between(0, 3) }, () => ({
    id: random.pick(['n1', 'n2', 'n3', '']),
    name: 'controller',
    role: 'voter',
    protocol: { min: 1, max: 1 },
    addresses: ['nats://127.0.0.1:4'],
    ...(random.chance(0.4) ? { addresses: addresses() } : {}),
  }));
  const list: Record<string, unknown> = {
    v: random.pick([1, 1, 1, 2]),
    cluster: random.pick(['test', 'test', 'other']),
    clusterId: random.pick(['cluster-id', 'cluster-id', 'other']),
    position: {
      timeline: { id: random.pick(['A', 'B']), epoch: random.between(1, 4) },
      indexType: random.pick(['raft', 'legacy']),
      index: random.between(0, 100),
    },
    controllers,
  };
  if (random.chance(0.1)) delete list[random.pick(Object.keys(list))];
  return random.chance(0.05) ? random.pick([null, [], 'x', 5, undefined]) : list;
}

/** What routers are promised: this list may take the place of the one that is held, or is the same. */
export function isGoodAfter(held: EndpointList | null, incoming: unknown): boolean {
  const list = incoming as EndpointList | null;
  if (list === null || typeof list !== 'object' || !Array.isArray(list.controllers)) return false;
  const { v, cluster, clusterId, position, controllers } = list;
  if (![1, 2].includes(v) || cluster !== 'test' || clusterId === undefined || position === undefined) return false;
  const ids = controllers.map((each) => each.id);
  const isReachable = ({ addresses }: { readonly addresses: readonly unknown[] }) =>
    addresses.length > 0 && addresses.every((each) => typeof each === 'string' && /^[^ ]+$/.test(each));
  if (controllers.length === 0 || new Set(ids).size < ids.length || ids.includes('')) return false;
  if (!controllers.every(isReachable)) return false;
  if (held === null) return true;
  const [now, was] = [position, held.position];
  if (clusterId !== held.clusterId || now.timeline.epoch < was.timeline.epoch) return false;
  if (now.timeline.epoch > was.timeline.epoch) return true;
  return now.timeline.id === was.timeline.id && (now.indexType !== was.indexType || now.index >= was.index);
}
