/** What controllers ask of each other beside Raft: snapshots, and what a join or a removal must know. */
import { closeSync, fdatasyncSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from '@msgpack/msgpack';
import { z } from 'zod';
import { QuorateError, validate } from '../../messaging/errors.js';
import { positionSchema } from '../../messaging/position.js';
import { versionRangeSchema } from '../../messaging/protocol.js';
import { stagedStateSchema } from '../../messaging/schemas/api.js';
import { sha256Schema } from '../../messaging/schemas/operations.js';
import { nodeStateSchema } from '../../messaging/schemas/status.js';
import type { PeerVerb } from '../cluster/transport.js';

export const probeSchema = z.object({
  node: z.string(),
  name: z.string(),
  state: nodeStateSchema,
  cluster: z.string(),
  clusterId: z.string().nullable(),
  version: z.string(),
  protocol: versionRangeSchema,
  addresses: z.array(z.string()),
  diskFreeBytes: z.number(),
  /** Median of a few small writes with a sync, measured there. */
  syncLatencyMs: z.number(),
  maxPayloadBytes: z.number(),
  /** Subjects that it tried to use just now and was not allowed to. */
  deniedSubjects: z.array(z.string()),
});
export type Probe = z.infer<typeof probeSchema>;

export const membershipSchema = z.object({
  state: nodeStateSchema,
  clusterId: z.string().nullable(),
  position: positionSchema.nullable(),
  /** Its clock, in milliseconds since 1970, when it answered. */
  now: z.number(),
});
export type MembershipAnswer = z.infer<typeof membershipSchema>;

export const restoreAskSchema = z.object({
  sha256: sha256Schema,
  sizeBytes: z.int().min(1),
  /** Who has it; null: only say what there is. */
  fetchFrom: z.string().nullable(),
});
export type RestoreAsk = z.infer<typeof restoreAskSchema>;

export const restoreAnswerSchema = z.object({
  state: stagedStateSchema,
  receivedBytes: z.int().min(0),
  /** Why it has not got it, where it has failed. */
  problem: z.string().nullable(),
  diskFreeBytes: z.number(),
  /** Of its present model. */
  modelBytes: z.number(),
});
export type RestoreAnswer = z.infer<typeof restoreAnswerSchema>;

export const restoreDiscardSchema = z.object({ sha256: sha256Schema });

export const prepareSchema = z.object({ clusterId: z.string().min(1).max(64) });

export interface PeerSources {
  readonly probe: (from: string) => Promise<Probe>;
  readonly membership: () => MembershipAnswer;
  /** @throws QuorateError when this controller is not blank. */
  readonly prepare: (clusterId: string, from: string) => void;
  readonly release: (clusterId: string) => void;
  /** @throws QuorateError when this survivor may not, or will not, let another one go on alone. */
  readonly promiseRecovery: (from: string) => void;
  readonly describeSnapshot: (body: Uint8Array) => Promise<Uint8Array>;
  readonly snapshotChunk: (from: string, body: Uint8Array) => Uint8Array;
  readonly askRestore: (ask: RestoreAsk) => RestoreAnswer;
  readonly discardRestore: (sha256: string) => void;
}

/** Answers one request of another controller. */
export async function answerPeer(
  sources: PeerSources,
  from: string,
  verb: string,
  body: Uint8Array,
): Promise<Uint8Array> {
  // The verbs are checked by the switch; an unknown one comes from a newer version.
  switch (verb as PeerVerb) {
    case 'snapshot.describe':
      return sources.describeSnapshot(body);
    case 'snapshot.chunk':
      return sources.snapshotChunk(from, body);
    case 'candidate.probe':
      return encode(await sources.probe(from));
    case 'candidate.prepare':
      sources.prepare(validate(prepareSchema, decode(body), 'invalid-request', verb).clusterId, from);
      return encode(await sources.probe(from));
    case 'candidate.release':
      sources.release(validate(prepareSchema, decode(body), 'invalid-request', verb).clusterId);
      return encode(sources.membership());
    case 'recovery.claim':
      sources.promiseRecovery(from);
      return new Uint8Array();
    case 'restore.ask':
      return encode(sources.askRestore(validate(restoreAskSchema, decode(body), 'invalid-request', verb)));
    case 'restore.discard':
      sources.discardRestore(validate(restoreDiscardSchema, decode(body), 'invalid-request', verb).sha256);
      return encode(sources.membership());
    case 'membership.ask':
      return encode(sources.membership());
    default:
      throw new QuorateError('unknown-verb', `this controller does not answer ${verb}`);
  }
}

const syncSamples = 5;

export function measureDisk(directory: string): { readonly diskFreeBytes: number; readonly syncLatencyMs: number } {
  const { bavail, bsize } = statfsSync(directory);
  const path = join(directory, `.probe-${process.pid}`);
  const file = openSync(path, 'w', 0o600);
  const durations: number[] = [];
  try {
    for (let sample = 0; sample < syncSamples; sample += 1) {
      const began = performance.now();
      writeSync(file, new Uint8Array(4096));
      fdatasyncSync(file);
      durations.push(performance.now() - began);
    }
  } finally {
    closeSync(file);
    unlinkSync(path);
  }
  durations.sort((a, b) => a - b);
  return { diskFreeBytes: bavail * bsize, syncLatencyMs: durations[Math.floor(durations.length / 2)] ?? 0 };
}
