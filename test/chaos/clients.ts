/**
 * Clients of the API that create, update (with and without compare-and-set), delete and read a few keys, and note when each
 * request began, when it was answered, and what the answer was. A request that was given up has an unknown outcome.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, isRetryable, QuorateError } from '../../messaging/index.js';
import type { EntityInput, EntityOperation, EntityOutput } from '../simulator/entity-history.js';
import type { Random } from '../support/random.js';
import { eventually } from '../support/wait.js';

/** A write that was answered with success. */
export interface Acknowledged {
  /** Of the timeline that it was acknowledged on. */
  readonly epoch: number;
  readonly index: number;
  readonly key: string;
  readonly type: 'created' | 'updated' | 'deleted';
  readonly version: number;
  readonly value: number;
}

export interface History {
  readonly operations: readonly EntityOperation[];
  readonly acknowledged: readonly Acknowledged[];
  /** Refusals that clients of ours should never see: neither the model's nor one that says "try again". */
  readonly unexpected: readonly string[];
  /** Longest time without any acknowledged write, in milliseconds. */
  readonly longestGapMs: number;
}

export interface Clients {
  /** Waits until so many more writes were acknowledged. */
  progress(writes: number, timeoutMs: number): Promise<void>;
  /** From now on they go on at leisure: there are writes while something else is waited for, and no load. */
  calm(): void;
  /** Ends when every request that is under way has been answered or given up. */
  stop(): Promise<History>;
}

export const entityKind = 'service';
/** At a time; they are replaced by fresh ones now and then, so that each key's history stays short enough to be judged. */
const keysAtOnce = 4;
const freshKeysEveryMs = 4_000;
const thinkMsMax = 25;
const calmThinkMsMax = 400;
/** Most clients wait until all faults of one kind are over; some give up soon, and leave an unknown outcome behind. */
const patienceMs = 15_000;
const shortPatienceMs = 300;
const shortPatienceShare = 0.1;
/** What the model may answer to these requests. */
const refusals: ReadonlySet<string> = new Set(['already-exists', 'not-found', 'version-mismatch']);

/** One client for each of `apis`. `label` begins every key: keys of two runs on one cluster differ. */
export function startClients(apis: readonly ApiClient[], label: string, random: Random): Clients {
  const operations: EntityOperation[] = [];
  const acknowledged: Acknowledged[] = [];
  const unexpected: string[] = [];
  const seenVersions = new Map<string, number>();
  const beganAt = performance.now();
  let stopped = false;
  let thinkMs = thinkMsMax;
  let values = 0;
  let lastWriteAt = beganAt;
  let longestGapMs = 0;

  function draw(own: Random, key: string): EntityInput {
    const version = own.chance(0.6) ? (seenVersions.get(key) ?? 1) : null;
    const dice = own.next();
    if (dice < 0.35) return { type: 'get' };
    values += 1;
    if (dice < 0.5) return { type: 'create', value: values };
    return dice < 0.9 ? { type: 'update', version, value: values } : { type: 'delete', version };
  }

  function note(key: string, input: EntityInput, { output, epoch, index }: Answer): void {
    if (output.type !== 'entity') return;
    seenVersions.set(key, output.version);
    if (input.type === 'get') return;
    const type = ({ create: 'created', update: 'updated', delete: 'deleted' } as const)[input.type];
    acknowledged.push({ epoch, index, key, type, version: output.version, value: output.value });
    const now = performance.now();
    longestGapMs = Math.max(longestGapMs, now - lastWriteAt);
    lastWriteAt = now;
  }

  async function run(client: string, api: ApiClient, own: Random): Promise<void> {
    while (!stopped) {
      const era = Math.floor((performance.now() - beganAt) / freshKeysEveryMs);
      const key = `${label}-${era}-${own.between(1, keysAtOnce)}`;
      const input = draw(own, key);
      const timeoutMs = own.chance(shortPatienceShare) ? shortPatienceMs : patienceMs;
      const calledAt = performance.now();
      let output: EntityOutput | undefined;
      try {
        const answer = await perform(api, key, input, timeoutMs);
        output = answer.output;
        note(key, input, answer);
      } catch (error) {
        if (!isRetryable(error)) unexpected.push(`${client}, ${input.type} ${key}: ${describe(error)}`);
      }
      const returnedAt = output === undefined ? undefined : performance.now();
      operations.push({ key, client, input, output, calledAt, returnedAt });
      await sleep(own.between(0, thinkMs));
    }
  }

  const running = apis.map((api, place) => run(`c${place + 1}`, api, random.fork()));
  return {
    async progress(writes, timeoutMs) {
      const goal = acknowledged.length + writes;
      await eventually(() => acknowledged.length >= goal, { what: `${writes} more acknowledged writes`, timeoutMs });
    },
    calm() {
      thinkMs = calmThinkMsMax;
    },
    async stop() {
      stopped = true;
      longestGapMs = Math.max(longestGapMs, performance.now() - lastWriteAt);
      await Promise.all(running);
      return { operations, acknowledged, unexpected, longestGapMs };
    },
  };
}

interface Answer {
  readonly output: EntityOutput;
  /** Of a refusal 0, as `index`. */
  readonly epoch: number;
  readonly index: number;
}

/** @throws QuorateError where the outcome is not known */
async function perform(api: ApiClient, key: string, input: EntityInput, timeoutMs: number): Promise<Answer> {
  try {
    const { entity, position } = await send(api, key, input, timeoutMs);
    return {
      output: { type: 'entity', version: entity.version, value: Number(entity.tags['value']) },
      epoch: position.timeline.epoch,
      index: position.index,
    };
  } catch (error) {
    if (!(error instanceof QuorateError) || !refusals.has(error.code)) throw error;
    const isAbsent = input.type === 'get' && error.code === 'not-found';
    return { output: isAbsent ? { type: 'absent' } : { type: 'refused', code: error.code }, epoch: 0, index: 0 };
  }
}

function send(api: ApiClient, key: string, input: EntityInput, timeoutMs: number) {
  const of = { kind: entityKind, id: key };
  switch (input.type) {
    case 'create':
      return api.request('model.create', { ...of, name: key, tags: tagsOf(input.value) }, { timeoutMs });
    case 'update':
      return api.request(
        'model.update',
        { ...of, version: input.version ?? undefined, patch: { tags: tagsOf(input.value) } },
        { timeoutMs },
      );
    case 'delete':
      return api.request('model.delete', { ...of, version: input.version ?? undefined }, { timeoutMs });
    case 'get':
      return api.request('model.get', of, { timeoutMs });
  }
}

const tagsOf = (value: number): Readonly<Record<string, string>> => ({ value: String(value) });

function describe(error: unknown): string {
  return error instanceof QuorateError ? `${error.code}: ${error.message}` : String(error);
}
