/**
 * What must hold at every step, whatever happens: checked from outside, on what members have on disk, what they send, and
 * what they apply. It knows Raft's promises and none of its code; majorities are counted here once more. One checker is for
 * one log: recovery begins another, and what is left of the old one must still keep its promises to itself.
 */
import type { Timeline } from '../../messaging/position.js';
import type { AppliedEntry } from '../../node/cluster/member.js';
import { decodeCommand, type ModelMeta, type ModelStore, type Outcome } from '../../node/model/index.js';
import type {
  Configuration,
  Entry,
  HardState,
  Index,
  Message,
  NodeId,
  RaftStatus,
  Role,
  Term,
} from '../../node/raft/types.js';
import { type Coverage, count } from './coverage.js';
import type { SimulatedDisk } from './disk.js';

export interface Violation {
  readonly check: string;
  readonly text: string;
  readonly atMs: number;
}

/** What the checker sees of a member that runs. */
export interface Watched {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly leader: NodeId | undefined;
  readonly commit: Index;
  status(): RaftStatus;
}

/** What is remembered of one member. */
export interface Remembered {
  readonly id: NodeId;
  readonly disk: SimulatedDisk;
  role: Role;
  term: Term;
  commit: Index;
  /** What it has applied: before the event that is being looked at, in it, and last now. At least one, but on a blank one. */
  configurations: Configuration[];
  /** Its disk is compared with what is committed up to here. */
  verified: Index;
  /** What it has told of in this life, up to here. */
  told: Index;
  /** Pre-votes that were delivered to it in this life, by the term they are for. */
  readonly preVotes: Map<Term, Set<NodeId>>;
  toldToCampaign: boolean;
  ticks: number;
  leader: NodeId | undefined;
  leaderHeardAt: number;
  leaderSince: number;
  /** Since which tick it has been handing leadership over. */
  transferSince: number | undefined;
  readonly heardAt: Map<NodeId, number>;
}

interface Committed {
  readonly term: Term;
  /** In which term it was first seen to be committed. */
  readonly inTerm: Term;
  outcome: string | undefined;
}

/** A term and an index in one number. */
const termStep = 1 << 20;

export interface CheckerSurroundings {
  readonly coverage: Coverage;
  readonly electionTimeoutTicks: number;
  violate(check: string, text: string): void;
  elected(): void;
  restored(timelineId: string): void;
  /** For the first time, by this model; `term` is that of the entry. */
  operationPut(model: ModelStore, term: Term): void;
}

export class Checker {
  readonly #surroundings: CheckerSurroundings;
  readonly #coverage: Coverage;
  readonly #electionTimeoutTicks: number;
  readonly records = new Map<NodeId, Remembered>();
  readonly leaders = new Map<Term, NodeId>();
  /** Votes that were ever on disk, by term. */
  readonly #votes = new Map<Term, Map<NodeId, NodeId>>();
  /** Every entry that was ever on a disk, by term and index. */
  readonly #written = new Map<number, { readonly entry: Entry; readonly previousTerm: Term }>();
  readonly #committed: (Committed | undefined)[] = [];
  committedIndex: Index = 0;
  #termMax: Term = 1;
  readonly #configurations: { readonly index: Index; readonly configuration: Configuration }[] = [];
  /** Where each request took effect, on the present timeline. */
  readonly requests = new Map<string, Index>();
  /** What took effect on an earlier one: a restore forgets it, so that it may take effect once more. */
  readonly takenBack = new Set<string>();
  readonly furtherEffects: string[] = [];
  /** Whether requests that were judged changed anything, on this timeline and on those before. */
  readonly #judgedNow = new Map<string, boolean>();
  readonly #judgedEarlier = new Map<string, boolean>();
  #epoch: number;

  /** `epoch`: of the timeline that the log begins with. */
  constructor(surroundings: CheckerSurroundings, epoch: number) {
    this.#surroundings = surroundings;
    this.#coverage = surroundings.coverage;
    this.#electionTimeoutTicks = surroundings.electionTimeoutTicks;
    this.#epoch = epoch;
  }

  violate(check: string, text: string): void {
    this.#surroundings.violate(check, text);
  }

  /** What a new cluster begins with counts as committed. */
  begin(index: Index, term: Term, configuration: Configuration): void {
    this.#committed[index] = { term, inTerm: term, outcome: undefined };
    this.committedIndex = index;
    this.#termMax = term;
    this.#configurations.push({ index, configuration });
  }

  /** Of requests that were judged before this log began: a retry is answered as then. */
  inherit(requestId: string, index: Index, changed: boolean): void {
    if (changed) this.requests.set(requestId, index);
    this.#judgedNow.set(requestId, changed);
  }

  /** The term and index of an entry that is committed. */
  committedTermAt(index: Index): Term | undefined {
    return this.#committed[index]?.term;
  }

  get epoch(): number {
    return this.#epoch;
  }

  started(id: NodeId, disk: SimulatedDisk, watched: Watched): void {
    this.#restoredBeforeItDied(disk);
    const configuration = disk.model.meta()?.configuration;
    this.records.set(id, {
      id,
      disk,
      role: watched.role,
      term: watched.term,
      commit: watched.commit,
      configurations: configuration === undefined ? [] : [configuration],
      verified: Math.min(this.records.get(id)?.verified ?? 0, disk.lastIndex),
      told: disk.model.meta()?.position.index ?? 0,
      preVotes: new Map(),
      toldToCampaign: false,
      ticks: 0,
      leader: watched.leader,
      transferSince: undefined,
      leaderHeardAt: Number.NEGATIVE_INFINITY,
      leaderSince: 0,
      heardAt: new Map(),
    });
  }

  /** Somebody asked for another transfer, perhaps in the moment in which the last one was given up. */
  transferAsked(id: NodeId): void {
    const record = this.records.get(id);
    if (record !== undefined) record.transferSince = undefined;
  }

  // ------------------------------------------------------------------------------------------------------- after each event

  observe(member: Watched): void {
    const record = this.records.get(member.id);
    if (record === undefined) return;
    const { role, term, commit } = member;
    if (commit !== record.commit) this.#committedTo(record, member);
    if (term !== record.term || role !== record.role) this.#roleChanged(record, member);
    if (member.leader !== record.leader) this.#followsAnother(record, member);
    if (record.configurations.length > 1) record.configurations = record.configurations.slice(-1);
  }

  #roleChanged(record: Remembered, member: Watched): void {
    const { id, role, term } = member;
    if (term < record.term) this.violate('term falls', `${id} went from term ${record.term} to ${term}`);
    if (term > this.#termMax) {
      if (role !== 'candidate' && role !== 'leader')
        this.violate('term from nowhere', `${id} is in term ${term}, which nobody has begun`);
      this.#termMax = term;
    }
    const newTerm = term !== record.term;
    if (role === 'candidate' && (newTerm || record.role !== 'candidate')) this.#campaigns(record, term);
    const wasLeader = record.role === 'leader' && !newTerm;
    count(this.#coverage, `role: ${record.role} to ${role}`);
    if (role === 'leader' && !wasLeader) this.#elected(record, term);
    record.role = role;
    record.term = term;
    if (role !== 'preCandidate') record.toldToCampaign = false;
  }

  #followsAnother(record: Remembered, { id, term, leader }: Watched): void {
    record.leader = leader;
    if (leader !== undefined && this.leaders.get(term) !== leader)
      this.violate(
        'only leaders are followed',
        `${id} follows ${leader} in term ${term}, which is led by ${this.leaders.get(term) ?? 'nobody'}`,
      );
  }

  /** Pre-vote: nobody raises the term without a quorum that would have it so. */
  #campaigns(record: Remembered, term: Term): void {
    const { disk } = record;
    const applied = disk.model.meta()?.position.index ?? 0;
    for (let index = applied + 1; index <= record.commit; index += 1) {
      // It would count by a configuration that others have left.
      if (disk.entryAt(index)?.type === 'configuration')
        this.violate(
          'campaign by an outdated configuration',
          `${record.id} campaigns, and has not applied the change at ${index}, which it knows to be committed`,
        );
    }
    if (record.toldToCampaign) return count(this.#coverage, 'election: by transfer');
    const granted = record.preVotes.get(term) ?? new Set<NodeId>();
    if (!this.#isQuorum(record, (voter) => voter === record.id || granted.has(voter)))
      this.violate(
        'pre-vote',
        `${record.id} campaigns in term ${term} with pre-votes of ${[...granted].join(' ') || 'nobody'} only`,
      );
  }

  #elected(record: Remembered, term: Term): void {
    const { id, disk } = record;
    const other = this.leaders.get(term);
    if (other !== undefined && other !== id)
      this.violate('election safety', `${other} and ${id} both lead term ${term}`);
    this.leaders.set(term, id);
    const votes = this.#votes.get(term);
    if (!this.#isQuorum(record, (voter) => votes?.get(voter) === id))
      this.violate(
        'election by a quorum',
        `${id} leads term ${term} without durable votes of a majority of its configuration`,
      );
    // Leader completeness: what was committed in earlier terms is in its log.
    let index = this.committedIndex;
    while (index > 0 && (this.#committed[index]?.inTerm ?? 0) >= term) index -= 1;
    const committed = this.#committed[index];
    if (committed !== undefined && index > disk.point.index && disk.termAt(index) !== committed.term)
      this.violate(
        'leader completeness',
        `${id} leads term ${term} without entry ${index} of term ${committed.term}, which is committed`,
      );
    record.leaderSince = record.ticks;
    record.heardAt.clear();
    this.#surroundings.elected();
  }

  #committedTo(record: Remembered, member: Watched): void {
    const { id, disk } = record;
    const { commit, term, role } = member;
    if (commit < record.commit)
      this.violate('commit index falls', `${id} went from commit index ${record.commit} to ${commit}`);
    // One that has just applied its own removal leads no more.
    const leads = role === 'leader' || (record.role === 'leader' && record.term === term);
    if (leads && commit > this.committedIndex) {
      for (let index = this.committedIndex + 1; index <= commit; index += 1) {
        // What a leader has not written yet it has appended itself.
        const entryTerm = index <= disk.lastIndex ? (disk.termAt(index) ?? term) : term;
        this.#committed[index] = { term: entryTerm, inTerm: term, outcome: undefined };
      }
      this.committedIndex = commit;
      this.#checkHeldByQuorum(record, commit);
      // Section 3.6.2; figure 3.7 shows what may happen otherwise.
      if (this.#committed[commit]?.term !== term)
        this.violate(
          'commit by counting',
          `${id} leads term ${term} and committed entry ${commit} of term ${this.#committed[commit]?.term} by counting`,
        );
    } else if (commit > this.committedIndex) {
      this.violate(
        'commit from nowhere',
        `${id} has commit index ${commit}, and no leader has committed beyond ${this.committedIndex}`,
      );
    }
    record.commit = commit;
  }

  /** An entry counts as committed only when a majority has it on disk. */
  #checkHeldByQuorum(record: Remembered, index: Index): void {
    const term = this.#committed[index]?.term;
    const holds = (voter: NodeId): boolean => {
      const disk = this.records.get(voter)?.disk;
      // It had it, and owes it: see storage.md.
      const isOwed = disk !== undefined && disk.lastIndex < index && (disk.debt?.index ?? 0) >= index;
      return (
        isOwed || (disk !== undefined && (disk.logLost || disk.point.index >= index || disk.termAt(index) === term))
      );
    };
    if (!this.#isQuorum(record, holds))
      this.violate(
        'committed by a quorum',
        `${record.id} committed entry ${index} of term ${term}, which is not on the disks of a majority of its configuration`,
      );
  }

  /** By a configuration that the member had in this event. */
  #isQuorum(record: Remembered, has: (voter: NodeId) => boolean): boolean {
    return record.configurations.some((each) => isQuorumOf(each, has));
  }

  // ------------------------------------------------------------------------------------------------------------------ disk

  persisted(id: NodeId, disk: SimulatedDisk, entries: readonly Entry[], { term, vote, commit }: HardState): void {
    if (vote !== '') this.#noteVote(term, id, vote);
    const record = this.records.get(id);
    const first = entries[0];
    if (first !== undefined) {
      if (record !== undefined && first.index <= record.verified) record.verified = first.index - 1;
      let previousTerm = disk.termAt(first.index - 1) ?? -1;
      for (const entry of entries) {
        this.#checkMatching(id, entry, previousTerm);
        previousTerm = entry.term;
      }
    }
    if (record === undefined) return;
    // Up to its own commit index, a log is what everybody's is.
    const until = Math.min(commit, this.committedIndex, disk.lastIndex);
    for (let index = Math.max(record.verified, disk.point.index) + 1; index <= until; index += 1) {
      const committed = this.#committed[index];
      if (committed !== undefined && disk.termAt(index) !== committed.term)
        this.violate(
          'committed entry replaced',
          `${id} has an entry ${index} of term ${disk.termAt(index)} and knows ${commit} to be committed; committed is one of term ${committed.term}`,
        );
      record.verified = index;
    }
  }

  /** If two logs have an entry of one index and term, they are the same up to there: by induction over the one before it. */
  #checkMatching(id: NodeId, entry: Entry, previousTerm: Term): void {
    const key = entry.term * termStep + entry.index;
    const known = this.#written.get(key);
    if (known === undefined) {
      this.#written.set(key, { entry, previousTerm });
      return;
    }
    if (known.previousTerm !== previousTerm)
      this.violate(
        'log matching',
        `${id} has entry ${entry.index} of term ${entry.term} after one of term ${previousTerm}; elsewhere it follows one of term ${known.previousTerm}`,
      );
    if (known.entry !== entry && !isSameEntry(known.entry, entry))
      this.violate('log matching', `${id} has another entry ${entry.index} of term ${entry.term} than others`);
  }

  installed(id: NodeId, meta: ModelMeta): void {
    const { index } = meta.position;
    const committed = this.#committed[index];
    if (committed === undefined)
      this.violate(
        'snapshot of what is not committed',
        `${id} installed a snapshot at ${index}; committed is up to ${this.committedIndex}`,
      );
    else if (committed.term !== meta.term)
      this.violate(
        'snapshot of another history',
        `${id} installed a snapshot at ${index} of term ${meta.term}; committed there is term ${committed.term}`,
      );
    const expected = this.configurationAt(index);
    if (expected !== undefined && !isSameConfiguration(expected, meta.configuration))
      this.violate(
        'snapshot membership',
        `${id} installed a snapshot at ${index} with another configuration than is committed there`,
      );
    const record = this.records.get(id);
    if (record !== undefined) {
      record.configurations.push(meta.configuration);
      record.verified = index;
      record.told = index;
    }
    count(this.#coverage, 'snapshot: installed');
  }

  // --------------------------------------------------------------------------------------------------------------- messages

  sent(member: Watched, message: Message): void {
    const record = this.records.get(member.id);
    if (record === undefined) return;
    const { id } = record;
    switch (message.type) {
      case 'vote':
        this.#checkVote(record, message.term, id);
        return;
      case 'voteReply':
        if (message.granted) this.#checkVote(record, message.term, message.to);
        return;
      case 'appendReply':
        if (!message.rejected) this.#checkAcknowledgement(record, message.term, message.index);
        return;
      case 'append':
      case 'heartbeat':
      case 'snapshot':
        if (message.type === 'snapshot') count(this.#coverage, 'snapshot: offered');
        if (this.leaders.get(message.term) !== id) {
          // It may have been elected in this very event.
          this.observe(member);
          if (this.leaders.get(message.term) !== id)
            this.violate(
              'only leaders lead',
              `${id} sent ${message.type} of term ${message.term}, which it does not lead`,
            );
        }
        return;
      case 'timeoutNow':
        if (member.status().transferTarget === message.to) this.#checkTransfer(record, message.to);
        else count(this.#coverage, 'transfer: removed leader names a successor');
        return;
      case 'removed':
        count(this.#coverage, 'membership: removed member told');
        return;
      default:
    }
  }

  /** It is on disk; or a later term is, so that no other can be given in this one. */
  #checkVote({ id, disk }: Remembered, term: Term, vote: NodeId): void {
    if (disk.hardState.term > term) this.#noteVote(term, id, vote);
    else if (this.#votes.get(term)?.get(id) !== vote)
      this.violate('vote before it is durable', `${id} votes for ${vote} in term ${term}, and that is not on its disk`);
  }

  #noteVote(term: Term, id: NodeId, vote: NodeId): void {
    let votes = this.#votes.get(term);
    if (votes === undefined) {
      votes = new Map();
      this.#votes.set(term, votes);
    }
    const before = votes.get(id);
    if (before !== undefined && before !== vote)
      this.violate('one vote a term', `${id} voted for ${before} and for ${vote} in term ${term}`);
    votes.set(id, vote);
  }

  /** Section 3.10: the target has the leader's log, but for the end of a joint configuration, which waits for nobody. */
  #checkTransfer({ id, disk }: Remembered, to: NodeId): void {
    count(this.#coverage, 'transfer: told to campaign');
    const target = this.records.get(to)?.disk;
    if (target === undefined || target.logLost || target.debt !== null) return;
    for (let index = target.lastIndex + 1; index <= disk.lastIndex; index += 1) {
      if (disk.entryAt(index)?.type !== 'configuration')
        return this.violate(
          'transfer to a lagging member',
          `${id} tells ${to} to campaign, which has entries up to ${target.lastIndex} of ${disk.lastIndex}`,
        );
    }
  }

  /** What is acknowledged is on disk, and is what the leader has. */
  #checkAcknowledgement({ id, disk }: Remembered, term: Term, index: Index): void {
    if (disk.hardState.term < term)
      this.violate(
        'acknowledged before it is durable',
        `${id} acknowledges in term ${term}, and its disk is in term ${disk.hardState.term}`,
      );
    if (disk.lastIndex < index)
      return this.violate(
        'acknowledged before it is durable',
        `${id} acknowledges entry ${index}, and its disk ends at ${disk.lastIndex}`,
      );
    const leader = this.leaders.get(term);
    const leaderDisk = leader === undefined ? undefined : this.records.get(leader)?.disk;
    if (
      leaderDisk === undefined ||
      leaderDisk.hardState.term !== term ||
      index > leaderDisk.lastIndex ||
      index <= leaderDisk.point.index ||
      index <= disk.point.index
    )
      return;
    if (leaderDisk.termAt(index) !== disk.termAt(index))
      this.violate(
        'false acknowledgement',
        `${id} acknowledges entry ${index} to ${leader} in term ${term}; it has term ${disk.termAt(index)} there, the leader ${leaderDisk.termAt(index)}`,
      );
  }

  delivered(member: Watched, message: Message): void {
    const record = this.records.get(member.id);
    if (record === undefined) return;
    switch (message.type) {
      case 'preVoteReply':
        if (!message.granted) return;
        if (!record.preVotes.has(message.term)) record.preVotes.set(message.term, new Set());
        record.preVotes.get(message.term)?.add(message.from);
        return;
      case 'timeoutNow':
        if (message.term >= member.term) record.toldToCampaign = true;
        return;
      case 'appendReply':
      case 'heartbeatReply':
        record.heardAt.set(message.from, record.ticks);
        return;
      default:
    }
  }

  /** After what `delivered` announced: whoever it follows now, and has just heard of, is its leader. */
  followed(member: Watched, { type, from, term }: Message): void {
    if (type !== 'append' && type !== 'heartbeat' && type !== 'snapshot') return;
    const record = this.records.get(member.id);
    if (record === undefined || member.leader !== from || member.term !== term) return;
    // Whom the core knows to be removed it does not listen to, also where that snapshot is not on the disk yet.
    if (!member.status().configuration.removed.includes(from)) record.leaderHeardAt = record.ticks;
  }

  /** Stickiness: a member that has just heard of its leader does not let a candidate raise its term. */
  isHeldOff(member: Watched, message: Message): boolean {
    const record = this.records.get(member.id);
    if (record === undefined || message.type !== 'vote' || message.transfer || message.term <= member.term)
      return false;
    if (member.role === 'leader') return true;
    return member.leader !== undefined && record.ticks - record.leaderHeardAt < this.#electionTimeoutTicks;
  }

  /** What it believes of itself is so. */
  #checkBeliefs(record: Remembered, member: Watched): void {
    const { id, disk } = record;
    const { stable, firstIndex, applied, configuration, transferTarget } = member.status();
    if (stable > disk.lastIndex)
      this.violate(
        'believed durable',
        `${id} believes entries up to ${stable} to be durable, and its disk ends at ${disk.lastIndex}`,
      );
    const known = disk.model.meta()?.configuration;
    const isInstalling = firstIndex > disk.point.index + 1;
    // A full disk took the model's last transaction back: what it held comes again from the log, and the core knows it still.
    const hasFallenBack = (disk.model.meta()?.position.index ?? 0) < applied;
    if (!isInstalling && !hasFallenBack && known !== undefined && !isSameConfiguration(known, configuration))
      this.violate('core and model', `${id}: its core and its model hold different configurations`);
    if (transferTarget === undefined) record.transferSince = undefined;
    else record.transferSince ??= record.ticks;
    if (record.transferSince !== undefined && record.ticks - record.transferSince > 2 * this.#electionTimeoutTicks + 8)
      this.violate(
        'transfer without end',
        `${id} has been handing leadership to ${transferTarget} for more than two election timeouts`,
      );
  }

  /** A leader without a quorum steps down (dissertation, section 6.2). */
  ticked(member: Watched): void {
    const record = this.records.get(member.id);
    if (record === undefined) return;
    record.ticks += 1;
    if (member.role === 'leader') this.#checkDecides(record);
    if (record.ticks % 4 === 0) this.#checkBeliefs(record, member);
    if (record.ticks % 8 !== 0 || member.role !== 'leader' || record.role !== 'leader') return;
    const since = record.ticks - 3 * this.#electionTimeoutTicks - 4;
    if (record.leaderSince >= since) return;
    if (!this.#isQuorum(record, (voter) => voter === record.id || (record.heardAt.get(voter) ?? 0) >= since)) {
      this.violate(
        'check-quorum',
        `${record.id} still leads, and has not heard of a majority for three election timeouts`,
      );
    }
  }

  /** Section 4.2.2: a leader whose removal is committed, and applied by itself, leads no more. */
  #checkDecides({ id, configurations }: Remembered): void {
    const configuration = configurations.at(-1);
    if (configuration === undefined) return;
    if (!configuration.voters.includes(id) && !configuration.votersOutgoing.includes(id))
      this.violate('removed leader steps down', `${id} still leads, and has applied that it is no voter any more`);
  }

  // ---------------------------------------------------------------------------------------------------------------- applied

  applied(member: Watched, entries: readonly AppliedEntry[]): void {
    const record = this.records.get(member.id);
    for (const { outcome } of entries) {
      if (outcome.type !== 'configured' || record === undefined) continue;
      record.configurations.push(outcome.after);
      // Who has just been added counts as heard of.
      record.leaderSince = record.ticks;
    }
    this.observe(member);
    for (const { index, term, outcome } of entries) {
      if (record !== undefined) this.#checkTold(record, index);
      const committed = this.#committed[index];
      if (committed === undefined || index > this.committedIndex) {
        this.violate(
          'applied before it is committed',
          `${member.id} applied entry ${index}; committed is up to ${this.committedIndex}`,
        );
        continue;
      }
      if (committed.term !== term)
        this.violate(
          'state machine safety',
          `${member.id} applied entry ${index} of term ${term}; committed there is term ${committed.term}`,
        );
      const text = describeOutcome(outcome);
      if (committed.outcome === undefined) {
        committed.outcome = text;
        this.#firstOutcome(index, outcome, record?.disk);
      } else if (committed.outcome !== text)
        this.violate(
          'state machine safety',
          `${member.id} came to "${text}" by entry ${index}; others to "${committed.outcome}"`,
        );
    }
  }

  /** However often a model has to apply it. */
  #checkTold(record: Remembered, index: Index): void {
    if (index !== record.told + 1)
      this.violate('told once, in order', `${record.id} told of entry ${index} after entry ${record.told}`);
    record.told = index;
  }

  #firstOutcome(index: Index, outcome: Outcome, disk: SimulatedDisk | undefined): void {
    if (outcome.type === 'changed' && !outcome.repeated) {
      const { requestId } = outcome.change;
      if (this.requests.has(requestId))
        this.violate(
          'applied twice',
          `the request ${requestId} took effect at ${this.requests.get(requestId)} and at ${index}`,
        );
      this.#judged(requestId, true);
      this.requests.set(requestId, index);
    }
    if (outcome.type === 'refused') this.#refused(index, outcome.code, disk);
    if (outcome.type === 'restored') this.#restored(index, outcome.timeline);
    if (outcome.type === 'operation' && disk !== undefined)
      this.#surroundings.operationPut(disk.model, this.#committed[index]?.term ?? 0);
    if (outcome.type === 'changed' && outcome.repeated) count(this.#coverage, 'model: retry recognised');
    if (outcome.type === 'configured') this.#checkChange(index, outcome.before, outcome.after);
  }

  #refused(index: Index, code: string, disk: SimulatedDisk | undefined): void {
    const entry = disk?.entryAt(index);
    const command = entry?.type === 'normal' ? decodeCommand(entry.data) : undefined;
    // While writes are paused nothing is remembered.
    if (code !== 'paused' && command !== undefined && 'requestId' in command) this.#judged(command.requestId, false);
  }

  /** Once on each timeline: what was judged on an earlier one as well may have done something that its client was not told of. */
  #judged(requestId: string, changed: boolean): void {
    if (this.#judgedNow.has(requestId)) return;
    const before = this.#judgedEarlier.get(requestId);
    if (before === true || (before === false && changed)) this.furtherEffects.push(requestId);
    this.#judgedNow.set(requestId, changed);
  }

  wasJudgedEarlier(requestId: string): boolean {
    return this.#judgedEarlier.has(requestId);
  }

  /** The model was exchanged, and whoever did it ended before it told anybody: for it, the entry is done. */
  #restoredBeforeItDied(disk: SimulatedDisk): void {
    const position = disk.model.meta()?.position;
    if (position === undefined || position.timeline.epoch <= this.#epoch) return;
    const committed = this.#committed[position.index];
    if (committed !== undefined)
      committed.outcome ??= `restored as ${position.timeline.id}, epoch ${position.timeline.epoch}`;
    this.#restored(position.index, position.timeline);
  }

  #restored(index: Index, { id, epoch }: Timeline): void {
    if (epoch <= this.#epoch)
      this.violate('restore', `the restore at ${index} begins epoch ${epoch}, and there was ${this.#epoch} already`);
    this.#epoch = epoch;
    for (const requestId of this.requests.keys()) this.takenBack.add(requestId);
    this.requests.clear();
    for (const [requestId, changed] of this.#judgedNow)
      this.#judgedEarlier.set(requestId, changed || this.#judgedEarlier.get(requestId) === true);
    this.#judgedNow.clear();
    this.#surroundings.restored(id);
  }

  /** Chapter 4: one voter at a time, or a joint configuration; ids of removed members never come back. */
  #checkChange(index: Index, before: Configuration, after: Configuration): void {
    const last = this.#configurations.at(-1);
    if (last !== undefined && !isSameConfiguration(last.configuration, before))
      this.violate(
        'membership',
        `the change at ${index} begins with another configuration than the last one ended with`,
      );
    this.#configurations.push({ index, configuration: after });
    if (after === before || isSameConfiguration(before, after))
      return count(this.#coverage, 'membership: change without effect');
    const members = [...after.voters, ...after.votersOutgoing, ...after.learners, ...after.learnersNext];
    const wasJoint = before.votersOutgoing.length > 0;
    const isJoint = after.votersOutgoing.length > 0;
    if (after.voters.length === 0) this.violate('membership', `nobody decides after entry ${index}`);
    if (before.removed.some((id) => !after.removed.includes(id)))
      this.violate('membership', `a removed id is forgotten at ${index}`);
    if (members.some((id) => after.removed.includes(id)))
      this.violate('membership', `a removed id is a member again at ${index}`);
    const gone = [...before.voters, ...before.votersOutgoing, ...before.learners].filter((id) => !members.includes(id));
    if (gone.some((id) => !after.removed.includes(id)))
      this.violate('membership', `who left at ${index} is not remembered as removed`);
    if (after.learners.some((id) => after.voters.includes(id) || after.votersOutgoing.includes(id)))
      this.violate('membership', `somebody is voter and learner at ${index}`);
    if (wasJoint && isJoint) this.violate('membership', `a joint configuration followed a joint one at ${index}`);
    if (wasJoint && !isJoint && !isSameList(before.voters, after.voters))
      this.violate('membership', `leaving the joint configuration at ${index} changed the voters`);
    if (!wasJoint && isJoint && !isSameList(before.voters, after.votersOutgoing))
      this.violate('membership', `the outgoing half at ${index} is not the old configuration`);
    if (!wasJoint && !isJoint && differences(before.voters, after.voters) > 1)
      this.violate('membership', `more than one voter changed at ${index} without a joint configuration`);
    const what = isJoint
      ? after.autoLeave
        ? 'joint, left automatically'
        : 'joint, left explicitly'
      : wasJoint
        ? 'joint left'
        : differences(before.voters, after.voters) > 0
          ? 'one voter changed'
          : 'learners changed';
    count(this.#coverage, `membership: ${what}`);
  }

  configurationAt(index: Index): Configuration | undefined {
    for (let at = this.#configurations.length - 1; at >= 0; at -= 1) {
      const each = this.#configurations[at];
      if (each !== undefined && each.index <= index) return each.configuration;
    }
    return undefined;
  }

  get lastConfiguration(): Configuration | undefined {
    return this.#configurations.at(-1)?.configuration;
  }

  /** When a leader takes a change of membership on: called by whoever proposed it. */
  changeAccepted(member: Watched, appliedIndex: Index, lastIndexBefore: Index): void {
    const record = this.records.get(member.id);
    if (record === undefined) return;
    count(this.#coverage, 'membership: change accepted');
    if (this.#committed[member.commit]?.term !== member.term)
      this.violate(
        'change before a commit in the term',
        `${member.id} took a change on in term ${member.term}, in which it has committed nothing`,
      );
    for (let index = appliedIndex + 1; index <= lastIndexBefore; index += 1) {
      if (record.disk.entryAt(index)?.type === 'configuration')
        this.violate('one change at a time', `${member.id} took a change on while the one at ${index} is not applied`);
    }
  }
}

function isQuorumOf({ voters, votersOutgoing }: Configuration, has: (voter: NodeId) => boolean): boolean {
  return isMajority(voters, has) && (votersOutgoing.length === 0 || isMajority(votersOutgoing, has));
}

function isMajority(voters: readonly NodeId[], has: (voter: NodeId) => boolean): boolean {
  let having = 0;
  for (const voter of voters) if (has(voter)) having += 1;
  return 2 * having > voters.length;
}

function differences(a: readonly NodeId[], b: readonly NodeId[]): number {
  return a.filter((id) => !b.includes(id)).length + b.filter((id) => !a.includes(id)).length;
}

function isSameList(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}

export function isSameConfiguration(a: Configuration, b: Configuration): boolean {
  return (
    a === b ||
    (isSameList(a.voters, b.voters) &&
      isSameList(a.votersOutgoing, b.votersOutgoing) &&
      isSameList(a.learners, b.learners) &&
      isSameList(a.learnersNext, b.learnersNext) &&
      isSameList(a.removed, b.removed) &&
      a.autoLeave === b.autoLeave)
  );
}

function isSameEntry(a: Entry, b: Entry): boolean {
  if (a.type === 'normal')
    return b.type === 'normal' && a.data.length === b.data.length && a.data.every((byte, at) => byte === b.data[at]);
  return a.type === b.type;
}

function describeOutcome(outcome: Outcome): string {
  switch (outcome.type) {
    case 'changed':
      return `${outcome.change.type} ${outcome.change.entity.id} version ${outcome.change.entity.version} by ${outcome.change.requestId}${outcome.repeated ? ', repeated' : ''}`;
    case 'refused':
      return `refused ${outcome.code}`;
    case 'configured':
      return `voters ${outcome.after.voters.join()} outgoing ${outcome.after.votersOutgoing.join()} learners ${outcome.after.learners.join()} next ${outcome.after.learnersNext.join()} removed ${outcome.after.removed.join()}`;
    case 'operation':
      return `operation revision ${outcome.revision}`;
    case 'restored':
      return `restored as ${outcome.timeline.id}, epoch ${outcome.timeline.epoch}`;
    default:
      return outcome.type;
  }
}
