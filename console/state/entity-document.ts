/**
 * Entities as people write them, in YAML, and what a text that was edited changes. Pure: the command line and the console
 * read and write them alike.
 */
import { parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { QuorateError } from '../../messaging/errors.js';
import {
  type Entity,
  type EntityPatch,
  entityIdSchema,
  entityKindSchema,
  entityNameSchema,
} from '../../messaging/schemas/model.js';

/** One document of a file. What the controllers stamp (createdAt, updatedAt) may stand there and is ignored. */
const documentSchema = z.strictObject({
  kind: entityKindSchema.optional(),
  id: entityIdSchema.optional(),
  name: entityNameSchema.optional(),
  version: z.int().min(1).optional(),
  tags: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
  spec: z.record(z.string(), z.unknown()).optional(),
  createdAt: z.unknown().optional(),
  updatedAt: z.unknown().optional(),
});
export type EntityDocument = Omit<z.infer<typeof documentSchema>, 'tags'> & {
  readonly tags?: Readonly<Record<string, string | null>>;
};

/** @throws QuorateError `invalid-config` naming `where` and what is wrong in it. */
export function parseDocuments(source: string, where: string): readonly EntityDocument[] {
  const documents = parseAllDocuments(source);
  const parsed = ('empty' in documents ? [] : documents).map((document, index) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw invalid(`${where} is not valid YAML: ${problem.message.split('\n')[0]}`);
    const result = documentSchema.safeParse(document.toJS());
    if (result.success) return textTags(result.data);
    const [issue] = result.error.issues;
    const at = documents.length > 1 ? `, document ${index + 1}` : '';
    throw invalid(
      `${where}${at}: ${issue?.path.map(String).join('.') || 'the document'}: ${issue?.message ?? 'invalid'}`,
    );
  });
  if (parsed.length === 0) throw invalid(`${where} holds no document`);
  return parsed;
}

function textTags({ tags, ...rest }: z.infer<typeof documentSchema>): EntityDocument {
  if (tags === undefined) return rest;
  return {
    ...rest,
    tags: Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, value === null ? null : String(value)])),
  };
}

function invalid(message: string): QuorateError {
  return new QuorateError('invalid-config', message, {
    remedy:
      'An entity is written as kind, id, name, tags and spec; `quorate model get KIND NAME` prints one in that form.',
  });
}

export function entityYaml(entity: Entity): string {
  const { createdAt, updatedAt, ...rest } = entity;
  return stringify({
    ...rest,
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
  });
}

/**
 * What makes `entity` what `document` says: a key that the document no longer has is taken away.
 * @throws QuorateError `invalid-config` where the document is of another entity.
 */
export function patchOf(entity: Entity, document: EntityDocument): EntityPatch {
  if ((document.id ?? entity.id) !== entity.id || (document.kind ?? entity.kind) !== entity.kind) {
    throw new QuorateError('invalid-config', 'kind and id of an entity cannot be changed', {
      remedy: 'Create another one and delete this one.',
    });
  }
  return {
    name: document.name,
    tags: { ...removedKeys(entity.tags, document.tags ?? {}), ...document.tags },
    spec: { ...removedKeys(entity.spec, document.spec ?? {}), ...document.spec },
  };
}

function removedKeys(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Record<string, null> {
  return Object.fromEntries(Object.keys(before).flatMap((key) => (key in after ? [] : [[key, null]])));
}

/** One field that a change touches; undefined where it is not there. */
export interface FieldChange {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** What differs between an entity and what it is to be: name, tags and fields of the spec, by key. */
export function fieldChanges(base: Entity | null, document: EntityDocument): readonly FieldChange[] {
  const before = { name: base?.name, tags: base?.tags ?? {}, spec: base?.spec ?? {} };
  const named: readonly FieldChange[] = [{ field: 'name', before: before.name, after: document.name ?? before.name }];
  const all = [
    ...named,
    ...keyed('tags', before.tags, document.tags ?? {}),
    ...keyed('spec', before.spec, document.spec ?? {}),
  ];
  return all.filter((each) => JSON.stringify(each.before) !== JSON.stringify(each.after));
}

function keyed(
  part: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): readonly FieldChange[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.map((key) => ({ field: `${part}.${key}`, before: before[key], after: after[key] ?? undefined }));
}
