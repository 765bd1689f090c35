/**
 * The part of the model that one router needs: itself, the policies that select it, and the services and identities that those
 * join. Controllers choose it when they give the model; from then on the router keeps it right by itself, with the same
 * rules, from the changes that all routers hear. It can tell of every change whether what it names is in the part, for that
 * depends on nothing but the router itself and its policies. One thing it cannot: when a policy or its own attributes come to
 * select *more*, it does not have what is selected. Such a change is not applied; the part is taken anew instead.
 *
 * Pure; a `Part` is never changed. An alternative would be changes sent to each router apart: then the leader would pay for
 * each router, and would have to know of each what the change before was.
 */
import type { Entity, ModelChange } from '../schemas/model.js';
import { attributesOf, type PolicySide, type Selection, selectionOf, selects } from '../selection.js';

/** What decides which entities are in the part. */
export interface Part {
  readonly router: string;
  /** As the model has it; null: it is not in the model, and no policy selects it. */
  readonly self: Entity | null;
  /** Those that select the router, by id. */
  readonly policies: ReadonlyMap<string, Entity>;
}

/** @param entities the part, or more than it: what does not belong to it has no effect. */
export function partOf(router: string, entities: readonly Entity[]): Part {
  const self = entities.find((entity) => entity.kind === 'router' && entity.id === router) ?? null;
  const policies = entities.filter((entity) => entity.kind === 'policy' && selectsRouter(entity, self));
  return { router, self, policies: new Map(policies.map((policy) => [policy.id, policy])) };
}

export function contains(part: Part, entity: Entity): boolean {
  switch (entity.kind) {
    case 'router':
      return entity.id === part.router;
    case 'policy':
      return part.policies.has(entity.id);
    case 'service':
      return joins(part, 'serviceRoles', entity);
    case 'identity':
      return joins(part, 'identityRoles', entity);
    default:
      return false;
  }
}

/**
 * The part after a change; null where the change brings entities into it that the router does not have. Where it only takes
 * some away, the router finds out which: those that it holds and that the new part no longer contains.
 */
export function partAfter(part: Part, { type, entity }: ModelChange): Part | null {
  switch (entity.kind) {
    case 'router':
      return entity.id === part.router ? withSelf(part, type === 'deleted' ? null : entity) : part;
    case 'policy':
      return withPolicy(part, entity, type === 'deleted' || !selectsRouter(entity, part.self));
    default:
      return part;
  }
}

function withSelf(part: Part, self: Entity | null): Part | null {
  if (self === null) return { ...part, self, policies: new Map() };
  // A policy that the router has never seen may select it now.
  const had = part.self === null ? null : new Set(attributesOf(part.self));
  if (had === null || attributesOf(self).some((attribute) => !had.has(attribute))) return null;
  return { ...part, self, policies: new Map([...part.policies].filter(([, policy]) => selectsRouter(policy, self))) };
}

function withPolicy(part: Part, policy: Entity, isAway: boolean): Part | null {
  const before = part.policies.get(policy.id);
  if (isAway && before === undefined) return part;
  const policies = new Map(part.policies);
  if (isAway) policies.delete(policy.id);
  else if (mayJoinMore(before, policy)) return null;
  else policies.set(policy.id, policy);
  return { ...part, policies };
}

function mayJoinMore(before: Entity | undefined, after: Entity): boolean {
  return (['serviceRoles', 'identityRoles'] as const).some((side) => {
    const now = rolesOf(after, side);
    const were = before === undefined ? new Set<string>() : rolesOf(before, side);
    if (selectionOf(after, side).semantic === 'AnyOf') return [...now].some((role) => !were.has(role));
    // All of fewer attributes is more.
    const wasAllOf = before !== undefined && selectionOf(before, side).semantic === 'AllOf';
    return now.size > 0 && (!wasAllOf || now.size !== were.size || [...now].some((role) => !were.has(role)));
  });
}

function rolesOf(policy: Entity, side: PolicySide): ReadonlySet<string> {
  const { all, ids, attributes } = selectionOf(policy, side);
  return new Set([...(all ? ['#'] : []), ...[...ids].map((id) => `@${id}`), ...attributes.map((each) => `#${each}`)]);
}

function selectsRouter(policy: Entity, self: Entity | null): boolean {
  return self !== null && selects(cachedSelection(policy, 'routerRoles'), self);
}

function joins({ policies }: Part, side: PolicySide, entity: Entity): boolean {
  for (const policy of policies.values()) if (selects(cachedSelection(policy, side), entity)) return true;
  return false;
}

/** Each change is held against the same few policies. */
const selections = new WeakMap<Entity, Map<PolicySide, Selection>>();

function cachedSelection(policy: Entity, side: PolicySide): Selection {
  const known = selections.get(policy) ?? new Map<PolicySide, Selection>();
  selections.set(policy, known);
  const selection = known.get(side) ?? selectionOf(policy, side);
  known.set(side, selection);
  return selection;
}
