/**
 * A controller and a NATS server on each of three hosts, set up as docs/deployment.md says: `quorate auth init`, TLS, the own
 * server named first. Beside each host stands a user, whose client speaks to that host's NATS server alone and writes on and on.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ApiClient,
  connectNats,
  createApiClient,
  type NatsConnection,
  type NodeStatus,
  type OperationView,
  subjectsOf,
} from '../../messaging/index.js';
import { toolPath } from '../support/checkout.js';
import { quorateMain, type RunningProcess, runQuorate, startProcess, tailOf } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { addressOf, type Host, hosts, type ThreeHosts } from './network.js';

const cluster = 'site';
const port = 4222;
const writePatienceMs = 2_000;
const thinkMs = 20;
const setUpTimeoutMs = 60_000;

export interface User {
  readonly host: Host;
  readonly api: ApiClient;
  /** Ids of all entities whose creation was acknowledged to this one. */
  readonly acknowledged: readonly string[];
  /** When the last was, in milliseconds of `performance.now()`. */
  lastAt(): number;
  /** Longest time without one since this was asked last, in milliseconds. */
  takeLongestGapMs(): number;
}

interface Writer extends User {
  writeOne(): Promise<void>;
}

/** What a controller said last, and when that was heard, in milliseconds of `performance.now()`. */
export interface Heard {
  readonly status: NodeStatus;
  readonly at: number;
}

export interface Site {
  readonly users: readonly User[];
  /** What this user heard last of each controller, by id. */
  heardBy(user: User): ReadonlyMap<string, Heard>;
  /** Every entity, as this host's controller holds it. */
  idsOn(host: Host): Promise<ReadonlySet<string>>;
  logs(): string;
  end(): Promise<void>;
}

export async function startSite(network: ThreeHosts): Promise<Site> {
  const processes: RunningProcess[] = [];
  const start = async (host: Host, command: string, args: readonly string[], name: string): Promise<void> => {
    const [program, words] = network.on(host, command, args);
    processes.push(await startProcess(program, words, { name, env: { QUORATE_HTTP: 'off' } }));
  };
  const folder = path.join(temporaryDirectory('hosts'), 'auth');
  await made([
    ...['auth', 'init', '--cluster', cluster, '--dir', folder, '--operator-names', 'user1,user2,user3'],
    ...['--controller-ids', hosts.map(idOf).join(','), '--nats-host', hosts.map(addressOf).join(',')],
    ...['--reload-command', 'true'],
  ]);
  const seedOf = (role: string, name: string): string => path.join(folder, 'seeds', `${role}-${name}.seed`);
  const ca = path.join(folder, 'nats', 'ca.pem');
  for (const host of hosts) {
    const own = temporaryDirectory(`host${host}`);
    cpSync(path.join(folder, 'nats'), path.join(own, 'nats'), { recursive: true });
    const configuration = path.join(own, 'nats', 'nats-server.conf');
    writeFileSync(configuration, readFileSync(configuration, 'utf8').replaceAll(folder, own));
    await start(host, toolPath('nats-server'), ['-c', configuration], `nats${host}`);
    mkdirSync(path.join(own, 'data'));
    // The own server first: as long as it lives, a controller shares the fate of its host and of no other.
    const servers = [host, ...hosts.filter((other) => other !== host)].map(urlOf).join(',');
    await start(
      host,
      process.execPath,
      [
        ...[quorateMain, 'node', '--cluster', cluster, '--id', idOf(host), '--data-dir', path.join(own, 'data')],
        ...['--nats', servers, '--nkey-seed-file', seedOf('controller', idOf(host)), '--tls-ca', ca],
        ...(host === 1 ? ['--bootstrap'] : []),
      ],
      idOf(host),
    );
  }

  const users: (Writer & { connection: NatsConnection; heard: Map<string, Heard> })[] = [];
  let isOver = false;
  for (const host of hosts) {
    const name = `user${host}`;
    const connection = await eventually(
      () =>
        connectNats({
          servers: [urlOf(host)],
          name,
          nkeySeedFile: seedOf('operator', name),
          tls: { caFile: ca },
          inbox: subjectsOf(cluster).inbox('operator', name),
        }),
      { what: `the NATS server of host ${host}`, timeoutMs: setUpTimeoutMs, show: () => logsOf(processes) },
    );
    const api = createApiClient({ connection, cluster, from: name });
    const heard = new Map<string, Heard>();
    api.watchStatus((status) => heard.set(status.node, { status, at: performance.now() }));
    users.push({ ...writer(host, api), connection, heard });
  }
  const [first] = users;
  if (first === undefined) throw new Error('there are three hosts');

  const hears = (id: string, state: string): Promise<unknown> =>
    eventually(() => first.heard.get(id)?.status.state === state, {
      what: `${id} to be ${state}`,
      timeoutMs: setUpTimeoutMs,
      show: () => logsOf(processes),
    });
  await hears('ctrl1', 'member');
  for (const id of ['ctrl2', 'ctrl3']) {
    await hears(id, 'blank');
    await run(first.api, id);
  }
  const writing = users.map((user) => write(user));

  async function write(user: (typeof users)[number]): Promise<void> {
    while (!isOver) {
      await user.writeOne();
      await sleep(thinkMs);
    }
  }

  return {
    users,
    heardBy: (user) => users.find(({ host }) => host === user.host)?.heard ?? new Map(),
    logs: () => logsOf(processes),
    async idsOn(host) {
      const { api } = users.find((user) => user.host === host) ?? first;
      const ids = new Set<string>();
      for (let after: string | undefined; ; ) {
        const page = await api.request(
          'model.list',
          { kind: 'service', after, limit: 1000, stale: true },
          { node: idOf(host) },
        );
        for (const { id } of page.entities) ids.add(id);
        after = page.entities.at(-1)?.id;
        if (!page.more) return ids;
      }
    },
    async end() {
      isOver = true;
      await Promise.all(writing);
      await Promise.all(users.map(({ connection }) => connection.close()));
      await Promise.all(processes.map((each) => each.stop()));
    },
  };
}

/** One that writes; each of its writes is another entity, so that none hides that another is missing. */
function writer(host: Host, api: ApiClient): Writer {
  const acknowledged: string[] = [];
  let count = 0;
  let lastAt = performance.now();
  let longestGapMs = 0;
  return {
    ...{ host, api, acknowledged },
    lastAt: () => lastAt,
    takeLongestGapMs() {
      const taken = Math.max(longestGapMs, performance.now() - lastAt);
      longestGapMs = 0;
      return taken;
    },
    async writeOne() {
      count += 1;
      const id = `u${host}-${count}`;
      try {
        await api.request('model.create', { kind: 'service', id, name: id }, { timeoutMs: writePatienceMs });
      } catch {
        return; // refused, or nobody knows: nothing is promised for it
      }
      acknowledged.push(id);
      longestGapMs = Math.max(longestGapMs, performance.now() - lastAt);
      lastAt = performance.now();
    },
  };
}

export const idOf = (host: Host): string => `ctrl${host}`;
const urlOf = (host: Host): string => `tls://${addressOf(host)}:${port}`;

async function made(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runQuorate(args, { timeoutMs: setUpTimeoutMs });
  if (code !== 0) throw new Error(`quorate ${args.join(' ')} failed:\n${stderr}`);
}

async function run(api: ApiClient, node: string): Promise<OperationView> {
  const { id } = await api.request('operation.start', { workflow: 'join', node, role: 'voter' });
  const record = await eventually(
    async () => {
      const now = await api.request('operation.get', { id });
      return now.finishedAt !== null && now;
    },
    { what: `${node} to be joined`, timeoutMs: setUpTimeoutMs, intervalMs: 50 },
  );
  if (record.state !== 'done')
    throw new Error(`joining ${node} ended as ${record.state}: ${JSON.stringify(record.error)}`);
  return record;
}

const logsOf = (processes: readonly RunningProcess[]): string =>
  processes.map((each) => `${each.name}:\n${tailOf(each.logs())}`).join('\n');
