import test from 'ava';
import { seededRandom } from './random.js';
import { eventually, WaitedInVain, within } from './wait.js';

test('eventually gives the first value that counts', async (t) => {
  let asked = 0;
  const value = await eventually(
    () => {
      asked += 1;
      if (asked === 1) throw new Error('not there yet');
      return asked > 3 && `asked ${asked} times`;
    },
    { what: 'a fourth call', intervalMs: 1 },
  );
  t.is(value, 'asked 4 times');
});

test('eventually says what it waited for and what it saw last', async (t) => {
  const state = { leader: null, term: 4 };
  const error = await t.throwsAsync(
    eventually(() => state.leader, { what: 'a leader', timeoutMs: 20, intervalMs: 1, show: () => state }),
    { instanceOf: WaitedInVain },
  );
  t.is(error?.message, 'waited in vain for a leader (20 ms); seen last: { leader: null, term: 4 }');
});

test('eventually shows the last error when the condition only threw', async (t) => {
  const refuse = (): never => {
    throw new TypeError('no connection');
  };
  await t.throwsAsync(eventually(refuse, { what: 'an answer', timeoutMs: 5, intervalMs: 1 }), {
    message: /TypeError: no connection/,
  });
});

test('within gives the outcome, or names what did not come', async (t) => {
  t.is(await within(Promise.resolve(5), 'five'), 5);
  await t.throwsAsync(within(new Promise(() => {}), 'what never comes', 5), { message: /what never comes \(5 ms\)/ });
});

test('a seed repeats its numbers, and neighbouring seeds have others', (t) => {
  const draw = (seed: number): readonly number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: 50 }, () => random.between(0, 1_000_000));
  };
  t.deepEqual(draw(7), draw(7));
  const both = new Set([...draw(7), ...draw(8)]);
  t.true(both.size > 95);
});

test('random numbers are spread evenly, stay in their bounds, and shuffle loses nothing', (t) => {
  const random = seededRandom(1);
  const counts = new Array<number>(10).fill(0);
  for (let n = 0; n < 10_000; n += 1) counts[random.between(0, 9)] = (counts[random.between(0, 9)] ?? 0) + 1;
  const throws = Array.from({ length: 10_000 }, () => random.between(3, 5));
  t.deepEqual(
    [...new Set(throws)].sort((a, b) => a - b),
    [3, 4, 5],
  );
  const share = Array.from({ length: 10_000 }, () => random.chance(0.25)).filter(Boolean).length / 10_000;
  t.true(share > 0.23 && share < 0.27, `${share}`);
  t.deepEqual(
    [...random.shuffle([1, 2, 3, 4, 5])].sort((a, b) => a - b),
    [1, 2, 3, 4, 5],
  );
});
