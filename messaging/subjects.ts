/**
 * Every subject that Quorate uses, and the only place where one is put together. All live under `quorate.<cluster>.`; the
 * sender's name is a token wherever it matters who speaks, so that NATS permissions alone keep anyone from speaking in
 * another's name.
 */
import { identifierPattern } from './identifiers.js';

export type Lane = (typeof lanes)[number];

export interface Subjects {
  readonly cluster: string;
  /** Raft messages `to` a controller `from` another. Control: votes, heartbeats, reads; bulk: entries, snapshots. */
  raft(to: string, from: string, lane: Lane): string;
  /** All Raft messages to one controller on one lane. */
  raftTo(to: string, lane: Lane): string;
  /** Requests between controllers: snapshot chunks, probes of a candidate. */
  peer(to: string, from: string, verb: string): string;
  peerTo(to: string): string;
  /** A request of an operator or client; `to` is a controller's id, `any` or `leader`. */
  api(to: string, from: string, verb: string): string;
  apiTo(to: string): string;
  /** A controller's status, published on change and once a second. */
  status(node: string): string;
  /** Events: `type` may hold dots, e.g. `cluster.leadership.gained`, `entityChange.router`. */
  event(type: string): string;
  /** The record of one operation, published at each change. */
  operation(id: string): string;
  /** What a router asks of any controller, or of one of them. */
  routerRequest(router: string, verb: RouterVerb, node?: string): string;
  /** One verb of all routers, asked of any controller, or of one of them. */
  routerRequests(verb: RouterVerb, node?: string): string;
  /** The list of controllers, for all routers. */
  endpoints(): string;
  /** For one router alone: "say hello again", changes of its own. */
  routerDirect(router: string): string;
  /** A router that has a one-time token hands in the public key that it made; the registrar answers. */
  enrolment(router: string): string;
  /**
   * What answers to one asker begin with. Private: only whoever has the name may listen there, and answers to a request go
   * nowhere else, so that nobody can have a controller speak on another subject in its own name.
   */
  inbox(role: Role, name: string): string;
}

export type RouterVerb = (typeof routerVerbs)[number];
export const routerVerbs = ['hello', 'heartbeat', 'sync', 'alert'] as const;

export const lanes = ['control', 'bulk'] as const;

/** Who connects to NATS. `registrar`: takes enrolments; `enrolment`: a router that has nothing but its one-time token. */
export type Role = (typeof roles)[number];
export const roles = ['controller', 'router', 'operator', 'registrar', 'enrolment'] as const;

/** Where clients listen that were given no private inbox; only without permissions does an answer arrive there. */
const publicInbox = '_INBOX.';

/** The queue group in which all controllers answer what is for any of them. */
export const anyControllerQueue = 'controllers';

/** @throws RangeError where what is to be a token is none. */
export function subjectsOf(cluster: string): Subjects {
  return makeSubjects(cluster, token);
}

/** The same subjects as patterns: each token may be `*`. For permissions. */
export function subjectPatternsOf(cluster: string): Subjects {
  return makeSubjects(cluster, wildcardOr);
}

function makeSubjects(cluster: string, token: (text: string) => string): Subjects {
  const root = `quorate.${token(cluster)}`;
  return {
    cluster,
    raft: (to, from, lane) => `${root}.raft.${token(to)}.${token(from)}.${lane}`,
    raftTo: (to, lane) => `${root}.raft.${token(to)}.*.${lane}`,
    peer: (to, from, verb) => `${root}.peer.${token(to)}.${token(from)}.${verb}`,
    peerTo: (to) => `${root}.peer.${token(to)}.*.>`,
    api: (to, from, verb) => `${root}.api.${token(to)}.${token(from)}.${verb}`,
    apiTo: (to) => `${root}.api.${token(to)}.*.>`,
    status: (node) => `${root}.status.${wildcardOr(node)}`,
    event: (type) => `${root}.events.${type}`,
    operation: (id) => `${root}.operations.${wildcardOr(id)}`,
    routerRequest: (router, verb, node) =>
      `${root}.router.${token(router)}.${verb}${node === undefined ? '' : `.${token(node)}`}`,
    routerRequests: (verb, node) => `${root}.router.*.${verb}${node === undefined ? '' : `.${wildcardOr(node)}`}`,
    endpoints: () => `${root}.endpoints`,
    routerDirect: (router) => `${root}.to-router.${token(router)}`,
    enrolment: (router) => `${root}.enrolment.${token(router)}`,
    inbox: (role, name) => `${root}.inbox.${role}.${token(name)}`,
  };
}

/**
 * Whether an answer may go where a message asks for it: to its sender's own inbox. Who may not speak on a subject could
 * otherwise name it as the one to answer on, and a controller would speak there for him.
 */
export function isOwnInbox(
  subjects: Subjects,
  reply: string | undefined,
  senders: readonly Role[],
  name: string,
): reply is string {
  if (reply === undefined || reply === '') return false;
  if (reply.startsWith(publicInbox)) return true;
  return senders.some((role) => reply.startsWith(`${subjects.inbox(role, name)}.`));
}

/** The token at `position` of a subject, counted from the cluster's root (0 is the first after `quorate.<cluster>.`). */
export function subjectToken(subject: string, position: number): string {
  return subject.split('.')[position + 2] ?? '';
}

/** What is left of a subject from `position` on, counted as in {@link subjectToken}. */
export function subjectRest(subject: string, position: number): string {
  return subject
    .split('.')
    .slice(position + 2)
    .join('.');
}

function token(text: string): string {
  if (!identifierPattern.test(text)) throw new RangeError(`not a subject token: ${JSON.stringify(text)}`);
  return text;
}

function wildcardOr(text: string): string {
  return text === '*' ? text : token(text);
}
