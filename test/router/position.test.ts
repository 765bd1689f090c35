/** The rules by which positions are compared, as a table. */
import test from 'ava';
import { type Position, type PositionRelation, relate } from '../../messaging/index.js';

const at = (index: number, epoch = 1, id = 'A', indexType: Position['indexType'] = 'raft'): Position => ({
  timeline: { id, epoch },
  indexType,
  index,
});

interface Case {
  readonly promise: string;
  readonly held: Position | null;
  readonly incoming: Position;
  readonly previousIndex: number;
  readonly is: PositionRelation;
}

const table: readonly Case[] = [
  {
    promise: 'nothing is held: only the whole model will do',
    held: null,
    incoming: at(1),
    previousIndex: 0,
    is: 'resync',
  },
  { promise: 'the change after the one that is held', held: at(7), incoming: at(9), previousIndex: 7, is: 'next' },
  {
    promise: 'the router stands further than the change before',
    held: at(8),
    incoming: at(9),
    previousIndex: 7,
    is: 'next',
  },
  { promise: 'the first change of a history', held: at(0), incoming: at(5), previousIndex: 0, is: 'next' },
  { promise: 'one change is missing', held: at(7), incoming: at(9), previousIndex: 8, is: 'gap' },
  { promise: 'the same change again', held: at(9), incoming: at(9), previousIndex: 7, is: 'old' },
  { promise: 'a change from before', held: at(9), incoming: at(8), previousIndex: 7, is: 'old' },
  {
    promise: 'a higher epoch, though its index is lower',
    held: at(900),
    incoming: at(1, 2, 'B'),
    previousIndex: 0,
    is: 'resync',
  },
  {
    promise: 'a higher epoch, though its index is the next',
    held: at(7),
    incoming: at(8, 2, 'B'),
    previousIndex: 7,
    is: 'resync',
  },
  { promise: 'a higher epoch of the same id', held: at(7), incoming: at(8, 2), previousIndex: 7, is: 'resync' },
  {
    promise: 'a lower epoch, though its index is higher',
    held: at(7, 2, 'B'),
    incoming: at(900),
    previousIndex: 7,
    is: 'stale',
  },
  {
    promise: 'a lower epoch of another index type',
    held: at(7, 2, 'B'),
    incoming: at(900, 1, 'A', 'legacy'),
    previousIndex: 7,
    is: 'stale',
  },
  { promise: 'the same epoch with another id', held: at(7), incoming: at(8, 1, 'B'), previousIndex: 7, is: 'conflict' },
  {
    promise: 'the same epoch with another id and type',
    held: at(7),
    incoming: at(8, 1, 'B', 'legacy'),
    previousIndex: 7,
    is: 'conflict',
  },
  {
    promise: 'legacy to raft, never compared: higher',
    held: at(7, 1, 'A', 'legacy'),
    incoming: at(8),
    previousIndex: 7,
    is: 'resync',
  },
  {
    promise: 'legacy to raft, never compared: lower',
    held: at(700, 1, 'A', 'legacy'),
    incoming: at(8),
    previousIndex: 7,
    is: 'resync',
  },
  {
    promise: 'raft to legacy, never compared',
    held: at(7),
    incoming: at(8, 1, 'A', 'legacy'),
    previousIndex: 7,
    is: 'resync',
  },
  {
    promise: 'a migration: the first raft change after a high legacy index',
    held: at(971, 1, 'A', 'legacy'),
    incoming: at(3, 2, 'B'),
    previousIndex: 0,
    is: 'resync',
  },
  {
    promise: 'a migration: the raft change whose index would be the next legacy one',
    held: at(7, 1, 'A', 'legacy'),
    incoming: at(8, 2, 'B'),
    previousIndex: 7,
    is: 'resync',
  },
  {
    promise: 'a late legacy change after the migration',
    held: at(3, 2, 'B'),
    incoming: at(971, 1, 'A', 'legacy'),
    previousIndex: 970,
    is: 'stale',
  },
  {
    promise: 'a rollback: a legacy change after low raft indexes',
    held: at(320, 2, 'B'),
    incoming: at(972, 3, 'C', 'legacy'),
    previousIndex: 0,
    is: 'resync',
  },
  {
    promise: 'a rollback: a legacy change after higher raft indexes',
    held: at(8_697, 2, 'B'),
    incoming: at(401, 3, 'C', 'legacy'),
    previousIndex: 0,
    is: 'resync',
  },
  {
    promise: 'a second migration: raft indexes that were given before, in another history',
    held: at(401, 3, 'C', 'legacy'),
    incoming: at(3, 4, 'D'),
    previousIndex: 0,
    is: 'resync',
  },
  {
    promise: 'a router that slept through both, and wakes at the index that it holds',
    held: at(3, 2, 'B'),
    incoming: at(3, 4, 'D'),
    previousIndex: 0,
    is: 'resync',
  },
];

for (const { promise, held, incoming, previousIndex, is } of table) {
  test(`${promise}: ${is}`, (t) => {
    t.is(relate(held, incoming, previousIndex), is);
  });
}
