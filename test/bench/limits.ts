/**
 * `npm run limits`: what the table of limits in docs/operations.md says and no other benchmark measures: what an entity takes
 * on disk, how a write grows slower with each two members more, and how large an entity and its event can become.
 */
import { readdirSync, statSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { readOptions } from '../support/options.js';
import { eventually } from '../support/wait.js';
import { costOf } from './costs.js';
import { type Measurement, measure } from './measure.js';

const given = readOptions(
  {
    command: 'npm run limits',
    purpose:
      'Bytes of an entity on disk, latency of a write by the number of members, the largest entity and its event.',
    examples: [
      ['', '10,000 and 100,000 entities; 3, 5, 7 and 9 members'],
      ['--entities 10000 --members 3,5 --seconds 2', 'a short look'],
    ],
  },
  {
    entities: { type: 'string', default: '10000,100000', describe: 'how many, each on top of those before' },
    members: {
      type: 'string',
      default: '3,5,7,9',
      describe: 'voters, rising; the first is what the others are compared with',
    },
    seconds: { type: 'string', number: 'any', default: '5', describe: 'of each measurement of latency' },
    json: { type: 'boolean', default: false, describe: 'for machines' },
  },
);
const numbersOf = (text: string): readonly number[] => text.split(',').filter(Boolean).map(Number);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const load = (): string => `load ${loadavg()[0]?.toFixed(1)}`;
/** One client does all of the work. */
const nodeArguments = ['--requests-per-second', '10000000'];
const patienceMs = 120_000;
const writers = 64;

/** One as they are: a name, a tag, two attributes. */
const serviceOf = (number: number) => ({
  kind: 'service',
  id: `service-${String(number).padStart(8, '0')}`,
  name: `service number ${number}`,
  tags: { site: `site-${number % 50}` },
  spec: { roleAttributes: [`group-${number % 100}`, 'all-of-them'] },
});

interface OnDisk {
  readonly entities: number;
  readonly writesPerSecond: number;
  readonly modelBytes: number;
  readonly modelBytesPerEntity: number;
  readonly logBytes: number;
  readonly residentMb: number;
  /** All entities, page by page, from the leader. */
  readonly readAllSeconds: number;
}

/** The journal, which keeps the last 100,000 changes, is part of it: so it is of every model that is written to. */
async function entitiesOnDisk(counts: readonly number[]): Promise<readonly OnDisk[]> {
  if (counts.length === 0) return [];
  const cluster = await startCluster({ controllers: 1, nodeArguments });
  const { dataDirectory } = cluster.node('n1');
  const rows: OnDisk[] = [];
  let created = 0;
  for (const entities of counts) {
    const before = created;
    const beganAt = performance.now();
    const one = async (): Promise<void> => {
      while (created < entities) {
        created += 1;
        await cluster.api.request('model.create', serviceOf(created), { timeoutMs: patienceMs });
      }
    };
    await Promise.all(Array.from({ length: writers }, one));
    const writesPerSecond = Math.round((entities - before) / ((performance.now() - beganAt) / 1_000));
    const readAt = performance.now();
    const listed = (await cluster.modelOf('n1')).length;
    const readAllSeconds = (performance.now() - readAt) / 1_000;
    if (listed !== entities) throw new Error(`${listed} of ${entities} entities are there`);
    const modelBytes = sizeOf(dataDirectory, 'model.db');
    const row = {
      ...{ entities, writesPerSecond, modelBytes, modelBytesPerEntity: Math.round(modelBytes / entities) },
      ...{ logBytes: sizeOf(dataDirectory, 'raft.db'), readAllSeconds },
      residentMb: costOf(cluster.node('n1').process?.pid ?? 0).rssMb,
    };
    rows.push(row);
    say(
      `${entities} entities: ${row.modelBytesPerEntity} bytes of model.db each, raft.db ${(row.logBytes / 2 ** 20).toFixed(1)} MiB, ${row.residentMb} MB of memory; ${writesPerSecond} writes a second, all read in ${readAllSeconds.toFixed(1)} s (${load()})`,
    );
  }
  await cluster.end();
  return rows;
}

/** With what SQLite keeps beside it. */
function sizeOf(directory: string, name: string): number {
  return readdirSync(directory)
    .filter((file) => file === name || file === `${name}-wal`)
    .reduce((sum, file) => sum + statSync(path.join(directory, file)).size, 0);
}

interface ByMembers {
  readonly members: number;
  readonly one: Measurement;
  readonly many: Measurement;
  /** By the median of one write at a time, and by what 64 at a time come to, beside the first row. */
  readonly latencyRatio: number;
  readonly throughputRatio: number;
}

async function latencyByMembers(counts: readonly number[]): Promise<readonly ByMembers[]> {
  const [first] = counts;
  if (first === undefined) return [];
  const cluster = await startCluster({ controllers: first, nodeArguments });
  const rows: ByMembers[] = [];
  let members = first;
  for (const wanted of counts) {
    for (; members < wanted; members += 1) {
      const id = `n${members + 1}`;
      await cluster.startBlank(id);
      await cluster.join(id);
    }
    await cluster.settles(patienceMs);
    const one = await measure(1, Number(given.seconds) * 1_000, writesOn(cluster, `one-${members}`));
    const many = await measure(writers, Number(given.seconds) * 1_000, writesOn(cluster, `many-${members}`));
    const base = rows[0] ?? { one, many };
    const row = {
      ...{ members, one, many, latencyRatio: one.p50Ms / base.one.p50Ms },
      throughputRatio: many.perSecond / base.many.perSecond,
    };
    rows.push(row);
    say(
      `${members} voters: one at a time p50 ${one.p50Ms.toFixed(2)} / p99 ${one.p99Ms.toFixed(1)} ms (x ${row.latencyRatio.toFixed(2)}); ${writers} at a time ${Math.round(many.perSecond)} a second (x ${row.throughputRatio.toFixed(2)}), p99 ${many.p99Ms.toFixed(0)} ms (${load()})`,
    );
  }
  await cluster.end();
  return rows;
}

function writesOn(cluster: TestCluster, name: string): (number: number) => Promise<void> {
  return async (number) => {
    await cluster.api.request(
      'model.create',
      { ...serviceOf(number), id: `${name}-${number}`, name: `${name} ${number}` },
      { timeoutMs: patienceMs },
    );
  };
}

interface Largest {
  readonly entityBytes: number;
  readonly eventBytes: number;
  readonly payloadBytesMax: number;
}

/** The kind with the longest lists, each field as long as it may be, in letters that take three bytes each. */
async function largestEntity(): Promise<Largest> {
  const cluster = await startCluster({ controllers: 1, nodeArguments });
  let eventBytes = 0;
  cluster.connection.subscribe(`quorate.${cluster.name}.events.entityChange.>`, {
    callback: (_error, { data }) => {
      eventBytes = Math.max(eventBytes, data.length);
    },
  });
  const attributes = (side: string) =>
    Array.from({ length: 256 }, (_, at) => `#${side}${String(at).padStart(63, '0')}`);
  const { entity } = await cluster.api.request(
    'model.create',
    {
      ...{ kind: 'policy', id: 'p'.repeat(128), name: '長'.repeat(256) },
      tags: Object.fromEntries(
        Array.from({ length: 64 }, (_, at) => [String(at).padStart(128, 'k'), '長'.repeat(1_024)]),
      ),
      spec: {
        type: 'Dial',
        identityRoles: attributes('i'),
        serviceRoles: attributes('s'),
        routerRoles: attributes('r'),
      },
    },
    { timeoutMs: patienceMs },
  );
  await eventually(() => eventBytes > 0, { what: 'its event', timeoutMs: patienceMs });
  const entityBytes = Buffer.byteLength(JSON.stringify(entity));
  const payloadBytesMax = cluster.connection.info?.max_payload ?? 0;
  await cluster.end();
  say(`the largest entity: ${entityBytes} bytes, its event ${eventBytes}; a message may have ${payloadBytesMax}`);
  return { entityBytes, eventBytes, payloadBytesMax };
}

const largest = await largestEntity();
const onDisk = await entitiesOnDisk(numbersOf(given.entities));
const byMembers = await latencyByMembers(numbersOf(given.members));
if (given.json) process.stdout.write(`${JSON.stringify({ largest, onDisk, byMembers }, undefined, 2)}\n`);
process.exit(0);
