/**
 * A real cluster, with a router and those who watch it, that gets hostile messages on every subject; and what of it is
 * measured: whether every process lives, how much memory and log it takes, and whether writes go on.
 *
 * First each who listens is sent one message of each kind, by the list that the nats-server has of them; then all is drawn.
 * The NATS server is open: the sender may speak on every subject, as no permissions let him. What he cannot do is forge what
 * only a member knows how to say (a Raft message of this very cluster that never was): whoever can do that is a member.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectNats, type NatsConnection } from '../../messaging/connection.js';
import { subjectsOf } from '../../messaging/subjects.js';
import { costOf } from '../bench/costs.js';
import { openPseudoTerminal } from '../bench/pseudo-terminal.js';
import { isAlive } from '../support/children.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { quorateMain, startProcess, startQuorate } from '../support/process.js';
import { type Random, seededRandom } from '../support/random.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { creepOf, judgeLog, judgeMemory } from './judge.js';
import { anySubjectOf, type Listener, listenersOf, patternsOf, reaches } from './listeners.js';
import { drawKind, json, type PayloadKind, payloadKinds } from './payloads.js';
import { type Captured, isRaft, messageOf, say as publish, Recorder, sayRaw } from './sender.js';
import { drawTarget, type Target, type World } from './targets.js';

export interface FuzzOptions {
  readonly messages: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

export interface ProcessFigures {
  readonly name: string;
  readonly residentBeforeBytes: number;
  readonly residentMaxBytes: number;
  /** What the heap holds after a collection; 0 before the first. */
  readonly retainedBytes: number;
  /** How much more the heap holds in the last fifth of the run than in the second; 0 for a short one. */
  readonly creepBytes: number;
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
  /** Messages over `max_payload` at which the NATS server hung up. */
  readonly refusedByServer: number;
  /** Terms that began meanwhile. */
  readonly elections: number;
  /** Each subscription of each process, and how many messages it was handed meanwhile. */
  readonly listeners: readonly Listener[];
  /** For each pattern that somebody listens to, how many messages came. */
  readonly reached: ReadonlyMap<string, number>;
  readonly processes: readonly ProcessFigures[];
  readonly problems: readonly string[];
}

/** What a process may take: with more than that, it would end. */
const heapMebibytesMax = 256;
const retainedHeap = new URL('../support/retained-heap.js', import.meta.url).href;
const environment = (heapDirectory: string) => ({
  NODE_OPTIONS: `--max-old-space-size=${heapMebibytesMax} --expose-gc --import ${retainedHeap}`,
  QUORATE_TEST_HEAP: heapDirectory,
});
/** Sent before NATS is waited for. */
const batch = 250;
const paceMaxMs = 30_000;
const writerMain = fileURLToPath(new URL('./writer.js', import.meta.url));
const writeGapMaxMs = 30_000;
/** Draws among which one is looked for that reaches somebody. */
const drawsMax = 5_000;
const screenWaitMs = 60_000;
/** Connections of the fuzz itself. */
const ownNames = ['attacker', 'test-cluster', 'writer'];

export interface FuzzCluster {
  readonly cluster: TestCluster;
  /** Where each process says what its heap holds. */
  readonly heapDirectory: string;
}

/** Three controllers with little memory, and a router. */
export async function startFuzzCluster(nodeArguments: readonly string[] = []): Promise<FuzzCluster> {
  const heapDirectory = temporaryDirectory('heap');
  const cluster = await startCluster({
    controllers: 3,
    routers: 1,
    env: environment(heapDirectory),
    nodeArguments,
    natsConfig: 'http: "127.0.0.1:-1"',
  });
  return { cluster, heapDirectory };
}

/** On a cluster of {@link startFuzzCluster}, which is left running. */
export async function runFuzz(
  { cluster, heapDirectory }: FuzzCluster,
  { messages, seed, say }: FuzzOptions,
): Promise<FuzzReport> {
  const random = seededRandom(seed);
  const attacker = await connectNats({ servers: [cluster.natsUrl], name: 'attacker' });
  const recorder = new Recorder(attacker, cluster.name);
  const watchers = await startWatchers(cluster, environment(heapDirectory));
  const ids = [...cluster.statuses().keys()];
  const world: World = { subjects: subjectsOf(cluster.name), controllers: ids, routers: ['r1'] };
  const processes = [...processesOf(cluster, ids), ...watchers.processes];
  const samples = new Map(processes.map(({ name, pid }) => [name, [residentBytes(pid)]]));
  const retained = new Map(processes.map(({ name }) => [name, [] as number[]]));
  const logsBefore = new Map(processes.map(({ name, log }) => [name, log().length]));
  const writer = await startWriter(cluster);
  const termBefore = elections(cluster);
  const listenersBefore = await listenersOf(cluster.nats.monitorUrl ?? '', ownNames);
  const began = performance.now();
  const byKind: Record<string, number> = {};
  const problems: string[] = [];
  const payloadBytesMax = attacker.info?.max_payload ?? 1024 * 1024;
  let sent = 0;
  let refusedByServer = 0;

  async function send(kind: PayloadKind, target: Target, real: Captured | undefined): Promise<void> {
    const { subject, honest } = target;
    const message = messageOf(kind, random, target, real ?? { subject, data: json(honest) }, payloadBytesMax);
    sent += 1;
    byKind[kind] = (byKind[kind] ?? 0) + 1;
    if (kind !== 'over-max-payload') return publish(attacker, random, world, message);
    if (/maximum payload/i.test(await sayRaw(cluster.natsUrl, message))) refusedByServer += 1;
  }

  async function pause(): Promise<void> {
    await paced(attacker, world);
    for (const { name, pid, ended } of processes) {
      if (ended()) problems.push(`${name} has ended`);
      else {
        samples.get(name)?.push(residentBytes(pid));
        retained.get(name)?.push(retainedBytes(heapDirectory, pid));
      }
    }
  }

  for (const pattern of patternsOf(listenersBefore)) {
    const target = targetFor(pattern, random, world);
    const real = (): Captured | undefined => {
      const found = recorder.of(pattern, random);
      // A real message of Raft in the name of another member is one that only members can forge: see above.
      if (found !== undefined && isRaft(found.subject)) return found;
      const other = found ?? recorder.any(random);
      return other === undefined || isRaft(other.subject) ? undefined : { subject: target.subject, data: other.data };
    };
    for (const kind of payloadKinds) await send(kind, target, real());
    await pause();
  }
  while (sent < messages && problems.length === 0) {
    for (let place = 0; place < batch && sent < messages; place += 1)
      await send(drawKind(random), drawTarget(random, world), recorder.any(random));
    await pause();
    if (sent % 10_000 < batch)
      say(
        `${sent} messages, ${Math.round(sent / ((performance.now() - began) / 1000))} a second; ${processes.map(({ name, pid }) => `${name} ${Math.round(residentBytes(pid) / 1024 / 1024)}`).join(', ')} MiB`,
      );
  }
  const seconds = (performance.now() - began) / 1000;
  const { writes, longestGapMs } = await writer.end();
  if (longestGapMs > writeGapMaxMs) problems.push(`no write was acknowledged for ${Math.round(longestGapMs)} ms`);
  if (writes === 0) problems.push('no write was acknowledged');
  if (refusedByServer !== byKind['over-max-payload'])
    problems.push(`of ${byKind['over-max-payload']} messages over max_payload the server refused ${refusedByServer}`);
  const listeners = deliveredSince(listenersBefore, await listenersOf(cluster.nats.monitorUrl ?? '', ownNames));
  const reached = deliveredByPattern(listeners);
  for (const [pattern, delivered] of reached)
    if (delivered < payloadKinds.length - 1)
      problems.push(`only ${delivered} messages came to who listens to ${pattern}`);
  await attacker.close();
  await cluster.agrees(60_000).catch((error: unknown) => problems.push(String(error)));
  await watchers.look().catch((error: unknown) => problems.push(`the console is of no use any more: ${String(error)}`));
  const figures = processes.map(({ name, log }) => {
    const ofProcess = samples.get(name) ?? [];
    const held = retained.get(name) ?? [];
    // What the router says of each write is what it is for.
    const written = log()
      .slice(logsBefore.get(name))
      .split('\n')
      .filter((line) => !line.includes(' fuzz-'))
      .join('\n');
    problems.push(...judgeMemory(name, ofProcess, held), ...judgeLog(name, written, seconds));
    const residentMaxBytes = ofProcess.reduce((most, each) => Math.max(most, each), 0);
    return {
      ...{ name, residentBeforeBytes: ofProcess[0] ?? 0, residentMaxBytes },
      ...{ retainedBytes: held.at(-1) ?? 0, creepBytes: creepOf(held), logBytes: written.length },
    };
  });
  const rejected = [...cluster.statuses().values()].reduce(
    (sum, { counters }) =>
      sum + (counters['raftDropped'] ?? 0) + (counters['requestsRefused'] ?? 0) + (counters['rejectedSender'] ?? 0),
    0,
  );
  await watchers.end();
  return {
    ...{ seed, messages: sent, byKind, seconds, writes, longestWriteGapMs: longestGapMs, rejected, refusedByServer },
    ...{ elections: elections(cluster) - termBefore, listeners, reached, processes: figures, problems },
  };
}

/** Something that reaches whoever listens there, with what is honestly said there where it is known. */
function targetFor(pattern: string, random: Random, world: World): Target {
  for (let draw = 0; draw < drawsMax; draw += 1) {
    const target = drawTarget(random, world);
    if (reaches(target.subject, pattern)) return target;
  }
  return { subject: anySubjectOf(pattern), honest: { v: 1, ok: true, id: 'fuzz', result: {} } };
}

/** What each was handed meanwhile, of those who listened all the time. */
function deliveredSince(before: readonly Listener[], after: readonly Listener[]): readonly Listener[] {
  return before.flatMap(({ who, pattern, delivered }) => {
    const now = after.find((each) => each.who === who && each.pattern === pattern);
    return now === undefined ? [] : [{ who, pattern, delivered: now.delivered - delivered }];
  });
}

/** Of a queue group one gets each message, so those who listen to the same are counted together. */
function deliveredByPattern(listeners: readonly Listener[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { pattern, delivered } of listeners) sums.set(pattern, (sums.get(pattern) ?? 0) + delivered);
  return sums;
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

interface Watched {
  readonly name: string;
  readonly pid: number;
  ended(): boolean;
  /** What it wrote that nobody asked for. */
  log(): string;
}

function processesOf(cluster: TestCluster, ids: readonly string[]): readonly Watched[] {
  return [...ids.map((id) => cluster.node(id)), cluster.router('r1')].flatMap(({ id, process }) =>
    process === undefined
      ? []
      : [{ name: id, pid: process.pid, ended: () => !process.isRunning(), log: () => process.stderr() }],
  );
}

/** Those who look on: the console in a terminal, and the commands that follow. All have begun when this returns. */
async function startWatchers(cluster: TestCluster, env: ReturnType<typeof environment>) {
  const where = ['--nats', cluster.natsUrl, '--cluster', cluster.name];
  const commands = await Promise.all([
    startQuorate(['status', '--watch', '--json', ...where], { env }),
    startQuorate(['events', '--json', ...where], { env }),
  ]);
  const terminal = await openPseudoTerminal({ columns: 120, rows: 40 });
  const state = `XDG_STATE_HOME=${temporaryDirectory('state')}`;
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  terminal.start(['/usr/bin/env', state, ...settings, process.execPath, quorateMain, 'console', ...where]);
  await terminal.whenShown((screen) => screen.includes('n1') && screen.includes('r1'), screenWaitMs);
  const pid = await terminal.pid();
  await eventually(
    async () => {
      const listeners = await listenersOf(cluster.nats.monitorUrl ?? '', ownNames);
      return patternsOf(listeners).includes(subjectsOf(cluster.name).event('>'));
    },
    { what: '`quorate events` to listen', timeoutMs: screenWaitMs },
  );
  const shown = { name: 'quorate-console', pid, ended: () => !isAlive(pid), log: () => '' };
  const named = commands.map((command) => ({
    ...{ name: command.name, pid: command.pid, ended: () => !command.isRunning() },
    // Their output is what they are for; nothing of the fuzz is worth an error.
    log: () => command.stderr(),
  }));
  return {
    processes: [...named, shown],
    /** The console shows what is, and does what a key asks of it. */
    async look(): Promise<void> {
      await terminal.whenShown((screen) => screen.includes('n1'), screenWaitMs);
      terminal.press('?');
      await terminal.whenShown((screen) => /leaves|quit|close/i.test(screen), screenWaitMs);
    },
    async end(): Promise<void> {
      for (const command of commands) await command.stop();
      await terminal.end();
    },
  };
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

function retainedBytes(directory: string, pid: number): number {
  const file = path.join(directory, String(pid));
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
}

function residentBytes(pid: number): number {
  const { rssMb } = costOf(pid);
  return Number.isNaN(rssMb) ? 0 : rssMb * 1024 * 1024;
}
