/** Every subject that somebody listens on, and what is honestly said there: by the names of the table of subjects. */
import { QuorateError } from '../../messaging/errors.js';
import { apiVerbs } from '../../messaging/schemas/api.js';
import { lanes, routerVerbs, type Subjects } from '../../messaging/subjects.js';
import type { PeerVerb } from '../../node/cluster/transport.js';
import type { Random } from '../support/random.js';

export interface Target {
  readonly subject: string;
  /** What has the form that is asked for, and is harmless where it is taken for true. */
  readonly honest: Record<string, unknown>;
}

export interface World {
  readonly subjects: Subjects;
  readonly controllers: readonly string[];
  readonly routers: readonly string[];
}

const peerVerbs: readonly PeerVerb[] = [
  'snapshot.describe',
  'snapshot.chunk',
  'candidate.probe',
  'candidate.prepare',
  'candidate.release',
  'recovery.claim',
  'restore.ask',
  'restore.discard',
  'membership.ask',
];
const verbs = [...Object.keys(apiVerbs), 'no.such', 'model', '__proto__', 'toString'];
const events = [
  'cluster.leadership.lost',
  'entityChange.routers',
  'router.router-online',
  'alert.router',
  'no.such.event',
];
const strangers = ['stranger', 'edge-9', 'x'.repeat(64)];
/** Nothing of the fuzz is of the timeline that the cluster has: what it says of the model must be dropped. */
const position = { timeline: { id: 'fuzz', epoch: 1 }, indexType: 'raft', index: 1 };

const someone = (random: Random, { controllers }: World): string => random.pick([...controllers, ...strangers]);
const someRouter = (random: Random, { routers }: World): string => random.pick([...routers, ...strangers]);

type Draw = (random: Random, world: World) => Target;

const targets: Readonly<Record<Exclude<keyof Subjects, 'cluster'>, Draw | null>> = {
  raft: (random, world) => ({
    subject: world.subjects.raft(random.pick(world.controllers), someone(random, world), random.pick(lanes)),
    honest: { v: 1, clusterId: 'fuzz', type: 'vote', term: 1 },
  }),
  raftTo: null,
  peer: (random, world) => ({
    subject: world.subjects.peer(random.pick(world.controllers), someone(random, world), random.pick(peerVerbs)),
    honest: { sha256: '0'.repeat(64), sizeBytes: 1, fetchFrom: null, clusterId: 'fuzz', offset: 0, length: 1 },
  }),
  peerTo: null,
  api: (random, world) => ({
    subject: world.subjects.api(
      random.pick([...world.controllers, 'leader', 'any', 'all']),
      random.pick(['fuzz', ...world.controllers, ...strangers]),
      random.pick(verbs),
    ),
    // Parameters that no verb takes: what would be carried out is not hostile.
    honest: { v: 1, requestId: 'fuzz-request', params: [1] },
  }),
  apiTo: null,
  status: (random, world) => ({
    subject: world.subjects.status(someone(random, world)),
    honest: { v: 1, cluster: 'test', node: 'stranger', state: 'blank', incarnation: 1, sequence: 1 },
  }),
  event: (random, world) => ({
    subject: world.subjects.event(random.pick(events)),
    honest: { v: 1, namespace: 'entityChange', event_src_id: 'fuzz', position, previousIndex: 0 },
  }),
  operation: (random, world) => ({
    subject: world.subjects.operation(random.pick(['fuzz', 'x'])),
    honest: { v: 1, id: 'fuzz', workflow: 'join', state: 'running' },
  }),
  routerRequest: (random, world) => {
    const verb = random.pick(routerVerbs);
    const node = random.chance(0.3) ? random.pick(world.controllers) : undefined;
    const router = someRouter(random, world);
    return {
      subject: world.subjects.routerRequest(router, verb, verb === 'hello' || verb === 'sync' ? node : undefined),
      honest: { v: 1, router, incarnation: 0, position, endpoints: null, want: { what: 'changes', after: position } },
    };
  },
  routerRequests: null,
  endpoints: (_random, world) => ({
    subject: world.subjects.endpoints(),
    honest: { v: 1, cluster: 'test', clusterId: 'fuzz', position, controllers: [] },
  }),
  routerDirect: (random, world) => ({
    subject: world.subjects.routerDirect(someRouter(random, world)),
    honest: { v: 1, what: 'report' },
  }),
  enrolment: (random, world) => ({
    subject: world.subjects.enrolment(someRouter(random, world)),
    honest: { v: 1, publicKey: `U${'A'.repeat(55)}` },
  }),
  inbox: (random, world) => ({
    subject: `${world.subjects.inbox(random.pick(['controller', 'router', 'operator']), someone(random, world))}.x.y`,
    honest: { v: 1, ok: true, node: 'stranger', result: {} },
  }),
};

const drawn = Object.values(targets).filter((each) => each !== null);

export const targetNames: readonly string[] = Object.keys(targets);

export function drawTarget(random: Random, world: World): Target {
  if (drawn.length === 0) throw new QuorateError('internal', 'there is no target');
  return random.pick(drawn)(random, world);
}
