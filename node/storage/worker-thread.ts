/** Runs in the worker thread: one job, one answer. See `worker.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { toQuorateError } from '../../messaging/errors.js';
import { removeDatabase } from './files.js';
import { inspectSnapshot } from './inspect.js';
import { rewriteCopy } from './mode-change.js';
import type { SnapshotFile } from './types.js';
import type { Job, JobOutcome } from './worker.js';
import { copyModel, writeSnapshot } from './write-snapshot.js';

// Both ends are of one build: what comes in is what `worker.ts` sent.
const job = workerData as Job;

function perform(): SnapshotFile | null {
  switch (job.job) {
    case 'write-snapshot':
      return writeSnapshot(job.modelPath, job.path, job.author);
    case 'inspect-snapshot':
      return inspectSnapshot(job.path);
    case 'copy-for-mode':
      removeDatabase(job.path);
      copyModel(job.modelPath, job.path);
      rewriteCopy(job.path, job.change, job.nodeId);
      return null;
  }
}

function outcome(): JobOutcome {
  try {
    return { ok: true, result: perform() };
  } catch (error) {
    return { ok: false, error: toQuorateError(error).toWire() };
  }
}

parentPort?.postMessage(outcome());
