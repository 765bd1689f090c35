/**
 * Finds the part of the model that concerns one router (`messaging/router/part.ts` says what that is) in time that depends on
 * the part and not on the model: thousands of routers ask for theirs at once. Made over one copy of the model, which does not
 * change any more.
 */
import type { Entity } from '../../../messaging/schemas/model.js';
import {
  attributesOf,
  type PolicySide,
  policySides,
  type Selection,
  selectionOf,
  selects,
} from '../../../messaging/selection.js';

export interface PartOfRouter {
  readonly self: Entity;
  /** The policies that select the router, in the order of their ids: routers with the same ones have all but themselves in common. */
  readonly policies: readonly Entity[];
}

interface Kind {
  readonly all: Entity[];
  readonly byAttribute: Map<string, Entity[]>;
}

export class PartIndex {
  readonly #entities: ReadonlyMap<string, Entity>;
  readonly #kinds = new Map<string, Kind>();
  /** Policies by what they select routers by. */
  readonly #forAll: Entity[] = [];
  readonly #forId = new Map<string, Entity[]>();
  readonly #forAttribute = new Map<string, Entity[]>();

  /** @param entities by `keyOf` */
  constructor(entities: ReadonlyMap<string, Entity>) {
    this.#entities = entities;
    for (const entity of entities.values()) {
      if (entity.kind === 'policy') this.#addPolicy(entity);
      else if (entity.kind === 'service' || entity.kind === 'identity') this.#add(entity);
    }
  }

  /** Null: the router is not in the model, and nothing concerns it. */
  find(router: string): PartOfRouter | null {
    const self = this.#entities.get(keyOf({ kind: 'router', id: router }));
    if (self === undefined) return null;
    const candidates = new Set([...this.#forAll, ...(this.#forId.get(router) ?? [])]);
    for (const attribute of attributesOf(self))
      for (const policy of this.#forAttribute.get(attribute) ?? []) candidates.add(policy);
    const policies = [...candidates].filter((policy) => selects(selectionOf(policy, 'routerRoles'), self));
    return { self, policies: policies.sort((one, other) => (one.id < other.id ? -1 : 1)) };
  }

  /** The policies with the services and identities that they join, each once. */
  joinedBy(policies: readonly Entity[]): ReadonlySet<Entity> {
    const found = new Set(policies);
    for (const policy of policies) {
      for (const side of ['serviceRoles', 'identityRoles'] as const)
        for (const entity of this.#selected(policy, side)) found.add(entity);
    }
    return found;
  }

  #selected(policy: Entity, side: PolicySide): readonly Entity[] {
    const selection = selectionOf(policy, side);
    const kind = this.#kinds.get(policySides[side]);
    if (selection.all) return kind?.all ?? [];
    const named = [...selection.ids].flatMap((id) => this.#entities.get(keyOf({ kind: policySides[side], id })) ?? []);
    return kind === undefined ? named : [...named, ...byAttributes(kind, selection)];
  }

  #add(entity: Entity): void {
    const kind: Kind = this.#kinds.get(entity.kind) ?? { all: [], byAttribute: new Map() };
    this.#kinds.set(entity.kind, kind);
    kind.all.push(entity);
    for (const attribute of attributesOf(entity)) addTo(kind.byAttribute, attribute, entity);
  }

  #addPolicy(policy: Entity): void {
    const { all, ids, attributes } = selectionOf(policy, 'routerRoles');
    if (all) this.#forAll.push(policy);
    for (const id of ids) addTo(this.#forId, id, policy);
    for (const attribute of attributes) addTo(this.#forAttribute, attribute, policy);
  }
}

function byAttributes({ byAttribute }: Kind, { semantic, attributes }: Selection): readonly Entity[] {
  const groups = attributes.map((attribute) => byAttribute.get(attribute) ?? []);
  if (semantic === 'AnyOf') return groups.flat();
  const [first = [], ...others] = groups;
  const rest = others.map((group) => new Set(group));
  return first.filter((entity) => rest.every((group) => group.has(entity)));
}

function addTo(map: Map<string, Entity[]>, key: string, entity: Entity): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [entity]);
  else known.push(entity);
}

export function keyOf({ kind, id }: Pick<Entity, 'kind' | 'id'>): string {
  return `${kind}/${id}`;
}
