/** Tries each server: what it says, whether it lets us in, what it allows, how long it takes, and whether the others hear it. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { type ConnectionOptions, connectNats, type NatsConnection } from '../../messaging/connection.js';
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { isLoopback } from '../../messaging/security.js';
import { subjectsOf } from '../../messaging/subjects.js';
import type { NatsFacts, Role, RouteFacts, ServerFacts } from './facts.js';
import { type Certificate, probeServer, type TlsGiven } from './server-probe.js';
import { principalOf, subjectsTriedOf, type Tried } from './subjects-tried.js';

export interface GatherOptions {
  readonly connection: Omit<ConnectionOptions, 'name'>;
  readonly cluster: string;
  readonly role: Role;
  readonly name: string;
  /** For each server. */
  readonly timeoutMs: number;
}

const roundTrips = 5;

interface Entered {
  readonly url: string;
  readonly connection: NatsConnection;
}

export async function gatherNats(options: GatherOptions): Promise<NatsFacts> {
  const { role, name } = options;
  const given = readGiven(options.connection);
  const entered: Entered[] = [];
  try {
    const servers = await Promise.all(
      options.connection.servers.map((url) => tryServer(url, options, given.tls, entered)),
    );
    return {
      now: Date.now(),
      ...{ role, name, servers },
      routes: await tryRoutes(entered, options),
      ownCertificates: given.certificates,
    };
  } finally {
    await Promise.allSettled(entered.map(({ connection }) => connection.close()));
  }
}

async function tryServer(
  url: string,
  options: GatherOptions,
  tls: TlsGiven | undefined,
  entered: Entered[],
): Promise<ServerFacts> {
  const onLoopback = isLoopback(url);
  let probe: ServerFacts['probe'];
  try {
    probe = { ok: true, value: await probeServer(url, tls, options.timeoutMs) };
  } catch (error) {
    return { url, isLoopback: onLoopback, probe: { ok: false, reason: reasonOf(error) }, connection: null };
  }
  try {
    const connection = await connectNats({
      ...options.connection,
      servers: [url],
      inbox: ownInbox(options),
      name: 'quorate check nats',
      connectTimeoutMs: options.timeoutMs,
    });
    entered.push({ url, connection });
    const tried = subjectsTriedOf(options.role, options.cluster, options.name);
    const denied = await tryPermissions(connection, tried);
    const roundTripMs = await roundTripOf(connection);
    return {
      url,
      isLoopback: onLoopback,
      probe,
      connection: { ok: true, roundTripMs, denied, notTried: tried.notTried },
    };
  } catch (error) {
    const { code, message } = toQuorateError(error);
    return { url, isLoopback: onLoopback, probe, connection: { ok: false, code, reason: message } };
  }
}

const ownInbox = ({ cluster, role, name }: GatherOptions): string =>
  subjectsOf(cluster).inbox(principalOf(role, name).role, name);

async function roundTripOf(connection: NatsConnection): Promise<number> {
  const took: number[] = [];
  for (let count = 0; count < roundTrips; count += 1) {
    const began = performance.now();
    await connection.flush();
    took.push(performance.now() - began);
  }
  return took.sort((one, other) => one - other)[Math.floor(took.length / 2)] ?? 0;
}

/** What was refused: the server says so on the connection's own stream of events, before it answers the ping behind it. */
async function tryPermissions(connection: NatsConnection, { publish, subscribe }: Tried): Promise<readonly string[]> {
  const denied = new Set<string>();
  watchRefusals(connection, (operation, subject) => denied.add(`${operation} ${subject}`));
  for (const subject of publish) connection.publish(subject);
  // Taken back in the same breath, so that what is meant for a controller does not end here.
  for (const { subject, queue } of subscribe)
    connection.subscribe(subject, { queue, callback: () => undefined }).unsubscribe();
  await connection.flush();
  // The stream of events is read in turns of its own.
  await nextTurn();
  return [...denied];
}

function watchRefusals(connection: NatsConnection, refused: (operation: string, subject: string) => void): void {
  const watch = async (): Promise<void> => {
    for await (const { permissionContext } of connection.status())
      if (permissionContext !== undefined) refused(permissionContext.operation, permissionContext.subject);
  };
  void watch().catch(() => undefined);
}

/** On the first subject that the credentials let one publish and hear. Null: there is none, or nothing to try between. */
async function tryRoutes(entered: readonly Entered[], options: GatherOptions): Promise<readonly RouteFacts[] | null> {
  if (entered.length < 2) return [];
  const token = `check-${Math.random().toString(36).slice(2)}`;
  const candidates = [`${ownInbox(options)}.${token}`, subjectsOf(options.cluster).event(`quorate-check.${token}`)];
  for (const subject of candidates) {
    const heard = await exchange(entered, subject, options.timeoutMs);
    if (heard !== null) return heard;
  }
  return null;
}

/** Each server is given one message, which every other one should hand out. Null: not allowed. */
async function exchange(
  entered: readonly Entered[],
  subject: string,
  timeoutMs: number,
): Promise<readonly RouteFacts[] | null> {
  const pairs = entered.flatMap(({ url: from }) =>
    entered.flatMap(({ url: to }) => (from === to ? [] : [{ from, to }])),
  );
  const heard = new Map<string, number>();
  let isRefused = false;
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const subscriptions = entered.map(({ url: to, connection }) => {
    watchRefusals(connection, (_operation, refused) => {
      if (refused !== subject) return;
      isRefused = true;
      end();
    });
    return connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const { from, at } = routeMessageSchema.parse(message.json());
        if (from !== to && !heard.has(`${from} ${to}`)) heard.set(`${from} ${to}`, performance.now() - at);
        if (heard.size === pairs.length) end();
      },
    });
  });
  // Interest travels from server to server: until it has, nothing comes. So it is sent again.
  const send = (): void => {
    for (const { url, connection } of entered)
      connection.publish(subject, JSON.stringify({ from: url, at: performance.now() }));
  };
  const again = setInterval(send, routeAgainMs);
  const timer = setTimeout(end, Math.min(timeoutMs, routeWaitMaxMs));
  send();
  await ended;
  clearInterval(again);
  clearTimeout(timer);
  for (const subscription of subscriptions) subscription.unsubscribe();
  return isRefused ? null : pairs.map(({ from, to }) => ({ from, to, ms: heard.get(`${from} ${to}`) ?? null }));
}

const routeMessageSchema = z.object({ from: z.string(), at: z.number() });
const routeAgainMs = 200;
const routeWaitMaxMs = 3_000;

// --------------------------------------------------------------------------------------------------------- what was given

/** What the files hold. @throws QuorateError `invalid-config` where one cannot be read */
interface Given {
  readonly tls: TlsGiven | undefined;
  readonly certificates: readonly Certificate[];
}

function readGiven({ tls, credsFile }: GatherOptions['connection']): Given {
  const ca = fileGiven(tls?.caFile);
  const cert = fileGiven(tls?.certFile);
  return {
    tls: tls === undefined ? undefined : { ca, cert, key: fileGiven(tls.keyFile) },
    certificates: [
      ...certificatesIn(ca, '--tls-ca'),
      ...certificatesIn(cert, '--tls-cert'),
      ...credentialsIn(fileGiven(credsFile)),
    ],
  };
}

function fileGiven(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new QuorateError('invalid-config', `${file} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

function certificatesIn(text: string | undefined, what: string): readonly Certificate[] {
  const blocks = text?.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.flatMap((block) => {
    try {
      const { subject, validTo } = new X509Certificate(block);
      const name = /CN=([^\n]+)/.exec(subject)?.[1] ?? 'without a name';
      return [{ subject: `${name} (${what})`, expiresAt: Date.parse(validTo) }];
    } catch {
      // That it is of no use, the connection finds out.
      return [];
    }
  });
}

const claimsSchema = z.object({ exp: z.number().positive() });

/** A JWT says itself when it expires; most never do. */
function credentialsIn(text: string | undefined): readonly Certificate[] {
  const payload = /eyJ[\w-]+\.([\w-]+)\.[\w-]+/.exec(text ?? '')?.[1];
  const claims = claimsSchema.safeParse(parsedOrNothing(Buffer.from(payload ?? '', 'base64url').toString('utf8')));
  return claims.success ? [{ subject: 'the credentials of --creds-file', expiresAt: claims.data.exp * 1_000 }] : [];
}

function parsedOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'there is no such host';
    case 'ENOENT':
      return 'there is no such file';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'there is no way there';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
