/**
 * The whole model at one position, read in pages while writes go on. Pages come from different moments; the changes that
 * happened since before the first page are then laid over them. As each change holds the whole entity, what comes out is the
 * model at the last of them, whatever each page had seen of them already. The controllers keep nothing for it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError } from '../../messaging/errors.js';
import { comparable, type Position } from '../../messaging/position.js';
import type { Entity, ModelChange } from '../../messaging/schemas/model.js';
import type { NodeStatus } from '../../messaging/schemas/status.js';

export interface WholeModel {
  readonly entities: readonly Entity[];
  readonly position: Position;
  /** The leader's, from before the first page. */
  readonly status: NodeStatus;
}

export interface ReadModelOptions {
  readonly client: ApiClient;
  /** Read even where the leader counts none. */
  readonly kinds: readonly string[];
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
  /** Entities in a page; for tests. */
  readonly pageSize?: number;
}

const pageSizeDefault = 1_000;
/** Another history, or more changes meanwhile than the journal holds: begin again so often. */
const attemptsMax = 3;
/** A leader that was deposed and does not know it may answer behind the pages; the next one will not. */
const behindTriesMax = 50;
const behindWaitMs = 100;
/** For one page, once the leader has answered: through an election, and longer than one that has much to do takes. */
const pagePatienceMs = 60_000;

/** @throws QuorateError `snapshot-required` where the model changes faster than it can be read, and what requests throw. */
export async function readModel(options: ReadModelOptions): Promise<WholeModel> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readOnce(options);
    } catch (error) {
      const again = error instanceof QuorateError && error.code === 'snapshot-required' && attempt < attemptsMax;
      if (!again) throw error;
    }
  }
}

async function readOnce(options: ReadModelOptions): Promise<WholeModel> {
  const { client, kinds, onProgress, signal, pageSize = pageSizeDefault } = options;
  const status = await client.request('status.get', {}, { node: 'leader', signal });
  if (status.position === null) throw new QuorateError('not-a-member');
  const counts = status.storage?.entities ?? {};
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const entities = new Map<string, Entity>();
  let newest = status.position;
  for (const kind of new Set([...kinds, ...Object.keys(counts)])) {
    for (let after: string | undefined, more = true; more; ) {
      signal?.throwIfAborted();
      const page = await client.request(
        'model.list',
        { kind, after, limit: pageSize },
        { signal, timeoutMs: pagePatienceMs },
      );
      for (const entity of page.entities) entities.set(keyOf(entity), entity);
      newest = later(newest, page.position);
      after = page.entities.at(-1)?.id;
      more = page.more;
      onProgress?.(entities.size, Math.max(total, entities.size));
    }
  }
  const position = await layOver(options, entities, { since: status.position, atLeast: newest });
  return { entities: [...entities.values()], position, status };
}

/** Applies the changes after `since` until the answers reach `atLeast`; returns where that is. */
async function layOver(
  { client, signal, pageSize = pageSizeDefault }: ReadModelOptions,
  entities: Map<string, Entity>,
  { since, atLeast }: { readonly since: Position; readonly atLeast: Position },
): Promise<Position> {
  let after = since;
  for (let behind = 0; ; ) {
    const answer = await client.request(
      'model.changes',
      { after, limit: pageSize },
      { node: 'leader', signal, timeoutMs: pagePatienceMs },
    );
    later(since, answer.position);
    for (const change of answer.changes) lay(entities, change);
    after = answer.changes.at(-1)?.position ?? after;
    if (answer.more) continue;
    if (answer.position.index >= atLeast.index) return answer.position;
    behind += 1;
    if (behind > behindTriesMax) throw new QuorateError('behind');
    await sleep(behindWaitMs, undefined, { signal });
  }
}

function lay(entities: Map<string, Entity>, { type, entity }: ModelChange): void {
  if (type === 'deleted') entities.delete(keyOf(entity));
  else entities.set(keyOf(entity), entity);
}

function later(held: Position, seen: Position): Position {
  if (!comparable(held, seen))
    throw new QuorateError('snapshot-required', 'a new history of the model began while it was read', {
      remedy: 'Run it again.',
    });
  return seen.index > held.index ? seen : held;
}

export function keyOf({ kind, id }: { readonly kind: string; readonly id: string }): string {
  return `${kind}/${id}`;
}
