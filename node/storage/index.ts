/**
 * Storage: one data directory, open to serve.
 *
 * It promises that what `raft.persist` was given is on disk when it returns; that the model and the position it stands at are
 * changed together or not at all; that a snapshot is installed whole or not at all; and that a damaged entry or snapshot is
 * an error, never data. It needs a local disk that keeps what it has synced. It never decides whether a directory may be
 * served (`node/cluster/decide-start.ts` does, from what `inspectDirectory` finds), and never begins a history by itself.
 *
 *     lock.db      the lock of the directory
 *     raft.db      the log, the hard state, and whose directory it is
 *     model.db     the model with its position
 *     staging/     a snapshot on its way in
 *     restore/     a snapshot that is to be restored, and the model that is made of it
 *     transfer/    snapshots for followers
 *     snapshots/   snapshots that were asked for without a path
 *     backups/     snapshots that operators asked for, and what a reset has put aside
 *     reset.json   a reset that was committed and is not finished
 */
import { closeSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { QuorateError } from '../../messaging/errors.js';
import type { Position } from '../../messaging/position.js';
import type { ModelMeta } from '../model/store.js';
import type { Index, Term } from '../raft/index.js';
import { dropDamagedTail } from './damaged-tail.js';
import { emptyFolder, syncFolder } from './files.js';
import { type PreparedHash, prepareInThread } from './hash-model.js';
import {
  checkInstalled,
  initialMeta,
  initialName,
  initialRecords,
  modeName,
  replaceModel,
  restoredName,
  stagingFolderName,
  writeInitialModel,
  writeStandaloneModel,
} from './install.js';
import { type DirectoryLock, lockDirectory } from './lock.js';
import { logAfter, modeBefore } from './mode-change.js';
import { SqliteModelStore } from './model-store.js';
import { backupsFolderName, modelFileName, raftFileName, restoreFolderName } from './names.js';
import { type PendingInstall, SqliteRaftStore } from './raft-store.js';
import { recoveredName, writeRecoveredModel } from './recover.js';
import {
  logAfterRecovery,
  type Recovered,
  type RecoverRequest,
  type RecoverStep,
  refuseRecovery,
  resultOf,
} from './recovered-model.js';
import { finishReset } from './reset.js';
import { SnapshotShelf } from './snapshot-shelf.js';
import { incomingName, openStaging, stagedIn } from './staging.js';
import type {
  ChunkSource,
  CompactionPoint,
  ControllerStorage,
  ExchangeStep,
  Identity,
  InitialState,
  InstallRequest,
  KindDifference,
  ModeChange,
  ModeChangeStep,
  PersistBatch,
  PreparedModeChange,
  RestoreRequest,
  SelfDurableModelStore,
  SnapshotFile,
  SnapshotOrigin,
  StagedSnapshot,
  Staging,
  StagingMeta,
  StandaloneState,
} from './types.js';
import { StorageWorker } from './worker.js';

export { type CataloguedSnapshot, listSnapshots, manifestOf } from './catalogue.js';
export * from './directory.js';
export type { ModelHash, PreparedHash } from './hash-model.js';
export { type DirectoryLock, lockDirectory } from './lock.js';
export { backupsFolderName, modelFileName, raftFileName } from './names.js';
export { type Begun, type Recovered, type RecoverRequest, type RecoverStep, recoverSteps } from './recovered-model.js';
export * from './reset.js';
export type * from './types.js';

export interface StorageOptions {
  readonly directory: string;
  /** Taken where it is not given; released by `close`. */
  readonly lock?: DirectoryLock;
  /** What snapshots say of who made them. */
  readonly clusterName: string;
  readonly nodeId: string;
  readonly softwareVersion: string;
  /** Milliseconds since 1970: the time of day, for the manifests. */
  readonly now: () => number;
  /** Bytes of the newest log entries that are kept in memory. */
  readonly cacheBytesMax?: number;
}

/** Rows deleted in one slice of a compaction: about a millisecond. */
const compactRowsMax = 1_000;

/** A storage on files. */
export interface DirectoryStorage extends ControllerStorage {
  /**
   * Goes on alone: a new timeline, a configuration with this controller as its only voter, on all that model and log hold.
   * Nothing may write meanwhile. A crash leaves the old state or the new one; see `recover.ts`. Rejects with `removed`,
   * `not-a-member` (it is no voter), `damaged`, `storage-full`, having changed nothing.
   */
  recover(request: RecoverRequest): Promise<Recovered>;
  /** Reads a snapshot file whole, in the worker thread. Rejects with `snapshot-invalid` or `newer-schema`. */
  verifySnapshot(path: string): Promise<SnapshotFile>;
  /** Snapshots written since it was opened. */
  snapshotsWritten(): number;
}

/** Opens to serve: makes what is missing, finishes a reset or an install that a crash interrupted, raises the incarnation. */
export function openStorage(options: StorageOptions): DirectoryStorage {
  const lock = options.lock ?? lockDirectory(options.directory);
  let raft: SqliteRaftStore | undefined;
  try {
    finishReset(lock);
    raft = new SqliteRaftStore(join(options.directory, raftFileName), { ...options, layOutLog: true });
    const model = openModel(options.directory, raft);
    dropDamagedTail(raft, model);
    return new FileStorage(options, lock, raft, model);
  } catch (error) {
    raft?.close();
    lock.release();
    throw error;
  }
}

function openModel(directory: string, raft: SqliteRaftStore): SqliteModelStore {
  const path = join(directory, modelFileName);
  const pending = raft.pendingInstall();
  if (pending === undefined) return new SqliteModelStore(path);
  replaceModel(join(directory, stagingFolderName, pending.file), path);
  const model = new SqliteModelStore(path);
  try {
    checkInstalled(pending, model.meta());
  } catch (error) {
    model.close();
    throw error;
  }
  raft.finishInstall();
  if (pending.file === restoredName) emptyFolder(join(directory, restoreFolderName));
  return model;
}

class FileStorage implements DirectoryStorage {
  readonly raft: SqliteRaftStore;
  readonly model: SelfDurableModelStore;
  readonly #model: SqliteModelStore;
  readonly #directory: string;
  readonly #lock: DirectoryLock;
  readonly #worker = new StorageWorker();
  readonly #shelf: SnapshotShelf;
  /** Whatever exchanges model and log, one after the other. */
  #exchanges: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: StorageOptions, lock: DirectoryLock, raft: SqliteRaftStore, model: SqliteModelStore) {
    this.raft = raft;
    this.model = model;
    this.#model = model;
    this.#directory = options.directory;
    this.#lock = lock;
    this.#shelf = new SnapshotShelf(options, this.#worker, join(options.directory, modelFileName), () => model.meta());
  }

  watchDamage(listener: (error: QuorateError) => void): void {
    this.#model.onDamage = listener;
  }

  snapshotsWritten(): number {
    return this.#shelf.written;
  }

  createSnapshot(path?: string, origin: SnapshotOrigin = 'manual'): Promise<SnapshotFile> {
    this.#model.commit();
    return this.#shelf.create(path, origin);
  }

  snapshotForFollowers(indexMin: Index, spoilt?: string): Promise<SnapshotFile> {
    this.#model.commit();
    return this.#shelf.forFollowers(indexMin, spoilt);
  }

  readSnapshotChunk(file: ChunkSource, offset: number, bytesMax: number): Uint8Array {
    const buffer = Buffer.allocUnsafe(Math.min(bytesMax, Math.max(0, file.sizeBytes - offset)));
    try {
      const descriptor = openSync(file.path, 'r');
      try {
        return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, offset));
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      throw new QuorateError('snapshot-invalid', `The snapshot ${file.path} can no longer be read.`, { cause: error });
    }
  }

  inspectSnapshot(path: string): Promise<SnapshotFile> {
    return this.#worker.run({ job: 'inspect-snapshot', path });
  }

  beginStaging(meta: StagingMeta): Staging {
    return openStaging(this.#stagingFolder, meta, (path) => this.inspectSnapshot(path));
  }

  prepareHash(): Promise<PreparedHash> {
    return new Promise((resolve, reject) => {
      const work = async (): Promise<void> => {
        const prepared = await prepareInThread(join(this.#directory, modelFileName));
        resolve({ ...prepared, begin: () => this.#beginHash(prepared) });
        await prepared.result.catch(() => undefined);
      };
      this.#worker.inTurn(work).catch(reject);
    });
  }

  #beginHash(prepared: PreparedHash): boolean {
    // What is gathered and not committed, another connection does not see.
    this.#model.commit();
    return prepared.begin();
  }

  async install(request: InstallRequest): Promise<void> {
    const { position, term } = request.staged.manifest.meta;
    await this.#exchange(
      'incoming.db',
      { index: position.index, term, timeline: position.timeline },
      request,
      request.identity,
    );
  }

  async initialise(state: InitialState): Promise<void> {
    if (this.#model.meta() !== undefined || this.raft.lastIndex() > 0 || this.raft.identity() !== null) {
      throw new QuorateError(
        'ambiguous-state',
        `${this.#directory} holds a history already; another one is not begun in it.`,
      );
    }
    if (state.snapshot.index < 1 || state.snapshot.term < 1)
      throw new RangeError('a history begins at index and term 1 or later');
    const { meta } =
      state.restoreFrom === undefined
        ? writeInitialModel(this.#stagingFolder, state)
        : await this.#writeRestoredModel(state, state.restoreFrom);
    await this.#exchange(
      initialName,
      { index: meta.position.index, term: meta.term, timeline: meta.position.timeline },
      { hardState: state.hardState },
      state.identity,
    );
  }

  verifySnapshot(path: string): Promise<SnapshotFile> {
    return this.#worker.run({ job: 'inspect-snapshot', path });
  }

  async recover(request: RecoverRequest): Promise<Recovered> {
    const { raft } = this;
    this.#model.commit();
    const before = this.#model.meta();
    refuseRecovery(before, raft, request.nodeId);
    const { epoch } = before.position.timeline;
    const name = `before-recovery-e${epoch}-${before.position.index}-${new Date(request.now).toISOString().replace(/[-:.]/g, '')}.snapshot`;
    const { path: backup } = await this.#shelf.create(join(this.#directory, backupsFolderName, name), 'automatic');
    request.onStep?.('backup');
    const result = resultOf(before, raft);
    const { record } = request;
    const { uncommittedKept } = result;
    const meta = await writeRecoveredModel(this.#stagingFolder, backup, raft, {
      ...request,
      record: record && (({ position }) => record({ position, backup, uncommittedKept })),
      stagedRestore: this.stagedRestore(),
    });
    const { point, batch } = logAfterRecovery(meta);
    const { clusterName, nodeId } = request;
    const identity = raft.identity() ?? { clusterName, clusterId: meta.clusterId, nodeId };
    await this.#exchange(recoveredName, point, batch, identity, request.onStep);
    return { meta, ...result, backup };
  }

  async initialiseStandalone(state: StandaloneState): Promise<void> {
    if (this.#model.meta() !== undefined || this.raft.lastIndex() > 0 || this.raft.identity() !== null)
      throw new QuorateError(
        'ambiguous-state',
        `${this.#directory} holds a history already; another one is not begun in it.`,
      );
    const { meta } = writeStandaloneModel(this.#stagingFolder, state);
    const pending = { file: initialName, index: meta.position.index, term: meta.term };
    this.raft.commitStandalone({ identity: state.identity, pending });
    this.#replace(pending);
  }

  async prepareModeChange(change: ModeChange, onStep?: (step: ModeChangeStep) => void): Promise<PreparedModeChange> {
    const { meta, identity } = modeBefore(this.#model.meta(), this.raft.identity(), change);
    this.#model.commit();
    mkdirSync(this.#stagingFolder, { recursive: true });
    const modelPath = join(this.#directory, modelFileName);
    const path = join(this.#stagingFolder, modeName);
    await this.#worker.run({ job: 'copy-for-mode', modelPath, path, change, nodeId: identity.nodeId });
    syncFolder(this.#stagingFolder);
    // A snapshot that is being written reads the model by its name.
    await this.#worker.idle();
    onStep?.('copy');
    return { commit: (tell) => this.#commitMode(change, meta.position, identity, tell) };
  }

  #commitMode(change: ModeChange, copied: Position, identity: Identity, onStep?: (step: ModeChangeStep) => void): void {
    if (this.#closed) throw new QuorateError('stopping');
    const index = this.#model.meta()?.position.index;
    if (index !== copied.index)
      throw new QuorateError('behind', `The model stands at ${index}, and its copy at ${copied.index}.`);
    const pending = { file: modeName, index: change.index, term: change.term };
    if (change.indexType === 'raft') this.raft.commitInstall({ ...logAfter(change), identity, pending });
    else this.raft.commitStandalone({ identity, pending });
    onStep?.('commit');
    this.#replace(pending, onStep);
  }

  checkModel(): Promise<readonly string[]> {
    this.#model.commit();
    return this.#worker.run({ job: 'check-model', modelPath: join(this.#directory, modelFileName) });
  }

  async #writeRestoredModel(
    state: InitialState,
    file: NonNullable<InitialState['restoreFrom']>,
  ): Promise<{ readonly meta: ModelMeta }> {
    const meta = initialMeta(state);
    const records = initialRecords(state).map(({ value, ...row }) => ({ ...row, value: JSON.stringify(value) }));
    const target = join(this.#stagingFolder, initialName);
    await this.#worker.run({
      job: 'make-restored-model',
      source: file.path,
      sha256: file.sha256,
      target,
      meta,
      records,
    });
    return { meta };
  }

  // ----------------------------------------------------------------------------------------------------------- restore

  beginRestore(meta: StagingMeta): Staging {
    return openStaging(this.#restoreFolder, meta, (path) => this.inspectSnapshot(path));
  }

  stagedRestore(): ChunkSource | null {
    return stagedIn(this.#restoreFolder);
  }

  discardRestore(): void {
    emptyFolder(this.#restoreFolder);
  }

  compareRestore(): Promise<readonly KindDifference[]> {
    const staged = this.stagedRestore();
    if (staged === null) return Promise.reject(new QuorateError('not-found', 'No file is staged for a restore.'));
    this.#model.commit();
    const modelPath = join(this.#directory, modelFileName);
    return this.#worker.run({ job: 'compare-restore', modelPath, path: staged.path });
  }

  async restoreModel({ sha256, meta }: RestoreRequest): Promise<void> {
    const staged = this.stagedRestore();
    if (staged?.sha256 !== sha256)
      throw new QuorateError('snapshot-invalid', `The file ${sha256} is not staged for a restore.`);
    const target = join(this.#stagingFolder, restoredName);
    const records = this.#model.recordRows();
    try {
      await this.#worker.run({ job: 'make-restored-model', source: staged.path, sha256, target, meta, records });
    } catch (error) {
      if (error instanceof QuorateError && error.code === 'snapshot-invalid') this.discardRestore();
      throw error;
    }
    await this.#exchangeModel(restoredName, meta.position.index, meta.term);
    this.discardRestore();
  }

  async adoptSnapshot(staged: StagedSnapshot): Promise<void> {
    const { index, term } = staged.snapshot;
    await this.#exchangeModel(incomingName, index, term);
    emptyFolder(this.#stagingFolder);
  }

  /** The log stays as it is: what it holds up to `index` is in the new model. */
  async #exchangeModel(file: string, index: Index, term: Term): Promise<void> {
    // Whoever reads the old file reads it by its name.
    await this.#worker.idle();
    if (this.#closed) throw new QuorateError('stopping');
    this.raft.commitExchange({ file, index, term });
    this.#model.exchange(() => replaceModel(join(this.#stagingFolder, file), join(this.#directory, modelFileName)));
    checkInstalled({ index, term }, this.#model.meta());
    this.raft.finishInstall();
  }

  async compactLog(throughIndex: Index): Promise<Index> {
    const durable = await this.#model.makeDurable();
    if (durable === undefined || durable.position.indexType !== 'raft') return this.raft.firstIndex();
    const { timeline, index } = durable.position;
    const target = { index: Math.min(throughIndex, index), term: 0, timeline };
    let first = this.raft.firstIndex();
    while (!this.#closed && first <= target.index) {
      const next = this.raft.compactSlice(target, compactRowsMax);
      if (next === first) break;
      first = next;
      await nextTurn();
    }
    return first;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.raft.close();
    this.#model.close();
    this.#lock.release();
  }

  get #restoreFolder(): string {
    return join(this.#directory, restoreFolderName);
  }

  get #stagingFolder(): string {
    return join(this.#directory, stagingFolderName);
  }

  async #exchange(
    file: string,
    point: CompactionPoint,
    batch: PersistBatch,
    identity: Identity | undefined,
    onStep?: (step: RecoverStep) => void,
  ): Promise<void> {
    const before = this.#exchanges;
    const done = before.then(() => this.#exchangeNow(file, point, batch, identity, onStep));
    this.#exchanges = done.catch(() => undefined);
    await done;
  }

  async #exchangeNow(
    file: string,
    point: CompactionPoint,
    batch: PersistBatch,
    identity: Identity | undefined,
    onStep?: (step: RecoverStep) => void,
  ): Promise<void> {
    // A snapshot that is being written reads the old file by its name.
    await this.#worker.idle();
    if (this.#closed) throw new QuorateError('stopping');
    const { index, term } = point;
    const pending = { file, index, term };
    this.raft.commitInstall({ ...batch, point, identity, pending });
    onStep?.('commit');
    this.#replace(pending, onStep);
  }

  /** After the commit in raft.db. */
  #replace(pending: PendingInstall, onStep?: (step: ExchangeStep) => void): void {
    const staged = join(this.#stagingFolder, pending.file);
    this.#model.exchange(() => replaceModel(staged, join(this.#directory, modelFileName)));
    onStep?.('exchange');
    checkInstalled(pending, this.#model.meta());
    this.raft.finishInstall();
    emptyFolder(this.#stagingFolder);
    onStep?.('done');
  }
}
