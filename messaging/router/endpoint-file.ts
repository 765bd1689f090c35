/**
 * The last good list of controllers on disk. Written so that a crash at any moment leaves either the old file or the new one;
 * read so that no file, whatever is in it, can leave the router worse off than none.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { EndpointList } from '../schemas/router.js';
import { decideEndpoints } from './endpoints.js';

export const endpointFileName = 'endpoints.json';

const fileSchema = z.object({ format: z.literal(1), sha256: z.string(), list: z.unknown() });

export type EndpointFinding =
  | { readonly found: 'list'; readonly list: EndpointList }
  /** Nothing of use; `sentence` says what was there instead. */
  | { readonly found: 'missing' | 'empty' | 'damaged' | 'unreadable'; readonly sentence: string };

/** Never throws: a file that cannot be used is a finding. */
export async function readEndpointFile(path: string, cluster: string): Promise<EndpointFinding> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return isNotFound(error)
      ? { found: 'missing', sentence: `there is no file ${path}` }
      : { found: 'unreadable', sentence: `the file ${path} cannot be read: ${reason}` };
  }
  if (text.trim() === '') return { found: 'empty', sentence: `the file ${path} is empty` };
  const file = fileSchema.safeParse(parse(text));
  if (!file.success) return { found: 'damaged', sentence: `the file ${path} is not understood` };
  if (file.data.sha256 !== checksum(file.data.list))
    return { found: 'damaged', sentence: `the file ${path} does not have the checksum that it names` };
  const decision = decideEndpoints(null, file.data.list, cluster);
  if (decision.decision === 'accept') return { found: 'list', list: decision.list };
  const why = decision.decision === 'refuse' ? decision.sentence : 'nothing is in it';
  return { found: 'damaged', sentence: `the list in the file ${path} cannot be used: ${why}` };
}

/** Written to a file beside it, synced, renamed over it, and the folder synced: the order that survives a loss of power. */
export async function writeEndpointFile(path: string, list: EndpointList): Promise<void> {
  const folder = dirname(path);
  // One name, so that crashes leave one file behind and not one each; a router has its directory to itself.
  const temporary = join(folder, `.${endpointFileName}.new`);
  try {
    const file = await openMade(temporary);
    try {
      await file.writeFile(`${JSON.stringify({ format: 1, sha256: checksum(list), list }, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** In a folder that is made where it is missing. */
async function openMade(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w', 0o600);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await mkdir(dirname(path), { recursive: true });
    return await open(path, 'w', 0o600);
  }
}

/** Writes lists one after another; of several that wait, only the newest. */
export class EndpointFileWriter {
  readonly #path: string;
  readonly #onError: (error: unknown) => void;
  #next: EndpointList | null = null;
  #running: Promise<void> | null = null;

  constructor(path: string, onError: (error: unknown) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  write(list: EndpointList): void {
    this.#next = list;
    this.#running ??= this.#run();
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#next !== null) {
      const list = this.#next;
      this.#next = null;
      await writeEndpointFile(this.#path, list).catch(this.#onError);
    }
    this.#running = null;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function checksum(list: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(list) ?? '')
    .digest('hex');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
