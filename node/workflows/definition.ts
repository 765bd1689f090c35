/** A workflow as data, and what its steps are given to work with. */
import type { Impact, OperationParameters, WorkflowParameters } from '../../messaging/index.js';
import type { Actions } from './actions.js';
import type { Check } from './checks/index.js';
import type { Facts } from './facts.js';

export interface Workflow {
  readonly name: OperationParameters['workflow'];
  /** One sentence. */
  readonly summary: string;
  /** Asked in this order, all of them, before anything is touched; one that fails stops the workflow. */
  readonly checks: readonly Check[];
  readonly steps: readonly Step[];
  /** What must be seen before success is said. */
  readonly verifications: readonly Verification[];
  /** What an operator must type, e.g. the id of the controller. */
  readonly confirmation: (target: string) => string;
  readonly impact: (parameters: WorkflowParameters, facts: Facts) => Impact;
}

/**
 * A step brings about one effect, and looks whether it is there already before it does anything: after a change of leader
 * the step that was running runs again.
 */
export interface Step {
  readonly name: string;
  /** What it does, for people; `target` is the controller that the workflow is about. */
  readonly title: (target: string, parameters: OperationParameters) => string;
  /** Left out of the operation where it does not apply. */
  readonly applies?: (parameters: OperationParameters) => boolean;
  /** From the moment that it begins the operation cannot be cancelled; absent: it may be, and what was done is taken back. */
  readonly noReturn?: NoReturn;
  /** Resolves to what was done, when the effect is there. */
  readonly run: (work: Work) => Promise<string>;
  /** Takes the effect back, where it is there; also repeatable. Absent: there is nothing to take back. */
  readonly undo?: (work: Work) => Promise<string>;
}

/** Why there is no way back from here, and what to do in its place. */
export interface NoReturn {
  /** Completes "it cannot be cancelled any more: ...". */
  readonly because: string;
  /** A sentence. */
  readonly instead: string;
}

export interface Verification {
  readonly name: string;
  readonly title: (target: string, parameters: OperationParameters) => string;
  /** Resolves to what was seen; rejects when it was not seen in time. */
  readonly run: (work: Work) => Promise<string>;
}

/** What a step works with. */
export interface Work {
  readonly actions: Actions;
  readonly target: string;
  readonly parameters: OperationParameters;
  readonly operation: {
    readonly id: string;
    readonly startedAt: number;
    /** From 1; more where the operation was resumed from the beginning. */
    readonly attempt: number;
  };
  /** Throws when the step must end: leadership is lost, or the operator cancelled and may. */
  readonly checkpoint: () => void;
  /** Says how far it is. The record is replicated the more rarely, the longer the step takes: see {@link progressIntervalMs}. */
  readonly say: (detail: string) => Promise<void>;
  /**
   * Asks checks again, just before what cannot be taken back: since they were asked first, the leader and others may have
   * died. Throws where one fails.
   */
  readonly recheck: (checks: readonly Check[]) => Promise<void>;
  /** Waits, or returns early because {@link checkpoint} has something to throw. */
  readonly pause: (durationMs: number) => Promise<void>;
}

/**
 * Between two records of a step's progress: at first often, for the eye; later a twentieth of the time that the step has
 * taken, up to a bound. Each record is an entry of the log, and an hour of waiting is not worth tens of thousands of them.
 */
export function progressIntervalMs(elapsedMs: number): number {
  return Math.min(progressIntervalMaxMs, Math.max(progressIntervalMinMs, elapsedMs / 20));
}
export const progressIntervalMinMs = 100;
export const progressIntervalMaxMs = 2_000;
