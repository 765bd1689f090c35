import test from 'ava';
import { Repeats } from '../../node/server/repeats.js';

test('a request that is sent again while it is being done, or after, is done once', async (t) => {
  const repeats = new Repeats();
  let done = 0;
  const work = async () => ++done;
  const both = await Promise.all([repeats.once('a', 'one', work), repeats.once('a', 'one', work)]);
  t.deepEqual(both, [1, 1]);
  t.is(await repeats.once('a', 'one', work), 1);
  t.is(await repeats.once('a', 'two', work), 2);
  t.is(await repeats.once('b', 'one', work), 3);
});

test('what was refused is tried again', async (t) => {
  const repeats = new Repeats();
  let tries = 0;
  const work = async () => {
    tries += 1;
    if (tries === 1) throw new Error('not now');
    return tries;
  };
  await t.throwsAsync(repeats.once('a', 'one', work), { message: 'not now' });
  t.is(await repeats.once('a', 'one', work), 2);
});
