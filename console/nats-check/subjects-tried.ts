/**
 * What a role has to be allowed, as subjects on which that can be tried without harm. Made from the table of permissions, with
 * a name that nobody has where it allows any: so what is published there reaches no one. Where it allows one subject alone,
 * somebody listens, and an empty message would be taken for what it is not: those are told as not tried.
 */
import { type Permissions, type Principal, permissionsOf } from '../../messaging/permissions.js';
import type { Role } from './facts.js';

export interface Tried {
  readonly publish: readonly string[];
  readonly subscribe: readonly { readonly subject: string; readonly queue?: string }[];
  readonly notTried: readonly string[];
}

const nobody = 'quorate-check';

export function principalOf(role: Role, name: string): Principal {
  switch (role) {
    case 'operator':
      return { role: 'operator', name, access: 'admin' };
    case 'read-only':
      return { role: 'operator', name, access: 'read-only' };
    case 'controller':
    case 'router':
      return { role, name };
  }
}

export function subjectsTriedOf(role: Role, cluster: string, name: string): Tried {
  const needed = permissionsOf(cluster, principalOf(role, name));
  return { ...publishingTried(needed), subscribe: needed.subscribe.map(subscriptionOf) };
}

function publishingTried({ publish }: Permissions): Pick<Tried, 'publish' | 'notTried'> {
  const isOpen = (pattern: string): boolean => pattern.split('.').some((token) => token === '*' || token === '>');
  const named = (pattern: string): string =>
    pattern
      .split('.')
      .map((token) => (token === '*' || token === '>' ? nobody : token))
      .join('.');
  return {
    publish: publish.filter(isOpen).map(named),
    notTried: publish.filter((pattern) => !isOpen(pattern)),
  };
}

/** A queue group stands behind a blank. */
function subscriptionOf(pattern: string): Tried['subscribe'][number] {
  const [subject = '', queue] = pattern.split(' ');
  return queue === undefined ? { subject } : { subject, queue };
}
