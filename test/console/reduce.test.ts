import test from 'ava';
import { eventsMax, inputLengthMax, operationsMax } from '../../console/state/limits.js';
import { shownRows } from '../../console/state/lists.js';
import type { Effect, Message } from '../../console/state/messages.js';
import { reduce, reduceAll } from '../../console/state/reduce.js';
import { slots } from '../../console/state/series.js';
import { placeOf, type State } from '../../console/state/state.js';
import { inputOf } from '../../console/state/text-input.js';
import { confirm, dialogOf } from '../../console/state/workflow.js';
import {
  answerOf,
  at,
  changeEvent,
  clusterEvent,
  degradedState,
  doneJoin,
  entityOf,
  freshState,
  healthyState,
  joinPlan,
  keys,
  removePlanThatFails,
  routerEvent,
  routerOf,
  runningJoin,
  startAt,
  stateAfter,
  statusOf,
  tick,
  typing,
  withModel,
} from './fixtures.js';

const requestsOf = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === 'request' ? [effect.request] : []));
const press = (state: State, ...messages: readonly Message[]) => reduceAll(state, messages);

test('time comes in ticks and never runs backwards', (t) => {
  const state = stateAfter(freshState(), tick(startAt), tick(startAt - 5_000));
  t.is(state.now, startAt);
});

test('a late status does not turn the screen back; one of a new incarnation counts', (t) => {
  const held = stateAfter(freshState(), tick(startAt), {
    type: 'status',
    status: statusOf('n1', { sequence: 9, raft: { commit: 20_000 } }),
  });
  const late = stateAfter(held, { type: 'status', status: statusOf('n1', { sequence: 8, raft: { commit: 19_000 } }) });
  t.is(late.nodes.get('n1')?.status.raft?.commit, 20_000);
  const restarted = stateAfter(held, {
    type: 'status',
    status: statusOf('n1', { incarnation: 4, sequence: 1, raft: { commit: 20_001 } }),
  });
  t.is(restarted.nodes.get('n1')?.status.raft?.commit, 20_001);
});

test('rates come from two statuses of one incarnation, and seconds without one stay empty', (t) => {
  const status = (second: number, commit: number, incarnation = 3): readonly Message[] => [
    tick(startAt + second * 1_000),
    {
      type: 'status',
      status: statusOf('n1', { at: startAt + second * 1_000, sequence: second + 1, incarnation, raft: { commit } }),
    },
  ];
  const state = stateAfter(
    freshState(),
    ...status(0, 100),
    ...status(1, 150),
    ...status(4, 300),
    ...status(5, 320, 4),
    ...status(6, 330, 4),
  );
  const series = state.nodes.get('n1')?.measured.series.commits ?? [];
  const base = startAt / 1_000;
  t.deepEqual(slots(series, base + 6, 7), [null, 50, null, null, 50, 10, 10]);
});

test('a status that comes a little late leaves no gap between two seconds', (t) => {
  const status = (later: number, sequence: number): readonly Message[] => [
    tick(startAt + later),
    {
      type: 'status',
      status: statusOf('n1', { at: startAt + later, sequence, raft: { commit: 100 + sequence * 10 } }),
    },
  ];
  const state = stateAfter(
    freshState(),
    ...status(0, 1),
    ...status(1_000, 2),
    ...status(1_990, 3),
    ...status(3_010, 4),
  );
  const values = slots(state.nodes.get('n1')?.measured.series.commits ?? [], startAt / 1_000 + 3, 3).map(
    (value) => value !== null,
  );
  t.deepEqual(values, [true, true, true]);
});

test('statuses that follow each other at once make no rate of their own', (t) => {
  const state = stateAfter(
    freshState(),
    tick(startAt),
    { type: 'status', status: statusOf('n1', { at: startAt, sequence: 1, raft: { commit: 100 } }) },
    { type: 'status', status: statusOf('n1', { at: startAt + 20, sequence: 2, raft: { commit: 140 } }) },
  );
  t.deepEqual(state.nodes.get('n1')?.measured.series.commits ?? [], []);
});

test('an event that was published twice is shown once: by position, else by its id', (t) => {
  const change = changeEvent(70, entityOf('service', 'a'), 0);
  const leadership = clusterEvent('leadership.gained', 0);
  const state = stateAfter(
    freshState(),
    { type: 'events', events: [change, leadership] },
    { type: 'events', events: [{ ...change, event_id: 'again', event_src_id: 'n2' }, leadership] },
  );
  t.is(state.events.rows.length, 2);
  t.is(state.events.duplicates, 2);
  t.is(state.events.rows[0]?.type, 'leadership.gained');
});

test('events are bounded, newest first', (t) => {
  const events = Array.from({ length: eventsMax + 500 }, (_, index) =>
    changeEvent(index + 1, entityOf('service', `s${index}`), 0),
  );
  const state = stateAfter(
    freshState(),
    { type: 'events', events: events.slice(0, 1_700) },
    { type: 'events', events: events.slice(1_700) },
  );
  t.is(state.events.rows.length, eventsMax);
  t.is(state.events.heard, eventsMax + 500);
  t.true(state.events.rows[0]?.sentence.includes(`r${eventsMax + 500}@1`));
});

test('events per second count whole seconds, and none while the console was cut off', (t) => {
  const second = (index: number) => startAt + index * 1_000;
  const event = (index: number) => changeEvent(index, entityOf('service', `s${index}`), 0);
  const state = stateAfter(
    freshState(),
    tick(second(0)),
    { type: 'events', events: [event(1), event(2)] },
    tick(second(1)),
    tick(second(2)),
    { type: 'connection', up: false },
    tick(second(3)),
    tick(second(4)),
  );
  t.deepEqual(slots(state.events.perSecond, second(4) / 1_000, 5), [2, 0, null, null, null]);
});

test('a router that went is shown so at once', (t) => {
  const state = stateAfter(healthyState(), {
    type: 'events',
    events: [
      routerEvent('edge-fra-1', false, 0),
      routerEvent('edge-sfo-1', false, 0),
      routerEvent('edge-sfo-1', true, 0),
    ],
  });
  t.deepEqual(
    state.routers.views.filter((view) => !view.online).map((view) => view.id),
    ['edge-fra-1'],
  );
});

test('the list of routers is read in pages, shown when whole, and read again a second later', (t) => {
  const state = stateAfter(freshState(), { type: 'status', status: statusOf('n1') });
  const [asked, effects] = reduce(state, tick(startAt));
  const [first] = requestsOf(effects).filter((request) => request.verb === 'routers.list');
  t.truthy(first);
  t.is(
    requestsOf(reduce(asked, tick(startAt + 5_000))[1]).filter((request) => request.verb === 'routers.list').length,
    0,
    'never twice at once',
  );
  const page = (id: string, more: boolean) => ({ routers: [routerOf(id)], more });
  const request = { verb: 'routers.list', params: { limit: 500 } } as const;
  const [half, next] = reduce(asked, answerOf('routers.list', request, page('a', true)));
  t.deepEqual(half.routers.views, []);
  t.deepEqual(requestsOf(next), [{ verb: 'routers.list', params: { limit: 500, after: 'a' } }]);
  const whole = stateAfter(half, answerOf('routers.list', request, page('b', false)));
  t.deepEqual(
    whole.routers.views.map((view) => view.id),
    ['a', 'b'],
  );
  t.is(requestsOf(reduce(whole, tick(startAt + 900))[1]).filter((each) => each.verb === 'routers.list').length, 0);
  t.is(requestsOf(reduce(whole, tick(startAt + 1_000))[1]).filter((each) => each.verb === 'routers.list').length, 1);
});

test('the longer the list of routers, the less often it is read', (t) => {
  const state = stateAfter(freshState(), { type: 'status', status: statusOf('n1') }, tick(startAt));
  const routers = Array.from({ length: 4_000 }, (_, index) => routerOf(`r${index}`));
  const whole = stateAfter(
    state,
    answerOf('routers.list', { verb: 'routers.list', params: {} }, { routers, more: false }),
  );
  const readAgain = (afterMs: number) =>
    requestsOf(reduce(whole, tick(startAt + afterMs))[1]).some((each) => each.verb === 'routers.list');
  t.false(readAgain(3_900));
  t.true(readAgain(4_000));
});

test('a list that could not be read stays, with the reason, and is tried again later', (t) => {
  const state = healthyState();
  const [asking] = reduce(state, tick(state.now + 1_000));
  const error = { code: 'no-leader', message: 'no leader answered', remedy: 'Wait.' };
  const failed = stateAfter(asking, {
    type: 'answer',
    verb: 'routers.list',
    request: { verb: 'routers.list', params: {} },
    outcome: { ok: false, error },
  });
  t.is(failed.routers.views.length, 5);
  t.is(failed.routers.error?.code, 'no-leader');
  t.is(failed.routers.readAt, state.routers.readAt);
});

test('after a reconnect every controller is asked for its status', (t) => {
  const [, effects] = press(healthyState(), { type: 'connection', up: false }, { type: 'connection', up: true });
  t.deepEqual(effects, [{ type: 'collect' }]);
});

test('nothing is asked for while the console is cut off', (t) => {
  const [, effects] = press(healthyState(), { type: 'connection', up: false }, tick(startAt + 60_000));
  t.deepEqual(effects, []);
});

test('numbers go to screens, enter goes down, esc back up, - to the screen before', (t) => {
  const router = stateAfter(healthyState(), ...keys('3', 'j', 'enter'));
  t.deepEqual(placeOf(router), { screen: 'router', router: 'edge-fra-1' });
  t.deepEqual(placeOf(stateAfter(router, ...keys('esc'))), { screen: 'routers' });
  t.deepEqual(placeOf(stateAfter(router, ...keys('2', '-'))), { screen: 'router', router: 'edge-fra-1' });
});

test('the cursor stays on its row when rows come and go', (t) => {
  const onThird = stateAfter(healthyState(), ...keys('3', 'j', 'j'));
  const routers = [routerOf('aaa'), ...onThird.routers.views];
  const grown = stateAfter(
    onThird,
    tick(onThird.now + 1_000),
    answerOf('routers.list', { verb: 'routers.list', params: {} }, { routers, more: false }),
  );
  t.deepEqual(placeOf(stateAfter(grown, ...keys('enter'))), { screen: 'router', router: 'edge-fra-2' });
});

test('a cursor on the first event stays on the newest; below it, it stays on its event', (t) => {
  const state = stateAfter(healthyState(), ...keys('5'));
  const come = clusterEvent('members.changed', -1_000, { message: 'new' });
  const follows = stateAfter(state, { type: 'events', events: [come] }, ...keys('enter'));
  const place = placeOf(follows);
  t.is(place.screen === 'event' ? place.row.sentence : '', 'new');
  const held = stateAfter(state, ...keys('j'), { type: 'events', events: [come] }, ...keys('enter'));
  const there = placeOf(held);
  t.true(there.screen === 'event' && there.row.sentence.includes('日本語サービス'));
});

test('a filter narrows while it is typed, ! leaves out, esc brings back what was', (t) => {
  const typed = stateAfter(healthyState(), ...keys('3', '/'), ...typing('fra !fra-2'));
  t.deepEqual(
    shownRows(typed, 'routers').rows.map((row) => row.id),
    ['edge-fra-1'],
  );
  t.is(shownRows(stateAfter(typed, ...keys('enter')), 'routers').rows.length, 1);
  t.is(shownRows(stateAfter(typed, ...keys('esc')), 'routers').rows.length, 5);
  t.is(shownRows(stateAfter(typed, ...keys('enter', 'esc')), 'routers').rows.length, 5, 'esc clears it later too');
});

test('sorting goes through the columns, and turns round', (t) => {
  const ids = (state: State) => shownRows(state, 'routers').rows.map((row) => row.id);
  const sorted = stateAfter(healthyState(), ...keys('3', 's', 'S'));
  t.deepEqual(ids(sorted), ['edge-sfo-1', 'edge-nrt-1', 'edge-fra-2', 'edge-fra-1', 'edge-ams-1']);
  t.is(sorted.view.lists.routers.sort?.column, 'id');
});

test('events can be held still and let go', (t) => {
  const held = stateAfter(healthyState(), ...keys('5', 'p'), {
    type: 'events',
    events: [clusterEvent('members.changed', 0)],
  });
  t.is(shownRows(held, 'events').rows.length, 10);
  t.is(shownRows(stateAfter(held, ...keys('p')), 'events').rows.length, 11);
});

test('a late answer for another kind of entity does not fill the list', (t) => {
  const state = withModel(healthyState());
  t.is(state.model.kind, 'service');
  const stale = answerOf(
    'model.list',
    { verb: 'model.list', number: 1, params: { kind: 'router' } },
    { entities: [entityOf('router', 'x')], position: at(1), more: false },
  );
  t.deepEqual(stateAfter(state, stale).model.entities, state.model.entities);
  const reading = stateAfter(state, ...keys('tab'));
  t.truthy(reading.model.reading);
  t.is(stateAfter(reading, stale).model.readAt, null, 'also while the right one is being read');
});

test('changes of the model are taken into the list as they are heard', (t) => {
  const state = stateAfter(withModel(healthyState()), {
    type: 'events',
    events: [
      changeEvent(18_191, entityOf('service', 'aaa'), 0),
      changeEvent(18_192, entityOf('service', 'wiki', { version: 13 }), 0, 'deleted'),
      changeEvent(18_193, entityOf('identity', 'other'), 0),
    ],
  });
  t.deepEqual(
    state.model.entities.map((entity) => entity.id),
    ['aaa', 'billing', 'ci-cache', 'svc-jp'],
  );
});

test('the filter of the model is looked for by the controllers', (t) => {
  const [, effects] = press(withModel(healthyState()), ...keys('/'), ...typing('bill !x'), ...keys('enter'));
  const [request] = requestsOf(effects);
  t.true(request?.verb === 'model.list' && request.params.filter === 'bill');
});

test('what is copied is what the controllers said', (t) => {
  const [state, effects] = press(healthyState(), ...keys('3', 'y'));
  const [copy] = effects.filter((effect) => effect.type === 'copy');
  t.is(copy?.type === 'copy' ? JSON.parse(copy.text).id : '', 'edge-ams-1');
  t.is(state.view.flash?.level, 'ok');
});

test('text that is typed is bounded, and pasting it keeps one line', (t) => {
  const state = stateAfter(healthyState(), ...keys('3', '/'), { type: 'paste', text: `${'x'.repeat(1_000)}\nsecond` });
  t.is(state.view.prompt?.input.text, 'x'.repeat(inputLengthMax));
});

// workflows

/** The dialog of `command` with its plan. */
function planned(command: string, plan = joinPlan): State {
  const asked = stateAfter(degradedState(), ...keys(':'), ...typing(command), ...keys('enter'));
  const number = dialogOf(asked)?.number ?? 0;
  return stateAfter(
    asked,
    answerOf('operation.plan', { verb: 'operation.plan', number, params: plan.parameters }, plan),
  );
}

const startsIn = (effects: readonly Effect[]) =>
  requestsOf(effects).filter((request) => request.verb === 'operation.start');

test('no single key asks for a change: pressed anywhere, none begins one', (t) => {
  const everyKey = [
    ...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/?!.,',
    'enter',
    'tab',
    'shift-tab',
    'backspace',
    'delete',
    'ctrl-d',
    'ctrl-k',
    'ctrl-r',
    'ctrl-x',
  ];
  for (const screen of ['1', '2', '3', '4', '5', '6', '7']) {
    const there = stateAfter(degradedState(), ...keys(screen));
    for (const key of everyKey) {
      const [, effects] = press(there, ...keys(key));
      const verbs = requestsOf(effects).map((request) => request.verb);
      t.false(verbs.includes('operation.start') || verbs.includes('operation.plan'), `${key} on ${screen}`);
    }
  }
});

test('a change is started only by its name, typed exactly', (t) => {
  const state = planned('join n4');
  const [wrong, none] = press(state, ...typing('n3'), ...keys('enter'));
  t.deepEqual(startsIn(none), []);
  t.is(wrong.view.flash?.sentence, 'Type n4 to confirm.');
  const [, effects] = press(state, ...typing('n4'), ...keys('enter'));
  const [start] = startsIn(effects);
  t.deepEqual(start?.params, joinPlan.parameters);
  t.regex(start?.verb === 'operation.start' ? start.requestId : '', /^[A-Za-z0-9_-]{8,64}$/);
});

test('a pasted name confirms nothing', (t) => {
  const [, effects] = press(planned('join n4'), { type: 'paste', text: 'n4' }, ...keys('enter'));
  t.deepEqual(startsIn(effects), []);
});

test('where a check failed no name is asked for and none is taken', (t) => {
  const [state, effects] = press(planned('remove n2', removePlanThatFails), ...typing('n2'), ...keys('enter'));
  t.deepEqual(startsIn(effects), []);
  t.is(dialogOf(state)?.input.text ?? '', '');
});

test('a plan that may not run is not started, whatever was typed', (t) => {
  const state = planned('remove n2', removePlanThatFails);
  const dialog = dialogOf(state);
  if (dialog === null) return t.fail();
  const [, effects] = confirm(state, { ...dialog, input: inputOf('n2') });
  t.deepEqual(effects, []);
  return undefined;
});

test('a locked console plans nothing and starts nothing, until it is unlocked', (t) => {
  const locked: State = { ...degradedState(), locked: true };
  const [refused, effects] = press(locked, ...keys(':'), ...typing('join n4'), ...keys('enter'));
  t.deepEqual(requestsOf(effects), []);
  t.regex(refused.view.flash?.sentence ?? '', /locked/);
  const [, started] = press({ ...planned('join n4'), locked: true }, ...typing('n4'), ...keys('enter'));
  t.deepEqual(startsIn(started), []);
  const [, unlocked] = press(
    locked,
    ...keys(':'),
    ...typing('unlock'),
    ...keys('enter', ':'),
    ...typing('join n4'),
    ...keys('enter'),
  );
  t.is(requestsOf(unlocked)[0]?.verb, 'operation.plan');
});

function startedJoin(): State {
  const asked = stateAfter(planned('join n4'), ...typing('n4'), ...keys('enter'));
  const number = dialogOf(asked)?.number ?? 0;
  return stateAfter(
    asked,
    answerOf(
      'operation.start',
      { verb: 'operation.start', number, requestId: 'r-12345678', params: joinPlan.parameters },
      runningJoin,
    ),
  );
}

test('steps are shown as they are published, and asked for when nothing was heard for two seconds', (t) => {
  const watching = startedJoin();
  t.is(dialogOf(watching)?.phase.step, 'watching');
  const polls = (state: State, later: number) =>
    requestsOf(reduce(state, tick(state.now + later))[1]).filter((request) => request.verb === 'operation.get');
  t.is(polls(watching, 1_900).length, 0);
  t.is(polls(watching, 2_000).length, 1);
  t.is(
    polls(stateAfter(watching, { type: 'operation', operation: doneJoin }), 10_000).length,
    0,
    'a finished one is not asked for',
  );
});

test('an older record of an operation does not turn it back', (t) => {
  const done = stateAfter(
    startedJoin(),
    { type: 'operation', operation: doneJoin },
    { type: 'operation', operation: runningJoin },
  );
  t.is(done.operations.byId.get(doneJoin.id)?.operation.state, 'done');
});

test('an unanswered start is asked again with the same request id', (t) => {
  const [asked, effects] = press(planned('join n4'), ...typing('n4'), ...keys('enter'));
  const [start] = startsIn(effects);
  const error = { code: 'timeout', message: 'no answer came in time', remedy: 'Retry.' };
  t.assert(start?.verb === 'operation.start');
  if (start?.verb !== 'operation.start') return;
  const [, again] = press(
    asked,
    { type: 'answer', verb: 'operation.start', request: start, outcome: { ok: false, error } },
    ...keys('r'),
  );
  const [second] = startsIn(again);
  t.deepEqual(second, start);
});

test('a refused start begins again with the checks', (t) => {
  const [asked, effects] = press(planned('join n4'), ...typing('n4'), ...keys('enter'));
  const [start] = startsIn(effects);
  if (start?.verb !== 'operation.start') return t.fail();
  const error = { code: 'check-failed', message: 'a check failed', remedy: 'Mend it.' };
  const [, again] = press(
    asked,
    { type: 'answer', verb: 'operation.start', request: start, outcome: { ok: false, error } },
    ...keys('r'),
  );
  t.deepEqual(
    requestsOf(again).map((request) => request.verb),
    ['operation.plan'],
  );
  return undefined;
});

test('the plan of a dialog that was closed is not shown in the next', (t) => {
  const first = stateAfter(degradedState(), ...keys(':'), ...typing('join n4'), ...keys('enter'));
  const number = dialogOf(first)?.number ?? 0;
  const second = stateAfter(first, ...keys('esc', ':'), ...typing('remove n2'), ...keys('enter'));
  const late = stateAfter(
    second,
    answerOf('operation.plan', { verb: 'operation.plan', number, params: joinPlan.parameters }, joinPlan),
  );
  t.is(dialogOf(late)?.phase.step, 'planning');
});

test('a menu whose command is gone by then does nothing but say so', (t) => {
  const menu = stateAfter(degradedState(), ...keys('2', 'G', 'enter', 'j'));
  const joined = stateAfter(menu, tick(menu.now + 500), { type: 'status', status: statusOf('n4', { sequence: 9 }) });
  const [state, effects] = press(joined, ...keys('enter'));
  t.deepEqual(
    effects.filter((effect) => effect.type === 'request'),
    [],
  );
  t.is(state.view.overlay, null);
});

test('operations are bounded: the oldest goes', (t) => {
  const many = Array.from(
    { length: operationsMax + 5 },
    (_, index): Message => ({
      type: 'operation',
      operation: { ...doneJoin, id: `op-${index}`, startedAt: startAt + index },
    }),
  );
  const state = stateAfter(freshState(), ...many);
  t.is(state.operations.byId.size, operationsMax);
  t.false(state.operations.byId.has('op-0'));
});

test('the palette finds by words, runs what may be typed in full, and recalls', (t) => {
  const asked = stateAfter(degradedState(), ...keys(':'), ...typing('trn2'), ...keys('enter'));
  t.deepEqual(dialogOf(asked)?.parameters, { workflow: 'transfer', to: 'n2' });
  const recalled = stateAfter(asked, ...keys('esc', ':', 'up'));
  t.is(recalled.view.overlay?.kind === 'palette' ? recalled.view.overlay.input.text : '', 'transfer n2');
  t.deepEqual(press(degradedState(), ...keys(':'), ...typing('q'), ...keys('enter'))[1], [
    { type: 'remember', history: ['quit'] },
    { type: 'quit' },
  ]);
});
