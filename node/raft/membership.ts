/**
 * Changes of membership as the leader proposes them and as every member applies them (dissertation, chapter 4), and what
 * becomes of who is removed.
 */
import { applyConfChange, isJoint } from './configuration.js';
import { invariant } from './invariant.js';
import { trackMembers } from './progress.js';
import { confirmReads } from './reads.js';
import { advanceCommit, appendToOwnLog, replicate } from './replication.js';
import type { LeaderState, MemberState } from './state.js';
import { mostUpToDate } from './transfer.js';
import type { ConfChange, ConfChangeResult, Entry, Index, Message, NodeId } from './types.js';

/**
 * One at a time, and none before this leader has committed an entry of its own term: otherwise two leaders could each
 * commit a change by majorities that do not overlap (Ongaro's correction of 2015).
 *
 * As each change is applied before the next is proposed, whoever receives the next also learns with the same message that
 * the one before is committed, and stores both in one write. So nobody holds two changes without knowing the first to be
 * committed, and nobody campaigns by a configuration that is two changes old.
 */
export function proposeConfChange(s: MemberState, change: ConfChange): ConfChangeResult {
  if (s.removed) return { ok: false, code: 'removed', message: 'this member has been removed from the cluster' };
  const lead = s.lead;
  if (!lead)
    return { ok: false, code: 'not-leader', message: 'only the leader changes the membership', leader: s.leader };
  if (!s.hasRoom) return { ok: false, code: 'storage-full', message: "the leader's disk is full" };
  if (lead.transfer) return { ok: false, code: 'transferring', message: 'leadership is being handed over' };
  if (!s.committedInTerm) {
    return { ok: false, code: 'no-commit-in-term', message: 'this leader has not committed an entry of its term yet' };
  }
  if (lead.pendingChangeIndex > s.log.applied) {
    return {
      ok: false,
      code: 'change-pending',
      message: `the change at index ${lead.pendingChangeIndex} is not applied yet`,
    };
  }
  if (isJoint(s.configuration) && change.transition !== 'leave-joint') {
    return { ok: false, code: 'change-pending', message: 'the joint configuration has to be left first' };
  }
  const outcome = applyConfChange(s.configuration, change);
  if (!outcome.ok) {
    const which = outcome.id === undefined ? '' : `: ${outcome.id}`;
    return { ok: false, code: 'invalid-change', message: `${outcome.reason}${which}` };
  }
  const index = appendToOwnLog(s, [{ type: 'configuration', change }]);
  lead.pendingChangeIndex = index;
  return { ok: true, term: s.term, index };
}

/** The state machine has applied up to `index`; so the changes up to there take effect. */
export function applyChangesUpTo(s: MemberState, index: Index): void {
  for (let entry = s.handedChanges[0]; entry && entry.index <= index; entry = s.handedChanges[0]) {
    s.handedChanges.shift();
    applyChange(s, entry);
  }
  leaveJointIfDue(s);
}

function applyChange(s: MemberState, entry: Extract<Entry, { type: 'configuration' }>): void {
  // What cannot be done changes nothing, on every member alike.
  const outcome = applyConfChange(s.configuration, entry.change);
  if (!outcome.ok) return;
  adoptConfiguration(s, outcome.configuration, entry.index);
}

export function adoptConfiguration(s: MemberState, configuration: MemberState['configuration'], index: Index): void {
  const knewOfRemoval = s.removed;
  s.configuration = configuration;
  if (s.removed && !knewOfRemoval) s.outbox.removed = { by: s.id, index };
  const lead = s.lead;
  if (!lead) return;
  // At least one entry behind, so that the first probe of an empty member is refused with a hint at once.
  trackMembers(lead.progress, configuration, Math.max(1, s.log.lastIndex), s.limits);
  if (lead.transfer && !configuration.voters.includes(lead.transfer.target)) lead.transfer = undefined;
  const decides = configuration.voters.includes(s.id) || configuration.votersOutgoing.includes(s.id);
  if (!decides) {
    stepDownForGood(s, lead);
    return;
  }
  // With fewer voters, what was not committed or confirmed a moment ago may be; a voter that is left alone hears no more answers.
  advanceCommit(s);
  confirmReads(s, lead);
  lead.replicationDue = true;
}

/**
 * Section 4.2.2: a leader that is no voter any more steps down when its removal is committed. The others are told so first,
 * and one of them to take over, or they would wait for an election timeout.
 */
function stepDownForGood(s: MemberState, lead: LeaderState): void {
  replicate(s, lead);
  const successor = mostUpToDate(s, lead);
  if (successor !== undefined) s.send({ type: 'timeoutNow', to: successor });
  s.becomeFollower(s.term, undefined);
}

/** Whoever leads when a joint configuration is to be left by itself proposes that, unless somebody has already. */
function leaveJointIfDue(s: MemberState): void {
  const lead = s.lead;
  if (!lead || !isJoint(s.configuration) || !s.configuration.autoLeave) return;
  if (!s.committedInTerm || lead.pendingChangeIndex > s.log.applied) return;
  // Not subject to the bound on uncommitted bytes nor to a transfer: it must happen, and it happens once.
  lead.pendingChangeIndex = appendToOwnLog(s, [
    { type: 'configuration', change: { changes: [], transition: 'leave-joint' } },
  ]);
}

/**
 * A message from one that was removed: it is not heard, and it is told, though not more often than a leader sends
 * heartbeats. True when the message was such a one.
 */
export function answerRemoved(s: MemberState, message: Message): boolean {
  const { from } = message;
  if (!s.configuration.removed.includes(from)) return false;
  const toldAt = s.toldAt.get(from);
  const recently = toldAt !== undefined && s.now - toldAt < s.limits.heartbeatTicks;
  // Two removed members must not keep telling each other.
  if (recently || message.type === 'removed') return true;
  s.toldAt.set(from, s.now);
  s.send({ type: 'removed', to: from, index: s.log.applied });
  return true;
}

/** Committed state says that this member is removed, although its own log may end before that. */
export function handleRemoved(s: MemberState, by: NodeId, index: Index): void {
  // A leader finds out by applying its own removal, and hands over when it does; one that was cut off loses its quorum.
  if (s.removed || s.lead) return;
  s.toldRemoved = true;
  s.outbox.removed = { by, index };
  s.becomeFollower(s.term, undefined);
  invariant(!s.electable, 'a removed member does not campaign');
}
