/**
 * Who waits for what became of a command. It promises that each callback is called exactly once: with the entry once it is
 * applied here, or with why it is not known to have been. Time and applied entries are handed in; nothing here sends.
 */
import { QuorateError } from '../../messaging/errors.js';
import type { Outcome } from '../model/index.js';
import type { Index, Leadership, Term } from '../raft/index.js';
import type { Clock } from './clock.js';

/** One committed entry, and what came of it. */
export interface AppliedEntry {
  readonly index: Index;
  readonly term: Term;
  readonly outcome: Outcome;
}

/** A command's fate. Refused by the model is also an outcome: `entry.outcome` says so. */
export type ProposalOutcome =
  | { readonly ok: true; readonly entry: AppliedEntry }
  | { readonly ok: false; readonly error: QuorateError };
export type ProposalCallback = (outcome: ProposalOutcome) => void;

interface Waiting {
  readonly term: Term;
  readonly since: number;
  readonly callback: ProposalCallback;
}

/** Commands that wait for their commit; more are refused as `overloaded`. */
export const waitingMax = 16_384;
/** What was applied last, for answers to forwarded proposals that come after the fact. */
const rememberedMax = 1_024;
/** A forwarded proposal that was not applied here by then is answered `timeout`. */
const forwardedTimeoutMs = 5_000;

export class PendingProposals {
  readonly #clock: Clock;
  readonly #committed: (latencyMs: number, nowMs: number) => void;
  readonly #waiting = new Map<Index, Waiting>();
  /** The leader has not said yet where it put them. */
  readonly #forwarded = new Map<string, { readonly callback: ProposalCallback; readonly cancel: () => void }>();
  readonly #remembered = new Map<Index, AppliedEntry>();

  /** `committed` is told how long each took, in milliseconds, and when it was over. */
  constructor(clock: Clock, committed: (latencyMs: number, nowMs: number) => void) {
    this.#clock = clock;
    this.#committed = committed;
  }

  get size(): number {
    return this.#waiting.size + this.#forwarded.size;
  }

  get full(): boolean {
    return this.size >= waitingMax;
  }

  /** It was appended at `index` in `term`. */
  await(index: Index, term: Term, callback: ProposalCallback): void {
    const before = this.#waiting.get(index);
    // Two leaders gave the same place away, and the answer of the first came late: only the later one's entry can be there.
    if (before !== undefined && before.term > term) return callback(leadershipLost());
    this.#waiting.set(index, { term, since: this.#clock.monotonicMs(), callback });
    before?.callback(leadershipLost());
  }

  /** It was sent to the leader. */
  forwarded(proposalId: string, callback: ProposalCallback): void {
    const cancel = this.#clock.after(forwardedTimeoutMs, () => this.refused(proposalId, new QuorateError('timeout')));
    this.#forwarded.set(proposalId, { callback, cancel });
  }

  /** The leader of `term` has appended it at `index`; it may have been applied here before the leader's answer came. */
  appended(proposalId: string, index: Index, term: Term, own: { readonly applied: Index; readonly term: Term }): void {
    if (!this.#forwarded.has(proposalId)) return;
    if (index > own.applied && term === own.term) {
      this.await(index, term, (outcome) => this.#settle(proposalId, outcome));
      return;
    }
    // Otherwise that leader is deposed, which was told to all who waited before this answer was looked at.
    const entry = this.#remembered.get(index);
    this.#settle(proposalId, entry?.term === term ? { ok: true, entry } : leadershipLost());
  }

  /** The leader, or time, has refused a forwarded one. */
  refused(proposalId: string, error: QuorateError): void {
    this.#settle(proposalId, { ok: false, error });
  }

  applied(entry: AppliedEntry): void {
    if (this.#forwarded.size > 0) {
      this.#remembered.set(entry.index, entry);
      if (this.#remembered.size > rememberedMax) this.#remembered.delete(this.#remembered.keys().next().value ?? 0);
    }
    const waiting = this.#waiting.get(entry.index);
    if (waiting === undefined) return;
    this.#waiting.delete(entry.index);
    if (waiting.term !== entry.term) return waiting.callback(leadershipLost());
    const now = this.#clock.monotonicMs();
    this.#committed(now - waiting.since, now);
    waiting.callback({ ok: true, entry });
  }

  /** What was appended in another term may or may not survive: only a retry, with the same request id, finds out. */
  leadershipChanged(leadership: Leadership): void {
    for (const [index, waiting] of this.#waiting) {
      if (leadership.role === 'leader' && waiting.term === leadership.term) continue;
      this.#waiting.delete(index);
      waiting.callback(leadershipLost());
    }
  }

  fail(error: QuorateError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.callback({ ok: false, error });
    for (const proposalId of [...this.#forwarded.keys()]) this.refused(proposalId, error);
  }

  #settle(proposalId: string, outcome: ProposalOutcome): void {
    const forwarded = this.#forwarded.get(proposalId);
    if (forwarded === undefined) return;
    this.#forwarded.delete(proposalId);
    forwarded.cancel();
    forwarded.callback(outcome);
  }
}

/** Made where it is needed only: an error costs more than the rest of a proposal. */
function leadershipLost(): ProposalOutcome {
  return { ok: false, error: new QuorateError('leadership-lost') };
}
