/** What a kind of entity is, and the field types that kinds share. */
import { z } from 'zod';
import { QuorateError } from '../../../messaging/index.js';
import type { EntityReference } from '../store.js';

export type Spec = Readonly<Record<string, unknown>>;

/**
 * A kind of entity. The rules of a `spec` are one schema for each field, and no rule spans two fields. That is what lets
 * the leader validate a change before it proposes it, whatever the entity is by the time the change is applied: a merge of
 * valid fields into valid fields is valid. So the rules are not run again when a command is applied, and members of different
 * versions, with different rules, still come to the same model.
 */
export interface KindDefinition {
  readonly kind: string;
  /** How events call it. */
  readonly plural: string;
  /** One sentence for people. */
  readonly summary: string;
  /** Fills in defaults. Throws `invalid-entity` naming the field. */
  readonly parseSpec: (spec: Spec) => Spec;
  /** The fields that are given, valid; null restores a default, or deletes where there is none. Throws `invalid-entity`. */
  readonly parsePatch: (patch: Spec) => Spec;
  /** The entities that must exist for as long as this one does. A pure function of a valid spec; part of applying. */
  readonly references: (spec: Spec) => readonly EntityReference[];
  /** For documentation and forms. */
  readonly fields: Readonly<Record<string, z.ZodType>>;
}

export function defineKind<Fields extends Record<string, z.ZodType>>(given: {
  readonly kind: string;
  readonly plural: string;
  readonly summary: string;
  readonly fields: Fields;
  readonly references?: (spec: z.output<z.ZodObject<Fields>>) => readonly EntityReference[];
}): KindDefinition {
  const { kind, plural, summary, fields, references } = given;
  const schema = z.strictObject(fields);
  return {
    kind,
    plural,
    summary,
    fields,
    parseSpec: (spec) => accept(kind, schema.safeParse(spec)),
    parsePatch: (patch) => parsePatch(kind, fields, patch),
    // A stored spec went through `parseSpec` before it was proposed.
    references: references === undefined ? noReferences : (spec) => references(spec as z.output<z.ZodObject<Fields>>),
  };
}

const none: readonly EntityReference[] = [];
const noReferences = () => none;

function parsePatch(kind: string, fields: Readonly<Record<string, z.ZodType>>, patch: Spec): Spec {
  const parsed: [string, unknown][] = [];
  for (const [name, value] of Object.entries(patch)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) throw invalid(kind, name, 'there is no such field');
    const result = field.safeParse(value === null ? undefined : value);
    if (!result.success)
      throw invalid(
        kind,
        name,
        value === null ? 'is required and has no default' : firstIssue(result.error, []).message,
      );
    parsed.push([name, result.data ?? null]);
  }
  return Object.fromEntries(parsed);
}

function accept(kind: string, result: { success: true; data: Spec } | { success: false; error: z.ZodError }): Spec {
  if (result.success) return result.data;
  const { path, message } = firstIssue(result.error, []);
  throw invalid(kind, path, message);
}

function firstIssue(error: z.ZodError, prefix: readonly string[]): { readonly path: string; readonly message: string } {
  const issue = error.issues[0];
  if (issue === undefined) return { path: prefix.join('.'), message: 'is invalid' };
  if (issue.code === 'unrecognized_keys')
    return { path: [...prefix, issue.keys[0] ?? ''].join('.'), message: 'there is no such field' };
  return { path: [...prefix, ...issue.path.map(String)].join('.'), message: issue.message };
}

export function invalid(kind: string, field: string, message: string): QuorateError {
  return new QuorateError('invalid-entity', `${kind}: ${field}: ${message}`, { details: { kind, field } });
}

// ------------------------------------------------------------------------------------------------------------ fields

const roleAttributesMax = 64;
const rolesMax = 256;
const attributePattern = /^[A-Za-z0-9_.:-]{1,64}$/;
const selectorPattern = /^(#[A-Za-z0-9_.:-]{1,64}|@[A-Za-z0-9_.-]{1,128})$/;

const distinct = (list: readonly string[]) => new Set(list).size === list.length;

/** What an entity is, for policies to select by. */
export const roleAttributes = z
  .array(z.string().regex(attributePattern, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -'))
  .max(roleAttributesMax, `has more than ${roleAttributesMax} attributes`)
  .refine(distinct, { error: 'names an attribute twice' })
  .default([]);

/** Whom a policy selects: `#attribute`, `@id`, or `#all`. */
export const roles = z
  .array(z.string().regex(selectorPattern, 'must be #attribute, @id or #all'))
  .max(rolesMax, `has more than ${rolesMax} roles`)
  .refine(distinct, { error: 'names a role twice' })
  .default([]);

/** Free text that survives every encoding on its way: no lone surrogates, no control characters. */
export function text(lengthMax: number) {
  return z
    .string()
    .max(lengthMax, `is longer than ${lengthMax} characters`)
    .refine(isCleanText, { error: 'holds a control character or a broken one' });
}

export function isCleanText(value: string): boolean {
  return value.isWellFormed() && !/\p{Cc}/u.test(value);
}
