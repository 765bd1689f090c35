/** Linearizable reads (dissertation, section 6.4). */
import test from 'ava';
import { Cluster } from './harness/cluster.js';
import { Lone } from './harness/lone.js';

const three = () => new Cluster(['a', 'b', 'c']).elect('a');

test('6.4 a read is answered with the commit index once a quorum has confirmed the leader', (t) => {
  const cluster = three();
  cluster.propose('a', 'x');
  cluster.cut('b', 'c');
  cluster.read('a', 'r');
  t.deepEqual(cluster.member('a').reads, []);
  cluster.heal().tick();
  t.deepEqual(cluster.member('a').reads, [{ requestId: 'r', result: { ok: true, index: cluster.raft('a').commit } }]);
});

test('6.4 step 1: no read is answered before the leader has committed an entry of its term', (t) => {
  const lone = new Lone({ log: [1, 1] }).lead();
  const heartbeatReply = { type: 'heartbeatReply', term: 2 } as const;
  t.deepEqual(lone.raft.readIndex('r'), { ok: true });
  lone.member.work();
  for (let round = 1; round < 4; round++)
    lone.hear({ ...heartbeatReply, readContext: { leader: 'a', term: 2, round } });
  t.deepEqual(lone.member.reads, []);
  lone.hear({ type: 'appendReply', term: 2, rejected: false, index: 3, hintIndex: 0, hintTerm: 0 });
  lone.hear({ ...heartbeatReply, readContext: { leader: 'a', term: 2, round: 1 } });
  t.deepEqual(lone.member.reads, [{ requestId: 'r', result: { ok: true, index: 3 } }]);
});

test('6.4 a deposed leader that does not know it answers no read', (t) => {
  const cluster = new Cluster(['a', 'b', 'c', 'd', 'e']).elect('a');
  cluster.propose('a', 'x');
  cluster.cut('a', 'b');
  cluster.read('a', 'stale');
  cluster.tickUntil(() => cluster.leader !== 'a' && cluster.leader !== undefined);
  cluster.propose(cluster.leader ?? '', 'y');
  cluster.heal().tick(30);
  t.like(cluster.member('a').reads, [{ requestId: 'stale', result: { ok: false, code: 'not-leader' } }]);
});

test('6.4 confirmations for another leader, another term or an earlier round do not count', (t) => {
  const lone = new Lone({ log: [1] }).lead();
  lone.hear({ type: 'appendReply', term: 2, rejected: false, index: 2, hintIndex: 0, hintTerm: 0 });
  lone.raft.readIndex('one');
  lone.member.work();
  const confirm = (leader: string, term: number, round: number) =>
    lone.hear({ type: 'heartbeatReply', term: 2, readContext: { leader, term, round } });
  confirm('b', 2, 1);
  confirm('a', 1, 1);
  t.deepEqual(lone.member.reads, []);
  lone.raft.readIndex('two');
  lone.member.work();
  confirm('a', 2, 1);
  t.deepEqual(
    lone.member.reads.map(({ requestId }) => requestId),
    ['one'],
  );
  confirm('a', 2, 2);
  t.deepEqual(
    lone.member.reads.map(({ requestId }) => requestId),
    ['one', 'two'],
  );
});

test('6.4 a learner confirms nothing', (t) => {
  const cluster = three();
  cluster.change('a', [{ type: 'addLearner', id: 'd' }]);
  cluster.add('d');
  cluster.tick(2).cut('b', 'c');
  cluster.read('a', 'r');
  cluster.tick(2);
  t.deepEqual(cluster.member('a').reads, []);
});

test('6.4 reads of one turn share one round', (t) => {
  const cluster = three();
  for (let i = 0; i < 100; i++) cluster.raft('a').readIndex(`r${i}`);
  const from = cluster.sent.length;
  cluster.settle();
  t.is(cluster.member('a').reads.length, 100);
  t.is(cluster.sent.slice(from).filter(({ type, to }) => type === 'heartbeat' && to === 'b').length, 1);
});

test('a lost round is repeated with the next heartbeat', (t) => {
  const cluster = three();
  cluster.deliverOnly(({ type }) => type !== 'heartbeat');
  cluster.read('a', 'r');
  t.deepEqual(cluster.member('a').reads, []);
  cluster.heal().tick();
  t.is(cluster.member('a').reads.length, 1);
});

test('a voter that is left alone by a change answers the reads that waited for the others', (t) => {
  // Found by the simulator: nobody is left whose answer could confirm them later.
  const cluster = new Cluster(['a', 'b']).elect('a');
  cluster.deliverOnly((message) => message.type !== 'heartbeatReply');
  cluster.read('a', 'r');
  t.deepEqual(cluster.member('a').reads, []);
  cluster.change('a', [{ type: 'remove', id: 'b' }]);
  t.like(cluster.member('a').reads, [{ requestId: 'r', result: { ok: true } }]);
});

test('reads that wait are bounded', (t) => {
  const cluster = new Cluster(['a', 'b', 'c'], { pendingReadsMax: 3 }).elect('a').cut('b', 'c');
  for (let i = 0; i < 3; i++) t.deepEqual(cluster.read('a', `r${i}`), { ok: true });
  t.like(cluster.read('a', 'r'), { ok: false, code: 'overloaded' });
  cluster.heal().tick();
  t.is(cluster.member('a').reads.length, 3);
  t.deepEqual(cluster.read('a', 'later'), { ok: true });
});

test('6.4 a follower asks the leader, once for all reads of a turn, and gets the index', (t) => {
  const cluster = three();
  cluster.propose('a', 'x');
  const from = cluster.sent.length;
  for (let i = 0; i < 10; i++) cluster.raft('b').readIndex(`r${i}`);
  cluster.settle();
  t.is(cluster.sent.slice(from).filter(({ type }) => type === 'readIndex').length, 1);
  const { reads } = cluster.member('b');
  t.is(reads.length, 10);
  for (const { result } of reads) t.deepEqual(result, { ok: true, index: cluster.raft('a').commit });
});

test('an answer to a read of an earlier life answers nobody', (t) => {
  const cluster = three();
  cluster.deliverOnly(({ type }) => type !== 'readIndexReply');
  cluster.read('b', 'old');
  const late = cluster.sent.find(({ type }) => type === 'readIndexReply');
  t.truthy(late);
  cluster.heal().crash('b').restart('b').tick();
  cluster.propose('a', 'x');
  cluster.deliverOnly(({ type }) => type !== 'readIndexReply');
  cluster.read('b', 'new');
  if (late) cluster.raft('b').step(late);
  cluster.settle();
  t.deepEqual(cluster.member('b').reads, []);
});

test('every read ends once: without a leader it is refused, with a lost one unknown', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']);
  t.like(cluster.read('b', 'r'), { ok: false, code: 'not-leader' });
  cluster.elect('a').cut('a');
  t.deepEqual(cluster.read('b', 'r2'), { ok: true });
  cluster.tick(60);
  t.like(cluster.member('b').reads, [{ requestId: 'r2', result: { ok: false, code: 'unknown' } }]);
});

test('a single voter answers by itself', (t) => {
  const cluster = new Cluster(['a']).elect('a');
  cluster.read('a', 'r');
  t.deepEqual(cluster.member('a').reads, [{ requestId: 'r', result: { ok: true, index: 2 } }]);
});
