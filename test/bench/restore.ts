/**
 * `npm run bench:restore`: how long a backup and a restore take. First on one data directory, by the storage alone; then as an
 * operator meets them, by the commands: a new cluster begins on the file and two controllers join it; a snapshot is written
 * and verified while it runs; the file is restored into the running cluster, with how long writes are paused in that.
 */
import { copyFileSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { connectNats, createApiClient, type Operation } from '../../messaging/index.js';
import { openStorage, type SnapshotFile } from '../../node/storage/index.js';
import { ended } from '../restore/support.js';
import { entity } from '../storage/model-store-contract.js';
import { commitEntry, metaAfter, stageRestore } from '../storage/restore-contract.js';
import { begin } from '../storage/storage-contract.js';
import { startNatsServer } from '../support/nats.js';
import { readOptions } from '../support/options.js';
import { runQuorate, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

const given = readOptions(
  {
    command: 'npm run bench:restore',
    purpose: 'The time of a backup and of a restore, of the storage alone and of a cluster.',
    examples: [
      ['--entities 100000', 'of a hundred thousand entities'],
      ['--entities 1000 --no-cluster', 'of the storage alone'],
    ],
  },
  {
    entities: { type: 'string', default: '100000,1000000', describe: 'how many, with commas between' },
    'no-cluster': { type: 'boolean', default: false, describe: 'the storage alone' },
    json: { type: 'boolean', default: false, describe: 'for machines' },
  },
);

const patienceMs = 3_600_000;
const batch = 2_000;
const about = { clusterName: 'bench', nodeId: 'n1', softwareVersion: 'bench', now: () => Date.now() };
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const load = (): string => `load ${loadavg()[0]?.toFixed(1)}`;
const seconds = (ms: number): number => Math.round(ms / 10) / 100;

async function timed<Result>(work: () => Promise<Result> | Result): Promise<readonly [Result, number]> {
  const began = performance.now();
  const result = await work();
  return [result, seconds(performance.now() - began)];
}

interface StorageFigures {
  readonly entities: number;
  readonly fileMiB: number;
  readonly backupS: number;
  readonly verifyS: number;
  readonly compareS: number;
  readonly restoreS: number;
}

/** A directory with so many services; the file that is made of it, outside; and what each thing took. */
async function storageFigures(entities: number): Promise<readonly [StorageFigures, SnapshotFile]> {
  const directory = temporaryDirectory('bench');
  const storage = openStorage({ ...about, directory });
  await begin(storage);
  for (let from = 0; from < entities; from += batch) {
    storage.model.transaction(() => {
      for (let number = from; number < Math.min(entities, from + batch); number += 1)
        storage.model.insert(entity('service', `service-${number}`), []);
    });
  }
  const [made, backupS] = await timed(() => storage.createSnapshot());
  const path = join(temporaryDirectory('file'), 'bench.snapshot');
  copyFileSync(made.path, path);
  const file = { ...made, path };
  const [, verifyS] = await timed(() => stageRestore(storage, made, storage));
  const [, compareS] = await timed(() => storage.compareRestore());
  commitEntry(storage);
  const request = { sha256: made.sha256, meta: metaAfter(storage) };
  const [, restoreS] = await timed(() => storage.restoreModel(request));
  storage.close();
  rmSync(directory, { recursive: true });
  const fileMiB = Math.round(made.sizeBytes / 2 ** 20);
  return [{ entities, fileMiB, backupS, verifyS, compareS, restoreS }, file];
}

interface ClusterFigures {
  /** `quorate restore --from`, and the start until it leads. */
  readonly beginS: number;
  readonly startS: number;
  /** One after the other, each until it is a voter. */
  readonly joinS: readonly number[];
  readonly backupS: number;
  readonly verifyS: number;
  /** `quorate restore FILE`, from the first byte that is sent to the last verification. */
  readonly restoreS: number;
  readonly operationS: number;
  readonly pausedS: number;
  readonly steps: Readonly<Record<string, number>>;
}

async function clusterFigures(file: SnapshotFile): Promise<ClusterFigures> {
  const nats = await startNatsServer();
  const connection = await connectNats({ servers: [nats.url], name: 'bench' });
  const api = createApiClient({ connection, cluster: 'bench', from: 'bench', timeoutMs: patienceMs });
  const directories = new Map(['n1', 'n2', 'n3'].map((id) => [id, temporaryDirectory(id)]));
  const reached = ['--cluster', 'bench', '--nats', nats.url];
  const of = (id: string) => ['--id', id, '--data-dir', directories.get(id) ?? ''];
  const start = (id: string) => startQuorate(['node', ...reached, ...of(id)], { name: id });
  const quorate = async (what: string, ...args: readonly string[]): Promise<readonly [string, number]> => {
    const [ended, tookS] = await timed(() => runQuorate([...args, ...reached, '--json'], { timeoutMs: patienceMs }));
    if (ended.code !== 0) throw new Error(`${args.join(' ')}: ${ended.stderr}`);
    say(`  ${what} ${tookS} s (${load()})`);
    return [ended.stdout, tookS];
  };
  const wait = { timeoutMs: patienceMs, intervalMs: 100 };
  const statusOf = (node: string) => api.request('status.get', {}, { node });

  const [, beginS] = await quorate('a new cluster is written in', 'restore', '--from', file.path, ...of('n1'));
  const processes = [await start('n1')];
  const [, startS] = await timed(() =>
    eventually(async () => (await statusOf('n1')).raft?.role === 'leader', { what: 'n1 to lead', ...wait }),
  );
  say(`  it leads after ${startS} s`);
  const joinS: number[] = [];
  for (const node of ['n2', 'n3']) {
    processes.push(await start(node));
    await eventually(async () => (await statusOf(node)).state === 'blank', { what: `${node} to be blank`, ...wait });
    const [joined, tookS] = await timed(async () => {
      const { id } = await api.request('operation.start', { workflow: 'join', node });
      return ended(api, id, patienceMs);
    });
    if (joined.state !== 'done') throw new Error(`${node} did not join: ${joined.error?.message}`);
    joinS.push(tookS);
    say(`  ${node} joins in ${tookS} s (${load()})`);
  }

  const [, backupS] = await quorate(
    'a snapshot is written in',
    'snapshot',
    'create',
    '--node',
    'n1',
    '--name',
    'b.snapshot',
  );
  const [, verifyS] = await quorate('it is verified in', 'snapshot', 'verify', 'b.snapshot', '--node', 'n1');
  await api.request('model.create', { kind: 'service', id: 'one-more', name: 'one-more', spec: {} });
  const confirmed = ['--yes', '--i-understand', 'bench'];
  const [record, restoreS] = await quorate(
    'it is restored into the running cluster in',
    'restore',
    file.path,
    ...confirmed,
  );
  const figures = figuresOf(JSON.parse(record));
  await Promise.all(processes.map((each) => each.stop()));
  await connection.close();
  await nats.stop();
  return { beginS, startS, joinS, backupS, verifyS, restoreS, ...figures };
}

function figuresOf({
  startedAt,
  finishedAt,
  steps,
  verifications,
}: Operation): Pick<ClusterFigures, 'operationS' | 'pausedS' | 'steps'> {
  const began = (name: string): number => steps.find(({ step }) => step === name)?.startedAt ?? 0;
  return {
    operationS: seconds((finishedAt ?? 0) - startedAt),
    pausedS: seconds(began('resume-writes') - began('pause-writes')),
    steps: Object.fromEntries(
      [...steps, ...verifications].map((each) => [
        each.step,
        seconds((each.finishedAt ?? 0) - (each.startedAt ?? each.finishedAt ?? 0)),
      ]),
    ),
  };
}

for (const entities of given.entities.split(',').map(Number)) {
  say(`${entities.toLocaleString('en-US')} entities (${load()})`);
  const [storage, file] = await storageFigures(entities);
  const { fileMiB, backupS, verifyS, compareS, restoreS } = storage;
  say(
    `  storage alone: a file of ${fileMiB} MiB; backup ${backupS} s, verify ${verifyS} s, compare ${compareS} s, restore ${restoreS} s`,
  );
  const cluster = given['no-cluster'] ? null : await clusterFigures(file);
  if (cluster !== null) {
    const newClusterS = seconds(1_000 * (cluster.beginS + cluster.startS + cluster.joinS.reduce((a, b) => a + b, 0)));
    say(`  from the file alone to three voters: ${newClusterS} s`);
    say(`  in the running cluster: the operation ${cluster.operationS} s, writes paused for ${cluster.pausedS} s`);
    say(
      `    ${Object.entries(cluster.steps)
        .map(([step, took]) => `${step} ${took}`)
        .join(', ')}`,
    );
  }
  if (given.json) process.stdout.write(`${JSON.stringify({ ...storage, cluster, load: loadavg()[0] })}\n`);
}
process.exit(0);
