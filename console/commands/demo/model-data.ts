/** A small model for the demo, and changes to it now and then, so that there is something to see. */
import type { ApiClient } from '../../../messaging/api-client.js';
import { QuorateError } from '../../../messaging/errors.js';
import type { EntityDraft } from '../../../messaging/schemas/model.js';

const sites = ['berlin', 'lagos', 'osaka', 'quito', 'tromso'] as const;

const services = ['billing', 'directory', 'metrics', 'shop', 'video'] as const;

export function demoDrafts(routers: readonly string[]): readonly EntityDraft[] {
  return [
    ...routers.map((id, index) => ({
      kind: 'router',
      id,
      name: id,
      tags: { site: sites[index % sites.length] ?? 'berlin' },
      spec: { roleAttributes: ['edge'], cost: 10 * index },
    })),
    ...services.map((name) => ({ kind: 'service', id: name, name, spec: { roleAttributes: ['public'] } })),
    ...['alice', 'bob', 'chandra', 'dolores'].map((name) => ({
      kind: 'identity',
      id: name,
      name,
      spec: { type: 'user', roleAttributes: ['staff'] },
    })),
    {
      kind: 'policy',
      id: 'staff-dial',
      name: 'staff-dial',
      spec: { type: 'Dial', identityRoles: ['#staff'], serviceRoles: ['#public'], routerRoles: ['#edge'] },
    },
    {
      kind: 'policy',
      id: 'hosts-bind',
      name: 'hosts-bind',
      spec: { type: 'Bind', identityRoles: ['@alice'], serviceRoles: ['#all'], routerRoles: ['#all'] },
    },
  ];
}

/** Creates what is not there yet: a demo that is started again finds what it left. */
export async function createModel(
  client: ApiClient,
  drafts: readonly EntityDraft[],
  signal: AbortSignal,
): Promise<void> {
  for (const draft of drafts) {
    if (signal.aborted) return;
    await client.request('model.create', draft, { signal }).catch(ignoreExisting);
  }
}

function ignoreExisting(error: unknown): void {
  if (error instanceof QuorateError && (error.code === 'already-exists' || error.code === 'name-taken')) return;
  throw error;
}

const everyMs = 2_000;

/** Changes something small every two seconds. That a change fails while there is no leader is part of the show. */
export function trickle(client: ApiClient, signal: AbortSignal): void {
  let turn = 0;
  const timer = setInterval(() => {
    turn += 1;
    void change(client, turn).catch(() => undefined);
  }, everyMs);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

async function change(client: ApiClient, turn: number): Promise<void> {
  const service = services[turn % services.length] ?? 'shop';
  const visitor = `visitor-${Math.floor(turn / 3)}`;
  switch (turn % 3) {
    case 0:
      await client.request('model.create', {
        kind: 'identity',
        id: visitor,
        name: visitor,
        spec: { type: 'device', roleAttributes: ['guest'] },
      });
      return;
    case 1:
      await client.request('model.update', { kind: 'service', id: service, patch: { tags: { turn: String(turn) } } });
      return;
    default:
      await client.request('model.delete', { kind: 'identity', id: visitor });
  }
}
