/** How a router follows the model, as conversations: what arrives, and what the router does about it. */
import test from 'ava';
import type { Entity, ModelChange, Position, Timeline } from '../../messaging/index.js';
import {
  type Follow,
  type FollowCounter,
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
import { routerLimits } from '../../messaging/router/limits.js';

const first: Timeline = { id: 'first', epoch: 1 };
const second: Timeline = { id: 'second', epoch: 2 };
const at = (index: number, timeline: Timeline = first): Position => ({ timeline, indexType: 'raft', index });
const entity = (id: string): Entity => ({
  kind: 'service',
  id,
  name: id,
  version: 1,
  createdAt: 1,
  updatedAt: 1,
  tags: {},
  spec: {},
});
const change = (index: number, previousIndex = index - 1, timeline: Timeline = first): ModelChange => ({
  position: at(index, timeline),
  previousIndex,
  type: 'created',
  entity: entity(`s${index}`),
});
const page = (
  index: number,
  cursor: string | null,
  timeline: Timeline = first,
  controller = 'n1',
  entities = [entity(`of-${index}`)],
): SyncOutcome => ({
  v: 1,
  what: 'model',
  controller,
  position: at(index, timeline),
  entities,
  cursor,
});
const changes = (position: Position, list: readonly ModelChange[], more = false): SyncOutcome => ({
  v: 1,
  what: 'changes',
  controller: 'n1',
  position,
  changes: [...list],
  more,
});
const refused = (code: string, details?: Record<string, unknown>): SyncOutcome => ({
  v: 1,
  what: 'refused',
  error: { code, message: code, remedy: '', details },
});

/** A router, and what it has done. */
class Router {
  follow: Follow = initialFollow(null);
  readonly done: string[] = [];
  readonly counts = new Map<FollowCounter, number>();
  waitMs: readonly [number, number] | null = null;

  constructor(anchor: Timeline | null = null) {
    this.follow = initialFollow(anchor);
  }

  static live(index: number, timeline: Timeline = first): Router {
    const router = new Router();
    router.welcome(at(index, timeline));
    router.reply(page(index, null, timeline));
    router.done.length = 0;
    router.counts.clear();
    return router;
  }

  run(work: (follow: Follow, out: FollowEffects) => Follow): this {
    const out: FollowEffects = [];
    this.follow = work(this.follow, out);
    for (const effect of out) this.#note(effect);
    return this;
  }

  #note(effect: FollowEffect): void {
    switch (effect.effect) {
      case 'ask':
        this.done.push(
          effect.want.what === 'changes'
            ? `ask changes after ${effect.want.after.index}`
            : `ask page ${effect.want.cursor ?? 'one'} of ${effect.controller ?? 'any'}`,
        );
        return;
      case 'timer':
        this.waitMs = [effect.minMs, effect.maxMs];
        this.done.push('wait');
        return;
      case 'apply':
        this.done.push(`apply ${effect.change.position.index}`);
        return;
      case 'replace':
        this.done.push(`model at ${effect.position.index}@${effect.position.timeline.epoch}`);
        return;
      case 'advance':
        this.done.push(`advance to ${effect.position.index}`);
        return;
      case 'conflict':
        this.done.push(`conflict with ${effect.claimed.id}`);
        return;
      case 'count':
        this.counts.set(effect.counter, (this.counts.get(effect.counter) ?? 0) + 1);
    }
  }

  hear(...list: readonly ModelChange[]): this {
    for (const each of list) this.run((follow, out) => onChange(follow, each, out));
    return this;
  }

  welcome(position: Position): 'stale' | 'conflict' | null {
    let answer: 'stale' | 'conflict' | null = null;
    this.run((follow, out) => {
      const decided = onControllerPosition(follow, position, out);
      answer = decided.refused;
      return decided.follow;
    });
    return answer;
  }

  reply(outcome: SyncOutcome): this {
    const { requests } = this.follow;
    return this.run((follow, out) => onSyncReply(follow, requests, outcome, out));
  }

  timer(): this {
    return this.run(onSyncTimer);
  }

  took(): readonly string[] {
    return this.done.splice(0);
  }
}

test('a router that starts takes the whole model, page after page from the same controller', (t) => {
  const router = new Router();
  router.welcome(at(20));
  t.deepEqual(router.took(), ['ask page one of any']);
  router.reply(page(20, '20/1', first, 'n2'));
  t.deepEqual(router.took(), ['ask page 20/1 of n2']);
  router.reply(page(20, null, first, 'n2'));
  t.deepEqual(router.took(), ['model at 20@1']);
  t.true(isFollowing(router.follow));
});

test('changes that arrive while the model is taken are applied after it', (t) => {
  const router = new Router();
  router.welcome(at(20));
  router.hear(change(21), change(22)).reply(page(21, null));
  t.deepEqual(router.took(), ['ask page one of any', 'model at 21@1', 'apply 22']);
  t.true(isFollowing(router.follow));
  t.is(router.follow.buffer.size, 0, 'neither what was applied is kept, nor what the model held already');
});

test('a page at another position begins the model anew', (t) => {
  const router = new Router();
  router.welcome(at(20));
  router.reply(page(20, '20/1')).reply(page(23, '23/2'));
  t.is(router.counts.get('pageRestarts'), 1);
  t.is(router.follow.held, null);
  router.timer();
  t.deepEqual(router.took().slice(-2), ['wait', 'ask page one of any']);
});

test('after failed attempts at one page the model is asked of any controller', (t) => {
  const router = new Router();
  router.welcome(at(20));
  router.reply(page(20, '20/1', first, 'n3')).took();
  for (let attempt = 1; attempt < routerLimits.pageAttemptsMax; attempt += 1) {
    router.reply({ what: 'failed' }).timer();
    t.deepEqual(router.took(), ['wait', 'ask page 20/1 of n3']);
  }
  router.reply({ what: 'failed' }).timer();
  t.deepEqual(router.took(), ['wait', 'ask page one of any']);
});

test('a first page from before what is held is not taken: a router never goes back', (t) => {
  const router = Router.live(30);
  router.hear(change(50, 40)).timer().reply(refused('snapshot-required'));
  t.deepEqual(router.took(), ['wait', 'ask changes after 30', 'ask page one of any']);
  router.reply(page(29, null));
  t.deepEqual(router.took(), ['wait']);
  t.is(router.follow.held?.index, 30);
});

test('a model that live changes have overtaken is not used', (t) => {
  const router = Router.live(30);
  router.hear(change(33, 31)).timer().reply(refused('snapshot-required')).reply(page(32, '32/1')).took();
  router.hear(change(31, 30));
  t.deepEqual(router.took(), ['apply 31', 'apply 33']);
  router.reply(page(32, null));
  t.deepEqual(router.took(), []);
  t.is(router.follow.held?.index, 33);
  t.true(isFollowing(router.follow));
});

test('a gap is asked for after a short wait, and what came meanwhile is applied once', (t) => {
  const router = Router.live(10);
  router.hear(change(12), change(13));
  t.deepEqual(router.took(), ['wait']);
  t.deepEqual(router.waitMs, [0, routerLimits.gapWaitMs]);
  router.timer().reply(changes(at(12), [change(11), change(12)]));
  t.deepEqual(router.took(), ['ask changes after 10', 'apply 11', 'apply 12', 'apply 13']);
  t.true(isFollowing(router.follow));
});

test('a gap that closes by itself asks nothing', (t) => {
  const router = Router.live(10);
  router.hear(change(12), change(11));
  t.deepEqual(router.took(), ['wait', 'apply 11', 'apply 12']);
  router.timer();
  t.deepEqual(router.took(), []);
  t.true(isFollowing(router.follow));
  t.is(router.follow.buffer.size, 0, 'what was applied is not kept');
});

test('a change applied once is not applied again, from wherever it comes', (t) => {
  const router = Router.live(10);
  router.hear(change(11), change(11), change(13)).timer();
  router.took();
  router.reply(changes(at(13), [change(11), change(12), change(13)])).hear(change(12), change(13));
  t.deepEqual(router.took(), ['apply 12', 'apply 13']);
  t.is(router.counts.get('duplicates'), 3);
});

test('many changes are fetched in several answers', (t) => {
  const router = Router.live(10);
  router.welcome(at(14));
  router.reply(changes(at(14), [change(11), change(12)], true)).reply(changes(at(14), [change(13), change(14)]));
  t.deepEqual(router.took(), [
    'ask changes after 10',
    'apply 11',
    'apply 12',
    'ask changes after 12',
    'apply 13',
    'apply 14',
  ]);
});

test('an answer with more to come that leads nowhere is not asked for again at once', (t) => {
  const router = Router.live(10);
  router.welcome(at(14));
  router.reply(changes(at(14), [], true));
  t.deepEqual(router.took(), ['ask changes after 10', 'wait']);
});

test('an answer that leaves something out is not believed: the whole model is taken', (t) => {
  const router = Router.live(10);
  router.welcome(at(14));
  router.reply(changes(at(14), [change(11), change(13)]));
  t.deepEqual(router.took(), ['ask changes after 10', 'apply 11', 'ask page one of any']);
  t.is(router.counts.get('badReplies'), 1);
});

test('a late answer to an earlier request has no effect', (t) => {
  const router = Router.live(10);
  router.welcome(at(12));
  const late = router.follow.requests;
  router.reply({ what: 'failed' }).timer().took();
  router.run((follow, out) => onSyncReply(follow, late, changes(at(12), [change(11), change(12)]), out));
  t.deepEqual(router.took(), []);
  t.is(router.follow.held?.index, 10);
});

test('a controller that is overloaded is asked again no sooner than it says', (t) => {
  const router = Router.live(10);
  router.welcome(at(12));
  router.reply(refused('overloaded', { retryAfterMs: 3000 }));
  t.true((router.waitMs?.[0] ?? 0) >= 3000);
  router.timer().reply(refused('overloaded', { retryAfterMs: Number.POSITIVE_INFINITY }));
  t.true((router.waitMs?.[1] ?? 0) <= 2 * routerLimits.retryWaitMaxMs);
});

test('waits double up to a bound', (t) => {
  const router = Router.live(10);
  router.welcome(at(12));
  const longest: number[] = [];
  for (let attempt = 0; attempt < 12; attempt += 1) {
    router.reply({ what: 'failed' });
    longest.push(router.waitMs?.[1] ?? 0);
    router.timer();
  }
  t.deepEqual(longest.slice(0, 4), [100, 200, 400, 800]);
  t.is(longest.at(-1), routerLimits.retryWaitMaxMs);
});

test('changes ahead are kept up to a bound, and over it asked for again', (t) => {
  const router = Router.live(10);
  for (let index = 12; index <= 12 + routerLimits.bufferedChangesMax; index += 1) router.hear(change(index));
  t.is(router.counts.get('bufferOverflows'), 1);
  t.is(router.follow.buffer.size, 0);
  const last = 12 + routerLimits.bufferedChangesMax;
  router.timer().took();
  router.reply(changes(at(11), [change(11)]));
  t.deepEqual(router.took(), ['apply 11', 'wait']);
  const missing = Array.from({ length: last - 11 }, (_, place) => change(12 + place));
  router.timer().reply(changes(at(last), missing));
  t.is(router.follow.held?.index, last);
  t.true(isFollowing(router.follow));
});

test('a higher epoch leads to the whole model, and its changes are kept meanwhile', (t) => {
  const router = Router.live(900);
  router.hear(change(3, 2, second), change(4, 3, second)).timer();
  // After a random wait: all routers hear that change at once.
  t.deepEqual(router.took(), ['wait', 'ask page one of any']);
  t.deepEqual(router.waitMs, [0, routerLimits.modelSpreadMs]);
  router.reply(page(3, null, second));
  t.deepEqual(router.took(), ['model at 3@2', 'apply 4']);
});

test('a lower epoch is ignored: changes, controllers and pages', (t) => {
  const router = Router.live(3, second);
  t.is(router.welcome(at(900)), 'stale');
  router.hear(change(900));
  t.deepEqual(router.took(), []);
  router
    .hear(change(9, 8, second))
    .timer()
    .reply(refused('snapshot-required'))
    .took();
  router.reply(page(900, null, first));
  t.deepEqual(router.took(), ['wait']);
  t.is(router.follow.held?.timeline.epoch, 2);
});

test('the list of controllers on disk tells a restarted router which history is its own', (t) => {
  const router = new Router(second);
  t.is(router.welcome(at(5)), 'stale');
  t.is(router.welcome(at(5, { id: 'impostor', epoch: 2 })), 'conflict');
  router.hear(change(6), change(6, 5, { id: 'impostor', epoch: 2 }));
  t.deepEqual(router.took(), ['conflict with impostor', 'conflict with impostor']);
  t.is(router.welcome(at(5, second)), null);
  t.deepEqual(router.took(), ['ask page one of any']);
});

test('the same epoch with another id is an alarm, in a change, a greeting and an answer', (t) => {
  const impostor: Timeline = { id: 'impostor', epoch: 1 };
  const router = Router.live(10);
  router.hear(change(11, 10, impostor));
  t.is(router.welcome(at(11, impostor)), 'conflict');
  router.welcome(at(12));
  router.reply(changes(at(12, impostor), [change(11, 10, impostor)]));
  t.deepEqual(router.took(), [
    'conflict with impostor',
    'conflict with impostor',
    'ask changes after 10',
    'conflict with impostor',
    'wait',
  ]);
  t.is(router.follow.held?.index, 10);
});

test('a history that no controller answers from is given up, and the one that is held goes on', (t) => {
  const router = Router.live(10);
  router
    .hear(change(99, 98, second))
    .timer()
    .took();
  router.hear(change(11));
  t.deepEqual(router.took(), ['apply 11']);
  for (let reply = 1; reply < routerLimits.olderRepliesMax; reply += 1) router.reply(page(10, null)).timer();
  t.is(router.follow.sync?.what, 'model');
  router.took();
  router.reply(page(10, null));
  t.deepEqual(router.took(), ['ask changes after 11']);
  router.reply(changes(at(11), []));
  t.true(isFollowing(router.follow));
});

test('a position that no controller reaches is given up, and the router goes on', (t) => {
  const router = Router.live(10);
  router.hear(change(1_000_000, 999_999)).timer();
  for (let reply = 0; reply <= routerLimits.unreachedRepliesMax; reply += 1) router.reply(changes(at(10), [])).timer();
  t.true(isFollowing(router.follow));
  t.is(router.counts.get('targetsGivenUp'), 1);
  router.took();
  router.hear(change(11));
  t.deepEqual(router.took(), ['apply 11']);
});

test('a change that brings more into the own part than it holds is not applied: the part is taken again, from there on', (t) => {
  const self: Entity = { ...entity('r1'), kind: 'router', spec: { roleAttributes: ['eu'] } };
  const policy: Entity = { ...entity('p'), kind: 'policy', spec: { routerRoles: ['#eu'], serviceRoles: ['#all'] } };
  const router = new Router();
  router.follow = initialFollow(null, 'r1');
  router.welcome(at(10));
  const given = (index: number, ...entities: Entity[]) => page(index, null, first, 'n1', entities);
  router.reply(given(10, self)).took();
  router.hear({ ...change(11), entity: policy }, change(12)).timer();
  t.deepEqual(router.took(), ['wait', 'ask page one of any']);
  // A controller that lags gives what has no use; it is asked again.
  router.reply(given(10, self)).timer();
  t.deepEqual(router.took(), ['wait', 'ask page one of any']);
  router.reply(given(11, self, policy, entity('s1')));
  t.deepEqual(router.took(), ['model at 11@1', 'apply 12']);
  t.true(isFollowing(router.follow));
  // So it is where the change was missed and is fetched.
  const wider = { ...policy, spec: { ...policy.spec, identityRoles: ['#all'] } };
  router.hear(change(15, 14)).timer();
  router.reply(changes(at(15), [change(13), { ...change(14), entity: wider }, change(15)]));
  t.deepEqual(router.took(), ['wait', 'ask changes after 12', 'apply 13', 'ask page one of any']);
  router.reply(given(14, self, wider));
  t.deepEqual(router.took(), ['model at 14@1', 'apply 15']);
});

test('a part that no controller can give from where it is needed does not hold the router up for ever', (t) => {
  const router = new Router();
  router.follow = initialFollow(null, 'r1');
  router.welcome(at(10));
  router.reply(page(10, null)).took();
  router.hear({ ...change(11), entity: { ...entity('r1'), kind: 'router' } }).timer();
  for (let reply = 0; reply <= routerLimits.unreachedRepliesMax; reply += 1) router.reply(page(10, null)).timer();
  t.is(router.follow.sync?.what, 'changes');
});

test('legacy and raft indexes are never compared', (t) => {
  const router = Router.live(900);
  const legacy = { ...change(5), position: { ...at(5), indexType: 'legacy' as const } };
  router.hear(legacy);
  t.deepEqual(router.took(), ['wait']);
  t.is(router.follow.sync?.what, 'model');
});

test('what was asked when the connection broke is asked again', (t) => {
  const router = Router.live(10);
  router.welcome(at(12));
  router.took();
  router.run((follow) => pause(follow));
  router.reply(changes(at(12), [change(11), change(12)]));
  t.is(router.follow.held?.index, 10, 'the answer came from a connection that is gone');
  router.run(resume);
  t.deepEqual(router.took(), ['ask changes after 10']);
});

test('a controller that stands further on without a change moves the position only', (t) => {
  const router = Router.live(10);
  router.welcome(at(15));
  router.reply(changes(at(15), []));
  t.deepEqual(router.took(), ['ask changes after 10', 'advance to 15']);
  router.hear(change(17, 10));
  t.deepEqual(router.took(), ['apply 17']);
});

test('an answer of the wrong kind, or pages without end, are not believed', (t) => {
  const router = Router.live(10);
  router.welcome(at(12));
  router.reply(page(12, null));
  t.is(router.follow.held?.index, 10);
  t.is(router.counts.get('badReplies'), 1);
  router.timer().reply(page(12, 'x')).reply(page(12, 'x'));
  t.is(router.counts.get('badReplies'), 2);
});

test('changes of a kind that a newer version made are not asked for again and again: the model is taken', (t) => {
  const router = Router.live(10);
  router.welcome(at(12));
  router.reply({ what: 'not-understood' });
  t.deepEqual(router.took().slice(-1), ['ask page one of any']);
  router.reply({ what: 'not-understood' });
  t.deepEqual(router.took(), ['wait'], 'a page is asked for again, after a wait');
  router.timer().reply(page(12, null));
  t.is(router.follow.held?.index, 12);
  t.true(isFollowing(router.follow));
});

test('a page of an impostor is not taken', (t) => {
  const router = Router.live(10);
  router.hear(change(50, 40)).timer().reply(refused('snapshot-required')).took();
  router.reply(page(60, null, { id: 'impostor', epoch: 1 }));
  t.deepEqual(router.took(), ['conflict with impostor', 'wait']);
  t.is(router.follow.held?.timeline.id, 'first');
});

test('changes ahead are kept once each, in order, and only those of the newest history', (t) => {
  const router = Router.live(10);
  router.hear(change(15), change(13), change(15), change(14), change(13));
  t.deepEqual(
    [...router.follow.buffer].map((each) => each.position.index),
    [13, 14, 15],
  );
  router.hear(change(7, 6, second));
  t.deepEqual(
    [...router.follow.buffer].map((each) => each.position),
    [at(7, second)],
  );
});
