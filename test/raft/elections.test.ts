/** Elections beyond figure 2: pre-vote, lease, check of the quorum, transfer, priorities (dissertation 3.10, 4.2.3, 6.2, 9.6). */
import test from 'ava';
import { Cluster } from './harness/cluster.js';
import { Lone } from './harness/lone.js';

const hint = { commit: 0, commitTerm: 0 };

test('9.6 pre-vote: a member that was cut off does not raise the term, and disturbs nobody when it comes back', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('c');
  cluster.tick(100);
  t.is(cluster.raft('c').term, 2);
  t.is(cluster.raft('c').role, 'preCandidate');
  cluster.heal().tick(30);
  t.is(cluster.leader, 'a');
  t.is(cluster.raft('a').term, 2);
  t.is(cluster.raft('c').leader, 'a');
});

test('9.6 pre-vote: granting one neither raises the term nor spends the vote', (t) => {
  const lone = new Lone({ log: [1] });
  const [first] = lone.hear({ type: 'preVote', term: 5, lastIndex: 1, lastTerm: 1, ...hint });
  t.like(first, { type: 'preVoteReply', granted: true, term: 5 });
  t.is(lone.raft.term, 1);
  const [second] = lone.hear({ type: 'preVote', from: 'c', term: 5, lastIndex: 1, lastTerm: 1, ...hint });
  t.like(second, { granted: true });
});

test('9.6 pre-vote: refused to a log that is behind', (t) => {
  const lone = new Lone({ log: [1, 2] });
  const [reply] = lone.hear({ type: 'preVote', term: 5, lastIndex: 1, lastTerm: 1, ...hint });
  t.like(reply, { type: 'preVoteReply', granted: false, term: 2 });
});

test('9.6 pre-vote: one that is told of a later term takes that term and asks again later', (t) => {
  const lone = new Lone({ log: [1] });
  lone.loseLeader();
  lone.hear({ type: 'preVoteReply', term: 7, granted: false, ...hint });
  t.is(lone.raft.role, 'follower');
  t.is(lone.raft.term, 7);
});

test('9.6 pre-vote: an answer to an earlier campaign does not count', (t) => {
  const lone = new Lone({ log: [1] });
  lone.loseLeader();
  lone.hear({ type: 'preVoteReply', term: 9, granted: true, ...hint });
  t.is(lone.raft.role, 'preCandidate');
});

test('4.2.3 lease: who hears from a leader neither grants a vote nor takes the later term', (t) => {
  const lone = new Lone({ log: [1] });
  lone.hear({ type: 'heartbeat', term: 1, commit: 0 });
  t.deepEqual(lone.hear({ type: 'vote', from: 'c', term: 9, lastIndex: 9, lastTerm: 8, transfer: false, ...hint }), []);
  t.deepEqual(lone.hear({ type: 'preVote', from: 'c', term: 9, lastIndex: 9, lastTerm: 8, ...hint }), []);
  t.is(lone.raft.term, 1);
  for (let i = 0; i < 10; i++) lone.raft.tick();
  t.like(lone.hear({ type: 'vote', from: 'c', term: 9, lastIndex: 9, lastTerm: 8, transfer: false, ...hint })[0], {
    granted: true,
  });
});

test('4.2.3 lease: a pre-vote that came before its end is answered at its end, unless the leader spoke', (t) => {
  const lone = new Lone({ log: [1] });
  lone.hear({ type: 'heartbeat', term: 1, commit: 0 });
  const ask = () => lone.hear({ type: 'preVote', from: 'c', term: 2, lastIndex: 1, lastTerm: 1, ...hint });
  const answers = (ticks: number) => {
    const before = lone.sent.length;
    for (let i = 0; i < ticks; i++) lone.raft.tick();
    lone.member.work();
    return lone.sent.slice(before).filter((message) => message.type === 'preVoteReply');
  };
  answers(8);
  t.deepEqual(ask(), []);
  lone.hear({ type: 'heartbeat', term: 1, commit: 0 });
  t.deepEqual(answers(9), [], 'the leader lives');
  t.deepEqual(ask(), []);
  t.like(answers(1)[0], { to: 'c', granted: true, term: 2 });
});

test('9.6 pre-vote: of two that ask at the same time, one insists, and both logs being equal it is the lower id', (t) => {
  // Of a and z, it is a.
  const lone = new Lone({ log: [1, 1], limits: { heartbeatTicks: 3 } });
  while (lone.raft.role !== 'preCandidate') lone.raft.tick();
  const ask = (from: string, lastIndex: number) =>
    lone.hear({ type: 'preVote', from, term: 2, lastIndex, lastTerm: 1, ...hint }).at(-1);
  t.like(ask('z', 2), { type: 'preVoteReply', granted: false });
  t.like(ask('z', 3), { granted: true }, 'its log holds more');
  t.like(ask('A', 2), { granted: true }, 'its id is lower');
  for (let i = 0; i < 3; i++) lone.raft.tick();
  t.like(ask('z', 2), { granted: true }, 'nobody answered meanwhile: who asks now may be better connected');
});

test('4.2.3 lease: an election that the leader asked for is not held off', (t) => {
  const lone = new Lone({ log: [1] });
  lone.hear({ type: 'heartbeat', term: 1, commit: 0 });
  const [reply] = lone.hear({ type: 'vote', from: 'c', term: 2, lastIndex: 1, lastTerm: 1, transfer: true, ...hint });
  t.like(reply, { granted: true });
});

test('6.2 check of the quorum: a leader that hears from no majority steps down', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('a');
  cluster.tick(21, ['a']);
  t.not(cluster.raft('a').role, 'leader');
  t.is(cluster.raft('a').leader, undefined);
});

test('6.2 check of the quorum: learners do not count', (t) => {
  const cluster = new Cluster(['a', 'b']).elect('a');
  cluster.change('a', [
    { type: 'addLearner', id: 'd' },
    { type: 'addLearner', id: 'e' },
  ]);
  cluster.add('d');
  cluster.add('e');
  cluster.tick(3).cut('b').tick(25);
  t.is(cluster.leader, undefined);
});

test('a member of a later term that hears only from an old leader makes it step down, and follows again', (t) => {
  // The member voted in an election that came to nothing; without an answer the old leader would send to it for ever.
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  cluster.deliver({ type: 'vote', from: 'b', to: 'c', term: 8, lastIndex: 9, lastTerm: 7, transfer: true, ...hint });
  cluster.settle();
  t.is(cluster.raft('c').term, 8);
  cluster.tickUntil(() => cluster.leader !== undefined && cluster.raft('c').leader === cluster.leader);
  t.true(cluster.raft('c').term >= 8);
});

test('a learner answers when it is asked for its vote, but never asks', (t) => {
  const cluster = new Cluster(['a', 'b']).elect('a');
  cluster.change('a', [{ type: 'addLearner', id: 'd' }]);
  cluster.add('d');
  cluster.tick(2).crash('a').crash('b');
  cluster.tick(60);
  t.is(cluster.raft('d').role, 'follower');
  t.is(cluster.raft('d').leader, undefined, 'it knows that its leader is gone');
  const last = cluster.status('d').lastIndex;
  const from = cluster.sent.length;
  cluster.deliver({
    type: 'vote',
    from: 'b',
    to: 'd',
    term: 9,
    lastIndex: last,
    lastTerm: 8,
    transfer: false,
    ...hint,
  });
  cluster.settle();
  t.true(cluster.conversation(from).includes('d>b voteReply yes'));
});

test('a blank member never campaigns', (t) => {
  const cluster = new Cluster(['a']);
  cluster.add('x');
  cluster.tick(100, ['x']);
  cluster.raft('x').campaign();
  t.is(cluster.raft('x').role, 'follower');
  t.is(cluster.raft('x').term, 0);
});

test('a single voter leads and commits, but only what is durable', (t) => {
  const cluster = new Cluster(['a']);
  const { raft } = cluster.member('a');
  raft.campaign();
  t.is(raft.role, 'candidate', 'its own vote is not on disk yet');
  const vote = raft.ready();
  t.is(raft.role, 'candidate');
  if (vote) {
    cluster.member('a').disk.store(vote);
    raft.advance(vote);
  }
  t.is(raft.role, 'leader');
  const before = raft.commit;
  const entry = raft.ready();
  t.is(raft.commit, before);
  if (entry) {
    cluster.member('a').disk.store(entry);
    raft.advance(entry);
  }
  t.is(raft.commit, before + 1);
});

test('one’s own vote counts when it is durable, whatever others say before', (t) => {
  const lone = new Lone({ voters: ['a', 'b'], log: [1] });
  lone.loseLeader();
  const { raft } = lone;
  raft.step({ type: 'preVoteReply', from: 'b', to: 'a', term: 2, granted: true, ...hint });
  const ready = raft.ready();
  raft.step({ type: 'voteReply', from: 'b', to: 'a', term: 2, granted: true, ...hint });
  t.is(raft.role, 'candidate');
  if (ready) {
    lone.member.disk.store(ready);
    raft.persisted(ready);
  }
  t.is(raft.role, 'leader');
});

test('what others know to be committed is believed where the own log holds that very entry, and only there', (t) => {
  const lone = new Lone({ log: [1, 1, 2] });
  const ask = { type: 'preVote', term: 9, lastIndex: 9, lastTerm: 8 } as const;
  lone.hear({ ...ask, commit: 3, commitTerm: 5 });
  t.is(lone.raft.commit, 0);
  lone.hear({ ...ask, commit: 9, commitTerm: 2 });
  t.is(lone.raft.commit, 0);
  lone.hear({ ...ask, commit: 2, commitTerm: 1 });
  t.is(lone.raft.commit, 2);
});

// --------------------------------------------------------------------------------------------------------------- transfer

test('3.10 transfer: the target is brought up to date, campaigns at once and leads', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('b');
  cluster.propose('a', 'x');
  cluster.heal();
  t.deepEqual(cluster.raft('a').transferLeadership('b'), { ok: true, forwarded: false });
  cluster.settle().tick(2);
  t.is(cluster.leader, 'b');
  t.deepEqual(cluster.values('b'), ['x']);
});

test('3.10 transfer: while it runs, proposals are refused', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('b');
  cluster.raft('a').transferLeadership('b');
  t.like(cluster.propose('a', 'x'), { ok: false, code: 'transferring' });
  t.like(cluster.change('a', [{ type: 'addLearner', id: 'd' }]), { ok: false, code: 'transferring' });
  cluster.propose('c', 'y');
  t.like(cluster.member('c').proposals.at(-1), { proposalId: 'y', result: { ok: false, code: 'transferring' } });
});

test('3.10 transfer: one that does not happen is given up after an election timeout', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('b');
  cluster.raft('a').transferLeadership('b');
  cluster.tick(9);
  t.is(cluster.status('a').transferTarget, 'b');
  cluster.tick(1);
  t.is(cluster.status('a').transferTarget, undefined);
  t.like(cluster.propose('a', 'x'), { ok: true });
  t.is(cluster.leader, 'a');
});

test('3.10 transfer: a target that lags is not told to campaign', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('b');
  cluster.propose('a', 'x');
  cluster.raft('a').transferLeadership('b');
  cluster.tick(5);
  t.false(cluster.sent.some(({ type }) => type === 'timeoutNow'));
});

test('3.10 transfer: to a learner, to nobody known, to oneself, and twice', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  cluster.change('a', [{ type: 'addLearner', id: 'd' }]);
  const a = cluster.raft('a');
  t.like(a.transferLeadership('d'), { ok: false, code: 'invalid-target' });
  t.like(a.transferLeadership('zz'), { ok: false, code: 'invalid-target' });
  t.like(a.transferLeadership('a'), { ok: true });
  t.like(a.transferLeadership('b'), { ok: true });
  t.like(a.transferLeadership('b'), { ok: true });
  t.like(a.transferLeadership('c'), { ok: false, code: 'transferring' });
});

test('3.10 transfer: asked of a follower, it is forwarded', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  t.deepEqual(cluster.raft('b').transferLeadership('b'), { ok: true, forwarded: true });
  cluster.settle();
  t.is(cluster.leader, 'b');
});

test('3.10 transfer: a lost request to campaign is repeated with the next heartbeat', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  cluster.deliverOnly(({ type }) => type !== 'timeoutNow');
  cluster.raft('a').transferLeadership('b');
  cluster.settle();
  t.is(cluster.leader, 'a');
  cluster.heal().tick(1);
  t.is(cluster.leader, 'b');
});

test('without a target, the voter that has most takes over', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('b');
  cluster.propose('a', 'x');
  t.like(cluster.raft('a').transferLeadership(), { ok: true });
  cluster.settle();
  t.is(cluster.leader, 'c');
});

// ------------------------------------------------------------------------------------------------------------- priorities

function withPreferred(cluster: Cluster, preferred: string): Cluster {
  for (const { raft } of cluster.members.values()) raft.setPriorities(new Map([[preferred, 10]]));
  return cluster;
}

test('3.10 preferred leader: one that is well takes over by transfer, and keeps leading', (t) => {
  const cluster = withPreferred(new Cluster(['a', 'b', 'c']), 'c').elect('a');
  cluster.propose('a', 'x');
  cluster.tickUntil(() => cluster.leader === 'c', 60);
  const term = cluster.raft('c').term;
  cluster.tick(200);
  t.is(cluster.leader, 'c');
  t.is(cluster.raft('c').term, term);
});

test('3.10 preferred leader: one that is silent or behind is left alone', (t) => {
  const cluster = withPreferred(new Cluster(['a', 'b', 'c']), 'c')
    .elect('a')
    .cut('c');
  cluster.propose('a', 'x');
  cluster.tick(100);
  t.is(cluster.leader, 'a');
  t.like(cluster.propose('a', 'y'), { ok: true }, 'no transfer stands in the way');
});

test('after a hand-over that came to nothing, the next is not tried at once', (t) => {
  const cluster = withPreferred(new Cluster(['a', 'b', 'c']), 'c').elect('a');
  cluster.deliverOnly(({ type }) => type !== 'timeoutNow');
  let transferring = 0;
  for (let i = 0; i < 200; i++) {
    cluster.tick();
    if (cluster.status('a').transferTarget) transferring++;
  }
  t.true(transferring > 0 && transferring <= 10, `${transferring} of 200 ticks`);
});
