/**
 * The file that is to be restored, on one controller: as it comes from an operator in pieces, from this controller's folder
 * for backups, or from another member. There is one at a time; beginning another throws the last away, but not while an
 * operation restores it. It promises that what it calls `ready` was read whole and checked, by this process.
 */
import { lstatSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decode, encode } from '@msgpack/msgpack';
import { QuorateError, toQuorateError, validate } from '../../messaging/errors.js';
import type { ApiParsedParams, ApiResult } from '../../messaging/schemas/api.js';
import type { Clock } from '../cluster/clock.js';
import { chunkBytesMax, defaultPace, pullChunks } from '../cluster/snapshot-transfer.js';
import type { Transport } from '../cluster/transport.js';
import { findKind, isUnderWay } from '../model/index.js';
import type { NodeId } from '../raft/index.js';
import type {
  KindDifference,
  SnapshotFile,
  SnapshotManifest,
  Staging,
  StagingMeta,
  Storage,
} from '../storage/index.js';
import type { Log } from './log.js';
import { type RestoreAnswer, type RestoreAsk, restoreAnswerSchema } from './peers.js';

export interface RestoreFilesOptions {
  readonly storage: Storage;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly dataDirectory: string;
  readonly backupDirectory: string;
}

type State = 'receiving' | 'verifying' | 'ready' | 'failed';

interface Held {
  readonly meta: StagingMeta;
  readonly staging: Staging;
  state: State;
  /** Where it is in state `ready`. */
  manifest: SnapshotManifest | undefined;
  problem: QuorateError | undefined;
  /** Something brings its bytes by itself: another member, or the folder for backups. */
  comesByItself: boolean;
}

/** What a restore would change is counted again after this time, because the model goes on changing. */
const differencesKeptMs = 10_000;
const askTimeoutMs = 2_000;

export class RestoreFiles {
  readonly #options: RestoreFilesOptions;
  #held: Held | undefined;
  #differences:
    | { readonly held: Held; readonly counted: Promise<readonly KindDifference[]>; countedAt: number | null }
    | undefined;

  constructor(options: RestoreFilesOptions) {
    this.#options = options;
  }

  /** One piece from an operator, or the question how far it is. @throws QuorateError why it cannot be restored */
  stage({ chunk, ...meta }: ApiParsedParams<'restore.stage'>, nodeId: string): ApiResult<'restore.stage'> {
    const held = chunk === undefined ? this.#find(meta) : this.#begin(meta);
    if (chunk !== undefined && held !== undefined) this.#write(held, chunk.offset, Buffer.from(chunk.data, 'base64'));
    if (held?.problem !== undefined) throw held.problem;
    return { node: nodeId, state: held?.state ?? 'missing', receivedBytes: held?.staging.receivedBytes ?? 0 };
  }

  /** Where it is missing here: fetches it from one of the others that has it. Resolves when that has begun, or nobody has it. */
  async fetchFromOthers(meta: StagingMeta, others: readonly NodeId[]): Promise<void> {
    if (this.#find(meta) !== undefined) return;
    const { transport } = this.#options;
    const body = encode({ sha256: meta.sha256, sizeBytes: meta.sizeBytes, fetchFrom: null });
    const holds = async (other: NodeId): Promise<NodeId> => {
      const answer = await transport.request(other, 'restore.ask', body, askTimeoutMs);
      const { state } = validate(restoreAnswerSchema, decode(answer), 'internal', `the answer of ${other}`);
      if (state !== 'ready') throw new QuorateError('not-found');
      return other;
    };
    const holder = await Promise.any(others.map(holds)).catch(() => null);
    if (holder !== null) this.ask({ ...meta, fetchFrom: holder });
  }

  /** A file in the folder for backups: verified where it lies, then taken. */
  async take({ name }: ApiParsedParams<'restore.take'>): Promise<ApiResult<'restore.take'>> {
    const path = join(this.#options.backupDirectory, name);
    // A name has no slash, so all that could lead out of the folder is a link.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true)
      throw new QuorateError('not-found', `there is no file ${name} in the folder for backups`, {
        remedy: 'See what is there: `quorate snapshot list`.',
      });
    const file = await this.#options.storage.inspectSnapshot(path);
    const held = this.#begin(file);
    if (held.state === 'receiving' && !held.comesByItself) this.#bring(held, () => this.#copy(held, file));
    return { sha256: file.sha256, sizeBytes: file.sizeBytes, state: held.state };
  }

  /** Another member, or the workflow, asks. */
  ask({ fetchFrom, ...meta }: RestoreAsk): RestoreAnswer {
    const { storage, dataDirectory } = this.#options;
    let held = this.#find(meta);
    let refusal: string | undefined;
    if (fetchFrom !== null && (held === undefined || held.state !== 'ready')) {
      try {
        const begun = this.#begin(meta);
        held = begun;
        if (begun.state === 'receiving' && !begun.comesByItself) this.#bring(begun, () => this.#pull(begun, fetchFrom));
      } catch (error) {
        refusal = toQuorateError(error).message;
      }
    }
    const { bavail, bsize } = statfsSync(dataDirectory);
    return {
      state: refusal === undefined ? (held?.state ?? 'missing') : 'failed',
      receivedBytes: held?.staging.receivedBytes ?? 0,
      problem: refusal ?? held?.problem?.message ?? null,
      diskFreeBytes: bavail * bsize,
      modelBytes: storage.model.sizeBytes(),
    };
  }

  discard(sha256: string): void {
    if (this.#held?.meta.sha256 === sha256) this.#held = undefined;
    if (this.#options.storage.stagedRestore()?.sha256 === sha256) this.#options.storage.discardRestore();
  }

  /** What is known of the file that is ready here. */
  manifestOf(sha256: string): SnapshotManifest | undefined {
    return this.#held?.meta.sha256 === sha256 ? this.#held.manifest : undefined;
  }

  /** What restoring it would change; asked again soon, the same answer. */
  async differences(sha256: string): Promise<readonly KindDifference[]> {
    const held = this.#held;
    if (held?.meta.sha256 !== sha256) throw new QuorateError('not-found', 'the file is not here');
    const { storage, clock } = this.#options;
    const kept = this.#differences;
    // Of a large model counting takes longer than a client waits before it asks again.
    const isFresh = kept?.countedAt === null || clock.monotonicMs() - (kept?.countedAt ?? 0) < differencesKeptMs;
    if (kept?.held === held && isFresh) return kept.counted;
    const counted = storage.compareRestore();
    const counting = { held, counted, countedAt: null as number | null };
    this.#differences = counting;
    counted.then(
      () => {
        counting.countedAt = clock.monotonicMs();
      },
      () => {
        if (this.#differences === counting) this.#differences = undefined;
      },
    );
    return counted;
  }

  // -------------------------------------------------------------------------------------------------------------- helpers

  /** What is held of it; what lies on disk since before a restart is verified again. */
  #find(meta: StagingMeta): Held | undefined {
    const held = this.#heldOf(meta);
    if (held !== undefined) return held;
    return this.#options.storage.stagedRestore()?.sha256 === meta.sha256 ? this.#begin(meta) : undefined;
  }

  #heldOf({ sha256 }: StagingMeta): Held | undefined {
    const held = this.#held;
    if (held?.meta.sha256 !== sha256) return undefined;
    // Storage throws it away when it is restored, and where the disk has changed it.
    const isGone = held.state === 'ready' && this.#options.storage.stagedRestore() === null;
    return isGone ? undefined : held;
  }

  #begin({ sha256, sizeBytes }: StagingMeta): Held {
    const known = this.#heldOf({ sha256, sizeBytes });
    if (known !== undefined && known.state !== 'failed') return known;
    this.#refuseWhileInUse(sha256);
    const meta = { sha256, sizeBytes };
    const staging = this.#options.storage.beginRestore(meta);
    const held: Held = {
      ...{ meta, staging, state: 'receiving', manifest: undefined, problem: undefined },
      comesByItself: false,
    };
    this.#held = held;
    this.#verifyWhenWhole(held);
    return held;
  }

  #refuseWhileInUse(sha256: string): void {
    const running = this.#options.storage.model
      .records('operation')
      .map(({ value }) => value.operation)
      .find(isUnderWay);
    if (running?.parameters.workflow === 'restore' && running.parameters.sha256 !== sha256)
      throw new QuorateError('operation-running', `the operation ${running.id} restores another file`);
  }

  #write(held: Held, offset: number, bytes: Uint8Array): void {
    if (held.state !== 'receiving' || held.comesByItself) return;
    try {
      held.staging.writeChunk(offset, bytes);
    } catch (error) {
      this.#fail(held, error);
    }
    this.#verifyWhenWhole(held);
  }

  /** Lets something bring the bytes while callers ask how far it is. */
  #bring(held: Held, work: () => Promise<void>): void {
    held.comesByItself = true;
    work()
      .then(() => this.#verifyWhenWhole(held))
      .catch((error: unknown) => this.#fail(held, error))
      .finally(() => {
        held.comesByItself = false;
      });
  }

  async #copy(held: Held, file: SnapshotFile): Promise<void> {
    const { storage } = this.#options;
    while (this.#held === held && held.staging.receivedBytes < file.sizeBytes) {
      const offset = held.staging.receivedBytes;
      if (!held.staging.writeChunk(offset, storage.readSnapshotChunk(file, offset, chunkBytesMax)))
        throw new QuorateError('snapshot-invalid', `${file.path} changed while it was read`);
      await nextTurn();
    }
  }

  #pull(held: Held, from: string): Promise<void> {
    const { transport, clock } = this.#options;
    return pullChunks({ transport, clock, pace: defaultPace }, from, held.staging, () => this.#held === held);
  }

  #verifyWhenWhole(held: Held): void {
    if (this.#held !== held || held.state !== 'receiving') return;
    if (held.staging.receivedBytes < held.meta.sizeBytes) return;
    held.state = 'verifying';
    held.staging.finish().then(
      ({ manifest }) => {
        const unknown = Object.keys(manifest.countByKind).filter((kind) => findKind(kind) === undefined);
        if (unknown.length > 0) {
          const message = `the file holds entities of kinds that this version does not know: ${unknown.join(', ')}`;
          this.#fail(held, new QuorateError('newer-schema', message, { remedy: 'Upgrade the controllers first.' }));
          return;
        }
        held.manifest = manifest;
        held.state = 'ready';
      },
      (error: unknown) => this.#fail(held, error),
    );
  }

  #fail(held: Held, error: unknown): void {
    held.state = 'failed';
    held.problem = toQuorateError(error);
    this.#options.log.warn('restore-file-refused', 'a file that is to be restored was refused', {
      error: held.problem.message,
    });
    if (this.#held === held) this.#options.storage.discardRestore();
  }
}
