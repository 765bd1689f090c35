import { z } from 'zod';
import { type PolicySide, policySides } from '../../../messaging/index.js';
import type { EntityReference } from '../store.js';
import { defineKind, roles } from './kind.js';

export const policyKind = defineKind({
  kind: 'policy',
  plural: 'policies',
  summary: 'Joins identities to services, on the routers that it selects.',
  fields: {
    /** Dial: the identities may use the services. Bind: they may offer them. */
    type: z.enum(['Dial', 'Bind']),
    /** Whether an entity needs one or all of the attributes that a list names. */
    semantic: z.enum(['AnyOf', 'AllOf']).default('AnyOf'),
    identityRoles: roles,
    serviceRoles: roles,
    routerRoles: roles,
  },
  references: (spec) => {
    const found: EntityReference[] = [];
    for (const [side, kind] of Object.entries(policySides) as [PolicySide, string][]) {
      for (const role of spec[side]) if (role.startsWith('@')) found.push({ kind, id: role.slice(1) });
    }
    return found;
  },
});
