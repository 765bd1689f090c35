/** The settings that every command shares: how output looks, and how the cluster is reached. */
import { userInfo } from 'node:os';
import { z } from 'zod';
import { identifierSchema, toIdentifier } from '../../messaging/identifiers.js';
import { contextNameSchema } from './contexts.js';
import { anyText, choice, durationMs, list, onOff, path, type Setting, type SettingTable, text } from './setting.js';

/** Declares a setting, keeping the type of its value. */
export function setting<T>(definition: Setting<T>): Setting<T> {
  return definition;
}

/** NO_COLOR counts whatever it holds, as long as it holds something. */
const anythingGiven = z.unknown().transform((raw) => raw !== undefined && raw !== false);

export const outputSettings = {
  json: setting({
    flag: 'json',
    env: 'QUORATE_JSON',
    group: 'Output',
    describe: 'Print JSON, for scripts',
    schema: onOff,
  }),
  quiet: setting({
    flag: 'quiet',
    alias: 'q',
    group: 'Output',
    describe: 'Print results and errors only, no progress and no notes',
    schema: onOff,
  }),
  noColor: setting({
    flag: 'no-color',
    env: 'NO_COLOR',
    group: 'Output',
    describe: 'No colours; also without a terminal',
    schema: anythingGiven,
  }),
} as const satisfies SettingTable;

export const configSetting = setting({
  flag: 'config',
  alias: 'c',
  env: 'QUORATE_CONFIG',
  placeholder: 'FILE',
  group: 'Output',
  describe: 'Read settings from this YAML file',
  defaultText: './quorate.yaml, else ~/.config/quorate/config.yaml',
  completes: 'file',
  schema: path.optional(),
});

export const defaultCluster = 'default';
export const defaultServer = 'nats://127.0.0.1:4222';

/** For whoever connects to NATS, a controller or router too. */
export const connectionSettings = {
  nats: setting({
    flag: 'nats',
    alias: 's',
    env: 'QUORATE_NATS',
    key: 'nats',
    placeholder: 'URL,...',
    group: 'Connection',
    repeatable: true,
    describe: 'Addresses of NATS servers of one NATS cluster; a controller tries them in this order, others in any',
    defaultText: defaultServer,
    schema: list(natsUrl()).default([defaultServer]),
  }),
  cluster: setting({
    flag: 'cluster',
    env: 'QUORATE_CLUSTER',
    key: 'cluster',
    placeholder: 'NAME',
    group: 'Connection',
    describe: 'Name of the cluster of controllers',
    defaultText: defaultCluster,
    schema: text(identifierSchema).default(defaultCluster),
  }),
  user: setting({
    flag: 'user',
    env: 'QUORATE_USER',
    key: 'user',
    placeholder: 'NAME',
    group: 'Connection',
    describe: 'NATS user',
    schema: anyText.optional(),
  }),
  passwordFile: setting({
    flag: 'password-file',
    env: 'QUORATE_PASSWORD_FILE',
    key: 'passwordFile',
    placeholder: 'FILE',
    group: 'Connection',
    completes: 'file',
    describe: 'File that holds the password of --user; or give the password as QUORATE_PASSWORD',
    schema: path.optional(),
  }),
  tokenFile: setting({
    flag: 'token-file',
    env: 'QUORATE_TOKEN_FILE',
    key: 'tokenFile',
    placeholder: 'FILE',
    group: 'Connection',
    completes: 'file',
    describe: 'File that holds a NATS token; or give the token as QUORATE_TOKEN',
    schema: path.optional(),
  }),
  password: setting({
    env: 'QUORATE_PASSWORD',
    group: 'Connection',
    hidden: true,
    secret: true,
    describe: 'Password of --user',
    schema: anyText.optional(),
  }),
  token: setting({
    env: 'QUORATE_TOKEN',
    group: 'Connection',
    hidden: true,
    secret: true,
    describe: 'NATS token',
    schema: anyText.optional(),
  }),
  nkeySeedFile: setting({
    flag: 'nkey-seed-file',
    env: 'QUORATE_NKEY_SEED_FILE',
    key: 'nkeySeedFile',
    placeholder: 'FILE',
    group: 'Connection',
    completes: 'file',
    describe: 'File that holds an NKey seed',
    schema: path.optional(),
  }),
  credsFile: setting({
    flag: 'creds-file',
    env: 'QUORATE_CREDS_FILE',
    key: 'credsFile',
    placeholder: 'FILE',
    group: 'Connection',
    completes: 'file',
    describe: 'Credentials file made by nsc, with a JWT and a seed',
    schema: path.optional(),
  }),
  tlsCa: tlsSetting('ca', 'Certificates that the NATS server must be signed by'),
  tlsCert: tlsSetting('cert', 'Certificate to show to the NATS server'),
  tlsKey: tlsSetting('key', 'Private key of --tls-cert'),
  insecure: setting({
    flag: 'insecure',
    env: 'QUORATE_INSECURE',
    key: 'insecure',
    group: 'Connection',
    describe: 'Use NATS servers beyond this machine without authentication or TLS, and say so everywhere',
    schema: onOff,
  }),
} as const satisfies SettingTable;

/** For those who ask the controllers something. */
export const clientSettings = {
  ...connectionSettings,
  context: setting({
    flag: 'context',
    env: 'QUORATE_CONTEXT',
    placeholder: 'NAME',
    group: 'Connection',
    completes: 'context',
    describe: 'Context that says how the cluster is reached, as `quorate context list` shows them',
    defaultText: 'the one in use, where there is no config file',
    schema: text(contextNameSchema).optional(),
  }),
  as: setting({
    flag: 'as',
    env: 'QUORATE_AS',
    key: 'as',
    placeholder: 'NAME',
    group: 'Connection',
    describe: 'Name of the operator: what permissions bind and what is written down with a change',
    defaultText: 'your login name',
    schema: text(identifierSchema)
      .optional()
      .transform((given) => given ?? loginName()),
  }),
  timeoutMs: setting({
    flag: 'timeout',
    env: 'QUORATE_TIMEOUT',
    key: 'timeout',
    placeholder: 'TIME',
    group: 'Connection',
    describe: 'How long to try in all, as 500ms, 5s or 2m',
    defaultText: '10s',
    schema: durationMs(1, 3_600_000)
      .optional()
      .transform((ms) => ms ?? 10_000),
  }),
} as const satisfies SettingTable;

/** Where the id of a controller is said; each command says what for, and whether it must be. */
export const controllerIdFlag = {
  flag: 'id',
  env: 'QUORATE_NODE_ID',
  key: 'node.id',
  placeholder: 'ID',
  group: 'Options',
} as const;

/** Where the directory of a controller is said. */
export const dataDirectoryFlag = {
  flag: 'data-dir',
  env: 'QUORATE_DATA_DIR',
  key: 'node.dataDir',
  placeholder: 'DIR',
  group: 'Options',
  completes: 'directory',
} as const;

/** For those who look into the directory of a controller that does not run. */
export const dataDirectorySetting = setting({
  ...dataDirectoryFlag,
  required: true,
  describe: 'Data directory of a controller that does not run',
  schema: path,
});

/** Of a router, which makes its key there when it enrols, and runs there. */
export const routerDirectorySetting = setting({
  flag: 'data-dir',
  env: 'QUORATE_DATA_DIR',
  key: 'router.dataDir',
  placeholder: 'DIR',
  group: 'Options',
  required: true,
  completes: 'directory',
  describe: 'Directory of this router alone; made where it is missing',
  schema: path,
});

/** Read by a child of the demo: end when standard input ends, however the parent went. */
export const parentSetting = setting({
  flag: 'exit-with-parent',
  group: 'Options',
  hidden: true,
  describe: 'Stop when standard input closes',
  schema: onOff,
});

export const logFormatSetting = (key: string): Setting<'json' | 'text' | undefined> =>
  setting({
    flag: 'log-format',
    env: 'QUORATE_LOG_FORMAT',
    key,
    placeholder: 'FORMAT',
    group: 'Output',
    choices: ['json', 'text'],
    describe: 'json or text',
    defaultText: 'text on a terminal, else json',
    schema: choice(['json', 'text']).optional(),
  });

export const logSettings = {
  logLevel: setting({
    flag: 'log-level',
    env: 'QUORATE_LOG_LEVEL',
    key: 'logLevel',
    placeholder: 'LEVEL',
    group: 'Output',
    choices: ['debug', 'info', 'warn', 'error'],
    describe: 'The least important lines to log: debug, info, warn or error',
    defaultText: 'info',
    schema: choice(['debug', 'info', 'warn', 'error']).default('info'),
  }),
} as const satisfies SettingTable;

function tlsSetting(part: 'ca' | 'cert' | 'key', describe: string): Setting<string | undefined> {
  return {
    flag: `tls-${part}`,
    env: `QUORATE_TLS_${part.toUpperCase()}`,
    key: `tls.${part}File`,
    placeholder: 'FILE',
    group: 'Connection',
    completes: 'file',
    describe,
    schema: path.optional(),
  };
}

function natsUrl(): typeof anyText {
  return anyText
    .refine((given) => natsSchemes.has(parseUrl(given)?.protocol ?? '') && parseUrl(given)?.hostname !== '', {
      error: 'is not an address of a NATS server, as nats://host:4222',
    })
    .refine((given) => (parseUrl(given)?.username ?? '') === '', {
      error: 'holds credentials: give them with --user and --password-file instead',
    });
}

const natsSchemes: ReadonlySet<string> = new Set(['nats:', 'tls:']);

function parseUrl(given: string): URL | null {
  return URL.parse(given.includes('://') ? given : `nats://${given}`);
}

function loginName(): string {
  try {
    return toIdentifier(userInfo().username);
  } catch {
    return 'unknown';
  }
}
