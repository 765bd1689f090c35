/**
 * What storage offers. Two implementations satisfy it: SQLite files (`openStorage`), and memory (`memory.ts`), on which the
 * simulator builds a disk that forgets, tears and lies. Both pass the same contract tests.
 *
 * Everything on the hot path is synchronous: when `persist` returns, what it was given is on disk. What may take long
 * (snapshots, verification, the copying of files) is asynchronous and happens in a worker thread.
 */
import type { QuorateError } from '../../messaging/errors.js';
import type { IndexType, Timeline } from '../../messaging/position.js';
import type { Operation } from '../../messaging/schemas/operations.js';
import type { Member } from '../../messaging/schemas/status.js';
import type { ModelMeta, ModelStore } from '../model/store.js';
import type {
  Configuration,
  Entry,
  HardState,
  Index,
  LogDebt,
  LogStore,
  NodeId,
  SnapshotMeta,
  Term,
} from '../raft/types.js';
import type { PreparedHash } from './hash-model.js';

/** Whose directory it is. Written when the controller first becomes part of a cluster, and never changed after that. */
export interface Identity {
  readonly clusterName: string;
  readonly clusterId: string;
  readonly nodeId: NodeId;
}

/** The last entry that is in the model and no longer in the log. Who the members are there, only the model knows. */
export interface CompactionPoint {
  readonly index: Index;
  readonly term: Term;
  /** Of the model that stands for what was compacted: on another timeline the log does not follow on. */
  readonly timeline: Timeline | null;
}

export interface RemovedMark {
  /** A member that said so, or this one when it applied its own removal. */
  readonly by: NodeId;
  /** Where in the log the removal stands, as far as is known. */
  readonly index: Index;
  /** No entry removed it: recovery left its log behind, and a new one began with this timeline. It takes no part in any. */
  readonly leftBehindBy?: Timeline;
}

/** All that one turn of the loop wants durable. An absent part leaves what is stored as it is. */
export interface PersistBatch {
  /** Whatever the log holds at or after the first of these is deleted; it must follow on without a gap. */
  readonly entries?: readonly Entry[];
  readonly hardState?: HardState;
}

/** The log, the hard state, and what this member knows of itself. */
export interface RaftStore extends LogStore {
  /** The log begins after it; all zero, without a timeline, in a directory that has never had a snapshot. */
  compactionPoint(): CompactionPoint;
  hardState(): HardState;
  identity(): Identity | null;
  /** Raised by one each time the directory is opened to serve. */
  incarnation(): number;
  removedMark(): RemovedMark | null;
  /**
   * Stores the batch in one transaction and one sync; durable when it returns. A batch in which nothing but the commit index
   * is new is remembered and goes with the next one, without a write of its own.
   * Throws `storage-full` with nothing stored, and `internal` for any other failure of the disk: the member must then stop,
   * because what the disk holds is not known.
   */
  persist(batch: PersistBatch): void;
  /** Durable when it returns. Refused with `wrong-cluster` or `wrong-node` where another identity is there already. */
  setIdentity(identity: Identity): void;
  /** Durable when it returns. */
  markRemoved(mark: RemovedMark): void;
  /** What it owed when damaged entries were dropped; the core knows whether that is settled. */
  debt(): LogDebt | null;
  /**
   * Drops a damaged entry and all after it, none of them known to be committed, and notes in the same write what is owed for
   * that. The core must be made anew from what is left.
   */
  dropDamagedFrom(index: Index): void;
  /** Out of service for good, with what was found: the next start refuses. Durable when it returns. */
  markDamaged(sentence: string): void;
  /** Reads every entry that should be there and checks its checksum; at most the first 100 indexes that fail or are missing. */
  damagedEntries(): readonly Index[];
  /** Bytes of the files on disk. */
  sizeBytes(): number;
}

/** The state machine's data with the position that it stands at. */
export interface DurableModelStore extends ModelStore {
  /** Syncs all that was committed before the call; resolves to where that stands. Only what it covers may be compacted. */
  makeDurable(): Promise<ModelMeta | undefined>;
  /**
   * Ends the transaction on disk in which earlier ones are gathered, without a sync. It happens by itself every so many rows
   * and before a snapshot; to be called now and then, so that a restart has little to replay. Throws `storage-full`; what was
   * gathered may then be gone: `meta` says where the model stands, and the log holds what follows.
   */
  commit(): void;
  sizeBytes(): number;
}

/** A snapshot as it lies on disk, and as a follower is told of it. */
export interface SnapshotFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Of the whole file, in hexadecimal: for the transport. What the file says of itself is in the manifest. */
  readonly sha256: string;
  readonly manifest: SnapshotManifest;
}

/** Why a snapshot was made: asked for, by the schedule, before something that replaces the model, or for a follower. */
export const snapshotOrigins = ['manual', 'scheduled', 'automatic', 'transfer'] as const;
export type SnapshotOrigin = (typeof snapshotOrigins)[number];

/** A file that can be read in pieces. */
export type ChunkSource = Pick<SnapshotFile, 'path' | 'sizeBytes' | 'sha256'>;

/** What a snapshot says of itself, in its table `manifest`. */
export interface SnapshotManifest {
  /** Of the format. */
  readonly formatVersion: number;
  readonly schemaVersion: number;
  /** Version of Quorate that wrote it. */
  readonly softwareVersion: string;
  readonly clusterName: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly createdBy: NodeId;
  readonly origin: SnapshotOrigin;
  /** Position, term, cluster id and configuration: the model's own words, from inside the same transaction. */
  readonly meta: ModelMeta;
  readonly countByKind: Readonly<Record<string, number>>;
  /** SHA-256 over the contents in canonical form (`content-hash.ts`), in hexadecimal. */
  readonly contentSha256: string;
}

/** What a follower must know before it asks for the first chunk. */
export interface StagingMeta {
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** A snapshot on its way in. There is at most one; beginning another one throws the bytes of the last away. */
export interface Staging {
  readonly meta: StagingMeta;
  /** Chunks are written in order; what follows on next. Survives a restart. */
  readonly receivedBytes: number;
  /** Returns whether it was taken: not when it is empty, does not begin at `receivedBytes`, or reaches beyond the size. */
  writeChunk(offset: number, bytes: Uint8Array): boolean;
  /** Syncs and verifies it: size, checksum, structure, manifest, contents. Throws `snapshot-invalid`, having thrown the bytes away. */
  finish(): Promise<StagedSnapshot>;
  /** Throws the bytes away. */
  discard(): void;
}

/** Whole, verified, and on disk: ready for `install`. */
export interface StagedSnapshot {
  readonly path: string;
  readonly sizeBytes: number;
  readonly manifest: SnapshotManifest;
  /** What `Raft.installSnapshot` is to be told. */
  readonly snapshot: SnapshotMeta;
}

export interface InstallRequest extends PersistBatch {
  readonly staged: StagedSnapshot;
  /** Written with it on a directory that has none yet. */
  readonly identity?: Identity;
}

/** What puts the model of a file in the place of the present one: see {@link Storage.restoreModel}. */
export interface RestoreRequest {
  /** Of the file, which must be staged. */
  readonly sha256: string;
  /** What the model's meta is to be: it stands just behind the present position. */
  readonly meta: ModelMeta;
}

/** What a restore would change, for one kind of entities. */
export interface KindDifference {
  readonly kind: string;
  /** In the file and not in the model. */
  readonly added: number;
  /** In both, and different. */
  readonly changed: number;
  /** In the model and not in the file. */
  readonly removed: number;
}

/** The first contents of a model: of a new cluster, or of a file that is restored. */
export interface InitialState {
  readonly identity: Identity;
  readonly timeline: Timeline;
  /** The log begins after this point; index and term are at least 1, so that whoever joins must take a snapshot first. */
  readonly snapshot: SnapshotMeta;
  readonly hardState: HardState;
  /** The first members, as the model is to know them. */
  readonly members?: readonly Member[];
  /** Take the entities of this snapshot; without it the model begins without any. */
  readonly restoreFrom?: SnapshotFile;
  /** What the new history says of how it began. */
  readonly operation?: Operation;
}

/** The first contents of the model of a standalone controller. */
export interface StandaloneState {
  readonly identity: Identity;
  readonly timeline: Timeline;
  readonly members: readonly Member[];
}

/** From now on the same model is counted in another way, on a timeline of its own: see `node/model/timeline.ts`. */
export interface ModeChange {
  readonly indexType: IndexType;
  readonly timeline: Timeline;
  /** Nothing of the new timeline stands at or before it. */
  readonly index: Index;
  /** Higher than any that was given before. */
  readonly term: Term;
  readonly configuration: Configuration;
}

/** Of every exchange of the model: see `install.ts`. */
export type ExchangeStep = 'commit' | 'exchange' | 'done';

/** Told after each step of a change of mode: for tests that kill it there. */
export type ModeChangeStep = 'copy' | ExchangeStep;

/** One data directory, open to serve, and locked against every other process. */
export interface Storage {
  readonly raft: RaftStore;
  /** Also after `install`: the object stays, its contents are exchanged. */
  readonly model: DurableModelStore;
  /**
   * Writes a snapshot of the model to a new file, in a worker thread, while writes go on. Without a path: into the folder
   * `snapshots` of the directory, under a name that says what it is. One is written at a time; the others wait their turn.
   */
  createSnapshot(path?: string, origin?: SnapshotOrigin): Promise<SnapshotFile>;
  /**
   * A snapshot for followers that stands at `indexMin` or later: the last one made for them, or a new one. Whoever asks
   * meanwhile gets the same. The last two are kept, until the directory is opened again. `spoilt`: not the one with this
   * checksum, which came damaged to a follower.
   */
  snapshotForFollowers(indexMin: Index, spoilt?: string): Promise<SnapshotFile>;
  /**
   * Reads a piece of a snapshot for a follower, or of the file that is staged for a restore; empty at its end. Throws
   * `snapshot-invalid` where the file is gone.
   */
  readSnapshotChunk(file: ChunkSource, offset: number, bytesMax: number): Uint8Array;
  /** Reads a snapshot file whole and checks it, in a thread. Throws `snapshot-invalid` or `newer-schema`. */
  inspectSnapshot(path: string): Promise<SnapshotFile>;
  /** Goes on with the staging of the same file where there is one, else begins anew. */
  beginStaging(meta: StagingMeta): Staging;
  /**
   * Makes ready to hash the model, in a thread of its own, while writes go on. Resolves when it only has to be told at which
   * moment to begin; jobs on whole files wait their turn behind it.
   */
  prepareHash(): Promise<PreparedHash>;
  /**
   * Puts the staged snapshot in place of model and log. The commit is one transaction of `raft.db`; a crash before it leaves
   * everything as it was, a crash after it is finished by the next opening. Durable when it resolves; it waits only where a
   * snapshot is being written at the same time.
   */
  install(request: InstallRequest): Promise<void>;
  /** Begins a history on a blank directory: identity, timeline, first configuration. As atomic as `install`. */
  initialise(state: InitialState): Promise<void>;
  /**
   * A snapshot to be restored, on its way in, in a place of its own: there may be one beside the one of `beginStaging`, and it
   * stays until it is restored or discarded. `finish` verifies it. Goes on with the same file, else begins anew.
   */
  beginRestore(meta: StagingMeta): Staging;
  /** The file that is staged for a restore, whole in size; null where there is none. It survives a restart. */
  stagedRestore(): ChunkSource | null;
  discardRestore(): void;
  /** What restoring the staged file would change. Reads both models whole, in a thread. */
  compareRestore(): Promise<readonly KindDifference[]>;
  /**
   * Puts the entities of the staged file, verified once more, in the place of those before; members and operations stay. The
   * log is left as it is. Nothing may be applied meanwhile. The commit is one transaction of `raft.db`: a crash before it leaves the model as it
   * was and the file staged, one after it is finished by the next opening. Durable when it resolves. Throws
   * `snapshot-invalid`, having thrown the file away, or `storage-full`.
   */
  restoreModel(request: RestoreRequest): Promise<void>;
  /**
   * Puts a staged snapshot (`beginStaging`) in the place of the model, and leaves the log as it is: for a member whose log holds what it
   * cannot apply. The snapshot must stand between the model and the end of the log. As atomic as `install`.
   */
  adoptSnapshot(staged: StagedSnapshot): Promise<void>;
  /**
   * Makes the model durable, then drops log entries up to `throughIndex` (never beyond what is durable), in slices of at most
   * a few milliseconds each with turns of the event loop between them. Resolves to the first index that is left.
   */
  compactLog(throughIndex: Index): Promise<Index>;
  close(): void;
}

/** The model of a controller that may serve alone: without a log it must keep what it was given by itself. */
export interface SelfDurableModelStore extends DurableModelStore {
  /**
   * Lets each `commit` sync, so that it is durable when it returns. A commit that fails then leaves the model where it stood
   * after the last one.
   */
  syncCommits(on: boolean): void;
}

/** A change of mode of which nothing but a copy beside the model has been made. */
export interface PreparedModeChange {
  /**
   * Synchronous: nothing can be written in between. As atomic as `install`, the commit being one transaction of `raft.db`.
   * @throws QuorateError `behind` where the model has moved on since the copy was made, `storage-full`: nothing has changed.
   * Anything that is thrown once `raft.standalone()` has changed comes after the commit: the next opening finishes it.
   */
  commit(onStep?: (step: ModeChangeStep) => void): void;
}

/** The data directory of a controller, which may be in a cluster or serve alone, and change from one to the other. */
export interface ControllerStorage extends Storage {
  readonly raft: RaftStore & {
    /** Whether the controller serves alone: then there is no log. */
    standalone(): boolean;
  };
  readonly model: SelfDurableModelStore;
  /** Is told whenever damage is met in the model or in a snapshot of it, whoever was reading; what the log holds, its reader tells. */
  watchDamage(listener: (error: QuorateError) => void): void;
  /** Begins the history of a standalone controller on a blank directory. As atomic as `install`. */
  initialiseStandalone(state: StandaloneState): Promise<void>;
  /**
   * Turns a standalone controller's model into the first snapshot of a cluster, or the model of a cluster's only member into
   * that of a standalone controller. Entities, operations and known request ids stay; log, changes and other members go. The
   * copy is made in a thread, while the model may still be read; `commit` puts it in place.
   */
  prepareModeChange(change: ModeChange, onStep?: (step: ModeChangeStep) => void): Promise<PreparedModeChange>;
  /** Reads the whole model, in a thread; resolves to one sentence for each thing that is wrong. */
  checkModel(): Promise<readonly string[]>;
}
