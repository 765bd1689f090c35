/**
 * One controller of the simulated world: a disk, and lives of the production `Member` on it, one after the other, each with
 * its own clock, transport and storage. It starts by the production's table, as a real controller does.
 */
import { encode } from '@msgpack/msgpack';
import { QuorateError } from '../../messaging/errors.js';
import { decideStart } from '../../node/cluster/decide-start.js';
import { type AppliedEntry, Member } from '../../node/cluster/member.js';
import { SnapshotFetcher, SnapshotServer } from '../../node/cluster/snapshot-transfer.js';
import type { Message, NodeId, Role, Term } from '../../node/raft/types.js';
import type { Identity } from '../../node/storage/types.js';
import { type Random, seededRandom } from '../support/random.js';
import type { Watched } from './checker.js';
import { PowerLoss, SimulatedDisk, SimulatedStorage } from './disk.js';
import type { World } from './world.js';

export const clusterName = 'simulated';
export const clusterId = 'simulated-cluster';

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

interface Life {
  readonly number: number;
  readonly storage: SimulatedStorage;
  readonly member: Member;
  readonly watched: Watched;
  receive: ((message: Message) => void) | undefined;
  answer: ((from: string, verb: string, body: Uint8Array) => Promise<Uint8Array>) | undefined;
}

/** `refused` is for good: its disk is spoilt. */
export type Standing = 'blank' | 'running' | 'down' | 'refused';

export class SimulatedController {
  readonly id: NodeId;
  readonly place: number;
  readonly disk = new SimulatedDisk();
  readonly #world: World;
  readonly #random: Random;
  standing: Standing = 'blank';
  knowsRemoved = false;
  life: Life | undefined;
  /** Processes of this controller, counted: what was begun in one is nothing to the next. */
  #lives = 0;
  #paused = false;
  readonly #deferred: (() => void)[] = [];
  /** How fast its clock runs. */
  clockRate = 1;
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

  get isRunning(): boolean {
    return this.life !== undefined;
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
  prepare(): void {
    this.disk.identity = this.#identity();
    this.start();
  }

  start(): void {
    if (this.life !== undefined || this.standing === 'refused') return;
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
        return;
      case 'start-member':
      case 'serve-as-removed':
        this.#live();
        return;
      case 'refuse':
        this.standing = 'refused';
        if (this.disk.rotten.size === 0 && !this.disk.logLost)
          this.#world.violate('start refused', `${this.id}: ${decided.found}`);
        return;
      default:
        this.#world.violate('start', `${this.id} would ${decided.outcome}`);
    }
  }

  #live(): void {
    this.#lives += 1;
    const number = this.#lives;
    const world = this.#world;
    const storage = new SimulatedStorage(this.id, this.disk, world.snapshots, {
      random: this.#random,
      later: (delayMs, call) => this.#later(delayMs, call),
      powerOff: () => this.#powerOff(),
      persisted: (entries, hardState) => {
        if (this.life?.number !== number) world.violate('simulator', `${this.id}: a process that is gone wrote`);
        world.checker.persisted(this.id, this.disk, entries, hardState);
      },
      installed: (meta) => world.checker.installed(this.id, meta),
      fired: (fault) => world.cover(`disk: ${fault}`),
    });
    const server = new SnapshotServer(storage);
    const transport = {
      send: (message: Message) => this.#send(message),
      receive: (handler: (message: Message) => void) => {
        if (this.life !== undefined) this.life.receive = handler;
      },
      request: (to: string, verb: string, body: Uint8Array, timeoutMs: number) =>
        this.#request(to, verb, body, timeoutMs),
      answer: () => undefined,
    };
    const clock = {
      now: () => world.queue.now * this.clockRate + this.clockOffsetMs + 1_000_000,
      monotonicMs: () => world.queue.now,
      after: (delayMs: number, call: () => void) => {
        const scheduled = world.queue.schedule(delayMs / this.clockRate, () => this.inLife(number, call));
        return () => {
          scheduled.run = undefined;
        };
      },
      every: (intervalMs: number, call: () => void) => this.#tick(number, intervalMs, call),
    };
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
          leadership: () => undefined,
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
    this.life = {
      number,
      storage,
      member,
      watched,
      receive: undefined,
      answer: async (from, verb, body) => {
        if (verb === 'snapshot.describe') return server.describe(body);
        if (verb === 'snapshot.chunk') return server.chunk(from, body);
        throw new QuorateError('unknown-verb');
      },
    };
    this.standing = 'running';
    world.checker.started(this.id, this.disk, watched);
    member.start();
  }

  #startFailed(error: unknown): void {
    if (isDiskTrouble(error)) {
      this.standing = 'refused';
      this.#world.cover('start: damage found late');
    } else
      this.#world.violate(
        'member cannot start',
        `${this.id}: ${error instanceof Error ? error.message : String(error)}`,
      );
  }

  /** The process ends at once. A kill leaves what was written; a loss of power only what was synced. */
  crash(how: 'kill' | 'power'): void {
    if (this.life === undefined) return;
    this.life = undefined;
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

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const call of this.#deferred.splice(0)) this.#world.soon(call);
  }

  #failed(number: number, error: unknown): void {
    if (this.life?.number !== number || error instanceof PowerLoss) return;
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
    if (this.life?.number === number) this.#world.checker.applied(this.life.watched, entries);
  }

  #identity(): Identity {
    return { clusterName, clusterId, nodeId: this.id };
  }

  // ----------------------------------------------------------------------------------------------------------- time, turns

  /** Calls if that process still lives; a paused one does it when it goes on. */
  inLife(number: number, call: () => void): void {
    if (this.life?.number !== number) return;
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
      if (stopped || this.life?.number !== number) return;
      this.#world.queue.schedule(intervalMs / this.clockRate, next);
      // Ticks that are missed while the process is paused are not made up for.
      if (this.#paused) return;
      this.#world.active = this;
      call();
      if (this.life?.number === number) this.#world.checker.ticked(this.life.watched);
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
    } else if (this.life?.number === number) call();
  }

  // --------------------------------------------------------------------------------------------------------------- network

  #send(message: Message): void {
    const world = this.#world;
    if (this.life === undefined) return;
    world.checker.sent(this.life.watched, message);
    world.trace?.(() => `${this.id} -> ${message.to}  ${describeMessage(message)}`);
    const target = world.byId.get(message.to);
    if (target === undefined) return;
    world.network.carry(this.place, target.place, message.type, () => target.#receive(message));
  }

  #receive(message: Message): void {
    const { life } = this;
    // A controller without a cluster hears nothing of Raft.
    if (life === undefined || this.disk.identity === null) return;
    this.inLife(life.number, () => {
      const { checker } = this.#world;
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
    });
  }

  #request(to: string, verb: string, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
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
    const { life } = this;
    const world = this.#world;
    const carry = (answer: Uint8Array | QuorateError): void =>
      world.network.carry(this.place, from.place, 'answer', () => settle(answer));
    if (life === undefined) {
      if (this.#random.chance(0.5)) carry(new QuorateError('no-responders'));
      return;
    }
    this.inLife(life.number, () => {
      life
        .answer?.(from.id, verb, body)
        .then(carry, (error: unknown) =>
          carry(error instanceof QuorateError ? error : new QuorateError('internal', String(error))),
        );
    });
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
