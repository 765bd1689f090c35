/**
 * The connection to NATS: the only module that knows the client library. It reconnects for ever, notices a dead server
 * within seconds, and turns the library's errors into ours.
 */
import { readFileSync } from 'node:fs';
import {
  connect,
  credsAuthenticator,
  type NatsConnection,
  NatsError,
  ErrorCode as NatsErrorCode,
  type ConnectionOptions as NatsOptions,
  nkeyAuthenticator,
} from 'nats';
import { QuorateError } from './errors.js';

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
  /** File that holds an NKey seed. */
  readonly nkeySeedFile?: string;
  /** File made by `nsc`, holding a JWT and a seed. */
  readonly credsFile?: string;
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  readonly connectTimeoutMs?: number;
  /** Keep trying until a server answers, instead of failing at the first attempt. */
  readonly waitForServer?: boolean;
}

/** NATS's own pings notice a dead server after this long times {@link pingsUnansweredMax}. */
const pingIntervalMs = 2_000;
const pingsUnansweredMax = 2;
const reconnectWaitMs = 100;
const reconnectJitterMs = 100;

/** @throws QuorateError `nats-unreachable`, `nats-refused` or `invalid-config`. */
export async function connectNats(options: ConnectionOptions): Promise<NatsConnection> {
  try {
    return await connect(toNatsOptions(options));
  } catch (error) {
    throw asConnectionError(error, options.servers);
  }
}

function toNatsOptions(options: ConnectionOptions): NatsOptions {
  const { tls } = options;
  return {
    servers: [...options.servers],
    name: options.name,
    user: options.user,
    pass: options.password,
    token: options.token,
    authenticator: authenticatorOf(options),
    tls: tls === undefined ? undefined : { caFile: tls.caFile, certFile: tls.certFile, keyFile: tls.keyFile },
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
  };
}

function authenticatorOf(options: ConnectionOptions): NatsOptions['authenticator'] {
  if (options.credsFile !== undefined) return credsAuthenticator(readSecret(options.credsFile));
  if (options.nkeySeedFile !== undefined) {
    const seed = new TextDecoder().decode(readSecret(options.nkeySeedFile)).trim();
    return nkeyAuthenticator(new TextEncoder().encode(seed));
  }
  return undefined;
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

const refusedCodes: ReadonlySet<string> = new Set([
  NatsErrorCode.AuthorizationViolation,
  NatsErrorCode.AuthenticationExpired,
  NatsErrorCode.AuthenticationTimeout,
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
