/**
 * Runs operations on the leader, one at a time. It promises that an operation that was accepted comes to an end that is whole
 * (done and verified, or taken back, with the reason), whoever leads meanwhile: each leader resumes what the last one left.
 * It needs `Actions`, and to be told when leadership comes (`resume`) and goes (`letGo`).
 */
import {
  type ApiResult,
  type FeatureGate,
  isAsked,
  type Operation,
  type OperationPlan,
  QuorateError,
  toQuorateError,
  type WorkflowParameters,
} from '../../messaging/index.js';
import { isUnderWay, type OperationRecord } from '../model/index.js';
import type { Actions } from './actions.js';
import { beginnings } from './beginnings.js';
import { type Check, cluster, evaluate } from './checks/index.js';
import { judgeCancel, judgeResume, type Requester, resumed } from './control.js';
import type { Workflow } from './definition.js';
import { type Facts, heardOf, targetOf } from './facts.js';
import { handOn, isKnown } from './hand-on.js';
import { impactNow } from './impact.js';
import { join } from './join.js';
import { migrate } from './migrate.js';
import { newOperation, stepsOf } from './record.js';
import { remove } from './remove.js';
import { replace } from './replace.js';
import { restore } from './restore.js';
import { demote, promote } from './roles.js';
import { rollback } from './rollback.js';
import { Run } from './run.js';
import { transfer } from './transfer.js';
import { upgrade } from './upgrade.js';
import { pollIntervalMs } from './waits.js';

export const workflows: { readonly [Name in WorkflowParameters['workflow']]: Workflow } = {
  join,
  remove,
  replace,
  promote,
  demote,
  transfer,
  restore,
  migrate,
  rollback,
  upgrade,
};

export type ResumePlan = ApiResult<'operation.plan-resume'>;

const resumeGate: FeatureGate = 'operation-resume';

/** Between two runs of an operation that was let go of although this controller leads. */
const resumePauseMs = 100;

export class OperationEngine {
  private run: Run | undefined;
  private driving: { readonly stopper: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(
    private readonly actions: Actions,
    private readonly self: string,
    /** Those of this build. */
    private readonly known: Partial<Record<string, Workflow>> = { ...workflows, ...beginnings },
  ) {}

  /** Id of the operation that runs here. */
  running(): string | null {
    return this.run?.id ?? null;
  }

  /** Asks all checks, and says what would change. Touches nothing. */
  async plan(parameters: WorkflowParameters): Promise<OperationPlan> {
    return planFrom(parameters, await this.actions.gather(parameters));
  }

  /**
   * Resolves to the record once it is replicated; the operation then runs by itself. `id`: that of the request, so that a
   * retry finds the operation that the first one began.
   * @throws QuorateError `check-failed` with the findings, `operation-running`, or what kept the record from being written
   */
  async start(given: WorkflowParameters, by: Requester & { readonly id: string }): Promise<Operation> {
    const known = this.actions.operationRecord(by.id);
    if (known !== undefined) return known.operation;
    const facts = await this.actions.gather(given);
    // While they were gathered a retry of the same request may have begun it.
    const begun = this.actions.operationRecord(by.id);
    if (begun !== undefined) return begun.operation;
    const plan = planFrom(given, facts);
    if (!plan.mayRun) throw checkFailed(plan);
    const { parameters, findings, before, after } = plan;
    const target = targetOf(parameters, facts) ?? '';
    const at = this.actions.now();
    const operation = newOperation({
      ...by,
      workflow: workflows[parameters.workflow],
      parameters,
      target,
      runner: this.self,
      at,
      findings,
      before,
      after,
    });
    try {
      await this.actions.putOperation({ revision: 0, operation });
    } catch (error) {
      const other = this.actions.operationRecord(by.id);
      if (other === undefined || toQuorateError(error).code !== 'version-mismatch') throw error;
      return other.operation;
    }
    this.resume();
    return operation;
  }

  /** To be called when this controller has become leader: goes on with whatever is under way. Harmless at any other time. */
  resume(): void {
    if (this.driving !== undefined && !this.driving.stopper.signal.aborted) return;
    const before = this.driving?.ended;
    const stopper = new AbortController();
    const ended = (async () => {
      await before;
      await this.drive(stopper.signal);
    })()
      .catch((error: unknown) => this.actions.reportError(error, this.running()))
      .finally(() => {
        if (this.driving?.stopper === stopper) this.driving = undefined;
      });
    this.driving = { stopper, ended };
  }

  /** To be called when leadership is lost, and before stopping. Resolves when nothing is done here any more. */
  async letGo(): Promise<void> {
    this.driving?.stopper.abort();
    await this.driving?.ended;
  }

  /** Resolves when nothing runs here any more. */
  async idle(): Promise<void> {
    await this.driving?.ended;
  }

  /**
   * Resolves to the record when the request for it is replicated; the operation then takes back what was done, whoever leads.
   * @throws QuorateError `not-found`, `not-cancellable`
   */
  async cancel(id: string, by: Requester): Promise<Operation> {
    for (;;) {
      const record = this.recordOf(id);
      const verdict = judgeCancel(this.workflowOf(record.operation), record.operation, {
        ...by,
        at: this.actions.now(),
      });
      switch (verdict.type) {
        case 'refused':
          throw verdict.error;
        case 'nothing-to-do':
          return record.operation;
        case 'cancel':
          if (await this.replaced({ revision: record.revision, operation: verdict.operation }))
            return verdict.operation;
      }
    }
  }

  /**
   * How a failed operation would go on, and what the checks say to that now.
   * @throws QuorateError `not-found`, `not-resumable`
   */
  async planResume(id: string): Promise<ResumePlan> {
    const { operation } = this.recordOf(id);
    const verdict = judgeResume(this.workflowOf(operation), operation, '');
    switch (verdict.type) {
      case 'refused':
        throw verdict.error;
      case 'nothing-to-do': {
        const { parameters, findings, before, after } = operation;
        if (!isAsked(parameters)) throw new QuorateError('not-resumable', `${parameters.workflow} is not resumed`);
        return {
          ...{ parameters, findings, before, after },
          how: 'none',
          steps: leftOf(operation),
          mayRun: true,
          confirmation: '',
        };
      }
      case 'anew':
      case 'forward':
      case 'back':
        return this.resumePlan(operation, verdict.type);
    }
  }

  /**
   * Lets an operation that failed go on, or drives one that has halted. `by.requestId`: so that a retry does it once.
   * @throws QuorateError `not-found`, `not-resumable`, `check-failed`, `operation-running`, `gate-closed`
   */
  async letGoOn(id: string, by: Requester & { readonly requestId: string }): Promise<Operation> {
    for (;;) {
      const record = this.recordOf(id);
      const verdict = judgeResume(this.workflowOf(record.operation), record.operation, by.requestId);
      switch (verdict.type) {
        case 'refused':
          throw verdict.error;
        case 'nothing-to-do':
          this.resume();
          return record.operation;
        case 'anew':
        case 'forward':
        case 'back': {
          this.checkGate();
          const plan = await this.resumePlan(record.operation, verdict.type);
          if (!plan.mayRun) throw checkFailed(plan);
          const operation = resumed(record.operation, verdict.type, { ...by, at: this.actions.now() }, plan);
          if (!(await this.replaced({ revision: record.revision, operation }))) continue;
          this.resume();
          return operation;
        }
      }
    }
  }

  private async resumePlan(operation: Operation, how: 'anew' | 'forward' | 'back'): Promise<ResumePlan> {
    const { parameters } = operation;
    if (!isAsked(parameters)) throw new QuorateError('not-resumable', `${parameters.workflow} is not resumed`);
    const facts = await this.actions.gather(parameters);
    // What has happened already cannot be asked for again; that the cluster can decide is asked always.
    const plan = planFrom(parameters, facts, how === 'anew' ? undefined : generalChecks);
    return { ...plan, how, steps: how === 'anew' ? plan.steps : leftOf(operation) };
  }

  private recordOf(id: string): OperationRecord {
    const record = this.actions.operationRecord(id);
    if (record === undefined) throw new QuorateError('not-found', `there is no operation ${id}`);
    return record;
  }

  /** False: somebody else has written it meanwhile. */
  private async replaced(record: OperationRecord): Promise<boolean> {
    try {
      await this.actions.putOperation(record);
      return true;
    } catch (error) {
      if (toQuorateError(error).code === 'version-mismatch') return false;
      throw error;
    }
  }

  /** Where everybody understands it, only one operation can be under way; alone there is nobody who could not. */
  private checkGate(): void {
    const isAlone = this.actions.position().indexType === 'legacy';
    if (isAlone || this.actions.raisedGates().some(({ gate }) => gate === resumeGate)) return;
    throw new QuorateError('gate-closed', `the feature ${resumeGate} is not in use yet`);
  }

  private async drive(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted && this.actions.leadership().leading) {
        await this.settle(signal);
        if (signal.aborted) return;
        const record = this.actions.operationRecords().find(({ operation }) => isUnderWay(operation));
        if (record === undefined) return;
        await this.carryOn(record, signal);
        if (!signal.aborted) await this.actions.sleep(resumePauseMs, signal);
      }
    } finally {
      this.actions.tellUnknown(null);
    }
  }

  /** What an earlier leader, or an earlier run here, proposed may lie in the log without being applied yet. */
  private async settle(signal: AbortSignal): Promise<void> {
    const goal = this.actions.log().lastIndex;
    while (!signal.aborted && this.actions.log().applied < goal && this.actions.leadership().leading) {
      await this.actions.sleep(pollIntervalMs, signal);
    }
  }

  private async carryOn(record: OperationRecord, signal: AbortSignal): Promise<void> {
    const workflow = this.workflowOf(record.operation);
    if (workflow === undefined) return handOn(this.actions, this.self, record.operation, signal);
    this.actions.tellUnknown(null);
    this.run = new Run(this.actions, this.self, workflow, record, signal);
    try {
      await this.run.finish();
    } finally {
      this.run = undefined;
    }
  }

  /** Undefined: a newer version's. */
  private workflowOf(operation: Operation): Workflow | undefined {
    const { workflow: name } = operation.parameters;
    const workflow = Object.hasOwn(this.known, name) ? this.known[name] : undefined;
    return workflow !== undefined && isKnown(workflow, operation) ? workflow : undefined;
  }
}

/** Asked also of an operation that goes on: about the cluster, and not about what is to be changed. */
const generalChecks: ReadonlySet<Check> = new Set([
  cluster.leaderCommittedInTerm,
  cluster.quorumHealthy,
  cluster.noChangePending,
  cluster.noOperationRunning,
  cluster.noTransferRunning,
]);

function leftOf({ steps, verifications }: Operation): OperationPlan['steps'] {
  return [...steps, ...verifications]
    .filter(({ state }) => state !== 'done')
    .map(({ step, title }) => ({ step, title }));
}

function planFrom(given: WorkflowParameters, facts: Facts, only?: ReadonlySet<Check>): OperationPlan {
  const workflow = workflows[given.workflow];
  const target = targetOf(given, facts) ?? '';
  // Chosen once: the operation keeps its target whoever leads.
  const parameters = settled(given, facts, target);
  const checks = workflow.checks.filter((check) => only?.has(check) ?? true);
  const findings = checks.map((check) => evaluate(check, facts, given));
  return {
    parameters,
    findings,
    before: impactNow(facts),
    after: workflow.impact(parameters, facts),
    steps: stepsOf(workflow, parameters).map((step) => ({ step: step.name, title: step.title(target, parameters) })),
    mayRun: findings.every(({ outcome }) => outcome !== 'fail'),
    confirmation: workflow.confirmation(target),
  };
}

/** What is left to the leader to choose. */
function settled(given: WorkflowParameters, facts: Facts, target: string): WorkflowParameters {
  switch (given.workflow) {
    case 'transfer':
      return { ...given, to: target === '' ? null : target };
    case 'migrate':
    case 'rollback':
      return { ...given, node: target === '' ? null : target };
    case 'replace':
      return { ...given, role: facts.configuration.learners.includes(given.node) ? 'learner' : 'voter' };
    case 'upgrade':
      return { ...given, from: runningNow(facts, given.node) };
    case 'join':
    case 'remove':
    case 'promote':
    case 'demote':
    case 'restore':
      return given;
  }
}

/** What a member runs before its upgrade: only by that can be told that it came back as another. */
function runningNow(facts: Facts, node: string): Extract<WorkflowParameters, { workflow: 'upgrade' }>['from'] {
  const heard = heardOf(facts, node);
  if (heard === undefined) return null;
  const { incarnation, version, protocol } = heard.status;
  return { incarnation, version, protocolMax: protocol.max };
}

function checkFailed(plan: OperationPlan): QuorateError {
  const failures = plan.findings.filter(({ outcome }) => outcome === 'fail');
  const [first] = failures;
  const more = failures.length > 1 ? `, and ${failures.length - 1} more` : '';
  return new QuorateError('check-failed', `the check ${first?.check} failed: ${first?.sentence}${more}`, {
    remedy: first?.remedy,
    details: { findings: plan.findings },
  });
}
