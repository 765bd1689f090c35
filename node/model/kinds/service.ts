import { z } from 'zod';
import { defineKind, roleAttributes } from './kind.js';

export const serviceKind = defineKind({
  kind: 'service',
  plural: 'services',
  summary: 'Something that identities reach, or offer, through routers.',
  fields: {
    roleAttributes,
    encryptionRequired: z.boolean().default(true),
    /** How one of several terminators is chosen. */
    terminatorStrategy: z.enum(['smartrouting', 'weighted', 'random', 'ha', 'sticky']).default('smartrouting'),
  },
});
