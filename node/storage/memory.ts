/**
 * A data directory in memory, with the same promises as the one on files, for tests and for the simulator. The disk is an
 * object apart from the process that uses it: a crash drops the process and opens the disk again; a loss of power also takes
 * from the disk what was not synced (`losePower`). What disks do wrong on top of that is handed in (`beforeWrite`), or done
 * to the disk's own fields.
 */
import { createHash } from 'node:crypto';
import { QuorateError } from '../../messaging/errors.js';
import type { Entity } from '../../messaging/schemas/model.js';
import { findKind } from '../model/kinds/index.js';
import { MemoryModelStore } from '../model/memory-store.js';
import { everyEntity } from '../model/resolve.js';
import {
  byCodeUnit,
  type JournalRow,
  type ModelMeta,
  type ModelStore,
  type RecordBucket,
  type RecordTypes,
  recordBuckets,
} from '../model/store.js';
import type { Index } from '../raft/types.js';
import { type PreparedHash, prepareAtOnce } from './hash-model.js';
import { snapshotFormatVersion } from './inspect.js';
import { initialMeta, initialRecords } from './install.js';
import { blankRaftDisk, MemoryRaftStore, type RaftDisk } from './memory-raft-store.js';
import { modelSchema } from './schema.js';
import type {
  ChunkSource,
  DurableModelStore,
  InitialState,
  InstallRequest,
  KindDifference,
  RestoreRequest,
  SnapshotFile,
  SnapshotManifest,
  SnapshotOrigin,
  StagedSnapshot,
  Staging,
  StagingMeta,
  Storage,
} from './types.js';

/** Everything in a model. Its values are shared with the store and never changed. */
interface ModelImage {
  readonly meta: ModelMeta | null;
  readonly entities: readonly Entity[];
  readonly journal: readonly JournalRow[];
  readonly records: readonly { readonly bucket: RecordBucket; readonly key: string; readonly value: unknown }[];
}

const restorePath = 'restore/incoming.db';
const blankImage: ModelImage = { meta: null, entities: [], journal: [], records: [] };

export interface MemoryDisk {
  readonly raft: RaftDisk;
  /** As a process finds it that starts while the machine runs on. */
  model: ModelImage | MemoryModelStore;
  /** As it is after a loss of power. */
  durableModel: ModelImage;
  readonly files: Map<string, Uint8Array>;
  staging: StagedBytes | null;
  /** A snapshot that is to be restored. */
  restore: StagedBytes | null;
}

interface StagedBytes {
  readonly meta: StagingMeta;
  bytes: Uint8Array;
}

export function blankDisk(): MemoryDisk {
  return {
    raft: blankRaftDisk(),
    model: blankImage,
    durableModel: blankImage,
    files: new Map(),
    staging: null,
    restore: null,
  };
}

/** Takes from the disk what was not synced. Whoever had it open must not use it any more. */
export function losePower(disk: MemoryDisk): void {
  disk.model = disk.durableModel;
}

export type MemoryWrite = 'raft' | 'model' | 'snapshot' | 'staging' | 'install';

export interface MemoryStorageOptions {
  readonly disk: MemoryDisk;
  readonly clusterName: string;
  readonly nodeId: string;
  readonly softwareVersion: string;
  readonly now: () => number;
  /** Called before each write; what it throws is what the disk answers, and then nothing is written. */
  readonly beforeWrite?: (what: MemoryWrite) => void;
}

export function openMemoryStorage(options: MemoryStorageOptions): Storage {
  return new MemoryStorage(options);
}

class MemoryStorage implements Storage {
  readonly raft: MemoryRaftStore;
  readonly model: MemoryDurableModelStore;
  readonly #options: MemoryStorageOptions;
  readonly #disk: MemoryDisk;
  #forFollowers: SnapshotFile | undefined;
  #closed = false;

  constructor(options: MemoryStorageOptions) {
    this.#options = options;
    this.#disk = options.disk;
    this.raft = new MemoryRaftStore(this.#disk.raft, () => options.beforeWrite?.('raft'));
    this.model = new MemoryDurableModelStore(this.#disk, () => options.beforeWrite?.('model'));
  }

  async createSnapshot(path?: string, origin: SnapshotOrigin = 'manual'): Promise<SnapshotFile> {
    const image = imageOf(this.model);
    if (image.meta === null) {
      throw new QuorateError('invalid-request', 'A blank controller has nothing to make a snapshot of.');
    }
    this.#options.beforeWrite?.('snapshot');
    const { clusterName, nodeId, softwareVersion, now } = this.#options;
    const contents = JSON.stringify(image);
    const manifest: SnapshotManifest = {
      formatVersion: snapshotFormatVersion,
      schemaVersion: modelSchema.version,
      softwareVersion,
      clusterName,
      createdAt: now(),
      createdBy: nodeId,
      origin,
      meta: image.meta,
      countByKind: this.model.countsByKind(),
      contentSha256: sha256(contents),
    };
    const bytes = new TextEncoder().encode(JSON.stringify({ manifest, contents }));
    const target = path ?? `snapshots/${nodeId}-${image.meta.position.index}-${this.#disk.files.size}.snapshot`;
    if (this.#disk.files.has(target)) throw new QuorateError('invalid-request', `${target} exists already.`);
    this.#disk.files.set(target, bytes);
    return { path: target, sizeBytes: bytes.length, sha256: sha256(bytes), manifest };
  }

  async snapshotForFollowers(indexMin: Index, spoilt?: string): Promise<SnapshotFile> {
    const last = this.#forFollowers;
    const isUsable = last !== undefined && last.sha256 !== spoilt;
    if (isUsable && last.manifest.meta.position.index >= indexMin) return last;
    const position = this.model.meta()?.position.index ?? 0;
    if (position < indexMin) {
      throw new QuorateError('invalid-request', `The model stands at index ${position} and not yet at ${indexMin}.`);
    }
    const path = `transfer/${position}.snapshot`;
    this.#disk.files.delete(path);
    this.#forFollowers = await this.createSnapshot(path);
    return this.#forFollowers;
  }

  readSnapshotChunk(file: ChunkSource, offset: number, bytesMax: number): Uint8Array {
    const bytes = file.path === restorePath ? this.#disk.restore?.bytes : this.#disk.files.get(file.path);
    if (bytes === undefined) {
      throw new QuorateError('snapshot-invalid', `The snapshot ${file.path} can no longer be read.`);
    }
    return bytes.slice(offset, offset + bytesMax);
  }

  async inspectSnapshot(path: string): Promise<SnapshotFile> {
    const bytes = this.#disk.files.get(path);
    if (bytes === undefined) throw new QuorateError('snapshot-invalid', `There is no file ${path}.`);
    return { path, sizeBytes: bytes.length, sha256: sha256(bytes), manifest: decode(bytes).manifest };
  }

  beginStaging(meta: StagingMeta): Staging {
    return this.#beginStaging('staging', meta);
  }

  #beginStaging(place: StagingPlace, meta: StagingMeta): Staging {
    const found = this.#disk[place];
    if (found?.meta.sha256 !== meta.sha256 || found.meta.sizeBytes !== meta.sizeBytes) {
      this.#disk[place] = { meta, bytes: new Uint8Array(0) };
    }
    return new MemoryStaging(this.#disk, place, meta, () => this.#options.beforeWrite?.('staging'));
  }

  async prepareHash(): Promise<PreparedHash> {
    return prepareAtOnce(this.model);
  }

  async install(request: InstallRequest): Promise<void> {
    const staged = this.#disk.staging;
    if (staged === null || this.#closed) throw new QuorateError('stopping');
    const { image, manifest } = decode(staged.bytes);
    const { position, term } = manifest.meta;
    this.#options.beforeWrite?.('install');
    const point = { index: position.index, term, timeline: position.timeline };
    this.raft.commitInstall({ ...request, point });
    this.#exchange(image);
    this.#disk.staging = null;
  }

  async initialise(state: InitialState): Promise<void> {
    if (this.model.meta() !== undefined || this.raft.lastIndex() > 0 || this.raft.identity() !== null) {
      throw new QuorateError('ambiguous-state', 'The disk holds a history already; another one is not begun in it.');
    }
    if (state.snapshot.index < 1 || state.snapshot.term < 1) {
      throw new RangeError('a history begins at index and term 1 or later');
    }
    this.#options.beforeWrite?.('install');
    const { timeline, identity, snapshot, hardState, restoreFrom } = state;
    const meta = initialMeta(state);
    const { index, term } = snapshot;
    const entities = restoreFrom === undefined ? [] : this.#entitiesOf(restoreFrom);
    this.raft.commitInstall({ point: { index, term, timeline }, hardState, identity });
    this.#exchange({ ...blankImage, meta, records: initialRecords(state), entities });
  }

  // ----------------------------------------------------------------------------------------------------------- restore

  beginRestore(meta: StagingMeta): Staging {
    return this.#beginStaging('restore', meta);
  }

  stagedRestore(): ChunkSource | null {
    const staged = this.#disk.restore;
    return staged === null || staged.bytes.length !== staged.meta.sizeBytes
      ? null
      : { ...staged.meta, path: restorePath };
  }

  discardRestore(): void {
    this.#disk.restore = null;
  }

  async compareRestore(): Promise<readonly KindDifference[]> {
    if (this.stagedRestore() === null) throw new QuorateError('not-found', 'No file is staged for a restore.');
    return differences(imageOf(this.model).entities, this.#stagedImage().entities);
  }

  async restoreModel({ sha256: asked, meta }: RestoreRequest): Promise<void> {
    if (this.stagedRestore()?.sha256 !== asked || this.#closed)
      throw new QuorateError('snapshot-invalid', `The file ${asked} is not staged for a restore.`);
    const { entities } = this.#stagedImage();
    this.#options.beforeWrite?.('install');
    this.raft.checkExchange(meta.position.index, meta.term);
    this.#exchange({ meta, entities, journal: [], records: imageOf(this.model).records });
    this.discardRestore();
  }

  async adoptSnapshot(staged: StagedSnapshot): Promise<void> {
    const held = this.#disk.staging;
    if (held === null || this.#closed) throw new QuorateError('stopping');
    const { image } = decode(held.bytes);
    this.#options.beforeWrite?.('install');
    this.raft.checkExchange(staged.snapshot.index, staged.snapshot.term);
    this.#exchange(image);
    this.#disk.staging = null;
  }

  /** Throws the file away where it is not what it was when it was verified. */
  #stagedImage(): ModelImage {
    const staged = this.#disk.restore;
    try {
      if (staged === null || sha256(staged.bytes) !== staged.meta.sha256)
        throw new QuorateError('snapshot-invalid', 'The file is not what it was when it was verified.');
      return decode(staged.bytes).image;
    } catch (error) {
      this.discardRestore();
      throw error;
    }
  }

  #entitiesOf({ path, sha256: asked }: NonNullable<InitialState['restoreFrom']>): readonly Entity[] {
    const bytes = this.#disk.files.get(path);
    if (bytes === undefined || sha256(bytes) !== asked)
      throw new QuorateError('snapshot-invalid', `${path} is not what it was when it was verified.`);
    return decode(bytes).image.entities;
  }

  async compactLog(throughIndex: Index): Promise<Index> {
    const durable = await this.model.makeDurable();
    if (durable === undefined || this.#closed) return this.raft.firstIndex();
    const { timeline, index } = durable.position;
    return this.raft.compact({ index: Math.min(throughIndex, index), term: 0, timeline });
  }

  close(): void {
    this.#closed = true;
  }

  #exchange(image: ModelImage): void {
    load(this.model, image);
    this.#disk.durableModel = image;
  }
}

class MemoryDurableModelStore extends MemoryModelStore implements DurableModelStore {
  readonly #disk: MemoryDisk;
  readonly #beforeWrite: () => void;

  constructor(disk: MemoryDisk, beforeWrite: () => void) {
    super();
    this.#disk = disk;
    this.#beforeWrite = () => undefined;
    load(this, disk.model instanceof MemoryModelStore ? imageOf(disk.model) : disk.model);
    this.#beforeWrite = beforeWrite;
    disk.model = this;
  }

  override transaction<Result>(work: () => Result): Result {
    return super.transaction(() => {
      const result = work();
      // A disk that fails does so when the transaction is committed: then nothing of it is there.
      this.#beforeWrite();
      return result;
    });
  }

  /** Nothing is gathered: each transaction is there when it returns. */
  commit(): void {}

  async makeDurable(): Promise<ModelMeta | undefined> {
    if (this.#disk.model === this) this.#disk.durableModel = imageOf(this);
    return this.meta();
  }

  sizeBytes(): number {
    return JSON.stringify(imageOf(this)).length;
  }
}

type StagingPlace = 'staging' | 'restore';

class MemoryStaging implements Staging {
  readonly meta: StagingMeta;
  readonly #disk: MemoryDisk;
  readonly #place: StagingPlace;
  readonly #beforeWrite: () => void;

  constructor(disk: MemoryDisk, place: StagingPlace, meta: StagingMeta, beforeWrite: () => void) {
    this.meta = meta;
    this.#disk = disk;
    this.#place = place;
    this.#beforeWrite = beforeWrite;
  }

  get receivedBytes(): number {
    return this.#disk[this.#place]?.bytes.length ?? 0;
  }

  writeChunk(offset: number, bytes: Uint8Array): boolean {
    const staging = this.#disk[this.#place];
    if (staging === null || bytes.length === 0 || offset !== this.receivedBytes) return false;
    if (offset + bytes.length > this.meta.sizeBytes) return false;
    this.#beforeWrite();
    staging.bytes = Buffer.concat([staging.bytes, bytes]);
    return true;
  }

  async finish(): Promise<StagedSnapshot> {
    const bytes = this.#disk[this.#place]?.bytes ?? new Uint8Array(0);
    if (bytes.length !== this.meta.sizeBytes) {
      throw new QuorateError(
        'snapshot-invalid',
        `Of the snapshot, ${bytes.length} of ${this.meta.sizeBytes} bytes have come.`,
      );
    }
    try {
      if (sha256(bytes) !== this.meta.sha256) {
        throw new QuorateError('snapshot-invalid', 'The snapshot that came is not the one that was sent.');
      }
      const { manifest } = decode(bytes);
      const { position, term, configuration } = manifest.meta;
      const snapshot = { index: position.index, term, configuration };
      return { path: this.#place, sizeBytes: bytes.length, manifest, snapshot };
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  discard(): void {
    this.#disk[this.#place] = null;
  }
}

function differences(ours: readonly Entity[], theirs: readonly Entity[]): readonly KindDifference[] {
  const keyOf = ({ kind, id }: Entity) => `${kind}/${id}`;
  const [held, coming] = [ours, theirs].map((all) => new Map(all.map((each) => [keyOf(each), JSON.stringify(each)])));
  const kinds = [...new Set([...ours, ...theirs].map(({ kind }) => kind))].sort(byCodeUnit);
  const count = (all: readonly Entity[], kind: string, differs: (key: string) => boolean) =>
    all.filter((each) => each.kind === kind && differs(keyOf(each))).length;
  return kinds
    .map((kind) => ({
      kind,
      added: count(theirs, kind, (key) => held?.has(key) === false),
      changed: count(ours, kind, (key) => coming?.has(key) === true && coming.get(key) !== held?.get(key)),
      removed: count(ours, kind, (key) => coming?.has(key) === false),
    }))
    .filter(({ added, changed, removed }) => added + changed + removed > 0);
}

function imageOf(store: ModelStore): ModelImage {
  const kinds = Object.keys(store.countsByKind()).sort(byCodeUnit);
  return {
    meta: store.meta() ?? null,
    entities: kinds.flatMap((kind) => [...everyEntity(store, kind)]),
    journal: store.journalAfter(0, Number.MAX_SAFE_INTEGER),
    records: recordBuckets.flatMap((bucket) => store.records(bucket).map(({ key, value }) => ({ bucket, key, value }))),
  };
}

/** Puts the image in the place of whatever the store holds. */
function load(store: ModelStore, image: ModelImage): void {
  store.transaction(() => {
    const before = imageOf(store);
    for (const { kind, id } of before.entities) store.delete(kind, id);
    store.pruneJournal(Number.MAX_SAFE_INTEGER);
    for (const { bucket, key } of before.records) store.deleteRecord(bucket, key);
    for (const entity of image.entities) store.insert(entity, findKind(entity.kind)?.references(entity.spec) ?? []);
    for (const row of image.journal) store.appendJournal(row);
    // The image was made from records of their buckets.
    for (const { bucket, key, value } of image.records)
      store.putRecord(bucket, key, value as RecordTypes[typeof bucket]);
    if (image.meta !== null) store.putMeta(image.meta);
  });
}

function decode(bytes: Uint8Array): { readonly manifest: SnapshotManifest; readonly image: ModelImage } {
  try {
    const { manifest, contents } = JSON.parse(new TextDecoder().decode(bytes)) as {
      manifest: SnapshotManifest;
      contents: string;
    };
    if (sha256(contents) !== manifest.contentSha256) throw new Error('its contents do not fit their checksum');
    return { manifest, image: JSON.parse(contents) as ModelImage };
  } catch (error) {
    throw new QuorateError('snapshot-invalid', 'The snapshot is not whole and undamaged.', { cause: error });
  }
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
