/**
 * What an operator may do to an operation that was started: cancel it, or let one that failed go on. Pure: the record in, what
 * becomes of it out. Whoever writes the result does so by compare-and-set, so that the log decides between it and the next step.
 */
import { isAsked, type Operation, QuorateError, type StepRecord } from '../../messaging/index.js';
import type { Step, Workflow } from './definition.js';
import { stepOf, stepsOf } from './record.js';

/** Who asked for it, and from where as far as the client says so. */
export interface Requester {
  readonly requestedBy: string;
  readonly origin: string | null;
}

export type CancelVerdict =
  | { readonly type: 'cancel'; readonly operation: Operation }
  /** It is being taken back, or was: a repeated request finds it so. */
  | { readonly type: 'nothing-to-do' }
  | { readonly type: 'refused'; readonly error: QuorateError };

/** `workflow` is undefined where this build does not know it. */
export function judgeCancel(
  workflow: Workflow | undefined,
  operation: Operation,
  by: Requester & { readonly at: number },
): CancelVerdict {
  const refuse = (sentence: string, remedy: string): CancelVerdict => ({
    type: 'refused',
    error: new QuorateError('not-cancellable', `the operation ${operation.id} cannot be cancelled: ${sentence}`, {
      remedy,
    }),
  });
  switch (operation.state) {
    case 'cancelled':
    case 'rolling-back':
      return { type: 'nothing-to-do' };
    case 'done':
    case 'failed':
      return refuse(`it has ended as ${operation.state}`, `See it: \`quorate operations show ${operation.id}\`.`);
    case 'running':
      break;
  }
  if (operation.cancellation !== undefined) return { type: 'nothing-to-do' };
  if (workflow === undefined)
    return refuse(
      `the leader does not know the workflow ${operation.parameters.workflow}`,
      'Hand leadership to a member of the newer version: `quorate members transfer ID`.',
    );
  const beyond = stepsBegun(workflow, operation).find(({ noReturn }) => noReturn !== undefined);
  if (beyond?.noReturn !== undefined)
    return refuse(`the step ${beyond.name} has begun, and ${beyond.noReturn.because}`, beyond.noReturn.instead);
  if (operation.verifications.some(({ state }) => state !== 'pending'))
    return refuse(
      'all its steps are done, and it only looks at their effect',
      `Wait for its end: \`quorate operations watch ${operation.id}\`.`,
    );
  const { requestedBy, origin, at } = by;
  return {
    type: 'cancel',
    operation: { ...operation, updatedAt: nextStamp(operation, at), cancellation: { by: requestedBy, origin, at } },
  };
}

/**
 * How an operation that failed goes on. `anew`: all that it had done was taken back, so all checks are asked and all steps are
 * taken again. `forward`: it failed beyond its point of no return, and looks again whether the effect is there. `back`: taking
 * back failed, and is tried again.
 */
export type ResumeVerdict =
  | { readonly type: 'anew' | 'forward' | 'back' }
  /** It runs, or the request was carried out already. */
  | { readonly type: 'nothing-to-do' }
  | { readonly type: 'refused'; readonly error: QuorateError };

export function judgeResume(workflow: Workflow | undefined, operation: Operation, requestId: string): ResumeVerdict {
  const refuse = (sentence: string, remedy: string): ResumeVerdict => ({
    type: 'refused',
    error: new QuorateError('not-resumable', `the operation ${operation.id} cannot be resumed: ${sentence}`, {
      remedy,
    }),
  });
  if (operation.resumptions?.some((each) => each.requestId === requestId) === true) return { type: 'nothing-to-do' };
  if (!isAsked(operation.parameters) && operation.state === 'failed')
    return refuse(
      'this history began with it, and there is nothing to begin again',
      'See how it is: `quorate status`.',
    );
  switch (operation.state) {
    case 'running':
    case 'rolling-back':
      return { type: 'nothing-to-do' };
    case 'done':
      return refuse('it is done', `See what it did: \`quorate operations show ${operation.id}\`.`);
    case 'cancelled':
      return refuse(
        'it was cancelled, and what it had done was taken back',
        'Start it again if it is wanted after all.',
      );
    case 'failed':
      break;
  }
  if (workflow === undefined)
    return refuse(
      `the leader does not know the workflow ${operation.parameters.workflow}`,
      'Hand leadership to a member of the newer version: `quorate members transfer ID`.',
    );
  if ((operation.resumptions?.length ?? 0) >= resumptionsMax)
    return refuse(`it was resumed ${resumptionsMax} times`, 'Start it again.');
  const isBeyond = workflow.steps.some(
    ({ name, noReturn }) => noReturn !== undefined && stepOf(operation, 'steps', name)?.state === 'done',
  );
  if (isBeyond) return { type: 'forward' };
  return { type: operation.error?.details?.['takenBack'] === false ? 'back' : 'anew' };
}

/** Each is kept in the record. */
export const resumptionsMax = 20;

/** The record with which it goes on; for `anew` with what the checks have found now. */
export function resumed(
  operation: Operation,
  type: 'anew' | 'forward' | 'back',
  by: Requester & { readonly requestId: string; readonly at: number },
  found: Pick<Operation, 'parameters' | 'findings' | 'before' | 'after'>,
): Operation {
  const { cancellation: _, ...kept } = operation;
  const { requestId, requestedBy, origin, at } = by;
  const base: Operation = {
    ...kept,
    updatedAt: nextStamp(operation, at),
    finishedAt: null,
    resumptions: [
      ...(operation.resumptions ?? []),
      { requestId, by: requestedBy, origin, at, how: type, after: operation.error },
    ],
  };
  switch (type) {
    case 'anew':
      return {
        ...base,
        ...found,
        state: 'running',
        error: null,
        steps: operation.steps.map(pendingAgain),
        verifications: operation.verifications.map(pendingAgain),
      };
    case 'forward':
      return {
        ...base,
        state: 'running',
        error: null,
        steps: operation.steps.map((step) => (step.state === 'done' ? step : pendingAgain(step))),
        // What was seen then may be so no more.
        verifications: operation.verifications.map(pendingAgain),
      };
    case 'back':
      return { ...base, state: 'rolling-back', error: operation.error };
  }
}

/** How often it was begun from the beginning. */
export function attemptOf({ resumptions = [] }: Operation): number {
  return 1 + resumptions.filter(({ how }) => how === 'anew').length;
}

function stepsBegun(workflow: Workflow, operation: Operation): readonly Step[] {
  return stepsOf(workflow, operation.parameters).filter(
    ({ name }) => (stepOf(operation, 'steps', name)?.state ?? 'pending') !== 'pending',
  );
}

function pendingAgain(step: StepRecord): StepRecord {
  return { ...step, state: 'pending', detail: '', startedAt: null, finishedAt: null };
}

/** Each record is later than the one before, whatever the clock says. */
function nextStamp(operation: Operation, at: number): number {
  return Math.max(at, operation.updatedAt + 1);
}
