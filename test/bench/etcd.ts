/**
 * The peer: three etcd members on loopback, and a client of their gRPC interface on Node's own HTTP/2, one connection to the
 * leader, as ours has one connection to NATS.
 */
import { mkdirSync } from 'node:fs';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { createServer } from 'node:net';
import path from 'node:path';
import { type RunningProcess, startProcess } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

export interface Etcd {
  readonly version: string;
  /** Through the member that led when this began. */
  put(key: string, value: Uint8Array): Promise<void>;
  /** A client of its own, which goes to the next member when one does not answer; `first` is the place of its first. */
  roamingClient(first: number): RoamingClient;
  /** Place of the member that leads; waits until all that run name the same one. */
  leader(): Promise<number>;
  /** SIGKILL. */
  kill(member: number): Promise<void>;
  /** Starts it again on its directory, and waits until all members are well. */
  restart(member: number): Promise<void>;
  /** To the member after the one that leads; returns when it leads. */
  moveLeader(): Promise<void>;
  stop(): Promise<void>;
}

export interface RoamingClient {
  /** Retried until it is acknowledged. */
  put(key: string, value: Uint8Array): Promise<void>;
  close(): void;
}

const members = 3;
const places = Array.from({ length: members }, (_, member) => member);
const electionMaxMs = 30_000;

/** `more`: further arguments of each member, e.g. its timeouts. */
export async function startEtcd(binary: string, more: readonly string[] = []): Promise<Etcd> {
  const ports = await freePorts(members * 2);
  const directory = temporaryDirectory('etcd');
  const urlOf = (member: number): string => `http://127.0.0.1:${ports[member * 2]}`;
  const peerUrlOf = (member: number): string => `http://127.0.0.1:${ports[member * 2 + 1]}`;
  const peers = places.map((member) => `e${member}=${peerUrlOf(member)}`).join(',');

  function start(member: number): Promise<RunningProcess> {
    const dataDirectory = path.join(directory, `e${member}`);
    mkdirSync(dataDirectory, { mode: 0o700, recursive: true });
    return startProcess(
      binary,
      [
        ...['--name', `e${member}`, '--data-dir', dataDirectory, '--log-level', 'error'],
        ...['--listen-client-urls', urlOf(member), '--advertise-client-urls', urlOf(member)],
        ...['--listen-peer-urls', peerUrlOf(member), '--initial-advertise-peer-urls', peerUrlOf(member)],
        ...['--initial-cluster', peers, '--initial-cluster-state', 'new', '--initial-cluster-token', 'bench'],
        ...more,
      ],
      { name: `e${member}` },
    );
  }

  const running: RunningProcess[] = [];
  for (const member of places) running.push(await start(member));

  async function leader(): Promise<number> {
    const found = await eventually(
      async () => {
        const alive = places.filter((member) => running[member]?.isRunning());
        const statuses = await Promise.all(alive.map((member) => statusOf(urlOf(member))));
        const place = statuses.findIndex(({ own, leads }) => own === leads);
        const named = new Set(statuses.map(({ leads }) => leads));
        return named.size === 1 && place >= 0 && { member: alive[place] ?? 0 };
      },
      { what: 'an etcd leader that all name', timeoutMs: electionMaxMs },
    );
    return found.member;
  }

  const first = urlOf(await leader());
  const { etcdserver } = JSON.parse(await textOf(`${first}/version`)) as { etcdserver: string };
  const session = connect(first);
  session.setMaxListeners(0);
  session.on('error', () => undefined); // the requests on it fail, which says enough
  return {
    version: etcdserver,
    put: (key, value) => put(session, key, value),
    roamingClient: (place) => roamingClient(places.map((member) => urlOf((place + member) % members))),
    leader,
    async kill(member) {
      await running[member]?.kill('SIGKILL');
    },
    async restart(member) {
      running[member] = await start(member);
      const areWell = async (): Promise<boolean> => {
        const answers = await Promise.all(places.map((place) => textOf(`${urlOf(place)}/health`)));
        return answers.every((answer) => answer.includes('"true"'));
      };
      await eventually(areWell, { what: 'all etcd members to be well', timeoutMs: electionMaxMs });
      await leader();
    },
    async moveLeader() {
      const from = await leader();
      const { own: targetID } = await statusOf(urlOf((from + 1) % members));
      await textOf(`${urlOf(from)}/v3/maintenance/transfer-leadership`, JSON.stringify({ targetID }));
    },
    async stop() {
      session.close();
      await Promise.all(running.map((process) => process.isRunning() && process.kill('SIGTERM')));
    },
  };
}

/** One attempt; a member that has lost its leader may otherwise keep a client waiting for seven seconds. */
const attemptTimeoutMs = 200;

function roamingClient(urls: readonly string[]): RoamingClient {
  let place = 0;
  let session: ClientHttp2Session | undefined;

  function current(): ClientHttp2Session {
    if (session !== undefined && !session.destroyed && !session.closed) return session;
    session = connect(urls[place % urls.length] ?? '');
    session.on('error', () => undefined);
    return session;
  }

  return {
    async put(key, value) {
      for (;;) {
        try {
          return await put(current(), key, value, attemptTimeoutMs);
        } catch {
          session?.destroy();
          place += 1;
        }
      }
    },
    close: () => session?.destroy(),
  };
}

async function statusOf(url: string): Promise<{ readonly own: string; readonly leads: string }> {
  const { header, leader } = JSON.parse(await textOf(`${url}/v3/maintenance/status`, '{}')) as {
    header: { member_id: string };
    leader?: string;
  };
  return { own: header.member_id, leads: leader ?? '' };
}

async function textOf(url: string, body?: string): Promise<string> {
  const answer = await fetch(url, body === undefined ? {} : { method: 'POST', body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return text;
}

/** One unary call of `etcdserverpb.KV/Put`: a five-byte frame header, then the message. */
function put(session: ClientHttp2Session, key: string, value: Uint8Array, timeoutMs?: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/etcdserverpb.KV/Put',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    if (timeoutMs !== undefined) stream.setTimeout(timeoutMs, () => stream.close(constants.NGHTTP2_CANCEL));
    let status: string | undefined;
    stream.on('trailers', (trailers) => {
      status = String(trailers['grpc-status']);
    });
    stream.on('error', reject);
    stream.on('close', () =>
      status === '0' ? resolve() : reject(new Error(`etcd answered with the status ${status}`)),
    );
    stream.resume();
    stream.end(frame(key, value));
  });
}

/** PutRequest { bytes key = 1; bytes value = 2; } */
function frame(key: string, value: Uint8Array): Buffer {
  const keyBytes = Buffer.from(key);
  const message = Buffer.concat([
    Buffer.from([0x0a, ...varint(keyBytes.length)]),
    keyBytes,
    Buffer.from([0x12, ...varint(value.length)]),
    value,
  ]);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(
    servers.map(
      (server) => new Promise((resolve) => (server.listening ? resolve(undefined) : server.once('listening', resolve))),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
