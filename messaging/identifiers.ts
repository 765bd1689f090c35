/** What may stand in one token of a subject: cluster names, controller ids, router ids, operator names. */
import { randomUUID } from 'node:crypto';
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

/**
 * A request id: a UUID of version 7 (RFC 9562, section 5.7). It begins with the time, so that what is stored under such ids
 * (a created entity takes the id of its request) is appended instead of scattered over all pages of an index.
 */
export function newRequestId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
