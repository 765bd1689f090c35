/**
 * Which identities, services and routers a policy joins. A list of roles selects an entity when it names its id (`@id`), when
 * it holds `#all`, or by the entity's attributes: one of the named ones (`AnyOf`) or all of them (`AllOf`). An empty list selects
 * nobody: a policy that was not finished must not open anything.
 */
import type { Entity } from '../../messaging/index.js';
import { type PolicySide, policySides } from './kinds/policy.js';
import { byCodeUnit, type ModelStore } from './store.js';

export type Semantic = 'AnyOf' | 'AllOf';

export interface Selection {
  readonly all: boolean;
  readonly ids: ReadonlySet<string>;
  readonly attributes: readonly string[];
  readonly semantic: Semantic;
}

const pageSize = 500;
const allRole = '#all';

/** What one side of a policy selects. */
export function selectionOf(policy: Entity, side: PolicySide): Selection {
  const roles = stringsIn(policy.spec[side]);
  return {
    all: roles.includes(allRole),
    ids: new Set(roles.filter((role) => role.startsWith('@')).map((role) => role.slice(1))),
    attributes: roles.filter((role) => role.startsWith('#') && role !== allRole).map((role) => role.slice(1)),
    semantic: policy.spec['semantic'] === 'AllOf' ? 'AllOf' : 'AnyOf',
  };
}

export function selects(selection: Selection, entity: Entity): boolean {
  if (selection.all || selection.ids.has(entity.id)) return true;
  if (selection.attributes.length === 0) return false;
  const has = new Set(stringsIn(entity.spec['roleAttributes']));
  return selection.semantic === 'AllOf'
    ? selection.attributes.every((attribute) => has.has(attribute))
    : selection.attributes.some((attribute) => has.has(attribute));
}

/** The entities that one side of a policy selects, in the order of their ids. The store must not change while it runs. */
export function* selectedBy(store: ModelStore, policy: Entity, side: PolicySide): Generator<Entity> {
  const selection = selectionOf(policy, side);
  const kind = policySides[side];
  if (!selection.all && selection.attributes.length === 0) {
    // Named ids only: no need to look at everybody.
    for (const id of [...selection.ids].sort(byCodeUnit)) {
      const entity = store.get(kind, id);
      if (entity !== undefined) yield entity;
    }
    return;
  }
  for (const entity of everyEntity(store, kind)) if (selects(selection, entity)) yield entity;
}

/** The part of the model that concerns one router. */
export interface RouterView {
  readonly policies: readonly Entity[];
  readonly services: readonly Entity[];
  readonly identities: readonly Entity[];
}

/** The policies that select a router, with the services and identities that they join there. */
export function viewForRouter(store: ModelStore, router: Entity): RouterView {
  const policies = [...everyEntity(store, 'policy')].filter((policy) =>
    selects(selectionOf(policy, 'routerRoles'), router),
  );
  return {
    policies,
    services: joined(store, policies, 'serviceRoles'),
    identities: joined(store, policies, 'identityRoles'),
  };
}

function joined(store: ModelStore, policies: readonly Entity[], side: PolicySide): readonly Entity[] {
  const found = new Map<string, Entity>();
  for (const policy of policies) for (const entity of selectedBy(store, policy, side)) found.set(entity.id, entity);
  return [...found.values()].sort((a, b) => byCodeUnit(a.id, b.id));
}

/** All entities of a kind, page by page, in the order of their ids. */
export function* everyEntity(store: Pick<ModelStore, 'list'>, kind: string): Generator<Entity> {
  for (let after: string | undefined; ; ) {
    const page = store.list(kind, { after, limit: pageSize });
    yield* page;
    after = page.at(-1)?.id;
    if (page.length < pageSize) return;
  }
}

function stringsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
