/**
 * `npm run bench`: proposals per second and their latency through the client API on three controller processes, beside etcd
 * on the same machine in the same run. The two take turns, round by round, so that a machine that is slower for a while is
 * slower for both; what counts is the ratio.
 */
import { findTool } from '../support/checkout.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { readOptions } from '../support/options.js';
import { type Etcd, startEtcd } from './etcd.js';
import { type Measurement, measure, median } from './measure.js';

const given = readOptions(
  {
    command: 'npm run bench',
    purpose: 'Writes a second and their latency, beside etcd on the same machine.',
    examples: [
      ['', 'three rounds of three seconds, with 1, 64 and 256 writes at a time'],
      ['--in-flight 64 --no-etcd', 'one of them, Quorate alone'],
    ],
  },
  {
    seconds: { type: 'string', number: 'any', default: '3', describe: 'of each round' },
    rounds: { type: 'string', number: 'whole', default: '3', describe: 'of which the median counts' },
    'in-flight': { type: 'string', default: '1,64,256', describe: 'writes at a time' },
    'no-etcd': { type: 'boolean', default: false, describe: 'Quorate alone' },
    json: { type: 'boolean', default: false, describe: 'for machines' },
  },
);
const durationMs = Number(given.seconds) * 1_000;
const rounds = Number(given.rounds);
const inFlightCounts = given['in-flight'].split(',').map(Number);
const valueBytes = 256;

interface Row {
  readonly what: string;
  readonly inFlight: number;
  readonly quorate: readonly Measurement[];
  readonly etcd: readonly Measurement[];
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<void> {
  const etcdBinary = given['no-etcd'] ? undefined : findTool('etcd');
  if (etcdBinary === undefined && !given['no-etcd'])
    say('etcd is not here (its Debian package could not be fetched): measuring Quorate alone.');
  say(`starting three controllers${etcdBinary === undefined ? '' : ' and three etcd members'}`);
  const cluster = await startCluster({
    controllers: 3,
    // One client does all of the work.
    nodeArguments: ['--requests-per-second', '10000000'],
  });
  const etcd = etcdBinary === undefined ? undefined : await startEtcd(etcdBinary);
  const rows: Row[] = [];
  for (const inFlight of inFlightCounts) rows.push(await writes(cluster, etcd, inFlight));
  const latency = await latencies(cluster);
  await etcd?.stop();
  await cluster.end();
  if (given.json)
    process.stdout.write(
      `${JSON.stringify({ valueBytes, durationMs, rounds, etcd: etcd?.version, rows, latency }, null, 2)}\n`,
    );
  else print(rows, etcd?.version, latency);
}

async function writes(cluster: TestCluster, etcd: Etcd | undefined, inFlight: number): Promise<Row> {
  const text = 'x'.repeat(valueBytes);
  const value = Buffer.from(text);
  const quorate: Measurement[] = [];
  const peer: Measurement[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const prefix = `b${inFlight}-${round}-`;
    const create = async (number: number): Promise<void> => {
      await cluster.api.request(
        'model.create',
        { kind: 'service', id: `${prefix}${number}`, name: `${prefix}${number}`, tags: { value: text }, spec: {} },
        { timeoutMs: 30_000 },
      );
    };
    const put = (number: number): Promise<void> => etcd?.put(`${prefix}${number}`, value) ?? Promise.resolve();
    // Whoever goes first finds the machine in another state: so they take turns at that, too.
    const turns = [
      async () => void quorate.push(await measure(inFlight, durationMs, create)),
      async () => void (etcd !== undefined && peer.push(await measure(inFlight, durationMs, put))),
    ];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
    say(
      `${inFlight} in flight, round ${round + 1} of ${rounds}: ${describe(quorate.at(-1))}${peer.length === 0 ? '' : `; etcd ${describe(peer.at(-1))}`}`,
    );
  }
  return { what: 'write', inFlight, quorate, etcd: peer };
}

/** Where the time goes, as the controllers themselves measured it. */
async function latencies(cluster: TestCluster): Promise<Record<string, unknown>> {
  const statuses = await cluster.api.collectStatus(500);
  return Object.fromEntries(statuses.map((status) => [`${status.node} (${status.raft?.role})`, status.latency]));
}

function describe(one: Measurement | undefined): string {
  return one === undefined
    ? '-'
    : `${Math.round(one.perSecond)}/s, p50 ${one.p50Ms.toFixed(2)} ms, p99 ${one.p99Ms.toFixed(2)} ms`;
}

function print(rows: readonly Row[], version: string | undefined, latency: Record<string, unknown>): void {
  const line = (cells: readonly string[]): void => void process.stdout.write(`| ${cells.join(' | ')} |\n`);
  process.stdout.write(
    `\n${valueBytes}-byte values, medians of ${rounds} rounds of ${given.seconds} s${version === undefined ? '' : `, etcd ${version}`}\n\n`,
  );
  line(['in flight', 'Quorate /s', 'p50 ms', 'p99 ms', 'etcd /s', 'p50 ms', 'p99 ms', 'Quorate : etcd, each round']);
  line(['---:', '---:', '---:', '---:', '---:', '---:', '---:', '---']);
  const of = (all: readonly Measurement[], pick: (one: Measurement) => number, digits: number): string =>
    all.length === 0 ? '-' : median(all.map(pick)).toFixed(digits);
  for (const { inFlight, quorate, etcd } of rows) {
    const ratios = etcd.map((peer, round) => ((quorate[round]?.perSecond ?? Number.NaN) / peer.perSecond).toFixed(2));
    const columns = [quorate, etcd].flatMap((all) => [
      of(all, (one) => one.perSecond, 0),
      of(all, (one) => one.p50Ms, 2),
      of(all, (one) => one.p99Ms, 2),
    ]);
    line([String(inFlight), ...columns, ratios.length === 0 ? '-' : ratios.join(', ')]);
  }
  process.stdout.write(`\nmeasured by the controllers over the last minute: ${JSON.stringify(latency)}\n`);
}

await main();
