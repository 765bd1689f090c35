/** What create, update and delete do to entities: each gives the change to be remembered, or why it is refused. */
import { canonicalJson, type Entity } from '../../messaging/index.js';
import type { CreateCommand, DeleteCommand, EntityCommand, ImportCommand, UpdateCommand } from './commands.js';
import { invariant } from './invariant.js';
import { findKind, type KindDefinition } from './kinds/index.js';
import { tagsMax } from './prepare.js';
import type { EntityReference, ModelStore } from './store.js';

const referrersNamedMax = 3;

export type EntityChange =
  | { readonly ok: true; readonly type: 'created' | 'updated' | 'deleted' | 'unchanged'; readonly entity: Entity }
  | { readonly ok: false; readonly code: string; readonly message: string };

export function applyEntityCommand(store: ModelStore, command: EntityCommand): EntityChange {
  switch (command.type) {
    case 'create':
      return create(store, command);
    case 'update':
      return update(store, command);
    case 'delete':
      return remove(store, command);
    case 'import':
      return importEntity(store, command);
  }
}

function create(store: ModelStore, command: CreateCommand): EntityChange {
  const { kind, id, name, tags, spec, at } = command;
  if (store.get(kind, id) !== undefined)
    return refuse('already-exists', `there is already a ${kind} with the id ${id}`);
  return insert(store, { kind, id, name, version: 1, createdAt: at, updatedAt: at, tags, spec });
}

function importEntity(store: ModelStore, { entity }: ImportCommand): EntityChange {
  const { kind, id } = entity;
  const held = store.get(kind, id);
  if (held === undefined) return insert(store, entity);
  if (canonicalJson(held) === canonicalJson(entity)) return { ok: true, type: 'unchanged', entity: held };
  return refuse('already-exists', `there is already a ${kind} with the id ${id}, and it is another or has changed`);
}

function insert(store: ModelStore, entity: Entity): EntityChange {
  const { kind, name, spec } = entity;
  const definition = definitionOf(kind);
  const holder = store.idOfName(kind, name);
  if (holder !== undefined) return nameTaken(kind, name, holder);
  const references = definition.references(spec);
  const missing = firstMissing(store, references);
  if (missing !== undefined) return referenceMissing(kind, name, missing);
  store.insert(entity, references);
  return { ok: true, type: 'created', entity };
}

function update(store: ModelStore, command: UpdateCommand): EntityChange {
  const { kind, id, patch } = command;
  const definition = definitionOf(kind);
  const found = findForChange(store, command);
  if (!found.ok) return found;
  const before = found.entity;
  const name = patch.name ?? before.name;
  if (name !== before.name) {
    const holder = store.idOfName(kind, name);
    if (holder !== undefined) return nameTaken(kind, name, holder);
  }
  const tags = patch.tags === undefined ? before.tags : merge(before.tags, patch.tags);
  if (Object.keys(tags).length > tagsMax)
    return refuse('invalid-entity', `${kind}: tags: has more than ${tagsMax} tags`);
  const spec = patch.spec === undefined ? before.spec : merge(before.spec, patch.spec);
  const references = definition.references(spec);
  const missing = firstMissing(store, references);
  if (missing !== undefined) return referenceMissing(kind, name, missing);
  // Leaders' clocks differ; an entity's own times never run backwards.
  const updatedAt = Math.max(command.at, before.updatedAt);
  const entity: Entity = {
    kind,
    id,
    name,
    version: before.version + 1,
    createdAt: before.createdAt,
    updatedAt,
    tags,
    spec,
  };
  store.replace(entity, references);
  return { ok: true, type: 'updated', entity };
}

function remove(store: ModelStore, command: DeleteCommand): EntityChange {
  const { kind, id } = command;
  const found = findForChange(store, command);
  if (!found.ok) return found;
  const referrers = store.referrers(kind, id, referrersNamedMax);
  if (referrers.length > 0) {
    const names = referrers.map((each) => `${each.kind} ${store.get(each.kind, each.id)?.name ?? each.id}`).join(', ');
    return refuse(
      'still-referenced',
      `the ${kind} ${found.entity.name} is referred to by ${names}${referrers.length === referrersNamedMax ? ' and perhaps others' : ''}`,
    );
  }
  store.delete(kind, id);
  return { ok: true, type: 'deleted', entity: found.entity };
}

function findForChange(
  store: ModelStore,
  command: UpdateCommand | DeleteCommand,
): { readonly ok: true; readonly entity: Entity } | (EntityChange & { readonly ok: false }) {
  const { kind, id, version } = command;
  const entity = store.get(kind, id);
  if (entity === undefined) return refuse('not-found', `there is no ${kind} with the id ${id}`);
  if (version !== null && version !== entity.version) {
    return refuse('version-mismatch', `the ${kind} ${entity.name} has version ${entity.version}, not ${version}`);
  }
  return { ok: true, entity };
}

/** By key; null deletes. */
function merge<Value>(
  base: Readonly<Record<string, Value>>,
  patch: Readonly<Record<string, Value | null>>,
): Record<string, Value> {
  const merged = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}

/** A kind that this version does not know cannot have been proposed in a format that it understands. */
function definitionOf(kind: string): KindDefinition {
  const definition = findKind(kind);
  invariant(
    definition !== undefined,
    () => `the log holds an entity of the kind ${kind}, which this version does not know`,
  );
  return definition;
}

function firstMissing(store: ModelStore, references: readonly EntityReference[]): EntityReference | undefined {
  return references.find((each) => store.get(each.kind, each.id) === undefined);
}

function refuse(code: string, message: string): EntityChange & { readonly ok: false } {
  return { ok: false, code, message };
}

function nameTaken(kind: string, name: string, holder: string): EntityChange {
  return refuse('name-taken', `there is already a ${kind} called ${name}, with the id ${holder}`);
}

function referenceMissing(kind: string, name: string, missing: EntityReference): EntityChange {
  return refuse(
    'reference-missing',
    `the ${kind} ${name} names the ${missing.kind} ${missing.id}, which does not exist`,
  );
}
