/** Entities of the model as they cross the wire. What a kind's `spec` must hold is the controller's to check. */
import { z } from 'zod';
import { positionSchema } from '../position.js';

export const entityKindSchema = z.string().regex(/^[a-z][a-zA-Z]{0,31}$/, 'is not a kind of entity');

export const entityIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,128}$/, 'must be 1 to 128 of the characters A-Z a-z 0-9 _ . -');
export const entityNameSchema = z.string().min(1).max(256);

export const entitySchema = z.object({
  kind: entityKindSchema,
  id: entityIdSchema,
  name: entityNameSchema,
  /** Counts the changes of this entity, from 1; for compare-and-set. */
  version: z.int().min(1),
  /** Milliseconds since 1970, stamped by the leader. */
  createdAt: z.number(),
  updatedAt: z.number(),
  tags: z.record(z.string(), z.string()),
  spec: z.record(z.string(), z.unknown()),
});
export type Entity = z.infer<typeof entitySchema>;

/** What a create gives; an id is made where none is given. */
export const entityDraftSchema = z.object({
  kind: entityKindSchema,
  id: entityIdSchema.optional(),
  name: entityNameSchema,
  tags: z.record(z.string(), z.string()).default({}),
  spec: z.record(z.string(), z.unknown()).default({}),
});
export type EntityDraft = z.input<typeof entityDraftSchema>;

/** What an update changes. `spec` is merged by key (null deletes a key); tags likewise. */
export const entityPatchSchema = z.object({
  name: entityNameSchema.optional(),
  tags: z.record(z.string(), z.string().nullable()).optional(),
  spec: z.record(z.string(), z.unknown()).optional(),
});
export type EntityPatch = z.infer<typeof entityPatchSchema>;

/** How each kind is called in events (`entityType`), after OpenZiti's names. */
export const entityTypeOfKind: Readonly<Record<string, string>> = {
  router: 'routers',
  service: 'services',
  identity: 'identities',
  policy: 'policies',
};

/** One change of the model, as the journal keeps it and as routers receive it. */
export const modelChangeSchema = z.object({
  position: positionSchema,
  /** Index of the model change before this one in the same timeline; 0 where there is none. */
  previousIndex: z.int().min(0),
  type: z.enum(['created', 'updated', 'deleted']),
  /** The entity after the change; for a deletion, what it was. */
  entity: entitySchema,
});
export type ModelChange = z.infer<typeof modelChangeSchema>;
