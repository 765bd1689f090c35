/** Runs in the worker thread: one job, one answer. See `worker.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { toQuorateError } from '../../messaging/errors.js';
import { checkModel } from './check-model.js';
import { compareRestore } from './compare-restore.js';
import { removeDatabase } from './files.js';
import { inspectSnapshot } from './inspect.js';
import { rewriteCopy } from './mode-change.js';
import { makeRestoredModel } from './restored-model.js';
import type { Job, JobOutcome, JobResult } from './worker.js';
import { copyModel, writeSnapshot } from './write-snapshot.js';

// Both ends are of one build: what comes in is what `worker.ts` sent.
const job = workerData as Job;

function perform(): JobResult[Job['job']] {
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
    case 'check-model':
      return checkModel(job.modelPath);
    case 'make-restored-model':
      makeRestoredModel(job);
      return null;
    case 'compare-restore':
      return compareRestore(job.modelPath, job.path);
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
