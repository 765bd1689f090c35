import test from 'ava';
import { seededRandom } from '../support/random.js';
import { type FaultKind, faultKinds, planFaults } from './plan.js';

const seeds = Array.from({ length: 200 }, (_, seed) => seed);
const durationMs = 20_000;

test('the same seed plans the same faults', (t) => {
  for (const seed of seeds)
    t.deepEqual(planFaults(seededRandom(seed), durationMs), planFaults(seededRandom(seed), durationMs));
});

test('twenty seconds are enough for every kind of fault, whatever the seed', (t) => {
  for (const seed of seeds) {
    const planned = new Set(planFaults(seededRandom(seed), durationMs).map(({ kind }) => kind));
    const missing = Object.keys(faultKinds).filter((kind) => !planned.has(kind as FaultKind));
    t.deepEqual(missing, [], `seed ${seed}`);
  }
});

test('every fault is mended within the time, and at most three go on at once', (t) => {
  for (const seed of seeds) {
    const faults = planFaults(seededRandom(seed), durationMs);
    t.true(faults.every(({ atMs, lastsMs }) => atMs >= 0 && atMs + lastsMs <= durationMs));
    for (const { atMs } of faults) {
      const going = faults.filter((other) => other.atMs <= atMs && atMs < other.atMs + other.lastsMs);
      t.true(going.length <= 3, `seed ${seed}: ${going.length} at ${atMs}`);
    }
  }
});
