/**
 * `npm run bench:restore`: how long a backup and a restore take. First on one data directory, by the storage alone; then in a
 * cluster of three real controllers: how long the operation takes in all, and for how long writes are paused in it.
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
import { startQuorate } from '../support/process.js';
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
  readonly operationS: number;
  readonly pausedS: number;
  readonly steps: Readonly<Record<string, number>>;
}

async function clusterFigures(file: SnapshotFile): Promise<ClusterFigures> {
  const nats = await startNatsServer();
  const connection = await connectNats({ servers: [nats.url], name: 'bench' });
  const api = createApiClient({ connection, cluster: 'bench', from: 'bench', timeoutMs: patienceMs });
  const directories = new Map(['n1', 'n2', 'n3'].map((id) => [id, temporaryDirectory(id)]));
  const processes = await Promise.all(
    [...directories].map(([id, directory]) => {
      const args = ['node', '--cluster', 'bench', '--id', id, '--nats', nats.url, '--data-dir', directory];
      return startQuorate(id === 'n1' ? [...args, '--restore-from', file.path] : args, { name: id });
    }),
  );
  const wait = { timeoutMs: patienceMs, intervalMs: 500 };
  const statusOf = (node: string) => api.request('status.get', {}, { node });
  await eventually(async () => (await statusOf('n1')).raft?.role === 'leader', { what: 'n1 to lead', ...wait });
  for (const node of ['n2', 'n3']) {
    await eventually(async () => (await statusOf(node)).state === 'blank', { what: `${node} to be blank`, ...wait });
    const { id } = await api.request('operation.start', { workflow: 'join', node });
    const joined = await ended(api, id, patienceMs);
    if (joined.state !== 'done') throw new Error(`${node} did not join: ${joined.error?.message}`);
  }
  await api.request('model.create', { kind: 'service', id: 'one-more', name: 'one-more', spec: {} });
  copyFileSync(file.path, join(directories.get('n1') ?? '', 'backups', 'bench.snapshot'));
  const { sha256, sizeBytes } = await api.request('restore.take', { name: 'bench.snapshot' }, { node: 'n1' });
  const parameters = { workflow: 'restore', sha256, sizeBytes, name: 'bench.snapshot' } as const;
  await eventually(async () => (await api.request('restore.stage', { sha256, sizeBytes })).state === 'ready', {
    what: 'the file',
    ...wait,
  });
  await eventually(async () => (await api.request('operation.plan', parameters)).mayRun, {
    what: 'it may run',
    ...wait,
  });
  const { id } = await api.request('operation.start', parameters);
  const operation = await ended(api, id, patienceMs);
  if (operation.state !== 'done') throw new Error(operation.error?.message ?? operation.state);
  await Promise.all(processes.map((each) => each.stop()));
  await connection.close();
  await nats.stop();
  return figuresOf(operation);
}

function figuresOf({ startedAt, finishedAt, steps, verifications }: Operation): ClusterFigures {
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
  say(`${entities.toLocaleString('en-US')} entities (load ${loadavg()[0]?.toFixed(1)})`);
  const [storage, file] = await storageFigures(entities);
  const cluster = given['no-cluster'] ? null : await clusterFigures(file);
  if (given.json) process.stdout.write(`${JSON.stringify({ ...storage, cluster, load: loadavg()[0] })}\n`);
  else {
    const { fileMiB, backupS, verifyS, compareS, restoreS } = storage;
    say(
      `  storage: a file of ${fileMiB} MiB; backup ${backupS} s, verify ${verifyS} s, compare ${compareS} s, restore ${restoreS} s`,
    );
    if (cluster !== null) {
      say(`  cluster of three: the operation ${cluster.operationS} s, writes paused for ${cluster.pausedS} s`);
      say(
        `    ${Object.entries(cluster.steps)
          .map(([step, took]) => `${step} ${took}`)
          .join(', ')}`,
      );
    }
  }
}
process.exit(0);
