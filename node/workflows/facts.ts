/**
 * What the checks of a workflow look at: plain data, gathered once, so that every check is a pure function and a finding can
 * be explained afterwards. The cluster part gathers it (`FactGatherer`); nothing here asks anybody.
 */
import type {
  IndexType,
  Member,
  NodeState,
  NodeStatus,
  Operation,
  OperationParameters,
  Position,
  ProgressView,
  VersionRange,
  WorkflowParameters,
} from '../../messaging/index.js';
import type { RaisedGate } from '../model/index.js';
import { type Configuration, isVoter, membersOf } from '../raft/index.js';

/** Gathers what the checks of these parameters need. Asks the candidate or target itself; takes at most a few seconds. */
export interface FactGatherer {
  gather(parameters: WorkflowParameters): Promise<Facts>;
}

export interface Facts {
  /** Milliseconds since 1970, by the leader's clock. */
  readonly now: number;
  readonly cluster: string;
  readonly clusterId: string;
  readonly leader: LeaderFacts;
  /** Committed and applied on the leader. */
  readonly configuration: Configuration;
  readonly members: readonly Member[];
  /** Feature gates that are raised. */
  readonly gates: readonly RaisedGate[];
  /** What the leader knows of each member's replication, without itself. */
  readonly progress: readonly ProgressView[];
  /** The last status of every controller that was heard, members or not. */
  readonly heard: readonly Heard[];
  /** The operation under way, if any. */
  readonly running: Operation | null;
  /** The answers of the controller that the workflow is about. */
  readonly probe: Probe;
  /** What a restore must know; null before every other workflow. */
  readonly restore: RestoreFacts | null;
  /** What a migration or the way back must know; null before every other workflow. */
  readonly mode?: ModeFacts | null;
  /** Routers that are online, and the index of the list of controllers that each holds; null: it holds none yet. */
  readonly routers: readonly {
    readonly id: string;
    readonly endpointsIndex: number | null;
    /** The ways of counting that it understands; null: it has not said. */
    readonly indexTypes?: readonly IndexType[] | null;
  }[];
  /** Index of the present list of controllers. */
  readonly endpointsIndex: number;
}

/** Of the controller that is to count in another way, which is the one that gathers. */
export interface ModeFacts {
  readonly standalone: boolean;
  /** One sentence for each thing that is wrong with the model, read as a whole. */
  readonly problems: readonly string[];
  readonly modelBytes: number;
  readonly diskFreeBytes: number;
  /** When the newest change was asked for, in milliseconds since 1970, by the clock of whoever took it; null: there is none. */
  readonly newestChangeAt: number | null;
  /** Subjects that a member uses and that NATS does not allow this controller. */
  readonly deniedSubjects: readonly string[];
  /** Of the NATS server that it is connected to. */
  readonly maxPayloadBytes: number;
}

export interface RestoreFacts {
  /** The file, as the leader holds it. */
  readonly file:
    | { readonly type: 'missing'; readonly reason: string }
    | {
        readonly type: 'whole';
        readonly cluster: string;
        readonly clusterId: string;
        readonly position: Position;
        /** Milliseconds since 1970. */
        readonly createdAt: number;
        readonly countByKind: Readonly<Record<string, number>>;
        /** What it would change, for each kind in which something differs. */
        readonly differences: readonly KindDifference[];
      };
  readonly members: readonly RestoreMember[];
}

/** A member that the leader asked, itself among them; `answer` is null where it does not answer. */
export interface RestoreMember {
  readonly id: string;
  readonly answer: RestoreAnswer | null;
  /** Why there is no answer. */
  readonly reason: string;
}

/** How far a member is with the file, and what room it has. */
export interface RestoreAnswer {
  readonly state: 'missing' | 'receiving' | 'verifying' | 'ready' | 'failed';
  readonly receivedBytes: number;
  readonly problem: string | null;
  readonly diskFreeBytes: number;
  readonly modelBytes: number;
}

export interface KindDifference {
  readonly kind: string;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

export interface LeaderFacts {
  readonly id: string;
  readonly term: number;
  /** Whether it has committed an entry in its term: only then does it know what is committed. */
  readonly committedInTerm: boolean;
  readonly lastIndex: number;
  readonly commit: number;
  readonly version: string;
  readonly protocol: VersionRange;
  /** A change of membership is not applied yet, or the configuration is joint. */
  readonly changePending: boolean;
  readonly transferringTo: string | null;
  /** Of model and log on its disk. */
  readonly dataBytes: number;
}

export interface Heard {
  readonly status: NodeStatus;
  /** How long ago it was heard, by the leader's monotonic clock. */
  readonly ageMs: number;
  /** More than one process speaks under this id: two incarnations were heard in turn. */
  readonly twice: boolean;
}

/** What the controller concerned answered when it was asked, and what was measured on the way. */
export type Probe =
  | { readonly type: 'none' }
  | { readonly type: 'unreachable'; readonly reason: string }
  | {
      readonly type: 'answered';
      readonly node: string;
      readonly name: string;
      readonly state: NodeState;
      readonly cluster: string;
      readonly clusterId: string | null;
      readonly version: string;
      readonly protocol: VersionRange;
      /** Its clock less the leader's, half the round trip taken off. */
      readonly clockOffsetMs: number;
      readonly diskFreeBytes: number;
      /** Median of several writes with a sync, done now in its data directory. */
      readonly syncLatencyMs: number;
      /** Median of several round trips, done now. */
      readonly natsRoundTripMs: number;
      /** Of the NATS server that it is connected to. */
      readonly maxPayloadBytes: number;
      /** Subjects that it tried to use and was not allowed; null: it did not try. */
      readonly deniedSubjects: readonly string[] | null;
    };

/** The controller that whoever asked has named; null where it was left to the leader, or where it is about all of them. */
export function namedController(parameters: OperationParameters): string | null {
  switch (parameters.workflow) {
    case 'recover':
    case 'new-cluster':
    case 'join':
    case 'remove':
    case 'replace':
    case 'promote':
    case 'demote':
    case 'upgrade':
    case 'migrate':
    case 'rollback':
      return parameters.node;
    case 'transfer':
      return parameters.to;
    case 'restore':
      return null;
  }
}

/** What a workflow is about: a controller, for a restore the cluster; null where a transfer has no voter to choose. */
export function targetOf(parameters: WorkflowParameters, facts: Facts): string | null {
  switch (parameters.workflow) {
    case 'transfer':
      return namedController(parameters) ?? bestSuccessor(facts);
    case 'restore':
      return facts.cluster;
    default:
      return namedController(parameters) ?? facts.leader.id;
  }
}

/** The controller that is to become a member; null where none is. */
export function candidateOf(parameters: WorkflowParameters): string | null {
  switch (parameters.workflow) {
    case 'join':
      return parameters.node;
    case 'replace':
      return parameters.with;
    case 'remove':
    case 'promote':
    case 'demote':
    case 'upgrade':
    case 'transfer':
    case 'restore':
    case 'migrate':
    case 'rollback':
      return null;
  }
}

/** The healthy voter, other than the leader, that holds most of the log. */
export function bestSuccessor(facts: Facts): string | null {
  const able = facts.progress.filter(({ id }) => isVoter(facts.configuration, id) && isHealthy(facts, id));
  const [best] = able.toSorted((a, b) => b.match - a.match);
  return best?.id ?? null;
}

/** A member that was not heard for this long does not count as healthy. */
export const contactHealthyMs = 2_000;
/** A status older than this says nothing about now. */
export const statusFreshMs = 5_000;

/** Whether the leader itself hears this member; what somebody says of himself does not count. */
export function isHealthy(facts: Facts, id: string): boolean {
  if (id === facts.leader.id) return true;
  const progress = progressOf(facts, id);
  return progress?.active === true && (progress.lastContactMs ?? Number.POSITIVE_INFINITY) <= contactHealthyMs;
}

export function progressOf(facts: Facts, id: string): ProgressView | undefined {
  return facts.progress.find((each) => each.id === id);
}

export function heardOf(facts: Facts, id: string): Heard | undefined {
  return facts.heard.find(({ status }) => status.node === id);
}

export function isMemberNow(facts: Facts, id: string): boolean {
  return membersOf(facts.configuration).includes(id);
}
