/**
 * A workflow, driven from the console: plan (checks, impact), confirmation by name, start, steps, verified result. The
 * name can be typed only where no check failed, and nothing here decides whether an operation may run: the leader does.
 */
import type { OperationPlan, OperationView, ParametersView, WorkflowParameters } from '../../messaging/index.js';
import { isUncertain } from './change.js';
import { takeOperation } from './data.js';
import { changeTimeoutMs, operationSilentMs, pollTimeoutMs } from './limits.js';
import type { Answer, Request, Step } from './messages.js';
import { flash } from './navigation.js';
import { type State, type WorkflowAim, type WorkflowOverlay, type WorkflowPhase, withView } from './state.js';
import { emptyInput } from './text-input.js';

export function withDialog(state: State, dialog: WorkflowOverlay, change: Partial<WorkflowOverlay>): State {
  return withView(state, { overlay: { ...dialog, ...change } });
}

export function dialogOf(state: State): WorkflowOverlay | null {
  return state.view.overlay?.kind === 'workflow' ? state.view.overlay : null;
}

/** What has to be typed before an operation is cancelled. */
export const cancelWord = 'cancel';

/** Opens the dialog and has the leader run the checks. */
export function beginWorkflow(state: State, parameters: WorkflowParameters): Step<State> {
  return opened(state, { type: 'start', parameters }, parameters);
}

/** How an operation that failed would go on, and its checks. */
export function beginResume(state: State, { id, parameters }: OperationView): Step<State> {
  return opened(state, { type: 'resume', operation: id }, parameters);
}

/** Shows how far it is, and waits for the word. Whether it can still be cancelled is for the leader to say. */
export function beginCancel(state: State, { id, parameters }: OperationView): Step<State> {
  return opened(state, { type: 'cancel', operation: id }, parameters);
}

function opened(state: State, aim: WorkflowAim, parameters: ParametersView): Step<State> {
  const number = state.count + 1;
  const phase: WorkflowPhase = aim.type === 'cancel' ? { step: 'asking' } : { step: 'planning', since: state.now };
  const overlay: WorkflowOverlay = { kind: 'workflow', number, aim, parameters, input: emptyInput, top: 0, phase };
  return [
    withView({ ...state, count: number }, { overlay, prompt: null }),
    aim.type === 'cancel' ? [] : [planRequest(overlay, aim)],
  ];
}

function planRequest(
  { number }: WorkflowOverlay,
  aim: Exclude<WorkflowAim, { type: 'cancel' }>,
): ReturnType<typeof change> {
  return change(
    aim.type === 'start'
      ? { verb: 'operation.plan', params: aim.parameters, number }
      : { verb: 'operation.plan-resume', params: { id: aim.operation }, number },
  );
}

/** Shows an operation that runs or ran. */
export function watchOperation(state: State, operation: OperationView): Step<State> {
  const number = state.count + 1;
  const overlay: WorkflowOverlay = {
    kind: 'workflow',
    number,
    // It is there: nothing is to be started.
    aim: { type: 'resume', operation: operation.id },
    parameters: operation.parameters,
    input: emptyInput,
    top: 0,
    phase: watching(state, operation.id),
  };
  return [withView({ ...state, count: number }, { overlay }), []];
}

function watching(state: State, operation: string): WorkflowPhase {
  return { step: 'watching', operation, askedAt: state.now, error: null };
}

/** Checks again, or asks again for what was not answered. */
export function askAgain(state: State, dialog: WorkflowOverlay): Step<State> {
  const { phase, aim } = dialog;
  if (aim.type !== 'cancel' && (phase.step === 'planned' || (phase.step === 'refused' && phase.during === 'plan'))) {
    const again = withDialog(state, dialog, { input: emptyInput, phase: { step: 'planning', since: state.now } });
    return [again, [planRequest(dialog, aim)]];
  }
  if (phase.step === 'refused' && phase.retry !== null)
    return start(state, dialog, phase.retry.plan, phase.retry.requestId);
  if (phase.step === 'refused') return opened(state, aim, dialog.parameters);
  if (phase.step === 'watching') return askForOperation(state, dialog, phase);
  return [state, []];
}

/** Enter: starts if the name stands there exactly, and says what is missing if not. */
export function confirm(state: State, dialog: WorkflowOverlay): Step<State> {
  const { phase } = dialog;
  if (phase.step !== 'planned' && phase.step !== 'asking') return [state, []];
  const plan = phase.step === 'planned' ? phase.plan : null;
  if (plan?.mayRun === false) return [flash(state, 'warn', 'A check failed: mend it, then check again: r'), []];
  if (state.locked) return [flash(state, 'warn', 'The console is locked: nothing can be changed.', ':unlock'), []];
  const word = plan?.confirmation ?? cancelWord;
  if (dialog.input.text.trim() !== word) return [flash(state, 'info', `Type ${word} to confirm.`), []];
  const count = state.count + 1;
  return start({ ...state, count }, dialog, plan, `${state.nonce}-${count}`);
}

function start(state: State, dialog: WorkflowOverlay, plan: OperationPlan | null, requestId: string): Step<State> {
  const { aim, number } = dialog;
  const started = withDialog(state, dialog, { top: 0, phase: { step: 'starting', plan, since: state.now, requestId } });
  const request: Request =
    aim.type === 'start'
      ? // Started with what was planned: where the leader chose the target of a transfer, that one was confirmed.
        { verb: 'operation.start', params: plan?.parameters ?? aim.parameters, number, requestId }
      : { verb: `operation.${aim.type}`, params: { id: aim.operation }, number, requestId };
  return [started, [change(request)]];
}

type PlanVerb = 'operation.plan' | 'operation.plan-resume';

export function takePlan(state: State, answer: Extract<Answer, { verb: PlanVerb }>): Step<State> {
  const dialog = dialogOf(state);
  if (dialog === null || dialog.number !== answer.request.number || dialog.phase.step !== 'planning')
    return [state, []];
  if (!answer.outcome.ok) {
    const phase: WorkflowPhase = { step: 'refused', during: 'plan', error: answer.outcome.error, retry: null };
    return [withDialog(state, dialog, { phase, top: 0 }), []];
  }
  const how = answer.verb === 'operation.plan-resume' && answer.outcome.ok ? answer.outcome.value.how : null;
  const phase: WorkflowPhase =
    how === 'none' && dialog.aim.type === 'resume'
      ? watching(state, dialog.aim.operation)
      : { step: 'planned', plan: answer.outcome.value, at: state.now, how };
  return [withDialog(state, dialog, { phase, top: 0 }), []];
}

type StartVerb = 'operation.start' | 'operation.resume' | 'operation.cancel';

export function takeStarted(state: State, answer: Extract<Answer, { verb: StartVerb }>): Step<State> {
  const held = answer.outcome.ok ? takeOperation(state, answer.outcome.value) : state;
  const dialog = dialogOf(held);
  if (dialog === null || dialog.number !== answer.request.number || dialog.phase.step !== 'starting') return [held, []];
  if (!answer.outcome.ok) {
    const { error } = answer.outcome;
    const retry = isUncertain(error) ? { plan: dialog.phase.plan, requestId: dialog.phase.requestId } : null;
    return [withDialog(held, dialog, { phase: { step: 'refused', during: 'start', error, retry } }), []];
  }
  return [withDialog(held, dialog, { phase: watching(state, answer.outcome.value.id), top: 0 }), []];
}

export function takeOperationRecord(state: State, answer: Extract<Answer, { verb: 'operation.get' }>): Step<State> {
  const held = answer.outcome.ok ? takeOperation(state, answer.outcome.value) : state;
  const dialog = dialogOf(held);
  if (dialog === null || dialog.phase.step !== 'watching' || dialog.phase.operation !== answer.request.params.id)
    return [held, []];
  return [
    withDialog(held, dialog, { phase: { ...dialog.phase, error: answer.outcome.ok ? null : answer.outcome.error } }),
    [],
  ];
}

/** Asks for the record of an operation that is watched and of which nothing was heard for two seconds. */
export function pollOperation(state: State): Step<State> {
  const dialog = dialogOf(state);
  if (dialog === null || dialog.phase.step !== 'watching' || !state.connection.up) return [state, []];
  const held = state.operations.byId.get(dialog.phase.operation);
  if (held !== undefined && held.operation.finishedAt !== null) return [state, []];
  const lastAt = Math.max(held?.heardAt ?? 0, dialog.phase.askedAt);
  if (state.now - lastAt < operationSilentMs) return [state, []];
  return askForOperation(state, dialog, dialog.phase);
}

function askForOperation(
  state: State,
  dialog: WorkflowOverlay,
  phase: Extract<WorkflowPhase, { step: 'watching' }>,
): Step<State> {
  const asked = withDialog(state, dialog, { phase: { ...phase, askedAt: state.now } });
  return [
    asked,
    [
      {
        type: 'request',
        timeoutMs: pollTimeoutMs,
        request: { verb: 'operation.get', params: { id: phase.operation } },
      },
    ],
  ];
}

function change(request: Request): { readonly type: 'request'; readonly request: Request; readonly timeoutMs: number } {
  return { type: 'request', request, timeoutMs: changeTimeoutMs };
}
