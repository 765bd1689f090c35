/** What one controller is told when it is started. */

import type { ConnectionOptions } from '../../messaging/connection.js';
import type { VersionRange } from '../../messaging/protocol.js';
import type { CompactionPolicy, MemberTiming } from '../cluster/member.js';
import type { ModeChangeStep } from '../storage/index.js';
import type { BackupSchedule } from './backups.js';
import type { LogLevel } from './log.js';

/** Where health and metrics are served over HTTP. `default`: on loopback, on the first of a few ports that is free. */
export type HttpWanted =
  | { readonly type: 'off' }
  | { readonly type: 'default' }
  | { readonly type: 'address'; readonly host: string; readonly port: number };

export interface ControllerConfig {
  readonly cluster: string;
  readonly nodeId: string;
  /** For people; the id where none is given. */
  readonly name: string;
  readonly dataDirectory: string;
  readonly nats: Omit<ConnectionOptions, 'name' | 'waitForServer'>;
  /** NATS servers through which routers reach this controller, without credentials. */
  readonly advertise: readonly string[];
  /** Use NATS beyond this machine without authentication or TLS; its status says so. */
  readonly insecure?: boolean;
  /** Begin a new cluster where the data directory is empty and no cluster of this name is heard. */
  readonly bootstrap: boolean;
  /** Begin a new cluster on the model of this snapshot, where the data directory is empty and no cluster of this name is heard. */
  readonly restoreFrom: string | null;
  /** Serve routers alone, without a cluster: an empty data directory becomes a standalone controller's. */
  readonly standalone?: boolean;
  /** Default: off. */
  readonly http?: HttpWanted;
  readonly logLevel: LogLevel;
  readonly logPretty: boolean;
  /** What it speaks; default: all that this build understands. Less makes it act as an older build, for tests. */
  readonly protocol?: VersionRange;
  /** Told after each step of a change between standalone and cluster: for tests that kill it there. */
  readonly onModeStep?: (step: ModeChangeStep) => void;
  /** How often routers are told to be heard; for tests that cannot wait. */
  readonly routerHeartbeatMs?: number;
  /** Requests that one sender may send to this controller in a second. */
  readonly requestsPerSecondMax?: number;
  readonly timing?: MemberTiming;
  /** Among members that are well, the one with the highest leads. Default: 0. */
  readonly priority?: number;
  readonly compaction?: CompactionPolicy;
  /** How often the leader compares the models of the members. */
  readonly compareEveryMs?: number;
  /** Scheduled backups; absent: none. */
  readonly backup?: BackupSchedule;
}
