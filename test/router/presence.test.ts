/** Who is there, as the controllers see it: what is published, by whom, and when nothing may be. */
import test from 'ava';
import { type Heartbeat, type HelloRequest, type Position, QuorateError } from '../../messaging/index.js';
import { Presence, type Standing } from '../../node/server/routers/presence.js';

const options = { heartbeatMs: 1000, heartbeatsMissedMax: 3, reconnectGraceMs: 5000, routersMax: 3 };
const at = (index: number, epoch = 1): Position => ({ timeline: { id: `t${epoch}`, epoch }, indexType: 'raft', index });
const standing: Standing = { model: at(10), endpoints: at(2) };
const hello = (router: string, more: Partial<HelloRequest> = {}): HelloRequest => ({
  router,
  version: '1',
  protocol: { min: 1, max: 1 },
  indexTypes: ['raft'],
  position: null,
  incarnation: 1,
  ...more,
});
const beat = (router: string, more: Partial<Heartbeat> = {}): Heartbeat => ({
  v: 1,
  router,
  incarnation: 1,
  position: at(10),
  endpoints: at(2),
  controller: 'n1',
  protocolVersion: 1,
  version: '1',
  counters: {},
  ...more,
});

/** One member: it hears, and when it leads it publishes, which all others hear. */
class Member {
  readonly presence = new Presence(options);
  publish(nowMs: number, ...others: readonly Member[]): readonly string[] {
    const transitions = this.presence.unpublished(nowMs);
    for (const { router, online } of transitions)
      for (const each of [this, ...others]) each.presence.published(router, online);
    return transitions.map(({ router, online }) => `${router} ${online ? 'online' : 'offline'}`);
  }
}

test('a router is online with its hello, and offline when heartbeats are missing', (t) => {
  const leader = new Member();
  leader.presence.listened(0);
  leader.presence.hello(hello('r1'), null, 0);
  t.deepEqual(leader.publish(0), ['r1 online']);
  t.deepEqual(leader.publish(0), []);
  for (let nowMs = 500; nowMs <= 3000; nowMs += 500) leader.presence.listened(nowMs);
  t.deepEqual(leader.publish(3000), []);
  leader.presence.listened(3001);
  t.deepEqual(leader.publish(3001), ['r1 offline']);
  leader.presence.heartbeat(beat('r1'), standing, 3500);
  t.deepEqual(leader.publish(3500), ['r1 online']);
});

test('a new leader publishes what the old one did not come to, and nothing else', (t) => {
  const [old, next] = [new Member(), new Member()];
  for (const each of [old, next]) for (const id of ['r1', 'r2']) each.presence.hello(hello(id), null, 0);
  t.deepEqual(old.publish(0, next), ['r1 online', 'r2 online']);
  // The old leader dies; r2 stops; nobody publishes.
  for (let nowMs = 500; nowMs <= 5000; nowMs += 500) {
    next.presence.heartbeat(beat('r1'), standing, nowMs);
    next.presence.listened(nowMs);
  }
  t.deepEqual(next.publish(5000), ['r2 offline']);
});

test('a leader that has just started takes routers that it hears as told of already', (t) => {
  const fresh = new Member();
  fresh.presence.heartbeat(beat('r1'), standing, 0);
  t.deepEqual(fresh.publish(0), []);
  fresh.presence.hello(hello('r2'), null, 0);
  t.deepEqual(fresh.publish(0), ['r2 online']);
  for (let nowMs = 500; nowMs <= 4000; nowMs += 500) fresh.presence.listened(nowMs);
  t.deepEqual(fresh.publish(4000), ['r1 offline', 'r2 offline']);
});

test('a member that did not listen for a while makes nobody offline', (t) => {
  const paused = new Member();
  paused.presence.hello(hello('r1'), null, 0);
  paused.publish(0);
  paused.presence.listened(100);
  // The process was stopped for a minute and goes on.
  paused.presence.listened(60_000);
  t.deepEqual(paused.publish(60_000), []);
  for (let nowMs = 60_500; nowMs <= 67_500; nowMs += 500) paused.presence.listened(nowMs);
  t.deepEqual(
    paused.publish(67_500),
    [],
    'what stopped this process may have stopped routers: they need time to come back',
  );
  for (let nowMs = 68_000; nowMs <= 70_000; nowMs += 500) paused.presence.listened(nowMs);
  t.deepEqual(paused.publish(70_000), ['r1 offline']);
  const cutOff = new Member();
  cutOff.presence.hello(hello('r1'), null, 0);
  cutOff.publish(0);
  cutOff.presence.listenAgain();
  cutOff.presence.listened(60_001);
  t.deepEqual(cutOff.publish(60_001), []);
  for (let nowMs = 60_500; nowMs <= 68_000; nowMs += 500) cutOff.presence.listened(nowMs);
  t.deepEqual(cutOff.publish(68_000), [], 'routers need time to come back');
  cutOff.presence.listened(68_500);
  t.deepEqual(cutOff.publish(68_500), ['r1 offline']);
});

test('time in which a member was slow to listen counts little: routers that speak stay online, one that is gone is seen', (t) => {
  const slow = new Member();
  slow.presence.listened(0);
  for (const id of ['r1', 'r2']) slow.presence.hello(hello(id), null, 0);
  slow.publish(0);
  // It comes to listening every 1.9 s only, each time before the heartbeats of r1, the last of which it heard 3.8 s ago.
  let nowMs = 0;
  const seen: string[] = [];
  while (nowMs < 30_000) {
    nowMs += 1_900;
    slow.presence.listened(nowMs);
    seen.push(...slow.publish(nowMs));
    if (Math.round(nowMs / 1_900) % 2 === 0) slow.presence.heartbeat(beat('r1'), standing, nowMs);
  }
  t.deepEqual(seen, ['r2 offline']);
});

test('a router that says goodbye is offline at once', (t) => {
  const leader = new Member();
  leader.presence.hello(hello('r1'), null, 0);
  leader.publish(0);
  leader.presence.heartbeat(beat('r1', { leaving: true }), standing, 10);
  t.regex(leader.presence.unpublished(10)[0]?.message ?? '', /stopped/);
});

test('a late heartbeat of an earlier start says nothing', (t) => {
  const leader = new Member();
  leader.presence.hello(hello('r1', { incarnation: 2 }), null, 0);
  leader.presence.heartbeat(beat('r1', { incarnation: 1, leaving: true }), standing, 10);
  t.deepEqual(leader.publish(10), ['r1 online']);
});

test('a refused router is shown with the reason, and is not online', (t) => {
  const leader = new Member();
  const refusal = new QuorateError('unsupported-version', 'too new').toWire();
  leader.presence.hello(hello('r1'), refusal, 0);
  t.deepEqual(leader.publish(0), []);
  t.like(leader.presence.view(standing, 5)[0], {
    id: 'r1',
    online: false,
    refused: { code: 'unsupported-version' },
    lastContactMs: 5,
  });
});

test('a router that misses something without knowing is told to say hello, at the second heartbeat', (t) => {
  const { presence } = new Member();
  presence.hello(hello('r1'), null, 0);
  t.is(presence.heartbeat(beat('r1', { position: at(10) }), { ...standing, model: at(11) }, 0), null);
  t.regex(presence.heartbeat(beat('r1', { position: at(10) }), { ...standing, model: at(12) }, 0) ?? '', /model/);
  t.is(presence.heartbeat(beat('r1', { position: at(12) }), { ...standing, model: at(13) }, 0), null);
  t.regex(presence.heartbeat(beat('r1', { position: at(900) }), { ...standing, model: at(1, 2) }, 0) ?? 'null', /null/);
  t.regex(presence.heartbeat(beat('r1', { position: at(900) }), { ...standing, model: at(1, 2) }, 0) ?? '', /model/);
  presence.heartbeat(beat('r1', { position: at(1, 2) }), { model: at(1, 2), endpoints: at(9) }, 0);
  t.regex(
    presence.heartbeat(beat('r1', { position: at(1, 2) }), { model: at(1, 2), endpoints: at(9) }, 0) ?? '',
    /list/,
  );
});

test('a router that was told of another history at its hello, and is coming over, is not told again for a while', (t) => {
  const { presence } = new Member();
  const coming = (nowMs: number) =>
    presence.heartbeat(beat('r1', { position: at(900) }), { ...standing, model: at(5, 2) }, nowMs);
  presence.hello(hello('r1'), null, 0, at(1, 2));
  t.deepEqual([0, 1000, 2000, 3000, 4000, 5000].map(coming), Array(6).fill(null));
  t.regex(coming(6000) ?? '', /model/, 'it may have lost that');
  presence.hello(hello('r1'), null, 6000, at(3, 2));
  t.is(coming(7000), null);
  t.regex(
    presence.heartbeat(beat('r1', { position: at(900) }), { ...standing, model: at(5, 3) }, 8000) ?? 'null',
    /null/,
    'a heartbeat of grace, as for every change',
  );
  t.regex(
    presence.heartbeat(beat('r1', { position: at(900) }), { ...standing, model: at(5, 3) }, 9000) ?? '',
    /model/,
    'of this history it was not told',
  );
  const other = new Member().presence;
  other.hello(hello('r1'), null, 0, at(9, 2));
  t.is(other.heartbeat(beat('r1', { position: at(3, 2) }), { ...standing, model: at(9, 2) }, 0), null);
  t.regex(
    other.heartbeat(beat('r1', { position: at(3, 2) }), { ...standing, model: at(9, 2) }, 1000) ?? '',
    /model/,
    'in its own history it is told as ever',
  );
});

test('a router in sync is shown so', (t) => {
  const { presence } = new Member();
  presence.heartbeat(beat('r1', { position: at(10) }), standing, 0);
  presence.heartbeat(beat('r2', { position: at(9) }), standing, 0);
  presence.heartbeat(beat('r3', { position: null }), standing, 0);
  t.deepEqual(
    presence.view(standing, 0).map((view) => view.inSync),
    [true, false, false],
  );
});

test('a router that follows a model which changes all the time is in sync; one that stands still is not', (t) => {
  const { presence } = new Member();
  const inSync = (): readonly boolean[] => presence.view({ ...standing, model: at(99) }, 0).map((view) => view.inSync);
  presence.heartbeat(beat('r1', { position: at(10) }), { ...standing, model: at(10) }, 0);
  t.deepEqual(inSync(), [true], 'it had all that there was when it was heard');
  presence.heartbeat(beat('r1', { position: at(19) }), { ...standing, model: at(20) }, 0);
  t.deepEqual(inSync(), [true], 'one change was on its way');
  presence.heartbeat(beat('r1', { position: at(19) }), { ...standing, model: at(30) }, 0);
  t.deepEqual(inSync(), [false], 'it has not moved since');
});

test('routers are remembered up to a bound: those away and told of are forgotten first', (t) => {
  const { presence } = new Member();
  for (const id of ['r1', 'r2', 'r3', 'r4']) presence.hello(hello(id), null, 0);
  t.is(presence.known, 3);
  presence.heartbeat(beat('r2', { leaving: true }), standing, 1);
  presence.published('r2', false);
  presence.hello(hello('r4'), null, 2);
  t.deepEqual(
    presence.view(standing, 2).map((view) => view.id),
    ['r1', 'r3', 'r4'],
  );
});

test('routers are listed in pages, in the order of their ids, each once', (t) => {
  const presence = new Presence({ ...options, routersMax: 100 });
  const ids = Array.from({ length: 25 }, (_, index) => `r${(index * 7) % 25}`);
  for (const id of ids) presence.heartbeat(beat(id), standing, 0);
  const listed: string[] = [];
  for (;;) {
    const page = presence.view(standing, 0, listed.at(-1), 4).map((each) => each.id);
    listed.push(...page);
    if (page.length < 4) break;
  }
  t.deepEqual(
    listed,
    ids.toSorted((one, other) => (one < other ? -1 : 1)),
  );
  presence.heartbeat(beat('r00'), standing, 0);
  t.is(presence.view(standing, 0, 'r0', 1)[0]?.id, 'r00', 'one that came meanwhile is in its place');
});
