/** Carries out what the plan has: does things to controllers, links, clocks, disks and the membership. */
import type { ConfChange, Configuration, MembershipChange, NodeId } from '../../node/raft/types.js';
import { isSameConfiguration } from './checker.js';
import { membershipContext, type SimulatedController } from './controller.js';
import { Operations } from './operations.js';
import type { Action, Filling, MembershipAction, Who } from './plan.js';
import { Recoveries } from './recoveries.js';
import { Restores } from './restores.js';
import type { World } from './world.js';

/** A stranded leader is read from for so long: it has stepped down by then. */
const strandedReadsMs = 250;
/** After an election, the membership is tried to be changed so often, within so long. */
const eagerAttempts = 4;
const eagerMs = 15;

const overtakenMs = [60, 300] as const;
/** As shares of that time. */
const overtakingWritesAt = [0.2, 0.5, 0.8];

export class Faults {
  readonly #world: World;
  readonly restores: Restores;
  readonly recoveries: Recoveries;
  readonly operations: Operations;
  /** What ends a fault that goes on. */
  readonly #undo = new Set<() => void>();

  constructor(world: World) {
    this.#world = world;
    this.restores = new Restores(world);
    this.operations = new Operations(world);
    this.recoveries = new Recoveries(world, {
      cut: (one, other, forMs) => this.#lasting(forMs, this.#cutBetween(one, other)),
      join: () => this.#changeMembership('add voter', 0),
      begun: () => this.restores.giveUp(),
    });
  }

  schedule(): void {
    for (const action of this.#world.plan.actions) {
      this.#world.queue.schedule(action.at, () => {
        if (this.#world.isFaulty) this.#carryOut(action);
      });
    }
  }

  /** Somebody was elected: the time at which rules about changes are broken most easily. */
  elected(): void {
    const world = this.#world;
    if (!world.isFaulty || world.plan.eagerChanges === 0 || !world.random.chance(world.plan.eagerChanges)) return;
    for (let attempt = 0; attempt < eagerAttempts; attempt += 1) {
      const nth = world.random.between(0, 7);
      const change = world.random.pick(['add learner', 'promote', 'demote', 'remove', 'swap', 'leave joint'] as const);
      world.queue.schedule(eagerMs * world.random.next(), () => {
        if (world.isFaulty) this.#changeMembership(change, nth);
      });
    }
  }

  /**
   * A snapshot is on its way, and takes so long that the log overtakes it: somebody else leads, who has all of the log, and
   * much is written, so that the member that fetches compacts beyond what it then has in its hands.
   */
  fetches(fetcher: SimulatedController): void {
    const world = this.#world;
    const { overtakenSnapshots } = world.plan;
    if (!world.isFaulty || overtakenSnapshots === 0 || !world.random.chance(overtakenSnapshots)) return;
    const leader = world.leader();
    const others = world.controllers.filter((each) => each.isRunning && each !== fetcher && each !== leader);
    const keeper = others.sort((a, b) => a.disk.point.index - b.disk.point.index)[0];
    if (leader === undefined || keeper === undefined) return;
    world.cover('fault: snapshot overtaken by the log');
    const delayMs = world.random.between(...overtakenMs);
    const filter = { place: fetcher.place, direction: 'to', message: 'answer', delayMs } as const;
    this.#lasting(2 * delayMs, world.network.filter(filter));
    world.soon(() => {
      world.active = leader;
      leader.life?.member.transferLeadership(keeper.id);
      world.checker.transferAsked(leader.id);
    });
    for (const at of overtakingWritesAt)
      world.queue.schedule(at * delayMs, () => {
        if (world.isFaulty) world.clients.at(-1)?.burst(3, keeper);
      });
  }

  /** The world is kind from now on; who is down starts again. */
  end(): void {
    const world = this.#world;
    world.isFaulty = false;
    world.finishOperations();
    this.restores.end();
    this.recoveries.end();
    for (const undo of [...this.#undo]) undo();
    world.network.heal();
    for (const each of world.controllers) {
      each.disk.full = 'nothing';
      each.disk.nextWrite = undefined;
      each.slowDisk = 0;
      each.stalledUntil = 0;
      each.clockRate = 1;
      each.resume();
      if (each.disk.identity !== null) each.start();
    }
  }

  #lasting(forMs: number, undo: () => void): void {
    const once = (): void => {
      if (this.#undo.delete(once)) undo();
    };
    this.#undo.add(once);
    this.#world.queue.schedule(forMs, once);
  }

  #find(who: Who): SimulatedController | undefined {
    const running = this.#world.controllers.filter((each) => each.isRunning);
    const leader = this.#world.leader();
    if (who.role === 'leader') return leader;
    const fitting = running.filter((each) => {
      if (who.role === 'any') return true;
      const isLearner = this.#world.checker.lastConfiguration?.learners.includes(each.id) ?? false;
      return who.role === 'learner' ? isLearner : each !== leader && !isLearner;
    });
    return fitting[who.nth % Math.max(1, fitting.length)];
  }

  #carryOut(action: Action): void {
    const world = this.#world;
    const subject = 'who' in action ? this.#find(action.who) : undefined;
    if ('who' in action && subject === undefined) return;
    world.active = undefined;
    world.trace?.(() => `!! ${JSON.stringify(action)} -> ${subject?.id ?? ''}`);
    world.cover(
      `fault: ${'shape' in action ? `${action.type}, ${action.shape}${action.flapMs > 0 ? ', flapping' : ''}` : 'how' in action ? `${action.type}, ${action.how}` : action.type}`,
    );
    switch (action.type) {
      case 'crash all':
        for (const each of world.controllers) this.#crash(each, action.how, action.downMs);
        return;
      case 'all disks full':
        for (const each of world.controllers) this.#fill(each, action);
        return;
      case 'membership':
        this.#changeMembership(action.change, action.nth);
        return;
      case 'restore':
        this.restores.begin(action);
        return;
      case 'recover':
        this.recoveries.begin(action);
        return;
      case 'operation':
        this.operations.begin(action);
        return;
      case 'transfer':
        this.#transfer(action.to);
        return;
      case 'strand':
        this.#strand(action);
        return;
      case 'farewell':
        this.#farewell(action);
        return;
      case 'owe':
        this.#owe(action);
        return;
      default:
        if (subject !== undefined) this.#doTo(subject, action);
    }
  }

  #crash(controller: SimulatedController, how: 'kill' | 'power', downMs: number): void {
    if (!controller.isAlive) return;
    controller.crash(how);
    this.#world.restartLater(controller, downMs);
  }

  #doTo(subject: SimulatedController, action: Extract<Action, { readonly who: Who }>): void {
    const world = this.#world;
    switch (action.type) {
      case 'crash':
        this.#crash(subject, action.how, action.downMs);
        return;
      case 'write fault':
        subject.disk.nextWrite = action.how;
        return;
      case 'pause':
        subject.pause();
        this.#lasting(action.forMs, () => subject.resume());
        return;
      case 'partition':
        this.#partition(subject, action);
        return;
      case 'lossy':
        this.#lasting(action.forMs, world.network.makeLossy(subject.place, action.loss));
        return;
      case 'drop':
        this.#lasting(
          action.forMs,
          world.network.filter({ place: subject.place, direction: action.direction, message: action.message }),
        );
        return;
      case 'delay':
        this.#lasting(
          action.forMs,
          world.network.filter({
            place: subject.place,
            direction: action.direction,
            message: action.message,
            delayMs: action.byMs,
          }),
        );
        return;
      case 'clock rate':
        subject.clockRate = action.rate;
        this.#lasting(action.forMs, () => {
          subject.clockRate = 1;
        });
        return;
      case 'clock jump':
        subject.clockOffsetMs += action.byMs;
        return;
      case 'disk full':
        this.#fill(subject, action);
        return;
      case 'slow disk':
        subject.slowDisk = 0.7;
        this.#lasting(action.forMs, () => {
          subject.slowDisk = world.plan.slowDisk;
        });
        return;
      case 'disk stall':
        subject.stalledUntil = world.queue.now + action.forMs;
        return;
      case 'rot entry':
        this.#rot(subject, action.who.nth);
        return;
      case 'rot chunk':
        subject.disk.rotten.add(-1);
        return;
      case 'rot snapshot':
        if (subject.rotSnapshot()) world.cover('disk: a stored snapshot rots');
        return;
      case 'lose log':
        this.#loseLog(subject);
        return;
      case 'campaign':
        subject.life?.member.campaign();
        world.active = subject;
        return;
      case 'burst':
        world.clients[0]?.burst(action.writes, subject);
        return;
    }
  }

  // --------------------------------------------------------------------------------------------------------------- network

  #partition(
    subject: SimulatedController,
    { shape, forMs, flapMs, who }: Extract<Action, { type: 'partition' }>,
  ): void {
    const links = this.#linksToCut(subject, shape, who.nth);
    const cut = (): (() => void) => {
      const mend = links.map(([from, to]) => this.#world.network.cut(from.place, to.place));
      return () => {
        for (const each of mend) each();
      };
    };
    if (flapMs === 0) return this.#lasting(forMs, cut());
    const until = this.#world.queue.now + forMs;
    const flap = (): void => {
      if (!this.#world.isFaulty || this.#world.queue.now >= until) return;
      this.#lasting(flapMs, cut());
      this.#world.queue.schedule(2 * flapMs, flap);
    };
    flap();
  }

  #strand(action: Extract<Action, { type: 'strand' }>): void {
    const world = this.#world;
    const leader = world.leader();
    if (leader === undefined) return;
    const { heldBackMs, forMs, company, writes, stallMs } = action;
    if (heldBackMs > 0)
      this.#lasting(
        heldBackMs,
        world.network.filter({ place: leader.place, direction: 'to', message: 'heartbeatReply', delayMs: heldBackMs }),
      );
    world.queue.schedule(heldBackMs > 0 ? Math.min(30, heldBackMs) : 0, () => {
      if (!world.isFaulty) return;
      const others = rotate(
        world.controllers.filter((each) => each !== leader),
        writes,
      );
      const side = [leader, ...others.slice(0, company)];
      const mend = this.#cutBetween(side, others.slice(company));
      this.#lasting(forMs, () => {
        mend();
        if (world.isFaulty) this.#afterStrand(action, leader, others);
      });
      const client = world.clients.at(-1);
      client?.burst(writes, leader);
      if (stallMs > 0) {
        for (const each of others.slice(0, company)) each.stalledUntil = world.queue.now + forMs + stallMs;
        // More comes while what came first waits for the disk.
        world.queue.schedule(forMs / 4, () => client?.burst(1, leader));
      }
      for (let at = 10; at < Math.min(forMs, strandedReadsMs); at += 12)
        world.queue.schedule(at, () => client?.request('k1', { type: 'get' }, () => undefined, leader));
    });
  }

  #cutBetween(one: readonly SimulatedController[], other: readonly SimulatedController[]): () => void {
    const mend = between(one, other).map(([from, to]) => this.#world.network.cut(from.place, to.place));
    return () => {
      for (const each of mend) each();
    };
  }

  #farewell({ writes, silentAfterMs, silentMs }: Extract<Action, { type: 'farewell' }>): void {
    const world = this.#world;
    const leader = world.leader();
    if (leader === undefined) return;
    this.#changeMembership('remove leader', 0);
    world.clients.at(-1)?.burst(writes, leader);
    world.queue.schedule(silentAfterMs, () => {
      if (!world.isFaulty) return;
      for (const message of ['append', 'heartbeat'] as const)
        this.#lasting(silentMs, world.network.filter({ place: leader.place, direction: 'from', message }));
      this.#lasting(silentMs, world.network.filter({ place: leader.place, direction: 'to', message: 'vote' }));
    });
  }

  #afterStrand(
    action: Extract<Action, { type: 'strand' }>,
    leader: SimulatedController,
    others: readonly SimulatedController[],
  ): void {
    switch (action.afterwards) {
      case 'nothing':
        return;
      case 'crash the others':
        for (const each of others.slice(0, Math.floor(others.length / 2))) this.#crash(each, 'power', 60);
        return;
      case 'crash the leader':
        this.#crash(this.#world.leader() ?? leader, 'power', 60);
        return;
      case 'strand again':
        this.#strand({ ...action, afterwards: 'crash the leader' });
        return;
    }
  }

  #linksToCut(
    subject: SimulatedController,
    shape: string,
    nth: number,
  ): (readonly [SimulatedController, SimulatedController])[] {
    const all = this.#world.controllers;
    const others = all.filter((each) => each !== subject);
    switch (shape) {
      case 'isolate':
        return others.flatMap((each) => [[subject, each] as const, [each, subject] as const]);
      case 'deaf':
        return others.map((each) => [each, subject] as const);
      case 'mute':
        return others.map((each) => [subject, each] as const);
      case 'one-way': {
        const other = others[nth % Math.max(1, others.length)];
        return other === undefined ? [] : [[subject, other] as const];
      }
      case 'minority leader':
      case 'halves': {
        // With the subject as few as leave the others a majority, or about half.
        const size = shape === 'halves' ? Math.ceil(all.length / 2) : Math.ceil(all.length / 2) - 1;
        const side = new Set([subject, ...rotate(others, nth).slice(0, Math.max(0, size - 1))]);
        return between(
          all.filter((each) => side.has(each)),
          all.filter((each) => !side.has(each)),
        );
      }
      default: {
        // A bridge: the subject reaches both sides, and they do not reach each other.
        const half = rotate(others, nth);
        const middle = Math.ceil(half.length / 2);
        return between(half.slice(0, middle), half.slice(middle));
      }
    }
  }

  // ----------------------------------------------------------------------------------------------------------------- disks

  /**
   * Raft bears what a minority loses for good, so no more than that is spoilt: one of three voters or more, and not while a
   * change of membership is under way, after which it might be one of two.
   */
  #maySpoil(subject: SimulatedController): boolean {
    const { controllers, checker } = this.#world;
    const configuration = checker.lastConfiguration;
    if (configuration === undefined || configuration.voters.length < 3 || configuration.votersOutgoing.length > 0)
      return false;
    if (!subject.isRunning || controllers.some(isSpoilt)) return false;
    return controllers.every((each) => {
      if (configuration.removed.includes(each.id)) return true;
      const { disk, member } = each;
      const meta = disk.model.meta();
      if (meta === undefined || !isSameConfiguration(meta.configuration, configuration)) return false;
      if (disk.entries.some((entry) => entry.type === 'configuration' && entry.index > meta.position.index))
        return false;
      return (member?.core.status().pendingChangeIndex ?? 0) <= meta.position.index;
    });
  }

  #fill({ disk }: SimulatedController, { what, forMs }: Filling): void {
    disk.full = what;
    this.#lasting(forMs, () => {
      disk.full = 'nothing';
    });
  }

  #rot(subject: SimulatedController, nth: number): void {
    const { disk } = subject;
    if (!this.#maySpoil(subject) || disk.entries.length === 0) return;
    // Half of them at the end, where it may not be known to be committed yet.
    disk.rotten.add(nth % 2 === 0 ? disk.point.index + 1 + (nth % disk.entries.length) : disk.lastIndex);
    this.#world.cover('disk: an entry rots');
    // What is not known to be committed is looked at by the next start.
    if (nth % 4 === 1) this.#crash(subject, 'power', 20);
  }

  #owe({ nth, writes, forMs, downMs }: Extract<Action, { type: 'owe' }>): void {
    const world = this.#world;
    const leader = world.leader();
    const voters = world.checker.lastConfiguration?.voters ?? [];
    const others = world.controllers.filter((each) => each !== leader);
    const followers = others.filter((each) => each.isRunning && voters.includes(each.id));
    const company = followers[nth % Math.max(1, followers.length)];
    if (leader === undefined || company === undefined || voters.length !== 3) return;
    const mend = this.#cutBetween(
      [leader, company],
      others.filter((each) => each !== company),
    );
    world.clients.at(-1)?.burst(writes, leader);
    this.#lasting(forMs, () => {
      mend();
      if (!world.isFaulty || !this.#maySpoil(company) || company.disk.entries.length === 0) return;
      world.cover('disk: what only two have rots on one');
      company.disk.rotten.add(company.disk.lastIndex);
      this.#crash(leader, 'power', downMs);
      this.#crash(company, 'power', 5);
    });
  }

  #loseLog(subject: SimulatedController): void {
    if (!this.#maySpoil(subject)) return;
    subject.crash('kill');
    subject.disk.loseLog();
    subject.disk.logLost = true;
    this.#world.cover('disk: log lost');
    this.#world.restartLater(subject, 5);
  }

  // ------------------------------------------------------------------------------------------------------------ operations

  #transfer(to: Who): void {
    const leader = this.#world.leader();
    const target = this.#find(to);
    if (leader === undefined || target === undefined) return;
    this.#world.active = leader;
    const refused = leader.life?.member.transferLeadership(target.id);
    this.#world.checker.transferAsked(leader.id);
    this.#world.cover(refused === null ? 'transfer: accepted' : 'transfer: refused');
  }

  #changeMembership(what: MembershipAction, nth: number): void {
    const leader = this.#world.leader();
    const configuration = leader?.disk.model.meta()?.configuration;
    if (leader === undefined || configuration === undefined) return;
    const change = this.#draw(what, nth, configuration, leader.id);
    if (change !== undefined) this.propose(leader, change);
  }

  propose(leader: SimulatedController, change: ConfChange): void {
    const world = this.#world;
    const member = leader.life?.member;
    const watched = leader.life?.watched;
    if (member === undefined || watched === undefined || leader.isPaused) return;
    // One operation at a time: nobody joins or leaves while the model is exchanged.
    if (this.restores.isUnderWay && change.transition !== 'leave-joint') return;
    world.active = leader;
    const before = member.core.status();
    world.promise(leader, (kept) =>
      member.proposeConfChange(change, (result) => {
        kept();
        if (!result.ok) world.cover(`membership: refused, ${result.error.code}`);
      }),
    );
    if (member.core.role === 'leader' && member.core.status().lastIndex > before.lastIndex)
      world.checker.changeAccepted(watched, before.applied, before.lastIndex);
  }

  #draw(what: MembershipAction, nth: number, configuration: Configuration, leader: NodeId): ConfChange | undefined {
    const { voters, learners, removed } = configuration;
    const pick = (ids: readonly NodeId[]): NodeId | undefined => ids[nth % Math.max(1, ids.length)];
    const others = voters.filter((id) => id !== leader);
    const safe = this.#removable(configuration);
    // Who is made a voter has caught up before: production waits for that.
    const able = learners.filter((id) => !this.#world.controllers.some((each) => each.id === id && isSpoilt(each)));
    switch (what) {
      case 'add learner':
        return this.#add('addLearner');
      case 'add voter':
        return this.#add('addVoter');
      case 'promote':
        return this.#change('addVoter', pick(able));
      case 'demote':
        return voters.length > 1 && safe ? this.#change('addLearner', pick(others)) : undefined;
      case 'remove':
        return voters.length > 1 && safe ? this.#change('remove', pick([...others, ...learners])) : undefined;
      case 'remove leader':
        return voters.length > 1 && safe ? this.#change('remove', leader) : undefined;
      case 'leave joint':
        return { changes: [], transition: 'leave-joint' };
      case 'reuse removed id':
        return this.#change(nth % 2 === 0 ? 'addVoter' : 'addLearner', pick(removed));
      case 'replace':
      case 'replace explicitly': {
        const gone = pick(voters);
        const added = safe ? this.#newMember() : undefined;
        if (gone === undefined || added === undefined) return undefined;
        const transition = what === 'replace' ? (nth % 2 === 0 ? 'auto' : 'joint-implicit') : 'joint-explicit';
        return {
          changes: [
            { type: 'addVoter', id: added },
            { type: 'remove', id: gone },
          ],
          transition,
          context: membershipContext([added]),
        };
      }
      case 'swap': {
        const up = pick(able);
        const down = pick(voters);
        if (up === undefined || down === undefined || !safe) return undefined;
        return {
          changes: [
            { type: 'addVoter', id: up },
            { type: 'addLearner', id: down },
          ],
          transition: nth % 2 === 0 ? 'joint-implicit' : 'joint-explicit',
        };
      }
    }
  }

  /** With a voter that is gone for good, nobody may be taken from the healthy ones. */
  #removable({ voters }: Configuration): boolean {
    return voters.every((id) => !this.#world.controllers.some((each) => each.id === id && isSpoilt(each)));
  }

  #change(type: MembershipChange['type'], id: NodeId | undefined): ConfChange | undefined {
    return id === undefined ? undefined : { changes: [{ type, id }], transition: 'auto' };
  }

  #newMember(): NodeId | undefined {
    const controller = this.#world.addController();
    controller?.prepare(this.#world.leader()?.log ?? this.#world.log);
    return controller?.id;
  }

  #add(type: 'addLearner' | 'addVoter'): ConfChange | undefined {
    const id = this.#newMember();
    return id === undefined
      ? undefined
      : { changes: [{ type, id }], transition: 'auto', context: membershipContext([id]) };
  }
}

/** It will not start again, perhaps it does not know it yet; or it gives no vote before it has what it lost. */
export function isSpoilt({ standing, disk }: SimulatedController): boolean {
  const isDamaged = disk.logLost || disk.damagedMark !== null || [...disk.rotten].some((index) => index > 0);
  return standing === 'refused' || isDamaged || disk.owes;
}

function between(a: readonly SimulatedController[], b: readonly SimulatedController[]) {
  return a.flatMap((one) => b.flatMap((other) => [[one, other] as const, [other, one] as const]));
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
