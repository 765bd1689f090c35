/**
 * What the controllers know of a router's key, in the model: a router that is revoked is disabled there, so that each of them
 * refuses it and shows it as refused, also where a NATS server has not heard of the revocation yet.
 */
import type { ApiClient } from '../../messaging/api-client.js';
import { toQuorateError } from '../../messaging/errors.js';
import { revokedTag } from '../../messaging/revocation.js';
import type { Entity } from '../../messaging/schemas/model.js';

/** Answers what was done. */
export async function markRevoked(
  client: ApiClient,
  router: string,
  now: number,
): Promise<'disabled' | 'was-disabled'> {
  const tags = { [revokedTag]: new Date(now).toISOString() };
  const entity = await held(client, router);
  if (entity === null) {
    await client.request('model.create', { kind: 'router', id: router, name: router, spec: { disabled: true }, tags });
    return 'disabled';
  }
  if (entity.spec['disabled'] === true) return 'was-disabled';
  await client.request('model.update', {
    kind: 'router',
    id: router,
    patch: { spec: { disabled: true }, tags },
  });
  return 'disabled';
}

/** A router that enrols again is taken again, if nothing but the revocation kept it out. */
export async function markEnrolled(client: ApiClient, router: string): Promise<void> {
  const entity = await held(client, router).catch(() => null);
  if (entity?.tags[revokedTag] === undefined) return;
  await client.request('model.update', {
    kind: 'router',
    id: router,
    patch: { spec: { disabled: false }, tags: { [revokedTag]: null } },
  });
}

async function held(client: ApiClient, router: string): Promise<Entity | null> {
  try {
    return (await client.request('model.get', { kind: 'router', id: router })).entity;
  } catch (error) {
    if (toQuorateError(error).code === 'not-found') return null;
    throw error;
  }
}
