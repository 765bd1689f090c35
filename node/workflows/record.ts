/** Pure changes of an operation's record. */
import type { Finding, Impact, Operation, OperationParameters, StepRecord, WireError } from '../../messaging/index.js';
import type { Workflow } from './definition.js';

export type Part = 'steps' | 'verifications';

export function newOperation(given: {
  readonly id: string;
  readonly workflow: Workflow;
  readonly parameters: OperationParameters;
  readonly target: string;
  readonly requestedBy: string;
  readonly origin: string | null;
  readonly runner: string;
  readonly at: number;
  readonly findings: readonly Finding[];
  readonly before: Impact;
  readonly after: Impact;
}): Operation {
  const { workflow, parameters, target, at, findings, ...rest } = given;
  return {
    ...rest,
    parameters,
    state: 'running',
    startedAt: at,
    updatedAt: at,
    finishedAt: null,
    findings: [...findings],
    steps: stepsOf(workflow, parameters).map((step) => pending(step.name, step.title(target, parameters))),
    verifications: workflow.verifications.map((each) => pending(each.name, each.title(target, parameters))),
    error: null,
  };
}

export function stepsOf(workflow: Workflow, parameters: OperationParameters): Workflow['steps'] {
  return workflow.steps.filter((step) => step.applies?.(parameters) ?? true);
}

function pending(step: string, title: string): StepRecord {
  return { step, title, state: 'pending', detail: '', startedAt: null, finishedAt: null };
}

export function stepOf(operation: Operation, part: Part, name: string): StepRecord | undefined {
  return operation[part].find(({ step }) => step === name);
}

export function withStep(operation: Operation, part: Part, name: string, change: Partial<StepRecord>): Operation {
  return { ...operation, [part]: operation[part].map((each) => (each.step === name ? { ...each, ...change } : each)) };
}

export function finished(
  operation: Operation,
  state: 'done' | 'failed' | 'cancelled',
  at: number,
  error: WireError | null = operation.error,
): Operation {
  return { ...operation, state, finishedAt: at, error };
}
