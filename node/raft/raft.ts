/** One member: takes messages and ticks, gives Readies. What each means is in the modules that it calls. */

import {
  campaign,
  campaignIfOwed,
  handlePreVote,
  handlePreVoteReply,
  handleTimeoutNow,
  handleVote,
  handleVoteReply,
  ownVotePersisted,
  tickElection,
} from './elections.js';
import { followLeader, handleAppend, handleHeartbeat, handleSnapshotOffer, installSnapshot } from './following.js';
import { answerRemoved, applyChangesUpTo, handleRemoved, proposeConfChange } from './membership.js';
import { isWellFormed } from './messages.js';
import { handlePropose, handleProposeReply, propose } from './proposals.js';
import { confirmReads, flushReads, handleReadIndex, handleReadIndexReply, readIndex, readsDue } from './reads.js';
import { handleAppendReply, handleHeartbeatReply, ownLogPersisted, replicate, tickReplication } from './replication.js';
import { emptyOutbox, MemberState } from './state.js';
import { statusOf } from './status.js';
import { agreeOnTerm, type TermMessage } from './terms.js';
import { considerPreferred, quorumActive, tickTransfer, transferLeadership } from './transfer.js';
import type {
  ConfChange,
  ConfChangeResult,
  HardState,
  Index,
  Leadership,
  Message,
  NodeId,
  ProposeResult,
  RaftCore,
  RaftOptions,
  RaftStatus,
  ReadIndexResult,
  Ready,
  Role,
  SnapshotMeta,
  Term,
  TransferResult,
  Writable,
} from './types.js';

export class Raft implements RaftCore {
  readonly #state: MemberState;
  #readyNumber = 0;
  #handedHard: HardState;
  #handedLeadership: Leadership;

  constructor(options: RaftOptions) {
    const s = new MemberState(options);
    this.#state = s;
    this.#handedHard = { term: s.term, vote: s.vote, commit: s.log.commit };
    this.#handedLeadership = { role: s.role, term: s.term, leader: s.leader };
    if (s.removed) s.outbox.removed = { by: s.id, index: s.log.applied };
  }

  get id(): NodeId {
    return this.#state.id;
  }

  get role(): Role {
    return this.#state.role;
  }

  get term(): Term {
    return this.#state.term;
  }

  get leader(): NodeId | undefined {
    return this.#state.leader;
  }

  get commit(): Index {
    return this.#state.log.commit;
  }

  step(message: Message): void {
    const s = this.#state;
    if (message.to !== s.id || message.from === s.id || !isWellFormed(message)) return;
    if (answerRemoved(s, message)) return;
    switch (message.type) {
      // These do not speak for a term: who sends them may know less than we do, and it must not matter.
      case 'propose':
        handlePropose(s, message);
        return;
      case 'proposeReply':
        handleProposeReply(s, message);
        return;
      case 'readIndex':
        handleReadIndex(s, message);
        return;
      case 'readIndexReply':
        handleReadIndexReply(s, message);
        return;
      case 'transferLeadership':
        if (s.lead) transferLeadership(s, message.target);
        return;
      case 'removed':
        handleRemoved(s, message.from, message.index);
        return;
      default:
        if (agreeOnTerm(s, message)) this.#stepInTerm(message);
    }
  }

  tick(): void {
    const s = this.#state;
    s.now++;
    const lost = s.forwarded.tick();
    s.outbox.proposalResults.push(...lost.proposals);
    s.outbox.readResults.push(...lost.reads);
    const { lead } = s;
    if (!lead) {
      tickElection(s);
      return;
    }
    tickTransfer(s, lead);
    lead.quorumElapsed++;
    if (lead.quorumElapsed >= s.limits.electionTimeoutTicks) {
      lead.quorumElapsed = 0;
      // Section 6.2: leading without a quorum helps nobody, and clients are free to find the leader of the other side.
      if (!quorumActive(s, lead)) {
        s.becomeFollower(s.term, undefined);
        return;
      }
      considerPreferred(s, lead);
      for (const progress of lead.progress.values()) progress.recentlyActive = false;
    }
    tickReplication(s, lead);
  }

  propose(data: readonly Uint8Array[], proposalId: string): ProposeResult {
    return propose(this.#state, data, proposalId);
  }

  proposeConfChange(change: ConfChange): ConfChangeResult {
    return proposeConfChange(this.#state, change);
  }

  readIndex(requestId: string): ReadIndexResult {
    return readIndex(this.#state, requestId);
  }

  transferLeadership(target?: NodeId): TransferResult {
    return transferLeadership(this.#state, target);
  }

  campaign(): void {
    campaign(this.#state);
  }

  reportUnreachable(id: NodeId): void {
    const progress = this.#state.lead?.progress.get(id);
    // What was sent ahead is probably lost; what was not is not sent ahead until it answers.
    if (progress?.state === 'replicate') progress.becomeProbe();
  }

  reportSnapshot(id: NodeId, outcome: 'finished' | 'failed'): void {
    const { lead } = this.#state;
    const progress = lead?.progress.get(id);
    if (!lead || progress?.state !== 'snapshot') return;
    if (outcome === 'finished') progress.becomeProbe(progress.pendingSnapshot + 1);
    else progress.becomeProbe();
    // Wait for its answer or for a heartbeat's, or a snapshot that always fails would be offered without a pause.
    progress.probeSent = true;
  }

  installSnapshot(meta: SnapshotMeta): boolean {
    return installSnapshot(this.#state, meta);
  }

  setPriorities(priorities: ReadonlyMap<NodeId, number>): void {
    this.#state.priorities = priorities;
  }

  get isInDebt(): boolean {
    return this.#state.debt !== undefined;
  }

  setWritable(writable: Writable): void {
    this.#state.writable = writable;
  }

  hasReady(): boolean {
    const s = this.#state;
    const { outbox, log } = s;
    return (
      outbox.messages.length > 0 ||
      outbox.messagesAfterPersist.length > 0 ||
      outbox.readResults.length > 0 ||
      outbox.proposalResults.length > 0 ||
      outbox.snapshotOffer !== undefined ||
      outbox.removed !== undefined ||
      log.hasUnwritten ||
      log.hasCommitted ||
      this.#hardChanged() ||
      this.#leadershipChanged() ||
      s.lead?.replicationDue === true ||
      readsDue(s) ||
      (s.lead === undefined && s.leader !== undefined && s.forwarded.hasWaitingReads)
    );
  }

  ready(): Ready | undefined {
    if (!this.hasReady()) return undefined;
    const s = this.#state;
    flushReads(s);
    if (s.lead?.replicationDue) replicate(s, s.lead);
    const number = ++this.#readyNumber;
    const { entries, snapshot } = s.log.takeUnwritten(number);
    const before = this.#handedHard;
    const hard: HardState = { term: s.term, vote: s.vote, commit: s.log.commit };
    const promised = hard.term !== before.term || hard.vote !== before.vote;
    // Entries never go to disk without the commit index that was known with them: see proposeConfChange.
    const storesHard = this.#hardChanged() || entries.length > 0 || snapshot !== undefined;
    if (s.selfVote && s.selfVote.number === undefined) s.selfVote.number = number;
    const committedEntries = s.log.takeCommitted(s.limits.committedBytesMax);
    for (const entry of committedEntries) {
      if (entry.type === 'configuration') s.handedChanges.push(entry);
    }
    const leadershipChanged = this.#leadershipChanged();
    const leadership: Leadership = { role: s.role, term: s.term, leader: s.leader };
    const { outbox } = s;
    s.outbox = emptyOutbox();
    this.#handedHard = hard;
    this.#handedLeadership = leadership;
    return {
      number,
      hardState: storesHard ? hard : undefined,
      entries,
      snapshot,
      mustSync: promised || entries.length > 0 || snapshot !== undefined,
      messages: outbox.messages,
      messagesAfterPersist: outbox.messagesAfterPersist,
      committedEntries,
      readResults: outbox.readResults,
      proposalResults: outbox.proposalResults,
      snapshotOffer: outbox.snapshotOffer,
      leadership: leadershipChanged ? leadership : undefined,
      removed: outbox.removed,
    };
  }

  persisted(ready: Ready): void {
    const s = this.#state;
    s.log.persisted(ready.number);
    const vote = s.selfVote;
    if (vote?.number !== undefined && vote.number <= ready.number && vote.term === s.term) {
      s.selfVote = undefined;
      if (s.role === 'candidate') ownVotePersisted(s);
    }
    ownLogPersisted(s);
  }

  applied(index: Index): void {
    this.#state.log.appliedTo(index);
    applyChangesUpTo(this.#state, index);
    campaignIfOwed(this.#state);
  }

  advance(ready: Ready): void {
    this.persisted(ready);
    const last = ready.committedEntries.at(-1);
    if (last) this.applied(last.index);
  }

  status(): RaftStatus {
    return statusOf(this.#state);
  }

  #hardChanged(): boolean {
    const s = this.#state;
    const { term, vote, commit } = this.#handedHard;
    return term !== s.term || vote !== s.vote || commit !== s.log.commit;
  }

  #leadershipChanged(): boolean {
    const s = this.#state;
    const { role, term, leader } = this.#handedLeadership;
    return role !== s.role || term !== s.term || leader !== s.leader;
  }

  #stepInTerm(message: TermMessage): void {
    const s = this.#state;
    switch (message.type) {
      case 'preVote':
        handlePreVote(s, message);
        return;
      case 'preVoteReply':
        handlePreVoteReply(s, message);
        return;
      case 'vote':
        handleVote(s, message);
        return;
      case 'voteReply':
        handleVoteReply(s, message);
        return;
      case 'append':
      case 'heartbeat':
      case 'snapshot':
        // There is one leader to a term, and if that is us, this message is not what it claims to be.
        if (s.lead) return;
        followLeader(s, message.from);
        if (message.type === 'append') {
          handleAppend(s, message);
          return;
        }
        if (message.type === 'heartbeat') {
          handleHeartbeat(s, message);
          return;
        }
        handleSnapshotOffer(s, message);
        return;
      case 'appendReply':
        if (s.lead) handleAppendReply(s, s.lead, message);
        return;
      case 'heartbeatReply':
        if (!s.lead) return;
        handleHeartbeatReply(s, s.lead, message);
        confirmReads(s, s.lead);
        return;
      case 'timeoutNow':
        handleTimeoutNow(s);
        return;
    }
  }
}
