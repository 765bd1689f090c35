/**
 * The leader's side of the log (dissertation, sections 3.5 and 3.6): appending, sending, and deciding what is committed.
 */
import { invariant } from './invariant.js';
import { entryBytes } from './log.js';
import type { Progress } from './progress.js';
import { jointReached } from './quorum.js';
import type { LeaderState, MemberState } from './state.js';
import { targetAdvanced } from './transfer.js';
import type { AppendReply, ConfChange, HeartbeatReply, Index, NodeId } from './types.js';

/** What a leader appends; term and index are its to give. */
export type Draft =
  | { readonly type: 'normal'; readonly data: Uint8Array }
  | { readonly type: 'configuration'; readonly change: ConfChange }
  | { readonly type: 'empty' };

/**
 * A won election. The empty entry commits what earlier terms left (section 3.6.2: only an entry of the own term is
 * committed by counting), and until it is committed there are no reads and no changes of membership.
 */
export function beginTerm(s: MemberState): void {
  s.becomeLeader();
  appendToOwnLog(s, [{ type: 'empty' }]);
}

/** The index of the first. All of one turn go out together, when the Ready is made. */
export function appendToOwnLog(s: MemberState, drafts: readonly Draft[]): Index {
  const lead = s.lead;
  invariant(lead !== undefined, 'only a leader appends');
  const first = s.log.lastIndex + 1;
  const entries = drafts.map((draft, offset) => ({ ...draft, term: s.term, index: first + offset }));
  s.log.append(entries);
  for (const entry of entries) lead.uncommittedBytes += entryBytes(entry);
  lead.replicationDue = true;
  if (drafts.some(({ type }) => type !== 'normal')) lead.eagerThrough = s.log.lastIndex;
  return first;
}

/** Our own entries up to `log.stable` are durable: as good as an acknowledgement, and counted like one. */
export function ownLogPersisted(s: MemberState): void {
  const own = s.lead?.progress.get(s.id);
  if (own?.acknowledge(s.log.stable)) advanceCommit(s);
}

/** Everything that may be sent to anybody now. */
export function replicate(s: MemberState, lead: LeaderState): void {
  lead.replicationDue = false;
  for (const [id, progress] of lead.progress) {
    if (id !== s.id) replicateTo(s, lead, id, progress);
  }
  lead.noticesDue = false;
}

function replicateTo(s: MemberState, lead: LeaderState, id: NodeId, progress: Progress): void {
  if (progress.state === 'probe' && !progress.paused) {
    sendAppend(s, id, progress);
    return;
  }
  while (!progress.paused && progress.next <= s.log.lastIndex) {
    if (!sendAppend(s, id, progress)) return;
  }
  // Nothing new, but what it has may be committed by now, and it can apply that.
  const known = Math.min(s.log.commit, progress.next - 1);
  const isDue = lead.noticesDue || s.limits.commitNoticeTicks === 0 || progress.commitSent < lead.eagerThrough;
  if (isDue && !progress.paused && progress.commitSent < known) sendAppend(s, id, progress);
}

/** One append, possibly empty. False when the member needs a snapshot instead. */
function sendAppend(s: MemberState, id: NodeId, progress: Progress): boolean {
  const prevIndex = progress.next - 1;
  const prevTerm = s.log.term(prevIndex);
  // Within a full window an append still asks, without entries, whether what was sent has arrived.
  const high = progress.paused ? progress.next : s.log.lastIndex + 1;
  const entries = prevTerm === undefined ? undefined : s.log.entries(progress.next, high, s.limits.appendBytesMax);
  if (prevTerm === undefined || entries === undefined) {
    offerSnapshot(s, id, progress);
    return false;
  }
  const commit = s.log.commit;
  s.send({ type: 'append', to: id, prevIndex, prevTerm, entries, commit });
  const last = prevIndex + entries.length;
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  progress.sent(last, bytes);
  progress.commitSent = Math.max(progress.commitSent, Math.min(commit, last));
  return true;
}

/** Any state that this member has applied will do: it is its own snapshot. */
function offerSnapshot(s: MemberState, id: NodeId, progress: Progress): void {
  // Who is silent cannot fetch one, and by the time it speaks there may be a better one.
  if (!progress.recentlyActive) return;
  const index = s.log.applied;
  const snapshotTerm = s.log.term(index);
  if (index === 0 || snapshotTerm === undefined) return;
  progress.becomeSnapshot(index);
  s.send({ type: 'snapshot', to: id, index, snapshotTerm });
}

export function handleAppendReply(s: MemberState, lead: LeaderState, message: AppendReply): void {
  const progress = lead.progress.get(message.from);
  if (!progress || message.from === s.id) return;
  progress.heard();
  lead.replicationDue = true;
  if (message.rejected) {
    // Section 5.3 of the paper: skip whole terms. The follower named the last place where its log is not later than our
    // prevTerm; our last entry that is not later than its term there is the best that both can share.
    const agreeAtMost = s.log.lastNotAfter(message.hintIndex, message.hintTerm);
    if (message.index === 0 && message.hintIndex > 0) {
      // Where our log begins only after the last place that both can share, a snapshot is what it needs.
      const isShared = (s.log.term(agreeAtMost) ?? 0) <= message.hintTerm;
      progress.forget(isShared ? agreeAtMost + 1 : agreeAtMost);
    } else progress.reject(message.index, agreeAtMost);
    return;
  }
  // Nobody can hold more of this term's log than there is.
  if (message.index > s.log.lastIndex) return;
  const news = progress.acknowledge(message.index);
  switch (progress.state) {
    case 'probe':
      progress.becomeReplicate();
      break;
    case 'snapshot':
      // It can go on from the log, however it came by what it has.
      if (progress.match >= s.log.firstIndex - 1) progress.becomeReplicate();
      break;
    case 'replicate':
      break;
  }
  if (!news) return;
  advanceCommit(s);
  targetAdvanced(s, lead, message.from);
}

export function handleHeartbeatReply(s: MemberState, lead: LeaderState, message: HeartbeatReply): void {
  const progress = lead.progress.get(message.from);
  if (!progress || message.from === s.id) return;
  progress.heard();
  progress.probeSent = false;
  if (progress.state === 'probe') lead.replicationDue = true;
  // It is alive and does not have everything: perhaps an append or its answer was lost, so ask.
  else if (progress.match < s.log.lastIndex && progress.state === 'replicate') sendAppend(s, message.from, progress);
  const context = message.readContext;
  if (context && context.leader === s.id && context.term === s.term) {
    progress.readRound = Math.max(progress.readRound, context.round);
  }
}

/**
 * Figure 2, rules for leaders, last: an index that a quorum has is committed only when its entry is of the current term
 * (section 3.6.2, and figure 3.7 for what happens otherwise).
 */
export function advanceCommit(s: MemberState): void {
  const lead = s.lead;
  if (!lead) return;
  const { voters, votersOutgoing } = s.configuration;
  const reached = jointReached(voters, votersOutgoing, (id) => lead.progress.get(id)?.match);
  const before = s.log.commit;
  if (reached < lead.termStart || !s.log.commitTo(reached)) return;
  lead.uncommittedBytes -= s.log.bytesBetween(before, reached);
  lead.replicationDue = true;
}

/** One tick of what concerns sending. */
export function tickReplication(s: MemberState, lead: LeaderState): void {
  for (const [id, progress] of lead.progress) {
    if (id === s.id) continue;
    progress.silentTicks++;
    if (progress.state === 'snapshot') retryOffer(s, lead, id, progress);
  }
  lead.noticeElapsed++;
  if (s.limits.commitNoticeTicks > 0 && lead.noticeElapsed >= s.limits.commitNoticeTicks) {
    lead.noticeElapsed = 0;
    lead.noticesDue = true;
    lead.replicationDue = true;
  }
  lead.heartbeatElapsed++;
  if (lead.heartbeatElapsed < s.limits.heartbeatTicks) return;
  broadcastHeartbeat(s, lead);
}

/** Whoever was offered a snapshot may have restarted, or lost the offer: it is repeated, and costs nothing when it is known. */
function retryOffer(s: MemberState, lead: LeaderState, id: NodeId, progress: Progress): void {
  progress.offerTicks++;
  if (progress.offerTicks < s.limits.electionTimeoutTicks) return;
  progress.becomeProbe();
  // Compacted away means offered again; otherwise (it has moved on meanwhile) it is simply sent to again.
  replicateTo(s, lead, id, progress);
}

export function broadcastHeartbeat(s: MemberState, lead: LeaderState): void {
  lead.heartbeatElapsed = 0;
  const round = lead.reads.current;
  const readContext = round > 0 ? { leader: s.id, term: s.term, round } : undefined;
  for (const [to, progress] of lead.progress) {
    if (to === s.id) continue;
    // Not beyond what it is known to hold: the rest of its log may be another's.
    const commit = Math.min(s.log.commit, progress.match);
    s.send(readContext ? { type: 'heartbeat', to, commit, readContext } : { type: 'heartbeat', to, commit });
  }
  if (lead.transfer) targetAdvanced(s, lead, lead.transfer.target);
}
