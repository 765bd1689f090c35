import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createTimeline, createTimelineUnasked } from '../../node/cluster/timeline.js';
import { checkoutRoot } from '../support/checkout.js';

test('the first timeline of a cluster has epoch 1', (t) => {
  t.is(createTimeline([]).epoch, 1);
});

test('a new timeline has a higher epoch than all that went into it', (t) => {
  const before = [
    { id: 'a', epoch: 3 },
    { id: 'b', epoch: 7 },
    { id: 'c', epoch: 5 },
  ];
  t.deepEqual(
    createTimeline(before, () => 'new'),
    { id: 'new', epoch: 8 },
  );
});

test('where nobody could be asked, it is above whatever may have been begun unheard', (t) => {
  const known = { id: 'a', epoch: 3 };
  let unheard = known;
  for (let restores = 0; restores < 500; restores += 1) unheard = createTimeline([unheard]);
  t.true(createTimelineUnasked([known]).epoch > unheard.epoch);
  t.is(createTimelineUnasked([known], () => 'new').epoch, 1003);
});

test('two timelines that were begun from the same one have different ids', (t) => {
  const before = [{ id: 'a', epoch: 1 }];
  const [one, other] = [createTimeline(before), createTimeline(before)];
  t.is(one.epoch, other.epoch);
  t.not(one.id, other.id);
});

test('nothing else in the controller makes an epoch', (t) => {
  const sources = readdirSync(join(checkoutRoot, 'node'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  t.true(sources.length > 50);
  const makers = sources.filter((name) =>
    // `epoch: 1`, `epoch + 1`, `epoch += 1`: a number that was not handed in.
    /epoch['"]?\s*:\s*(\d|\w+\s*\+)|epoch\s*\+/.test(readFileSync(join(checkoutRoot, 'node', name), 'utf8')),
  );
  t.deepEqual(makers, []);
});
