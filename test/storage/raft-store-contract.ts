/** What every store of the log promises, whatever it lies on: run against SQLite and against memory. */
import type { TestFn } from 'ava';
import { QuorateError } from '../../messaging/errors.js';
import { InvariantViolation } from '../../node/raft/invariant.js';
import type { Entry, HardState } from '../../node/raft/types.js';
import type { CompactionPoint, PersistBatch, RaftStore } from '../../node/storage/types.js';

/** One place for a log: opened, lost as in a crash of the process, opened again, and harmed. */
export interface RaftStoreSetting {
  readonly store: () => RaftStore;
  /** The process ends without closing anything, and another one opens what is there. */
  readonly reopen: () => RaftStore;
  readonly compact: (through: number) => void;
  readonly install: (point: CompactionPoint, batch: PersistBatch) => void;
  readonly damage: (index: number) => void;
}

export const identity = { clusterName: 'c', clusterId: 'id-1', nodeId: 'n1' };
export const bytesMax = 1 << 20;

export function entry(index: number, term: number, text = `entry ${index} of ${term}`): Entry {
  return { type: 'normal', index, term, data: new TextEncoder().encode(text) };
}

export function entriesFrom(first: number, last: number, term: number): readonly Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => entry(first + at, term));
}

const hardState = (term: number, vote = '', commit = 0): HardState => ({ term, vote, commit });

export function raftStoreContract(test: TestFn, name: string, makeSetting: () => RaftStoreSetting): void {
  const title = (text: string) => `${name}: ${text}`;

  test(title('a blank log begins at 1 and has promised nothing'), (t) => {
    const store = makeSetting().store();
    t.is(store.firstIndex(), 1);
    t.is(store.lastIndex(), 0);
    t.is(store.term(0), 0);
    t.is(store.term(1), undefined);
    t.deepEqual(store.entries(1, 1, bytesMax), []);
    t.deepEqual(store.hardState(), hardState(0));
    t.deepEqual(store.compactionPoint(), { index: 0, term: 0, timeline: null });
    t.is(store.identity(), null);
    t.is(store.removedMark(), null);
  });

  test(title('what persist was given is there after a crash, all kinds of entries as they were'), (t) => {
    const setting = makeSetting();
    const context = new Uint8Array([1, 2, 3]);
    const entries: Entry[] = [
      entry(1, 1),
      { type: 'empty', index: 2, term: 2 },
      {
        type: 'configuration',
        index: 3,
        term: 2,
        change: { changes: [{ type: 'addLearner', id: 'n2' }], transition: 'auto', context },
      },
      {
        type: 'configuration',
        index: 4,
        term: 2,
        change: { changes: [], transition: 'leave-joint' },
      },
      { type: 'normal', index: 5, term: 3, data: new Uint8Array(0) },
    ];
    setting.store().persist({ entries, hardState: hardState(3, 'n1', 2) });
    t.deepEqual(setting.store().entries(1, 6, bytesMax), entries);
    const store = setting.reopen();
    t.deepEqual(store.entries(1, 6, bytesMax), entries);
    t.deepEqual(store.hardState(), hardState(3, 'n1', 2));
    t.is(store.lastIndex(), 5);
    t.is(store.term(5), 3);
  });

  test(title('entries replace whatever is there at and after the first of them'), (t) => {
    const setting = makeSetting();
    setting.store().persist({ entries: entriesFrom(1, 10, 1), hardState: hardState(1) });
    setting.store().persist({ entries: entriesFrom(5, 6, 2), hardState: hardState(2) });
    const expected = [...entriesFrom(1, 4, 1), ...entriesFrom(5, 6, 2)];
    t.deepEqual(setting.store().entries(1, 100, bytesMax), expected);
    const store = setting.reopen();
    t.is(store.lastIndex(), 6);
    t.deepEqual(store.entries(1, 100, bytesMax), expected);
    t.is(store.term(7), undefined);
  });

  test(title('a commit index alone is remembered, and stored with the next write'), (t) => {
    const setting = makeSetting();
    setting.store().persist({ entries: entriesFrom(1, 3, 1), hardState: hardState(1, 'n1', 0) });
    setting.store().persist({ hardState: hardState(1, 'n1', 2) });
    t.is(setting.store().hardState().commit, 2);
    t.is(setting.reopen().hardState().commit, 0, 'not written by itself');
    setting.store().persist({ hardState: hardState(1, 'n1', 2) });
    setting.store().persist({ entries: entriesFrom(4, 4, 1) });
    t.is(setting.reopen().hardState().commit, 2, 'written with the next entries');
    setting.store().persist({ hardState: hardState(2, 'n2', 3) });
    t.deepEqual(setting.reopen().hardState(), hardState(2, 'n2', 3), 'a term or a vote is always written');
  });

  test(title('entries come in pieces of at most so many bytes, but at least one'), (t) => {
    const setting = makeSetting();
    const entries = [entry(1, 1, 'x'.repeat(10)), entry(2, 1, 'x'.repeat(10)), entry(3, 1, 'x'.repeat(10))];
    setting.store().persist({ entries, hardState: hardState(1) });
    for (const store of [setting.store(), setting.reopen()]) {
      const indexes = (max: number) => store.entries(1, 4, max)?.map((each) => each.index);
      t.deepEqual(indexes(0), [1]);
      t.deepEqual(indexes(19), [1]);
      t.deepEqual(indexes(20), [1, 2]);
      t.deepEqual(indexes(30), [1, 2, 3]);
      t.deepEqual(store.entries(2, 3, bytesMax), [entries[1]]);
    }
  });

  test(title('what would break a promise is refused, and changes nothing'), (t) => {
    const setting = makeSetting();
    const store = setting.store();
    store.persist({ entries: entriesFrom(1, 5, 2), hardState: hardState(2, 'n1', 3) });
    const broken: readonly (readonly [string, PersistBatch])[] = [
      ['a gap', { entries: [entry(7, 2)] }],
      ['a gap inside the batch', { entries: [entry(6, 2), entry(8, 2)] }],
      ['a term that falls along the batch', { entries: [entry(6, 3), entry(7, 2)] }],
      ['a committed entry replaced', { entries: [entry(3, 3)] }],
      ['a lower term', { hardState: hardState(1, '', 3) }],
      ['a second vote in a term', { hardState: hardState(2, 'n2', 3) }],
      ['a vote taken back', { hardState: hardState(2, '', 3) }],
      ['a lower commit index', { hardState: hardState(2, 'n1', 2) }],
      ['a commit index beyond the log', { hardState: hardState(2, 'n1', 6) }],
    ];
    for (const [what, batch] of broken) t.throws(() => store.persist(batch), { instanceOf: InvariantViolation }, what);
    for (const each of [store, setting.reopen()]) {
      t.deepEqual(each.entries(1, 100, bytesMax), entriesFrom(1, 5, 2));
      t.deepEqual(each.hardState(), hardState(2, 'n1', 3));
    }
  });

  test(title('compaction drops the oldest entries and remembers the term where the log begins'), (t) => {
    const setting = makeSetting();
    setting
      .store()
      .persist({ entries: [...entriesFrom(1, 4, 1), ...entriesFrom(5, 9, 2)], hardState: hardState(2, '', 9) });
    setting.compact(5);
    for (const store of [setting.store(), setting.reopen()]) {
      t.is(store.firstIndex(), 6);
      t.is(store.lastIndex(), 9);
      t.is(store.term(5), 2);
      t.is(store.term(4), undefined);
      t.is(store.entries(5, 9, bytesMax), undefined);
      t.deepEqual(store.entries(6, 10, bytesMax), entriesFrom(6, 9, 2));
      t.deepEqual(store.compactionPoint(), { index: 5, term: 2, timeline: { id: 't', epoch: 1 } });
    }
    setting.compact(9);
    const store = setting.reopen();
    t.is(store.firstIndex(), 10);
    t.is(store.lastIndex(), 9);
    store.persist({ entries: [entry(10, 2)] });
    t.deepEqual(setting.reopen().entries(10, 11, bytesMax), [entry(10, 2)]);
  });

  test(title('an install lets the log begin at the snapshot, with nothing of the old one'), (t) => {
    const setting = makeSetting();
    setting.store().persist({ entries: entriesFrom(1, 9, 2), hardState: hardState(2, 'n1', 3) });
    const point = { index: 100, term: 7, timeline: { id: 't', epoch: 2 } };
    setting.install(point, { hardState: hardState(7, '', 100), entries: entriesFrom(101, 102, 7) });
    for (const store of [setting.store(), setting.reopen()]) {
      t.is(store.firstIndex(), 101);
      t.is(store.lastIndex(), 102);
      t.is(store.term(100), 7);
      t.deepEqual(store.compactionPoint(), point);
      t.deepEqual(store.entries(101, 103, bytesMax), entriesFrom(101, 102, 7));
      t.deepEqual(store.hardState(), hardState(7, '', 100));
    }
  });

  test(title('an install never undoes what is committed'), (t) => {
    const setting = makeSetting();
    setting.store().persist({ entries: entriesFrom(1, 9, 2), hardState: hardState(2, 'n1', 8) });
    t.throws(() => setting.install({ index: 7, term: 2, timeline: null }, {}), { instanceOf: InvariantViolation });
    t.is(setting.reopen().lastIndex(), 9);
  });

  test(title('a damaged entry is never returned, and named by its index'), (t) => {
    const setting = makeSetting();
    setting.store().persist({ entries: entriesFrom(1, 9, 1), hardState: hardState(1) });
    setting.damage(4);
    const store = setting.reopen();
    t.deepEqual(store.entries(1, 4, bytesMax), entriesFrom(1, 3, 1));
    t.deepEqual(store.entries(5, 10, bytesMax), entriesFrom(5, 9, 1));
    for (const read of [
      () => store.entries(1, 10, bytesMax),
      () => store.entries(4, 5, bytesMax),
      () => store.term(4),
    ]) {
      const error = t.throws(read, { instanceOf: QuorateError, code: 'damaged' });
      t.deepEqual(error?.details, { index: 4 });
    }
    t.deepEqual(store.damagedEntries(), [4]);
  });

  test(
    title(
      'damaged entries that nobody has committed are dropped with all after them, and what that owes is remembered',
    ),
    (t) => {
      const setting = makeSetting();
      setting.store().persist({ entries: entriesFrom(1, 9, 1), hardState: hardState(3, 'n2', 5) });
      setting.damage(7);
      const store = setting.reopen();
      t.throws(() => store.dropDamagedFrom(5), { instanceOf: InvariantViolation }, 'it was committed');
      store.dropDamagedFrom(7);
      t.is(store.lastIndex(), 6);
      const found = setting.reopen();
      t.deepEqual([found.lastIndex(), found.debt(), found.damagedEntries()], [6, { index: 9, term: 3 }, []]);
      t.deepEqual(found.hardState(), hardState(3, 'n2', 5), 'the vote is kept');
      found.dropDamagedFrom(6);
      t.deepEqual(setting.reopen().debt(), { index: 9, term: 3 }, 'to lose more owes no less');
    },
  );

  test(title('the directory belongs to one controller of one cluster, for ever'), (t) => {
    const setting = makeSetting();
    setting.store().setIdentity(identity);
    setting.store().setIdentity(identity);
    const store = setting.reopen();
    t.deepEqual(store.identity(), identity);
    t.throws(() => store.setIdentity({ ...identity, clusterId: 'id-2' }), { code: 'wrong-cluster' });
    t.throws(() => store.setIdentity({ ...identity, nodeId: 'n2' }), { code: 'wrong-node' });
    t.deepEqual(setting.reopen().identity(), identity);
  });

  test(title('a removal is remembered, and each opening raises the incarnation'), (t) => {
    const setting = makeSetting();
    const before = setting.store().incarnation();
    setting.store().markRemoved({ by: 'n2', index: 17 });
    const store = setting.reopen();
    t.deepEqual(store.removedMark(), { by: 'n2', index: 17 });
    t.is(store.incarnation(), before + 1);
    t.is(setting.reopen().incarnation(), before + 2);
  });
}
