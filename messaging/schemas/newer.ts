/**
 * Names that a later version may add to. Whoever only reads them (a console, a script, a peer in the middle of an upgrade) must
 * not lose the whole record over one name: what this version does not know is kept, as what it is called.
 */
import { z } from 'zod';

/** @see NewerName */
export const newerNameSchema = z
  .string()
  .min(1)
  .max(64)
  .meta({ title: 'what a newer version calls it' })
  .brand<'newer'>();

/** A name that this version does not know. The brand keeps it from being made here: only what is read can hold one. */
export type NewerName = z.infer<typeof newerNameSchema>;

/** One of the names that this version knows, or what a newer one calls it. */
export function orNewer<Known extends z.ZodEnum>(known: Known) {
  return z.union([known, newerNameSchema]);
}
