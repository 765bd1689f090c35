/** What is kept of changes that lie ahead: in order, each once, and nothing that one holder does is seen by another. */
import test from 'ava';
import type { ModelChange } from '../../messaging/index.js';
import { type ChangeBuffer, noChanges } from '../../messaging/router/change-buffer.js';
import { seededRandom } from '../support/random.js';

const change = (index: number): ModelChange => ({
  position: { timeline: { id: 'a', epoch: 1 }, indexType: 'raft', index },
  previousIndex: index - 1,
  type: 'updated',
  entity: { kind: 'service', id: 'web', name: 'web', version: 1, createdAt: 1, updatedAt: 1, tags: {}, spec: {} },
});
const filled = (...indexes: readonly number[]): ChangeBuffer =>
  indexes.reduce((buffer, index) => buffer.with(change(index)), noChanges);
const indexesOf = (buffer: ChangeBuffer): readonly number[] => [...buffer].map(({ position }) => position.index);

test('in the order of their indexes, each once, however they come', (t) => {
  t.deepEqual(indexesOf(filled(3, 5, 4, 5, 1, 3)), [1, 3, 4, 5]);
  const held = filled(3, 5);
  t.is(held.with(change(5)), held);
  t.is(held.with(change(3)), held);
  t.deepEqual(indexesOf(held.without(1)), [5]);
  t.is(held.without(2), noChanges);
});

test('a buffer never changes, whatever is made from it', (t) => {
  const random = seededRandom(7);
  const made: { readonly buffer: ChangeBuffer; readonly indexes: readonly number[] }[] = [
    { buffer: noChanges, indexes: [] },
  ];
  for (let turn = 0; turn < 3_000; turn += 1) {
    const from = random.pick(made.slice(-40));
    if (random.chance(0.3)) {
      const count = random.between(0, 3);
      made.push({ buffer: from.buffer.without(count), indexes: from.indexes.slice(count) });
      continue;
    }
    const last = from.indexes.at(-1) ?? 0;
    const index = random.chance(0.8) ? last + random.between(1, 3) : random.between(1, last + 1);
    const indexes = [...new Set([...from.indexes, index])].toSorted((one, other) => one - other);
    made.push({ buffer: from.buffer.with(change(index)), indexes });
  }
  for (const { buffer, indexes } of made) {
    t.deepEqual(indexesOf(buffer), indexes);
    t.is(buffer.size, indexes.length);
  }
});
