/**
 * How a snapshot travels: the follower that needs one pulls it from the leader in chunks, a few at a time, resuming where it
 * was interrupted; nothing of it counts before it is whole and its checksum is right.
 */
import { decode, encode } from '@msgpack/msgpack';
import { z } from 'zod';
import { QuorateError, validate } from '../../messaging/errors.js';
import { relateTimelines } from '../../messaging/position.js';
import type { Index, NodeId } from '../raft/index.js';
import type { ChunkSource, SnapshotFile, StagedSnapshot, Staging, Storage } from '../storage/index.js';
import type { Clock } from './clock.js';
import type { Transport } from './transport.js';

/** Well under NATS's default `max_payload` of 1 MiB. */
export const chunkBytesMax = 256 * 1024;
/** Chunks asked for and not yet received. */
const chunksInFlightMax = 4;
/** A chunk is asked for so often before the attempt is given up; the leader's next offer begins another. */
const chunkAttemptsMax = 5;

export interface TransferPace {
  /** At most `chunkBytesMax`. */
  readonly chunkBytes: number;
  readonly requestTimeoutMs: number;
  /** Building a snapshot of a large model takes longer than a chunk. */
  readonly describeTimeoutMs: number;
  /** After the first failure of a chunk; longer after each further one. */
  readonly retryWaitMs: number;
  /** After there was no room for a snapshot, the next attempt: leaders offer it again sooner than there will be some. */
  readonly noRoomWaitMs: number;
}

export const defaultPace: TransferPace = {
  chunkBytes: chunkBytesMax,
  requestTimeoutMs: 5_000,
  describeTimeoutMs: 120_000,
  retryWaitMs: 200,
  noRoomWaitMs: 5_000,
};

/** How often it is looked whether a fetch has ended. */
const fetchPollMs = 50;
/** Storage keeps the last two. */
const describedMax = 2;
/** Followers whose progress is remembered. */
const followersMax = 64;

const describeSchema = z.object({
  atLeast: z.int().min(0),
  /** By its checksum: one that came damaged. Another one is wanted, for the file itself may be so. */
  spoilt: z.string().length(64).optional(),
});
const describedSchema = z.object({ sizeBytes: z.int().min(1), sha256: z.string().length(64), index: z.int().min(1) });
const chunkSchema = z.object({
  sha256: z.string().length(64),
  offset: z.int().min(0),
  bytes: z.int().min(1).max(chunkBytesMax),
});

// -------------------------------------------------------------------------------------------------------- the leader's side

/** Answers followers from the snapshots that storage keeps for them. */
export class SnapshotServer {
  readonly #storage: Storage;
  /** What was described, by checksum, so that a chunk can be asked for by it. */
  readonly #described = new Map<string, SnapshotFile>();
  readonly #progress = new Map<NodeId, SnapshotProgress>();
  sentBytes = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async describe(body: Uint8Array): Promise<Uint8Array> {
    const { atLeast, spoilt } = validate(describeSchema, decode(body), 'invalid-request', 'snapshot.describe');
    // The log must go on where the snapshot ends.
    const indexMin = Math.max(atLeast, this.#storage.raft.firstIndex() - 1);
    const file = await this.#storage.snapshotForFollowers(indexMin, spoilt);
    this.#described.set(file.sha256, file);
    if (this.#described.size > describedMax) this.#described.delete(this.#described.keys().next().value ?? '');
    return encode({ sizeBytes: file.sizeBytes, sha256: file.sha256, index: file.manifest.meta.position.index });
  }

  chunk(from: NodeId, body: Uint8Array): Uint8Array {
    const { sha256, offset, bytes } = validate(chunkSchema, decode(body), 'invalid-request', 'snapshot.chunk');
    const file = this.#described.get(sha256) ?? this.#restoreOf(sha256);
    if (file === undefined)
      throw new QuorateError('snapshot-required', 'this snapshot is no longer kept: ask for another');
    this.#progress.set(from, { sentBytes: Math.min(file.sizeBytes, offset + bytes), totalBytes: file.sizeBytes });
    if (this.#progress.size > followersMax) this.#progress.delete(this.#progress.keys().next().value ?? '');
    const chunk = this.#storage.readSnapshotChunk(file, offset, bytes);
    this.sentBytes += chunk.length;
    return chunk;
  }

  #restoreOf(sha256: string): ChunkSource | undefined {
    const staged = this.#storage.stagedRestore();
    return staged?.sha256 === sha256 ? staged : undefined;
  }

  /** How far a follower has got with the snapshot that it fetches or fetched last. */
  progressOf(follower: NodeId): SnapshotProgress | null {
    return this.#progress.get(follower) ?? null;
  }
}

export interface SnapshotProgress {
  readonly sentBytes: number;
  readonly totalBytes: number;
}

// ------------------------------------------------------------------------------------------------------ the follower's side

export interface SnapshotFetcherOptions {
  readonly storage: Storage;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Why an attempt ended without a snapshot: for the log. */
  readonly onAbandoned: (error: unknown) => void;
  readonly onProgress?: (progress: FetchProgress | null) => void;
  readonly pace?: TransferPace;
}

export interface FetchProgress {
  readonly from: NodeId;
  readonly receivedBytes: number;
  readonly sizeBytes: number;
}

export class SnapshotFetcher {
  readonly #options: SnapshotFetcherOptions;
  readonly #pace: TransferPace;
  #fetching: { readonly leader: NodeId } | undefined;
  /** There was no room for the last one. */
  #notBeforeMs = 0;
  #staged: StagedSnapshot | undefined;
  /** Checksum of the last one that came damaged. */
  #spoilt: string | undefined;

  constructor(options: SnapshotFetcherOptions) {
    this.#options = options;
    this.#pace = options.pace ?? defaultPace;
  }

  /** Fetches a snapshot that stands at `index` or later, unless that is already under way. */
  fetch(leader: NodeId, index: Index, done: (staged: StagedSnapshot) => void): void {
    if (this.#fetching?.leader === leader || this.#staged !== undefined) return;
    if (this.#options.clock.monotonicMs() < this.#notBeforeMs) return;
    const attempt = { leader };
    this.#fetching = attempt;
    const isCurrent = (): boolean => this.#fetching === attempt;
    this.#pull(leader, index, isCurrent)
      .then(
        (staged) => {
          if (staged === undefined || !isCurrent()) return;
          this.#staged = staged;
          done(staged);
        },
        (error: unknown) => {
          if (error instanceof QuorateError && error.code === 'storage-full')
            this.#notBeforeMs = this.#options.clock.monotonicMs() + this.#pace.noRoomWaitMs;
          if (isCurrent()) this.#options.onAbandoned(error);
        },
      )
      .finally(() => {
        if (!isCurrent()) return;
        this.#fetching = undefined;
        this.#options.onProgress?.(null);
      });
  }

  /**
   * Fetches one from any member that stands at `index` or later. Undefined where it came to nothing, or gave way to another
   * that was begun meanwhile. What comes stays staged until it is taken or discarded.
   */
  async fetchFrom(member: NodeId, index: Index): Promise<StagedSnapshot | undefined> {
    if (this.#fetching !== undefined || this.#staged !== undefined) return undefined;
    return new Promise((resolve) => {
      this.fetch(member, index, resolve);
      const attempt = this.#fetching;
      const settle = (): void => {
        // Where there is no room none was begun.
        if (attempt !== undefined && this.#fetching === attempt) void this.#options.clock.after(fetchPollMs, settle);
        else resolve(undefined);
      };
      settle();
    });
  }

  /** The staged snapshot that stands at `index`, for its installation. */
  take(index: Index): StagedSnapshot {
    const staged = this.#staged;
    if (staged?.manifest.meta.position.index !== index) throw new Error(`no snapshot at index ${index} is staged`);
    this.#staged = undefined;
    return staged;
  }

  /** What was staged is not needed. */
  discard(): void {
    this.#staged = undefined;
  }

  cancel(): void {
    this.#fetching = undefined;
  }

  async #pull(leader: NodeId, atLeast: Index, isCurrent: () => boolean): Promise<StagedSnapshot | undefined> {
    const { transport, storage } = this.#options;
    const answer = await transport.request(
      leader,
      'snapshot.describe',
      encode(this.#spoilt === undefined ? { atLeast } : { atLeast, spoilt: this.#spoilt }),
      this.#pace.describeTimeoutMs,
    );
    const described = validate(describedSchema, decode(answer), 'snapshot-invalid', `the description by ${leader}`);
    if (!isCurrent()) return undefined;
    const staging = storage.beginStaging({ sizeBytes: described.sizeBytes, sha256: described.sha256 });
    await pullChunks({ ...this.#options, pace: this.#pace }, leader, staging, isCurrent);
    if (!isCurrent()) return undefined;
    let staged: StagedSnapshot;
    try {
      staged = await staging.finish();
    } catch (error) {
      if (error instanceof QuorateError && error.code === 'snapshot-invalid') this.#spoilt = described.sha256;
      throw error;
    }
    this.#refuseOtherLog(leader, staged, staging);
    return staged;
  }

  /** Log and model that recovery has parted must not meet again in one directory. */
  #refuseOtherLog(leader: NodeId, { manifest }: StagedSnapshot, staging: Staging): void {
    const held = this.#options.storage.model.meta()?.logTimeline;
    if (held === undefined || relateTimelines(held, manifest.meta.logTimeline) === 'same') return;
    staging.discard();
    throw new QuorateError('timeline-conflict', `the snapshot of ${leader} belongs to another log than this member's`);
  }
}

export type ChunkPulling = Pick<SnapshotFetcherOptions, 'transport' | 'clock' | 'onProgress'> & {
  readonly pace: TransferPace;
};

/** Pulls what `staging` does not have yet, a few chunks at a time; returns early where it is not wanted any more. */
export async function pullChunks(
  pulling: ChunkPulling,
  from: NodeId,
  staging: Staging,
  isCurrent: () => boolean,
): Promise<void> {
  const { sizeBytes } = staging.meta;
  const { chunkBytes } = pulling.pace;
  const inFlight: Promise<Uint8Array>[] = [];
  let asked = staging.receivedBytes;
  while (staging.receivedBytes < sizeBytes && isCurrent()) {
    while (asked < sizeBytes && inFlight.length < chunksInFlightMax) {
      const chunk = pullChunk(pulling, from, staging.meta.sha256, asked, Math.min(chunkBytes, sizeBytes - asked));
      // A rejection is met below, when it is this chunk's turn; until then it is not unhandled.
      chunk.catch(() => undefined);
      inFlight.push(chunk);
      asked += Math.min(chunkBytes, sizeBytes - asked);
    }
    const bytes = await inFlight.shift();
    if (bytes === undefined || !staging.writeChunk(staging.receivedBytes, bytes)) {
      throw new QuorateError('snapshot-invalid', `a chunk from ${from} did not fit`);
    }
    pulling.onProgress?.({ from, receivedBytes: staging.receivedBytes, sizeBytes });
  }
}

async function pullChunk(
  { transport, clock, pace }: ChunkPulling,
  from: NodeId,
  sha256: string,
  offset: number,
  bytes: number,
): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const chunk = await transport.request(
        from,
        'snapshot.chunk',
        encode({ sha256, offset, bytes }),
        pace.requestTimeoutMs,
      );
      if (chunk.length === bytes) return chunk;
      throw new QuorateError('snapshot-invalid', `${from} sent ${chunk.length} bytes of a chunk of ${bytes}`);
    } catch (error) {
      const final = error instanceof QuorateError && error.code === 'snapshot-required';
      if (final || attempt >= chunkAttemptsMax) throw error;
      await new Promise<void>((resolve) => void clock.after(pace.retryWaitMs * attempt, resolve));
    }
  }
}
