/**
 * A real cluster, with a router and those who watch it, that gets hostile messages on every subject; and what of it is
 * measured: whether every process lives, how much memory and log it takes, and whether writes go on.
 *
 * The NATS server is open: the sender may speak on every subject, as no permissions let him. What he cannot do is forge what
 * only a member knows how to say (a Raft message of this very cluster that never was): whoever can do that is a member.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Msg } from '../../messaging/connection.js';
import { connectNats, type NatsConnection } from '../../messaging/connection.js';
import { subjectsOf } from '../../messaging/subjects.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { type RunningProcess, startProcess, startQuorate } from '../support/process.js';
import { type Random, seededRandom } from '../support/random.js';
import {
  broken,
  changed,
  deep,
  drawKind,
  huge,
  json,
  messagePack,
  type PayloadKind,
  randomBytes,
  randomObject,
  randomValue,
} from './payloads.js';
import { drawTarget, type World } from './targets.js';

export interface FuzzOptions {
  readonly messages: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

export interface ProcessFigures {
  readonly name: string;
  readonly residentBeforeBytes: number;
  readonly residentMaxBytes: number;
  readonly logBytes: number;
}

export interface FuzzReport {
  readonly seed: number;
  readonly messages: number;
  readonly byKind: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly writes: number;
  readonly longestWriteGapMs: number;
  readonly rejected: number;
  /** Terms that began meanwhile. */
  readonly elections: number;
  readonly processes: readonly ProcessFigures[];
  readonly problems: readonly string[];
}

/** Real messages that are kept, to be sent again. */
const capturedMax = 2_000;
/** What a controller may take: with more than that, it would end. */
const heapMebibytesMax = 256;
/** Sent before NATS is waited for. */
const batch = 250;
/** More than this above where it began, after the first hundred thousand messages too, is a leak. */
const growthMaxBytes = 400 * 1024 * 1024;
/** What is logged at most once a second per kind, with room. */
const logBytesPerSecondMax = 64 * 1024;
const logBytesMin = 512 * 1024;
const paceMaxMs = 30_000;
const writerMain = fileURLToPath(new URL('./writer.js', import.meta.url));
const writeGapMaxMs = 30_000;

/** Three controllers with little memory, and a router. */
export function startFuzzCluster(nodeArguments: readonly string[] = []): Promise<TestCluster> {
  const env = { NODE_OPTIONS: `--max-old-space-size=${heapMebibytesMax}` };
  return startCluster({ controllers: 3, routers: 1, env, nodeArguments });
}

/** On a cluster of {@link startFuzzCluster}, which is left running. */
export async function runFuzz(cluster: TestCluster, { messages, seed, say }: FuzzOptions): Promise<FuzzReport> {
  const random = seededRandom(seed);
  const watchers = await Promise.all([
    startQuorate(['status', '--watch', '--json', '--nats', cluster.natsUrl, '--cluster', cluster.name]),
    startQuorate(['events', '--json', '--nats', cluster.natsUrl, '--cluster', cluster.name]),
  ]);
  const attacker = await connectNats({ servers: [cluster.natsUrl], name: 'attacker' });
  const captured = capture(attacker, cluster.name, random);
  const statuses = cluster.statuses();
  const ids = [...statuses.keys()];
  const world: World = { subjects: subjectsOf(cluster.name), controllers: ids, routers: ['r1'] };
  const processes = processesOf(cluster, ids, watchers);
  const before = new Map(processes.map(({ name, process }) => [name, residentBytes(process)]));
  const most = new Map(before);
  const logsBefore = new Map(processes.map(({ name, process }) => [name, logBytes(name, process)]));
  const writer = await startWriter(cluster);
  const termBefore = elections(cluster);
  const began = performance.now();
  const byKind: Record<string, number> = {};
  const problems: string[] = [];
  let sent = 0;
  while (sent < messages && problems.length === 0) {
    for (let place = 0; place < batch && sent < messages; place += 1, sent += 1) {
      const kind = send(attacker, random, world, captured);
      byKind[kind] = (byKind[kind] ?? 0) + 1;
    }
    await paced(attacker, world);
    for (const { name, process } of processes) {
      if (!process.isRunning()) problems.push(`${name} has ended:\n${process.logs().slice(-2_000)}`);
      else most.set(name, Math.max(most.get(name) ?? 0, residentBytes(process)));
    }
    if (sent % 10_000 === 0)
      say(
        `${sent} messages, ${Math.round(sent / ((performance.now() - began) / 1000))} a second; ${processes.map(({ name, process }) => `${name} ${Math.round(residentBytes(process) / 1024 / 1024)}`).join(', ')} MiB`,
      );
  }
  const seconds = (performance.now() - began) / 1000;
  const { writes, longestGapMs } = await writer.end();
  if (longestGapMs > writeGapMaxMs) problems.push(`no write was acknowledged for ${Math.round(longestGapMs)} ms`);
  if (writes === 0) problems.push('no write was acknowledged');
  await attacker.close();
  await cluster.agrees(60_000).catch((error: unknown) => problems.push(String(error)));
  const figures = processes.map(({ name, process }) => {
    const residentBeforeBytes = before.get(name) ?? 0;
    return {
      ...{ name, residentBeforeBytes, residentMaxBytes: most.get(name) ?? 0 },
      // What watchers print is what they are for.
      logBytes: name.startsWith('quorate-') ? 0 : logBytes(name, process) - (logsBefore.get(name) ?? 0),
    };
  });
  for (const { name, residentBeforeBytes, residentMaxBytes, logBytes: bytes } of figures) {
    if (residentMaxBytes - residentBeforeBytes > growthMaxBytes)
      problems.push(`${name} grew from ${residentBeforeBytes} to ${residentMaxBytes} bytes`);
    if (bytes > Math.max(logBytesMin, seconds * logBytesPerSecondMax)) problems.push(`${name} logged ${bytes} bytes`);
  }
  const rejected = [...cluster.statuses().values()].reduce(
    (sum, { counters }) =>
      sum + (counters['raftDropped'] ?? 0) + (counters['requestsRefused'] ?? 0) + (counters['rejectedSender'] ?? 0),
    0,
  );
  const report = {
    seed,
    messages: sent,
    byKind,
    seconds,
    writes,
    longestWriteGapMs: longestGapMs,
    rejected,
    elections: elections(cluster) - termBefore,
    processes: figures,
    problems,
  };
  for (const watcher of watchers) await watcher.stop();
  return report;
}

/**
 * Waits until each controller has read what was sent: the run is about what is in the messages, and not about how many wait
 * in the NATS server. (Floods are a test of their own.)
 */
async function paced(connection: NatsConnection, { subjects, controllers }: World): Promise<void> {
  const body = json({ v: 1, requestId: 'fuzz-pace', params: {} });
  const asked = controllers.map((id) =>
    connection.request(subjects.api(id, 'pacer', 'status.get'), body, { timeout: paceMaxMs }).catch(() => undefined),
  );
  await Promise.all(asked);
}

function processesOf(cluster: TestCluster, ids: readonly string[], watchers: readonly RunningProcess[]) {
  const ours = [...ids.map((id) => cluster.node(id)), cluster.router('r1')].map(({ id, process }) => ({
    name: id,
    process,
  }));
  return [...ours, ...watchers.map((process) => ({ name: process.name, process }))].flatMap(({ name, process }) =>
    process === undefined ? [] : [{ name, process }],
  );
}

interface Captured {
  readonly subject: string;
  readonly data: Uint8Array;
}

/** Keeps a sample of all that is said, the fuzz's own messages left out. */
function capture(connection: NatsConnection, cluster: string, random: Random): Captured[] {
  const kept: Captured[] = [];
  const take = (message: Msg): void => {
    // Answers, sent again, would be false answers to others: in open networks nothing keeps that from happening.
    const isAnswer = message.subject.includes('.inbox.');
    if (isAnswer || message.headers?.get('fuzz') === '1' || message.data.length > 64 * 1024) return;
    const { subject } = message;
    const entry = { subject, data: message.data };
    if (kept.length < capturedMax) kept.push(entry);
    else if (random.chance(0.01)) kept[random.between(0, capturedMax - 1)] = entry;
  };
  connection.subscribe(`quorate.${cluster}.>`, {
    callback: (error, message) => void (error === null && take(message)),
  });
  return kept;
}

function send(connection: NatsConnection, random: Random, world: World, captured: readonly Captured[]): PayloadKind {
  const kind = drawKind(random);
  const { subject, data } = messageOf(kind, random, world, captured, connection.info?.max_payload ?? 1024 * 1024);
  const reply = random.pick([
    undefined,
    `_INBOX.fuzz.${random.between(0, 9)}`,
    world.subjects.event('cluster.leadership.gained'),
    `${world.subjects.inbox('operator', 'fuzz')}.1`,
    'x'.repeat(1_000),
  ]);
  connection.publish(subject, data, { reply });
  return kind;
}

function messageOf(
  kind: PayloadKind,
  random: Random,
  world: World,
  captured: readonly Captured[],
  payloadBytesMax: number,
): { readonly subject: string; readonly data: Uint8Array } {
  const { subject, honest } = drawTarget(random, world);
  const real = captured.length === 0 ? { subject, data: json(honest) } : random.pick(captured);
  switch (kind) {
    case 'random-bytes':
      return { subject, data: randomBytes(random, 400) };
    case 'wrong-shape-json':
      return { subject, data: json(random.chance(0.7) ? randomObject(random) : randomValue(random)) };
    case 'wrong-shape-messagepack':
      return { subject, data: messagePack(randomValue(random)) };
    case 'deep-nesting':
      return { subject, data: deep(random) };
    case 'huge-values':
      return { subject, data: huge(random, honest) };
    case 'wrong-version':
      return { subject, data: json({ ...honest, v: random.pick([-1, 0, 99, 1.5, '1', null, 2 ** 53]) }) };
    case 'changed-real':
      return { subject, data: json(changed(random, honest)) };
    case 'replay':
      return real;
    case 'spoofed-sender':
      return { subject, data: json({ ...honest, node: 'n1', router: 'r1', event_src_id: 'n1', from: 'n1' }) };
    case 'broken-text':
      // Of a message of Raft nothing is changed but where it cannot be read any more: see above.
      return isRaft(real.subject)
        ? { subject: real.subject, data: real.data.subarray(0, real.data.length - 1) }
        : { subject: real.subject, data: broken(random, real.data) };
    case 'max-payload':
      return { subject, data: new Uint8Array(payloadBytesMax).fill(random.pick([0x20, 0x5b, 0x91, 0xff])) };
  }
}

function isRaft(subject: string): boolean {
  return subject.split('.')[2] === 'raft';
}

/** Writes without end, as any client would, in a process of its own: the sender of the fuzz has no time for it. */
async function startWriter(cluster: TestCluster) {
  const writer = await startProcess(process.execPath, [writerMain, cluster.natsUrl, cluster.name], { name: 'writer' });
  return {
    async end(): Promise<{ readonly writes: number; readonly longestGapMs: number }> {
      writer.signal('SIGTERM');
      await writer.waitForExit(60_000);
      return JSON.parse(writer.stdout()) as { writes: number; longestGapMs: number };
    },
  };
}

function elections(cluster: TestCluster): number {
  return Math.max(...[...cluster.statuses().values()].map(({ raft }) => raft?.term ?? 0));
}

function residentBytes({ pid }: RunningProcess): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function logBytes(_name: string, process: RunningProcess): number {
  return process.stderr().length;
}
