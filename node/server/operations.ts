/** Operations on this controller: the engine of the workflows, on what a running member can do. */
import { QuorateError } from '../../messaging/errors.js';
import type { Operation, OperationPlan, WorkflowParameters } from '../../messaging/schemas/operations.js';
import { OperationEngine, type ResumePlan } from '../workflows/index.js';
import type { RequestContext } from './api.js';
import { readBarrier } from './handlers.js';
import { createActions, type WorkflowSources } from './workflow-actions.js';

export class OperationService {
  readonly #options: WorkflowSources;
  readonly #engine: OperationEngine;

  constructor(options: WorkflowSources) {
    this.#options = options;
    this.#engine = new OperationEngine(createActions(options), options.nodeId);
  }

  /** Id of the operation that runs here. */
  running(): string | null {
    return this.#engine.running();
  }

  async plan(parameters: WorkflowParameters): Promise<OperationPlan> {
    this.#checkMode(parameters);
    await readBarrier(this.#options.replica);
    return this.#engine.plan(parameters);
  }

  /** A retry with the same request id finds the operation that the first request began. */
  async start(parameters: WorkflowParameters, { requestId, from, origin }: RequestContext): Promise<Operation> {
    this.#checkMode(parameters);
    await readBarrier(this.#options.replica);
    return this.#engine.start(parameters, { id: requestId, requestedBy: from, origin });
  }

  async cancel(id: string, { from, origin }: RequestContext): Promise<Operation> {
    await readBarrier(this.#options.replica);
    return this.#engine.cancel(id, { requestedBy: from, origin });
  }

  async planResume(id: string): Promise<ResumePlan> {
    await readBarrier(this.#options.replica);
    return this.#engine.planResume(id);
  }

  async resume(id: string, { requestId, from, origin }: RequestContext): Promise<Operation> {
    await readBarrier(this.#options.replica);
    return this.#engine.letGoOn(id, { requestId, requestedBy: from, origin });
  }

  /** A leader goes on with what the one before it left. */
  setLeading(leading: boolean): void {
    if (leading) this.#engine.resume();
    else this.stop();
  }

  /** @throws QuorateError `standalone` */
  #checkMode({ workflow }: WorkflowParameters): void {
    const isAboutMode = workflow === 'migrate' || workflow === 'rollback';
    if (this.#options.replica.status() === null && !isAboutMode) throw new QuorateError('standalone');
  }

  stop(): void {
    void this.#engine.letGo();
  }
}
