/**
 * How a history of the model begins on a controller that has none: as a new cluster, as one on the model of a snapshot file, or
 * alone. Each first listens whether that history is there already, for a second one beside it is what must never be.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError } from '../../messaging/errors.js';
import type { VersionRange } from '../../messaging/protocol.js';
import type { Member as MemberRecord } from '../../messaging/schemas/status.js';
import { shellWord } from '../../messaging/shell-word.js';
import type { Clock } from '../cluster/clock.js';
import { createTimeline } from '../cluster/timeline.js';
import { initialConfiguration } from '../raft/index.js';
import type { DirectoryStorage } from '../storage/index.js';
import type { ControllerConfig } from './config.js';
import type { Log } from './log.js';
import { inspectForRestore, stateFromFile } from './restore-beginning.js';

export interface BeginningSources {
  readonly config: ControllerConfig;
  readonly storage: DirectoryStorage;
  readonly clock: Clock;
  readonly log: Log;
  readonly client: ApiClient;
  readonly version: string;
  readonly protocol: VersionRange;
}

/** How long a controller that wants to begin a cluster listens for one that is there already. */
const listenMs = 500;

/** @throws QuorateError `cluster-exists` */
export async function bootstrap(sources: BeginningSources): Promise<void> {
  const { config, storage, log } = sources;
  await listenForOthers(sources, joinInstead(config, '--bootstrap'));
  const clusterId = randomUUID();
  await storage.initialise({
    identity: { clusterName: config.cluster, clusterId, nodeId: config.nodeId },
    timeline: createTimeline([]),
    // The log begins after index 1: whoever joins takes a snapshot first, and with it all that is in no entry.
    snapshot: { index: 1, term: 1, configuration: initialConfiguration([config.nodeId]) },
    hardState: { term: 1, vote: '', commit: 1 },
    members: [describeSelf(sources)],
  });
  log.info('began a new cluster', { clusterId });
}

/** @throws QuorateError `cluster-exists`, and whatever is wrong with the file */
export async function beginOnSnapshot(sources: BeginningSources): Promise<void> {
  const { config, storage, log, clock } = sources;
  // The file first: what is wrong with it is said although nobody else is there.
  const file = await inspectForRestore(storage, config.restoreFrom ?? '');
  await listenForOthers(sources, joinInstead(config, '--restore-from'));
  const state = stateFromFile(file, config.cluster, describeSelf(sources), {
    requestedBy: config.nodeId,
    origin: hostname(),
    now: clock.now(),
  });
  await storage.initialise(state);
  const { clusterId } = state.identity;
  log.info('began a new cluster on a snapshot', { clusterId, file: file.path, timeline: state.timeline });
}

/** @throws QuorateError `cluster-exists` */
export async function beginStandalone(sources: BeginningSources): Promise<void> {
  const { config, storage, log } = sources;
  await listenForOthers(sources, joinInstead(config, '--standalone'));
  const clusterId = randomUUID();
  await storage.initialiseStandalone({
    identity: { clusterName: config.cluster, clusterId, nodeId: config.nodeId },
    timeline: createTimeline([]),
    members: [describeSelf(sources)],
  });
  log.info('began to serve alone', { clusterId });
}

/**
 * A history that was begun here and that nothing was added to since: by a restore of the directory, perhaps long ago. Another
 * cluster of this name may have begun elsewhere meanwhile. @throws QuorateError `cluster-exists`
 */
export async function listenIfJustBegun(sources: BeginningSources): Promise<void> {
  const { config, storage } = sources;
  const meta = storage.model.meta();
  if (meta === undefined || meta.configuration.voters.length !== 1) return;
  if (meta.position.index !== meta.journalStart || storage.raft.lastIndex() > meta.position.index) return;
  const remedy = `Join this controller to it: make the directory blank (\`quorate reset --data-dir ${shellWord(config.dataDirectory)}\`), start it, then \`quorate members join ${config.nodeId}\`. If the other one is wrong, stop it first.`;
  await listenForOthers(sources, remedy, meta.clusterId);
}

/** @throws QuorateError `cluster-exists`, with this remedy, where others are a cluster of this name. */
export async function listenForOthers(
  {
    config,
    client,
  }: Pick<BeginningSources, 'client'> & { readonly config: Pick<ControllerConfig, 'cluster' | 'nodeId'> },
  remedy: string,
  own: string | null = null,
): Promise<void> {
  const there = (await client.collectStatus(listenMs)).filter(
    ({ clusterId, node }) => clusterId !== null && clusterId !== own && node !== config.nodeId,
  );
  const first = there[0];
  if (first === undefined) return;
  throw new QuorateError(
    'cluster-exists',
    `the cluster ${config.cluster} is there already: ${there.map((status) => status.node).join(', ')} (cluster id ${first.clusterId})`,
    { remedy },
  );
}

function joinInstead(config: ControllerConfig, setting: string): string {
  return `Start it without ${setting}, then join it: quorate members join ${config.nodeId}`;
}

function describeSelf({ config, version, clock, protocol }: BeginningSources): MemberRecord {
  return {
    id: config.nodeId,
    name: config.name,
    version,
    protocol,
    addresses: [...config.advertise],
    addedAt: clock.now(),
  };
}
