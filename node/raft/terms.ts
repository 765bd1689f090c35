/**
 * Which term a message is of, and what that does to this member before the message itself is looked at (figure 2, rules for
 * all servers; dissertation, sections 4.2.3, 6.2 and 9.6 for the exceptions).
 */
import { answerPreVote, answerVote, heldOffByLease, holdPreVote, learnCommit } from './elections.js';
import type { MemberState } from './state.js';
import type { Message } from './types.js';

/** Messages that say who leads, or who is to. */
export type TermMessage = Exclude<
  Message,
  { readonly type: 'propose' | 'proposeReply' | 'readIndex' | 'readIndexReply' | 'transferLeadership' | 'removed' }
>;

/** Figure 2, rules for all servers. True when the message is of our term, or asks about a later one. */
export function agreeOnTerm(s: MemberState, message: TermMessage): boolean {
  if (message.term > s.term) return laterTerm(s, message);
  if (message.term < s.term) {
    earlierTerm(s, message);
    return false;
  }
  return true;
}

function laterTerm(s: MemberState, message: TermMessage): boolean {
  switch (message.type) {
    case 'preVote':
      // Only a question: it raises nobody's term.
      if (!heldOffByLease(s, message)) return true;
      holdPreVote(s, message);
      return false;
    case 'preVoteReply':
      if (message.granted) return true;
      learnCommit(s, message);
      s.becomeFollower(message.term, undefined);
      return false;
    case 'vote':
      if (heldOffByLease(s, message)) return false;
      s.becomeFollower(message.term, undefined);
      return true;
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      s.becomeFollower(message.term, message.from);
      return true;
    case 'voteReply':
    case 'appendReply':
    case 'heartbeatReply':
    case 'timeoutNow':
      s.becomeFollower(message.term, undefined);
      return true;
  }
}

/**
 * From the past. Whoever asks is told our term: a leader that cannot disturb us by an election (pre-vote) would otherwise
 * never learn that this member has moved on, and this member would never follow anybody again.
 */
function earlierTerm(s: MemberState, message: TermMessage): void {
  const to = message.from;
  switch (message.type) {
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      s.send({ type: 'appendReply', to, rejected: true, index: 0, hintIndex: 0, hintTerm: 0 });
      return;
    case 'preVote':
      learnCommit(s, message);
      answerPreVote(s, message, false);
      return;
    case 'vote':
      learnCommit(s, message);
      answerVote(s, message, false);
      return;
    case 'preVoteReply':
    case 'voteReply':
      // What is committed stays so, whatever the term. The only one who knows of it may be a removed leader, whose term is
      // behind ours for good: our campaign at its bidding has raised our own.
      learnCommit(s, message);
      return;
    case 'appendReply':
    case 'heartbeatReply':
    case 'timeoutNow':
      return;
  }
}
