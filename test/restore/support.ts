/** The vocabulary of the tests that restore: a file from a cluster, and the way it goes back. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ApiClient, compareModels, type OperationView, type WorkflowParameters } from '../../messaging/index.js';
import { uploadChunkBytesMax } from '../../messaging/schemas/api.js';
import type { TestCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';

export interface BackupFile {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export type RestoreParameters = Extract<WorkflowParameters, { workflow: 'restore' }>;

export function fileAt(path: string): BackupFile {
  const bytes = readFileSync(path);
  return { path, sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Gives the file to the leader, piece by piece, and waits until it is whole and checked there. */
export async function stage(api: ApiClient, file: BackupFile): Promise<RestoreParameters> {
  const { sha256, sizeBytes, path } = file;
  const bytes = readFileSync(path);
  await eventually(
    async () => {
      const { state, receivedBytes } = await api.request('restore.stage', { sha256, sizeBytes });
      if (state === 'ready') return true;
      if (state !== 'missing' && state !== 'receiving') return false;
      const data = bytes.subarray(receivedBytes, receivedBytes + uploadChunkBytesMax).toString('base64');
      await api.request('restore.stage', { sha256, sizeBytes, chunk: { offset: receivedBytes, data } });
      return false;
    },
    { what: `the leader to hold ${path}`, timeoutMs: 60_000, intervalMs: 5 },
  );
  return { workflow: 'restore', sha256, sizeBytes, name: 'test.snapshot' };
}

export async function createServices(api: ApiClient, prefix: string, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, number) =>
      api.request('model.create', { kind: 'service', id: `${prefix}${number}`, name: `${prefix}${number}`, spec: {} }),
    ),
  );
}

/** Ids of all services, as this controller holds them. */
export async function servicesOf(cluster: TestCluster, node: string): Promise<readonly string[]> {
  return (await cluster.modelOf(node)).filter(({ kind }) => kind === 'service').map(({ id }) => id);
}

/** All these members hash their models at one index to the same. */
export async function sameHashes(api: ApiClient, nodes: readonly string[]): Promise<string> {
  return eventually(
    async () => {
      const { groups, missing } = await compareModels(api, nodes, { timeoutMs: 30_000 });
      return groups.length === 1 && missing.length === 0 && groups[0]?.sha256;
    },
    { what: 'equal hashes', timeoutMs: 60_000 },
  );
}

export async function ended(api: ApiClient, id: string, timeoutMs = 60_000): Promise<OperationView> {
  return eventually(
    async () => {
      const operation = await api.request('operation.get', { id }, { timeoutMs: 30_000 });
      return operation.finishedAt !== null && operation;
    },
    { what: `the end of the operation ${id}`, timeoutMs, intervalMs: 50 },
  );
}
