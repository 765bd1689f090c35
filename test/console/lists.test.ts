/** Lists fill the room that they have: an operator who sees three rows of a thousand thinks that there are three. */
import test from 'ava';
import type { State } from '../../console/state/state.js';
import {
  answerOf,
  changeEvent,
  entityOf,
  healthyState,
  keys,
  routerOf,
  runningJoin,
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
