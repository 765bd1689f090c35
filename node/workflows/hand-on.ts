/**
 * An operation that a newer version began, on a leader that does not know it. To leave it alone would leave it running for
 * ever, and no other could begin; to carry out the part that is known would break it. So leadership goes to a voter that knows
 * it; where there is none, the operation waits and the operator is told, and it is looked again.
 */
import { agreeVersion, type Operation, type VersionRange } from '../../messaging/index.js';
import type { Actions } from './actions.js';
import type { Workflow } from './definition.js';

/** Between two looks for somebody who knows it; also how long a transfer of leadership may take. */
const lookEveryMs = 1_000;
/** A voter that was not heard for longer may be gone. */
const heardWithinMs = 5_000;

/** Whether all that the record holds is known here: a step that is not known must not be passed over. */
export function isKnown(workflow: Workflow, { steps, verifications }: Operation): boolean {
  const names = new Set([...workflow.steps, ...workflow.verifications].map(({ name }) => name));
  return [...steps, ...verifications].every(({ step }) => names.has(step));
}

export interface Voter {
  readonly id: string;
  readonly protocol: VersionRange;
}

/**
 * Who is likeliest to know it: the one that ran it last, if it is still of no older version than this one, else the newest of
 * those that are newer. So leadership never goes back to where it came from. Pure.
 */
export function likeliestToKnow(
  operation: Pick<Operation, 'runner'>,
  self: Voter,
  others: readonly Voter[],
): string | null {
  const able = others.filter(({ protocol }) => agreeVersion(protocol, self.protocol) !== null);
  const runner = able.find(({ id, protocol }) => id === operation.runner && protocol.max >= self.protocol.max);
  if (runner !== undefined) return runner.id;
  const newest = able
    .filter(({ protocol }) => protocol.max > self.protocol.max)
    .toSorted((a, b) => b.protocol.max - a.protocol.max || (a.id < b.id ? -1 : 1));
  return newest[0]?.id ?? null;
}

/** One look, and the time until the next. */
export async function handOn(actions: Actions, self: string, operation: Operation, signal: AbortSignal): Promise<void> {
  const ours = { id: self, protocol: actions.protocol() };
  const to = likeliestToKnow(operation, ours, heardVoters(actions, self));
  if (to === null) actions.tellUnknown(operation);
  else await actions.transferLeadership(to).catch((error: unknown) => actions.reportError(error, handingOver(to)));
  await actions.sleep(lookEveryMs, signal);
  // It was tried, and this one still leads.
  if (!signal.aborted && actions.leadership().leading) actions.tellUnknown(operation);
}

function heardVoters(actions: Actions, self: string): readonly Voter[] {
  return actions.configuration().voters.flatMap((id) => {
    const heard = id === self ? undefined : actions.status(id);
    const isThere = heard !== undefined && heard.ageMs <= heardWithinMs && heard.status.state === 'member';
    return isThere ? [{ id, protocol: heard.status.protocol }] : [];
  });
}

function handingOver(to: string): string {
  return `handing leadership to ${to}, which knows an operation that is not known here`;
}
