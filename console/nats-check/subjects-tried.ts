/** What each role has to be allowed, as subjects on which it can be tried without harm: nobody is called `quorate-check`. */
import { anyControllerQueue, subjectsOf } from '../../messaging/subjects.js';
import type { Role } from './facts.js';

export interface Tried {
  readonly publish: readonly string[];
  readonly subscribe: readonly { readonly subject: string; readonly queue?: string }[];
}

/** A controller and a verb that are nobody's: what is published there reaches no one. */
const nobody = 'quorate-check';

export function subjectsTriedOf(role: Role, cluster: string, name: string): Tried {
  const subjects = subjectsOf(cluster);
  const to = (...all: readonly string[]) => all.map((subject) => ({ subject }));
  switch (role) {
    case 'controller':
      return {
        publish: [
          ...(['control', 'bulk'] as const).map((lane) => subjects.raft(nobody, name, lane)),
          subjects.peer(nobody, name, 'check'),
          subjects.api(nobody, name, 'status.get'),
          subjects.event(`${nobody}.${name}`),
          subjects.operation(nobody),
          subjects.routerDirect(nobody),
        ],
        subscribe: [
          ...to(subjects.raftTo(name, 'control'), subjects.raftTo(name, 'bulk'), subjects.peerTo(name)),
          ...to(subjects.apiTo(name), subjects.apiTo('leader'), subjects.apiTo('all'), subjects.status('*')),
          ...to(subjects.event('entityChange.>')),
          { subject: subjects.apiTo('any'), queue: anyControllerQueue },
          { subject: subjects.routerRequests('hello'), queue: anyControllerQueue },
          { subject: subjects.routerRequests('sync'), queue: anyControllerQueue },
          ...to(subjects.routerRequests('heartbeat'), subjects.routerRequests('hello', name)),
        ],
      };
    case 'router':
      return {
        // To a controller that is nobody; without one, all would be asked.
        publish: [subjects.routerRequest(name, 'hello', nobody), subjects.routerRequest(name, 'sync', nobody)],
        subscribe: to(subjects.endpoints(), subjects.routerDirect(name), subjects.event('entityChange.>')),
      };
    case 'operator':
      return {
        publish: [subjects.api(nobody, name, 'model.create'), subjects.api(nobody, name, 'status.get')],
        subscribe: watched(cluster),
      };
    case 'read-only':
      return { publish: [subjects.api(nobody, name, 'status.get')], subscribe: watched(cluster) };
  }
}

function watched(cluster: string): Tried['subscribe'] {
  const subjects = subjectsOf(cluster);
  return [{ subject: subjects.status('*') }, { subject: subjects.event('>') }, { subject: subjects.operation('*') }];
}
