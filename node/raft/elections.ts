/**
 * Elections (dissertation, chapter 3.4, and sections 4.2.3 and 9.6): pre-vote, vote, and what each does to a member.
 */
import { jointVote } from './quorum.js';
import { beginTerm } from './replication.js';
import type { MemberState } from './state.js';
import type { Index, NodeId, PreVote, PreVoteReply, Role, Term, Vote, VoteReply } from './types.js';

/** One tick of somebody who does not lead. */
export function tickElection(s: MemberState): void {
  s.electionElapsed++;
  if (s.electionElapsed === s.limits.electionTimeoutTicks) answerHeldPreVote(s);
  if (s.electionElapsed < s.electionTimeout) return;
  s.electionElapsed = 0;
  if (s.electable) campaign(s);
  // A learner cannot do anything about a leader that is gone, but it should not send proposals there any more.
  else if (s.role === 'follower') s.setLeader(undefined);
}

/** Asks first whether it could win (pre-vote), so that a member that was cut off does not disturb a working cluster. */
export function campaign(s: MemberState): void {
  if (s.role === 'leader' || !s.electable) return;
  s.becomePreCandidate();
  // Nothing is promised by a pre-vote, so one's own needs no disk.
  s.votes.set(s.id, true);
  const { lastIndex, lastTerm } = s.log;
  const hint = commitHint(s);
  for (const to of s.otherVoters) s.send({ type: 'preVote', to, term: s.term + 1, lastIndex, lastTerm, ...hint });
  decidePreVote(s);
}

/** The real election. `transfer`: the leader asked for it, so its lease does not protect it. */
function campaignForReal(s: MemberState, transfer: boolean): void {
  s.becomeCandidate();
  const { lastIndex, lastTerm } = s.log;
  const hint = commitHint(s);
  for (const to of s.otherVoters) s.send({ type: 'vote', to, lastIndex, lastTerm, transfer, ...hint });
}

/** The leader wants us to take over (section 3.10): at once, without a pre-vote. */
export function handleTimeoutNow(s: MemberState): void {
  if (s.role === 'leader' || !s.hasRoom) return;
  if (s.electable) campaignForReal(s, true);
  // A leader that hands over because it is removed has just told us so, and we have hardly applied it yet.
  else s.campaignOwedIn = s.term;
}

/** Something was applied that may have been in the way. */
export function campaignIfOwed(s: MemberState): void {
  if (s.campaignOwedIn === s.term && s.role === 'follower' && s.electable) campaignForReal(s, true);
}

/** Our vote for ourselves is durable. */
export function ownVotePersisted(s: MemberState): void {
  s.votes.set(s.id, true);
  decideVote(s);
}

/**
 * Sections 4.2.3 and 6.4.1: who has heard of a living leader within the shortest election timeout neither helps to replace it nor
 * lets its own term be raised for that. A leader counts as alive to itself: it steps down by itself when it loses its quorum.
 */
export function heldOffByLease(s: MemberState, message: PreVote | Vote): boolean {
  if (message.type === 'vote' && message.transfer) return false;
  return s.leader !== undefined && s.electionElapsed < s.limits.electionTimeoutTicks;
}

/**
 * Followers lose a leader within a few milliseconds of each other, and the first to ask may find the others' leases about to
 * end. Without an answer it would ask again only an election timeout later, so the question is kept until the lease ends; a
 * word from the leader throws it away. A pre-vote promises nothing, so that it may come late.
 */
export function holdPreVote(s: MemberState, message: PreVote): void {
  if (s.role === 'follower') s.heldPreVote = message;
}

function answerHeldPreVote(s: MemberState): void {
  const held = s.heldPreVote;
  s.heldPreVote = undefined;
  if (held !== undefined) handlePreVote(s, held);
}

/**
 * Two that ask at the same time would grant each other's wish, and split the votes of the election that follows. The one with
 * the lower id insists, if their logs are equal, and only while it may still hope for an answer: were it never to get one
 * (links may fail in one direction), it must not keep the other from leading.
 */
function insists(s: MemberState, { from, lastIndex, lastTerm }: PreVote): boolean {
  const hopes = s.role === 'preCandidate' && s.electionElapsed < s.limits.heartbeatTicks;
  return hopes && s.id < from && lastIndex === s.log.lastIndex && lastTerm === s.log.lastTerm;
}

/** `message.term` is later than ours: it would begin that term. */
export function handlePreVote(s: MemberState, message: PreVote): void {
  // A request for our own term comes from one who has missed that the term has begun; it must not be encouraged.
  const granted =
    message.term > s.term &&
    s.log.isUpToDate(message.lastIndex, message.lastTerm) &&
    // The vote that it asks about could not be given.
    s.writable.log &&
    s.debt === undefined &&
    !insists(s, message);
  learnCommit(s, message);
  answerPreVote(s, message, granted);
}

/** Granted: with the term that was asked for, as the candidate is still in the one before. */
export function answerPreVote(s: MemberState, { from: to, term }: PreVote, granted: boolean): void {
  s.send({ type: 'preVoteReply', to, granted, term: granted ? term : s.term, ...commitHint(s) });
}

/**
 * Figure 2, RequestVote, receiver 2: one vote for each term, and only for a log that holds all that is committed. Learners
 * and members that the own configuration does not know answer too: their configuration may be the one that is behind.
 */
export function handleVote(s: MemberState, message: Vote): void {
  const free = s.vote === message.from || (s.vote === '' && s.leader === undefined);
  // With a log that is shorter than it was, nobody can be judged by it.
  const granted = free && s.debt === undefined && s.log.isUpToDate(message.lastIndex, message.lastTerm);
  if (granted) {
    s.vote = message.from;
    s.electionElapsed = 0;
  }
  learnCommit(s, message);
  answerVote(s, message, granted);
}

export function answerVote(s: MemberState, { from: to }: Vote, granted: boolean): void {
  s.send({ type: 'voteReply', to, granted, ...commitHint(s) });
}

function commitHint({ log }: MemberState): { readonly commit: Index; readonly commitTerm: Term } {
  const commit = log.commit;
  return { commit, commitTerm: log.term(commit) ?? 0 };
}

/**
 * Somebody knows more to be committed than we do; where our log holds that very entry, it is committed here too. Without
 * this a cluster could stop for ever: after a leader that is no voter any more has fallen silent, only it knows that.
 */
export function learnCommit(
  s: MemberState,
  { commit, commitTerm }: { readonly commit: Index; readonly commitTerm: Term },
): void {
  if (s.lead || commit <= s.log.commit || !s.log.matches(commit, commitTerm)) return;
  s.log.commitTo(commit);
  // A change of membership may be among it, and then this campaign was by the wrong configuration.
  if (s.role !== 'follower' && !s.electable) s.becomeFollower(s.term, undefined);
}

export function handlePreVoteReply(s: MemberState, message: PreVoteReply): void {
  if (s.role !== 'preCandidate') return;
  // An answer to an earlier campaign counts for nothing.
  if (message.granted && message.term !== s.term + 1) return;
  learnCommit(s, message);
  if (!isCampaigning(s, 'preCandidate')) return;
  recordVote(s, message.from, message.granted);
  decidePreVote(s);
}

export function handleVoteReply(s: MemberState, message: VoteReply): void {
  if (s.role !== 'candidate') return;
  learnCommit(s, message);
  if (!isCampaigning(s, 'candidate')) return;
  recordVote(s, message.from, message.granted);
  decideVote(s);
}

/** Asked afresh, as what was learned meanwhile may have ended the campaign. */
function isCampaigning(s: MemberState, as: Role): boolean {
  return s.role === as;
}

function recordVote(s: MemberState, from: NodeId, granted: boolean): void {
  // The first answer of each counts; a repeated message changes nothing.
  if (!s.votes.has(from)) s.votes.set(from, granted);
}

function outcome(s: MemberState) {
  const { voters, votersOutgoing } = s.configuration;
  return jointVote(voters, votersOutgoing, (id) => s.votes.get(id));
}

function decidePreVote(s: MemberState): void {
  const decided = outcome(s);
  if (decided === 'won') campaignForReal(s, false);
  else if (decided === 'lost') s.becomeFollower(s.term, undefined);
}

function decideVote(s: MemberState): void {
  const decided = outcome(s);
  if (decided === 'won') beginTerm(s);
  else if (decided === 'lost') s.becomeFollower(s.term, undefined);
}
