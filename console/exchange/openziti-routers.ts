/**
 * Which routers a policy of ours selects, from OpenZiti's three kinds of policies. There a service policy says who may use or
 * offer what; an edge-router policy says on which routers an identity may, a service-edge-router policy on which a service may.
 * Here one policy says all three. Where both others speak of the whole, or by the same selection, their roles are taken over and
 * go on meaning routers that come later; otherwise the policy names the routers that every one of its identities and
 * services may use now: never more than before. Pure.
 */
import type { RouterPolicy } from './openziti.js';

export interface Selectable {
  readonly id: string;
  readonly attributes: readonly string[];
}

export interface RouterFacts {
  readonly identities: readonly Selectable[];
  readonly services: readonly Selectable[];
  readonly routers: readonly Selectable[];
  readonly forIdentities: readonly RouterPolicy[];
  readonly forServices: readonly RouterPolicy[];
}

export interface JoiningPolicy {
  readonly semantic: 'AnyOf' | 'AllOf';
  readonly identityRoles: readonly string[];
  readonly serviceRoles: readonly string[];
}

export interface Routers {
  readonly roles: readonly string[];
  /** What the operator should know; empty: nothing. */
  readonly remark: string;
}

const all = ['#all'];

export class RouterRoles {
  readonly #facts: RouterFacts;
  /** What a list of roles selects, by kind and roles. */
  readonly #selected = new Map<string, ReadonlySet<string>>();

  constructor(facts: RouterFacts) {
    this.#facts = facts;
  }

  of(policy: JoiningPolicy): Routers {
    const { identities, services, forIdentities, forServices } = this.#facts;
    const ways = [
      this.#taken(policy, policy.identityRoles, forIdentities),
      this.#taken(policy, policy.serviceRoles, forServices),
    ];
    const taken = both(ways[0] ?? null, ways[1] ?? null);
    if (taken !== null) return { roles: taken, remark: '' };
    const onIdentities = this.#routersOf(identities, policy.identityRoles, policy.semantic, forIdentities);
    const onServices = this.#routersOf(services, policy.serviceRoles, policy.semantic, forServices);
    const shared = intersection(onIdentities.everywhere, onServices.everywhere);
    const roles = this.#facts.routers.filter(({ id }) => shared.has(id)).map(({ id }) => `@${id}`);
    if (roles.length === 0)
      return {
        roles,
        remark: 'it selects no router, and so opens nothing: no router may serve all of its identities and services',
      };
    const somewhere = intersection(onIdentities.somewhere, onServices.somewhere).size;
    const narrower = somewhere > roles.length ? `, of ${somewhere} that may serve some of them` : '';
    return { roles, remark: `it names the routers that may serve all of its identities and services now${narrower}` };
  }

  /** Roles that can be taken over as they are; null: there is no such list. */
  #taken(policy: JoiningPolicy, mine: readonly string[], theirs: readonly RouterPolicy[]): readonly string[] | null {
    const about = theirs.filter(
      ({ roles, semantic }) => roles.includes('#all') || (sameRoles(roles, mine) && semantic === policy.semantic),
    );
    if (about.some(({ edgeRouterRoles }) => edgeRouterRoles.includes('#all'))) return all;
    const [only, ...others] = theirs.filter(({ roles, semantic }) =>
      this.#touches(roles, semantic, mine, policy.semantic),
    );
    if (only === undefined || others.length > 0 || !about.includes(only)) return null;
    // The semantic of a policy is that of all its lists: it must not change the meaning of this one.
    const attributes = only.edgeRouterRoles.filter((role) => role.startsWith('#'));
    return only.edgeRouterRoles.length > 0 && (attributes.length <= 1 || only.semantic === policy.semantic)
      ? only.edgeRouterRoles
      : null;
  }

  #touches(
    theirs: readonly string[],
    theirSemantic: RouterPolicy['semantic'],
    mine: readonly string[],
    mySemantic: RouterPolicy['semantic'],
  ): boolean {
    if (theirs.includes('#all') || mine.includes('#all')) return theirs.length > 0;
    const pool = [...this.#facts.identities, ...this.#facts.services];
    const selected = this.#select('pool', pool, mine, mySemantic);
    return [...this.#select('pool', pool, theirs, theirSemantic)].some((id) => selected.has(id));
  }

  #routersOf(
    pool: readonly Selectable[],
    mine: readonly string[],
    semantic: RouterPolicy['semantic'],
    theirs: readonly RouterPolicy[],
  ): { readonly everywhere: ReadonlySet<string>; readonly somewhere: ReadonlySet<string> } {
    const kind = pool === this.#facts.identities ? 'identity' : 'service';
    const members = this.#select(kind, pool, mine, semantic);
    const ways = theirs.map((policy) => ({
      whom: this.#select(kind, pool, policy.roles, policy.semantic),
      routers: this.#select('router', this.#facts.routers, policy.edgeRouterRoles, policy.semantic),
    }));
    let everywhere: ReadonlySet<string> | null = null;
    const somewhere = new Set<string>();
    // Most members are selected by the same policies: each such group is looked at once.
    const groups = new Set(
      [...members].map((id) => ways.flatMap(({ whom }, at) => (whom.has(id) ? [at] : [])).join(' ')),
    );
    for (const group of groups) {
      const by = group === '' ? [] : group.split(' ').map(Number);
      const routers = new Set(by.flatMap((at) => [...(ways[at]?.routers ?? [])]));
      everywhere = everywhere === null ? routers : intersection(everywhere, routers);
      for (const id of routers) somewhere.add(id);
    }
    return { everywhere: everywhere ?? new Set(), somewhere };
  }

  #select(
    kind: string,
    pool: readonly Selectable[],
    roles: readonly string[],
    semantic: RouterPolicy['semantic'],
  ): ReadonlySet<string> {
    const key = `${kind} ${semantic} ${roles.join(' ')}`;
    let selected = this.#selected.get(key);
    if (selected === undefined) {
      selected = new Set(pool.filter((each) => selects(roles, semantic, each)).map(({ id }) => id));
      this.#selected.set(key, selected);
    }
    return selected;
  }
}

function intersection(one: ReadonlySet<string>, other: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...one].filter((each) => other.has(each)));
}

function both(one: readonly string[] | null, other: readonly string[] | null): readonly string[] | null {
  if (one === null || other === null) return null;
  if (one.includes('#all')) return other;
  if (other.includes('#all') || sameRoles(one, other)) return one;
  return null;
}

function selects(
  roles: readonly string[],
  semantic: RouterPolicy['semantic'],
  { id, attributes }: Selectable,
): boolean {
  if (roles.includes('#all') || roles.includes(`@${id}`)) return true;
  const asked = roles.filter((role) => role.startsWith('#')).map((role) => role.slice(1));
  if (asked.length === 0) return false;
  return semantic === 'AllOf'
    ? asked.every((attribute) => attributes.includes(attribute))
    : asked.some((attribute) => attributes.includes(attribute));
}

function sameRoles(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && new Set([...one, ...other]).size === one.length;
}
