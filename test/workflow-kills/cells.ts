/**
 * What is killed when: every step and every verification of every workflow, with each victim. Made from the workflows' own
 * data, so that a new step is killed at by itself, and a new workflow does not compile without a scenario.
 */
import type { WorkflowName } from '../../messaging/index.js';
import { recoverSteps } from '../../node/storage/index.js';
import { workflows } from '../../node/workflows/index.js';

/**
 * `leader`: whoever runs the operation then. `target`: the controller that it is about, or the candidate; it is started again
 * soon after, or, `for good`, only when the operation has ended. `terminal`: the process of the command line.
 */
export type Victim = 'leader' | 'target' | 'target for good' | 'terminal';

export interface Cell {
  readonly workflow: WorkflowName | 'recover';
  /** Name of the step or verification. */
  readonly at: string;
  readonly victim: Victim;
}

const victims: Readonly<Record<WorkflowName | 'recover', readonly Victim[]>> = {
  join: ['leader', 'target', 'target for good', 'terminal'],
  remove: ['leader', 'target', 'target for good', 'terminal'],
  replace: ['leader', 'target', 'target for good', 'terminal'],
  promote: ['leader', 'target', 'target for good', 'terminal'],
  demote: ['leader', 'target', 'target for good', 'terminal'],
  transfer: ['leader', 'target', 'target for good', 'terminal'],
  restore: ['leader', 'target', 'target for good', 'terminal'],
  upgrade: ['leader', 'target', 'terminal'],
  rollback: ['leader', 'target', 'target for good', 'terminal'],
  migrate: ['leader', 'terminal'],
  recover: ['target', 'terminal'],
};

/** Why a victim is not among those of a workflow. */
export const leftOut: Readonly<Partial<Record<Cell['workflow'], string>>> = {
  upgrade:
    'No *target for good*: the step `restart` waits for the operator as long as it takes, and one who does not come back is what it waits for.',
  migrate: 'No *target*: there is one controller, which runs it, and is started again.',
  recover: 'No *leader*: there is none. No *target for good*: the survivor is all that is left.',
};

export const cellNames = Object.keys(victims) as readonly (keyof typeof victims)[];

export function cellsOf(workflow: Cell['workflow']): readonly Cell[] {
  const names =
    workflow === 'recover'
      ? recoverSteps
      : [...workflows[workflow].steps, ...workflows[workflow].verifications].map(({ name }) => name);
  return names.flatMap((at) => victims[workflow].map((victim) => ({ workflow, at, victim })));
}

/** One of each workflow, and another one each time that `rotation` grows by one. */
export function selection(rotation: number): readonly Cell[] {
  const chosen = cellNames.flatMap((name) => {
    // What waits half a minute for somebody who never comes is for the long run.
    const cells = cellsOf(name).filter(({ victim }) => victim !== 'target for good');
    return cells.slice(rotation % cells.length).slice(0, 1);
  });
  const first = rotation % chosen.length;
  return [...chosen.slice(first), ...chosen.slice(0, first)];
}

export function nameOf({ workflow, at, victim }: Cell): string {
  return `${workflow} / ${at} / ${victim}`;
}
