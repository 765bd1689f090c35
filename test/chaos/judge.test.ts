/** A judge that finds nothing wrong is worth something only if it finds what is wrong. */
import test from 'ava';
import type { ModelChange } from '../../messaging/index.js';
import type { EntityOperation } from '../simulator/entity-history.js';
import type { Acknowledged } from './clients.js';
import { type Evidence, judge } from './judge.js';

const timeline = { id: 'a', epoch: 1 };

function change(index: number, previousIndex: number, type: ModelChange['type'], version: number, value: number) {
  return {
    position: { timeline, indexType: 'raft', index },
    previousIndex,
    type,
    entity: {
      ...{ kind: 'service', id: 'k', name: 'k', version, createdAt: 0, updatedAt: 0, spec: {} },
      tags: { value: String(value) },
    },
  } satisfies ModelChange;
}

const journal = [change(3, 0, 'created', 1, 1), change(5, 3, 'updated', 2, 2), change(6, 5, 'updated', 3, 4)];
const call = (operation: Pick<EntityOperation, 'input' | 'output'>, at: number): EntityOperation => ({
  ...{ key: 'k', client: 'c1', calledAt: at, ...operation },
  returnedAt: operation.output === undefined ? undefined : at + 1,
});
const operations: readonly EntityOperation[] = [
  call({ input: { type: 'create', value: 1 }, output: { type: 'entity', version: 1, value: 1 } }, 0),
  call({ input: { type: 'update', version: 1, value: 2 }, output: { type: 'entity', version: 2, value: 2 } }, 2),
  call({ input: { type: 'update', version: 1, value: 3 }, output: { type: 'refused', code: 'version-mismatch' } }, 4),
  call({ input: { type: 'update', version: null, value: 4 }, output: undefined }, 6),
];
const acknowledged: readonly Acknowledged[] = [
  { epoch: 1, index: 3, key: 'k', type: 'created', version: 1, value: 1 },
  { epoch: 1, index: 5, key: 'k', type: 'updated', version: 2, value: 2 },
];
const history = { operations, acknowledged, unexpected: [], longestGapMs: 0 };
const sound: Evidence = {
  history,
  beforeIndex: 0,
  journals: new Map([
    ['n1', journal],
    ['n2', journal],
  ]),
};
const withJournal = (changes: readonly ModelChange[]): Evidence => ({ ...sound, journals: new Map([['n1', changes]]) });

test('nothing is wrong with what is right, a write of unknown outcome included', (t) => {
  t.deepEqual(judge(sound), []);
  t.deepEqual(judge(withJournal(journal.slice(0, 2))), [], 'it may also not have happened');
});

const wrong: Readonly<Record<string, readonly [Evidence, RegExp]>> = {
  'no member': [{ ...sound, journals: new Map() }, /no member/],
  'a member without the last change': [
    { ...sound, journals: new Map([...sound.journals, ['n3', journal.slice(0, 2)]]) },
    /n3 holds 2 changes and n1 3/,
  ],
  'two members with another order': [
    { ...sound, journals: new Map([...sound.journals, ['n3', [...journal].reverse()]]) },
    /n3 holds 3 changes and n1 3; change 0/,
  ],
  'a gap': [withJournal([change(3, 0, 'created', 1, 1), change(5, 4, 'updated', 2, 2)]), /follows 4 .* and 3/],
  'a gap before the first': [{ ...sound, beforeIndex: 2 }, /follows 0 .* and 2/],
  'an acknowledged write that is gone': [withJournal(journal.slice(0, 1)), /acknowledged at 5, where there is nothing/],
  'another write where one was acknowledged': [
    withJournal([change(3, 0, 'created', 1, 1), change(5, 3, 'updated', 2, 4)]),
    /= 2 was acknowledged at 5, where there is 5 updated/,
  ],
  'a write that happened twice': [
    withJournal([...journal, change(7, 6, 'updated', 4, 4)]),
    /the value 4 was written twice/,
  ],
  'a write that was refused, and happened': [
    withJournal([...journal, change(7, 6, 'updated', 4, 3)]),
    /nobody was to write 3/,
  ],
  'a refusal that clients should not see': [
    { ...sound, history: { ...history, unexpected: ['c1: internal'] } },
    /neither "no" nor "later": c1: internal/,
  ],
  'a stale read': [
    {
      ...sound,
      history: {
        ...history,
        operations: [
          ...operations,
          call({ input: { type: 'get' }, output: { type: 'entity', version: 1, value: 1 } }, 8),
        ],
      },
    },
    /not linearizable/,
  ],
};

for (const [name, [evidence, expected]] of Object.entries(wrong))
  test(`found: ${name}`, (t) => t.regex(judge(evidence).join('\n'), expected));
