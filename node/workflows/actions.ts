/**
 * Everything that a workflow does to the world. The cluster part implements it on a running leader; tests implement it in
 * virtual time. All of it may be called again after it was done: the engine repeats a step when a new leader takes over.
 *
 * An action that fails rejects with a `QuorateError`. Those that propose (`proposeConfChange`, `putOperation`) reject with
 * `timeout` or `leadership-lost` where the outcome is not known; the engine then looks whether it happened.
 */
import type {
  IndexType,
  Member,
  ModelComparison,
  NodeStatus,
  Operation,
  Position,
  ProgressView,
  VersionRange,
} from '../../messaging/index.js';
import type { OperationRecord, RaisedGate } from '../model/index.js';
import type { ConfChange, Configuration } from '../raft/index.js';
import type { FactGatherer, RestoreAnswer } from './facts.js';

/** Which file: by its content, wherever it lies. */
export interface RestoreFile {
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface RoutersArrived {
  readonly connected: number;
  /** On the present timeline. */
  readonly arrived: number;
  /** And said that they hold what the model holds at the position that they named. */
  readonly verified: number;
  readonly waitingFor: readonly string[];
  readonly different: readonly string[];
  /** Since when this process has listened for routers, long enough to have heard all that are connected. */
  readonly heardAll: boolean;
}

export interface Actions extends FactGatherer {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after the time, or as soon as `signal` aborts; never rejects. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;

  /** This member's own view: what it has applied, and whether it leads. */
  leadership(): { readonly leading: boolean; readonly leader: string | null; readonly term: number };
  /** Committed and applied here. */
  configuration(): Configuration;
  /** Feature gates that are raised, as applied here. */
  raisedGates(): readonly RaisedGate[];
  /** This member's log: what there is, what of it is committed, what of that is applied here. */
  log(): { readonly lastIndex: number; readonly commit: number; readonly applied: number };
  /** What the leader knows of a member's replication; undefined: not a member, or nothing is known. */
  progress(node: string): ProgressView | undefined;
  /** How far a snapshot to this member has got; null: none is on its way. */
  snapshotProgress(node: string): { readonly sentBytes: number; readonly totalBytes: number } | null;
  /** The last status that was heard, and how long ago. */
  status(node: string): { readonly status: NodeStatus; readonly ageMs: number } | undefined;

  /**
   * Tells a blank controller which cluster it is to become a member of, so that it takes that cluster's Raft messages, and
   * learns how it calls itself. Rejects when it refuses or does not answer.
   */
  prepareCandidate(node: string): Promise<Member>;
  /** Takes that back, as far as the controller can still be reached. Never rejects. */
  releaseCandidate(node: string): Promise<void>;
  /** Resolves when the change has been applied here; `members` describes those that it adds. */
  proposeConfChange(change: ConfChange, members: readonly Member[]): Promise<void>;
  /** Resolves when the transfer has begun; whether it succeeds shows in {@link leadership}. */
  transferLeadership(to: string): Promise<void>;
  /** Asks a member (also this one) how far it is with a file that is to be restored, and to fetch it. Null: no answer. */
  askRestore(node: string, file: RestoreFile, fetchFrom: string | null): Promise<RestoreAnswer | null>;
  /** The file is not needed on this member any more. Never rejects. */
  discardRestore(node: string, file: RestoreFile): Promise<void>;
  /** The model's own position. */
  position(): Position;
  /** Writes a snapshot of the model here, unless one of this name and history is here already. Resolves to where it is. */
  backUp(name: string): Promise<string>;
  /** Resolves when the entry has been applied here; rejects where it was refused. */
  proposeRestore(given: {
    readonly operation: string;
    readonly file: RestoreFile;
    readonly timelineId: string;
  }): Promise<void>;
  /** Drops this member's log up to where it is applied. Resolves to the first index that is left. */
  compactLog(): Promise<number>;
  /** Lets these members hash their models at one index. */
  compareModels(nodes: readonly string[]): Promise<ModelComparison>;
  /** All changes of the model are published, and what was published has left this process. */
  allPublished(): Promise<boolean>;
  /**
   * Lets this controller go on with its model counted in the other way, on a new timeline: as the first member of a cluster,
   * or alone. Resolves when it serves so; rejects, having changed nothing, where it cannot.
   */
  changeMode(to: IndexType): Promise<void>;
  /** Looks whether the routers that are connected stand where the model stands, with the same entities. */
  routersArrived(except: readonly string[]): Promise<RoutersArrived>;
  /** Whether a removed controller says by itself that it knows; `away`: it does not answer; `damaged`: it is out of service. */
  knowsRemoved(node: string): Promise<'knows' | 'not-yet' | 'away' | 'damaged'>;

  /** The record as it is applied here. */
  operationRecord(id: string): OperationRecord | undefined;
  operationRecords(): readonly OperationRecord[];
  /**
   * Replicates the record if it still has `revision` (0: there is none), and publishes it; resolves to the new revision.
   * Rejects with `version-mismatch` or `operation-running` as the model decides.
   */
  putOperation(record: OperationRecord): Promise<number>;
  /** What this member speaks. */
  protocol(): VersionRange;
  /** An operation of a newer version waits because nobody who knows it can lead: the operator is told. Null: none does. */
  tellUnknown(operation: Operation | null): void;
  /** Something failed that is not the operation's own failure. */
  reportError(error: unknown, operationId: string | null): void;
}
