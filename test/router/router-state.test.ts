/** The conversation of a router with its controllers: hello, waits, heartbeats, alerts. Pure: time is handed in. */
import test from 'ava';
import { type EndpointList, type HelloReply, protocolVersion, QuorateError } from '../../messaging/index.js';
import { routerLimits } from '../../messaging/router/limits.js';
import {
  initialState,
  phaseOf,
  type RouterEffect,
  type RouterInput,
  type RouterState,
  reduce,
} from '../../messaging/router/router-state.js';

const list: EndpointList = {
  v: 1,
  cluster: 'test',
  clusterId: 'id',
  position: { timeline: { id: 'A', epoch: 2 }, indexType: 'raft', index: 5 },
  controllers: [{ id: 'n1', name: 'n1', addresses: ['nats://n1:4222'], role: 'voter', protocol: { min: 1, max: 1 } }],
};
const welcome: HelloReply = {
  v: 1,
  ok: true,
  controller: 'n1',
  protocolVersion: 1,
  heartbeatMs: 1000,
  endpoints: list,
  position: { ...list.position, index: 9 },
};
const refusal = (code: 'unsupported-version' | 'behind' | 'overloaded'): HelloReply => ({
  v: 1,
  ok: false,
  error: new QuorateError(code).toWire(),
});

class Router {
  state: RouterState = initialState({
    cluster: 'test',
    router: 'r1',
    version: '1.0',
    scope: 'whole',
    protocol: { min: 1, max: 1 },
    indexTypes: ['raft'],
    incarnation: 1,
  });
  nowMs = 0;
  effects: RouterEffect[] = [];

  give(...inputs: readonly RouterInput[]): this {
    for (const input of inputs) {
      const { state, effects } = reduce(this.state, input, this.nowMs);
      this.state = state;
      this.effects.push(...effects);
    }
    return this;
  }

  connected(): this {
    return this.give({ input: 'connected' }, { input: 'timer', timer: 'hello' });
  }

  answer(reply: HelloReply | null): this {
    return this.give({ input: 'hello-answered', request: this.state.hello.request, reply });
  }

  synced(): this {
    const { requests } = this.state.follow;
    return this.give({
      input: 'sync-answered',
      request: requests,
      outcome: {
        v: 1,
        what: 'model',
        controller: 'n1',
        position: { ...list.position, index: 9 },
        entities: [],
        cursor: null,
      },
    });
  }

  all<Kind extends RouterEffect['effect']>(kind: Kind): readonly (RouterEffect & { effect: Kind })[] {
    return this.effects.filter((effect): effect is RouterEffect & { effect: Kind } => effect.effect === kind);
  }

  timer(name: string): { readonly minMs: number; readonly maxMs: number } | undefined {
    return this.all('timer').findLast((each) => each.timer === name);
  }

  get phases(): readonly string[] {
    return this.all('phase').map((each) => each.phase);
  }
}

const missing = { input: 'start', finding: { found: 'missing', sentence: 'there is none' } } as const;

test('from nothing to live', (t) => {
  const router = new Router().give(missing).connected().answer(welcome).synced();
  t.deepEqual(router.phases, ['greeting', 'syncing', 'live']);
  t.deepEqual(
    router.all('save-endpoints').map((each) => each.list),
    [list],
  );
});

test('the first hello after a connection waits a random time, so that a thousand routers do not speak at once', (t) => {
  const router = new Router().give({ input: 'connected' });
  t.deepEqual(router.timer('hello'), { effect: 'timer', timer: 'hello', minMs: 0, maxMs: routerLimits.helloSpreadMs });
  t.is(router.all('hello').length, 0);
});

test('a hello that is not answered is said again, after waits that double up to a bound', (t) => {
  const router = new Router().connected();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 12; attempt += 1) {
    router.answer(attempt % 2 === 0 ? null : refusal('behind'));
    waits.push(router.timer('hello')?.maxMs ?? 0);
    router.give({ input: 'timer', timer: 'hello' });
  }
  t.deepEqual(waits.slice(0, 3), [100, 200, 400]);
  t.is(waits.at(-1), routerLimits.retryWaitMaxMs);
  t.is(phaseOf(router.state), 'greeting');
  router.answer(welcome).answer(null);
  t.is(router.state.hello.attempt, 0);
});

test('a refused router says so, asks again later, and comes live when it is accepted', (t) => {
  const router = new Router().connected().answer(refusal('unsupported-version'));
  t.is(phaseOf(router.state), 'refused');
  t.is(router.all('alarm').at(-1)?.alarm.code, 'router.hello.refused');
  t.is(router.timer('hello')?.maxMs, 100, 'another controller may accept it');
  for (let attempt = 0; attempt < 12; attempt += 1) {
    router.give({ input: 'timer', timer: 'hello' }).answer(refusal('unsupported-version'));
  }
  t.is(router.timer('hello')?.maxMs, routerLimits.refusedRetryMs);
  t.is(router.all('alarm').length, 1);
  router.give({ input: 'timer', timer: 'hello' }).answer(welcome).synced();
  t.is(phaseOf(router.state), 'live');
});

const declined = (controllers: readonly string[]): HelloReply => ({
  v: 1,
  ok: false,
  error: new QuorateError('unsupported-version', undefined, { details: { controllers } }).toWire(),
});
const asked = (router: Router) => router.all('hello').map((each) => each.controller);

test('a controller that does not speak its version names others: they are asked before the router counts as refused', (t) => {
  const router = new Router()
    .give(missing)
    .connected()
    .answer(declined(['n2', 'n3']));
  router.answer(null).answer(welcome);
  t.deepEqual(asked(router), [null, 'n2', 'n3']);
  t.deepEqual(router.phases, ['greeting', 'syncing']);
  const unlucky = new Router()
    .give(missing)
    .connected()
    .answer(declined(['n2']))
    .answer(declined(['n1', 'n3']));
  t.deepEqual(asked(unlucky), [null, 'n2'], 'one round, whoever names whom');
  t.deepEqual(unlucky.phases, ['greeting', 'refused']);
  t.is(unlucky.timer('hello')?.maxMs, routerLimits.retryWaitMinMs);
});

test('where the refusal names nobody, those of the list that speak its version are asked', (t) => {
  const [known] = list.controllers;
  const controllers: EndpointList['controllers'] = [known, { ...known, id: 'n2', protocol: { min: 7, max: 9 } }];
  const router = new Router().give({ input: 'start', finding: { found: 'list', list: { ...list, controllers } } });
  router.connected().answer(refusal('unsupported-version'));
  t.deepEqual(asked(router), [null, 'n1']);
});

test('a router that is told to say hello again says it to the controller that knows it, then to any', (t) => {
  const router = new Router().give(missing).connected().answer(welcome).synced();
  const again = { input: 'direct', direct: { v: 1, what: 'hello-again', reason: '' } } as const;
  router.give(again, { input: 'timer', timer: 'hello' }).answer(null);
  t.deepEqual(asked(router), [null, 'n1', null]);
  t.is(phaseOf(router.answer(null).state), 'live');
});

test('a router that is told again and again to say hello says it once, and hears the answer', (t) => {
  const router = new Router().give(missing).connected().answer(welcome).synced();
  const again = { input: 'direct', direct: { v: 1, what: 'hello-again', reason: '' } } as const;
  const timers = () => router.all('timer').filter((each) => each.timer === 'hello').length;
  const before = timers();
  router.give(again, again, again);
  t.is(timers(), before + 1, 'the wait is not begun anew');
  router.give({ input: 'timer', timer: 'hello' }, again, again);
  t.is(timers(), before + 1, 'one is under way');
  t.is(phaseOf(router.answer(declined([])).state), 'refused');
  router.give(again);
  t.is(router.timer('hello')?.maxMs, routerLimits.helloSpreadMs, 'one that waits long is brought forward');
});

test('an answer to an earlier hello has no effect', (t) => {
  const router = new Router().connected().give({ input: 'timer', timer: 'hello' });
  router.give({ input: 'hello-answered', request: 1, reply: welcome });
  t.is(phaseOf(router.state), 'greeting');
  router.answer(welcome);
  t.is(phaseOf(router.state), 'syncing');
});

test('a version outside the range that was offered is not spoken', (t) => {
  const router = new Router().connected().answer({ ...welcome, protocolVersion: 2 });
  t.is(phaseOf(router.state), 'refused');
});

for (const [what, endpoints, position] of [
  ['another cluster', { ...list, clusterId: 'other' }, welcome.position],
  ['a lower epoch', { ...list, position: { ...list.position, timeline: { id: 'Z', epoch: 1 } } }, welcome.position],
  [
    'the same epoch with another timeline',
    { ...list, position: { ...list.position, timeline: { id: 'Z', epoch: 2 } } },
    welcome.position,
  ],
  ['a model of a lower epoch', list, { ...welcome.position, timeline: { id: 'Z', epoch: 1 } }],
  ['a model of an impostor', list, { ...welcome.position, timeline: { id: 'Z', epoch: 2 } }],
] as const) {
  test(`a restarted router does not believe a controller of ${what}, and goes on looking`, (t) => {
    const router = new Router().give({ input: 'start', finding: { found: 'list', list } }).connected();
    router.answer({ ...welcome, endpoints, position });
    t.is(phaseOf(router.state), 'greeting');
    t.is(router.all('ask').length, 0);
    t.deepEqual(router.state.endpoints, list);
    router.give({ input: 'timer', timer: 'hello' }).answer(welcome).synced();
    t.is(phaseOf(router.state), 'live');
  });
}

test('a list of controllers of a newer history makes the router ask where they stand', (t) => {
  const router = new Router().connected().answer(welcome).synced();
  router.effects = [];
  router.give({
    input: 'endpoints',
    list: { ...list, position: { ...list.position, timeline: { id: 'B', epoch: 3 } } },
  });
  t.truthy(router.timer('hello'));
  t.is(router.state.hello.due, 'soon');
  t.is(router.state.endpoints?.position.timeline.id, 'B');
});

test('heartbeats follow the pace that the controllers ask for, within bounds, and say where the router stands', (t) => {
  const router = new Router().connected().answer(welcome);
  t.is(router.timer('heartbeat')?.maxMs, 1000);
  router.synced();
  t.is(router.timer('heartbeat')?.maxMs, routerLimits.resyncedHeartbeatMs, 'who waits for the router hears soon');
  router.give({ input: 'timer', timer: 'heartbeat' });
  t.like(router.all('heartbeat').at(-1)?.heartbeat, {
    router: 'r1',
    controller: 'n1',
    position: { index: 9 },
    endpoints: { index: 5 },
  });
  t.deepEqual([router.timer('heartbeat')?.minMs, router.timer('heartbeat')?.maxMs], [900, 1100]);
  const mad = new Router().connected().answer({ ...welcome, heartbeatMs: 0 });
  t.is(mad.timer('heartbeat')?.maxMs, routerLimits.heartbeatMinMs);
});

test('a hello says which list is held; an answer without one leaves that, and where none is held it is refused', (t) => {
  const first = new Router().connected();
  t.is(first.all('hello').at(-1)?.hello.endpoints, null);
  const { endpoints: _none, ...without } = welcome as HelloReply & { readonly ok: true };
  first.answer(without);
  t.is(first.state.endpoints, null);
  t.deepEqual(
    first.all('alarm').map((each) => each.alarm.details[0]),
    ['undecodable'],
  );
  const router = new Router().connected().answer(welcome).synced();
  router.give({ input: 'disconnected' }).connected();
  t.deepEqual(router.all('hello').at(-1)?.hello.endpoints, list.position);
  router.answer(without);
  t.is(phaseOf(router.state), 'live');
  t.deepEqual(router.state.endpoints, list);
  t.is(router.all('alarm').length, 0);
});

test('an answer to a hello that a newer list has overtaken is of no use, and of nobody the fault', (t) => {
  const place = (index: number, epoch = 2) => ({ ...list.position, timeline: { id: `of-${epoch}`, epoch }, index });
  const given = (index: number, epoch?: number) => ({ ...list, position: place(index, epoch) });
  const start = () => new Router().give({ input: 'start', finding: { found: 'list', list: given(5) } }).connected();
  const answer = { ...welcome, position: place(9) };

  const overtaken = start().give({ input: 'endpoints', list: given(8) });
  overtaken.answer({ ...answer, endpoints: given(6) });
  t.is(overtaken.state.endpoints?.position.index, 8);
  t.truthy(overtaken.state.session, 'it is a controller like any other');
  const ofEarlierHistory = start().give({ input: 'endpoints', list: given(1, 3) });
  ofEarlierHistory.answer({ ...answer, endpoints: given(6) });
  t.is(ofEarlierHistory.state.endpoints?.position.timeline.epoch, 3);
  t.is(ofEarlierHistory.state.session, null, 'it does not know of the history that has begun: another is asked');
  for (const router of [overtaken, ofEarlierHistory]) t.deepEqual(router.all('alarm'), []);

  const older = start().give({ input: 'endpoints', list: given(8) });
  older.answer({ ...answer, endpoints: given(4) });
  const ofAnotherCluster = new Router().connected().give({ input: 'endpoints', list: given(8) });
  ofAnotherCluster.answer({ ...answer, endpoints: { ...given(8), clusterId: 'other' } });
  t.deepEqual(
    [older, ofAnotherCluster].map((router) => router.all('alarm').map(({ alarm }) => alarm.details[0])),
    [['older'], ['other-cluster']],
  );
});

test('a report is asked for by several, and given once, soon, with the next heartbeat', (t) => {
  const router = new Router().connected().answer(welcome).synced().give({ input: 'timer', timer: 'heartbeat' });
  router.effects = [];
  const ask = () => router.give({ input: 'direct', direct: { v: 1, what: 'report' } });
  ask();
  t.is(router.timer('heartbeat')?.maxMs, routerLimits.reportSpreadMs);
  ask();
  t.is(router.all('timer').length, 1, 'what is under way is not put off');
  router.give({ input: 'timer', timer: 'heartbeat' }, { input: 'timer', timer: 'heartbeat' });
  t.deepEqual(
    router.all('heartbeat').map(({ reports }) => reports),
    [true, false],
  );
  ask();
  router.give({ input: 'disconnected' }).connected().answer(welcome);
  router.give({ input: 'timer', timer: 'heartbeat' });
  t.false(router.all('heartbeat').at(-1)?.reports, 'whoever asked before the connection broke asks again');
});

test('without a connection nothing is sent', (t) => {
  const router = new Router().connected().answer(welcome).synced().give({ input: 'disconnected' });
  router.effects = [];
  router.give(
    ...(['hello', 'sync', 'alert', 'heartbeat'] as const).map((timer) => ({ input: 'timer', timer }) as const),
  );
  t.deepEqual(router.effects, []);
  t.is(phaseOf(router.state), 'disconnected');
});

test('an alert of one kind is raised once in a window, of different kinds each', (t) => {
  const router = new Router().connected().answer(welcome).synced();
  const bad = (endpoints: unknown) => router.give({ input: 'endpoints', list: endpoints });
  for (let index = 0; index < 10; index += 1) bad({ ...list, controllers: [] });
  bad(null);
  t.deepEqual(
    router.all('alarm').map((each) => each.alarm.details[0]),
    ['empty', 'undecodable'],
  );
  router.nowMs = routerLimits.alertWindowMs;
  bad({ ...list, controllers: [] });
  t.is(router.all('alarm').length, 3);
  t.is(new Set(router.all('alarm').map((each) => each.alarm.id)).size, 3);
});

test('an alert raised while nobody is there waits, and is sent until a leader takes it', (t) => {
  const router = new Router().give({ input: 'start', finding: { found: 'empty', sentence: 'the file is empty' } });
  t.is(router.all('alert').length, 0);
  router.connected().answer(welcome);
  const [sent] = router.all('alert');
  t.like(sent?.alert, { v: protocolVersion, router: 'r1', code: 'router.endpoints.fallback', severity: 'warning' });
  router.give({ input: 'alert-answered', id: sent?.alert.id ?? '', taken: false }, { input: 'timer', timer: 'alert' });
  t.is(router.all('alert').length, 2);
  router.give({ input: 'alert-answered', id: sent?.alert.id ?? '', taken: true });
  t.is(router.state.alerts.pending.length, 0);
  t.is(router.all('alert').length, 2);
});

test('alerts that wait are bounded; the oldest is dropped and counted', (t) => {
  const router = new Router();
  for (let index = 0; index <= routerLimits.alertsPendingMax; index += 1) {
    router.nowMs += routerLimits.alertWindowMs;
    router.give({ input: 'endpoints', list: null });
  }
  t.is(router.state.alerts.pending.length, routerLimits.alertsPendingMax);
  t.true(router.all('count').some((each) => each.counter === 'alertsDropped'));
});

test('a refused router applies nothing that it hears', (t) => {
  const router = new Router().connected().answer(welcome).synced();
  router.give(
    { input: 'direct', direct: { v: 1, what: 'hello-again', reason: 'test' } },
    { input: 'timer', timer: 'hello' },
  );
  router.answer(refusal('unsupported-version'));
  router.effects = [];
  const position = { ...list.position, index: 10 };
  const entity = { kind: 'service', id: 's', name: 's', version: 1, createdAt: 1, updatedAt: 1, tags: {}, spec: {} };
  router.give({ input: 'change', change: { position, previousIndex: 9, type: 'created', entity } });
  t.deepEqual(router.effects, []);
});
