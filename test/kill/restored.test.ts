/** A judge that finds nothing wrong is worth something only if it finds what is wrong. */
import test from 'ava';
import type { Entity, ModelChange, Position } from '../../messaging/index.js';
import type { Acknowledged } from '../chaos/clients.js';
import type { EntityOperation } from '../simulator/entity-history.js';
import { judgeRestored, type RestoredEvidence } from './restored.js';

const at = (epoch: number, index: number): Position => ({
  timeline: { id: `t${epoch}`, epoch },
  indexType: 'raft',
  index,
});
const entity = (id: string, version: number, value: number): Entity => ({
  ...{ kind: 'service', id, name: id, version, createdAt: 0, updatedAt: 0, spec: {} },
  tags: { value: String(value) },
});
const change = (position: Position, previousIndex: number, type: ModelChange['type'], of: Entity): ModelChange => ({
  ...{ position, previousIndex, type },
  entity: of,
});

type Write = Extract<EntityOperation['input'], { readonly type: 'create' | 'update' }>;
/** From `calledAt` on; answered one later with this version, or never. */
const call = (key: string, input: Write, calledAt: number, version?: number): EntityOperation => ({
  ...{ key, client: 'c1', input, calledAt },
  output: version === undefined ? undefined : { type: 'entity', version, value: input.value },
  returnedAt: version === undefined ? undefined : calledAt + 1,
});
const create = (value: number): Write => ({ type: 'create', value });
const update = (value: number): Write => ({ type: 'update', version: null, value });

/** k = 1; the file; k = 2 and l = 3, which it takes back; the restore, from 10 to 20; k = 4. */
const first = change(at(1, 3), 0, 'created', entity('k', 1, 1));
const second = change(at(1, 5), 3, 'updated', entity('k', 2, 2));
const third = change(at(1, 6), 5, 'created', entity('l', 1, 3));
const fourth = change(at(2, 12), 0, 'updated', entity('k', 2, 4));
const operations = [
  call('k', create(1), 0, 1),
  call('k', update(2), 4, 2),
  call('l', create(3), 6, 1),
  call('k', update(4), 22, 2),
];
const write = (epoch: number, { position, entity: of, type }: ModelChange): Acknowledged => ({
  ...{ epoch, index: position.index, key: of.id, type, version: of.version, value: Number(of.tags['value']) },
});
const acknowledged = [write(1, first), write(1, second), write(1, third), write(2, fourth)];
const history = { operations, acknowledged, unexpected: [], longestGapMs: 0 };
const sound: RestoredEvidence = {
  history,
  file: { position: at(1, 4), entities: [entity('k', 1, 1)], changes: [first] },
  backups: new Map([['before', [first, second, third]]]),
  beforeIndex: 0,
  journals: new Map([
    ['n1', [fourth]],
    ['n2', [fourth]],
  ]),
  epoch: 2,
  entities: [entity('k', 2, 4)],
  calledAt: 10,
  returnedAt: 20,
};
const withJournal = (changes: readonly ModelChange[]) => ({ journals: new Map([['n1', changes]]) });
const withOperation = (operation: EntityOperation) => ({
  history: { ...history, operations: [...operations, operation] },
});

test('nothing is wrong where a restore takes back what came after its file', (t) => {
  t.deepEqual(judgeRestored(sound), []);
});

test('a request whose answer the restore swallowed may take effect once more when it is sent again', (t) => {
  const twice = change(at(2, 13), 12, 'created', entity('m', 1, 5));
  const once = change(at(1, 7), 6, 'created', entity('m', 1, 5));
  const again: RestoredEvidence = {
    ...sound,
    ...withJournal([fourth, twice]),
    backups: new Map([['before', [first, second, third, once]]]),
    history: {
      ...history,
      operations: [...operations, { ...call('m', create(5), 9, 1), returnedAt: 25 }],
      acknowledged: [...acknowledged, write(2, twice)],
    },
    entities: [entity('k', 2, 4), entity('m', 1, 5)],
  };
  t.deepEqual(judgeRestored(again), []);
  const seenBefore = { ...call('m', create(5), 9), input: { type: 'get' } as const, returnedAt: 9.5 };
  const output = { type: 'entity', version: 1, value: 5 } as const;
  const read = {
    ...again,
    history: { ...again.history, operations: [...again.history.operations, { ...seenBefore, output }] },
  };
  t.deepEqual(judgeRestored(read), [], 'somebody has read it before the restore');
});

const wrong: Readonly<Record<string, readonly [Partial<RestoredEvidence>, RegExp]>> = {
  'no backup': [{ backups: new Map() }, /no backup of what the restore replaced/],
  'an acknowledged write that is in neither the backup nor the file': [
    { backups: new Map([['before', [first, second]]]) },
    /before the restore: the write created l version 1 = 3 was acknowledged at 6, where there is nothing/,
  ],
  'two backups that differ': [
    {
      backups: new Map([
        ['before', [first, second, third]],
        ['again', [first, second]],
      ]),
    },
    /before the restore: again holds 2 changes/,
  ],
  'a file that lacks what came before its position': [
    { file: { ...sound.file, changes: [], entities: [] }, entities: [] },
    /holds 0 changes of the time before, and the backup 1/,
  ],
  'a write after the switch that is gone': [
    { ...withJournal([]), entities: [entity('k', 1, 1)] },
    /after the restore: the write updated k version 2 = 4 was acknowledged at 12, where there is nothing/,
  ],
  'a write that the restore should have taken back': [
    { entities: [entity('k', 2, 4), entity('l', 1, 3)] },
    /l is version 1 = 3, and by the file and the changes since not there/,
  ],
  'an entity of the file that did not come back': [
    { file: { ...sound.file, entities: [entity('k', 1, 1), entity('z', 1, 9)] } },
    /z is not there, and by the file .* version 1 = 9/,
  ],
  'a write of the time before that is written again, though its answer had come': [
    { ...withJournal([fourth, change(at(2, 13), 12, 'updated', entity('k', 3, 2))]), entities: [entity('k', 3, 2)] },
    /nobody was to write 2/,
  ],
  'members that differ afterwards': [
    { journals: new Map([...sound.journals, ['n3', []]]) },
    /after the restore: n3 holds 0 changes/,
  ],
  'a write that happened twice after the restore': [
    { ...withJournal([fourth, change(at(2, 13), 12, 'updated', entity('k', 3, 4))]), entities: [entity('k', 3, 4)] },
    /after the restore: the value 4 was written twice/,
  ],
  'a read of what was taken back, after the restore': [
    withOperation({
      ...{ key: 'l', client: 'c2', input: { type: 'get' }, calledAt: 23, returnedAt: 24 },
      output: { type: 'entity', version: 1, value: 3 },
    }),
    /the history of l is not linearizable/,
  ],
  'a read before the restore that does not see what was acknowledged': [
    withOperation({
      ...{ key: 'l', client: 'c2', input: { type: 'get' }, calledAt: 8, returnedAt: 9 },
      output: { type: 'absent' },
    }),
    /the history of l is not linearizable/,
  ],
  'a refusal that clients should not see': [
    { history: { ...history, unexpected: ['c1: internal'] } },
    /neither "no" nor "later": c1: internal/,
  ],
};

for (const [name, [more, expected]] of Object.entries(wrong))
  test(`found: ${name}`, (t) => t.regex(judgeRestored({ ...sound, ...more }).join('\n'), expected));
