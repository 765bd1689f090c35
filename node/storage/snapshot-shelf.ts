/** The snapshots that this controller makes: those that were asked for, and those that followers fetch. */
import { readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import { comparable } from '../../messaging/position.js';
import type { ModelMeta } from '../model/store.js';
import type { Index } from '../raft/types.js';
import { emptyFolder, removeDatabase } from './files.js';
import { snapshotsFolderName, transferFolderName } from './names.js';
import type { SnapshotFile, SnapshotOrigin } from './types.js';
import type { StorageWorker } from './worker.js';

export interface ShelfOptions {
  readonly directory: string;
  readonly clusterName: string;
  readonly nodeId: string;
  readonly softwareVersion: string;
  readonly now: () => number;
}

/** Snapshots for followers that are kept: one may still be on its way while the next is made. */
const transfersKept = 2;

export class SnapshotShelf {
  readonly #options: ShelfOptions;
  readonly #worker: StorageWorker;
  readonly #modelPath: string;
  readonly #meta: () => ModelMeta | undefined;
  /** The last one for followers, finished or being written. */
  #last: Promise<SnapshotFile> | undefined;
  #next: Promise<SnapshotFile> | undefined;
  #made = 0;
  /** Since this directory was opened. */
  written = 0;

  constructor(options: ShelfOptions, worker: StorageWorker, modelPath: string, meta: () => ModelMeta | undefined) {
    this.#options = options;
    this.#worker = worker;
    this.#modelPath = modelPath;
    this.#meta = meta;
    emptyFolder(this.#transferFolder);
  }

  async create(path?: string, origin: SnapshotOrigin = 'manual'): Promise<SnapshotFile> {
    const position = this.#meta()?.position;
    if (position === undefined)
      throw new QuorateError('invalid-request', 'A blank controller has nothing to make a snapshot of.', {
        remedy: 'Ask a member.',
      });
    const { clusterName, nodeId, softwareVersion, now, directory } = this.#options;
    const createdAt = now();
    const name = `${clusterName}-${nodeId}-e${position.timeline.epoch}-${position.indexType}${position.index}-${fileTime(createdAt)}.snapshot`;
    const target = path === undefined ? join(directory, snapshotsFolderName, name) : resolve(path);
    const file = await this.#worker.run({
      job: 'write-snapshot',
      modelPath: this.#modelPath,
      path: target,
      author: { softwareVersion, clusterName, createdAt, createdBy: nodeId, origin },
    });
    this.written += 1;
    return file;
  }

  /** `spoilt`: the checksum of one that is not to be taken again. */
  async forFollowers(indexMin: Index, spoilt?: string): Promise<SnapshotFile> {
    const last = await this.#last?.catch(() => undefined);
    const isUsable = last !== undefined && last.sha256 !== spoilt && this.#isOfThisHistory(last);
    if (isUsable && last.manifest.meta.position.index >= indexMin) return last;
    // Whoever waited with others for one that failed or is too old finds the next one begun by the first of them.
    this.#next ??= this.#makeNext();
    const next = await this.#next;
    if (next.manifest.meta.position.index >= indexMin) return next;
    throw new QuorateError(
      'invalid-request',
      `The model stands at index ${next.manifest.meta.position.index} and not yet at ${indexMin}.`,
    );
  }

  /** After a migration indexes are counted anew: what was made before would put another history in place of this one. */
  #isOfThisHistory({ manifest }: SnapshotFile): boolean {
    const position = this.#meta()?.position;
    return position !== undefined && comparable(manifest.meta.position, position);
  }

  async #makeNext(): Promise<SnapshotFile> {
    try {
      this.#made += 1;
      this.#last = this.create(join(this.#transferFolder, `${this.#made}.snapshot`), 'transfer');
      const file = await this.#last;
      this.#dropOld();
      return file;
    } finally {
      this.#next = undefined;
    }
  }

  get #transferFolder(): string {
    return join(this.#options.directory, transferFolderName);
  }

  #dropOld(): void {
    for (const name of readdirSync(this.#transferFolder)) {
      const number = Number(basename(name, '.snapshot'));
      if (number <= this.#made - transfersKept) removeDatabase(join(this.#transferFolder, name));
    }
  }
}

/** `20261121T073053Z`: without the characters that file systems do not like. */
function fileTime(at: number): string {
  return new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');
}
