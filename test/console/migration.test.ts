/** What the console offers where one controller serves alone. */
import test from 'ava';
import { offersOf } from '../../console/state/offers.js';
import { freshState, healthyState, startAt, stateAfter, statusOf, tick } from './fixtures.js';

test('a standalone controller can be migrated from the palette, although nobody leads; a member cannot', (t) => {
  const status = statusOf('n1', { state: 'standalone', raft: null, members: [], at: startAt });
  const alone = stateAfter(freshState(), tick(startAt), { type: 'connection', up: true }, { type: 'status', status });
  const unlocked = { ...alone, locked: false };
  t.deepEqual(
    offersOf(unlocked).map(({ id, blocked, parameters }) => ({ id, blocked, parameters })),
    [{ id: 'migrate n1', blocked: null, parameters: { workflow: 'migrate', node: 'n1', leaveBehind: [] } }],
  );
  t.false(offersOf(healthyState()).some(({ parameters }) => parameters.workflow === 'migrate'));
});
