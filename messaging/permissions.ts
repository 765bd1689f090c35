/**
 * Who may publish and subscribe to what: one rule for each subject of `subjects.ts`, so that a subject without a rule does
 * not compile. `quorate auth` writes these into the configuration of nats-server, and docs/protocol.md is made from them.
 */
import { type ApiVerb, apiVerbs } from './schemas/api.js';
import {
  anyControllerQueue,
  lanes,
  type Role,
  roles,
  routerVerbs,
  type Subjects,
  subjectPatternsOf,
} from './subjects.js';

/** Whoever connects to NATS, by what its permissions depend on. */
export type Principal =
  | { readonly role: 'operator'; readonly name: string; readonly access: OperatorAccess }
  | { readonly role: Exclude<Role, 'operator'>; readonly name: string };

/** `read-only`: every verb of the API that changes nothing. */
export type OperatorAccess = (typeof operatorAccesses)[number];
export const operatorAccesses = ['admin', 'read-only'] as const;

export interface Permissions {
  readonly publish: readonly string[];
  /** A queue group stands behind a blank, as nats-server writes it. */
  readonly subscribe: readonly string[];
}

type Side = (subjects: Subjects, name: string) => readonly string[];

interface Rule {
  /** Who speaks there, by role; whoever is not named may not. */
  readonly publish: Partial<Readonly<Record<Speaker, Side>>>;
  readonly subscribe: Partial<Readonly<Record<Speaker, Side>>>;
}

/** Roles, the operators told apart. */
type Speaker = Exclude<Role, 'operator'> | OperatorAccess;

export type SubjectName = Exclude<keyof Subjects, 'cluster'>;

const anyone = '*';

/** What the controllers ask of each other by the API: who is there, and whether all hold the same model. */
const verbsOfControllers: readonly ApiVerb[] = ['status.get', 'model.hash'];

/** A router whose key is revoked, or that enrols again, is refused or taken by the controllers too. */
const verbsOfRegistrar: readonly ApiVerb[] = ['model.get', 'model.create', 'model.update'];

const allVerbs = Object.keys(apiVerbs) as readonly ApiVerb[];
export const readOnlyVerbs: readonly ApiVerb[] = allVerbs.filter((verb) => !apiVerbs[verb].changes);

const asked =
  (verbs: readonly string[]): Side =>
  (subjects, name) =>
    verbs.map((verb) => subjects.api(anyone, name, verb));

const ownInbox =
  (role: Role): Side =>
  (subjects, name) => [`${subjects.inbox(role, name)}.>`];

const watching = (pattern: (subjects: Subjects) => string): Rule['subscribe'] => ({
  admin: (subjects) => [pattern(subjects)],
  'read-only': (subjects) => [pattern(subjects)],
});

export const rules: Readonly<Record<SubjectName, Rule>> = {
  raft: {
    publish: { controller: (subjects, name) => lanes.map((lane) => subjects.raft(anyone, name, lane)) },
    subscribe: {},
  },
  raftTo: {
    publish: {},
    subscribe: { controller: (subjects, name) => lanes.map((lane) => subjects.raftTo(name, lane)) },
  },
  peer: { publish: { controller: (subjects, name) => [subjects.peer(anyone, name, '>')] }, subscribe: {} },
  peerTo: { publish: {}, subscribe: { controller: (subjects, name) => [subjects.peerTo(name)] } },
  api: {
    publish: {
      controller: asked(verbsOfControllers),
      admin: asked(['>']),
      'read-only': asked(readOnlyVerbs),
      registrar: asked(verbsOfRegistrar),
    },
    subscribe: {},
  },
  apiTo: {
    publish: {},
    subscribe: {
      controller: (subjects, name) => [
        ...[name, 'leader', 'all'].map((to) => subjects.apiTo(to)),
        `${subjects.apiTo('any')} ${anyControllerQueue}`,
      ],
    },
  },
  status: {
    publish: { controller: (subjects, name) => [subjects.status(name)] },
    subscribe: {
      controller: (subjects) => [subjects.status(anyone)],
      ...watching((subjects) => subjects.status(anyone)),
    },
  },
  event: {
    publish: { controller: (subjects) => [subjects.event('>')] },
    subscribe: {
      controller: (subjects) => [subjects.event('>')],
      router: (subjects) => [subjects.event('entityChange.>')],
      // As every client of the API: so that it asks the next leader at once.
      registrar: (subjects) => [subjects.event('cluster.leadership.gained')],
      ...watching((subjects) => subjects.event('>')),
    },
  },
  operation: {
    publish: { controller: (subjects) => [subjects.operation(anyone)] },
    subscribe: watching((subjects) => subjects.operation(anyone)),
  },
  routerRequest: {
    publish: {
      router: (subjects, name) => [
        ...routerVerbs.map((verb) => subjects.routerRequest(name, verb)),
        subjects.routerRequest(name, 'hello', anyone),
        subjects.routerRequest(name, 'sync', anyone),
      ],
    },
    subscribe: {},
  },
  routerRequests: {
    publish: {},
    subscribe: {
      controller: (subjects, name) => [
        ...routerVerbs.map((verb) => subjects.routerRequests(verb)),
        subjects.routerRequests('hello', anyone),
        subjects.routerRequests('sync', name),
      ],
    },
  },
  endpoints: {
    publish: { controller: (subjects) => [subjects.endpoints()] },
    subscribe: { router: (subjects) => [subjects.endpoints()] },
  },
  routerDirect: {
    publish: { controller: (subjects) => [subjects.routerDirect(anyone)] },
    subscribe: { router: (subjects, name) => [subjects.routerDirect(name)] },
  },
  enrolment: {
    publish: { enrolment: (subjects, name) => [subjects.enrolment(name)] },
    subscribe: { registrar: (subjects) => [subjects.enrolment(anyone)] },
  },
  inbox: {
    publish: {
      // Whom they answer, and that they answer nobody else, they see to themselves: see `isOwnInbox`.
      controller: (subjects) =>
        (['controller', 'router', 'operator', 'registrar'] as const).map((role) => `${subjects.inbox(role, anyone)}.>`),
      registrar: (subjects) => [`${subjects.inbox('enrolment', anyone)}.>`],
    },
    subscribe: {
      ...Object.fromEntries(roles.map((role) => [role, ownInbox(role)])),
      admin: ownInbox('operator'),
      'read-only': ownInbox('operator'),
    },
  },
};

/** Subjects that are NATS's own: controllers answer `nats micro` and other tools of operators. */
const service: Rule = {
  publish: { admin: () => ['$SRV.>'], 'read-only': () => ['$SRV.>'] },
  subscribe: { controller: () => ['$SRV.>'] },
};

export function speakerOf(principal: Principal): Speaker {
  return principal.role === 'operator' ? principal.access : principal.role;
}

/** Exactly what `principal` needs in `cluster`, sorted, each once. */
export function permissionsOf(cluster: string, principal: Principal): Permissions {
  const subjects = subjectPatternsOf(cluster);
  const speaker = speakerOf(principal);
  const gather = (side: 'publish' | 'subscribe'): readonly string[] => {
    const found = [...Object.values(rules), service].flatMap(
      (rule) => rule[side][speaker]?.(subjects, principal.name) ?? [],
    );
    return [...new Set(found)].sort((a, b) => (a < b ? -1 : 1));
  };
  return { publish: gather('publish'), subscribe: gather('subscribe') };
}
