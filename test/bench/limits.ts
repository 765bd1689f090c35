/**
 * `npm run limits`: what the table of limits in docs/operations.md says and no other benchmark measures: what an entity takes
 * on disk, how a write grows slower with each two members more (rounds, beside the first number in each), and how large an entity and its event can become.
 */
import { readdirSync, statSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { readOptions } from '../support/options.js';
import { eventually } from '../support/wait.js';
import { costOf } from './costs.js';
import { type Measurement, measure, median } from './measure.js';

const given = readOptions(
  {
    command: 'npm run limits',
    purpose:
      'Bytes of an entity on disk, latency of a write by the number of members, the largest entity and its event.',
    examples: [
      ['', '10,000 and 100,000 entities; 3, 5, 7 and 9 members'],
      ['--entities 10000 --members 3,5 --seconds 2 --rounds 1', 'a short look'],
      ['--entities "" --rounds 7 --json', 'the members alone, on a machine that does nothing else'],
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
    rounds: {
      type: 'string',
      number: 'whole',
      default: '5',
      describe: 'of these measurements; each begins with another number of members, and medians of all are told',
    },
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

/** The middle of all rounds, and the least and the greatest. */
interface Spread {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

/** One number of members in one round. */
interface Sample {
  readonly members: number;
  readonly one: Measurement;
  readonly many: Measurement;
}

interface ByMembers {
  readonly members: number;
  /** Of one write at a time. */
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** Of 64 at a time. */
  readonly perSecond: Spread;
  /** Beside the first number of members, each in its own round: what the machine did besides was then nearly the same. */
  readonly latencyRatio: Spread;
  readonly throughputRatio: Spread;
}

function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), greatest: Math.max(...values) };
}

/** A cluster of its own, so that each round can begin with another number, and what grows slower by age is nobody's alone. */
async function sample(members: number, seconds: number): Promise<Sample> {
  const cluster = await startCluster({ controllers: members, nodeArguments });
  try {
    // What is compiled and cached while it runs for the first time is not what is measured.
    await measure(writers, 1_000, writesOn(cluster, 'warm'));
    await cluster.settles(patienceMs);
    const one = await measure(1, seconds * 1_000, writesOn(cluster, 'one'));
    const many = await measure(writers, seconds * 1_000, writesOn(cluster, 'many'));
    say(
      `  ${members} voters: one at a time p50 ${one.p50Ms.toFixed(2)} / p99 ${one.p99Ms.toFixed(1)} ms; ${writers} at a time ${Math.round(many.perSecond)} a second (${load()})`,
    );
    return { members, one, many };
  } finally {
    await cluster.end();
  }
}

async function latencyByMembers(
  counts: readonly number[],
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<readonly ByMembers[]> {
  const [first] = counts;
  if (first === undefined) return [];
  const byRound: (readonly Sample[])[] = [];
  for (let round = 0; round < rounds; round += 1) {
    say(`round ${round + 1} of ${rounds} (${load()})`);
    const samples: Sample[] = [];
    const from = round % counts.length;
    for (const members of [...counts.slice(from), ...counts.slice(0, from)])
      samples.push(await sample(members, seconds));
    byRound.push(samples);
  }
  const spread = (members: number, of: (sample: Sample, base: Sample) => number): Spread =>
    spreadOf(
      byRound.flatMap((samples) => {
        const [found, base] = [members, first].map((each) => samples.find((one) => one.members === each));
        return found === undefined || base === undefined ? [] : [of(found, base)];
      }),
    );
  return counts.map((members) => ({
    members,
    p50Ms: spread(members, ({ one }) => one.p50Ms),
    p99Ms: spread(members, ({ one }) => one.p99Ms),
    perSecond: spread(members, ({ many }) => many.perSecond),
    latencyRatio: spread(members, ({ one }, base) => one.p50Ms / base.one.p50Ms),
    throughputRatio: spread(members, ({ many }, base) => many.perSecond / base.many.perSecond),
  }));
}

function describe(rows: readonly ByMembers[]): void {
  const between = ({ median: middle, least, greatest }: Spread, digits: number): string =>
    `${middle.toFixed(digits)} (${least.toFixed(digits)} to ${greatest.toFixed(digits)})`;
  for (const { members, p50Ms, latencyRatio, perSecond, throughputRatio } of rows)
    say(
      `${members} voters, median (least to greatest round): one at a time p50 ${between(p50Ms, 2)} ms, x ${between(latencyRatio, 2)}; ${writers} at a time ${between(perSecond, 0)} a second, x ${between(throughputRatio, 2)}`,
    );
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
const loadBefore = loadavg()[0];
const byMembers = await latencyByMembers(numbersOf(given.members), {
  rounds: Number(given.rounds),
  seconds: Number(given.seconds),
});
describe(byMembers);
if (given.json)
  process.stdout.write(
    `${JSON.stringify({ largest, onDisk, byMembers, load: { before: loadBefore, after: loadavg()[0] } }, undefined, 2)}\n`,
  );
process.exit(0);
