/** Runs in the hashing thread: opens the model, waits to be told to begin, and hashes it. See `hash-model.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { modelHashes } from '../model/hash.js';
import { openReadOnly } from './database.js';
import { cell, command, type HashJob, type HashMessage, type ModelHash, readyMaxMs } from './hash-model.js';
import { readerOf } from './model-store.js';

// Both ends are of one build: what comes in is what `hash-model.ts` sent.
const { modelPath, shared } = workerData as HashJob;

function hash(): ModelHash {
  const database = openReadOnly(modelPath);
  try {
    const model = readerOf(database);
    // Opens the write-ahead log, too: what is left to do at the beginning is to take a mark in it.
    model.meta();
    say({ type: 'ready' });
    Atomics.wait(shared, cell.command, command.wait, readyMaxMs);
    if (Atomics.load(shared, cell.command) !== command.begin) throw new QuorateError('timeout', 'It was not begun.');
    database.exec('BEGIN');
    const meta = model.meta();
    Atomics.store(shared, cell.begun, 1);
    Atomics.notify(shared, cell.begun);
    if (Atomics.load(shared, cell.command) !== command.begin) throw new QuorateError('timeout', 'It began too late.');
    if (meta === undefined) throw new QuorateError('not-a-member');
    return { position: meta.position, ...modelHashes(model) };
  } finally {
    database.close();
  }
}

function say(message: HashMessage): void {
  parentPort?.postMessage(message);
}

try {
  say({ type: 'hashed', hash: hash() });
} catch (error) {
  say({ type: 'failed', error: toQuorateError(error).toWire() });
}
