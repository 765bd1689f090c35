/** What is known of a controller at the moment of one look from outside: all that metrics and health are made from. */
import type { NodeStatus } from '../../../messaging/schemas/status.js';
import type { Histogram } from '../../cluster/histogram.js';
import type { ReplicaQueues } from '../../cluster/replica.js';
import type { RaftStatus } from '../../raft/index.js';
import type { RouterServiceCounters, RouterStates } from '../routers/index.js';

/** A queue with a bound: what waits in it, and how much may. */
export interface Queue {
  readonly depth: number;
  readonly max: number;
}

/** What a controller knows of itself beyond its status. */
export interface ControllerFacts {
  readonly status: NodeStatus;
  /** Null where there is no Raft: blank, standalone, removed. */
  readonly raft: RaftStatus | null;
  readonly commit: Histogram | null;
  readonly sync: Histogram | null;
  readonly queues: ReplicaQueues | null;
  readonly api: {
    readonly queue: Queue;
    /** By error code. */
    readonly refused: Readonly<Record<string, number>>;
  };
  readonly transport: {
    /** Messages of Raft that were dropped, by reason. */
    readonly dropped: Readonly<Record<string, number>>;
    /** Bytes that the socket of each lane has not taken yet. */
    readonly backlogBytes: Readonly<Record<string, number>>;
  };
  readonly statusesUndecodable: number;
  readonly routers:
    | {
        readonly counters: RouterServiceCounters;
        readonly states: RouterStates;
        readonly syncs: Queue;
      }
    | undefined;
  /** Whether routers are served: it has once applied all that was committed, or nobody is known to have more. */
  readonly servesRouters: boolean;
  readonly snapshots: { readonly written: number; readonly sentBytes: number };
}

/** Where a connection to NATS stands; a controller has three. */
export interface Connectedness {
  readonly connections: Readonly<Record<string, boolean>>;
  readonly reconnects: number;
  readonly servers: readonly string[];
}

export interface RuntimeFacts {
  /** How late a timer ran that was due every 100 ms; seconds. */
  readonly loopDelay: Histogram;
  readonly loopBusySeconds: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  /** Null where the system does not tell. */
  readonly openFiles: number | null;
  readonly startedAtSeconds: number;
}

export interface Facts {
  readonly version: string;
  readonly protocol: { readonly min: number; readonly max: number };
  readonly nats: Connectedness;
  readonly runtime: RuntimeFacts;
  /** Of the file system of the data directory; null where it cannot be asked. */
  readonly freeBytes: number | null;
  /** Null until it has found a NATS server. */
  readonly controller: ControllerFacts | null;
}
