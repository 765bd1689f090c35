import { z } from 'zod';
import { defineKind, roleAttributes } from './kind.js';

export const routerKind = defineKind({
  kind: 'router',
  plural: 'routers',
  summary: 'A router that the controllers serve; its id is the one that it says hello with.',
  fields: {
    roleAttributes,
    /** A disabled router is refused at hello. */
    disabled: z.boolean().default(false),
    /** Added to the cost of every path through it. */
    cost: z.int().min(0).max(65_535).default(0),
    /** Paths may begin or end here, but not pass through. */
    noTraversal: z.boolean().default(false),
  },
});
