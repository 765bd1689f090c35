/** Figures for docs/storage.md: `node dist/test/storage/bench.js [entities]`. Says what it measured; judges nothing. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { modelHash } from '../../node/model/hash.js';
import { applyBatch, encodeCommand } from '../../node/model/index.js';
import type { Entry } from '../../node/raft/types.js';
import { openStorage } from '../../node/storage/index.js';
import { SqliteRaftStore } from '../../node/storage/raft-store.js';
import { begin } from './storage-contract.js';

const data = new Uint8Array(256).fill(7);
const append = (store: SqliteRaftStore, rows: number) => {
  const first = store.lastIndex() + 1;
  const entries = Array.from(
    { length: rows },
    (_, at) => ({ type: 'normal', index: first + at, term: 1, data }) as const,
  );
  store.persist({ entries, hardState: { term: 1, vote: 'n1', commit: first - 1 } });
};

function summary(latencies: number[]): string {
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(3);
  return `p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ms`;
}

function measure(times: number, work: () => void): { readonly seconds: number; readonly latencies: number[] } {
  const latencies: number[] = [];
  const begun = performance.now();
  for (let time = 0; time < times; time++) {
    const before = performance.now();
    work();
    latencies.push(performance.now() - before);
  }
  return { seconds: (performance.now() - begun) / 1000, latencies };
}

function benchLog(directory: string): void {
  for (const rows of [1, 16, 64]) {
    const store = new SqliteRaftStore(join(directory, `log-${rows}.db`));
    const { seconds, latencies } = measure(4_000, () => append(store, rows));
    console.log(
      `log, ${rows} rows a transaction: ${Math.round((4_000 * rows) / seconds)} rows/s, ${summary(latencies)}`,
    );
    store.close();
  }
}

/** The same write, asked of a thread and answered by it: what a writer thread would add to each turn. */
async function benchThread(directory: string): Promise<void> {
  const store = new SqliteRaftStore(join(directory, 'main.db'));
  const direct = measure(3_000, () => append(store, 16)).latencies;
  store.close();
  const worker = new Worker(new URL(import.meta.url), { workerData: join(directory, 'thread.db') });
  const answered = () => new Promise((resolve) => worker.once('message', resolve));
  await answered();
  const latencies: number[] = [];
  for (let time = 0; time < 3_000; time++) {
    const before = performance.now();
    const answer = answered();
    worker.postMessage(16);
    await answer;
    latencies.push(performance.now() - before);
  }
  await worker.terminate();
  console.log(`16 rows, main thread: ${summary(direct)}; through a worker thread: ${summary(latencies)}`);
}

async function benchModel(directory: string, entities: number): Promise<void> {
  const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'bench', now: Date.now };
  let storage = openStorage({ ...about, directory: join(directory, 'model') });
  await begin(storage);
  const apply = (commands: readonly Uint8Array[]) => {
    const first = (storage.model.meta()?.position.index ?? 0) + 1;
    const entries = commands.map(
      (command, at): Entry => ({ type: 'normal', index: first + at, term: 1, data: command }),
    );
    storage.raft.persist({ entries });
    const cpu = process.cpuUsage();
    const before = performance.now();
    applyBatch(storage.model, entries);
    const { user, system } = process.cpuUsage(cpu);
    return { ms: performance.now() - before, cpuMs: (user + system) / 1000 };
  };
  let number = 0;
  const random = () => Math.random().toString(36).slice(2);
  const ids: string[] = [];
  const stamp = () => ({ requestId: `${random()}${random()}`, at: Date.now(), by: 'bench' });
  const create = () => {
    number += 1;
    const id = `${random()}-${number}`;
    ids.push(id);
    return encodeCommand({
      ...stamp(),
      type: 'create',
      kind: 'service',
      id,
      name: `service ${id}`,
      tags: { note: 'x'.repeat(180) },
      spec: {},
    });
  };
  const update = () => {
    const id = ids[Math.floor(Math.random() * ids.length)] ?? '';
    return encodeCommand({
      ...stamp(),
      type: 'update',
      kind: 'service',
      id,
      version: null,
      patch: { tags: { note: random().repeat(16) } },
    });
  };
  const run = (name: string, total: number, batch: number, command: () => Uint8Array) => {
    let ms = 0;
    let cpuMs = 0;
    for (let done = 0; done < total; done += batch) {
      const took = apply(Array.from({ length: batch }, command));
      ms += took.ms;
      cpuMs += took.cpuMs;
    }
    const rate = (milliseconds: number) => Math.round((total / milliseconds) * 1000);
    // On a machine that is busy otherwise, only the second figure means something.
    console.log(
      `model, ${name}, ${batch} a transaction: ${rate(ms)} /s by the clock, ${rate(cpuMs)} /s of processor time`,
    );
  };
  run('create, the first 10,000', 10_000, 64, create);
  for (const batch of [1, 16, 64]) run('update among 10,000', 20_000, batch, update);
  run(`create, on to ${entities}`, entities - 10_000, 64, create);
  run(`update among ${entities}`, 20_000, 64, update);

  const delay = monitorEventLoopDelay({ resolution: 1 });
  const timed = async <Result>(name: string, work: () => Promise<Result> | Result): Promise<Result> => {
    delay.enable();
    delay.reset();
    const before = performance.now();
    const result = await work();
    const took = performance.now() - before;
    delay.disable();
    console.log(`${name}: ${took.toFixed(1)} ms, the main thread held for at most ${(delay.max / 1e6).toFixed(1)} ms`);
    return result;
  };
  await timed('make the model durable', () => storage.model.makeDurable());
  await timed('hash of it, on the main thread', () => modelHash(storage.model));
  await timed('hash of it, in a thread', async () => {
    const prepared = await storage.prepareHash();
    const before = performance.now();
    if (!prepared.begin()) throw new Error('it did not begin in time');
    console.log(`  which began in ${(performance.now() - before).toFixed(2)} ms`);
    await prepared.result;
  });
  const file = await timed(`snapshot of ${entities} entities`, () => storage.createSnapshot());
  console.log(`  ${(file.sizeBytes / 1e6).toFixed(1)} MB`);
  const follower = openStorage({ ...about, nodeId: 'n2', directory: join(directory, 'follower') });
  const staged = await timed('take it over and verify it', async () => {
    const staging = follower.beginStaging(file);
    while (staging.receivedBytes < file.sizeBytes) {
      staging.writeChunk(staging.receivedBytes, storage.readSnapshotChunk(file, staging.receivedBytes, 256 * 1024));
      await new Promise(setImmediate);
    }
    return staging.finish();
  });
  await timed('install it', () =>
    follower.install({ staged, identity: { clusterName: 'c', clusterId: 'id-1', nodeId: 'n2' } }),
  );
  await timed(`compact ${storage.raft.lastIndex()} entries`, () => storage.compactLog(storage.raft.lastIndex()));
  storage.close();
  storage = await timed('open', () => openStorage({ ...about, directory: join(directory, 'model') }));
  storage.close();
  follower.close();
}

if (isMainThread) {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
  try {
    benchLog(directory);
    await benchThread(directory);
    await benchModel(directory, Number(process.argv[2] ?? 100_000));
  } finally {
    rmSync(directory, { recursive: true });
  }
} else {
  const store = new SqliteRaftStore(String(workerData));
  parentPort?.on('message', (rows: number) => {
    append(store, rows);
    parentPort?.postMessage(rows);
  });
  parentPort?.postMessage('ready');
}
