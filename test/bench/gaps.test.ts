import test from 'ava';
import { longestGapMs } from './gaps.js';

test('the gap counts where it ends: between the two moments, and not before or after', (t) => {
  const acknowledgedAt = [0, 50, 51, 52, 90, 91, 200, 201];
  t.is(longestGapMs(acknowledgedAt, 51, 100), 38);
  t.is(longestGapMs(acknowledgedAt, 51, 300), 109);
  t.is(longestGapMs(acknowledgedAt, 0, 52), 50);
  t.is(longestGapMs([], 0, 1), 0);
});
