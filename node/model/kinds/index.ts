/** The kinds of entities. To add one: a file beside this one, and its line here. */
import { QuorateError } from '../../../messaging/index.js';
import { identityKind } from './identity.js';
import type { KindDefinition } from './kind.js';
import { policyKind } from './policy.js';
import { routerKind } from './router.js';
import { serviceKind } from './service.js';

export const kinds: readonly KindDefinition[] = [identityKind, policyKind, routerKind, serviceKind];

const byName: ReadonlyMap<string, KindDefinition> = new Map(kinds.map((definition) => [definition.kind, definition]));

export function findKind(kind: string): KindDefinition | undefined {
  return byName.get(kind);
}

/** @throws QuorateError `unknown-kind` */
export function kindNamed(kind: string): KindDefinition {
  const definition = byName.get(kind);
  if (definition !== undefined) return definition;
  const names = kinds.map((each) => each.kind).join(', ');
  throw new QuorateError('unknown-kind', `there is no kind of entity called ${kind}`, {
    remedy: `The kinds are ${names}.`,
  });
}

export type { KindDefinition, Spec } from './kind.js';
