/** Runs in the worker thread: one job, one answer. See `worker.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { toQuorateError } from '../../messaging/errors.js';
import { inspectSnapshot } from './inspect.js';
import type { SnapshotFile } from './types.js';
import type { Job, JobOutcome } from './worker.js';
import { writeSnapshot } from './write-snapshot.js';

// Both ends are of one build: what comes in is what `worker.ts` sent.
const job = workerData as Job;

function perform(): SnapshotFile {
  switch (job.job) {
    case 'write-snapshot':
      return writeSnapshot(job.modelPath, job.path, job.author);
    case 'inspect-snapshot':
      return inspectSnapshot(job.path);
  }
}

function outcome(): JobOutcome {
  try {
    return { ok: true, file: perform() };
  } catch (error) {
    return { ok: false, error: toQuorateError(error).toWire() };
  }
}

parentPort?.postMessage(outcome());
