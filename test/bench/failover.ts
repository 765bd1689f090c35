/**
 * `npm run bench:failover`: the longest gap in writes when the leader is killed (SIGKILL), and when leadership is handed
 * over, at default settings, beside etcd at its own, on the same machine in the same run. The two take turns, trial by
 * trial. Four writers write without a pause; the gap is the longest time in which none of them was acknowledged. What it is
 * just before, when nothing happens, is given beside it: that much is the machine's.
 */
import { findTool } from '../support/checkout.js';
import { startCluster } from '../support/cluster.js';
import { readOptions } from '../support/options.js';
import { startEtcd } from './etcd.js';
import { startWriters } from './gaps.js';
import { median } from './measure.js';

const given = readOptions(
  {
    command: 'npm run bench:failover',
    purpose: 'How long nobody can write after the leader was killed, and after it handed over, beside etcd.',
    examples: [
      ['', '20 trials of each'],
      ['--trials 5 --only kill --no-etcd', 'five kills, Quorate alone'],
    ],
  },
  {
    trials: { type: 'string', number: 'whole', default: '20', describe: 'of each happening' },
    only: { type: 'string', describe: '`kill` or `transfer`: no other happening' },
    writers: { type: 'string', number: 'whole', default: '4', describe: 'that write without a pause' },
    'no-etcd': { type: 'boolean', default: false, describe: 'Quorate alone' },
    'etcd-election-ms': {
      type: 'string',
      number: 'whole',
      describe: 'to give etcd the timeouts that Quorate has by default',
    },
    'etcd-heartbeat-ms': { type: 'string', number: 'whole', describe: 'likewise' },
    json: { type: 'boolean', default: false, describe: 'for machines' },
  },
);
const trials = Number(given.trials);
const writerCount = Number(given.writers);
const writesBefore = 300;
const writesAfter = 100;
const valueBytes = 256;

/** What both can do. */
interface System {
  readonly name: string;
  write(writer: number, id: string): Promise<void>;
  /** Kills the leader. Both return, once that has happened, what brings everything to rest again. */
  killLeader(): Promise<() => Promise<void>>;
  handOver(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

type Happening = 'kill' | 'transfer';

interface Gap {
  readonly gapMs: number;
  /** While nothing happened. */
  readonly quietMs: number;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const text = 'x'.repeat(valueBytes);

async function quorate(): Promise<System> {
  const cluster = await startCluster({ controllers: 3 });
  return {
    name: 'Quorate',
    async write(_writer, id) {
      await cluster.api.request(
        'model.create',
        { kind: 'service', id, name: id, tags: { value: text } },
        { timeoutMs: 30_000 },
      );
    },
    async killLeader() {
      const leader = await cluster.leader();
      await cluster.kill(leader, 'SIGKILL');
      return async () => {
        await cluster.restart(leader);
        await cluster.settles();
      };
    },
    async handOver() {
      const [to] = await cluster.followers();
      let stopWatching = (): void => undefined;
      const gained = new Promise<void>((resolve) => {
        stopWatching = cluster.api.watchEvents(() => resolve(), 'cluster.leadership.gained');
      });
      const operation = cluster.transfer(to);
      await Promise.race([gained, operation]);
      stopWatching();
      return async () => void (await operation);
    },
    stop: () => cluster.end(),
  };
}

async function peer(binary: string): Promise<System> {
  const [election, heartbeat] = [given['etcd-election-ms'], given['etcd-heartbeat-ms']];
  const etcd = await startEtcd(binary, [
    ...(election === undefined ? [] : ['--election-timeout', election]),
    ...(heartbeat === undefined ? [] : ['--heartbeat-interval', heartbeat]),
  ]);
  const clients = Array.from({ length: writerCount }, (_, writer) => etcd.roamingClient(writer));
  const value = Buffer.from(text);
  return {
    name: `etcd ${etcd.version}`,
    write: (writer, id) => clients[writer]?.put(id, value) ?? Promise.resolve(),
    async killLeader() {
      const leader = await etcd.leader();
      await etcd.kill(leader);
      return () => etcd.restart(leader);
    },
    async handOver() {
      await etcd.moveLeader();
      return async () => void (await etcd.leader());
    },
    async stop() {
      for (const client of clients) client.close();
      await etcd.stop();
    },
  };
}

let runs = 0;

async function trial(system: System, happening: Happening): Promise<Gap> {
  runs += 1;
  const prefix = `f${runs}`;
  const writers = startWriters(writerCount, (writer, number) => system.write(writer, `${prefix}-${writer}-${number}`));
  await writers.progress(writesBefore / 2);
  const quietFrom = performance.now();
  await writers.progress(writesBefore / 2);
  const from = performance.now();
  const mend = happening === 'kill' ? await system.killLeader() : await system.handOver();
  await writers.progress(writesAfter);
  const to = performance.now();
  await writers.stop();
  await mend();
  return { gapMs: writers.longestGapMs(from, to), quietMs: writers.longestGapMs(quietFrom, from) };
}

interface Row {
  readonly happening: Happening;
  readonly system: string;
  readonly gaps: readonly Gap[];
}

async function measureAll(systems: readonly System[], happening: Happening): Promise<readonly Row[]> {
  const rows = systems.map((system) => ({ happening, system: system.name, gaps: [] as Gap[] }));
  for (let round = 0; round < trials; round += 1) {
    for (const [place, system] of systems.entries()) rows[place]?.gaps.push(await trial(system, happening));
    const now = rows.map(({ system, gaps }) => `${system} ${gaps.at(-1)?.gapMs.toFixed(1)} ms`).join(', ');
    say(`${happening}, trial ${round + 1} of ${trials}: ${now}`);
  }
  return rows;
}

const describe: Readonly<Record<Happening, string>> = {
  kill: 'SIGKILL of the leader',
  transfer: 'leadership transfer',
};

function print(rows: readonly Row[]): void {
  const line = (cells: readonly string[]): void => void process.stdout.write(`| ${cells.join(' | ')} |\n`);
  process.stdout.write(`\nlongest gap in writes, ${writerCount} writers, ${trials} trials, milliseconds\n\n`);
  line(['what', 'system', 'min', 'median', 'max', 'median while nothing happens', 'etcd : Quorate, medians']);
  line(['---', '---', '---:', '---:', '---:', '---:', '---:']);
  for (const { happening, system, gaps } of rows) {
    const all = gaps.map(({ gapMs }) => gapMs);
    const own = rows.find((row) => row.happening === happening)?.gaps.map(({ gapMs }) => gapMs) ?? [];
    line([
      describe[happening],
      system,
      Math.min(...all).toFixed(1),
      median(all).toFixed(1),
      Math.max(...all).toFixed(1),
      median(gaps.map(({ quietMs }) => quietMs)).toFixed(1),
      all.length === own.length && all[0] === own[0] ? '' : (median(all) / median(own)).toFixed(2),
    ]);
  }
}

async function main(): Promise<void> {
  const binary = given['no-etcd'] ? undefined : findTool('etcd');
  if (binary === undefined && !given['no-etcd'])
    say('etcd is not here (its Debian package could not be fetched): measuring Quorate alone.');
  const systems: readonly System[] = [await quorate(), ...(binary === undefined ? [] : [await peer(binary)])];
  const happenings = (['transfer', 'kill'] as const).filter((each) => given.only === undefined || given.only === each);
  const rows: Awaited<ReturnType<typeof measureAll>>[number][] = [];
  for (const happening of happenings) rows.push(...(await measureAll(systems, happening)));
  for (const system of systems) await system.stop();
  if (given.json) process.stdout.write(`${JSON.stringify({ trials, writerCount, valueBytes, rows }, null, 2)}\n`);
  else print(rows);
}

await main();
