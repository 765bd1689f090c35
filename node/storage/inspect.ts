/**
 * What a snapshot file is, told without a cluster: `quorate snapshot inspect` loads this and nothing else of the controller.
 *
 * A snapshot is one SQLite file: a copy of the model, and in the table `manifest` what it says of itself. Two checksums guard
 * it. The SHA-256 over the file is for its transport, and cannot be inside. The one in the manifest is over the model's
 * contents in canonical form (`content-hash.ts`): it holds however the file was copied or compacted, and
 * together with SQLite's own integrity check and the manifest's own checksum leaves no byte that matters unguarded.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { z } from 'zod';
import { QuorateError } from '../../messaging/errors.js';
import { positionSchema, timelineSchema } from '../../messaging/position.js';
import type { ModelMeta } from '../model/store.js';
import { hashContents } from './content-hash.js';
import { applicationIdOf, type Connection, openReadOnly, schemaVersionOf, tableNames } from './database.js';
import { sha256OfFile, sizeOf } from './files.js';
import { modelSchema } from './schema.js';
import { type SnapshotFile, type SnapshotManifest, snapshotOrigins } from './types.js';

export const snapshotFormatVersion = 1;

const membersSchema = z.array(z.string());

/** Not strict: what a later version adds is kept as it is. */
const storedMetaSchema = z.looseObject({
  clusterId: z.string().min(1),
  /** Absent in what was written before there was recovery: then every log began with the only timeline there was. */
  logTimeline: timelineSchema.optional(),
  position: positionSchema,
  term: z.int().min(0),
  configuration: z.object({
    voters: membersSchema,
    votersOutgoing: membersSchema,
    learners: membersSchema,
    learnersNext: membersSchema,
    autoLeave: z.boolean(),
    removed: membersSchema,
  }),
  membersIndex: z.int().min(0),
  lastChangeIndex: z.int().min(0),
  journalStart: z.int().min(0),
  legacyIndexMax: z.int().min(0).optional(),
  writesPausedBy: z.string().optional(),
});

export const modelMetaSchema = storedMetaSchema.transform((meta) => ({
  ...meta,
  logTimeline: meta.logTimeline ?? meta.position.timeline,
}));

const manifestSchema = z.looseObject({
  formatVersion: z.int().min(1),
  schemaVersion: z.int().min(1),
  softwareVersion: z.string(),
  clusterName: z.string(),
  createdAt: z.number(),
  createdBy: z.string(),
  /** Absent in the first files there were. */
  origin: z.enum(snapshotOrigins).default('manual'),
  meta: modelMetaSchema,
  countByKind: z.record(z.string(), z.int()),
  contentSha256: z.string(),
});

export function writeManifest(database: Connection, manifest: SnapshotManifest): void {
  database.exec('DROP TABLE IF EXISTS manifest; CREATE TABLE manifest (body TEXT NOT NULL, sha256 TEXT NOT NULL)');
  const body = JSON.stringify(manifest);
  database.prepare('INSERT INTO manifest (body, sha256) VALUES (?, ?)').run(body, sha256OfText(body));
}

export function metaOf(database: Connection): ModelMeta | undefined {
  const body = database.prepare<[], string>('SELECT body FROM meta').pluck().get();
  return body === undefined ? undefined : modelMetaSchema.parse(JSON.parse(body));
}

export function countByKindOf(database: Connection): Readonly<Record<string, number>> {
  return Object.fromEntries(
    database.prepare<[], [string, number]>('SELECT kind, count(*) FROM entities GROUP BY kind').raw().all(),
  );
}

/**
 * Reads the whole file and checks all that can be checked. Throws `snapshot-invalid` with what is wrong, or `newer-schema`.
 * Takes seconds for a million entities: in a controller it runs in the worker thread.
 */
export function inspectSnapshot(path: string): SnapshotFile {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw invalid(path, 'there is no such file');
  if (!found.isFile()) throw invalid(path, 'it is no file');
  try {
    // The file's own checksum first: afterwards SQLite has it open.
    const sha256 = sha256OfFile(path);
    const database = openReadOnly(path);
    try {
      return { path, sizeBytes: sizeOf(path), sha256, manifest: verify(database, path) };
    } finally {
      database.close();
    }
  } catch (error) {
    if (error instanceof QuorateError && (error.code === 'snapshot-invalid' || error.code === 'newer-schema'))
      throw error;
    throw invalid(path, error instanceof Error ? error.message : String(error), error);
  }
}

function verify(database: Connection, path: string): SnapshotManifest {
  const version = schemaVersionOf(database);
  if (version === 0 || applicationIdOf(database) !== modelSchema.applicationId)
    throw invalid(path, 'it is no snapshot of a controller');
  if (version > modelSchema.version) {
    throw new QuorateError(
      'newer-schema',
      `${path} has schema version ${version}; this version knows up to ${modelSchema.version}.`,
    );
  }
  const integrity = database.pragma('integrity_check(1)', { simple: true });
  if (integrity !== 'ok') throw invalid(path, `its structure is damaged (${String(integrity)})`);
  const manifest = readManifest(database, path);
  if (hashContents(database) !== manifest.contentSha256) throw invalid(path, 'its contents do not fit their checksum');
  if (JSON.stringify(metaOf(database)) !== JSON.stringify(manifest.meta))
    throw invalid(path, 'it stands elsewhere than its manifest says');
  return manifest;
}

/** The manifest alone, guarded by its own checksum. */
export function readManifest(database: Connection, path: string): SnapshotManifest {
  if (!tableNames(database).has('manifest')) throw invalid(path, 'it has no manifest');
  const row = database.prepare<[], { body: string; sha256: string }>('SELECT body, sha256 FROM manifest').get();
  if (row === undefined || sha256OfText(row.body) !== row.sha256) throw invalid(path, 'its manifest is damaged');
  const format = z.looseObject({ formatVersion: z.int() }).safeParse(JSON.parse(row.body));
  if (format.success && format.data.formatVersion > snapshotFormatVersion) {
    throw new QuorateError(
      'newer-schema',
      `${path} has format version ${format.data.formatVersion}; this version knows up to ${snapshotFormatVersion}.`,
    );
  }
  const manifest = manifestSchema.safeParse(JSON.parse(row.body));
  if (!manifest.success) throw invalid(path, 'its manifest does not have its form');
  return manifest.data;
}

function invalid(path: string, why: string, cause?: unknown): QuorateError {
  return new QuorateError(
    'snapshot-invalid',
    `${path} is not a whole, undamaged snapshot: ${why}.`,
    cause === undefined ? {} : { cause },
  );
}

function sha256OfText(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
