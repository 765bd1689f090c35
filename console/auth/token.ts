/**
 * A one-time token: all that a router needs to reach the registrar, and a key that is good for that alone. Whoever has it
 * before the router uses it can enrol in the router's place: it is handed over as a password is.
 */
import { z } from 'zod';
import { QuorateError } from '../../messaging/errors.js';
import { identifierSchema } from '../../messaging/identifiers.js';

const tokenSchema = z.object({
  cluster: identifierSchema,
  router: identifierSchema,
  servers: z.array(z.string().max(512)).min(1).max(32),
  seed: z.string().max(128),
  /** Certificate of the authority, PEM. */
  authority: z.string().max(16_384),
  /** Milliseconds since 1970. */
  expiresAt: z.number(),
});
export type EnrolmentToken = z.infer<typeof tokenSchema>;

/** So that it is known for what it is, also by those who search for secrets that leaked. */
const prefix = 'quorate-enrol-1.';

export function encodeToken(token: EnrolmentToken): string {
  return prefix + Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** @throws QuorateError `invalid-request` where it is none; what was given is not repeated. */
export function decodeToken(text: string): EnrolmentToken {
  const given = text.trim();
  const parsed = given.startsWith(prefix) ? tokenSchema.safeParse(parse(given.slice(prefix.length))) : undefined;
  if (parsed?.success === true) return parsed.data;
  throw new QuorateError('invalid-request', 'what was given is no enrolment token, or not all of one', {
    remedy: 'Give the token whole, as `quorate auth enrol router NAME` printed it.',
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
