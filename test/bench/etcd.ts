/**
 * The peer: three etcd members on loopback, and a client of their gRPC interface on Node's own HTTP/2, one connection to the
 * leader, as ours has one connection to NATS.
 */
import { mkdirSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { createServer } from 'node:net';
import path from 'node:path';
import { type RunningProcess, startProcess } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

export interface Etcd {
  readonly version: string;
  put(key: string, value: Uint8Array): Promise<void>;
  stop(): Promise<void>;
}

const members = 3;

export async function startEtcd(binary: string): Promise<Etcd> {
  const ports = await freePorts(members * 2);
  const directory = temporaryDirectory('etcd');
  const peers = Array.from(
    { length: members },
    (_, member) => `e${member}=http://127.0.0.1:${ports[member * 2 + 1]}`,
  ).join(',');
  const running: RunningProcess[] = [];
  for (let member = 0; member < members; member += 1) {
    const [client, peer] = [`http://127.0.0.1:${ports[member * 2]}`, `http://127.0.0.1:${ports[member * 2 + 1]}`];
    const dataDirectory = path.join(directory, `e${member}`);
    mkdirSync(dataDirectory, { mode: 0o700 });
    running.push(
      await startProcess(
        binary,
        [
          ...['--name', `e${member}`, '--data-dir', dataDirectory, '--log-level', 'error'],
          ...['--listen-client-urls', client, '--advertise-client-urls', client],
          ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
          ...['--initial-cluster', peers, '--initial-cluster-state', 'new', '--initial-cluster-token', 'bench'],
        ],
        { name: `e${member}` },
      ),
    );
  }
  const urls = Array.from({ length: members }, (_, member) => `http://127.0.0.1:${ports[member * 2]}`);
  const leader = await eventually(
    async () => {
      for (const url of urls) if ((await textOf(`${url}/metrics`)).includes('\netcd_server_is_leader 1')) return url;
      return undefined;
    },
    { what: 'an etcd leader', timeoutMs: 30_000 },
  );
  const { etcdserver } = JSON.parse(await textOf(`${leader}/version`)) as { etcdserver: string };
  const session = connect(leader);
  session.setMaxListeners(0);
  return {
    version: etcdserver,
    put: (key, value) => put(session, key, value),
    async stop() {
      session.close();
      await Promise.all(running.map((process) => process.kill('SIGTERM')));
    },
  };
}

async function textOf(url: string): Promise<string> {
  return (await fetch(url)).text();
}

/** One unary call of `etcdserverpb.KV/Put`: a five-byte frame header, then the message. */
function put(session: ClientHttp2Session, key: string, value: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/etcdserverpb.KV/Put',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
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
