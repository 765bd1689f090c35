/** Starts one controller: storage, connections, controller; and stops it in the opposite order. */
import { connectNats, type NatsConnection, NatsEvents } from '../../messaging/connection.js';
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { protocolMaxVariable, supportedVersions } from '../../messaging/protocol.js';
import { lackSentence, lacksOf } from '../../messaging/security.js';
import { subjectsOf } from '../../messaging/subjects.js';
import { softwareVersion } from '../../messaging/version.js';
import { systemClock } from '../cluster/clock.js';
import { decideStart, type StartAction } from '../cluster/decide-start.js';
import {
  type DirectoryLock,
  type DirectoryStorage,
  inspectDirectory,
  lockDirectory,
  openStorage,
} from '../storage/index.js';
import type { ControllerConfig } from './config.js';
import { type Beginning, type Connections, Controller } from './controller.js';
import { createLog, type Log } from './log.js';
import { LogLevels } from './log-levels.js';
import { startNatsService } from './nats-service.js';
import { type ConnectionName, connectionNames, Observer } from './observe/index.js';

export { timingOf } from '../cluster/member.js';
export type { ControllerConfig } from './config.js';

export interface RunningController {
  /** Hands leadership over, stops, and lets go of the data directory. */
  stop(): Promise<void>;
  /** Resolves when it has stopped by `stop`; rejects when it could not go on. */
  readonly closed: Promise<void>;
}

/** Shared by all that starts a controller. */
interface Surroundings {
  readonly config: ControllerConfig;
  readonly log: Log;
  readonly logLevels: LogLevels;
  readonly observer: Observer;
}

/** @throws QuorateError where the start-up table refuses to start, or NATS refuses the credentials. */
export async function runController(config: ControllerConfig): Promise<RunningController> {
  const log = createLog({
    clock: systemClock,
    level: config.logLevel,
    pretty: config.logPretty,
    fields: { cluster: config.cluster, node: config.nodeId },
  });
  const logLevels = new LogLevels(log, systemClock);
  // For when no request can reach it.
  const onSignal = (): void => void logLevels.toggleDebug('SIGUSR2');
  process.on('SIGUSR2', onSignal);
  const end = (): void => {
    process.off('SIGUSR2', onSignal);
    logLevels.stop();
  };
  try {
    const running = await lockAndStart(config, log, logLevels);
    running.closed.then(end, end);
    return running;
  } catch (error) {
    end();
    throw error;
  }
}

async function lockAndStart(config: ControllerConfig, log: Log, logLevels: LogLevels): Promise<RunningController> {
  const missing = lacksOf([...config.nats.servers, ...config.advertise], config.nats);
  if (missing.length > 0) {
    if (config.insecure !== true)
      throw new QuorateError('insecure', `${config.nodeId} would use NATS ${lackSentence(missing)}`);
    log.warn('insecure', 'others may read and speak on the connection to NATS', {
      because: `NATS is used ${lackSentence(missing)}`,
    });
  }
  // Locked first: what is found must still be true when it is opened.
  const lock = lockDirectory(config.dataDirectory);
  try {
    const outcome = decideStart(inspectDirectory(config.dataDirectory, { lockedByUs: true }), {
      clusterName: config.cluster,
      nodeId: config.nodeId,
      bootstrap: config.bootstrap,
      standalone: config.standalone,
      restoreFrom: config.restoreFrom,
      recover: false,
    });
    if (outcome.outcome === 'refuse') throw new QuorateError(outcome.code, outcome.found, { remedy: outcome.remedy });
    for (const setting of outcome.ignored)
      log.warn('setting-ignored', 'a setting has no effect on what is there already', { setting });
    const how = beginningOf(outcome.outcome);
    // Before anything is opened or connected: a controller that waits can be asked what for.
    const observer = await Observer.open({ config, version: softwareVersion, clock: systemClock, log });
    try {
      return await open({ config, log, logLevels, observer }, lock, how, outcome.ignored);
    } catch (error) {
      await observer.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function open(
  surroundings: Surroundings,
  lock: DirectoryLock,
  how: Beginning,
  ignoredSettings: readonly string[],
): Promise<RunningController> {
  const { config } = surroundings;
  const storage = openStorage({
    directory: config.dataDirectory,
    lock,
    clusterName: config.cluster,
    nodeId: config.nodeId,
    softwareVersion,
    now: systemClock.now,
  });
  try {
    return await start(surroundings, storage, how, ignoredSettings);
  } catch (error) {
    storage.close();
    throw error;
  }
}

/** What is decided, as far as this version can do it. */
function beginningOf(action: StartAction): Beginning {
  switch (action) {
    case 'start-blank':
      return 'blank';
    case 'bootstrap':
      return 'bootstrap';
    case 'start-member':
      return 'member';
    case 'serve-as-removed':
      return 'removed';
    case 'begin-standalone':
    case 'start-standalone':
    case 'restore':
      return action;
    case 'recover':
      throw new QuorateError('ambiguous-state', `this version cannot ${action.replace('start-', 'run ')} yet`);
  }
}

async function start(
  { config, log, logLevels, observer }: Surroundings,
  storage: DirectoryStorage,
  how: Beginning,
  ignoredSettings: readonly string[],
): Promise<RunningController> {
  const { min, max } = config.protocol ?? supportedVersions;
  if (max < supportedVersions.max)
    log.warn('older-protocol', 'acts as an older version', { protocol: { min, max }, because: protocolMaxVariable });
  const connections = await connectAll(config, log, observer);
  let settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  const closed = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Whoever waits for `closed` meets the rejection; nobody has to.
  closed.catch(() => undefined);
  const controller = new Controller({
    config,
    version: softwareVersion,
    storage,
    connections,
    clock: systemClock,
    log,
    logLevels,
    ignoredSettings,
    removed: how === 'removed',
    httpAddress: observer.address,
    onFatal: (error) => {
      const { code, message, remedy } = toQuorateError(error);
      log.error('cannot-go-on', 'cannot go on', {
        error: message,
        errorCode: code,
        remedy,
        stack: error instanceof Error ? error.stack : undefined,
      });
      void observer
        .close()
        .then(() => closeAll(connections))
        .finally(() => settle?.reject(error));
    },
  });
  // What is thrown where nobody waits for it: damage that a timer met while it read the model.
  const onUncaught = (error: unknown): void => controller.failed(error);
  process.on('uncaughtException', onUncaught);
  observer.observe(() => controller.facts());
  for (const name of connectionNames) void watch(name, connections[name], controller, log, observer);
  try {
    await controller.start(how);
  } catch (error) {
    process.off('uncaughtException', onUncaught);
    await closeAll(connections);
    throw error;
  }
  const stopService = await startNatsService(connections.service, config, softwareVersion);
  log.info('started', { how, version: softwareVersion, incarnation: storage.raft.incarnation() });

  async function stop(): Promise<void> {
    await stopService();
    process.off('uncaughtException', onUncaught);
    await controller.stop();
    await observer.close();
    await closeAll(connections);
    storage.close();
    log.info('stopped');
    settle?.resolve();
  }
  let stopping: Promise<void> | undefined;
  return { stop: () => (stopping ??= stop()), closed };
}

async function connectAll(config: ControllerConfig, log: Log, observer: Observer): Promise<Connections> {
  const inbox = subjectsOf(config.cluster).inbox('controller', config.nodeId);
  const connect = async (purpose: ConnectionName): Promise<NatsConnection> => {
    const name = `quorate ${config.cluster} ${config.nodeId} ${purpose}`;
    const connection = await connectNats({ ...config.nats, name, inbox, inOrder: true, waitForServer: true });
    observer.connected(purpose, true);
    return connection;
  };
  const slow = setTimeout(
    () => log.warn('nats-waiting', 'still trying to reach NATS', { servers: config.nats.servers }),
    2_000,
  );
  try {
    const [control, bulk, service] = await Promise.all([connect('control'), connect('bulk'), connect('service')]);
    return { control, bulk, service };
  } finally {
    clearTimeout(slow);
  }
}

async function closeAll(connections: Connections): Promise<void> {
  await Promise.allSettled(
    Object.values(connections).map((connection: NatsConnection) => connection.drain().catch(() => connection.close())),
  );
}

async function watch(
  name: ConnectionName,
  connection: NatsConnection,
  controller: Controller,
  log: Log,
  observer: Observer,
): Promise<void> {
  for await (const { type, data, permissionContext } of connection.status()) {
    if (type === NatsEvents.Disconnect) {
      observer.connected(name, false);
      log.warn('nats-lost', 'lost the connection to NATS', { server: String(data) });
    }
    if (type === NatsEvents.Reconnect) {
      observer.connected(name, true);
      log.infoOften('connected to NATS again', { server: String(data) });
      controller.connectionRestored();
    }
    if (permissionContext !== undefined) controller.permissionDenied(permissionContext.subject);
    if (type === NatsEvents.Error) log.warn('nats-error', 'NATS reports an error', { error: String(data) });
  }
}
