/**
 * A cluster in one place, for tests that read like a conversation: `cluster.elect('a')`, `cluster.cut('a')`,
 * `cluster.propose('b', 'x')`, `cluster.settle()`. Everything is deterministic, and the checker watches all of it.
 */
import type {
  ConfChange,
  MembershipChange,
  Message,
  NodeId,
  ProposeResult,
  Raft,
  RaftLimits,
  RaftStatus,
  ReadIndexResult,
} from '../../../node/raft/index.js';
import { Checker } from './checker.js';
import { bytes, valuesOf } from './machine.js';
import { Member } from './member.js';
import { Random } from './random.js';

/** Short timeouts keep tests readable: a heartbeat each tick, an election after 10 to 19. */
const testLimits: Partial<RaftLimits> = { heartbeatTicks: 1, electionTimeoutTicks: 10 };
/** More rounds of delivery than any conversation needs: one that goes on beyond it does not end. */
const roundsMax = 10_000;

export class Cluster {
  readonly checker = new Checker();
  readonly members = new Map<NodeId, Member>();
  /** Sent and not delivered. */
  readonly network: Message[] = [];
  /** Everything that was ever sent, for tests that look at the conversation. */
  readonly sent: Message[] = [];
  readonly #random: Random;
  readonly #limits: Partial<RaftLimits>;
  readonly #cut = new Set<NodeId>();
  #filter: (message: Message) => boolean = () => true;
  /** Whoever is offered a snapshot gets one while the cluster settles. */
  deliversSnapshots = true;

  constructor(voters: readonly NodeId[], limits: Partial<RaftLimits> = {}, seed = 1) {
    this.#random = new Random(seed);
    this.#limits = { ...testLimits, ...limits };
    for (const id of voters) this.add(id, voters);
    this.settle();
  }

  /** A blank machine that knows of no cluster, unless it is one of the founders. */
  add(id: NodeId, founders?: readonly NodeId[]): Member {
    const member = new Member({
      id,
      ...(founders ? { founders } : {}),
      random: this.#random.next,
      limits: this.#limits,
      surroundings: {
        send: (message) => {
          this.checker.sent(message);
          this.sent.push(message);
          this.network.push(message);
        },
        taken: (who, ready) => this.checker.taken(who, ready),
        applied: (who, entry) => this.checker.applied(who, entry),
        installed: (who, meta) => this.checker.installed(who, meta),
      },
    });
    this.members.set(id, member);
    return member;
  }

  member(id: NodeId): Member {
    const member = this.members.get(id);
    if (!member) throw new Error(`there is no ${id}`);
    return member;
  }

  raft(id: NodeId): Raft {
    return this.member(id).raft;
  }

  status(id: NodeId): RaftStatus {
    return this.member(id).raft.status();
  }

  /** The one that leads the latest term. */
  get leader(): NodeId | undefined {
    let best: Member | undefined;
    for (const member of this.members.values()) {
      if (!member.up || member.raft.role !== 'leader') continue;
      if (!best || member.raft.term > best.raft.term) best = member;
    }
    return best?.id;
  }

  /** What this member has applied, in order. */
  values(id: NodeId): readonly string[] {
    return valuesOf(this.member(id).machine);
  }

  // ---------------------------------------------------------------------------------------------------- time and network

  /** Everybody works and everything is delivered, until it is quiet. No tick passes. */
  settle(): this {
    for (let round = 0; round < roundsMax; round++) {
      let busy = false;
      for (const member of this.members.values()) busy = member.work() || busy;
      if (this.deliversSnapshots) this.#fetchSnapshots();
      for (const message of this.network.splice(0)) {
        this.deliver(message);
        busy = true;
      }
      if (!busy) {
        this.checker.logMatching();
        return this;
      }
    }
    throw new Error('the cluster does not come to rest');
  }

  deliver(message: Message): void {
    const target = this.members.get(message.to);
    if (!target?.up || this.#cut.has(message.from) || this.#cut.has(message.to) || !this.#filter(message)) return;
    target.raft.step(message);
  }

  /** Time passes for everybody (or those named), with a settled cluster after each tick. */
  tick(ticks = 1, ids: readonly NodeId[] = [...this.members.keys()]): this {
    for (let i = 0; i < ticks; i++) {
      for (const id of ids) {
        const member = this.member(id);
        if (member.up) member.raft.tick();
      }
      this.settle();
    }
    return this;
  }

  tickUntil(condition: () => boolean, ticksMax = 500): this {
    for (let i = 0; i < ticksMax; i++) {
      if (condition()) return this;
      this.tick();
    }
    throw new Error(`it did not come about within ${ticksMax} ticks: ${condition}`);
  }

  /** Nothing gets to or from these. */
  cut(...ids: NodeId[]): this {
    for (const id of ids) this.#cut.add(id);
    return this;
  }

  heal(): this {
    this.#cut.clear();
    this.#filter = () => true;
    return this;
  }

  /** Only what passes is delivered, until `heal`. */
  deliverOnly(filter: (message: Message) => boolean): this {
    this.#filter = filter;
    return this;
  }

  crash(id: NodeId): this {
    this.member(id).crash();
    return this;
  }

  restart(id: NodeId): this {
    const member = this.member(id);
    member.restart();
    this.checker.restarted(member);
    return this.settle();
  }

  // -------------------------------------------------------------------------------------------------------------- actions

  /** This one campaigns, and the cluster settles. Followers must have lost patience first, or have no leader. */
  elect(id: NodeId): this {
    this.forgetLeader();
    this.member(id).raft.campaign();
    this.settle();
    if (this.leader !== id) throw new Error(`${id} did not become leader`);
    return this;
  }

  /** So much silence that nobody holds on to a leader, and too little to campaign. */
  forgetLeader(): this {
    const base = this.#limits.electionTimeoutTicks ?? 10;
    for (const member of this.members.values()) {
      if (!member.up || member.raft.role === 'leader') continue;
      for (let i = 0; i < base - 1; i++) member.raft.tick();
    }
    for (const member of this.members.values()) {
      // One tick more ends the lease; whoever's patience ends here too asks for votes, which are lost.
      if (member.up && member.raft.role !== 'leader') member.raft.tick();
      member.work();
    }
    this.network.length = 0;
    return this;
  }

  propose(id: NodeId, ...values: string[]): ProposeResult {
    const result = this.member(id).raft.propose(values.map(bytes), values.join());
    this.settle();
    return result;
  }

  change(id: NodeId, changes: readonly MembershipChange[], transition: ConfChange['transition'] = 'auto') {
    const result = this.member(id).raft.proposeConfChange({ changes, transition });
    this.settle();
    return result;
  }

  read(id: NodeId, requestId: string): ReadIndexResult {
    const result = this.member(id).raft.readIndex(requestId);
    this.settle();
    return result;
  }

  /** Sent since `from`, in words. */
  conversation(from = 0): readonly string[] {
    return this.sent.slice(from).map(describe);
  }

  #fetchSnapshots(): void {
    for (const member of this.members.values()) {
      const offer = member.snapshotOffer;
      if (!offer || !member.up) continue;
      const source = this.members.get(offer.leader);
      if (!source?.up || this.#cut.has(offer.leader) || this.#cut.has(member.id)) continue;
      if (source.machine.applied >= offer.index) member.receiveSnapshot(source.machine);
    }
  }
}

export function describe(message: Message): string {
  const route = `${message.from}>${message.to} ${message.type}`;
  switch (message.type) {
    case 'append':
      return `${route} ${message.prevIndex}/${message.prevTerm} +${message.entries.length} commit ${message.commit}`;
    case 'appendReply':
      return message.rejected
        ? `${route} no ${message.index} hint ${message.hintIndex}/${message.hintTerm}`
        : `${route} ${message.index}`;
    case 'preVoteReply':
    case 'voteReply':
      return `${route} ${message.granted ? 'yes' : 'no'}`;
    default:
      return route;
  }
}
