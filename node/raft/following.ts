/** What a follower does with what its leader sends (figure 2, AppendEntries; dissertation, chapter 5 for snapshots). */
import { invariant } from './invariant.js';
import { adoptConfiguration } from './membership.js';
import type { MemberState } from './state.js';
import type { Append, Heartbeat, Index, NodeId, SnapshotMeta, SnapshotOffer } from './types.js';

/** Somebody leads our term. A candidate gives way; a follower's patience begins anew. */
export function followLeader(s: MemberState, leader: NodeId): void {
  if (s.role !== 'follower') s.becomeFollower(s.term, leader);
  s.setLeader(leader);
  s.electionElapsed = 0;
  s.heldPreVote = undefined;
}

export function handleAppend(s: MemberState, message: Append): void {
  const { log } = s;
  const { from: to, prevIndex, prevTerm } = message;
  // As if it had been lost on the way: the leader sends it again, until it can be stored.
  if (!s.writable.log && !holdsAll(s, message)) return;
  if (prevIndex < log.commit) {
    acceptPastCommit(s, message);
    return;
  }
  const lastNew = log.maybeAppend(prevIndex, prevTerm, message.entries);
  if (lastNew !== undefined) {
    log.commitTo(Math.min(message.commit, lastNew));
    accept(s, to, lastNew);
    return;
  }
  const hintIndex = log.lastNotAfter(Math.min(prevIndex, log.lastIndex), prevTerm);
  const hintTerm = log.term(hintIndex) ?? 0;
  // What was lost may have been acknowledged to this very leader, who would take a refusal of that for an old one.
  const index = s.debt === undefined ? prevIndex : 0;
  s.send({ type: 'appendReply', to, rejected: true, index, hintIndex, hintTerm });
}

function holdsAll({ log }: MemberState, { prevIndex, prevTerm, entries }: Append): boolean {
  return log.matches(prevIndex, prevTerm) && entries.every(({ index, term }) => log.matches(index, term));
}

/** What is committed agrees with every leader's log: there is nothing to compare, and only what follows is of use. */
function acceptPastCommit(s: MemberState, message: Append): void {
  const { log } = s;
  const known = log.commit;
  const knownTerm = log.term(known);
  const atCommit = message.entries[known - message.prevIndex - 1];
  invariant(
    knownTerm !== undefined && (atCommit === undefined || atCommit.term === knownTerm),
    () => `leader ${message.from} of term ${message.term} has another entry ${known}, which is committed here`,
  );
  const lastNew = log.maybeAppend(known, knownTerm, message.entries.slice(known - message.prevIndex));
  invariant(lastNew !== undefined, 'the log does not match itself');
  log.commitTo(Math.min(message.commit, lastNew));
  accept(s, message.from, lastNew);
}

export function handleHeartbeat(s: MemberState, message: Heartbeat): void {
  // Fails when the log is shorter than what this member has acknowledged: then its disk was lost, and it may not go on.
  const { from: to, readContext } = message;
  if (s.debt === undefined) s.log.commitTo(message.commit);
  else heartbeatInDebt(s, message);
  s.send(readContext ? { type: 'heartbeatReply', to, readContext } : { type: 'heartbeatReply', to });
}

/** The leader believes that this member holds what it has lost, and has no reason to send it again before it is told. */
function heartbeatInDebt(s: MemberState, { from: to, commit }: Heartbeat): void {
  const { lastIndex: hintIndex, lastTerm: hintTerm } = s.log;
  s.log.commitTo(Math.min(commit, hintIndex));
  if (commit > hintIndex) s.send({ type: 'appendReply', to, rejected: true, index: 0, hintIndex, hintTerm });
  s.settleDebt();
}

/** The leader cannot help us from its log. The data is fetched outside; `installSnapshot` follows when it is here. */
export function handleSnapshotOffer(s: MemberState, message: SnapshotOffer): void {
  if (message.index <= s.log.commit) {
    accept(s, message.from, s.log.commit);
    return;
  }
  s.outbox.snapshotOffer = { leader: message.from, index: message.index, term: message.snapshotTerm };
}

/**
 * A staged snapshot holds only committed state, so it is good whoever leads now. False when it brings nothing: an older one
 * would take back what is committed here, and one that the log already reaches is cheaper had from the log.
 */
export function installSnapshot(s: MemberState, meta: SnapshotMeta): boolean {
  const { log } = s;
  if (meta.index <= log.commit || s.role === 'leader' || !s.hasRoom) return false;
  if (log.matches(meta.index, meta.term)) {
    log.commitTo(meta.index);
    if (s.leader !== undefined) accept(s, s.leader, meta.index);
    return false;
  }
  // Whoever gave it may have been in a later term by then. The log may not reach a term that this member has not entered.
  if (meta.term > s.term) s.becomeFollower(meta.term, undefined);
  // A campaign was for the log that is being replaced.
  if (s.role !== 'follower') s.becomeFollower(s.term, undefined);
  log.restore(meta);
  // Changes that were handed out before are part of the snapshot.
  s.handedChanges.length = 0;
  adoptConfiguration(s, meta.configuration, meta.index);
  if (s.leader !== undefined) accept(s, s.leader, meta.index);
  return true;
}

function accept(s: MemberState, to: NodeId, index: Index): void {
  s.settleDebt();
  s.send({ type: 'appendReply', to, rejected: false, index, hintIndex: 0, hintTerm: 0 });
}
