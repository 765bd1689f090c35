/**
 * One seed is one world: members, a network that loses, repeats and reorders, crashes that forget what was not durable,
 * partitions, changes of membership, transfers, snapshots and reads, in a random order, with the checker watching every
 * step. At the end the faults stop, and the cluster has to come to an agreement.
 */
import type { ConfChange, MembershipChange, Message, NodeId, RaftLimits } from '../../../node/raft/index.js';
import { Checker, SafetyViolation } from './checker.js';
import { bytes, type Machine } from './machine.js';
import { Member } from './member.js';
import { Random } from './random.js';

export interface SimulationOptions {
  readonly seed: number;
  readonly steps: number;
}

/** How often each thing happened: a simulation in which nothing happens proves nothing. */
export type Coverage = Map<string, number>;

/** Small, so that every bound is reached. */
const limits: Partial<RaftLimits> = {
  heartbeatTicks: 2,
  electionTimeoutTicks: 8,
  appendBytesMax: 200,
  inflightMessagesMax: 4,
  inflightBytesMax: 600,
  uncommittedBytesMax: 2000,
  proposalBytesMax: 100,
  committedBytesMax: 300,
  tailBytesMax: 400,
  pendingReadsMax: 8,
  forwardedProposalsMax: 4,
};
const membersMax = 9;
/** Beyond this, messages are lost: the network does not remember for ever. */
const networkMax = 400;
const quietTicksMax = 600;

interface Fetch {
  readonly to: NodeId;
  readonly machine: Machine;
}

interface PendingRead {
  /** What was acknowledged to somebody when the read began: it may not be missed. */
  readonly atLeast: number;
}

export class Simulation {
  readonly checker = new Checker();
  readonly coverage: Coverage = new Map();
  readonly #random: Random;
  readonly #steps: number;
  readonly #members = new Map<NodeId, Member>();
  readonly #reads = new Map<string, PendingRead>();
  readonly #network: Message[] = [];
  #fetches: Fetch[] = [];
  readonly #blocked = new Set<string>();
  /** How much gets done between two ticks: from worlds in which nothing ever settles to almost healthy ones. */
  readonly #pace: number;
  /** How soon what was taken becomes durable. */
  readonly #diskPace: number;
  readonly #trouble: number;
  /** How often leaders are deposed: the deepest rules (figure 3.7) matter only when leaders come and go. */
  readonly #unrest: number;
  /** In half of the worlds nobody joins or leaves, so that old members live long enough to have a history. */
  readonly #changesMembers: boolean;
  /** Of two voters, one that has lost something would keep the other from ever leading. */
  readonly #rots: boolean;
  #sequence = 0;
  #lossy = true;

  constructor({ seed, steps }: SimulationOptions) {
    this.#random = new Random(seed);
    this.#steps = steps;
    this.#pace = 1 + this.#random.below(8);
    this.#diskPace = 0.1 + 0.9 * this.#random.next();
    this.#trouble = this.#random.next();
    this.#unrest = this.#random.chance(0.5) ? 0 : this.#random.next();
    this.#changesMembers = this.#random.chance(0.5);
    const founders = ['a', 'b', 'c', 'd', 'e'].slice(0, 1 + this.#random.below(5));
    this.#rots = founders.length > 2 && !this.#changesMembers;
    for (const id of founders) this.#add(id, founders);
  }

  run(): this {
    for (let step = 0; step < this.#steps; step++) {
      this.#act();
      if (step % 64 === 0) this.checker.logMatching();
    }
    this.#comeToRest();
    return this;
  }

  // --------------------------------------------------------------------------------------------------------------- actions

  #act(): void {
    const roll = this.#random.below(1000);
    if (roll < 400) this.#deliver();
    else if (roll < 700) this.#work();
    else if (roll < 800) this.#tick();
    else if (roll < 880) this.#propose();
    else if (roll < 920) this.#read();
    else if (roll < 940) {
      if (this.#changesMembers) this.#changeMembership();
    } else if (roll < 944) this.#transfer();
    else if (roll < 956) this.#compact();
    else if (roll < 980) this.#fetchSnapshot();
    else if (roll < 990 && this.#random.chance(this.#unrest)) this.#depose();
    else if (this.#random.chance(this.#trouble)) this.#disturb(this.#random.below(100));
  }

  /** The leader crashes or is cut off with one other, and somebody else loses patience at once. */
  #depose(): void {
    const leader = this.#leader();
    if (!leader) return;
    this.#count('leader deposed');
    this.#blocked.clear();
    const friend = this.#someone().id;
    if (this.#random.chance(0.5)) this.#crash(leader);
    else this.#separate([leader.id, friend]);
    const next = this.#someone();
    for (const member of this.#members.values()) {
      if (member.up && member !== leader) for (let i = 0; i < 8; i++) member.raft.tick();
    }
    if (next !== leader) next.raft.campaign();
  }

  #separate(ids: readonly NodeId[]): void {
    for (const one of ids) {
      for (const other of this.#members.keys()) {
        if (ids.includes(other)) continue;
        this.#blocked.add(`${one}>${other}`);
        this.#blocked.add(`${other}>${one}`);
      }
    }
  }

  #disturb(roll: number): void {
    if (roll < 25) this.#lose();
    else if (roll < 45) this.#repeat();
    else if (roll < 75) this.#crashOrRestart();
    else if (roll < 95) this.#partition();
    else this.#report();
  }

  #lose(): void {
    const count = 1 + this.#random.below(5);
    this.#count('message lost', this.#network.splice(this.#random.below(this.#network.length), count).length);
  }

  /** Any message that is under way, not the oldest: they overtake each other. */
  #deliver(): void {
    const count = 1 + this.#random.below(3 * this.#pace);
    for (let i = 0; i < count && this.#network.length > 0; i++) {
      const at = this.#random.chance(0.8) ? 0 : this.#random.below(this.#network.length);
      const [message] = this.#network.splice(at, 1);
      if (message) this.#arrive(message);
    }
  }

  #arrive(message: Message): void {
    const target = this.#members.get(message.to);
    if (!target?.up || this.#blocked.has(`${message.from}>${message.to}`)) return;
    this.#count(`received ${message.type}`);
    target.raft.step(message);
  }

  #repeat(): void {
    const message = this.#random.pick(this.#network);
    if (!message) return;
    this.#count('message repeated');
    this.#network.push(message);
  }

  #work(): void {
    const count = 1 + this.#random.below(this.#pace);
    for (let i = 0; i < count; i++) {
      const member = this.#someone();
      if (this.#random.chance(0.5)) member.take();
      else if (this.#random.chance(this.#diskPace)) this.#random.chance(0.5) ? member.persist() : member.work();
      this.#answerReads(member);
    }
  }

  #tick(): void {
    if (this.#random.chance(0.3)) this.#someone().raft.tick();
    else for (const member of this.#members.values()) if (member.up) member.raft.tick();
  }

  #propose(): void {
    const member = this.#random.chance(0.7) ? this.#leader() : this.#someone();
    if (!member) return;
    const count = 1 + this.#random.below(4);
    const data = Array.from({ length: count }, () => bytes(`v${++this.#sequence}`));
    const result = member.raft.propose(data, `p${this.#sequence}`);
    this.#count(
      result.ok ? (result.forwarded ? 'proposal forwarded' : 'proposal appended') : `proposal ${result.code}`,
    );
  }

  #read(): void {
    const member = this.#someone();
    const requestId = `r${++this.#sequence}`;
    const result = member.raft.readIndex(requestId);
    if (result.ok) this.#reads.set(requestId, { atLeast: this.checker.lastCommitted });
    this.#count(result.ok ? 'read begun' : `read ${result.code}`);
  }

  #answerReads(member: Member): void {
    for (const { requestId, result } of member.reads.splice(0)) {
      const read = this.#reads.get(requestId);
      if (!read) throw new SafetyViolation(`read ${requestId} was answered twice`);
      this.#reads.delete(requestId);
      this.#count(result.ok ? 'read answered' : `read ${result.code}`);
      if (result.ok && result.index < read.atLeast) {
        throw new SafetyViolation(
          `stale read: ${requestId} at ${member.id} may answer from ${result.index}, and ${read.atLeast} was committed`,
        );
      }
    }
  }

  #changeMembership(): void {
    const leader = this.#leader();
    if (!leader) return;
    const result = leader.raft.proposeConfChange(this.#randomChange(leader));
    this.#count(result.ok ? 'change proposed' : `change ${result.code}`);
  }

  #randomChange(leader: Member): ConfChange {
    const { configuration } = leader.raft.status();
    if (configuration.votersOutgoing.length > 0 && this.#random.chance(0.7))
      return { changes: [], transition: 'leave-joint' };
    const transitions = ['auto', 'auto', 'joint-implicit', 'joint-explicit'] as const;
    const transition = this.#random.pick(transitions) ?? 'auto';
    const count = 1 + this.#random.below(3);
    return { changes: Array.from({ length: count }, () => this.#randomStep()), transition };
  }

  #randomStep(): MembershipChange {
    const types = ['addVoter', 'addVoter', 'addLearner', 'addLearner', 'remove', 'update'] as const;
    const type = this.#random.pick(types) ?? 'update';
    const known = [...this.#members.keys()];
    const fresh =
      (type === 'addVoter' || type === 'addLearner') && known.length < membersMax && this.#random.chance(0.4);
    const id = fresh ? `n${++this.#sequence}` : (this.#random.pick(known) ?? 'a');
    if (fresh) this.#add(id);
    return { type, id };
  }

  #transfer(): void {
    const target = this.#someone().id;
    const member = this.#random.chance(0.8) ? this.#leader() : this.#someone();
    const result = member?.raft.transferLeadership(this.#random.chance(0.3) ? undefined : target);
    if (result) this.#count(result.ok ? 'transfer begun' : `transfer ${result.code}`);
  }

  #crashOrRestart(): void {
    const member = this.#random.pick([...this.#members.values()]);
    if (!member) return;
    if (!member.up) this.#restart(member);
    else if (this.#random.chance(0.4)) this.#crash(member);
  }

  #crash(member: Member): void {
    this.#count(member.raft.role === 'leader' ? 'leader crashed' : 'member crashed');
    // Its readers are gone with it.
    member.crash();
    this.#fetches = this.#fetches.filter(({ to }) => to !== member.id);
  }

  #restart(member: Member): void {
    this.#count('member restarted');
    member.reads.length = 0;
    if (this.#rots && this.#random.chance(0.3)) this.#loseTail(member);
    member.restart();
    this.checker.restarted(member);
  }

  /** What it has stored and does not know to be committed is damaged from somewhere on, and dropped. One at a time. */
  #loseTail({ disk }: Member): void {
    const others = [...this.#members.values()].filter((each) => each.disk !== disk);
    if (others.some(({ raft, up, disk: { debt } }) => (up ? raft.isInDebt : debt !== undefined))) return;
    const kept = Math.max(disk.hard.commit, disk.firstIndex());
    if (disk.lastIndex() <= kept) return;
    disk.lose(kept + 1 + this.#random.below(disk.lastIndex() - kept));
    this.#count('entries lost that may have been acknowledged');
  }

  /** Some directions between members go dead, or all come back. */
  #partition(): void {
    if (this.#random.chance(0.6)) {
      this.#blocked.clear();
      this.#count('network healed');
      return;
    }
    const lone = this.#someone().id;
    const [inward, outward] = [this.#random.chance(0.7), this.#random.chance(0.7)];
    for (const other of this.#members.keys()) {
      if (other === lone) continue;
      if (inward) this.#blocked.add(`${other}>${lone}`);
      if (outward) this.#blocked.add(`${lone}>${other}`);
    }
    this.#count('member cut off');
  }

  #compact(): void {
    const member = this.#someone();
    member.checkpoint(this.#random.below(6));
    this.#count('log compacted');
  }

  /** A snapshot is fetched when it is offered, and arrives some time later; by then it may be of no use. */
  #fetchSnapshot(): void {
    if (this.#fetches.length > 0 && this.#random.chance(0.6)) {
      const [fetch] = this.#fetches.splice(this.#random.below(this.#fetches.length), 1);
      const member = fetch && this.#members.get(fetch.to);
      if (fetch && member?.up && !member.staged) this.#install(member, fetch.machine);
      return;
    }
    for (const member of this.#members.values()) {
      const offer = member.snapshotOffer;
      const source = offer && this.#members.get(offer.leader);
      if (!offer || !source?.up || !member.up || source.machine.applied < offer.index) continue;
      this.#fetches.push({ to: member.id, machine: source.machine });
      member.snapshotOffer = undefined;
    }
  }

  #install(member: Member, machine: Machine): void {
    const before = member.raft.commit;
    member.receiveSnapshot(machine);
    this.#count(member.staged ? 'snapshot installed' : 'snapshot not needed');
    if (member.raft.commit < before) throw new SafetyViolation(`the commit index of ${member.id} fell`);
  }

  #report(): void {
    const leader = this.#leader();
    if (!leader) return;
    const id = this.#someone().id;
    if (this.#random.chance(0.6)) leader.raft.reportUnreachable(id);
    else leader.raft.reportSnapshot(id, this.#random.chance(0.5) ? 'finished' : 'failed');
    this.#count('reported');
  }

  // -------------------------------------------------------------------------------------------------------------- the end

  /** Faults stop: within a bounded time somebody leads, something new is committed, and every member has it. */
  #comeToRest(): void {
    this.#lossy = false;
    this.#blocked.clear();
    for (const member of this.#members.values()) if (!member.up) this.#restart(member);
    let proposedAt: number | undefined;
    for (let tick = 0; tick < quietTicksMax; tick++) {
      for (const member of this.#members.values()) member.raft.tick();
      this.#quiet();
      const leader = this.#leader();
      if (!leader) continue;
      if (proposedAt === undefined || leader.raft.commit < proposedAt) {
        const result = leader.raft.propose([bytes('last')], 'last');
        if (result.ok && !result.forwarded) proposedAt = result.index;
        continue;
      }
      if (this.#allHave(leader, proposedAt)) {
        this.checker.logMatching();
        this.#count('came to rest');
        return;
      }
    }
    throw new SafetyViolation(`no agreement within ${quietTicksMax} ticks without faults: ${this.#describe()}`);
  }

  #quiet(): void {
    for (let round = 0; round < 100; round++) {
      let busy = false;
      for (const member of this.#members.values()) {
        busy = member.work() || busy;
        this.#answerReads(member);
        const offer = member.snapshotOffer;
        const source = offer && this.#members.get(offer.leader);
        if (offer && source && source.machine.applied >= offer.index) this.#install(member, source.machine);
      }
      for (const message of this.#network.splice(0)) {
        this.#arrive(message);
        busy = true;
      }
      if (!busy) return;
    }
  }

  #allHave(leader: Member, index: number): boolean {
    const { configuration } = leader.raft.status();
    const ids = new Set([...configuration.voters, ...configuration.votersOutgoing, ...configuration.learners]);
    return [...ids].every((id) => (this.#members.get(id)?.machine.applied ?? 0) >= index);
  }

  #describe(): string {
    const one = ({ id, raft }: Member) =>
      `${id} ${raft.role} t${raft.term} c${raft.commit} l${raft.status().lastIndex} ${raft.status().membership} ${JSON.stringify(raft.status().configuration)}`;
    return `\n${[...this.#members.values()].map(one).join('\n')}`;
  }

  // ---------------------------------------------------------------------------------------------------------------- parts

  #add(id: NodeId, founders?: readonly NodeId[]): void {
    const member = new Member({
      id,
      ...(founders ? { founders } : {}),
      random: this.#random.next,
      limits,
      surroundings: {
        send: (message) => this.#send(message),
        taken: (who, ready) => {
          if (ready.leadership) this.#count(`became ${ready.leadership.role}`);
          if (ready.removed) this.#count('learned of its removal');
          this.checker.taken(who, ready);
        },
        applied: (who, entry) => {
          if (entry.type === 'configuration') {
            this.#count('configuration applied');
            if (who.machine.configuration.votersOutgoing.length > 0) this.#count('entered a joint configuration');
          }
          this.checker.applied(who, entry);
        },
        installed: (who, meta) => this.checker.installed(who, meta),
      },
    });
    this.#members.set(id, member);
  }

  #send(message: Message): void {
    this.checker.sent(message);
    if (this.#lossy && this.#network.length >= networkMax) this.#network.splice(this.#random.below(networkMax), 1);
    this.#network.push(message);
  }

  #someone(): Member {
    const up = [...this.#members.values()].filter((member) => member.up);
    const member = this.#random.pick(up);
    if (member) return member;
    const [first] = this.#members.values();
    if (!first) throw new Error('a world without members');
    this.#restart(first);
    return first;
  }

  #leader(): Member | undefined {
    let best: Member | undefined;
    for (const member of this.#members.values()) {
      if (!member.up || member.raft.role !== 'leader') continue;
      if (!best || member.raft.term > best.raft.term) best = member;
    }
    return best;
  }

  #count(what: string, times = 1): void {
    this.coverage.set(what, (this.coverage.get(what) ?? 0) + times);
  }
}
