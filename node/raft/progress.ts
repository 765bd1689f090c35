/**
 * What a leader knows of one member, and how it may send to it:
 * - `probe`: where the logs agree is not known; one append at a time, then wait for an answer.
 * - `replicate`: it is known; appends are sent ahead of the answers, within the window.
 * - `snapshot`: what it needs is compacted away; nothing is sent until it has fetched a snapshot.
 */

import { membersOf } from './configuration.js';
import { Inflights } from './inflights.js';
import type { Configuration, Index, NodeId, ProgressState, ProgressView, RaftLimits } from './types.js';

export class Progress {
  state: ProgressState = 'probe';
  /** The highest entry known to be durable there and equal to ours. */
  match: Index = 0;
  /** The next entry to send. */
  next: Index;
  learner: boolean;
  /** Heard of since the leader last asked itself whether it still has a quorum. */
  recentlyActive = false;
  silentTicks = 0;
  /** In `probe`: an append is under way. Cleared by any answer, also to a heartbeat, so that a lost one is repeated. */
  probeSent = false;
  /** In `snapshot`: where the offered snapshot stands, and since when it was last offered. */
  pendingSnapshot: Index = 0;
  offerTicks = 0;
  /** The commit index that it will know from what has been sent. */
  commitSent: Index = 0;
  /** The last round of reads that it has confirmed. */
  readRound = 0;
  readonly inflights: Inflights;

  constructor(next: Index, learner: boolean, limits: Pick<RaftLimits, 'inflightMessagesMax' | 'inflightBytesMax'>) {
    this.next = next;
    this.learner = learner;
    this.inflights = new Inflights(limits.inflightMessagesMax, limits.inflightBytesMax);
  }

  /** Whether appends with entries have to wait. */
  get paused(): boolean {
    if (this.state === 'probe') return this.probeSent;
    return this.state === 'snapshot' || this.inflights.full;
  }

  heard(): void {
    this.recentlyActive = true;
    this.silentTicks = 0;
  }

  becomeProbe(next: Index = this.match + 1): void {
    this.#enter('probe', Math.max(this.match + 1, next));
  }

  becomeReplicate(): void {
    this.#enter('replicate', this.match + 1);
  }

  becomeSnapshot(index: Index): void {
    this.#enter('snapshot', this.next);
    this.pendingSnapshot = index;
  }

  /** An append up to `last` was sent. */
  sent(last: Index, bytes: number): void {
    switch (this.state) {
      case 'probe':
        this.probeSent = true;
        return;
      case 'replicate':
        if (last < this.next) return;
        this.next = last + 1;
        this.inflights.add(last, bytes);
        return;
      case 'snapshot':
        return;
    }
  }

  /** It has everything up to `index`. False when that is no news. */
  acknowledge(index: Index): boolean {
    this.probeSent = false;
    const news = index > this.match;
    if (news) this.match = index;
    if (this.next <= this.match) this.next = this.match + 1;
    this.inflights.freeUpTo(this.match);
    return news;
  }

  /**
   * It refused an append after `rejectedIndex`; the logs can agree at `agreeAtMost` at best. False when the refusal is old
   * (repeated, overtaken) and says nothing of what was sent last.
   */
  reject(rejectedIndex: Index, agreeAtMost: Index): boolean {
    if (this.state === 'snapshot' || rejectedIndex <= this.match) return false;
    // A probing leader has one append under way, so only the refusal of that one counts.
    if (this.state === 'probe' && rejectedIndex !== this.next - 1) return false;
    this.becomeProbe(Math.min(rejectedIndex, agreeAtMost + 1));
    return true;
  }

  /** It has lost what it acknowledged: what is committed stays so, and it is asked anew what it holds. */
  forget(next: Index): void {
    this.match = 0;
    this.#enter('probe', next);
  }

  view(id: NodeId): ProgressView {
    return {
      id,
      state: this.state,
      match: this.match,
      next: this.next,
      learner: this.learner,
      recentlyActive: this.recentlyActive,
      silentTicks: this.silentTicks,
      inflightMessages: this.inflights.count,
      inflightBytes: this.inflights.bytes,
      paused: this.paused,
      pendingSnapshot: this.pendingSnapshot,
    };
  }

  #enter(state: ProgressState, next: Index): void {
    this.state = state;
    this.next = next;
    this.probeSent = false;
    this.pendingSnapshot = 0;
    this.offerTicks = 0;
    this.commitSent = Math.min(this.commitSent, this.match);
    this.inflights.clear();
  }
}

export type ProgressMap = Map<NodeId, Progress>;

/**
 * Makes `progress` hold exactly the members of `configuration`. Who stays keeps what is known of it, whatever its role
 * becomes: a promoted learner must not be sent its log again. Who comes starts being probed at `next`.
 */
export function trackMembers(
  progress: ProgressMap,
  configuration: Configuration,
  next: Index,
  limits: Pick<RaftLimits, 'inflightMessagesMax' | 'inflightBytesMax'>,
): void {
  const members = membersOf(configuration);
  for (const id of [...progress.keys()]) {
    if (!members.includes(id)) progress.delete(id);
  }
  for (const id of members) {
    const learner = configuration.learners.includes(id);
    const known = progress.get(id);
    if (known) {
      known.learner = learner;
      continue;
    }
    const added = new Progress(next, learner, limits);
    // As if just heard of: a leader that adds a member must not step down because that one has not spoken yet.
    added.recentlyActive = true;
    progress.set(id, added);
  }
}
