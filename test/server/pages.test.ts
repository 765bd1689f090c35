/** Pages of entities are read in pieces: what a piece may cost has a bound, and together they are what one read would find. */
import test from 'ava';
import type { Entity } from '../../messaging/index.js';
import { MemoryModelStore } from '../../node/model/memory-store.js';
import { pageReading } from '../../node/server/handlers.js';

const timeline = { id: 'a', epoch: 1 };

function storeWith(count: number, tagCharacters = 0) {
  const store = new MemoryModelStore();
  const entity = (number: number): Entity => ({
    ...{ kind: 'service', id: `s${String(number).padStart(6, '0')}`, name: `number ${number}`, version: 1 },
    tags: tagCharacters === 0 ? {} : { long: 'x'.repeat(tagCharacters) },
    ...{ spec: { roleAttributes: [] }, createdAt: 0, updatedAt: 0 },
  });
  store.transaction(() => {
    for (let number = 0; number < count; number += 1) store.insert(entity(number), []);
  });
  return store;
}

interface Asked {
  readonly limit: number;
  readonly filter?: string;
  readonly after?: string;
}

/** The whole page, and in how many pieces it was read; the model has moved on at each. */
function read(store: MemoryModelStore, asked: Asked) {
  let index = 0;
  const reading = pageReading(store, { kind: 'service', ...asked }, () => {
    index += 1;
    return { timeline, indexType: 'raft', index };
  });
  for (let pieces = 1; ; pieces += 1) {
    const page = reading();
    if (page !== undefined) return { ...page, ids: page.entities.map(({ id }) => id), pieces };
  }
}

test('a filter that finds little is looked for in pieces, and the page stands where it began', (t) => {
  const store = storeWith(9_000);
  const none = read(store, { limit: 1_000, filter: 'nothing' });
  t.deepEqual([none.ids, none.more], [[], false]);
  t.is(none.pieces, 5);
  t.is(none.position.index, 1);
  const few = read(store, { limit: 1_000, filter: 'number 88' });
  t.deepEqual(
    few.ids,
    store.list('service', { limit: 9_000, filter: 'number 88' }).map(({ id }) => id),
  );
  t.false(few.more);
});

test('page after page, with and without a filter, is the whole list', (t) => {
  const store = storeWith(4_100);
  for (const filter of [undefined, '7', 'number 4'])
    for (const limit of [1, 97, 1_000]) {
      const whole = store.list('service', { limit: 5_000, filter }).map(({ id }) => id);
      const ids: string[] = [];
      // With one at a time, the last few are enough.
      if (limit === 1) ids.push(...whole.slice(0, -5));
      for (let more = true; more; ) {
        const page = read(store, { limit, filter, after: ids.at(-1) });
        t.true(page.ids.length <= limit);
        ids.push(...page.ids);
        ({ more } = page);
      }
      t.deepEqual(ids, whole, `${filter} by ${limit}`);
    }
});

test('entities that are large make a shorter page, of which more is said to follow', (t) => {
  const store = storeWith(40, 100_000);
  const first = read(store, { limit: 1_000 });
  t.true(first.more);
  t.true(first.ids.length >= 10 && first.ids.length <= 11, `${first.ids.length}`);
  const ids = [...first.ids];
  for (let more = true; more; ) {
    const page = read(store, { limit: 1_000, after: ids.at(-1) });
    ids.push(...page.ids);
    ({ more } = page);
  }
  t.is(ids.length, 40);
});
