/**
 * One controller of the simulated world: a disk, and lives of the production `Member` on it, one after the other, each with
 * its own clock, transport and storage. It starts by the production's table, as a real controller does.
 */
import { encode } from '@msgpack/msgpack';
import { QuorateError } from '../../messaging/errors.js';
import type { Timeline } from '../../messaging/position.js';
import type { NodeStatus } from '../../messaging/schemas/status.js';
import type { Clock } from '../../node/cluster/clock.js';
import { decideStart } from '../../node/cluster/decide-start.js';
import { type AppliedEntry, Member } from '../../node/cluster/member.js';
import { otherLogOf } from '../../node/cluster/other-log.js';
import { examineForRecovery } from '../../node/cluster/recover-directory.js';
import { SnapshotFetcher, SnapshotServer } from '../../node/cluster/snapshot-transfer.js';
import { createTimelineUnasked } from '../../node/cluster/timeline.js';
import type { PeerVerb, Transport } from '../../node/cluster/transport.js';
import type { Message, NodeId, Role, Term } from '../../node/raft/types.js';
import { Alarms } from '../../node/server/alarms.js';
import { Damage } from '../../node/server/damage.js';
import { LeftBehind } from '../../node/server/left-behind.js';
import type { OperationService } from '../../node/server/operations.js';
import { dropDamagedTail } from '../../node/storage/damaged-tail.js';
import type { Identity } from '../../node/storage/types.js';
import { type Random, seededRandom } from '../support/random.js';
import type { Watched } from './checker.js';
import { PowerLoss, SimulatedDisk, SimulatedStorage } from './disk.js';
import type { Log } from './logs.js';
import { clusterId, clusterName } from './names.js';
import { Office, silentLog } from './office.js';
import { operationServiceOf } from './operations.js';
import type { World } from './world.js';

/** How a peer is asked for something that is not Raft. */
interface PeerRequest {
  readonly from: SimulatedController;
  readonly verb: string;
  readonly body: Uint8Array;
  readonly settle: (answer: Uint8Array | QuorateError) => void;
}

const pace = { describeTimeoutMs: 150, retryWaitMs: 10, noRoomWaitMs: 100 };
/** Without room a controller does not start; whoever looks after it starts it again. */
const startAgainMs = 40;

/** A process: its storage, and what it does beside Raft. */
interface Process {
  readonly number: number;
  readonly storage: SimulatedStorage;
  readonly server: SnapshotServer;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly leftBehind: LeftBehind;
  readonly damage: Damage;
  readonly office: Office | undefined;
}

/** The member of a process. It may end before it, and another one may take its place: recovery begins a new log. */
interface Life {
  readonly number: number;
  readonly member: Member;
  readonly watched: Watched;
  receive: ((message: Message) => void) | undefined;
  operations: OperationService | undefined;
}

/** `refused` is for good: its disk is spoilt. `left behind`: recovery began another log than its own. */
export type Standing = 'blank' | 'running' | 'recovering' | 'damaged' | 'left behind' | 'down' | 'refused';

export class SimulatedController {
  readonly id: NodeId;
  readonly place: number;
  readonly disk = new SimulatedDisk();
  readonly #world: World;
  readonly #random: Random;
  standing: Standing = 'blank';
  knowsRemoved = false;
  life: Life | undefined;
  #process: Process | undefined;
  /** Whoever looks after it does not start it: it is lost, or thought to be. */
  isGone = false;
  /** Of a blank one: the log that it is to join. */
  #joins: Log | undefined;
  /** Blank, and there: an operation may make it a member. */
  #awaitsJoining = false;
  /** Processes of this controller, counted: what was begun in one is nothing to the next. */
  #lives = 0;
  #paused = false;
  readonly #deferred: (() => void)[] = [];
  #clockRate = 1;
  #clockBase = { at: 0, value: 0 };
  clockOffsetMs = 0;
  slowDisk: number;
  /** Until then nothing gets to its disk. */
  stalledUntil = 0;

  constructor(world: World, id: NodeId, place: number, seed: number) {
    this.#world = world;
    this.id = id;
    this.place = place;
    this.#random = seededRandom(seed);
    this.slowDisk = world.plan.slowDisk;
    this.clockOffsetMs = this.#random.between(-1_000, 1_000);
  }

  /** How fast its clock runs. */
  get clockRate(): number {
    return this.#clockRate;
  }

  set clockRate(rate: number) {
    this.#clockBase = { at: this.#world.queue.now, value: this.#monotonicMs };
    this.#clockRate = rate;
  }

  /** Never goes back, however its rate changes. */
  get #monotonicMs(): number {
    const { at, value } = this.#clockBase;
    return value + (this.#world.queue.now - at) * this.#clockRate;
  }

  get isRunning(): boolean {
    return this.life !== undefined;
  }

  /** It has a process, with a member or without. */
  get isAlive(): boolean {
    return this.#process !== undefined;
  }

  get office(): Office | undefined {
    return this.#process?.office;
  }

  /** Which process it is; none has the number of another. */
  get processNumber(): number | undefined {
    return this.#process?.number;
  }

  /** The one that its disk holds, or that it is to join. */
  get log(): Log {
    const id = this.disk.model.meta()?.logTimeline.id;
    const { logs, log } = this.#world;
    return (id === undefined ? this.#joins : logs.find(({ timeline }) => timeline.id === id)) ?? log;
  }

  /** The newest that it knows of: as the controller of production says it. */
  get logTimeline(): Timeline | null {
    return this.#process?.leftBehind.by ?? this.disk.model.meta()?.logTimeline ?? null;
  }

  get isLeftBehind(): boolean {
    const { disk } = this;
    const by = this.#process === undefined ? disk.removed?.leftBehindBy : this.#process.leftBehind.by;
    return (by ?? null) !== null;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  get member(): Member | undefined {
    return this.life?.member;
  }

  get role(): Role | undefined {
    return this.life?.member.core.role;
  }

  get term(): Term {
    return this.life?.member.core.term ?? 0;
  }

  // ----------------------------------------------------------------------------------------------------------- its lives

  /** Told by the workflow which cluster it joins. */
  prepare(log: Log): void {
    this.#joins = log;
    this.disk.identity = this.#identity();
    this.start();
  }

  /** Starts blank, and answers whoever wants to make a member of it. */
  awaitJoining(): void {
    this.#awaitsJoining = true;
    this.start();
  }

  #takeInvitation(): void {
    if (this.disk.identity !== null) return;
    this.#joins = this.#world.log;
    this.disk.identity = this.#identity();
    this.#live();
  }

  #dropInvitation(): void {
    if (this.disk.model.meta() !== undefined) throw new QuorateError('not-blank');
    this.disk.identity = null;
    this.endMember('blank');
  }

  start(): void {
    if (this.isAlive || this.isGone || this.standing === 'refused') return;
    if (this.disk.isFull) {
      this.#world.cover('start: no room');
      return this.#world.restartLater(this, startAgainMs);
    }
    const wish = { clusterName, nodeId: this.id, bootstrap: false, restoreFrom: null, recover: false };
    const decided = decideStart(this.disk.facts(), wish);
    this.#world.cover(`start: ${decided.rule}`);
    switch (decided.outcome) {
      case 'start-blank':
        this.standing = 'blank';
        if (!this.#awaitsJoining) return;
        this.#begin();
        this.office?.start();
        return;
      case 'start-member':
      case 'serve-as-removed':
        if (this.disk.damagedMark !== null)
          this.#world.violate('start', `${this.id} is out of service for damage, and serves again`);
        this.#begin();
        if (!this.#mendLog()) return;
        if (this.isLeftBehind) this.standing = 'left behind';
        else this.#live();
        this.office?.start();
        return;
      case 'refuse':
        this.standing = 'refused';
        if (this.disk.damagedMark === null && !this.disk.logLost)
          this.#world.violate('start refused', `${this.id}: ${decided.found}`);
        return;
      default:
        this.#world.violate('start', `${this.id} would ${decided.outcome}`);
    }
  }

  /** A process, which has no member yet. */
  #begin(): Process {
    this.#lives += 1;
    const number = this.#lives;
    const world = this.#world;
    const storage = new SimulatedStorage(this.id, this.disk, world.snapshots, {
      random: this.#random,
      later: (delayMs, call) => this.#later(delayMs, call),
      powerOff: () => this.#powerOff(),
      persisted: (entries, hardState) => {
        if (this.#process?.number !== number) world.violate('simulator', `${this.id}: a process that is gone wrote`);
        this.log.checker.persisted(this.id, this.disk, entries, hardState);
      },
      installed: (meta) => this.log.checker.installed(this.id, meta),
      recovered: (meta, model, before) => world.recovered(this, meta, model, before),
      fired: (fault) => world.cover(`disk: ${fault}`),
    });
    const transport: Transport = {
      send: (message) => this.#send(message),
      receive: (handler) => {
        if (this.life !== undefined) this.life.receive = handler;
      },
      request: (to, verb, body, timeoutMs) => this.#request(to, verb, body, timeoutMs),
      answer: () => undefined,
    };
    const clock: Clock = {
      now: () => this.#monotonicMs + this.clockOffsetMs + 1_000_000,
      monotonicMs: () => this.#monotonicMs,
      after: (delayMs, call) => {
        const scheduled = world.queue.schedule(delayMs / this.clockRate, () => this.inLife(number, call));
        return () => {
          scheduled.run = undefined;
        };
      },
      every: (intervalMs, call) => this.#tick(number, intervalMs, call),
    };
    const leftBehind = new LeftBehind({ storage, clock });
    const damage = new Damage({
      ...{
        nodeId: this.id,
        dataDirectory: '',
        storage,
        clock,
        log: silentLog,
        alarms: new Alarms(clock, () => undefined),
      },
      events: { cluster: (eventType: string) => world.cover(`event: ${eventType}`) },
    });
    const office = world.hasStatuses ? new Office(world, this, { storage, transport, clock }) : undefined;
    this.#process = {
      number,
      storage,
      server: new SnapshotServer(storage),
      transport,
      clock,
      leftBehind,
      damage,
      office,
    };
    return this.#process;
  }

  #live(): void {
    const world = this.#world;
    const process = this.#process;
    if (process === undefined) return;
    const { number, storage, transport, clock } = process;
    let member: Member;
    try {
      member = new Member({
        nodeId: this.id,
        identity: () => this.#identity(),
        storage,
        transport,
        snapshots: new SnapshotFetcher({
          storage,
          transport,
          clock,
          pace: { ...pace, chunkBytes: world.plan.chunkBytes, requestTimeoutMs: world.plan.requestTimeoutMs },
          onAbandoned: () => world.cover('snapshot: transfer given up'),
        }),
        clock,
        scheduler: { turn: (call) => this.#turn(number, call), afterSend: (call) => this.#afterSend(number, call) },
        random: () => this.#random.next(),
        timing: world.plan.timing,
        compaction: world.plan.compactions[this.place % world.plan.compactions.length],
        limits: world.plan.limits,
        listener: {
          applied: (entries) => this.#applied(number, entries),
          leadership: ({ role }) => {
            this.office?.changed();
            if (this.life?.number === number) this.life.operations?.setLeading(role === 'leader');
          },
          removed: () => this.#onRemoved(),
          snapshotInstalled: () => undefined,
          compacted: () => world.cover('log: compacted'),
          storageFull: (full) => world.cover(full ? 'role: stays without room' : 'role: has room again'),
          failed: (error) => this.#failed(number, error),
        },
      });
    } catch (error) {
      return this.#startFailed(error);
    }
    const { core } = member;
    const watched: Watched = {
      id: this.id,
      get role() {
        return core.role;
      },
      get term() {
        return core.term;
      },
      get leader() {
        return core.leader;
      },
      get commit() {
        return core.commit;
      },
      status: () => core.status(),
    };
    member.setPriorities(world.priorities);
    this.life = { number, member, watched, receive: undefined, operations: undefined };
    if (world.hasOperations && process.office !== undefined) {
      this.#watchChanges(member, watched);
      const { server, office } = process;
      this.life.operations = operationServiceOf(world, this, member, { storage, transport, clock, server, office });
    }
    this.standing = 'running';
    this.log.checker.started(this.id, this.disk, watched);
    process.damage.watchDebt(member);
    member.start();
  }

  /** What an operation asks of the member, the checker is told. */
  #watchChanges(member: Member, watched: Watched): void {
    const { checker } = this.log;
    const propose = member.proposeConfChange.bind(member);
    member.proposeConfChange = (change, callback) => {
      const before = member.core.status();
      propose(change, callback);
      if (member.core.role === 'leader' && member.core.status().lastIndex > before.lastIndex)
        checker.changeAccepted(watched, before.applied, before.lastIndex);
    };
    const transfer = member.transferLeadership.bind(member);
    member.transferLeadership = (target) => {
      checker.transferAsked(this.id);
      return transfer(target);
    };
  }

  #startFailed(error: unknown): void {
    if (error instanceof QuorateError && error.code === 'damaged') this.#meetDamage(error);
    else
      this.#world.violate(
        'member cannot start',
        `${this.id}: ${error instanceof Error ? error.message : String(error)}`,
      );
  }

  /** The process ends at once. A kill leaves what was written; a loss of power only what was synced. */
  crash(how: 'kill' | 'power'): void {
    if (this.#process === undefined) return;
    this.life = undefined;
    this.#process = undefined;
    this.#lives += 1;
    this.standing = 'down';
    this.#paused = false;
    this.#deferred.length = 0;
    if (how === 'power') this.disk.losePower(this.#random);
    else this.disk.loseProcess();
  }

  #powerOff(): void {
    this.crash('power');
    this.#world.restartLater(this, this.#random.between(1, 200));
  }

  rotSnapshot(): boolean {
    return this.#process?.storage.rotSnapshot() ?? false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const call of this.#deferred.splice(0)) this.#world.soon(call);
  }

  // --------------------------------------------------------------------------------------------------------------- damage

  /** As storage does when it is opened; false where the process ended over it. */
  #mendLog(): boolean {
    const process = this.#process;
    if (process === undefined) return false;
    try {
      if (dropDamagedTail(process.storage.raft, process.storage.model))
        this.#world.cover('disk: damaged end of a log dropped');
      return true;
    } catch (error) {
      if (error instanceof PowerLoss) return false;
      this.crash('kill');
      this.#world.restartLater(this, this.#random.between(1, 200));
      return false;
    }
  }

  /** As the controller of production: it drops what may be dropped and begins again, or goes out of service for good. */
  #meetDamage(error: QuorateError): void {
    const process = this.#process;
    if (process === undefined) return;
    this.endMember('damaged');
    this.#world.soon(() => this.inLife(process.number, () => this.#liveWithDamage(process, error)));
  }

  #liveWithDamage({ damage }: Process, error: QuorateError): void {
    try {
      if (damage.drop(error)) {
        this.#world.cover('disk: damaged entries dropped');
        return this.#live();
      }
    } catch (failure) {
      if (failure instanceof PowerLoss) return;
    }
    damage.outOfService(error);
    this.#world.cover('role: out of service');
    this.crash('kill');
    // Whoever looks after it starts it again, which is refused.
    this.#world.restartLater(this, startAgainMs);
  }

  // ----------------------------------------------------------------------------------------------------------- a recovery

  /** All that serves and writes stops, but the process. */
  endMember(standing: Standing): void {
    this.standing = standing;
    const { life } = this;
    this.life = undefined;
    life?.operations?.stop();
    life?.member.stop();
  }

  /** A member begins on whatever its storage holds now. */
  beginMember(isAlone: boolean): void {
    this.#live();
    if (isAlone) this.life?.member.campaign();
  }

  /** Recovery began another log, and this one is heard of. What it holds stays on its disk. */
  leaveBehind(by: NodeId, logTimeline: Timeline): void {
    const process = this.#process;
    if (process === undefined || this.isLeftBehind) return;
    this.#world.cover('recovery: left behind, and knows it');
    process.leftBehind.begin(by, logTimeline);
    this.knowsRemoved = true;
    this.endMember('left behind');
    this.office?.changed();
  }

  /** The process could not go on with a recovery that was committed: the next start does. */
  fatal(error: unknown): void {
    if (!isDiskTrouble(error)) this.#world.violate('recovery', `${this.id}: ${String(error)}`);
    this.crash('kill');
    this.#world.restartLater(this, this.#random.between(1, 100));
  }

  /** On its directory, while it does not run: as `quorate recover --data-dir` does. Calls `settled` unless the power goes off. */
  recoverOffline(newId: () => string, settled: (error: unknown) => void): void {
    if (this.isAlive || this.disk.isFull) return settled(new QuorateError('data-dir-locked'));
    const { storage } = this.#begin();
    this.standing = 'recovering';
    const end = (error: unknown): void => {
      this.crash('kill');
      settled(error);
    };
    try {
      const { position } = examineForRecovery(this.disk.facts(), { cluster: undefined, node: undefined });
      const timeline = createTimelineUnasked([position.timeline], newId);
      const request = { clusterName, nodeId: this.id, timeline, leftBehind: [], now: 0 };
      storage.recover(request).then(() => end(null), end);
    } catch (error) {
      end(error);
    }
  }

  #failed(number: number, error: unknown): void {
    if (this.life?.number !== number || error instanceof PowerLoss) return;
    if (error instanceof QuorateError && error.code === 'damaged') return this.#meetDamage(error);
    // A full disk is no reason to stop, but in the midst of a restore: the next start goes on with it.
    const mayBeFull = this.#world.plan.actions.some((each) => each.type === 'restore');
    const isFull = error instanceof QuorateError && error.code === 'storage-full';
    if (!isDiskTrouble(error) || (isFull && !mayBeFull)) {
      const text =
        error instanceof Error ? (this.#world.traces ? (error.stack ?? error.message) : error.message) : String(error);
      return this.#world.violate('member stopped', `${this.id}: ${text}`);
    }
    this.#world.cover('role: stopped by its disk');
    this.crash('kill');
    this.#world.restartLater(this, this.#random.between(1, 200));
  }

  /** It goes on: it may be the only one that knows that its removal is committed, and others may have to hear that from it. */
  #onRemoved(): void {
    this.knowsRemoved = true;
    this.#world.cover('membership: knows that it is removed');
  }

  #applied(number: number, entries: readonly AppliedEntry[]): void {
    if (this.life?.number === number) this.log.checker.applied(this.life.watched, entries);
  }

  #identity(): Identity {
    return { clusterName, clusterId, nodeId: this.id };
  }

  // ----------------------------------------------------------------------------------------------------------- time, turns

  /** Calls if that process still lives; a paused one does it when it goes on. */
  inLife(number: number, call: () => void): void {
    if (this.#process?.number !== number) return;
    if (this.#paused) this.#deferred.push(() => this.inLife(number, call));
    else {
      this.#world.active = this;
      call();
    }
  }

  #later(delayMs: number, call: () => void): void {
    const number = this.#lives;
    this.#world.queue.schedule(delayMs, () => this.inLife(number, call));
  }

  #tick(number: number, intervalMs: number, call: () => void): () => void {
    let stopped = false;
    const next = (): void => {
      if (stopped || this.#process?.number !== number) return;
      this.#world.queue.schedule(intervalMs / this.clockRate, next);
      // Ticks that are missed while the process is paused are not made up for.
      if (this.#paused) return;
      this.#world.active = this;
      call();
      if (this.life?.number === number) this.log.checker.ticked(this.life.watched);
    };
    this.#world.queue.schedule((this.#random.next() * intervalMs) / this.clockRate, next);
    return () => {
      stopped = true;
    };
  }

  #turn(number: number, call: () => void): void {
    const { plan } = this.#world;
    if (plan.lateTurns > 0 && this.#random.chance(plan.lateTurns))
      this.#world.queue.schedule(2 * this.#random.next(), () => this.inLife(number, call));
    else this.#world.soon(() => this.inLife(number, call));
  }

  /** Mostly the disk is done at once; sometimes much happens before. */
  #afterSend(number: number, call: () => void): void {
    const stalledMs = this.stalledUntil - this.#world.queue.now;
    if (stalledMs > 0) {
      this.#world.cover('disk: stalled');
      this.#world.queue.schedule(stalledMs, () => this.inLife(number, call));
      return;
    }
    if (this.slowDisk > 0 && this.#random.chance(this.slowDisk)) {
      this.#world.cover('disk: slow');
      this.#world.queue.schedule((this.#random.chance(0.15) ? 90 : 12) * this.#random.next(), () =>
        this.inLife(number, call),
      );
    } else if (this.#process?.number === number) call();
  }

  // --------------------------------------------------------------------------------------------------------------- network

  #send(message: Message): void {
    const world = this.#world;
    if (!this.isAlive) return;
    if (this.life !== undefined) this.log.checker.sent(this.life.watched, message);
    const isLeftBehind = this.isLeftBehind || this.disk.removed?.leftBehindBy !== undefined;
    if (isLeftBehind && message.type !== 'removed')
      world.violate('left behind', `${this.id} knows that recovery left its log behind, and sends ${message.type}`);
    world.trace?.(() => `${this.id} -> ${message.to}  ${describeMessage(message)}`);
    const target = world.byId.get(message.to);
    if (target === undefined) return;
    const { logTimeline } = this;
    world.network.carry(this.place, target.place, message.type, () => target.#receive(message, logTimeline));
  }

  #receive(message: Message, theirs: Timeline | null): void {
    const process = this.#process;
    // A controller without a cluster hears nothing of Raft.
    if (process === undefined || this.disk.identity === null) return;
    this.inLife(process.number, () => {
      const relation = otherLogOf(this.logTimeline, theirs);
      if (relation !== undefined && theirs !== null) {
        this.#world.cover(`recovery: heard from a log that is ${relation === 'conflict' ? 'in conflict' : relation}`);
        process.office?.otherLog(message.from, theirs, relation);
      } else this.#hear(message);
    });
  }

  #hear(message: Message): void {
    const { life } = this;
    if (life === undefined) return;
    const { checker } = this.log;
    this.#world.trace?.(() => `${this.id} <- ${message.from}  ${describeMessage(message)}`);
    const heldOff = checker.isHeldOff(life.watched, message);
    const { term } = life.watched;
    checker.delivered(life.watched, message);
    life.receive?.(message);
    checker.followed(life.watched, message);
    if (heldOff && life.watched.term > term)
      checker.violate(
        'stickiness',
        `${this.id} let ${message.from} raise its term to ${message.term} although it had just heard of its leader`,
      );
  }

  /** Hands a status over to all others that it reaches. */
  publish(status: NodeStatus): void {
    for (const each of this.#world.controllers) {
      if (each === this || !each.isAlive) continue;
      this.#world.network.carry(this.place, each.place, 'status', () => each.#hearStatus(status));
    }
  }

  #hearStatus(status: NodeStatus): void {
    const process = this.#process;
    if (process !== undefined) this.inLife(process.number, () => process.office?.hear(status));
  }

  /** What all others that it reaches say of themselves now, as far as it comes in time. */
  collect(listenMs: number): Promise<readonly NodeStatus[]> {
    const world = this.#world;
    const heard: NodeStatus[] = [];
    for (const each of world.controllers) {
      if (each === this) continue;
      world.network.carry(this.place, each.place, 'request', () => {
        if (each.office === undefined || each.isPaused) return;
        const status = each.office.status();
        world.network.carry(each.place, this.place, 'answer', () => void heard.push(status));
      });
    }
    return new Promise((resolve) => this.#later(listenMs, () => resolve([...heard])));
  }

  #request(to: string, verb: PeerVerb, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const world = this.#world;
    const number = this.#lives;
    world.cover(`peer: ${verb}`);
    if (verb === 'snapshot.describe') world.onFetch?.(this);
    return new Promise((resolve, reject) => {
      let settled = false;
      const settle = (answer: Uint8Array | QuorateError): void =>
        this.inLife(number, () => {
          if (settled) return;
          settled = true;
          timer.run = undefined;
          if (answer instanceof QuorateError) reject(answer);
          else resolve(answer);
        });
      const timer = world.queue.schedule(timeoutMs, () => settle(new QuorateError('timeout')));
      const target = world.byId.get(to);
      if (target === undefined) return;
      world.network.carry(this.place, target.place, 'request', () =>
        target.#answer({ from: this, verb, body, settle }),
      );
    });
  }

  #answer({ from, verb, body, settle }: PeerRequest): void {
    const process = this.#process;
    const world = this.#world;
    const carry = (answer: Uint8Array | QuorateError): void =>
      world.network.carry(this.place, from.place, 'answer', () => settle(answer));
    if (process === undefined) {
      if (this.#random.chance(0.5)) carry(new QuorateError('no-responders'));
      return;
    }
    this.inLife(process.number, () => {
      this.#answerPeer(process, from.id, verb, body).then(carry, (error: unknown) =>
        carry(error instanceof QuorateError ? error : new QuorateError('internal', String(error))),
      );
    });
  }

  #membership() {
    const state = this.office?.status().state ?? 'blank';
    const now = this.#process?.clock.now() ?? 0;
    return { state, clusterId: this.disk.identity?.clusterId ?? null, position: null, now };
  }

  #probe() {
    const { name, version, protocol, addresses } = memberDescription(this.id);
    return {
      ...{ node: this.id, name, version, protocol, addresses, ...this.#membership(), cluster: clusterName },
      ...{ diskFreeBytes: 1e12, syncLatencyMs: 1, maxPayloadBytes: 1 << 20, deniedSubjects: [] },
    };
  }

  async #answerPeer({ server, office }: Process, from: NodeId, verb: string, body: Uint8Array): Promise<Uint8Array> {
    switch (verb) {
      case 'snapshot.describe':
        return server.describe(body);
      case 'snapshot.chunk':
        return server.chunk(from, body);
      case 'recovery.claim':
        office?.promise(from);
        return new Uint8Array();
      case 'membership.ask':
        return encode(this.#membership());
      case 'candidate.probe':
        return encode(this.#probe());
      case 'candidate.prepare':
        this.#takeInvitation();
        return encode(this.#probe());
      case 'candidate.release':
        this.#dropInvitation();
        return encode(this.#membership());
      default:
        throw new QuorateError('unknown-verb');
    }
  }
}

/** What is the disk's fault and not the member's. */
function isDiskTrouble(error: unknown): boolean {
  return (
    error instanceof QuorateError &&
    (error.code === 'internal' ||
      error.code === 'storage-full' ||
      error.code === 'damaged' ||
      error.code === 'snapshot-invalid')
  );
}

export function memberDescription(id: NodeId) {
  return { id, name: id, version: '0.0.0', protocol: { min: 1, max: 1 }, addresses: [], addedAt: 0 };
}

export function membershipContext(ids: readonly NodeId[]): Uint8Array {
  return encode([1, ids.map(memberDescription)]);
}

export function describeMessage(message: Message): string {
  const { type, term } = message;
  switch (message.type) {
    case 'append':
      return `append term ${term} after ${message.prevIndex}/${message.prevTerm} commit ${message.commit} [${message.entries.map((each) => `${each.index}/${each.term}${each.type === 'normal' ? '' : ` ${each.type}`}`).join(' ')}]`;
    case 'appendReply':
      return `appendReply term ${term} ${message.rejected ? `rejected ${message.index} hint ${message.hintIndex}/${message.hintTerm}` : `has ${message.index}`}`;
    case 'preVote':
    case 'vote':
      return `${type} term ${term} last ${message.lastIndex}/${message.lastTerm}`;
    case 'preVoteReply':
    case 'voteReply':
      return `${type} term ${term} ${message.granted ? 'granted' : 'refused'}`;
    case 'heartbeat':
      return `heartbeat term ${term} commit ${message.commit}${message.readContext === undefined ? '' : ` round ${message.readContext.round}`}`;
    default:
      return `${type} term ${term}`;
  }
}
