/**
 * The hash of the model at exactly the position at which it stands when `begin` is called, while the model goes on changing.
 *
 * Hashing reads everything, which takes seconds; so a thread does it, in one read transaction of its own connection. That
 * transaction must begin before the next entry is applied: the thread is made ready beforehand, the main thread tells it to
 * begin and waits until it has, which takes a fraction of a millisecond, and at most `beginMaxMs`, so that no heartbeat
 * is missed. (Hashing slice by slice on the main thread would need no thread, and would take all of its time.)
 */
import { Worker } from 'node:worker_threads';
import { QuorateError, type WireError } from '../../messaging/errors.js';
import type { Position } from '../../messaging/position.js';
import { type HashedModel, type ModelHashes, modelHashes } from '../model/hash.js';

export interface ModelHash extends ModelHashes {
  readonly position: Position;
}

/** Ready to hash; one of `begin` and `abandon` has to be called soon. */
export interface PreparedHash {
  /** Fixes what is hashed: the model as it stands now. False: it could not begin in time, and there will be no hash. */
  begin(): boolean;
  abandon(): void;
  /** Rejects with `timeout` where it was not begun. */
  readonly result: Promise<ModelHash>;
}

/** The main thread waits so long for the beginning: less than a heartbeat interval. */
const beginMaxMs = 25;
/** A thread that was made ready and is not told to begin ends after this time. */
export const readyMaxMs = 15_000;

/** Cells of the memory that both threads share. */
export const cell = { command: 0, begun: 1 } as const;
export const command = { wait: 0, begin: 1, abandon: 2 } as const;

export interface HashJob {
  readonly modelPath: string;
  readonly shared: Int32Array;
}
export type HashMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'hashed'; readonly hash: ModelHash }
  | { readonly type: 'failed'; readonly error: WireError };

/** Resolves when the thread has the model open. */
export function prepareInThread(modelPath: string): Promise<PreparedHash> {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const job: HashJob = { modelPath, shared };
  const worker = new Worker(new URL('./hash-model-thread.js', import.meta.url), { workerData: job });
  return new Promise((resolve, reject) => {
    const result = new Promise<ModelHash>((settle, fail) => {
      worker.on('message', (message: HashMessage) => {
        if (message.type === 'hashed') settle(message.hash);
        if (message.type === 'failed') fail(QuorateError.fromWire(message.error));
        if (message.type === 'ready')
          resolve({ begin: () => begin(shared), abandon: () => tell(shared, 'abandon'), result });
      });
      worker.once('error', fail);
      // After a message this changes nothing.
      worker.once('exit', (code) => fail(new QuorateError('internal', `the hashing thread ended with code ${code}`)));
    });
    result.catch(reject);
  });
}

function tell(shared: Int32Array, what: keyof typeof command): void {
  Atomics.store(shared, cell.command, command[what]);
  Atomics.notify(shared, cell.command);
}

function begin(shared: Int32Array): boolean {
  tell(shared, 'begin');
  const hasBegun = Atomics.wait(shared, cell.begun, 0, beginMaxMs) !== 'timed-out';
  // What the model is when it does begin is not known.
  if (!hasBegun) tell(shared, 'abandon');
  return hasBegun;
}

/** For a model that can be read at once: in memory. */
export function prepareAtOnce(model: HashedModel): PreparedHash {
  let settle: { resolve: (hash: ModelHash) => void; reject: (error: unknown) => void } | undefined;
  const result = new Promise<ModelHash>((resolve, reject) => {
    settle = { resolve, reject };
  });
  result.catch(() => undefined);
  return {
    begin() {
      const position = model.meta()?.position;
      if (position === undefined) settle?.reject(new QuorateError('not-a-member'));
      else settle?.resolve({ position, ...modelHashes(model) });
      return true;
    },
    abandon: () => settle?.reject(new QuorateError('timeout')),
    result,
  };
}
