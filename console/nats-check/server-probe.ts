/**
 * What a nats-server says before anybody has proved who he is: its first line, and its certificate where it speaks TLS. By a
 * plain socket, because the client library shows neither.
 */
import { connect, isIP, type Socket } from 'node:net';
import { type DetailedPeerCertificate, connect as secure } from 'node:tls';
import { z } from 'zod';

const infoSchema = z.object({
  server_id: z.string(),
  server_name: z.string().default(''),
  version: z.string(),
  max_payload: z.number(),
  auth_required: z.boolean().default(false),
  tls_required: z.boolean().default(false),
  tls_available: z.boolean().default(false),
  /** Of the NATS cluster that it is in. */
  cluster: z.string().default(''),
  /** Where the servers of its NATS cluster are reached, itself included. */
  connect_urls: z.array(z.string()).default([]),
});
export type ServerInfo = z.infer<typeof infoSchema>;

export interface Certificate {
  /** For people: whose it is. */
  readonly subject: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface ServerProbe {
  readonly info: ServerInfo;
  readonly roundTripMs: number;
  /** Null where it speaks no TLS. The server's own first, then those that signed it. */
  readonly tls: {
    readonly certificates: readonly Certificate[];
    /** Why it is not trusted; null: it is. */
    readonly problem: string | null;
  } | null;
}

/** What the files hold that were given. */
export interface TlsGiven {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The first line of a server is shorter. */
const infoBytesMax = 64 * 1024;
const chainMax = 8;

/** @throws Error with why nothing was learned. */
export async function probeServer(url: string, tls: TlsGiven | undefined, timeoutMs: number): Promise<ServerProbe> {
  const { hostname, port, protocol } = addressOf(url);
  const began = performance.now();
  const socket = connect({ host: hostname, port });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  try {
    const info = await infoFrom(socket);
    // From the first packet to the answer: a TCP handshake and the line, which is at least one round trip.
    const roundTripMs = performance.now() - began;
    const speaksTls = info.tls_required || (info.tls_available && (tls !== undefined || protocol === 'tls:'));
    return { info, roundTripMs, tls: speaksTls ? await handshake(socket, hostname, tls) : null };
  } finally {
    socket.destroy();
  }
}

export function addressOf(url: string): {
  readonly hostname: string;
  readonly port: number;
  readonly protocol: string;
} {
  const { hostname, port, protocol } = new URL(url.includes('://') ? url : `nats://${url}`);
  return { hostname: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 4222 : Number(port), protocol };
}

function infoFrom(socket: Socket): Promise<ServerInfo> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const onData = (chunk: Buffer): void => {
      heard += chunk.toString('utf8');
      const end = heard.indexOf('\r\n');
      if (end < 0 && heard.length < infoBytesMax) return;
      socket.off('data', onData);
      const line = /^INFO (\{.*\})\s*$/.exec(heard.slice(0, Math.max(end, 0)));
      const parsed = infoSchema.safeParse(parsedOrNothing(line?.[1] ?? ''));
      if (parsed.success) resolve(parsed.data);
      else reject(new Error('what answers there is no nats-server'));
    };
    socket.on('data', onData);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('it closed the connection without a word')));
  });
}

function parsedOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function handshake(socket: Socket, hostname: string, given: TlsGiven = {}): Promise<NonNullable<ServerProbe['tls']>> {
  return new Promise((resolve, reject) => {
    const secured = secure({
      socket,
      servername: isIP(hostname) === 0 ? hostname : undefined,
      host: hostname,
      ...given,
      // Looked at, not relied upon: nothing is sent over this connection.
      rejectUnauthorized: false,
    });
    secured.once('secureConnect', () => {
      const { authorizationError } = secured;
      resolve({
        certificates: chainOf(secured.getPeerCertificate(true)),
        problem: secured.authorized ? null : String(authorizationError),
      });
      secured.destroy();
    });
    secured.once('error', reject);
  });
}

function chainOf(first: DetailedPeerCertificate): readonly Certificate[] {
  const chain: Certificate[] = [];
  const seen = new Set<string>();
  for (let each = first; chain.length < chainMax && !seen.has(each.fingerprint256); each = each.issuerCertificate) {
    if (each.valid_to === undefined) break;
    seen.add(each.fingerprint256);
    chain.push({ subject: String(each.subject?.CN ?? 'without a name'), expiresAt: Date.parse(each.valid_to) });
    if (each.issuerCertificate === undefined) break;
  }
  return chain;
}
