/**
 * One run of one operation on one leader: from the first step that is not done to the end, or until this controller is not
 * the one to run it any more. Whatever must survive is in the record, which is replicated before and after every step; a run
 * keeps nothing that its successor would need.
 */
import { isAsked, type Operation, QuorateError, toQuorateError } from '../../messaging/index.js';
import type { OperationRecord } from '../model/index.js';
import type { Actions } from './actions.js';
import { type Check, evaluate } from './checks/index.js';
import { attemptOf } from './control.js';
import { progressIntervalMs, type Step, type Verification, type Work, type Workflow } from './definition.js';
import { namedController } from './facts.js';
import { finished, type Part, stepOf, stepsOf, withStep } from './record.js';
import { failed, isPassing } from './waits.js';

/** This controller does not run the operation any more: it lost leadership, was told to stop, or another run wrote the record. */
class LetGo extends Error {
  override readonly name = 'LetGo';
}
/** The operator cancelled. */
class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/** A record that the cluster is too busy to take is put again after this long, for as long as this controller leads. */
export const putRetryMs = 100;

export class Run {
  readonly id: string;
  private readonly target: string;
  private readonly work: Work;
  private operation: Operation;
  private revision: number;
  private writtenAt = Number.NEGATIVE_INFINITY;
  /** `updatedAt` of the records that were put since the last success without knowing whether they were written. */
  private readonly unsure = new Set<number>();
  /** The last `updatedAt` that was given; each is used once. */
  private stampedAt: number;
  /** Whether what runs now may be cut short by a cancellation. */
  private cancellable = false;

  constructor(
    private readonly actions: Actions,
    private readonly self: string,
    private readonly workflow: Workflow,
    record: OperationRecord,
    private readonly signal: AbortSignal,
  ) {
    this.operation = record.operation;
    this.revision = record.revision;
    this.stampedAt = record.operation.updatedAt;
    this.id = record.operation.id;
    this.target = namedController(record.operation.parameters) ?? '';
    this.work = {
      actions,
      target: this.target,
      parameters: record.operation.parameters,
      operation: {
        id: record.operation.id,
        startedAt: record.operation.startedAt,
        attempt: attemptOf(record.operation),
      },
      checkpoint: () => this.checkpoint(),
      say: (detail) => this.say(detail),
      recheck: (checks) => this.recheck(checks),
      pause: (durationMs) => actions.sleep(durationMs, signal),
    };
  }

  /** Resolves when the record says how it ended, or the run was let go of. */
  async finish(): Promise<void> {
    try {
      if (this.operation.runner !== this.self) await this.write({ ...this.operation, runner: this.self });
      if (this.operation.state === 'running') await this.forward();
      if (this.operation.state === 'rolling-back') await this.back();
    } catch (error) {
      if (!(error instanceof LetGo)) throw error;
    }
  }

  private steps(): readonly Step[] {
    return stepsOf(this.workflow, this.operation.parameters);
  }

  private async forward(): Promise<void> {
    try {
      for (const step of this.steps()) await this.perform('steps', step, step.noReturn === undefined);
      // Success is said only when each effect has been seen.
      for (const verification of this.workflow.verifications) await this.perform('verifications', verification, false);
      await this.write(finished(this.operation, 'done', this.actions.now()));
    } catch (error) {
      if (error instanceof LetGo) throw error;
      const failure = error instanceof Cancelled ? null : toQuorateError(error).toWire();
      await this.write({ ...this.operation, state: 'rolling-back', error: failure });
    }
  }

  private async perform(part: Part, one: Step | Verification, cancellable: boolean): Promise<void> {
    const before = stepOf(this.operation, part, one.name);
    if (before === undefined || before.state === 'done') return;
    // What was accepted before this step begins is carried out; whether it was before, the log decides, which takes only one
    // of two records that follow the same one: this one, or that of the cancellation.
    this.cancellable = before.state === 'pending' || cancellable;
    this.checkpoint();
    this.cancellable = cancellable;
    const startedAt = before.startedAt ?? this.actions.now();
    await this.write(withStep(this.operation, part, one.name, { state: 'running', startedAt, detail: '' }));
    try {
      const detail = await this.guard(one.run(this.work));
      await this.write(
        withStep(this.operation, part, one.name, { state: 'done', detail, finishedAt: this.actions.now() }),
      );
    } catch (error) {
      if (error instanceof LetGo) throw error;
      const detail = error instanceof Cancelled ? 'cancelled' : toQuorateError(error).message;
      // Written together with the change to `rolling-back` that follows.
      this.operation = withStep(this.operation, part, one.name, {
        state: 'failed',
        detail,
        finishedAt: this.actions.now(),
      });
      throw error;
    }
  }

  /** Takes back, last first, what the steps may have done. Each looks for itself whether there is something. */
  private async back(): Promise<void> {
    this.cancellable = false;
    try {
      for (const step of this.steps().toReversed()) await this.undo(step);
      await this.write(
        finished(this.operation, this.operation.error === null ? 'cancelled' : 'failed', this.actions.now()),
      );
    } catch (error) {
      if (error instanceof LetGo) throw error;
      const { message, remedy } = toQuorateError(error);
      const because = this.operation.error?.message ?? 'it was cancelled';
      const failure = new QuorateError(
        'operation-failed',
        `${because}; what was done could not be taken back: ${message}`,
        // Whoever resumes it goes by this: it has not come back whole.
        { remedy, details: { takenBack: false } },
      );
      await this.write(finished(this.operation, 'failed', this.actions.now(), failure.toWire()));
    }
  }

  private async undo(step: Step): Promise<void> {
    const state = stepOf(this.operation, 'steps', step.name)?.state;
    if (step.undo === undefined || state === undefined || state === 'pending' || state === 'skipped') return;
    const detail = await this.guard(step.undo(this.work));
    // The step that failed keeps saying why it failed.
    if (state !== 'failed')
      await this.write(
        withStep(this.operation, 'steps', step.name, { state: 'skipped', detail: `taken back: ${detail}` }),
      );
  }

  private checkpoint(): void {
    if (this.signal.aborted || !this.actions.leadership().leading) throw new LetGo();
    if (!this.cancellable) return;
    if (this.operation.cancellation !== undefined) throw new Cancelled();
    // Written by whoever took the request: the next run goes on from that record.
    if (this.actions.operationRecord(this.id)?.operation.cancellation !== undefined) throw new LetGo();
  }

  /** An action that fails because leadership is gone is no failure of the step. */
  private async guard<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      if (this.signal.aborted || !this.actions.leadership().leading) throw new LetGo();
      throw error;
    }
  }

  private async recheck(checks: readonly Check[]): Promise<void> {
    const { parameters } = this.operation;
    if (!isAsked(parameters)) throw new TypeError(`${parameters.workflow} has no checks of a leader`);
    const facts = await this.actions.gather(parameters);
    this.checkpoint();
    const failure = checks.map((check) => evaluate(check, facts, parameters)).find(({ outcome }) => outcome === 'fail');
    if (failure !== undefined)
      throw failed(`the check ${failure.check} fails now: ${failure.sentence}`, failure.remedy);
  }

  // ------------------------------------------------------------------------------------------------------ the record

  private async say(detail: string): Promise<void> {
    const part = this.operation.verifications.some(({ state }) => state === 'running') ? 'verifications' : 'steps';
    const running = this.operation[part].find(({ state }) => state === 'running');
    if (running === undefined || running.detail === detail) return;
    const now = this.actions.now();
    if (now - this.writtenAt < progressIntervalMs(now - (running.startedAt ?? now))) return;
    await this.attempt(withStep(this.operation, part, running.step, { detail }));
  }

  /** Until it is written, or this controller is not the one to write it. */
  private async write(next: Operation): Promise<void> {
    while (!(await this.attempt(next))) await this.actions.sleep(putRetryMs, this.signal);
  }

  /**
   * True: written. False: refused for the moment, or not known. The revision is the guard: a record that another run wrote is
   * never written over, and one of ours whose fate was not known is recognised by its time.
   */
  private async attempt(next: Operation): Promise<boolean> {
    if (this.signal.aborted || !this.actions.leadership().leading) throw new LetGo();
    this.stampedAt = Math.max(this.actions.now(), this.stampedAt + 1);
    const operation = { ...next, updatedAt: this.stampedAt };
    try {
      this.revision = await this.actions.putOperation({ revision: this.revision, operation });
    } catch (error) {
      if (toQuorateError(error).code === 'version-mismatch') {
        this.recognise();
        return false;
      }
      if (!isPassing(error)) this.actions.reportError(error, this.id);
      this.unsure.add(operation.updatedAt);
      return false;
    }
    this.operation = operation;
    this.unsure.clear();
    this.writtenAt = this.actions.now();
    return true;
  }

  private recognise(): void {
    const stored = this.actions.operationRecord(this.id);
    const ours = stored?.operation.runner === this.self && this.unsure.has(stored.operation.updatedAt);
    if (stored === undefined || !ours) throw new LetGo();
    this.revision = stored.revision;
    this.unsure.clear();
  }
}
