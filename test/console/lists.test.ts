/** Lists fill the room that they have: an operator who sees three rows of a thousand thinks that there are three. */
import test from 'ava';
import { headingSpans } from '../../console/components/heading.js';
import { bindings, keymapOf } from '../../console/keys.js';
import type { State } from '../../console/state/state.js';
import { QuorateError } from '../../messaging/index.js';
import {
  answerOf,
  changeEvent,
  entityOf,
  healthyState,
  keys,
  routerOf,
  runningJoin,
  sevenState,
  startAt,
  stateAfter,
  statusOf,
  tick,
} from './fixtures.js';
import { frameOf } from './frame.js';

const count = 70;
const numbers = Array.from({ length: count }, (_, index) => index + 10);
/** Header, health, an empty line, the heading, the titles. */
const rowsAbove = 5;

function fullState(size: { readonly columns: number; readonly rows: number }): State {
  const nodes = numbers.map((number) => statusOf(`n${number}`, { raft: { leader: 'n10' } }));
  const routers = numbers.map((number) => routerOf(`edge-${number}`));
  const request = { verb: 'routers.list' as const, params: { limit: 500 } };
  const read = stateAfter(healthyState(size, nodes), { ...tick(startAt + 20_000) });
  return stateAfter(
    read,
    answerOf('routers.list', request, { routers, more: false }),
    {
      type: 'events',
      events: numbers.map((number) => changeEvent(20_000 + number, entityOf('service', `service-${number}`), 0)),
    },
    ...numbers.map((number) => ({
      type: 'operation' as const,
      operation: { ...runningJoin, id: `op-${number}`, parameters: { ...runningJoin.parameters, node: `m${number}` } },
    })),
  );
}

const screens = ['2', '3', '5', '6'];

/** How many rows of a list the frame shows, and how many more it says there are; a row begins with a word of its own. */
function counted(frame: string, title: string, row: RegExp): { readonly shown: number; readonly more: number } {
  const lines = frame.split('\n');
  const from = lines.findIndex((line) => line.startsWith(title));
  const rest = lines.slice(from + 1);
  const to = rest.findIndex((line) => /^[A-Z]/u.test(line));
  const shown = rest.slice(0, to === -1 ? undefined : to).filter((line) => row.test(line)).length;
  const heading = lines[from] ?? '';
  return {
    shown,
    more: Number(/… (\d+) more \(/u.exec(heading)?.[1] ?? (heading.includes('… all of them (') ? 5 : 0)),
  };
}

for (const alarms of [0, 12]) {
  test(`at 80x24, seven controllers and ${alarms} alarms: each list that is cut says by how much, and which key shows all`, (t) => {
    const size = { columns: 80, rows: 24 };
    const overview = frameOf(sevenState(size, alarms));
    const members = counted(overview, 'Controllers', /^[▸ ][* ] ?n\d /u);
    t.is(members.shown + members.more, 7, overview);
    const routers = counted(overview, 'Routers', /^ {2}edge-/u);
    t.is(routers.shown + routers.more, 5, overview);
    const reasons = overview.split('\n').filter((line) => /^ [✖▲] n\d:/u.test(line)).length;
    t.is(reasons + Number(/^ {3}… (\d+) more \(key 7\)/mu.exec(overview)?.[1] ?? 0), alarms, overview);
    const backups = frameOf(stateAfter(sevenState(size, alarms), ...keys('9')));
    const schedules = counted(backups, 'Schedules', /^ {2}n\d /u);
    t.is(schedules.shown + schedules.more, 7, backups);
  });
}

test('the key that shows all of a list is the one that the operator gave it', (t) => {
  const keymap = keymapOf(bindings.map((each) => (each.action === 'screen-2' ? { ...each, keys: ['c'] } : each)));
  const frame = frameOf({ ...sevenState({ columns: 80, rows: 24 }, 12), keymap });
  t.true(frame.includes('… 1 more (key c)'), frame);
});

for (const size of [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 200, rows: 60 },
]) {
  for (const key of screens) {
    test(`screen ${key} at ${size.columns}x${size.rows} shows as many rows as fit, also at the end of the list`, (t) => {
      const first = stateAfter(fullState(size), ...keys(key));
      for (const state of [first, stateAfter(first, ...keys('G'))]) {
        const lines = frameOf(state).split('\n').slice(rowsAbove, -1);
        t.is(lines.length, size.rows - rowsAbove - 1);
        t.deepEqual(
          lines.filter((line) => line.trim() === ''),
          [],
        );
      }
    });
  }
}

test('a router that the controllers refuse is shown as refused, in the list and with why and what to do in full', (t) => {
  const size = { columns: 120, rows: 40 };
  const refused = new QuorateError(
    'unsupported-version',
    'the router speaks versions 7 to 9 and the controllers 1 to 2',
    {
      remedy: 'Upgrade the controllers.',
    },
  ).toWire();
  const request = { verb: 'routers.list' as const, params: { limit: 500 } };
  const routers = [routerOf('edge-1', { online: false, inSync: false, refused }), routerOf('edge-2')];
  const read = stateAfter(healthyState(size), { ...tick(startAt + 20_000) });
  const listed = stateAfter(read, answerOf('routers.list', request, { routers, more: false }), ...keys('3'));
  t.regex(frameOf(listed), /edge-1 +✖ refused/);
  t.notRegex(frameOf(listed), /edge-2 +✖ refused/);
  const opened = frameOf(stateAfter(listed, ...keys('enter')));
  t.regex(opened, /the router speaks versions 7 to 9 and the controllers 1 to 2/);
  t.regex(opened, /Upgrade the controllers\./);
});

test('counts are written with their thousands apart wherever they stand', (t) => {
  const routers = Array.from({ length: 10_000 }, (_, index) =>
    routerOf(`edge-${index}`, { online: index >= 1_234, inSync: index >= 2_345 }),
  );
  const request = { verb: 'routers.list' as const, params: { limit: 500 } };
  const statuses = ['n1', 'n2', 'n3'].map((id) =>
    statusOf(id, {
      raft: { term: 12_345, leader: 'n1' },
      routers: { online: 8_766, known: 10_000 },
      sequence: 200,
    }),
  );
  const state = stateAfter(
    healthyState({ columns: 120, rows: 40 }),
    // The list is read again.
    tick(startAt + 20_000),
    ...statuses.map((status) => ({ type: 'status' as const, status })),
    answerOf('routers.list', request, { routers, more: false }),
    {
      type: 'events',
      events: Array.from({ length: 1_500 }, (_, index) =>
        changeEvent(20_000 + index, entityOf('service', `service-${index}`), 0),
      ),
    },
  );
  const frames = [
    [],
    ['2', 'enter', 'enter'],
    ['3'],
    ['3', '/', '7', 'enter'],
    ['3', '/', 'x', 'x', 'enter'],
    ['5'],
  ].map((pressed) => frameOf(stateAfter(state, ...keys(...pressed))));
  t.regex(frames[0] ?? '', /8,766 of 10,000 online, 7,655 in sync/u);
  t.regex(frames[0] ?? '', /3 voters, term 12,345/u);
  t.regex(
    frames[0] ?? '',
    /7,655 in sync {2}… 9,\d{3} more \(key 3\)|7,655 in sync {2}… \(key 3\)/u,
    'where all of them are',
  );
  t.regex(frames[1] ?? '', /8,766 of 10,000 online/u);
  t.regex(frames[3] ?? '', /\/7 3,439 of 10,000/u);
  t.regex(frames[4] ?? '', /None of 10,000 matches/u);
  // A position is a name (r18190@1), and a port or a time of day is no count.
  for (const frame of frames) t.deepEqual(frame.match(/(?<![\d,@:.\w-])\d{4,}(?![\d@:.\w-])/gu), null);
});

test('a name that is long leaves what is to be known of it in the heading', (t) => {
  const name = `before-migrate-${'37bc69b2'.repeat(6)}.snapshot`;
  const spans = headingSpans({ title: `Restore ${name}`, info: [{ text: 'nothing was changed yet' }], width: 60 });
  const text = spans.map((span) => span.text).join('');
  t.regex(text, /^Restore before-\S*….*\.snapshot {2}nothing was changed yet$/u);
  t.is(text.length, 60);
});
