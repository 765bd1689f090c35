/** The small types, each by itself. */
import test from 'ava';
import { Forwarded } from '../../node/raft/forwarded.js';
import { defaultLimits, emptyConfiguration, Raft } from '../../node/raft/index.js';
import { Inflights } from '../../node/raft/inflights.js';
import { entryBytes, RaftLog } from '../../node/raft/log.js';
import { Progress } from '../../node/raft/progress.js';
import { jointReached, jointVote, majorityOf, majorityReached, majorityVote } from '../../node/raft/quorum.js';
import { ReadRounds } from '../../node/raft/read-index.js';
import type { Entry } from '../../node/raft/types.js';
import { Disk } from './harness/disk.js';
import { Random } from './harness/random.js';

// ------------------------------------------------------------------------------------------------------------------ quorum

test('quorum: majorities', (t) => {
  t.deepEqual([1, 2, 3, 4, 5].map(majorityOf), [1, 2, 2, 3, 3]);
});

test('quorum: what a majority has reached is what sorting says, for any numbers', (t) => {
  const random = new Random(3);
  for (let i = 0; i < 2000; i++) {
    const numbers = Array.from({ length: 1 + random.below(9) }, () => random.below(20));
    const ids = numbers.map((_, at) => `${at}`);
    const expected = [...numbers].sort((a, b) => b - a)[Math.floor(numbers.length / 2)];
    const found = majorityReached(ids, (id) => numbers[Number(id)]);
    if (found !== expected) return t.fail(`${numbers}: ${found}`);
  }
  t.pass();
});

test('quorum: both halves of a joint configuration count, and an empty one never stands in the way', (t) => {
  const reached = (id: string) => ({ a: 9, b: 5, c: 1 })[id];
  t.is(jointReached(['a'], ['b'], reached), 5);
  t.is(jointReached(['a'], [], reached), 9);
  t.is(
    jointVote(['a'], ['b'], (id) => (id === 'a' ? true : undefined)),
    'pending',
  );
  t.is(
    jointVote(['a'], ['b'], (id) => id === 'a'),
    'lost',
  );
  t.is(
    majorityVote([], () => undefined),
    'won',
  );
});

// --------------------------------------------------------------------------------------------------------------- inflights

test('inflights: bounded in messages, freed in order, round and round', (t) => {
  const window = new Inflights(3, 1000);
  for (let last = 1; last <= 30; last++) {
    window.add(last, 1);
    if (window.full) window.freeUpTo(last - 1);
    t.true(window.count <= 3 && window.bytes === window.count);
  }
  window.freeUpTo(100);
  t.deepEqual([window.count, window.bytes], [0, 0]);
});

test('inflights: bounded in bytes, but one message always fits', (t) => {
  const window = new Inflights(10, 100);
  window.add(1, 5000);
  t.true(window.full);
  t.throws(() => window.add(2, 1), { name: 'InvariantViolation' });
  window.clear();
  t.false(window.full);
});

// ---------------------------------------------------------------------------------------------------------------- progress

test('progress: what was acknowledged is never taken back', (t) => {
  const progress = new Progress(10, false, defaultLimits);
  t.true(progress.acknowledge(7));
  t.false(progress.acknowledge(5));
  t.is(progress.match, 7);
  t.false(progress.reject(6, 3));
  progress.becomeProbe(2);
  t.is(progress.next, 8);
});

test('progress: a refusal of anything but the last probe is old', (t) => {
  const progress = new Progress(10, false, defaultLimits);
  progress.sent(12, 1);
  t.true(progress.paused);
  t.false(progress.reject(5, 2));
  t.true(progress.reject(9, 4));
  t.deepEqual([progress.next, progress.paused], [5, false]);
});

test('progress: in replication, what is sent is assumed to arrive', (t) => {
  const progress = new Progress(1, false, defaultLimits);
  progress.becomeReplicate();
  progress.sent(5, 100);
  progress.sent(9, 100);
  t.deepEqual([progress.next, progress.inflights.count], [10, 2]);
  t.true(progress.reject(9, 5));
  t.deepEqual([progress.state, progress.next, progress.inflights.count], ['probe', 6, 0]);
});

// --------------------------------------------------------------------------------------------------------------------- log

const normal = (index: number, term: number): Entry => ({ type: 'normal', term, index, data: new Uint8Array(10) });
const logOf = (terms: readonly number[], tailBytesMax = 1_000_000) => {
  const disk = new Disk();
  disk.store({ entries: terms.map((term, at) => normal(at + 1, term)) });
  return { disk, log: new RaftLog(disk, 0, 0, tailBytesMax) };
};

test('log: the last entry not later than a term is found by halving', (t) => {
  const { log } = logOf([1, 1, 3, 3, 3, 6, 6]);
  t.deepEqual(
    [7, 6, 5, 4, 2, 1, 0].map((term) => log.lastNotAfter(7, term)),
    [7, 7, 5, 5, 2, 2, 0],
  );
  t.is(log.lastNotAfter(4, 3), 4);
  t.is(log.lastNotAfter(100, 9), 7);
});

test('log: it does not replace what is committed, nor leave a gap', (t) => {
  const { log } = logOf([1, 1, 1]);
  log.commitTo(2);
  t.throws(() => log.append([normal(2, 2)]), { name: 'InvariantViolation' });
  t.throws(() => log.append([normal(5, 2)]), { name: 'InvariantViolation' });
  t.throws(() => log.commitTo(9), { name: 'InvariantViolation' });
});

test('log: memory is bounded: what is durable and applied goes, and is read from the store after that', (t) => {
  const { disk, log } = logOf([], 200);
  for (let index = 1; index <= 1000; index++) {
    log.append([normal(index, 1)]);
    const { entries } = log.takeUnwritten(index);
    disk.store({ entries });
    log.persisted(index);
    log.commitTo(index);
    log.takeCommitted(1000);
    log.appliedTo(index);
  }
  disk.compact(900);
  t.is(log.term(901), 1);
  t.is(log.term(800), undefined, 'neither in the store nor in memory');
  t.is(log.entries(800, 801, 1000), undefined);
  t.deepEqual(
    log.entries(950, 953, 1000)?.map(({ index }) => index),
    [950, 951, 952],
  );
});

test('log: bytes of a range, over store and memory', (t) => {
  const { log } = logOf([1, 1, 1]);
  log.append([normal(4, 2), normal(5, 2)]);
  t.is(log.bytesBetween(0, 5), 5 * entryBytes(normal(1, 1)));
  t.is(log.bytesBetween(2, 4), 2 * entryBytes(normal(1, 1)));
});

// ------------------------------------------------------------------------------------------------------------------- reads

test('reads: a confirmed round answers all rounds before it, each at its own index', (t) => {
  const reads = new ReadRounds(10);
  for (const [requestId, commit] of [
    ['a', 5],
    ['b', 7],
  ] as const) {
    reads.add({ from: 'x', requestId });
    reads.begin(commit);
  }
  t.deepEqual(
    reads.confirm(2).map(({ request, index }) => [request.requestId, index]),
    [
      ['a', 5],
      ['b', 7],
    ],
  );
  t.is(reads.current, 0);
});

test('reads: rounds under way are bounded; what comes meanwhile waits for the next', (t) => {
  const reads = new ReadRounds(100);
  let begun = 0;
  for (let i = 0; i < 10; i++) {
    reads.add({ from: 'x', requestId: `${i}` });
    if (reads.due) begun = reads.begin(1);
  }
  t.is(begun, 4);
  t.is(reads.confirm(4).length, 4);
  t.true(reads.due);
  reads.begin(2);
  t.is(reads.confirm(5).length, 6);
});

test('reads: all that wait are given up together', (t) => {
  const reads = new ReadRounds(2);
  t.true(reads.add({ from: 'x', requestId: 'a' }));
  reads.begin(1);
  t.true(reads.add({ from: 'x', requestId: 'b' }));
  t.false(reads.add({ from: 'x', requestId: 'c' }));
  t.is(reads.abandon().length, 2);
  t.true(reads.add({ from: 'x', requestId: 'd' }));
});

// --------------------------------------------------------------------------------------------------------------- forwarded

test('forwarded: names differ between two lives, and each ends once', (t) => {
  const random = new Random(5);
  const [one, two] = [new Forwarded('a', random.next, defaultLimits), new Forwarded('a', random.next, defaultLimits)];
  const name = one.addProposal('p') ?? '';
  t.not(name, two.addProposal('p'));
  t.is(two.takeProposal(name), undefined);
  t.is(one.takeProposal(name), 'p');
  t.is(one.takeProposal(name), undefined);
});

test('forwarded: after two election timeouts without an answer, unknown', (t) => {
  const forwarded = new Forwarded('a', new Random(5).next, { ...defaultLimits, electionTimeoutTicks: 5 });
  forwarded.addProposal('p');
  forwarded.addRead('r');
  forwarded.takeReadBatch();
  let lost = forwarded.tick();
  for (let i = 0; i < 8; i++) lost = forwarded.tick();
  t.deepEqual([lost.proposals.length, lost.reads.length], [0, 0]);
  lost = forwarded.tick();
  t.like(lost, { proposals: [{ proposalId: 'p', result: { code: 'unknown' } }], reads: [{ requestId: 'r' }] });
});

// ----------------------------------------------------------------------------------------------------------------- options

test('limits that make no sense are refused at the start', (t) => {
  const start = (limits: object) => () =>
    new Raft({ id: 'a', log: new Disk(), applied: 0, configuration: emptyConfiguration, random: Math.random, limits });
  t.throws(start({ heartbeatTicks: 0 }), { name: 'InvariantViolation' });
  t.throws(start({ heartbeatTicks: 20, electionTimeoutTicks: 10 }), { name: 'InvariantViolation' });
  t.throws(start({ appendBytesMax: Number.NaN }), { name: 'InvariantViolation' });
  t.notThrows(start({}));
});
