/**
 * What one member knows, and the moves between its roles (figure 4 of the dissertation's chapter 3). Everything that only a
 * leader knows lives in `LeaderState`, which begins and ends with leadership, so nothing of an earlier term can linger.
 */
import { isVoter, votersOf } from './configuration.js';
import { Forwarded } from './forwarded.js';
import { invariant } from './invariant.js';
import { RaftLog } from './log.js';
import { type ProgressMap, trackMembers } from './progress.js';
import { ReadRounds } from './read-index.js';
import type {
  Configuration,
  Entry,
  HardState,
  Index,
  LogDebt,
  Message,
  NodeId,
  PreVote,
  ProposalResult,
  RaftLimits,
  RaftOptions,
  ReadResult,
  Ready,
  Role,
  Term,
  Writable,
} from './types.js';

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** A message before it is put into its envelope. `term` only where it is not the sender's own. */
export type Outgoing = DistributiveOmit<Message, 'from' | 'term'> & { readonly term?: Term };

export interface Transfer {
  readonly target: NodeId;
  ticks: number;
}

export interface LeaderState {
  readonly progress: ProgressMap;
  readonly reads: ReadRounds;
  /** The empty entry that this leader began its term with: when it is committed, all before it is. */
  readonly termStart: Index;
  /** The last entry that may change the membership; no other may be proposed before it is applied. */
  pendingChangeIndex: Index;
  transfer: Transfer | undefined;
  uncommittedBytes: number;
  /** Something may be there to be sent to somebody. */
  replicationDue: boolean;
  /** Followers are to be told of the commit index, also where nothing else is to be sent. */
  noticesDue: boolean;
  noticeElapsed: number;
  /** Up to here somebody waits for the followers themselves to apply. */
  eagerThrough: Index;
  heartbeatElapsed: number;
  quorumElapsed: number;
  preferred: { id: NodeId; healthyPeriods: number } | undefined;
  preferredHoldOff: number;
}

/** The vote for oneself, which counts only when it is durable: it went out in Ready `number`. */
interface SelfVote {
  readonly term: Term;
  number: number | undefined;
}

/** What the next Ready will carry. */
export interface Outbox {
  messages: Message[];
  messagesAfterPersist: Message[];
  readResults: ReadResult[];
  proposalResults: ProposalResult[];
  snapshotOffer: Ready['snapshotOffer'];
  removed: Ready['removed'];
}

export const defaultLimits: RaftLimits = {
  heartbeatTicks: 5,
  electionTimeoutTicks: 15,
  commitNoticeTicks: 0,
  appendBytesMax: 256 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 4 * 1024 * 1024,
  uncommittedBytesMax: 32 * 1024 * 1024,
  proposalBytesMax: 512 * 1024,
  committedBytesMax: 1024 * 1024,
  tailBytesMax: 8 * 1024 * 1024,
  pendingReadsMax: 16_384,
  forwardedProposalsMax: 4096,
};

export function emptyOutbox(): Outbox {
  return {
    messages: [],
    messagesAfterPersist: [],
    readResults: [],
    proposalResults: [],
    snapshotOffer: undefined,
    removed: undefined,
  };
}

export class MemberState {
  readonly id: NodeId;
  readonly limits: RaftLimits;
  readonly random: () => number;
  readonly log: RaftLog;
  readonly forwarded: Forwarded;

  term: Term;
  vote: NodeId;
  role: Role = 'follower';
  leader: NodeId | undefined;
  /** As applied: this is what elections and commitment go by. */
  configuration: Configuration;
  priorities: ReadonlyMap<NodeId, number>;
  /** Configuration entries that were handed out and are not reported as applied yet. */
  readonly handedChanges: Extract<Entry, { type: 'configuration' }>[] = [];

  votes = new Map<NodeId, boolean>();
  selfVote: SelfVote | undefined;
  lead: LeaderState | undefined;

  /** The leader of this term told us to campaign while we could not yet: we do as soon as we can. */
  campaignOwedIn: Term | undefined;

  electionElapsed = 0;
  electionTimeout = 0;
  /** Came while the leader's lease ran; answered when the lease ends without a word from the leader. */
  heldPreVote: PreVote | undefined;
  /** Counts every tick. */
  now = 0;
  /** Entries that it may have acknowledged and does not hold any more. */
  debt: LogDebt | undefined;
  writable: Writable = { log: true, model: true };
  /** Another member said so; its log knows, even where ours does not reach that far. */
  toldRemoved = false;
  /** When each removed id was last told so: an entry for each id that was ever removed, at most. */
  readonly toldAt = new Map<NodeId, number>();
  outbox = emptyOutbox();

  constructor(options: RaftOptions) {
    this.id = options.id;
    this.limits = { ...defaultLimits, ...options.limits };
    checkLimits(this.limits);
    this.random = options.random;
    this.configuration = options.configuration;
    this.priorities = options.priorities ?? new Map();
    const hard: HardState = options.hardState ?? { term: 0, vote: '', commit: 0 };
    this.term = hard.term;
    this.vote = hard.vote;
    this.log = new RaftLog(options.log, hard.commit, options.applied, this.limits.tailBytesMax);
    this.debt = options.debt;
    this.settleDebt();
    invariant(
      this.log.lastTerm <= this.term,
      () => `the log reaches term ${this.log.lastTerm}, and the stored term is ${this.term}: hard state was lost`,
    );
    this.forwarded = new Forwarded(this.id, this.random, this.limits);
    this.becomeFollower(this.term, undefined);
  }

  get removed(): boolean {
    return this.toldRemoved || this.configuration.removed.includes(this.id);
  }

  get hasRoom(): boolean {
    return this.writable.log && this.writable.model;
  }

  /**
   * May campaign. Not with a committed change of membership that is not applied here: this member would count a quorum by a
   * configuration that others have already left, and two leaders could commit without a common voter.
   */
  get electable(): boolean {
    return (
      isVoter(this.configuration, this.id) &&
      !this.removed &&
      this.writable.log &&
      this.debt === undefined &&
      !this.log.restoring &&
      !this.log.hasConfigurationBetween(this.log.applied, this.log.commit)
    );
  }

  get otherVoters(): readonly NodeId[] {
    return votersOf(this.configuration).filter((id) => id !== this.id);
  }

  /** To be asked whenever the log or the commit index has grown. */
  settleDebt(): void {
    const { debt, log } = this;
    if (debt === undefined) return;
    const isUpToDate = log.lastTerm > debt.term || (log.lastTerm === debt.term && log.lastIndex >= debt.index);
    if (isUpToDate || log.commit >= debt.index) this.debt = undefined;
  }

  get committedInTerm(): boolean {
    return this.lead !== undefined && this.log.commit >= this.lead.termStart;
  }

  send(outgoing: Outgoing): void {
    const message: Message = { term: this.term, from: this.id, ...outgoing };
    if (promises(message)) this.outbox.messagesAfterPersist.push(message);
    else this.outbox.messages.push(message);
  }

  becomeFollower(term: Term, leader: NodeId | undefined): void {
    this.#enterTerm(term);
    this.role = 'follower';
    this.#follow(leader);
  }

  /** Section 9.6: asks whether an election could be won, without raising the term. */
  becomePreCandidate(): void {
    invariant(this.role !== 'leader', 'a leader does not campaign');
    this.#enterTerm(this.term);
    this.role = 'preCandidate';
    this.#follow(undefined);
  }

  becomeCandidate(): void {
    invariant(this.role !== 'leader', 'a leader does not campaign');
    this.#enterTerm(this.term + 1);
    this.role = 'candidate';
    this.#follow(undefined);
    this.vote = this.id;
    this.selfVote = { term: this.term, number: undefined };
  }

  becomeLeader(): void {
    invariant(this.role === 'candidate', 'only a candidate becomes leader');
    this.#enterTerm(this.term);
    this.role = 'leader';
    this.#follow(this.id);
    const { log, limits } = this;
    const progress: ProgressMap = new Map();
    trackMembers(progress, this.configuration, log.lastIndex + 1, limits);
    const own = progress.get(this.id);
    invariant(own !== undefined, 'a leader is a member');
    own.becomeReplicate();
    own.match = log.stable;
    this.lead = {
      progress,
      reads: new ReadRounds(limits.pendingReadsMax),
      termStart: log.lastIndex + 1,
      // There may be a change among the entries of earlier terms; to assume so is cheaper than to look, and never wrong.
      pendingChangeIndex: log.lastIndex,
      transfer: undefined,
      uncommittedBytes: log.bytesBetween(log.commit, log.lastIndex),
      replicationDue: true,
      noticesDue: false,
      noticeElapsed: 0,
      eagerThrough: 0,
      heartbeatElapsed: 0,
      quorumElapsed: 0,
      preferred: undefined,
      preferredHoldOff: 0,
    };
  }

  /** The vote is kept within a term, whatever happens: only a new term clears it. */
  #enterTerm(term: Term): void {
    invariant(term >= this.term, () => `the term would fall from ${this.term} to ${term}`);
    if (term !== this.term) {
      this.term = term;
      this.vote = '';
      this.#withdrawAcknowledgements();
    }
    this.selfVote = undefined;
    this.campaignOwedIn = undefined;
    this.votes = new Map();
    this.electionElapsed = 0;
    this.heldPreVote = undefined;
    const base = this.limits.electionTimeoutTicks;
    this.electionTimeout = base + Math.min(base - 1, Math.floor(this.random() * base));
    this.#resign();
  }

  /**
   * What was acknowledged to the leader of the term before and has not been handed out to be written may be replaced by the
   * next leader in the same turn: then it never gets to the disk, and an acknowledgement that goes out with that turn's
   * write would let the old leader commit it.
   */
  #withdrawAcknowledgements(): void {
    const { outbox } = this;
    outbox.messagesAfterPersist = outbox.messagesAfterPersist.filter(
      (message) => message.type !== 'appendReply' || message.rejected,
    );
  }

  #follow(leader: NodeId | undefined): void {
    this.setLeader(leader);
  }

  /** What was forwarded to an earlier leader will hardly be answered. */
  setLeader(leader: NodeId | undefined): void {
    if (this.leader === leader) return;
    this.leader = leader;
    const lost = this.forwarded.abandon();
    this.outbox.proposalResults.push(...lost.proposals);
    this.outbox.readResults.push(...lost.reads);
  }

  #resign(): void {
    const lead = this.lead;
    if (!lead) return;
    this.lead = undefined;
    const refusal = {
      ok: false,
      code: 'not-leader',
      message: 'leadership was lost before a quorum had confirmed it',
    } as const;
    for (const { from, requestId } of lead.reads.abandon()) {
      if (from === this.id) this.outbox.readResults.push({ requestId, result: refusal });
      else this.send({ type: 'readIndexReply', to: from, requestId, result: refusal });
    }
  }
}

/** These say that something is durable here. */
function promises(message: Message): boolean {
  return message.type === 'vote' || message.type === 'voteReply' || message.type === 'appendReply';
}

function checkLimits(limits: RaftLimits): void {
  for (const [name, value] of Object.entries(limits)) {
    const valueMin = name === 'commitNoticeTicks' ? 0 : 1;
    invariant(
      Number.isSafeInteger(value) && value >= valueMin,
      `${name} must be a whole number of at least ${valueMin}`,
    );
  }
  invariant(
    limits.heartbeatTicks < limits.electionTimeoutTicks,
    'a leader must send heartbeats more often than its followers lose patience',
  );
}
