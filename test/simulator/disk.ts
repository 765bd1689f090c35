/**
 * A disk that forgets, tears, fills up, fails and rots, and the storage that a member keeps on it. `SimulatedDisk` is what
 * outlives a process; `SimulatedStorage` is what one life of a member sees. The promises are those of `node/storage`:
 *  - the log, term and vote are on disk when `persist` returns; a commit index alone goes with the next write;
 *  - the model is in a write-ahead log that is synced by `makeDurable` only: a loss of power takes its last transactions;
 *  - an install exchanges model and log at once, or not at all.
 */
import { QuorateError } from '../../messaging/errors.js';
import type { Timeline } from '../../messaging/position.js';
import {
  byCodeUnit,
  findKind,
  MemoryModelStore,
  type ModelMeta,
  type ModelStore,
  metaAfterRestore,
  recordBuckets,
} from '../../node/model/index.js';
import { invariant } from '../../node/raft/invariant.js';
import type { Entry, HardState, Index, LogDebt, NodeId, Term } from '../../node/raft/types.js';
import type { DirectoryFacts } from '../../node/storage/directory.js';
import { type PreparedHash, prepareAtOnce } from '../../node/storage/hash-model.js';
import { blankHardState, checkEntries, checkHardState, debtAfter, refuseOther } from '../../node/storage/log-rules.js';
import {
  logAfterRecovery,
  type Recovered,
  type RecoverRequest,
  recoverCopy,
  refuseRecovery,
  resultOf,
} from '../../node/storage/recovered-model.js';
import type {
  ChunkSource,
  CompactionPoint,
  DurableModelStore,
  Identity,
  InitialState,
  InstallRequest,
  KindDifference,
  PersistBatch,
  RaftStore,
  RemovedMark,
  RestoreRequest,
  SnapshotFile,
  StagedSnapshot,
  Staging,
  StagingMeta,
  Storage,
} from '../../node/storage/types.js';
import type { Random } from '../support/random.js';

/** What happens to the next write. `-stored`: it is on disk all the same; `-lost`: it is not (a torn batch is undone). */
export type WriteFault = 'crash-stored' | 'crash-lost' | 'error-stored' | 'error-lost';

/** Thrown into the member that dies of it, and nowhere else. */
export class PowerLoss extends Error {
  override readonly name = 'PowerLoss';
}

/** What the disk needs of the world around it. */
export interface DiskSurroundings {
  readonly random: Random;
  /** Calls later, if this process still lives then. */
  later(delayMs: number, call: () => void): void;
  /** Now, before anything else happens, the power goes off. */
  powerOff(): void;
  /** After each write of the log: what is on disk from now on. */
  persisted(entries: readonly Entry[], hardState: HardState): void;
  installed(meta: ModelMeta): void;
  /** A new log has begun here: `before` is what this disk held of the old one. */
  recovered(meta: ModelMeta, model: ModelStore, before: LogBefore): void;
  fired(fault: string): void;
}

/** What a survivor held when it went on alone. */
export interface LogBefore {
  readonly meta: ModelMeta;
  readonly term: Term;
  /** Of the last entry. */
  readonly lastIndex: Index;
  /** Undefined beyond the end; where the log was compacted, what is there is committed. */
  termAt(index: Index): Term | 'compacted' | undefined;
  /** A restore whose file was not there: what stands at this index and behind it is given up. */
  readonly stoppedAt: Index | undefined;
  /** A restore that the log held, and that was carried out on the way: it took back what stood before it. */
  readonly restoredAt: Index | undefined;
}

type Redo = (store: ModelStore) => void;

interface StagedBytes {
  readonly meta: StagingMeta;
  bytes: Uint8Array;
}

/** A snapshot's bytes stand for its contents; who holds the right bytes gets the contents. Shared by the whole world. */
export class SnapshotRegistry {
  readonly #files = new Map<
    string,
    { readonly file: SnapshotFile; readonly image: MemoryModelStore; readonly bytes: Uint8Array }
  >();
  #made = 0;
  readonly #bytesPerEntity: number;

  constructor(bytesPerEntity = 24) {
    this.#bytesPerEntity = bytesPerEntity;
  }

  add(model: ModelStore, createdBy: NodeId, identity: Identity | null, path?: string): SnapshotFile {
    const meta = model.meta();
    if (meta === undefined)
      throw new QuorateError('invalid-request', 'a blank controller has nothing to make a snapshot of');
    this.#made += 1;
    const image = copyModel(model);
    const countByKind = model.countsByKind();
    const entities = Object.values(countByKind).reduce((sum, each) => sum + each, 0);
    const bytes = new Uint8Array(120 + this.#bytesPerEntity * entities);
    for (let at = 0, value = this.#made; at < bytes.length; at += 1) {
      value = (Math.imul(value, 1_103_515_245) + 12_345) >>> 0;
      bytes[at] = value >>> 16;
    }
    const sha256 = checksum(bytes);
    const manifest = {
      formatVersion: 1,
      schemaVersion: 1,
      softwareVersion: 'simulated',
      clusterName: identity?.clusterName ?? '',
      createdAt: 0,
      createdBy,
      origin: 'manual' as const,
      meta,
      countByKind,
      contentSha256: sha256,
    };
    const file = { path: path ?? `snapshot-${this.#made}`, sizeBytes: bytes.length, sha256, manifest };
    this.#files.set(sha256, { file, image, bytes });
    return file;
  }

  get(sha256: string) {
    return this.#files.get(sha256);
  }

  named(path: string): SnapshotFile | undefined {
    return [...this.#files.values()].find(({ file }) => file.path === path)?.file;
  }
}

/** What finds no room. */
export type Fullness = 'nothing' | 'model' | 'everything';

export class SimulatedDisk {
  entries: Entry[] = [];
  point: CompactionPoint = { index: 0, term: 0, timeline: null };
  hardState: HardState = blankHardState;
  identity: Identity | null = null;
  removed: RemovedMark | null = null;
  debt: LogDebt | null = null;
  damagedMark: string | null = null;
  incarnation = 0;
  /** As the process sees it. */
  model = new MemoryModelStore();
  /** As it would be after a loss of power, at the least. */
  durableModel = new MemoryModelStore();
  /** Transactions since then, in order. */
  redo: Redo[][] = [];
  /** So many of them are written, though not synced; the others are gathered in the process. */
  written = 0;
  staged: StagedBytes | undefined;
  /** A snapshot that is to be restored. */
  restore: StagedBytes | undefined;
  nextWrite: WriteFault | undefined;
  full: Fullness = 'nothing';
  readonly rotten = new Set<Index>();
  /** raft.db is gone, which starting must find out. */
  logLost = false;

  get isFull(): boolean {
    return this.full !== 'nothing';
  }

  get lastIndex(): Index {
    return this.point.index + this.entries.length;
  }

  /** Damaged entries were dropped, and it is not known to hold again what it may have acknowledged: see docs/storage.md. */
  get owes(): boolean {
    const { debt, lastIndex, hardState } = this;
    if (debt === null || hardState.commit >= debt.index) return false;
    const lastTerm = this.termAt(lastIndex) ?? 0;
    return lastTerm < debt.term || (lastTerm === debt.term && lastIndex < debt.index);
  }

  /** Without looking at the checksum. */
  termAt(index: Index): Term | undefined {
    if (index === this.point.index) return this.point.term;
    return this.entries[index - this.point.index - 1]?.term;
  }

  entryAt(index: Index): Entry | undefined {
    return index <= this.point.index ? undefined : this.entries[index - this.point.index - 1];
  }

  /** The process is gone, and with it what it had gathered. */
  loseProcess(): void {
    if (this.written === this.redo.length) return;
    this.redo.length = this.written;
    this.model = copyModel(this.durableModel);
    for (const transaction of this.redo) for (const write of transaction) write(this.model);
  }

  /** What was not synced is gone, but for some of it that happened to be written. */
  losePower(random: Random): void {
    const kept = random.between(0, this.written);
    for (const transaction of this.redo.slice(0, kept)) for (const write of transaction) write(this.durableModel);
    this.model = copyModel(this.durableModel);
    this.redo = [];
    this.written = 0;
    if (this.staged !== undefined && this.staged.bytes.length > 0 && random.chance(0.5)) {
      // The tail of a file that was not synced may be missing, or not what was written.
      this.staged.bytes = this.staged.bytes.slice(0, random.between(0, this.staged.bytes.length));
      if (this.staged.bytes.length > 0 && random.chance(0.3)) this.staged.bytes[0] = (this.staged.bytes[0] ?? 0) ^ 1;
    }
  }

  loseLog(): void {
    this.entries = [];
    this.point = { index: 0, term: 0, timeline: null };
    this.hardState = blankHardState;
    this.identity = null;
    this.removed = null;
    this.rotten.clear();
  }

  /** What starting looks at. What rots is met when it is read. */
  facts(): DirectoryFacts {
    const damage = this.damagedMark === null ? [] : [this.damagedMark];
    const schema = { schema: 'current', schemaVersion: 1 } as const;
    return {
      directory: 'simulated',
      exists: true,
      locked: false,
      raft: {
        ...schema,
        identity: this.identity,
        hardState: this.hardState,
        compactionPoint: this.point,
        lastIndex: this.lastIndex,
        lastTerm: this.point.term,
        incarnation: this.incarnation,
        removed: this.removed,
        standalone: false,
        pendingInstall: null,
        debt: this.debt,
        droppable: [],
        damage,
      },
      model: { ...schema, meta: this.model.meta() ?? null, damage: [] },
    };
  }
}

class SimulatedRaftStore implements RaftStore {
  readonly #disk: SimulatedDisk;
  readonly #surroundings: DiskSurroundings;
  /** The commit index may be later than on disk. */
  #hardState: HardState;

  constructor(disk: SimulatedDisk, surroundings: DiskSurroundings) {
    this.#disk = disk;
    this.#surroundings = surroundings;
    this.#hardState = disk.hardState;
    disk.incarnation += 1;
  }

  firstIndex(): Index {
    return this.#disk.point.index + 1;
  }

  lastIndex(): Index {
    return this.#disk.lastIndex;
  }

  term(index: Index): Term | undefined {
    this.#refuseRotten(index);
    return this.#disk.termAt(index);
  }

  entries(low: Index, high: Index, bytesMax: number): readonly Entry[] | undefined {
    const { point, entries, rotten } = this.#disk;
    if (low <= point.index) return undefined;
    if (rotten.size > 0) for (let index = low; index < high; index += 1) this.#refuseRotten(index);
    const from = low - point.index - 1;
    const end = Math.min(high, this.#disk.lastIndex + 1) - point.index - 1;
    let to = from;
    let bytes = 0;
    while (to < end) {
      const entry = entries[to];
      bytes += entry?.type === 'normal' ? entry.data.length : 0;
      if (bytes > bytesMax && to > from) break;
      to += 1;
    }
    return entries.slice(from, to);
  }

  compactionPoint(): CompactionPoint {
    return this.#disk.point;
  }

  hardState(): HardState {
    return this.#hardState;
  }

  identity(): Identity | null {
    return this.#disk.identity;
  }

  incarnation(): number {
    return this.#disk.incarnation;
  }

  removedMark(): RemovedMark | null {
    return this.#disk.removed;
  }

  persist(batch: PersistBatch): void {
    const disk = this.#disk;
    const entries = batch.entries ?? [];
    const first = entries[0];
    const lastIndex = entries.at(-1)?.index ?? disk.lastIndex;
    checkEntries(entries, { compacted: disk.point.index, lastIndex: disk.lastIndex, commit: this.#hardState.commit });
    if (batch.hardState !== undefined) checkHardState(batch.hardState, this.#hardState, lastIndex);
    const next = batch.hardState ?? this.#hardState;
    const promised = next.term !== this.#hardState.term || next.vote !== this.#hardState.vote;
    if (first === undefined && !promised) {
      this.#hardState = next;
      return;
    }
    this.#write(() => {
      if (first !== undefined) {
        disk.entries.length = first.index - disk.point.index - 1;
        for (const entry of entries) {
          disk.entries.push(entry);
          disk.rotten.delete(entry.index);
        }
      }
      disk.hardState = next;
      this.#hardState = next;
      this.#surroundings.persisted(entries, next);
    });
  }

  setIdentity(identity: Identity): void {
    refuseOther(this.#disk.identity, identity);
    this.#disk.identity = identity;
  }

  markRemoved(mark: RemovedMark): void {
    this.#refuseFull();
    this.#disk.removed = mark;
  }

  debt(): LogDebt | null {
    return this.#disk.debt;
  }

  dropDamagedFrom(index: Index): void {
    const disk = this.#disk;
    invariant(index > this.#hardState.commit, () => `entry ${index} is committed (up to ${this.#hardState.commit})`);
    const debt = debtAfter(disk.debt, this.#hardState, disk.lastIndex);
    this.#write(() => {
      for (const rotten of disk.rotten) if (rotten >= index) disk.rotten.delete(rotten);
      disk.entries.length = index - disk.point.index - 1;
      disk.debt = debt;
      disk.hardState = this.#hardState;
    });
  }

  standalone(): boolean {
    return false;
  }

  firstDamagedAfter(index: Index): Index | undefined {
    const damaged = [...this.#disk.rotten].filter((each) => each > index && each <= this.#disk.lastIndex);
    return damaged.length === 0 ? undefined : Math.min(...damaged);
  }

  markDamaged(sentence: string): void {
    this.#disk.damagedMark = sentence;
  }

  damagedEntries(): readonly Index[] {
    return [...this.#disk.rotten];
  }

  sizeBytes(): number {
    return 0;
  }

  /** The disk was written past this store. */
  reread(): void {
    this.#hardState = this.#disk.hardState;
  }

  /** The log begins at the snapshot. */
  replaceBy(point: CompactionPoint, request: PersistBatch, exchangeModel: () => void): void {
    const disk = this.#disk;
    const entries = request.entries ?? [];
    const hardState = request.hardState ?? {
      ...this.#hardState,
      commit: Math.max(this.#hardState.commit, point.index),
    };
    invariant(
      point.index >= this.#hardState.commit,
      () => `a snapshot at ${point.index} would undo what is committed (up to ${this.#hardState.commit})`,
    );
    checkEntries(entries, { compacted: point.index, lastIndex: point.index, commit: point.index });
    checkHardState(hardState, { ...this.#hardState, commit: point.index }, entries.at(-1)?.index ?? point.index);
    this.#write(() => {
      disk.entries = [...entries];
      disk.point = point;
      disk.hardState = hardState;
      this.#hardState = hardState;
      disk.rotten.clear();
      exchangeModel();
      this.#surroundings.persisted(entries, hardState);
    });
  }

  /** The model is exchanged, and the log stays as it is. */
  exchangeModel(index: Index, term: Term, exchange: () => void): void {
    invariant(
      this.#disk.termAt(index) === term && index <= this.#hardState.commit,
      () => `a model at ${index} of term ${term} does not fit the log`,
    );
    this.#write(exchange);
  }

  compactThrough(through: Index, timeline: Timeline): void {
    const { point, entries } = this.#disk;
    const term = this.#disk.termAt(through);
    if (through <= point.index || term === undefined) return;
    this.#refuseFull();
    this.#disk.entries = entries.slice(through - point.index);
    this.#disk.point = { index: through, term, timeline };
  }

  #write(store: () => void): void {
    const disk = this.#disk;
    this.#refuseFull();
    const fault = disk.nextWrite;
    disk.nextWrite = undefined;
    if (fault === undefined) return store();
    this.#surroundings.fired(`write ${fault}`);
    if (fault === 'crash-stored' || fault === 'error-stored') store();
    if (fault === 'error-stored' || fault === 'error-lost') throw new QuorateError('internal', 'the disk failed');
    this.#surroundings.powerOff();
    throw new PowerLoss('the power went off during a write');
  }

  #refuseFull(): void {
    if (this.#disk.full !== 'everything') return;
    this.#surroundings.fired('disk full');
    throw new QuorateError('storage-full');
  }

  #refuseRotten(index: Index): void {
    if (!this.#disk.rotten.has(index)) return;
    this.#surroundings.fired('bit rot read');
    throw new QuorateError('damaged', `entry ${index} is damaged`, { details: { index } });
  }
}

/** Transactions that are gathered before they are written by themselves. */
const gatheredMax = 6;

/** The live model, which notes what each transaction wrote, so that a loss of power can take it back. */
class SimulatedModelStore implements DurableModelStore {
  readonly #disk: SimulatedDisk;
  readonly #surroundings: DiskSurroundings;
  #writes: Redo[] | undefined;

  constructor(disk: SimulatedDisk, surroundings: DiskSurroundings) {
    this.#disk = disk;
    this.#surroundings = surroundings;
  }

  meta: ModelStore['meta'] = () => this.#disk.model.meta();
  get: ModelStore['get'] = (kind, id) => this.#disk.model.get(kind, id);
  idOfName: ModelStore['idOfName'] = (kind, name) => this.#disk.model.idOfName(kind, name);
  list: ModelStore['list'] = (kind, options) => this.#disk.model.list(kind, options);
  idFurther: ModelStore['idFurther'] = (kind, after, count) => this.#disk.model.idFurther(kind, after, count);
  countsByKind: ModelStore['countsByKind'] = () => this.#disk.model.countsByKind();
  referrers: ModelStore['referrers'] = (kind, id, limit) => this.#disk.model.referrers(kind, id, limit);
  outcomeOf: ModelStore['outcomeOf'] = (requestId) => this.#disk.model.outcomeOf(requestId);
  changesAfter: ModelStore['changesAfter'] = (...args) => this.#disk.model.changesAfter(...args);
  journalAfter: ModelStore['journalAfter'] = (index, limit) => this.#disk.model.journalAfter(index, limit);
  record: ModelStore['record'] = (bucket, key) => this.#disk.model.record(bucket, key);
  records: ModelStore['records'] = (bucket) => this.#disk.model.records(bucket);

  putMeta: ModelStore['putMeta'] = (meta) => this.#do((store) => store.putMeta(meta));
  insert: ModelStore['insert'] = (entity, references) => this.#do((store) => store.insert(entity, references));
  replace: ModelStore['replace'] = (entity, references) => this.#do((store) => store.replace(entity, references));
  delete: ModelStore['delete'] = (kind, id) => this.#do((store) => store.delete(kind, id));
  appendJournal: ModelStore['appendJournal'] = (row) => this.#do((store) => store.appendJournal(row));
  pruneJournal: ModelStore['pruneJournal'] = (throughIndex) => this.#do((store) => store.pruneJournal(throughIndex));
  putRecord: ModelStore['putRecord'] = (bucket, key, value) => this.#do((store) => store.putRecord(bucket, key, value));
  deleteRecord: ModelStore['deleteRecord'] = (bucket, key) => this.#do((store) => store.deleteRecord(bucket, key));

  transaction<Result>(work: () => Result): Result {
    const writes: Redo[] = [];
    this.#writes = writes;
    try {
      const result = this.#disk.model.transaction(work);
      this.#disk.redo.push(writes);
      if (this.#disk.redo.length - this.#disk.written >= gatheredMax) this.commit();
      return result;
    } finally {
      this.#writes = undefined;
    }
  }

  /** Without room, what was gathered is taken back. */
  commit(): void {
    const disk = this.#disk;
    if (disk.isFull && disk.redo.length > disk.written) {
      this.#surroundings.fired(
        disk.full === 'model' ? 'only the model full, it falls back' : 'disk full, model falls back',
      );
      disk.loseProcess();
      throw new QuorateError('storage-full');
    }
    disk.written = disk.redo.length;
  }

  makeDurable(): Promise<ModelMeta | undefined> {
    const disk = this.#disk;
    try {
      this.commit();
    } catch (error) {
      return Promise.reject(error);
    }
    const { redo } = disk;
    const meta = disk.model.meta();
    const synced = redo.length;
    return new Promise((resolve) => {
      this.#surroundings.later(this.#surroundings.random.next() * 5, () => {
        // An install has put another model in the place of the one that was being synced.
        if (disk.redo !== redo) return resolve(undefined);
        for (const transaction of redo.splice(0, synced)) for (const write of transaction) write(disk.durableModel);
        disk.written -= synced;
        resolve(meta);
      });
    });
  }

  sizeBytes(): number {
    return 0;
  }

  #do(write: Redo): void {
    write(this.#disk.model);
    if (this.#writes === undefined) this.#disk.redo.push([write]);
    else this.#writes.push(write);
  }
}

const snapshotsKept = 2;

export class SimulatedStorage implements Storage {
  readonly raft: SimulatedRaftStore;
  readonly model: DurableModelStore;
  readonly #disk: SimulatedDisk;
  readonly #surroundings: DiskSurroundings;
  readonly #registry: SnapshotRegistry;
  readonly #nodeId: NodeId;
  readonly #kept: SnapshotFile[] = [];
  readonly #paths = new Set<string>();
  readonly #rottenPaths = new Set<string>();
  #making: Promise<SnapshotFile> | undefined;

  constructor(nodeId: NodeId, disk: SimulatedDisk, registry: SnapshotRegistry, surroundings: DiskSurroundings) {
    this.#nodeId = nodeId;
    this.#disk = disk;
    this.#registry = registry;
    this.#surroundings = surroundings;
    this.raft = new SimulatedRaftStore(disk, surroundings);
    this.model = new SimulatedModelStore(disk, surroundings);
  }

  async prepareHash(): Promise<PreparedHash> {
    return prepareAtOnce(this.model);
  }

  createSnapshot(path?: string): Promise<SnapshotFile> {
    return new Promise((resolve, reject) => {
      this.#surroundings.later(this.#surroundings.random.next() * 10, () => {
        try {
          if (path !== undefined && this.#paths.has(path))
            throw new QuorateError('invalid-request', `${path} exists already`);
          const file = this.#registry.add(this.#disk.model, this.#nodeId, this.#disk.identity, path);
          this.#paths.add(file.path);
          this.#surroundings.later(this.#surroundings.random.next() * 10, () => resolve(file));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async snapshotForFollowers(indexMin: Index, spoilt?: string): Promise<SnapshotFile> {
    const last = this.#kept.at(-1);
    const isUsable = last !== undefined && last.sha256 !== spoilt;
    if (isUsable && last.manifest.meta.position.index >= indexMin) return last;
    this.#making ??= this.#makeForFollowers();
    const made = await this.#making;
    if (made.manifest.meta.position.index >= indexMin) return made;
    throw new QuorateError('invalid-request', `the model does not yet stand at ${indexMin}`);
  }

  async #makeForFollowers(): Promise<SnapshotFile> {
    try {
      const file = await this.createSnapshot();
      this.#kept.push(file);
      if (this.#kept.length > snapshotsKept) this.#paths.delete(this.#kept.shift()?.path ?? '');
      return file;
    } finally {
      this.#making = undefined;
    }
  }

  readSnapshotChunk(file: ChunkSource, offset: number, bytesMax: number): Uint8Array {
    const bytes = this.#registry.get(file.sha256)?.bytes;
    const isStaged = this.#disk.restore?.meta.sha256 === file.sha256;
    if (bytes === undefined || !(isStaged || this.#paths.has(file.path)))
      throw new QuorateError('snapshot-invalid', 'the snapshot can no longer be read');
    const chunk = bytes.slice(offset, offset + bytesMax);
    if (this.#disk.rotten.has(-1)) {
      this.#disk.rotten.delete(-1);
      this.#surroundings.fired('bit rot in a snapshot');
      chunk[0] = (chunk[0] ?? 0) ^ 0x40;
    }
    if (this.#rottenPaths.has(file.path) && offset === 0) {
      this.#surroundings.fired('bit rot in a stored snapshot');
      chunk[0] = (chunk[0] ?? 0) ^ 0x20;
    }
    return chunk;
  }

  /** The last snapshot for followers rots where it lies; false where there is none. */
  rotSnapshot(): boolean {
    const last = this.#kept.at(-1);
    if (last !== undefined) this.#rottenPaths.add(last.path);
    return last !== undefined;
  }

  async inspectSnapshot(path: string): Promise<SnapshotFile> {
    const found = this.#paths.has(path) ? this.#registry.named(path) : undefined;
    if (found === undefined) throw new QuorateError('snapshot-invalid', `there is no snapshot ${path}`);
    return found;
  }

  beginStaging(meta: StagingMeta): Staging {
    const disk = this.#disk;
    if (disk.isFull) {
      this.#surroundings.fired('disk full');
      throw new QuorateError('storage-full');
    }
    if (disk.staged?.meta.sha256 !== meta.sha256 || disk.staged.bytes.length > meta.sizeBytes)
      disk.staged = { meta, bytes: new Uint8Array(0) };
    else if (disk.staged.bytes.length > 0) this.#surroundings.fired('snapshot resumed');
    return new SimulatedStaging('staged', disk.staged, disk, this.#registry, this.#surroundings);
  }

  beginRestore(meta: StagingMeta): Staging {
    const disk = this.#disk;
    if (disk.restore?.meta.sha256 !== meta.sha256 || disk.restore.bytes.length > meta.sizeBytes)
      disk.restore = { meta, bytes: new Uint8Array(0) };
    return new SimulatedStaging('restore', disk.restore, disk, this.#registry, this.#surroundings);
  }

  stagedRestore(): ChunkSource | null {
    const staged = this.#disk.restore;
    if (staged === undefined || staged.bytes.length !== staged.meta.sizeBytes) return null;
    return { ...staged.meta, path: staged.meta.sha256 };
  }

  discardRestore(): void {
    this.#disk.restore = undefined;
  }

  async compareRestore(): Promise<readonly KindDifference[]> {
    const staged = this.stagedRestore();
    const found = staged === null ? undefined : this.#registry.get(staged.sha256);
    if (found === undefined) throw new QuorateError('not-found', 'no file is staged for a restore');
    return differencesOf(this.model, found.image);
  }

  restoreModel({ sha256, meta }: RestoreRequest): Promise<void> {
    return this.#exchangeLater(() => {
      const disk = this.#disk;
      const image = this.#imageToRestore(sha256);
      if (image === undefined) {
        this.discardRestore();
        this.#surroundings.fired('file to be restored is damaged');
        throw new QuorateError('snapshot-invalid', 'the file that is to be restored is not there or not whole');
      }
      const restored = restoredModel(image, disk.model, meta);
      this.raft.exchangeModel(meta.position.index, meta.term, () => this.#replaceModel(restored));
      this.discardRestore();
    });
  }

  /** Undefined where it is not there, or not whole. */
  #imageToRestore(sha256: string): MemoryModelStore | undefined {
    const staged = this.#disk.restore;
    const isWhole = staged?.meta.sha256 === sha256 && checksum(staged.bytes) === sha256;
    return isWhole ? this.#registry.get(sha256)?.image : undefined;
  }

  /** As the storage on files does it: a copy, brought up to the end of the log, takes the place of model and log at once. */
  async recover(request: RecoverRequest): Promise<Recovered> {
    const { raft } = this;
    const disk = this.#disk;
    this.model.commit();
    const before = this.model.meta();
    refuseRecovery(before, raft, request.nodeId);
    const backup = await this.createSnapshot();
    request.onStep?.('backup');
    const result = resultOf(before, raft);
    let copy = copyModel(disk.model);
    let stoppedAt: Index | undefined;
    let restoredAt: Index | undefined;
    const meta = await recoverCopy(
      {
        model: () => copy,
        raft,
        restore: (entry, command, at) => {
          const image = this.#imageToRestore(command.sha256);
          if (image === undefined) stoppedAt = entry.index;
          else {
            copy = restoredModel(image, copy, metaAfterRestore(at, entry, command));
            restoredAt = entry.index;
          }
          this.#surroundings.fired(
            `restore in the log of a survivor ${image === undefined ? 'given up' : 'carried out'}`,
          );
          return image !== undefined;
        },
        pause: () => this.#sleep(2),
      },
      // Asked for by nobody whom a record could name.
      { ...request, record: undefined },
    );
    request.onStep?.('begin');
    const { point, batch } = logAfterRecovery(meta);
    const { point: compacted, entries, hardState, lastIndex } = disk;
    const termAt = (index: Index) =>
      index <= compacted.index ? 'compacted' : entries[index - compacted.index - 1]?.term;
    await this.#exchangeLater(() =>
      raft.replaceBy(point, batch, () => {
        this.#replaceModel(copy);
        this.#kept.length = 0;
        this.#surroundings.recovered(meta, copy, {
          ...{ meta: before, term: hardState.term, lastIndex, termAt, stoppedAt, restoredAt },
        });
      }),
    );
    request.onStep?.('commit');
    return { meta, ...result, backup: backup.path };
  }

  #sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => this.#surroundings.later(durationMs, resolve));
  }

  adoptSnapshot(staged: StagedSnapshot): Promise<void> {
    return this.#exchangeLater(() => {
      const found = this.#registry.get(staged.path);
      if (found === undefined) throw new QuorateError('snapshot-invalid', 'what was staged is gone');
      const { index, term } = staged.snapshot;
      this.raft.exchangeModel(index, term, () => this.#replaceModel(found.image));
      this.#disk.staged = undefined;
      this.#surroundings.fired('restored model taken from another member');
      this.#surroundings.installed(found.file.manifest.meta);
    });
  }

  #replaceModel(image: ModelStore): void {
    const disk = this.#disk;
    disk.model = copyModel(image);
    disk.durableModel = copyModel(image);
    disk.redo = [];
    disk.written = 0;
  }

  #exchangeLater(exchange: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#surroundings.later(this.#surroundings.random.next() * 5, () => {
        try {
          exchange();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  install(request: InstallRequest): Promise<void> {
    const { staged, identity } = request;
    return new Promise((resolve, reject) => {
      this.#surroundings.later(this.#surroundings.random.next() * 5, () => {
        try {
          this.#install(staged, request, identity);
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #install(staged: StagedSnapshot, batch: PersistBatch, identity: Identity | undefined): void {
    const disk = this.#disk;
    const found = this.#registry.get(staged.path);
    if (found === undefined) throw new QuorateError('snapshot-invalid', 'what was staged is gone');
    const { meta } = found.file.manifest;
    const point = { index: meta.position.index, term: meta.term, timeline: meta.position.timeline };
    this.raft.replaceBy(point, batch, () => {
      disk.model = copyModel(found.image);
      disk.durableModel = copyModel(found.image);
      disk.redo = [];
      disk.written = 0;
      disk.staged = undefined;
      disk.identity ??= identity ?? null;
      this.#surroundings.installed(meta);
    });
  }

  async initialise(state: InitialState): Promise<void> {
    if (this.model.meta() !== undefined || this.raft.lastIndex() > 0 || this.raft.identity() !== null)
      throw new QuorateError('ambiguous-state', 'the disk holds a history already');
    initialiseDisk(this.#disk, state);
    if (state.restoreFrom !== undefined) {
      const found = this.#registry.get(state.restoreFrom.sha256);
      if (found === undefined) throw new QuorateError('snapshot-invalid', 'there is no such file');
      for (const store of [this.#disk.model, this.#disk.durableModel]) copyEntities(found.image, store);
    }
    this.raft.reread();
  }

  async compactLog(throughIndex: Index): Promise<Index> {
    const durable = await this.model.makeDurable();
    if (durable !== undefined)
      this.raft.compactThrough(Math.min(throughIndex, durable.position.index), durable.position.timeline);
    return this.raft.firstIndex();
  }

  close(): void {}
}

class SimulatedStaging implements Staging {
  readonly #place: 'staged' | 'restore';
  readonly #staged: StagedBytes;
  readonly #disk: SimulatedDisk;
  readonly #registry: SnapshotRegistry;
  readonly #surroundings: DiskSurroundings;

  constructor(
    place: 'staged' | 'restore',
    staged: StagedBytes,
    disk: SimulatedDisk,
    registry: SnapshotRegistry,
    surroundings: DiskSurroundings,
  ) {
    this.#place = place;
    this.#staged = staged;
    this.#disk = disk;
    this.#registry = registry;
    this.#surroundings = surroundings;
  }

  get meta(): StagingMeta {
    return this.#staged.meta;
  }

  get receivedBytes(): number {
    return this.#staged.bytes.length;
  }

  writeChunk(offset: number, bytes: Uint8Array): boolean {
    const staged = this.#staged;
    if (offset !== staged.bytes.length || offset + bytes.length > staged.meta.sizeBytes) return false;
    if (this.#disk.isFull) {
      this.#surroundings.fired('disk full');
      this.discard();
      throw new QuorateError('storage-full');
    }
    const longer = new Uint8Array(offset + bytes.length);
    longer.set(staged.bytes);
    longer.set(bytes, offset);
    staged.bytes = longer;
    return true;
  }

  finish(): Promise<StagedSnapshot> {
    return new Promise((resolve, reject) => {
      this.#surroundings.later(this.#surroundings.random.next() * 3, () => {
        const { meta, bytes } = this.#staged;
        const found =
          bytes.length === meta.sizeBytes && checksum(bytes) === meta.sha256
            ? this.#registry.get(meta.sha256)
            : undefined;
        if (found === undefined) {
          this.#surroundings.fired('snapshot refused for its checksum');
          this.discard();
          return reject(new QuorateError('snapshot-invalid', 'the checksum differs'));
        }
        const { position, term, configuration } = found.file.manifest.meta;
        resolve({
          path: meta.sha256,
          sizeBytes: bytes.length,
          manifest: found.file.manifest,
          snapshot: { index: position.index, term, configuration },
        });
      });
    });
  }

  discard(): void {
    this.#staged.bytes = new Uint8Array(0);
    if (this.#disk[this.#place] === this.#staged) this.#disk[this.#place] = undefined;
  }
}

/** What a new cluster begins with, durable. */
export function initialiseDisk(disk: SimulatedDisk, state: InitialState): void {
  const { snapshot, timeline, identity, hardState, members = [] } = state;
  const meta: ModelMeta = {
    clusterId: identity.clusterId,
    logTimeline: timeline,
    position: { timeline, indexType: 'raft', index: snapshot.index },
    term: snapshot.term,
    configuration: snapshot.configuration,
    lastChangeIndex: 0,
    membersIndex: snapshot.index,
    journalStart: snapshot.index,
  };
  for (const store of [disk.model, disk.durableModel]) {
    store.putMeta(meta);
    for (const member of members) store.putRecord('member', member.id, member);
  }
  disk.identity = identity;
  disk.hardState = hardState;
  disk.point = { index: snapshot.index, term: snapshot.term, timeline };
}

function copyModel(from: ModelStore): MemoryModelStore {
  const copy = new MemoryModelStore();
  const meta = from.meta();
  if (meta !== undefined) copy.putMeta(meta);
  copyEntities(from, copy);
  for (const bucket of recordBuckets)
    for (const { key, value } of from.records(bucket)) copy.putRecord(bucket, key, value);
  for (const row of from.journalAfter(0, Number.MAX_SAFE_INTEGER)) copy.appendJournal(row);
  return copy;
}

/** Entities of the file; members and operations of the present model. */
function restoredModel(image: ModelStore, present: ModelStore, meta: ModelMeta): MemoryModelStore {
  const restored = copyModel(image);
  for (const bucket of recordBuckets) {
    for (const { key } of restored.records(bucket)) restored.deleteRecord(bucket, key);
    for (const { key, value } of present.records(bucket)) restored.putRecord(bucket, key, value);
  }
  restored.pruneJournal(Number.MAX_SAFE_INTEGER);
  restored.putMeta(meta);
  return restored;
}

function copyEntities(from: ModelStore, to: ModelStore): void {
  for (const kind of Object.keys(from.countsByKind())) {
    const definition = findKind(kind);
    for (const entity of from.list(kind, { limit: Number.MAX_SAFE_INTEGER }))
      to.insert(entity, definition?.references(entity.spec) ?? []);
  }
}

function differencesOf(ours: ModelStore, theirs: ModelStore): readonly KindDifference[] {
  const kinds = [...new Set([ours, theirs].flatMap((store) => Object.keys(store.countsByKind())))].sort(byCodeUnit);
  const all = (store: ModelStore, kind: string) => store.list(kind, { limit: Number.MAX_SAFE_INTEGER });
  return kinds
    .map((kind) => ({
      kind,
      added: all(theirs, kind).filter(({ id }) => ours.get(kind, id) === undefined).length,
      changed: all(ours, kind).filter((each) => {
        const other = theirs.get(kind, each.id);
        return other !== undefined && JSON.stringify(other) !== JSON.stringify(each);
      }).length,
      removed: all(ours, kind).filter(({ id }) => theirs.get(kind, id) === undefined).length,
    }))
    .filter(({ added, changed, removed }) => added + changed + removed > 0);
}

/** FNV-1a, as long as what stands in its place. */
function checksum(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0').repeat(8);
}
