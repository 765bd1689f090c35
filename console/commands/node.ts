/** `quorate node`: one controller. The only command that loads it. */
import { join, resolve } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import { nodeIdSchema } from '../../messaging/identifiers.js';
import { spokenVersions } from '../../messaging/protocol.js';
import {
  connectionSettings,
  controllerIdFlag,
  dataDirectoryFlag,
  logFormatSetting,
  logSettings,
  parentSetting,
  setting,
} from '../config/common.js';
import { anyText, durationMs, httpAddress, integer, list, onOff, path, text } from '../config/setting.js';
import { defineCommand } from './command.js';
import { connectionOptions } from './session.js';
import { aborted, stopSignal } from './signals.js';

export const nodeCommand = defineCommand({
  path: ['node'],
  summary: 'Run a controller',
  description:
    'Runs until SIGTERM or Ctrl-C, and logs to stderr. Exactly one controller of a new cluster is started with --bootstrap, on an empty data directory; all others start blank, announce themselves, and are joined with `quorate members join ID`. A controller that was stopped is started again with the same command; --bootstrap and --restore-from then have no effect, and its status says so. With --standalone it serves routers alone, until `quorate migrate` makes it the first member of a cluster.',
  runsUntilStopped: true,
  settings: {
    id: setting({
      ...controllerIdFlag,
      required: true,
      describe: 'Id of the controller, never used for another one',
      schema: text(nodeIdSchema),
    }),
    dataDirectory: setting({
      ...dataDirectoryFlag,
      required: true,
      describe: 'Directory of this controller alone; made where it is missing',
      schema: path,
    }),
    bootstrap: setting({
      flag: 'bootstrap',
      env: 'QUORATE_BOOTSTRAP',
      key: 'node.bootstrap',
      group: 'Options',
      describe: 'Begin a new cluster, where the data directory is empty and no cluster of this name is there',
      schema: onOff,
    }),
    restoreFrom: setting({
      flag: 'restore-from',
      env: 'QUORATE_RESTORE_FROM',
      key: 'node.restoreFrom',
      placeholder: 'FILE',
      group: 'Options',
      completes: 'file',
      describe:
        'Begin a new cluster on this snapshot, where the data directory is empty and no cluster of this name is there',
      schema: path.optional(),
    }),
    standalone: setting({
      flag: 'standalone',
      env: 'QUORATE_STANDALONE',
      key: 'node.standalone',
      group: 'Options',
      describe:
        'Serve routers alone, without a cluster, where the data directory is empty and nothing of this name is there',
      schema: onOff,
    }),
    name: setting({
      flag: 'name',
      env: 'QUORATE_NODE_NAME',
      key: 'node.name',
      placeholder: 'NAME',
      group: 'Options',
      describe: 'Name for people',
      defaultText: 'the id',
      schema: anyText.optional(),
    }),
    advertise: setting({
      flag: 'advertise',
      env: 'QUORATE_ADVERTISE',
      key: 'node.advertise',
      placeholder: 'URL,...',
      repeatable: true,
      group: 'Options',
      describe: 'NATS servers through which routers reach this controller',
      defaultText: '--nats',
      schema: list(anyText).optional(),
    }),
    electionTimeout: setting({
      flag: 'election-timeout',
      env: 'QUORATE_ELECTION_TIMEOUT',
      key: 'node.electionTimeout',
      placeholder: 'TIME',
      group: 'Options',
      describe: 'Without a leader an election starts after this time, up to twice as long; equal on all members',
      defaultText: '200ms',
      schema: durationMs(50, 60_000).default(200),
    }),
    heartbeatInterval: setting({
      flag: 'heartbeat-interval',
      env: 'QUORATE_HEARTBEAT_INTERVAL',
      key: 'node.heartbeatInterval',
      placeholder: 'TIME',
      group: 'Options',
      describe: 'A leader sends heartbeats this often; at most a third of the election timeout',
      defaultText: '50ms',
      schema: durationMs(10, 20_000).default(50),
    }),
    priority: setting({
      flag: 'priority',
      env: 'QUORATE_PRIORITY',
      key: 'node.priority',
      placeholder: 'N',
      group: 'Options',
      describe: 'Among members that are well, the one with the highest leads: it takes over by itself',
      defaultText: '0',
      schema: integer(0, 1_000).default(0),
    }),
    compactEvery: setting({
      flag: 'compact-every',
      env: 'QUORATE_COMPACT_EVERY',
      key: 'node.compactEvery',
      placeholder: 'N',
      group: 'Options',
      describe: 'Compact the log each time this many entries were applied',
      defaultText: '20000',
      schema: integer(10, 10_000_000).default(20_000),
    }),
    compactKeep: setting({
      flag: 'compact-keep',
      env: 'QUORATE_COMPACT_KEEP',
      key: 'node.compactKeep',
      placeholder: 'N',
      group: 'Options',
      describe: 'Entries that a compaction keeps, for members that are a little behind',
      defaultText: '10000',
      schema: integer(0, 10_000_000).default(10_000),
    }),
    requestsPerSecond: setting({
      flag: 'requests-per-second',
      env: 'QUORATE_REQUESTS_PER_SECOND',
      key: 'node.requestsPerSecond',
      placeholder: 'N',
      group: 'Options',
      describe: 'Requests that one operator or client may send in a second; what is over it is refused as overloaded',
      defaultText: '20000',
      schema: integer(1, 10_000_000).default(20_000),
    }),
    compareEvery: setting({
      flag: 'compare-every',
      env: 'QUORATE_COMPARE_EVERY',
      key: 'node.compareEvery',
      placeholder: 'TIME',
      group: 'Options',
      describe: 'As leader, compare the models of the members this often',
      defaultText: '10m',
      schema: durationMs(100, 7 * 24 * 3_600_000).default(600_000),
    }),
    backupEvery: setting({
      flag: 'backup-every',
      env: 'QUORATE_BACKUP_EVERY',
      key: 'node.backup.every',
      placeholder: 'TIME',
      group: 'Options',
      describe: 'Write a snapshot this often, and read it back',
      defaultText: 'no scheduled backups',
      schema: durationMs(1_000, 7 * 24 * 3_600_000).optional(),
    }),
    backupKeep: setting({
      flag: 'backup-keep',
      env: 'QUORATE_BACKUP_KEEP',
      key: 'node.backup.keep',
      placeholder: 'N',
      group: 'Options',
      describe: 'Scheduled backups that are kept; older ones are deleted when the new one is verified',
      defaultText: '7',
      schema: integer(1, 1_000).default(7),
    }),
    backupDirectory: setting({
      flag: 'backup-dir',
      env: 'QUORATE_BACKUP_DIR',
      key: 'node.backup.dir',
      placeholder: 'DIR',
      group: 'Options',
      completes: 'directory',
      describe: 'Where scheduled backups go, made to be mounted or synchronised; several controllers may share it',
      defaultText: 'backups in the data directory',
      schema: path.optional(),
    }),
    http: setting({
      flag: 'http',
      env: 'QUORATE_HTTP',
      key: 'node.http',
      placeholder: 'HOST:PORT',
      group: 'Options',
      describe: 'Serve /livez, /readyz and /metrics here; `off`: nowhere. Port 0 is any that is free',
      defaultText: '127.0.0.1, the first free port from 4280 to 4299',
      schema: httpAddress,
    }),
    logFormat: logFormatSetting('node.logFormat'),
    exitWithParent: parentSetting,
    ...connectionSettings,
    ...logSettings,
  },
  examples: [
    {
      comment: 'The first controller of a new cluster',
      line: 'quorate node --id ctrl1 --data-dir /var/lib/quorate --cluster demo --bootstrap',
    },
    {
      comment: 'One that serves alone',
      line: 'quorate node --id ctrl1 --data-dir /var/lib/quorate --cluster demo --standalone',
    },
    {
      comment: 'Another one, to be joined',
      line: 'quorate node --id ctrl2 --data-dir /var/lib/quorate --cluster demo --nats tls://10.0.0.1:4222 --tls-ca ca.pem --nkey-seed-file ctrl2.seed',
    },
    {
      comment: 'The first controller of a new cluster, on the model of a backup; the others join',
      line: 'quorate node --id ctrl1 --data-dir /var/lib/quorate --cluster demo --restore-from /backup/good.snapshot',
    },
    { comment: 'From a config file with a `node:` section', line: 'quorate node --config /etc/quorate/quorate.yaml' },
  ],
  async run(context, given) {
    if (given.heartbeatInterval * 3 > given.electionTimeout) {
      throw new QuorateError(
        'usage',
        `a heartbeat every ${given.heartbeatInterval} ms is too rare for an election timeout of ${given.electionTimeout} ms`,
        { remedy: 'Let --election-timeout be at least three times --heartbeat-interval.' },
      );
    }
    const stop = stopSignal(context, given.exitWithParent);
    const { runController, timingOf } = await import('../../node/server/main.js');
    const nats = connectionOptions(given);
    const starting = runController({
      timing: timingOf(given.electionTimeout, given.heartbeatInterval),
      compaction: { everyEntries: given.compactEvery, keepEntries: given.compactKeep },
      priority: given.priority,
      compareEveryMs: given.compareEvery,
      backup:
        given.backupEvery === undefined
          ? undefined
          : {
              everyMs: given.backupEvery,
              keep: given.backupKeep,
              directory: resolve(given.backupDirectory ?? join(given.dataDirectory, 'backups')),
            },
      cluster: given.cluster,
      nodeId: given.id,
      name: given.name ?? given.id,
      dataDirectory: given.dataDirectory,
      nats,
      insecure: given.insecure,
      requestsPerSecondMax: given.requestsPerSecond,
      protocol: spokenVersions(context.env),
      advertise: given.advertise ?? nats.servers,
      bootstrap: given.bootstrap,
      restoreFrom: given.restoreFrom === undefined ? null : resolve(given.restoreFrom),
      standalone: given.standalone,
      http: given.http,
      logLevel: given.logLevel,
      logPretty: given.logFormat === undefined ? context.out.io.stderr.isTTY === true : given.logFormat === 'text',
    });
    // It waits for a NATS server as long as it takes, but not when it is to stop.
    const controller = await Promise.race([starting, aborted(stop)]);
    if (controller === undefined) return;
    const onStop = (): void => void controller.stop();
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop, { once: true });
    await controller.closed;
  },
});
