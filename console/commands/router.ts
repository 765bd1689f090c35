/** `quorate router`: the reference router. */
import { mkdirSync } from 'node:fs';
import { identifierSchema } from '../../messaging/identifiers.js';
import { logLevels, logLine } from '../../messaging/log-line.js';
import { spokenVersions } from '../../messaging/protocol.js';
import { softwareVersion } from '../../messaging/version.js';
import {
  connectionSettings,
  logFormatSetting,
  logSettings,
  parentSetting,
  routerDirectorySetting,
  setting,
} from '../config/common.js';
import { choice, text } from '../config/setting.js';
import { defineCommand } from './command.js';
import { connectionOptions } from './session.js';
import { stopSignal } from './signals.js';

export const routerCommand = defineCommand({
  path: ['router'],
  summary: 'Run the reference router: it follows the model and reports what it holds',
  description:
    'Runs until SIGTERM or Ctrl-C. It keeps the last good list of controllers in its data directory, and logs every change of the model to stderr: JSON lines, or short ones on a terminal.',
  runsUntilStopped: true,
  settings: {
    id: setting({
      flag: 'id',
      env: 'QUORATE_ROUTER_ID',
      key: 'router.id',
      placeholder: 'ID',
      group: 'Options',
      required: true,
      describe: 'Id of the router, unique in the cluster',
      schema: text(identifierSchema),
    }),
    dataDirectory: routerDirectorySetting,
    scope: setting({
      flag: 'scope',
      env: 'QUORATE_ROUTER_SCOPE',
      key: 'router.scope',
      placeholder: 'whole|own',
      group: 'Options',
      describe: 'What to hold: the whole model, or only what concerns this router',
      schema: choice(['whole', 'own']).default('whole'),
    }),
    logFormat: logFormatSetting('router.logFormat'),
    exitWithParent: parentSetting,
    ...connectionSettings,
    ...logSettings,
  },
  examples: [
    {
      comment: 'A router of the cluster "demo"',
      line: 'quorate router --id edge-1 --data-dir /var/lib/quorate-edge-1 --cluster demo --nats tls://10.0.0.1:4222 --tls-ca ca.pem --nkey-seed-file edge-1.seed',
    },
    {
      comment: 'The same from a config file with a `router:` section',
      line: 'quorate router --config /etc/quorate/edge-1.yaml',
    },
  ],
  async run(context, given) {
    const { servers, ...credentials } = connectionOptions(given);
    const stop = stopSignal(context, given.exitWithParent);
    mkdirSync(given.dataDirectory, { recursive: true });
    const { stderr } = context.out.io;
    const isPretty = given.logFormat === undefined ? stderr.isTTY === true : given.logFormat === 'text';
    const by = { cluster: given.cluster, router: given.id };
    const { runRouterAgent } = await import('../../messaging/router/index.js');
    await runRouterAgent({
      cluster: given.cluster,
      id: given.id,
      servers,
      credentials,
      dataDirectory: given.dataDirectory,
      version: softwareVersion,
      protocol: spokenVersions(context.env),
      scope: given.scope,
      signal: stop,
      log: (level, message, fields = {}) => {
        if (logLevels.indexOf(level) < logLevels.indexOf(given.logLevel)) return;
        stderr.write(logLine({ at: Date.now(), level, message, by, fields }, isPretty));
      },
    });
  },
});
