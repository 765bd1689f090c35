/** A connection to NATS with the API client on it, for as long as a command needs it. */
import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { ApiClient } from '../../messaging/api-client.js';
import type { ConnectionOptions, NatsConnection } from '../../messaging/connection.js';
import { QuorateError } from '../../messaging/errors.js';
import { lackSentence, lacksOf } from '../../messaging/security.js';
import { subjectsOf } from '../../messaging/subjects.js';
import type { clientSettings, connectionSettings } from '../config/common.js';
import { reasonOf } from '../config/file.js';
import type { SettingValues } from '../config/setting.js';
import type { CommandContext } from './command.js';

export interface Session {
  readonly client: ApiClient;
  readonly connection: NatsConnection;
}

export type ClientSettings = SettingValues<typeof clientSettings>;
export type ConnectionSettings = SettingValues<typeof connectionSettings>;

/** Connects, works, and closes, also where the work failed or was interrupted. */
export async function withSession<T>(
  context: CommandContext,
  given: ClientSettings,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  // Loaded here and not above: `--help` and completion must not wait for what they do not use.
  const [{ connectNats }, { createApiClient }] = await Promise.all([
    import('../../messaging/connection.js'),
    import('../../messaging/api-client.js'),
  ]);
  const options: ConnectionOptions = {
    ...connectionOptions(given),
    name: `quorate ${given.as}`,
    inbox: subjectsOf(given.cluster).inbox('operator', given.as),
    connectTimeoutMs: given.timeoutMs,
  };
  const missing = lacksOf(options.servers, options);
  // Also with --quiet: it is no note.
  if (missing.length > 0)
    context.out.io.stderr.write(
      `${context.out.style('bad', `INSECURE: NATS is used ${lackSentence(missing)}`, context.out.io.stderr)}\n`,
    );
  const connection = await context.out.during(`Connecting to NATS at ${given.nats.join(', ')}`, connectNats(options));
  try {
    const client = createApiClient({
      connection,
      cluster: given.cluster,
      from: given.as,
      origin: originOf(),
      timeoutMs: given.timeoutMs,
    });
    return await work({ client, connection });
  } finally {
    await connection.close();
  }
}

/** Where this runs, for the records of what is started: `user@machine`. */
export function originOf(): string {
  return `${userName()}@${hostname()}`.slice(0, originCharactersMax);
}
const originCharactersMax = 256;

function userName(): string {
  const told = process.env['USER'] ?? process.env['LOGNAME'];
  if (told !== undefined) return told;
  try {
    return userInfo().username;
  } catch {
    // A user of whom the machine has no name, as in a container.
    return String(process.getuid?.() ?? 'unknown');
  }
}

/** @throws QuorateError `insecure`, or `invalid-config` where two ways to prove who one is are given, or a file cannot be read. */
export function connectionOptions(given: ConnectionSettings): Omit<ConnectionOptions, 'name'> {
  const password = given.password ?? secretFrom(given.passwordFile, '--password-file');
  const token = given.token ?? secretFrom(given.tokenFile, '--token-file');
  refuseSeveralCredentials(given, token);
  if (given.user !== undefined && password === undefined) {
    throw new QuorateError('invalid-config', `user ${given.user} is given without a password`, {
      remedy: 'Give it with --password-file or QUORATE_PASSWORD.',
    });
  }
  const { tlsCa, tlsCert, tlsKey } = given;
  const options: Omit<ConnectionOptions, 'name'> = {
    servers: given.nats,
    user: given.user,
    password,
    token,
    nkeySeedFile: given.nkeySeedFile,
    credsFile: given.credsFile,
    tls:
      tlsCa === undefined && tlsCert === undefined && tlsKey === undefined
        ? undefined
        : { caFile: tlsCa, certFile: tlsCert, keyFile: tlsKey },
  };
  const missing = lacksOf(options.servers, options);
  if (missing.length > 0 && !given.insecure)
    throw new QuorateError('insecure', `${options.servers.join(', ')} would be used ${lackSentence(missing)}`);
  return options;
}

function refuseSeveralCredentials(given: ConnectionSettings, token: string | undefined): void {
  const ways = [
    given.user === undefined ? '' : 'a user',
    token === undefined ? '' : 'a token',
    given.nkeySeedFile === undefined ? '' : 'an NKey seed',
    given.credsFile === undefined ? '' : 'a creds file',
  ].filter((way) => way !== '');
  if (ways.length < 2) return;
  throw new QuorateError('invalid-config', `${ways.join(' and ')} are given, and NATS takes one`, {
    remedy: 'Give one of them; look into the environment and the config file too.',
  });
}

function secretFrom(path: string | undefined, flag: string): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new QuorateError('invalid-config', `${path} cannot be read: ${reasonOf(error)}`, {
      remedy: `Correct the path given with ${flag}.`,
      cause: error,
    });
  }
}
