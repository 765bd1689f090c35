/**
 * Carries a plan out: so many requests at a time, what is named before what names it. Each entity is one request with an id of
 * its own, under which it is sent again until its outcome is known; what is there already counts as done. So an import that was
 * interrupted anywhere is run again, and goes on.
 */
import type { ApiClient } from '../../messaging/api-client.js';
import { isRetryable, QuorateError, toQuorateError } from '../../messaging/errors.js';
import type { Entity } from '../../messaging/schemas/model.js';
import { isSame, phasesOf, type Remark, type Wanted } from './plan.js';

/** Requests under way: enough for a leader to write many at once, and far fewer than it takes. */
const underWayMax = 256;
/** For one entity: through an election, and longer than a leader that has much to do takes. */
const patienceMs = 60_000;

export interface ImportOutcome {
  readonly imported: number;
  /** Those that somebody else had made meanwhile, the same. */
  readonly existed: number;
  readonly refused: readonly Remark[];
}

export interface RunImportOptions {
  readonly client: ApiClient;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number) => void;
}

/**
 * An entity that is refused does not stop the others. Anything else does (no leader, no NATS): then the import stops, and the
 * error says how far it came.
 */
export async function runImport(create: readonly Wanted[], options: RunImportOptions): Promise<ImportOutcome> {
  const tally = { imported: 0, existed: 0 };
  const refused: Remark[] = [];
  let failure: QuorateError | undefined;

  async function one(wanted: Wanted): Promise<void> {
    try {
      const existed = await importOne(options, wanted);
      tally[existed ? 'existed' : 'imported'] += 1;
    } catch (error) {
      const { code, message } = toQuorateError(error);
      if (!refusals.has(code)) throw error;
      refused.push({ kind: wanted.kind, name: wanted.name, why: message });
    }
    options.onProgress(tally.imported + tally.existed + refused.length);
  }

  for (const phase of phasesOf(create)) {
    const waiting = phase.values();
    const worker = async (): Promise<void> => {
      for (const wanted of waiting) {
        if (failure !== undefined || options.signal.aborted) return;
        await one(wanted).catch((error: unknown) => {
          failure ??= toQuorateError(error);
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(underWayMax, phase.length) }, worker));
    if (failure !== undefined || options.signal.aborted) break;
  }
  if (failure !== undefined) throw stopped(failure, tally.imported + tally.existed, create.length);
  return { ...tally, refused };
}

/** What the model says of one entity; whatever else goes wrong concerns all. */
const refusals: ReadonlySet<string> = new Set([
  'already-exists',
  'name-taken',
  'reference-missing',
  'invalid-entity',
  'unknown-kind',
  'invalid-request',
  'too-large',
]);

/** Answers whether it was there already. */
async function importOne({ client, signal }: RunImportOptions, wanted: Wanted): Promise<boolean> {
  const { kind, id, name, tags, spec, entity } = wanted;
  if (entity !== null)
    return (await client.request('model.import', { entity }, { signal, timeoutMs: patienceMs })).existed;
  try {
    await client.request(
      'model.create',
      { kind, id, name, tags: { ...tags }, spec: { ...spec } },
      { signal, timeoutMs: patienceMs },
    );
    return false;
  } catch (error) {
    if (toQuorateError(error).code !== 'already-exists') throw error;
    const held: Entity = (await client.request('model.get', { kind, id }, { signal })).entity;
    if (!isSame(wanted, held)) throw error;
    return true;
  }
}

function stopped(error: QuorateError, done: number, total: number): QuorateError {
  const { code, message, remedy } = error.toWire();
  return QuorateError.fromWire({
    code,
    message: `the import stopped after ${done} of ${total} entities: ${message}`,
    remedy: `${isRetryable(error) ? 'Run' : `${remedy} Then run`} the same import again: it goes on where it stopped.`,
    details: { done, total },
  });
}
