/**
 * The connection to NATS: the only module that knows the client library. It reconnects for ever, notices a dead server
 * within seconds, and turns the library's errors into ours.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity as checkIdentity } from 'node:tls';
import {
  connect,
  credsAuthenticator,
  Events,
  type NatsConnection,
  NatsError,
  ErrorCode as NatsErrorCode,
  type ConnectionOptions as NatsOptions,
  nkeyAuthenticator,
} from 'nats';
import { QuorateError } from './errors.js';
import { publicKeyOf } from './nkeys.js';
import { hostOf } from './security.js';

export type { Msg, NatsConnection, Service, Subscription } from 'nats';
export { Events as NatsEvents, headers as natsHeaders } from 'nats';

export interface ConnectionOptions {
  /** `nats://host:port`, `tls://host:port` or `host:port`. */
  readonly servers: readonly string[];
  /** Shown by the NATS server in its list of connections. */
  readonly name: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** File that holds an NKey seed; read anew at each attempt to connect, so that a new key needs no restart. */
  readonly nkeySeedFile?: string;
  /** File made by `nsc`, holding a JWT and a seed. */
  readonly credsFile?: string;
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  readonly connectTimeoutMs?: number;
  /** Tries the servers in the order given, in place of any order: for who lists its own host's first. */
  readonly inOrder?: boolean;
  /**
   * Keep trying until a server answers, instead of failing at the first attempt; and once connected go on trying also where
   * the credentials are refused, for they may be good again.
   */
  readonly waitForServer?: boolean;
  /** What answers to this one's requests begin with: see `Subjects.inbox`. Default: the inbox that all share. */
  readonly inbox?: string;
}

/** NATS's own pings notice a dead server after this long times {@link pingsUnansweredMax}. */
const pingIntervalMs = 2_000;
const pingsUnansweredMax = 2;
const reconnectWaitMs = 100;
const reconnectJitterMs = 100;
/** Credentials that were refused are not good again in the next moment. */
const refusedWaitMs = 2_000;

/** @throws QuorateError `nats-unreachable`, `nats-refused` or `invalid-config`. */
export async function connectNats(options: ConnectionOptions): Promise<NatsConnection> {
  try {
    if (options.waitForServer !== true) return await connect(toNatsOptions(options));
    return await connectForEver(options);
  } catch (error) {
    throw asConnectionError(error, options.servers);
  }
}

/** The library gives up where it is refused twice. While it connects at first that is right; later a key may be exchanged. */
async function connectForEver(options: ConnectionOptions): Promise<NatsConnection> {
  let isRefused = false;
  const natsOptions: NatsOptions = {
    ...toNatsOptions(options),
    reconnectDelayHandler: () => (isRefused ? refusedWaitMs : reconnectWaitMs) + Math.random() * reconnectJitterMs,
  };
  const connection = await connect(natsOptions);
  // The library works on a copy of what it was given, which its types do not show.
  (connection as unknown as { readonly options: NatsOptions }).options.ignoreAuthErrorAbort = true;
  void (async () => {
    for await (const { type, data } of connection.status()) {
      if (type === Events.Reconnect) isRefused = false;
      else if (type === Events.Error) isRefused = typeof data === 'string' && unknownCodes.has(data);
    }
  })();
  return connection;
}

function toNatsOptions(options: ConnectionOptions): NatsOptions {
  const tls = options.tls ?? (options.servers.some(asksForTls) ? {} : undefined);
  return {
    servers: [...options.servers],
    noRandomize: options.inOrder ?? false,
    name: options.name,
    user: options.user,
    pass: options.password,
    token: options.token,
    authenticator: authenticatorOf(options),
    tls: tls === undefined ? undefined : tlsOptions(tls, options.servers),
    timeout: options.connectTimeoutMs ?? 5_000,
    waitOnFirstConnect: options.waitForServer ?? false,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: reconnectJitterMs,
    reconnectJitterTLS: reconnectJitterMs,
    pingInterval: pingIntervalMs,
    maxPingOut: pingsUnansweredMax,
    // Otherwise each request makes two errors beforehand, for their stacks: a quarter of what a request costs.
    noAsyncTraces: true,
    ...(options.inbox === undefined ? {} : { inboxPrefix: options.inbox }),
  };
}

/**
 * The library says nothing of the host to TLS where it is an address, and TLS then asks for a certificate of "localhost". So
 * the addresses that were given are tried too: a server has to show a certificate of one of them.
 */
function tlsOptions(
  { caFile, certFile, keyFile }: NonNullable<ConnectionOptions['tls']>,
  servers: readonly string[],
): NonNullable<NatsOptions['tls']> {
  const addresses = servers.map(hostOf).filter((host) => isIP(host) !== 0);
  const checkServerIdentity: typeof checkIdentity = (host, certificate) => {
    const problem = checkIdentity(host, certificate);
    const isNamed = addresses.some((address) => checkIdentity(address, certificate) === undefined);
    return isNamed ? undefined : problem;
  };
  // Handed on to TLS as it is, though the library's types do not say so.
  const options = { caFile, certFile, keyFile, checkServerIdentity };
  return options;
}

/** The library takes the scheme for nothing but a word, and a server without TLS would do. One that asks for it asks for all. */
function asksForTls(server: string): boolean {
  return server.startsWith('tls://');
}

function authenticatorOf(options: ConnectionOptions): NatsOptions['authenticator'] {
  if (options.credsFile !== undefined) return credsAuthenticator(readSecret(options.credsFile));
  if (options.nkeySeedFile !== undefined) {
    return seedAuthenticator(options.nkeySeedFile);
  }
  return undefined;
}

/** @throws QuorateError `invalid-config` where there is no seed in the file now. */
function seedAuthenticator(path: string): NatsOptions['authenticator'] {
  const read = (): ReturnType<typeof nkeyAuthenticator> => {
    const seed = new TextDecoder().decode(readSecret(path)).trim();
    if (publicKeyOf(seed) === null) throw new QuorateError('invalid-config', `there is no NKey seed in ${path}`);
    return nkeyAuthenticator(new TextEncoder().encode(seed));
  };
  let last = read();
  return (nonce) => {
    try {
      last = read();
    } catch {
      // It is being exchanged, or was taken away: the one before says who we are.
    }
    return last(nonce);
  };
}

function readSecret(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new QuorateError('invalid-config', `the credentials file ${path} cannot be read`, { cause: error });
  }
}

function asConnectionError(error: unknown, servers: readonly string[]): QuorateError {
  if (error instanceof QuorateError) return error;
  const where = servers.join(', ');
  if (error instanceof NatsError && refusedCodes.has(error.code)) {
    return new QuorateError('nats-refused', `the NATS server at ${where} refused the connection: ${error.message}`, {
      cause: error,
    });
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new QuorateError('nats-unreachable', `no NATS server answers at ${where}: ${reason}`, { cause: error });
}

/** The server does not know who connects, or no longer. */
const unknownCodes: ReadonlySet<string> = new Set([
  NatsErrorCode.AuthorizationViolation,
  NatsErrorCode.AuthenticationExpired,
  NatsErrorCode.AuthenticationTimeout,
]);
const refusedCodes: ReadonlySet<string> = new Set([
  ...unknownCodes,
  NatsErrorCode.PermissionsViolation,
  NatsErrorCode.BadCreds,
]);

/** What a failed request means for the caller. */
export function asRequestError(error: unknown, what: string): QuorateError {
  if (error instanceof QuorateError) return error;
  if (error instanceof NatsError) {
    if (error.code === NatsErrorCode.NoResponders)
      return new QuorateError('no-responders', `nobody answered ${what}`, { cause: error });
    if (error.code === NatsErrorCode.Timeout)
      return new QuorateError('timeout', `no answer to ${what} came in time`, { cause: error });
    if (error.code === NatsErrorCode.MaxPayloadExceeded)
      return new QuorateError('too-large', `${what} is larger than the NATS server accepts`, { cause: error });
    if (error.code === NatsErrorCode.PermissionsViolation)
      return new QuorateError('nats-refused', `the credentials do not allow ${what}`, { cause: error });
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new QuorateError('nats-unreachable', `${what} could not be sent: ${reason}`, { cause: error });
}
