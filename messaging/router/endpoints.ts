/**
 * Which lists of controllers a router accepts. The promise: whatever arrives, the router never ends up with a list by which
 * it finds nobody. Pure; `endpoint-file.ts` keeps the accepted one on disk.
 */
import { z } from 'zod';
import { comparable, formatPosition, positionSchema, relateTimelines } from '../position.js';
import { supportedVersions } from '../protocol.js';
import { type Endpoint, type EndpointList, endpointListSchema, endpointSchema } from '../schemas/router.js';

/** Why a list was refused. */
export type EndpointRule =
  | 'undecodable'
  | 'unsupported-version'
  | 'empty'
  | 'no-address'
  | 'bad-address'
  | 'duplicate'
  | 'other-cluster'
  | 'timeline-conflict'
  | 'lower-epoch'
  | 'older';

export type EndpointDecision =
  | { readonly decision: 'accept'; readonly list: EndpointList }
  /** Nothing new in it. */
  | { readonly decision: 'same' }
  /** `sentence` says what was wrong with it, for the operator. */
  | { readonly decision: 'refuse'; readonly rule: EndpointRule; readonly sentence: string };

/** The form of a list before the rules are asked, so that a broken rule can be named. */
const looseListSchema = z.object({
  v: z.int(),
  cluster: z.string(),
  clusterId: z.string(),
  position: positionSchema,
  controllers: z.array(endpointSchema.extend({ addresses: z.array(z.string()).default([]) })),
});

const addressPattern = /^(?:[a-z]+:\/\/)?[^\s/,]+$/i;

/**
 * @param held the list that the router has, or null
 * @param incoming what was received or read, not yet validated
 * @param cluster the name of the cluster that the router belongs to
 */
export function decideEndpoints(held: EndpointList | null, incoming: unknown, cluster: string): EndpointDecision {
  const loose = looseListSchema.safeParse(incoming);
  if (!loose.success) {
    const issue = loose.error.issues[0];
    return refuse(
      'undecodable',
      `it is not understood: ${issue?.path.map(String).join('.') || 'the whole'}: ${issue?.message ?? 'invalid'}`,
    );
  }
  const { v, controllers, position } = loose.data;
  if (v < supportedVersions.min || v > supportedVersions.max)
    return refuse('unsupported-version', `it has version ${v}`);
  if (loose.data.cluster !== cluster)
    return refuse('other-cluster', `it is of the cluster ${loose.data.cluster}, not ${cluster}`);
  const broken = brokenEntry(controllers);
  if (broken !== null) return broken;
  const strict = endpointListSchema.safeParse(incoming);
  if (!strict.success) return refuse('undecodable', strict.error.issues[0]?.message ?? 'invalid');
  const list = asEndpointList(strict.data);
  if (list === null) return refuse('empty', 'it names no controller');
  return held === null ? { decision: 'accept', list } : compare(held, list, formatPosition(position));
}

function brokenEntry(
  controllers: readonly { readonly id: string; readonly addresses: readonly string[] }[],
): EndpointDecision | null {
  if (controllers.length === 0) return refuse('empty', 'it names no controller');
  const seen = new Set<string>();
  for (const { id, addresses } of controllers) {
    if (seen.has(id)) return refuse('duplicate', `it names the controller ${id} twice`);
    seen.add(id);
    if (addresses.every((address) => address.trim() === ''))
      return refuse('no-address', `it gives no address for the controller ${id}`);
    const bad = addresses.find((address) => !addressPattern.test(address));
    if (bad !== undefined) return refuse('bad-address', `${JSON.stringify(bad)} of the controller ${id} is no address`);
  }
  return null;
}

function compare(held: EndpointList, list: EndpointList, at: string): EndpointDecision {
  if (held.clusterId !== list.clusterId) {
    return refuse(
      'other-cluster',
      `its cluster id is ${list.clusterId}, and the list that is held is of ${held.clusterId}`,
    );
  }
  switch (relateTimelines(held.position.timeline, list.position.timeline)) {
    case 'older':
      return refuse(
        'lower-epoch',
        `it is of epoch ${list.position.timeline.epoch}, and the one that is held is of epoch ${held.position.timeline.epoch}`,
      );
    case 'conflict':
      return refuse(
        'timeline-conflict',
        `its timeline ${list.position.timeline.id} claims the epoch of the timeline ${held.position.timeline.id}`,
      );
    case 'newer':
      return { decision: 'accept', list };
    case 'same':
      break;
  }
  if (comparable(held.position, list.position) && list.position.index < held.position.index) {
    return refuse('older', `it stands at ${at}, and the one that is held at ${formatPosition(held.position)}`);
  }
  return JSON.stringify(held) === JSON.stringify(list) ? { decision: 'same' } : { decision: 'accept', list };
}

function refuse(rule: EndpointRule, sentence: string): EndpointDecision {
  return { decision: 'refuse', rule, sentence };
}

/** The list with the type that cannot be empty, or null where it is. */
export function asEndpointList(list: z.infer<typeof endpointListSchema>): EndpointList | null {
  const [first, ...rest] = list.controllers;
  return first === undefined ? null : { ...list, controllers: [first, ...rest] };
}

/** Addresses of NATS servers to try: those learned, then those configured, each once. */
export function serversOf(list: EndpointList | null, configured: readonly string[]): readonly string[] {
  const learned = (list?.controllers ?? [])
    .flatMap((each: Endpoint) => each.addresses)
    .filter((address) => address.trim() !== '');
  return [...new Set([...learned, ...configured])];
}
