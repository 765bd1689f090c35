/**
 * The model and its state machine: kinds of entities, the commands that change them, what applying a command does, and which
 * changes follow. It promises that members that applied the same entries hold the same model and gave the same outcomes. It
 * needs a `ModelStore` and nothing else: no clock, no network, no chance. It never waits.
 *
 * - `prepare…` (leader): request → command, or a refusal that names the field.
 * - `encodeCommand` / `decodeCommand`: command ↔ data of a log entry.
 * - `applyBatch`: committed entries → outcomes, in one transaction with the position.
 * - `beginTimeline`: the one place where a history begins.
 */
export * from './apply.js';
export * from './commands.js';
export * from './gates.js';
export * from './hash.js';
export * from './invariant.js';
export * from './kinds/index.js';
export * from './memory-store.js';
export { isUnderWay, operationsKeptMax } from './operations.js';
export * from './prepare.js';
export { type ModelRecovery, recoverModel } from './recovery.js';
export * from './resolve.js';
export * from './restore.js';
export * from './store.js';
export * from './timeline.js';
