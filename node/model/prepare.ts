/**
 * From a request to a command: all that can be judged of a request by itself is judged here, on the leader, before it is
 * proposed. What depends on the rest of the model (is the name free, does the version fit, does what it refers to exist) is
 * judged where the command is applied (`apply.ts`), because only there is it known what came before.
 */
import type { ApiParsedParams, Entity, EntityPatch } from '../../messaging/index.js';
import type { CreateCommand, DeleteCommand, ImportCommand, Stamp, UpdateCommand } from './commands.js';
import { kindNamed } from './kinds/index.js';
import { invalid, isCleanText } from './kinds/kind.js';

/** Tags of one entity. Also checked where a patch is applied, because patches add up. */
export const tagsMax = 64;
const tagValueLengthMax = 1_024;
const tagKeyPattern = /^[A-Za-z0-9_.:/-]{1,128}$/;

/**
 * Without an id the request's own becomes the entity's: then even a retry that comes after the journal has forgotten the
 * request cannot create a second entity.
 * @throws QuorateError `unknown-kind` | `invalid-entity`
 */
export function prepareCreate(draft: ApiParsedParams<'model.create'>, stamp: Stamp): CreateCommand {
  const kind = kindNamed(draft.kind);
  checkName(draft.kind, draft.name);
  checkTags(draft.kind, draft.tags);
  return {
    type: 'create',
    ...stamp,
    kind: draft.kind,
    id: draft.id ?? stamp.requestId,
    name: draft.name,
    tags: draft.tags,
    spec: kind.parseSpec(draft.spec),
  };
}

/** @throws QuorateError `unknown-kind` | `invalid-entity` */
export function prepareUpdate(params: ApiParsedParams<'model.update'>, stamp: Stamp): UpdateCommand {
  const kind = kindNamed(params.kind);
  const { name, tags, spec } = params.patch;
  if (name !== undefined) checkName(params.kind, name);
  if (tags !== undefined) checkTags(params.kind, tags);
  const patch: EntityPatch = { name, tags, spec: spec === undefined ? undefined : { ...kind.parsePatch(spec) } };
  return { type: 'update', ...stamp, kind: params.kind, id: params.id, version: params.version ?? null, patch };
}

/** @throws QuorateError `unknown-kind` */
export function prepareDelete(params: ApiParsedParams<'model.delete'>, stamp: Stamp): DeleteCommand {
  kindNamed(params.kind);
  return { type: 'delete', ...stamp, kind: params.kind, id: params.id, version: params.version ?? null };
}

/** @throws QuorateError `unknown-kind` | `invalid-entity` */
export function prepareImport(given: Entity, stamp: Stamp): ImportCommand {
  const kind = kindNamed(given.kind);
  checkName(given.kind, given.name);
  checkTags(given.kind, given.tags);
  return { type: 'import', ...stamp, entity: { ...given, spec: { ...kind.parseSpec(given.spec) } } };
}

function checkName(kind: string, name: string): void {
  if (!isCleanText(name)) throw invalid(kind, 'name', 'holds a control character or a broken one');
  if (name.trim() !== name || name === '') throw invalid(kind, 'name', 'is empty, or begins or ends with a space');
}

function checkTags(kind: string, tags: Readonly<Record<string, string | null>>): void {
  const entries = Object.entries(tags);
  if (entries.length > tagsMax) throw invalid(kind, 'tags', `has more than ${tagsMax} tags`);
  for (const [key, value] of entries) {
    // `__proto__` as a key means something else than a key to too many decoders.
    if (!tagKeyPattern.test(key) || key === '__proto__')
      throw invalid(kind, `tags.${key}`, 'the key must be 1 to 128 of the characters A-Z a-z 0-9 _ . : / -');
    if (value !== null && (value.length > tagValueLengthMax || !isCleanText(value))) {
      throw invalid(
        kind,
        `tags.${key}`,
        `is longer than ${tagValueLengthMax} characters, or holds a control character or a broken one`,
      );
    }
  }
}
