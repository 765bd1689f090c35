/**
 * The words of the Raft core: everything that goes in or comes out is one of these plain, read-only values, so that a codec
 * can put them on a wire or a disk without knowing the algorithm.
 */

/** A member's name: 1 to 64 characters of `[A-Za-z0-9_-]`. It is never used for a second machine, not even after removal. */
export type NodeId = string;
/** A term: a safe integer, 0 before the first election. */
export type Term = number;
/** A position in the log: a safe integer; the first entry has index 1, and 0 stands before it. */
export type Index = number;

// ---------------------------------------------------------------------------------------------------------------- the log

/** One entry of the log. `empty` is what a new leader appends first: it commits whatever earlier terms left behind. */
export type Entry =
  | { readonly type: 'normal'; readonly term: Term; readonly index: Index; readonly data: Uint8Array }
  | { readonly type: 'configuration'; readonly term: Term; readonly index: Index; readonly change: ConfChange }
  | { readonly type: 'empty'; readonly term: Term; readonly index: Index };

/** What must survive a crash beside the log. `commit` may be lost (it is learned again); `term` and `vote` may not. */
export interface HardState {
  readonly term: Term;
  /** Whom this member voted for in `term`; empty when for nobody yet. */
  readonly vote: NodeId;
  readonly commit: Index;
}

/**
 * How the core reads what is already on disk. All of it is synchronous, and answers for what has been acknowledged with
 * `persisted`; the core keeps what is not there yet, and a bounded tail of what is, so reads here are rare.
 */
export interface LogStore {
  /** The first index that is still there: 1 in a new log, one past the compaction point otherwise. */
  firstIndex(): Index;
  /** The last index that is there; `firstIndex() - 1` when there is none. */
  lastIndex(): Index;
  /** The term of an entry, also of `firstIndex() - 1` (0 for index 0); undefined when compacted away or not there. */
  term(index: Index): Term | undefined;
  /**
   * Entries from `low` up to but not including `high`, at least one, then as many as fit into `bytesMax` of data.
   * Undefined when `low` has been compacted away.
   */
  entries(low: Index, high: Index, bytesMax: number): readonly Entry[] | undefined;
}

/** Where a snapshot of the state machine stands, and who the members were there. */
export interface SnapshotMeta {
  readonly index: Index;
  readonly term: Term;
  readonly configuration: Configuration;
}

// ------------------------------------------------------------------------------------------------------------- membership

/**
 * Who decides (dissertation, section 4.3). With `votersOutgoing` not empty the configuration is joint: elections and
 * commitment need a majority of both sets. All lists are sorted and without repetition.
 */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Voters of the outgoing set that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[];
  /** The leader leaves the joint configuration by itself as soon as entering it has been applied. */
  readonly autoLeave: boolean;
  /** Ids that were members once; they may never be added again. */
  readonly removed: readonly NodeId[];
}

export type MembershipChangeType = 'addVoter' | 'addLearner' | 'remove' | 'update';

/** `addLearner` of a voter demotes it; `addVoter` of a learner promotes it; `update` changes nothing here (see `context`). */
export interface MembershipChange {
  readonly type: MembershipChangeType;
  readonly id: NodeId;
}

/**
 * One change of membership, as one log entry.
 * - `auto`: simple where at most one voter changes, joint with automatic leaving otherwise.
 * - `joint-implicit`: joint, left automatically. `joint-explicit`: joint, left by a change with `leave-joint`.
 * - `leave-joint`: `changes` is empty.
 */
export interface ConfChange {
  readonly changes: readonly MembershipChange[];
  readonly transition: 'auto' | 'joint-implicit' | 'joint-explicit' | 'leave-joint';
  /** What the state machine wants to keep with the members (addresses, names); the core only carries it. */
  readonly context?: Uint8Array;
}

// --------------------------------------------------------------------------------------------------------------- messages

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term, but for `preVote` and a granted `preVoteReply`: there the term that the candidate would begin. */
  readonly term: Term;
}

/** One confirmation round of reads. Unique for ever: a leader is leader of a term once, and counts its rounds. */
export interface ReadContext {
  readonly leader: NodeId;
  readonly term: Term;
  readonly round: number;
}

/**
 * What the sender knows to be committed travels with elections: a member that a change of membership took out of the quorum
 * may refuse a vote for ever (its log is longer) and not campaign either; but it can say that the change is committed.
 */
interface CommitHint {
  readonly commit: Index;
  readonly commitTerm: Term;
}

interface VoteRequest extends Envelope, CommitHint {
  readonly lastIndex: Index;
  readonly lastTerm: Term;
}

export type PreVote = VoteRequest & { readonly type: 'preVote' };
export type PreVoteReply = Envelope & CommitHint & { readonly type: 'preVoteReply'; readonly granted: boolean };
export type Vote = VoteRequest & {
  readonly type: 'vote';
  /** A leader asked for this election (transfer): it is not held off by the lease of a living leader. */
  readonly transfer: boolean;
};
export type VoteReply = Envelope & CommitHint & { readonly type: 'voteReply'; readonly granted: boolean };

export type Append = Envelope & {
  readonly type: 'append';
  readonly prevIndex: Index;
  readonly prevTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: Index;
};
/**
 * The answer to an append, or to a heartbeat by a member that has lost entries (`LogDebt`). Accepted: `index` is the last index known to agree with the leader's log. Rejected: `index` is
 * the `prevIndex` that did not fit, and the hint is the latest place at which the two logs might still agree. Rejected with
 * `index` 0 and a hint: what was acknowledged before counts no more, it was lost.
 */
export type AppendReply = Envelope & {
  readonly type: 'appendReply';
  readonly rejected: boolean;
  readonly index: Index;
  readonly hintIndex: Index;
  readonly hintTerm: Term;
};

export type Heartbeat = Envelope & {
  readonly type: 'heartbeat';
  /** Never beyond what this follower is known to hold. */
  readonly commit: Index;
  readonly readContext?: ReadContext;
};
export type HeartbeatReply = Envelope & { readonly type: 'heartbeatReply'; readonly readContext?: ReadContext };

/**
 * Leader to follower: what you need next is compacted away, fetch a snapshot that stands at `index` or later. Its data
 * travels outside the core; when it is staged on the follower, the follower calls `installSnapshot`.
 */
export type SnapshotOffer = Envelope & {
  readonly type: 'snapshot';
  readonly index: Index;
  readonly snapshotTerm: Term;
};

/** Leader to follower: campaign now. */
export type TimeoutNow = Envelope & { readonly type: 'timeoutNow' };

/** Follower to leader: append these, and answer. */
export type Propose = Envelope & {
  readonly type: 'propose';
  /** Made by the sender's core, unique for ever; not the caller's own id. */
  readonly proposalId: string;
  readonly data: readonly Uint8Array[];
};
export type ProposeReply = Envelope & {
  readonly type: 'proposeReply';
  readonly proposalId: string;
  readonly result: Appended | Refusal<ProposeRefusalCode>;
};

/** Follower to leader: where must I have applied to, for a read that begins now to be linearizable? */
export type ReadIndexRequest = Envelope & { readonly type: 'readIndex'; readonly requestId: string };
export type ReadIndexReply = Envelope & {
  readonly type: 'readIndexReply';
  readonly requestId: string;
  readonly result: { readonly ok: true; readonly index: Index } | Refusal<ReadRefusalCode>;
};

/** Follower to leader: hand leadership to `target`. */
export type TransferLeadership = Envelope & { readonly type: 'transferLeadership'; readonly target: NodeId };

/** Any member to one that was removed and does not know it. `index`: the sender has applied at least this far. */
export type Removed = Envelope & { readonly type: 'removed'; readonly index: Index };

export type Message =
  | PreVote
  | PreVoteReply
  | Vote
  | VoteReply
  | Append
  | AppendReply
  | Heartbeat
  | HeartbeatReply
  | SnapshotOffer
  | TimeoutNow
  | Propose
  | ProposeReply
  | ReadIndexRequest
  | ReadIndexReply
  | TransferLeadership
  | Removed;

// ---------------------------------------------------------------------------------------------------------------- answers

export type Refusal<Code extends string> = {
  readonly ok: false;
  readonly code: Code;
  /** One sentence: what was wrong. */
  readonly message: string;
  /** Who is known to lead, where that helps. */
  readonly leader?: NodeId;
};

export type ProposeRefusalCode =
  /** No leader is known (or, for what is not forwarded, this member is not the leader). */
  | 'not-leader'
  /** The bound on uncommitted bytes, or on forwarded proposals without an answer, is reached: try again later. */
  | 'overloaded'
  /** Leadership is being handed over: try again shortly. */
  | 'transferring'
  /** One entry is larger than `proposalBytesMax`. */
  | 'too-large'
  /** The leader's disk takes nothing more, see {@link Writable}. */
  | 'storage-full'
  /** This member has been removed. */
  | 'removed';

/** Appended to the leader's log. It is committed once an entry with this index *and* this term has been applied. */
export type Appended = {
  readonly ok: true;
  readonly term: Term;
  /** The index of the first entry; the others follow it without a gap. */
  readonly index: Index;
};
/** Appended to the own log, as this member leads. */
export type ProposalAccepted = Appended & { readonly forwarded: false };
/** Sent to the leader; the answer comes in `Ready.proposalResults`, exactly once. */
export type ProposalForwarded = { readonly ok: true; readonly forwarded: true; readonly leader: NodeId };
export type ProposeResult = ProposalAccepted | ProposalForwarded | Refusal<ProposeRefusalCode>;

export type ConfChangeRefusalCode =
  | ProposeRefusalCode
  /** An earlier change is not applied yet, or the configuration is joint. */
  | 'change-pending'
  /** This leader has not committed an entry of its own term yet (the rule of 2015). */
  | 'no-commit-in-term'
  /** What the change asks for is not possible; `message` says why. */
  | 'invalid-change';
export type ConfChangeResult = Appended | Refusal<ConfChangeRefusalCode>;

export type ReadRefusalCode = 'not-leader' | 'overloaded' | 'removed';
/** Accepted: the answer comes in `Ready.readResults`, exactly once. */
export type ReadIndexResult = { readonly ok: true } | Refusal<ReadRefusalCode>;

export type TransferRefusalCode =
  | 'not-leader'
  | 'removed'
  /** The target is no voter, or is leaving. */
  | 'invalid-target'
  /** Another transfer is under way. */
  | 'transferring';
export type TransferResult = { readonly ok: true; readonly forwarded: boolean } | Refusal<TransferRefusalCode>;

/** What became of a forwarded proposal. `unknown`: the leader went away; retry with the same request id inside the data. */
export interface ProposalResult {
  readonly proposalId: string;
  readonly result: Appended | Refusal<ProposeRefusalCode | 'unknown'>;
}

/** A read may be answered from the state machine once `index` has been applied. */
export interface ReadResult {
  readonly requestId: string;
  readonly result: { readonly ok: true; readonly index: Index } | Refusal<ReadRefusalCode | 'unknown'>;
}

// ------------------------------------------------------------------------------------------------------------------ ready

/** What the core wants done. The order is in the contract in `index.ts`. */
export interface Ready {
  /** Counts up from 1. */
  readonly number: number;
  /** To be stored, when it changed. */
  readonly hardState?: HardState;
  /** To be stored; whatever the store holds at or after the first of these is to be deleted in the same transaction. */
  readonly entries: readonly Entry[];
  /** To be installed whole in place of log and state machine, before `entries`. */
  readonly snapshot?: SnapshotMeta;
  /** The disk must be synced before `persisted`. False when nothing changed but the commit index. */
  readonly mustSync: boolean;
  /** May be sent at once, before anything is stored. */
  readonly messages: readonly Message[];
  /** Promise something: to be sent only when this Ready is durable. */
  readonly messagesAfterPersist: readonly Message[];
  /** Durable here and committed everywhere: to be applied, in order. */
  readonly committedEntries: readonly Entry[];
  readonly readResults: readonly ReadResult[];
  readonly proposalResults: readonly ProposalResult[];
  /** A leader says that this member needs a snapshot: fetch one from it. Repeated until it has come. */
  readonly snapshotOffer?: { readonly leader: NodeId; readonly index: Index; readonly term: Term };
  /** When role, leader or term changed since the last Ready. */
  readonly leadership?: Leadership;
  /** Told once: this member has been removed from the cluster. */
  readonly removed?: { readonly by: NodeId; readonly index: Index };
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

export interface Leadership {
  readonly role: Role;
  readonly term: Term;
  /** Undefined while there is none. */
  readonly leader: NodeId | undefined;
}

// ----------------------------------------------------------------------------------------------------------------- status

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/** What a leader knows of one member. */
export interface ProgressView {
  readonly id: NodeId;
  readonly state: ProgressState;
  readonly match: Index;
  readonly next: Index;
  readonly learner: boolean;
  /** Heard of within the last election timeout. */
  readonly recentlyActive: boolean;
  /** Ticks since it was last heard of. */
  readonly silentTicks: number;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
  /** Nothing more is sent until it answers. */
  readonly paused: boolean;
  /** The index of the snapshot it was offered; 0 when none. */
  readonly pendingSnapshot: Index;
}

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: NodeId;
  readonly leader: NodeId | undefined;
  readonly commit: Index;
  readonly applied: Index;
  /** Last index that is durable here. */
  readonly stable: Index;
  readonly lastIndex: Index;
  /** Of the entry at `lastIndex`. */
  readonly lastTerm: Term;
  readonly firstIndex: Index;
  readonly configuration: Configuration;
  /** Learner, voter (of either half), or neither. */
  readonly membership: 'voter' | 'learner' | 'none' | 'removed';
  /** A change of membership that is not applied yet; 0 when there is none. Known to the leader only. */
  readonly pendingChangeIndex: Index;
  readonly transferTarget: NodeId | undefined;
  readonly uncommittedBytes: number;
  /** Of the leader only; sorted by id, the leader itself included. */
  readonly progress: readonly ProgressView[];
}

// ---------------------------------------------------------------------------------------------------------------- options

/**
 * What a member owes whose log lost entries that it may have acknowledged: a log at least as up to date (section 3.6.1) as
 * one that ends with `index` in `term`, where `term` is the one it was in: no entry of the lost log was of a later one.
 * Until it holds that, or knows `index` to be committed, it neither votes nor campaigns. docs/storage.md has the argument.
 */
export interface LogDebt {
  readonly index: Index;
  readonly term: Term;
}

/**
 * What the disk takes. While the *log* cannot be written, this member takes no proposal and no entry that it does not hold
 * already, does not campaign and grants no pre-vote: all of these would come to a promise that it cannot make. It goes on with
 * what promises nothing: heartbeats both ways, reads, handing leadership over. While only the *model* cannot be written, it can
 * still promise, so a quorum can be made with it: it votes and takes entries, so that whoever is elected can commit and answer
 * reads. But it takes no proposal, and no leadership that is offered.
 */
export interface Writable {
  readonly log: boolean;
  readonly model: boolean;
}

export interface RaftOptions {
  readonly id: NodeId;
  readonly log: LogStore;
  /** As it was stored last; absent on a first start. */
  readonly hardState?: HardState;
  /** How far the state machine has applied, and the configuration that it holds there. */
  readonly applied: Index;
  readonly configuration: Configuration;
  /** Given where entries that this member may have acknowledged were damaged and dropped; see `LogDebt`. */
  readonly debt?: LogDebt;
  /** In [0, 1). The only source of chance. */
  readonly random: () => number;
  readonly limits?: Partial<RaftLimits>;
  /** Higher leads sooner; absent means 0. See `setPriorities`. */
  readonly priorities?: ReadonlyMap<NodeId, number>;
}

export interface RaftLimits {
  /** A leader sends a heartbeat every so many ticks. */
  readonly heartbeatTicks: number;
  /** Without a leader, an election starts after this many ticks up to (not including) twice as many. */
  readonly electionTimeoutTicks: number;
  /**
   * How long followers may go without being told that what they hold is committed. 0: each time the commit index moves. More
   * ticks save a message and its answer for each commit where nothing else has to be sent; the next append carries it in any
   * case. Forwarded proposals and changes of membership never wait.
   */
  readonly commitNoticeTicks: number;
  /** Data in one append message. At least one entry is always sent. */
  readonly appendBytesMax: number;
  /** Appends to one follower without an answer. */
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  /** Data that the leader has appended and that is not committed yet. */
  readonly uncommittedBytesMax: number;
  /** Data of one entry. */
  readonly proposalBytesMax: number;
  /** Data in `committedEntries` of one Ready. */
  readonly committedBytesMax: number;
  /** Durable entries kept in memory for slow followers and for applying. */
  readonly tailBytesMax: number;
  /** Reads that wait for an answer. */
  readonly pendingReadsMax: number;
  /** Proposals that were forwarded and wait for an answer. */
  readonly forwardedProposalsMax: number;
}

/**
 * What the class `Raft` offers. Nothing here waits, reads a clock or does I/O. Only `InvariantViolation` is ever thrown:
 * then this member may not go on, and the driver stops it.
 */
export interface RaftCore {
  /** A message from another member. Whatever it holds, it never throws for the message's sake. */
  step(message: Message): void;
  /** One tick of the clock went by. */
  tick(): void;
  /** Appends (leader) or forwards (follower) entries with this data, all or none. `proposalId`: needed to forward. */
  propose(data: readonly Uint8Array[], proposalId: string): ProposeResult;
  /** Leader only. */
  proposeConfChange(change: ConfChange): ConfChangeResult;
  readIndex(requestId: string): ReadIndexResult;
  /** `target`: a voter, or undefined for whichever voter is most up to date. */
  transferLeadership(target?: NodeId): TransferResult;
  /** Begin an election now (tests, and the operator's last resort). Nothing happens on one that may not lead. */
  campaign(): void;
  /** The transport could not reach this member: stop sending ahead, and probe. */
  reportUnreachable(id: NodeId): void;
  /** How the fetching of a snapshot by this member ended, where the leader learns it. */
  reportSnapshot(id: NodeId, outcome: 'finished' | 'failed'): void;
  /** A snapshot is staged here and checked. False: it is not newer than what is here, and may be thrown away. */
  installSnapshot(meta: SnapshotMeta): boolean;
  setPriorities(priorities: ReadonlyMap<NodeId, number>): void;
  /** What the disk takes from now on; see {@link Writable}. */
  setWritable(writable: Writable): void;
  /** Whether it still lacks entries that it may have acknowledged; see `LogDebt`. */
  readonly isInDebt: boolean;
  /** Whether `ready` has something to give. */
  hasReady(): boolean;
  /** Takes what is to be done; undefined when nothing is. Readies may overlap: the next may be taken before the last is persisted. */
  ready(): Ready | undefined;
  /** Everything that this Ready (and all before it) wanted stored is durable. */
  persisted(ready: Ready): void;
  /** The state machine has applied up to here. */
  applied(index: Index): void;
  /** `persisted`, then `applied` for its committed entries. */
  advance(ready: Ready): void;
  status(): RaftStatus;
  /** Cheap parts of the status, for hot paths. */
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly leader: NodeId | undefined;
  readonly commit: Index;
}
