/**
 * The worker thread of storage: what reads or writes whole files happens here, so that the main thread never waits for it.
 * One job at a time, in the order in which they were asked for; the thread ends when there has been nothing to do.
 */
import { Worker } from 'node:worker_threads';
import { QuorateError, type WireError } from '../../messaging/errors.js';
import type { RestoredModel } from './restored-model.js';
import type { KindDifference, ModeChange, SnapshotFile } from './types.js';
import type { SnapshotAuthor } from './write-snapshot.js';

export type Job =
  | {
      readonly job: 'write-snapshot';
      readonly modelPath: string;
      readonly path: string;
      readonly author: SnapshotAuthor;
    }
  | { readonly job: 'inspect-snapshot'; readonly path: string }
  | {
      readonly job: 'copy-for-mode';
      readonly modelPath: string;
      readonly path: string;
      readonly change: ModeChange;
      readonly nodeId: string;
    }
  | { readonly job: 'check-model'; readonly modelPath: string }
  | ({ readonly job: 'make-restored-model' } & RestoredModel)
  | { readonly job: 'compare-restore'; readonly modelPath: string; readonly path: string };

/** What each job comes to. */
export interface JobResult {
  readonly 'write-snapshot': SnapshotFile;
  readonly 'inspect-snapshot': SnapshotFile;
  readonly 'copy-for-mode': null;
  readonly 'check-model': readonly string[];
  readonly 'make-restored-model': null;
  readonly 'compare-restore': readonly KindDifference[];
}

export type JobOutcome =
  | { readonly ok: true; readonly result: JobResult[Job['job']] }
  | { readonly ok: false; readonly error: WireError };

/** Jobs that wait; more are refused with `overloaded`. */
const jobsMax = 8;

export class StorageWorker {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Rejects with what the job threw. */
  run<J extends Job>(job: J): Promise<JobResult[J['job']]> {
    // The thread answers each job with its own result.
    return this.inTurn(() => runInThread(job)) as Promise<JobResult[J['job']]>;
  }

  /** For what brings a thread of its own and must not run beside the others. */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= jobsMax)
      return Promise.reject(
        new QuorateError('overloaded', 'Too many snapshots are being written, checked or compared.'),
      );
    this.#waiting += 1;
    const outcome = this.#last.then(work);
    this.#last = outcome.then(
      () => this.#done(),
      () => this.#done(),
    );
    return outcome;
  }

  /** Resolves when nothing runs or waits. */
  async idle(): Promise<void> {
    while (this.#waiting > 0) await this.#last;
  }

  #done(): void {
    this.#waiting -= 1;
  }
}

function runInThread(job: Job): Promise<JobResult[Job['job']]> {
  const worker = new Worker(new URL('./worker-thread.js', import.meta.url), { workerData: job });
  return new Promise((resolve, reject) => {
    worker.once('message', (outcome: JobOutcome) => {
      if (outcome.ok) resolve(outcome.result);
      else reject(QuorateError.fromWire(outcome.error));
    });
    worker.once('error', reject);
    // After a message this changes nothing.
    worker.once('exit', (code) =>
      reject(new QuorateError('internal', `the thread for snapshots ended with code ${code}`)),
    );
  });
}
