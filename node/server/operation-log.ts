/** What the log says of operations: one line for each step that begins or ends, with the operation's id. */
import type { Operation } from '../../messaging/schemas/operations.js';
import type { Log } from './log.js';

export class OperationLog {
  readonly #log: Log;
  #said = '';

  constructor(log: Log) {
    this.#log = log;
  }

  /** The record was written. Progress within a step is not news. */
  note({ id, parameters, requestedBy, state, steps, verifications, error }: Operation): void {
    const parts = [...steps, ...verifications];
    const step = parts.findLast((each) => each.state !== 'pending' && each.state !== 'skipped');
    const said = `${id} ${state} ${step?.step} ${step?.state}`;
    if (said === this.#said) return;
    this.#said = said;
    this.#log.info('operation', {
      ...{ operationId: id, workflow: parameters.workflow, requestedBy, state },
      ...{ step: step?.step, stepState: step?.state, detail: step?.detail, error: error?.message },
    });
  }
}
