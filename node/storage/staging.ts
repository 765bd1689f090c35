/**
 * A snapshot on its way in: bytes as they arrive, in one file, in order; beside it, what it is to become. Both survive a
 * restart, so that a transfer goes on where it stopped. Bytes that a loss of power took or spoilt are found by the checksum.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isErrorCode, QuorateError } from '../../messaging/errors.js';
import { emptyFolder, sizeOf, syncFile, syncFolder } from './files.js';
import type { ChunkSource, SnapshotFile, StagedSnapshot, Staging, StagingMeta } from './types.js';

export const incomingName = 'incoming.db';
/** What a snapshot on its way in leaves free for the log. */
const roomLeftBytes = 1 << 20;
const metaName = 'incoming.json';
const metaSchema = z.object({ sizeBytes: z.int().min(1), sha256: z.string() });

/** Goes on with what is in the folder where it is the same file, else empties it and begins anew. */
export function openStaging(
  folder: string,
  meta: StagingMeta,
  inspect: (path: string) => Promise<SnapshotFile>,
): Staging {
  mkdirSync(folder, { recursive: true });
  const found = readMeta(folder);
  const path = join(folder, incomingName);
  if (found?.sha256 !== meta.sha256 || found.sizeBytes !== meta.sizeBytes || sizeOf(path) > meta.sizeBytes) {
    emptyFolder(folder);
    refuseWithoutRoom(folder, meta.sizeBytes);
    writeFileSync(join(folder, metaName), JSON.stringify(meta));
  }
  return new FileStaging(folder, meta, inspect);
}

/** A snapshot that does not fit must not take the room that the log still has. */
function refuseWithoutRoom(folder: string, sizeBytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize > sizeBytes + roomLeftBytes) return;
  throw new QuorateError('storage-full', `No room is left for a snapshot of ${sizeBytes} bytes in ${folder}.`);
}

/** The file in the folder, where it is whole in size. Whether it is undamaged is another question. */
export function stagedIn(folder: string): ChunkSource | null {
  const meta = readMeta(folder);
  const path = join(folder, incomingName);
  return meta === undefined || sizeOf(path) !== meta.sizeBytes ? null : { ...meta, path };
}

function readMeta(folder: string): StagingMeta | undefined {
  const path = join(folder, metaName);
  if (!existsSync(path)) return undefined;
  try {
    return metaSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined; // torn by a crash: the transfer begins anew
  }
}

class FileStaging implements Staging {
  readonly meta: StagingMeta;
  readonly #folder: string;
  readonly #path: string;
  readonly #inspect: (path: string) => Promise<SnapshotFile>;
  #file: number | undefined;
  #receivedBytes: number;

  constructor(folder: string, meta: StagingMeta, inspect: (path: string) => Promise<SnapshotFile>) {
    this.meta = meta;
    this.#folder = folder;
    this.#path = join(folder, incomingName);
    this.#inspect = inspect;
    this.#receivedBytes = sizeOf(this.#path);
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  writeChunk(offset: number, bytes: Uint8Array): boolean {
    if (bytes.length === 0 || offset !== this.#receivedBytes) return false;
    if (offset + bytes.length > this.meta.sizeBytes) return false;
    this.#file ??= openSync(this.#path, existsSync(this.#path) ? 'r+' : 'w');
    try {
      for (let written = 0; written < bytes.length; )
        written += writeSync(this.#file, bytes, written, bytes.length - written, offset + written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      this.discard();
      throw new QuorateError('storage-full', `No room is left for a snapshot in ${this.#folder}.`, { cause: error });
    }
    this.#receivedBytes += bytes.length;
    return true;
  }

  async finish(): Promise<StagedSnapshot> {
    this.#close();
    if (this.#receivedBytes !== this.meta.sizeBytes)
      throw new QuorateError(
        'snapshot-invalid',
        `Of the snapshot, ${this.#receivedBytes} of ${this.meta.sizeBytes} bytes have come.`,
      );
    syncFile(this.#path);
    syncFolder(this.#folder);
    try {
      const file = await this.#inspect(this.#path);
      if (file.sha256 !== this.meta.sha256)
        throw new QuorateError(
          'snapshot-invalid',
          'The snapshot that came is not the one that was sent: its checksum differs.',
        );
      const { position, term, configuration } = file.manifest.meta;
      return {
        path: this.#path,
        sizeBytes: file.sizeBytes,
        manifest: file.manifest,
        snapshot: { index: position.index, term, configuration },
      };
    } catch (error) {
      this.discard();
      throw this.#asWhatCame(error);
    }
  }

  /** Whoever sent it does not know under which name it lay here, and there it is no more. */
  #asWhatCame(error: unknown): unknown {
    if (!(error instanceof QuorateError) || !isErrorCode(error.code) || !error.message.includes(this.#path))
      return error;
    const { code, remedy } = error;
    const message = error.message.replace(this.#path, 'The file that came');
    return new QuorateError(code, message, { remedy, cause: error });
  }

  discard(): void {
    this.#close();
    emptyFolder(this.#folder);
    this.#receivedBytes = 0;
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
