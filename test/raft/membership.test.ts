/** Changes of membership in a cluster (dissertation, chapter 4, and the correction of 2015). */
import test from 'ava';
import { Cluster } from './harness/cluster.js';
import { Lone } from './harness/lone.js';

const three = () => new Cluster(['a', 'b', 'c']).elect('a');

test('4.2.1 a learner is sent the log and counts in no quorum', (t) => {
  const cluster = three();
  cluster.propose('a', 'x');
  cluster.change('a', [{ type: 'addLearner', id: 'd' }]);
  cluster.add('d');
  cluster.tick(2);
  t.deepEqual(cluster.values('d'), ['x']);
  cluster.cut('b', 'c');
  cluster.propose('a', 'y');
  t.deepEqual(cluster.values('a'), ['x'], 'a leader and a learner are no majority of three');
});

test('4.2.1 a learner that has caught up becomes a voter, and keeps what it has', (t) => {
  const cluster = three();
  cluster.change('a', [{ type: 'addLearner', id: 'd' }]);
  cluster.add('d');
  cluster.tick(2);
  cluster.change('a', [{ type: 'addVoter', id: 'd' }]);
  const progress = cluster.status('a').progress.find(({ id }) => id === 'd');
  t.like(progress, { learner: false, state: 'replicate', match: cluster.status('a').lastIndex });
  t.deepEqual(cluster.status('d').configuration.voters, ['a', 'b', 'c', 'd']);
});

test('4.1 one change at a time: the next is refused until the last is applied', (t) => {
  const cluster = three().cut('b', 'c');
  t.like(cluster.change('a', [{ type: 'addLearner', id: 'd' }]), { ok: true });
  t.like(cluster.change('a', [{ type: 'addLearner', id: 'e' }]), { ok: false, code: 'change-pending' });
  t.true(cluster.status('a').pendingChangeIndex > 0);
  cluster.heal().tick();
  t.is(cluster.status('a').pendingChangeIndex, 0);
  t.like(cluster.change('a', [{ type: 'addLearner', id: 'e' }]), { ok: true });
});

test('correction of 2015: no change before the leader has committed an entry of its own term', (t) => {
  const lone = new Lone({ log: [1] }).lead();
  const change = { changes: [{ type: 'addVoter', id: 'd' }], transition: 'auto' } as const;
  t.like(lone.raft.proposeConfChange(change), { ok: false, code: 'no-commit-in-term' });
  lone.hear({ type: 'appendReply', term: 2, rejected: false, index: 2, hintIndex: 0, hintTerm: 0 });
  t.like(lone.raft.proposeConfChange(change), { ok: true, index: 3 });
});

test('4.1 a new leader assumes that a change of its predecessor is pending', (t) => {
  const lone = new Lone({ log: [1] }).lead();
  // Committed, the entry of the own term among it, but not applied.
  lone.raft.step({
    type: 'appendReply',
    from: 'b',
    to: 'a',
    term: 2,
    rejected: false,
    index: 2,
    hintIndex: 0,
    hintTerm: 0,
  });
  t.is(lone.raft.commit, 2);
  const change = { changes: [{ type: 'addVoter', id: 'd' }], transition: 'auto' } as const;
  t.like(lone.raft.proposeConfChange(change), { ok: false, code: 'change-pending' });
  lone.member.work();
  t.like(lone.raft.proposeConfChange(change), { ok: true });
});

test('only the leader changes the membership, and says who leads', (t) => {
  t.like(three().change('b', [{ type: 'addLearner', id: 'd' }]), { ok: false, code: 'not-leader', leader: 'a' });
});

test('4.3 several voters change through a joint configuration, which is left by itself', (t) => {
  const cluster = three();
  cluster.add('d');
  cluster.add('e');
  const result = cluster.change('a', [
    { type: 'addVoter', id: 'd' },
    { type: 'addVoter', id: 'e' },
    { type: 'remove', id: 'c' },
  ]);
  t.like(result, { ok: true });
  cluster.tick(2);
  for (const id of ['a', 'b', 'd', 'e']) {
    t.deepEqual(cluster.status(id).configuration, {
      voters: ['a', 'b', 'd', 'e'],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
      removed: ['c'],
    });
  }
});

test('4.3 replace: one in, one out, in one change', (t) => {
  const cluster = three();
  cluster.change('a', [{ type: 'addLearner', id: 'd' }]);
  cluster.add('d');
  cluster.tick(2);
  cluster.change('a', [
    { type: 'addVoter', id: 'd' },
    { type: 'remove', id: 'b' },
  ]);
  cluster.tick(2);
  t.deepEqual(cluster.status('a').configuration.voters, ['a', 'c', 'd']);
});

test('4.3 in a joint configuration both majorities decide', (t) => {
  const cluster = three();
  for (const id of ['d', 'e', 'f']) cluster.add(id);
  cluster.change(
    'a',
    [
      { type: 'addVoter', id: 'd' },
      { type: 'addVoter', id: 'e' },
      { type: 'remove', id: 'b' },
      { type: 'remove', id: 'c' },
    ],
    'joint-explicit',
  );
  cluster.tick(2);
  t.deepEqual(cluster.status('a').configuration.votersOutgoing, ['a', 'b', 'c']);
  cluster.cut('d', 'e');
  cluster.propose('a', 'x');
  t.deepEqual(cluster.values('a'), [], 'the new majority is missing');
  cluster.heal().tick(2).cut('b', 'c');
  cluster.propose('a', 'y');
  t.deepEqual(cluster.values('a'), ['x'], 'now the old one is');
  cluster.heal().tick(2);
  t.deepEqual(cluster.values('a'), ['x', 'y']);
});

test('4.3 in a joint configuration an election needs both majorities', (t) => {
  const cluster = three();
  for (const id of ['d', 'e']) cluster.add(id);
  const changes = ['d', 'e'].map((id) => ({ type: 'addVoter', id }) as const);
  cluster.change('a', [...changes, { type: 'remove', id: 'b' }, { type: 'remove', id: 'c' }], 'joint-explicit');
  cluster.tick(2).crash('a');
  cluster.cut('b', 'c').tick(100);
  t.is(cluster.leader, undefined, 'd and e are a majority of a, d, e, but there are a, b, c too');
  cluster.heal().cut('d', 'e').tick(100);
  t.is(cluster.leader, undefined, 'b and c are a majority of a, b, c, but there are a, d, e too');
  cluster.heal().tickUntil(() => cluster.leader !== undefined);
  t.truthy(cluster.leader);
});

test('4.3 an explicit joint configuration stays until it is told to end, and admits no other change', (t) => {
  const cluster = three();
  cluster.add('d');
  cluster.change('a', [{ type: 'addVoter', id: 'd' }], 'joint-explicit');
  cluster.tick(30);
  t.deepEqual(cluster.status('a').configuration.votersOutgoing, ['a', 'b', 'c']);
  t.like(cluster.change('a', [{ type: 'addLearner', id: 'e' }]), { ok: false, code: 'change-pending' });
  t.like(cluster.change('a', [], 'leave-joint'), { ok: true });
  t.deepEqual(cluster.status('a').configuration.votersOutgoing, []);
  t.like(cluster.change('a', [], 'leave-joint'), { ok: false, code: 'invalid-change' });
});

test('4.3 a joint configuration whose leader is lost is left by the next', (t) => {
  const cluster = three();
  cluster.add('d');
  cluster.add('e');
  const leaves = (type: string, data: unknown) => type === 'append' && JSON.stringify(data).includes('leave-joint');
  cluster.deliverOnly((message) => message.type !== 'append' || !leaves(message.type, message.entries));
  cluster.change('a', [
    { type: 'addVoter', id: 'd' },
    { type: 'addVoter', id: 'e' },
  ]);
  t.true(cluster.status('b').configuration.autoLeave);
  cluster.crash('a').heal().elect('b').tick(3);
  t.deepEqual(cluster.status('b').configuration.votersOutgoing, []);
});

test('a voter is demoted to learner: it keeps its log and loses its vote', (t) => {
  const cluster = three();
  cluster.change('a', [{ type: 'addLearner', id: 'c' }]);
  t.deepEqual(cluster.status('c').configuration.voters, ['a', 'b']);
  t.is(cluster.status('c').membership, 'learner');
  cluster.cut('b');
  cluster.propose('a', 'x');
  t.deepEqual(cluster.values('a'), []);
});

test('a leader that demotes itself hands over and goes on as a learner', (t) => {
  const cluster = three();
  cluster.change('a', [{ type: 'addLearner', id: 'a' }]);
  cluster.tick(2);
  t.not(cluster.leader, 'a');
  t.truthy(cluster.leader);
  cluster.propose(cluster.leader ?? '', 'x');
  cluster.tick();
  t.deepEqual(cluster.values('a'), ['x']);
});

test('4.2.2 a leader that removes itself leads until that is committed, then steps down and hands over at once', (t) => {
  const cluster = three();
  const ticks = cluster.sent.length;
  cluster.change('a', [{ type: 'remove', id: 'a' }]);
  t.is(cluster.raft('a').role, 'follower');
  t.is(cluster.status('a').membership, 'removed');
  t.truthy(cluster.leader, 'without waiting for an election timeout');
  t.true(cluster.conversation(ticks).some((line) => line.endsWith('timeoutNow')));
});

test('4.2.2 a removed leader is not counted: what it alone would commit is not committed', (t) => {
  const cluster = new Cluster(['a', 'b']).elect('a');
  cluster.change('a', [{ type: 'remove', id: 'b' }]);
  cluster.crash('b');
  cluster.propose('a', 'x');
  t.deepEqual(cluster.values('a'), ['x'], 'one voter is left, and it is its own majority');
});

test('removing a slow voter lets what waited for it be committed', (t) => {
  const cluster = new Cluster(['a', 'b', 'c', 'd']).elect('a').cut('c', 'd');
  cluster.heal().cut('d');
  cluster.change('a', [{ type: 'remove', id: 'd' }]);
  cluster.cut('c');
  cluster.propose('a', 'x');
  t.deepEqual(cluster.values('a'), ['x'], 'a and b are a majority of a, b, c');
});

test('ids are never used twice', (t) => {
  const cluster = three();
  cluster.change('a', [{ type: 'remove', id: 'c' }]);
  t.like(cluster.change('a', [{ type: 'addLearner', id: 'c' }]), { ok: false, code: 'invalid-change' });
  t.like(cluster.change('a', [{ type: 'addVoter', id: 'c' }]), { ok: false, code: 'invalid-change' });
});

test('what cannot be is refused before it is in the log', (t) => {
  const cluster = three();
  const { lastIndex } = cluster.status('a');
  const all = ['a', 'b', 'c'].map((id) => ({ type: 'remove', id }) as const);
  t.like(cluster.change('a', all), { ok: false, code: 'invalid-change' });
  t.like(cluster.change('a', [{ type: 'addVoter', id: 'not an id' }]), { ok: false, code: 'invalid-change' });
  t.is(cluster.status('a').lastIndex, lastIndex);
});

test('4.2.3 a member that was removed while it was away learns it when it comes back, and disturbs nobody', (t) => {
  const cluster = three().cut('c');
  cluster.change('a', [{ type: 'remove', id: 'c' }]);
  cluster.tick(40);
  t.is(cluster.status('c').membership, 'voter', 'it does not know yet');
  cluster.heal().tick(40);
  t.is(cluster.status('c').membership, 'removed');
  t.like(cluster.member('c').removedNotice, { by: 'a' });
  t.is(cluster.leader, 'a');
  t.is(cluster.raft('a').term, 2);
  const from = cluster.sent.length;
  cluster.tick(100, ['c']);
  t.deepEqual(
    cluster.sent.slice(from).filter((message) => message.from === 'c'),
    [],
    'it is silent now',
  );
});

test('a removed member is told so at most once in a heartbeat’s time', (t) => {
  const cluster = three().cut('c');
  cluster.change('a', [{ type: 'remove', id: 'c' }]);
  cluster.heal();
  const from = cluster.sent.length;
  const ask = {
    type: 'preVote',
    from: 'c',
    to: 'b',
    term: 3,
    lastIndex: 9,
    lastTerm: 2,
    commit: 0,
    commitTerm: 0,
  } as const;
  for (let i = 0; i < 10; i++) cluster.deliver(ask);
  cluster.settle();
  t.deepEqual(cluster.conversation(from), ['b>c removed']);
});

test('a removed member refuses work', (t) => {
  const cluster = three();
  cluster.change('a', [{ type: 'remove', id: 'c' }]);
  cluster.tick();
  t.is(cluster.status('c').membership, 'removed');
  t.like(cluster.propose('c', 'x'), { ok: false, code: 'removed' });
  t.like(cluster.read('c', 'r'), { ok: false, code: 'removed' });
  t.like(cluster.raft('c').transferLeadership('a'), { ok: false, code: 'removed' });
});

test('who holds a committed change that it has not applied does not campaign', (t) => {
  const cluster = three();
  const b = cluster.member('b');
  b.checkpoint(100);
  const { applied } = b.machine;
  cluster.change('a', [{ type: 'addLearner', id: 'd' }]);
  // Its log is durable, but its state machine is found where it was last synced.
  cluster.crash('b');
  b.restart();
  cluster.checker.restarted(b);
  t.is(b.raft.status().applied, applied);
  t.true(b.raft.commit > applied);
  b.raft.campaign();
  t.is(b.raft.role, 'follower');
  b.work();
  b.raft.campaign();
  t.is(b.raft.role, 'preCandidate');
});

test('a cluster whose only witness of a change is no voter any more goes on', (t) => {
  // a demotes itself and is the only one to know that this is committed; its log is longer than b's, so b needs to be told.
  const cluster = new Cluster(['a', 'b']).elect('a');
  const a = cluster.member('a');
  a.raft.proposeConfChange({ changes: [{ type: 'addLearner', id: 'a' }], transition: 'auto' });
  cluster.deliverOnly(
    (message) => message.type === 'appendReply' || (message.type === 'append' && message.entries.length > 0),
  );
  a.work();
  a.raft.propose([new Uint8Array(1)], 'tail');
  for (const message of cluster.network.splice(0)) cluster.deliver(message);
  cluster.member('b').work();
  cluster.deliverOnly((message) => message.type === 'appendReply');
  cluster.settle();
  t.is(cluster.status('a').membership, 'learner');
  t.is(cluster.status('b').membership, 'voter');
  t.true(cluster.status('a').lastIndex > cluster.status('b').lastIndex);
  cluster.heal().tickUntil(() => cluster.leader === 'b');
  t.is(cluster.leader, 'b');
});

test('a candidate learns what is committed also from a member whose term is behind its own', (t) => {
  // Found by the simulator: the removed leader alone knows, and its term stays behind that of whom it told to campaign.
  const lone = new Lone({ log: [1, 2, 2], term: 4 });
  lone.loseLeader();
  lone.hear({ type: 'preVoteReply', term: 2, granted: false, commit: 3, commitTerm: 2 });
  t.is(lone.raft.commit, 3);
  t.is(lone.raft.role, 'preCandidate', 'it is no vote in this campaign');
});

test('what the members carry with a change comes out with it, and changes nothing here', (t) => {
  const cluster = three();
  const context = new Uint8Array([1, 2, 3]);
  const result = cluster
    .raft('a')
    .proposeConfChange({ changes: [{ type: 'update', id: 'b' }], transition: 'auto', context });
  t.true(result.ok);
  const ready = cluster.raft('a').ready();
  t.like(ready?.entries[0], { type: 'configuration', change: { context } });
});
