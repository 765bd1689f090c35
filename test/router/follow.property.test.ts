/**
 * Random worlds: events are lost, repeated and late; controllers lag, answer with refusals or not at all; histories begin
 * anew; the journal forgets; connections break. Whatever happens on the way, once a controller says where it stands and
 * answers, the router's model is the source's; and on the way it never goes back and never leaves anything out. A router
 * that follows its own part only holds, after each single change, just what the rules say that it is at that position.
 */
import test from 'ava';
import { toQuorateError } from '../../messaging/errors.js';
import {
  comparable,
  type Entity,
  type ModelChange,
  type Position,
  relateTimelines,
  type SyncRequest,
  selectionOf,
  selects,
  syncReplySchema,
} from '../../messaging/index.js';
import {
  type Follow,
  type FollowEffect,
  type FollowEffects,
  initialFollow,
  isFollowing,
  onChange,
  onControllerPosition,
  onSyncReply,
  onSyncTimer,
  pause,
  resume,
  type SyncOutcome,
} from '../../messaging/router/follow.js';
import { RouterModel } from '../../messaging/router/model-view.js';
import { SharedChanges } from '../../node/server/routers/shared-changes.js';
import { SharedModel } from '../../node/server/routers/shared-model.js';
import { type Random, seededRandom } from '../support/random.js';
import { ModelSource, Replica, sorted } from './support/source.js';

const worlds = Number(process.env['QUORATE_TEST_WORLDS'] ?? 300);
const stepsPerWorld = 150;

class Controller {
  readonly replica: Replica;
  readonly changes: SharedChanges;
  readonly model: SharedModel;

  constructor(
    readonly id: string,
    world: World,
  ) {
    this.replica = new Replica(world.source);
    const small = { replyBytesMax: 400, sliceEntities: 3, changesMax: 4 };
    this.changes = new SharedChanges({ reader: this.replica, controller: id, limits: small });
    this.model = new SharedModel({
      reader: this.replica,
      controller: id,
      now: () => world.now,
      limits: { ...small, modelReuseMs: 20, modelKeepMs: 50 },
      // Where other work gets its turn, the model changes: what is read must come out exact all the same.
      yieldTurn: async () => {
        if (world.random.chance(0.7)) world.change();
        if (world.random.chance(0.7)) this.replica.catchUp(world.random.between(1, 3));
      },
    });
  }
}

const me = 's1';
const roles = ['#a', '#b', '#c', '#all', '@s1', '@s2', '@s3'];

/** What concerns a router, said in the plainest way. */
function partBySpecification(entities: Iterable<Entity>): readonly Entity[] {
  const all = [...entities];
  const self = all.find((each) => each.kind === 'router' && each.id === me);
  if (self === undefined) return [];
  const policies = all.filter((each) => each.kind === 'policy' && selects(selectionOf(each, 'routerRoles'), self));
  const joined = (kind: string, side: 'serviceRoles' | 'identityRoles') =>
    all.filter((each) => each.kind === kind && policies.some((policy) => selects(selectionOf(policy, side), each)));
  return [self, ...policies, ...joined('service', 'serviceRoles'), ...joined('identity', 'identityRoles')];
}

const placeOf = ({ timeline, indexType, index }: Position) => `${timeline.epoch} ${indexType} ${index}`;

/** One router and the world around it, with messages under way. */
class World {
  readonly random: Random;
  readonly source: ModelSource;
  readonly controllers: readonly Controller[];
  readonly model = new RouterModel();
  readonly #events: ModelChange[] = [];
  #asked: (FollowEffect & { effect: 'ask' })[] = [];
  #timer = false;
  /** In worlds of a router that follows its own part: what the model was at each position. */
  readonly #history = new Map<string, readonly Entity[]>();
  follow: Follow;
  isConnected = true;
  now = 0;
  epoch = 1;

  constructor(
    seed: number,
    readonly own: boolean,
  ) {
    this.random = seededRandom(seed);
    this.follow = initialFollow(null, own ? me : null);
    this.source = new ModelSource(undefined, 'raft', this.random.pick([3, 10, 1000]));
    this.controllers = ['a', 'b', 'c'].map((id) => new Controller(id, this));
  }

  change(): void {
    const id = `s${this.random.between(1, this.own ? 4 : 12)}`;
    const kind = this.random.pick(this.own ? ['service', 'policy', 'identity', 'router'] : ['service', 'policy']);
    const known = this.source.entities.has(`${kind}/${id}`);
    const change =
      known && this.random.chance(this.own ? 0.2 : 0.4)
        ? this.source.delete(kind, id)
        : this.source.put(kind, id, id, this.own ? this.#spec() : undefined);
    this.#remember();
    this.publish(change);
  }

  #spec(): Entity['spec'] {
    const some = (from: readonly string[]) => from.filter(() => this.random.chance(0.3));
    const roleAttributes = some(['a', 'b', 'c']);
    const semantic = this.random.pick(['AnyOf', 'AllOf']);
    return {
      roleAttributes,
      semantic,
      serviceRoles: some(roles),
      identityRoles: some(roles),
      routerRoles: some(roles),
    };
  }

  #remember(): void {
    if (this.own) this.#history.set(placeOf(this.source.position), [...this.source.entities.values()]);
  }

  /** What the router should hold where it stands. */
  expected(position: Position | null): readonly Entity[] {
    const whole = position === null ? undefined : this.#history.get(placeOf(position));
    return sorted(this.own ? partBySpecification(whole ?? []) : this.source.entities.values());
  }

  held(): readonly Entity[] {
    return sorted(this.model.kinds().flatMap((kind) => this.model.list(kind)));
  }

  #checkPart(): void {
    if (!this.own) return;
    const [held, expected] = [this.held(), this.expected(this.model.position)];
    if (JSON.stringify(held) !== JSON.stringify(expected))
      throw new Error(
        `not its part at ${JSON.stringify(this.model.position)}: ${keys(held)} and not ${keys(expected)}`,
      );
  }

  publish(change: ModelChange): void {
    if (!this.isConnected || this.random.chance(0.1)) return;
    this.#events.push(change);
    if (this.random.chance(0.1)) this.#events.push(change);
    if (this.random.chance(0.1)) {
      const at = this.random.between(0, this.#events.length - 1);
      this.#events.splice(at, 0, ...this.#events.splice(this.#events.length - 1, 1));
    }
  }

  run(work: (follow: Follow, out: FollowEffects) => Follow): void {
    const out: FollowEffects = [];
    this.follow = work(this.follow, out);
    for (const effect of out) {
      this.#perform(effect);
      this.#checkPart();
    }
  }

  #perform(effect: FollowEffect): void {
    switch (effect.effect) {
      case 'ask':
        if (this.isConnected) this.#asked.push(effect);
        return;
      case 'timer':
        this.#timer = true;
        return;
      case 'apply':
        this.#checkFollows(effect.change);
        this.model.apply(effect.change, effect.source, effect.part);
        return;
      case 'advance':
        this.#checkForward(effect.position);
        this.model.advance(effect.position);
        return;
      case 'replace':
        this.#checkForward(effect.position);
        this.model.replace(effect.entities, effect.position, effect.part);
        return;
      case 'conflict':
        throw new Error('there is no conflict in this world');
      case 'count':
        return;
    }
  }

  #checkFollows(change: ModelChange): void {
    const held = this.model.position;
    if (held === null || !comparable(held, change.position)) throw new Error('a change of another history was applied');
    if (change.position.index <= held.index)
      throw new Error(`applied twice: ${change.position.index} at ${held.index}`);
    if (change.previousIndex > held.index) throw new Error(`left out: ${change.previousIndex} after ${held.index}`);
  }

  #checkForward(position: Position): void {
    const held = this.model.position;
    if (held === null) return;
    if (relateTimelines(held.timeline, position.timeline) === 'older') throw new Error('went back to an older history');
    if (comparable(held, position) && position.index < held.index) throw new Error('went back');
  }

  deliverEvent(): void {
    const event = this.#events.shift();
    if (event !== undefined && this.isConnected) this.run((follow, out) => onChange(follow, event, out));
  }

  async answer(loss: number): Promise<void> {
    const ask = this.#asked.shift();
    if (ask === undefined || !this.isConnected) return;
    const { random } = this;
    const controller = this.controllers.find((each) => each.id === ask.controller) ?? random.pick(this.controllers);
    const outcome = random.chance(loss) ? ({ what: 'failed' } as const) : await this.#outcomeOf(controller, ask);
    this.run((follow, out) => onSyncReply(follow, ask.request, outcome, out));
    // Once more, as a network may: it must be of no effect.
    if (random.chance(0.1)) this.run((follow, out) => onSyncReply(follow, ask.request, outcome, out));
  }

  async #outcomeOf(controller: Controller, { want }: FollowEffect & { effect: 'ask' }): Promise<SyncOutcome> {
    try {
      const bytes = want.what === 'changes' ? controller.changes.after(want.after) : await this.#page(controller, want);
      return syncReplySchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
    } catch (error) {
      return { v: 1, what: 'refused', error: toQuorateError(error).toWire() };
    }
  }

  /** Now and then by a controller that knows nothing of parts, and gives the whole. */
  #page(controller: Controller, want: SyncRequest['want'] & { what: 'model' }): Promise<Uint8Array> {
    const own = want.scope === 'own' && controller.id !== 'c' ? me : undefined;
    return controller.model.page(want.cursor, { own, atLeast: want.atLeast });
  }

  fireTimer(): void {
    if (!this.#timer || !this.isConnected) return;
    this.#timer = false;
    this.run(onSyncTimer);
  }

  hello(controller: Controller): void {
    const position = controller.replica.position();
    if (position === null || !this.isConnected) return;
    this.run((follow, out) => onControllerPosition(follow, position, out).follow);
  }

  disconnect(): void {
    this.isConnected = false;
    this.#events.length = 0;
    this.#asked = [];
    this.follow = pause(this.follow);
  }

  reconnect(): void {
    this.isConnected = true;
    this.hello(this.random.pick(this.controllers));
    this.run(resume);
  }

  beginHistory(): void {
    this.epoch += 1;
    const { random } = this;
    const kept = [...this.source.entities.values()].filter(() => random.chance(0.7));
    this.source.begin({
      timeline: { id: `history-${this.epoch}`, epoch: this.epoch },
      indexType: random.pick(['legacy', 'raft']),
      entities: kept,
    });
    this.#remember();
  }

  async step(): Promise<void> {
    const { random } = this;
    this.now += random.between(0, 10);
    const dice = random.next();
    if (dice < 0.3) this.change();
    else if (dice < 0.55) this.deliverEvent();
    else if (dice < 0.72) await this.answer(0.2);
    else if (dice < 0.8) this.fireTimer();
    else if (dice < 0.92) random.pick(this.controllers).replica.catchUp(random.between(1, 5));
    else if (dice < 0.95) this.hello(random.pick(this.controllers));
    else if (dice < 0.98) this.isConnected ? this.disconnect() : this.reconnect();
    else this.beginHistory();
  }

  /** The world calms down: controllers are up to date, the router hears from one, and everything it asks is answered. */
  async settle(): Promise<void> {
    if (!this.isConnected) this.reconnect();
    for (const controller of this.controllers) controller.replica.catchUp();
    for (const controller of this.controllers) controller.model.expire();
    const [first] = this.controllers;
    for (let turn = 0; turn < 200; turn += 1) {
      this.now += 1000;
      this.deliverEvent();
      await this.answer(0);
      this.fireTimer();
      for (const controller of this.controllers) controller.replica.catchUp();
      if (this.#events.length === 0 && this.#asked.length === 0 && first !== undefined) this.hello(first);
      const isThere = JSON.stringify(this.follow.held) === JSON.stringify(this.source.position);
      if (isFollowing(this.follow) && this.#events.length === 0 && isThere) return;
    }
    throw new Error(
      `not settled: ${JSON.stringify({ held: this.follow.held, target: this.follow.target, sync: this.follow.sync, source: this.source.position })}`,
    );
  }
}

const keys = (entities: readonly Entity[]) => entities.map(({ kind, id }) => `${kind}/${id}`).join();

for (const own of [false, true]) {
  test(`a router that follows ${own ? 'its own part' : 'the whole model'} never misses an event, whatever is lost, repeated, late or reordered on the way`, async (t) => {
    for (let seed = 1; seed <= worlds; seed += 1) {
      const world = new World(seed, own);
      const [first] = world.controllers;
      if (first !== undefined) {
        first.replica.catchUp();
        world.hello(first);
      }
      try {
        for (let step = 0; step < stepsPerWorld; step += 1) await world.step();
        await world.settle();
        t.deepEqual(world.held(), world.expected(world.source.position), `seed ${seed}`);
      } catch (error) {
        t.fail(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
        return;
      }
    }
  });
}
