import { z } from 'zod';
import { defineKind, roleAttributes, text } from './kind.js';

export const identityKind = defineKind({
  kind: 'identity',
  plural: 'identities',
  summary: 'A user, a device or a program that uses services.',
  fields: {
    type: z.enum(['user', 'device', 'service']).default('device'),
    roleAttributes,
    /** Its name in another directory. */
    externalId: text(256).optional(),
    disabled: z.boolean().default(false),
  },
});
