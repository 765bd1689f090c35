/** How steps wait and propose: always with a bound, always saying how far it is. */

import type { Member } from '../../messaging/index.js';
import { QuorateError, toQuorateError } from '../../messaging/index.js';
import type { ConfChange, MembershipChange } from '../raft/index.js';
import type { Work } from './definition.js';

/** How often a step looks again. What it looks at is this member's own memory. */
export const pollIntervalMs = 50;
/** A change of membership that is not committed by then has no quorum behind it. */
export const changeMaxMs = 30_000;

/** The step did not reach its goal. */
export function failed(sentence: string, remedy?: string): QuorateError {
  return new QuorateError('operation-failed', sentence, { remedy });
}

/** What there is to do where an operation ended beyond its point of no return. */
export const resumeRemedy =
  'Mend what the error names, then let it go on: `quorate operations resume ID`; see it with `quorate operations show ID`.';

/** One for each attempt: between two of them writes are taken, and the newest backup must hold them. */
export function backupName({ operation, parameters }: Pick<Work, 'operation' | 'parameters'>): string {
  const again = operation.attempt === 1 ? '' : `-${operation.attempt}`;
  return `before-${parameters.workflow}-${operation.id}${again}.snapshot`;
}

export interface Wait {
  /** From the beginning; where what is waited for grows, so may this. */
  readonly forMs: number | (() => number);
  /** Between two looks; default {@link pollIntervalMs}. */
  readonly everyMs?: () => number;
  /** True when it is so; otherwise what to say meanwhile. */
  readonly until: () => true | string | Promise<true | string>;
  /** Why it is given up; `last` is what `until` said last. */
  readonly otherwise: (last: string) => QuorateError;
}

export async function waitUntil(work: Work, wait: Wait): Promise<void> {
  const beganAt = work.actions.now();
  const forMs = (): number => (typeof wait.forMs === 'number' ? wait.forMs : wait.forMs());
  for (;;) {
    work.checkpoint();
    const seen = await wait.until();
    if (seen === true) return;
    if (work.actions.now() - beganAt >= forMs()) throw wait.otherwise(seen);
    await work.say(seen);
    await work.pause(wait.everyMs?.() ?? pollIntervalMs);
  }
}

/**
 * Refusals that pass by themselves, and outcomes that are not known. Whether leadership is really lost is for `checkpoint`
 * to say: a leader that lost it and has it again goes on.
 */
const passing: ReadonlySet<string> = new Set([
  'change-pending',
  'no-commit-in-term',
  'overloaded',
  'timeout',
  'transferring',
  'not-leader',
  'no-leader',
  'leadership-lost',
]);

export function isPassing(error: unknown): boolean {
  return passing.has(toQuorateError(error).code);
}

/**
 * Proposes a change of membership until its effect is there. A proposal whose outcome is unknown may have happened: only
 * the committed configuration says.
 */
export async function changeMembership(
  work: Work,
  changes: readonly MembershipChange[],
  options: { readonly isThere: () => boolean; readonly members: readonly Member[]; readonly what: string },
): Promise<void> {
  const proposal: ConfChange = { changes, transition: 'auto' };
  await waitUntil(work, {
    forMs: changeMaxMs,
    until: async () => {
      if (options.isThere()) return true;
      try {
        await work.actions.proposeConfChange(proposal, options.members);
      } catch (error) {
        if (!isPassing(error)) throw error;
        return `${options.what}: ${toQuorateError(error).message}`;
      }
      return options.isThere() || options.what;
    },
    otherwise: (last) => {
      const sentence = `${options.what} was not committed within ${changeMaxMs / 1_000} s: ${last}`;
      const { lastIndex, applied } = work.actions.log();
      // What lies in the log without a quorum may still be committed, by this leader or another.
      return applied >= lastIndex ? failed(sentence) : failed(`${sentence}; it may still be when a quorum is back`);
    },
  });
}

/** `1,204`. */
export function grouped(amount: number): string {
  return amount.toLocaleString('en-US');
}
