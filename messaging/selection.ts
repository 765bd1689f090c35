/**
 * Whom the role lists of a policy select. A list of roles selects an entity when it names its id (`@id`), when it holds `#all`,
 * or by the entity's attributes: one of the named ones (`AnyOf`) or all of them (`AllOf`). An empty list selects nobody: a
 * policy that was not finished must not open anything. Controllers and routers both ask this, and must come to the same.
 */
import type { Entity } from './schemas/model.js';

/** What each list of a policy selects. */
export const policySides = { identityRoles: 'identity', serviceRoles: 'service', routerRoles: 'router' } as const;
export type PolicySide = keyof typeof policySides;

export type Semantic = 'AnyOf' | 'AllOf';

export interface Selection {
  readonly all: boolean;
  readonly ids: ReadonlySet<string>;
  readonly attributes: readonly string[];
  readonly semantic: Semantic;
}

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
  const has = new Set(attributesOf(entity));
  return selection.semantic === 'AllOf'
    ? selection.attributes.every((attribute) => has.has(attribute))
    : selection.attributes.some((attribute) => has.has(attribute));
}

export function attributesOf(entity: Entity): readonly string[] {
  return stringsIn(entity.spec['roleAttributes']);
}

function stringsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
