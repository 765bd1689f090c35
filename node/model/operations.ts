/** The records of operations: written by compare-and-set, one running at a time, a bounded number kept. */
import type { Operation } from '../../messaging/index.js';
import type { OperationPutCommand } from './commands.js';
import { byCodeUnit, type ModelStore } from './store.js';

/** Finished operations beyond this many are forgotten, the oldest first. */
export const operationsKeptMax = 200;

export type OperationPut =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly code: string; readonly message: string };

export function isUnderWay(operation: Operation): boolean {
  return operation.state === 'running' || operation.state === 'rolling-back';
}

/**
 * A runner that lost leadership may still have a record in flight: the revision keeps it from writing over what its
 * successor has written. That only one operation is under way is decided here, where commands have an order, and not by
 * whoever starts one.
 */
export function putOperation(store: ModelStore, command: OperationPutCommand): OperationPut {
  const { operation, revision } = command;
  const stored = store.record('operation', operation.id);
  const storedRevision = stored?.revision ?? 0;
  if (storedRevision !== revision) {
    return {
      ok: false,
      code: 'version-mismatch',
      message: `the record of the operation ${operation.id} has revision ${storedRevision}, not ${revision}`,
    };
  }
  // It begins; or it had ended, and goes on.
  if (isUnderWay(operation) && (stored === undefined || !isUnderWay(stored.operation))) {
    const running = store.records('operation').find(({ value }) => isUnderWay(value.operation));
    if (running !== undefined) {
      const { id, parameters } = running.value.operation;
      return {
        ok: false,
        code: 'operation-running',
        message: `the operation ${id} (${parameters.workflow}) is running`,
      };
    }
  }
  if (stored === undefined) {
    const all = store.records('operation');
    forgetOldest(
      store,
      all.map(({ value }) => value.operation),
      operationsKeptMax - 1,
    );
  }
  store.putRecord('operation', operation.id, { revision: revision + 1, operation });
  return { ok: true, revision: revision + 1 };
}

function forgetOldest(store: ModelStore, operations: readonly Operation[], kept: number): void {
  const excess = operations.length - kept;
  if (excess <= 0) return;
  const finished = operations
    .filter((each) => !isUnderWay(each))
    .sort((a, b) => a.startedAt - b.startedAt || byCodeUnit(a.id, b.id));
  for (const each of finished.slice(0, excess)) store.deleteRecord('operation', each.id);
}
