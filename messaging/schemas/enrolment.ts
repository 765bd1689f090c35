/** How a router that has a one-time token hands in its own key. JSON, on `enrolment.<router>`. */
import { z } from 'zod';
import { wireErrorSchema } from '../errors.js';

export const enrolmentRequestSchema = z.object({
  v: z.int(),
  /** The public half of the pair that the router made; the seed never leaves it. */
  publicKey: z.string().max(64),
});
export type EnrolmentRequest = z.infer<typeof enrolmentRequestSchema>;

export const enrolmentReplySchema = z.discriminatedUnion('ok', [
  z.object({ v: z.int(), ok: z.literal(true) }),
  z.object({ v: z.int(), ok: z.literal(false), error: wireErrorSchema }),
]);
export type EnrolmentReply = z.infer<typeof enrolmentReplySchema>;
