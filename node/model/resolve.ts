/** Which identities, services and routers a policy joins, by the rules of `messaging/selection.ts`. */
import { type Entity, type PolicySide, policySides, selectionOf, selects } from '../../messaging/index.js';
import { byCodeUnit, type ModelStore } from './store.js';

const pageSize = 500;

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
