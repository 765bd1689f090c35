/** What may stand in one token of a subject: cluster names, controller ids, router ids, operator names. */
import { z } from 'zod';

export const identifierPattern = /^[A-Za-z0-9_-]{1,64}$/;

/** Words that have a meaning of their own where a controller's id may stand in a subject. */
export const reservedNodeIds: ReadonlySet<string> = new Set(['any', 'leader', 'all']);

export const identifierSchema = z
  .string()
  .regex(identifierPattern, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ -');

export const nodeIdSchema = identifierSchema.refine((id) => !reservedNodeIds.has(id), {
  error: 'is a reserved word (any, leader, all)',
});

export function isIdentifier(text: string): boolean {
  return identifierPattern.test(text);
}

/** Makes any text usable as a subject token, so that for example a login name can be an operator's name. */
export function toIdentifier(text: string): string {
  const token = text.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 64);
  return token === '' ? 'unknown' : token;
}
