import test from 'ava';
import { prioritiesOf } from '../../node/server/preference.js';
import { nodeStatus } from '../workflows/world.js';

const preferred = { ...nodeStatus('b', 'member', null), priority: 10 };
const full = {
  ...preferred,
  alarms: [{ code: 'storage-full', severity: 'error' as const, message: 'its disk is full', remedy: '', since: 0 }],
};
const plain = nodeStatus('a', 'member', null);

test('each member has the priority that it states', (t) => {
  t.deepEqual(
    [...prioritiesOf([plain, preferred], false)],
    [
      ['a', 0],
      ['b', 10],
    ],
  );
});

test('one that raises an error is no better than the others', (t) => {
  t.is(prioritiesOf([plain, full], false).get('b'), 0);
});

test('while an operation runs, leadership stays where the operation puts it', (t) => {
  t.is(prioritiesOf([plain, preferred], true).size, 0);
});
