/** A member that lost entries which it may have acknowledged: no vote before it holds them again (`LogDebt`). */
import test from 'ava';
import { Cluster } from './harness/cluster.js';
import { Lone } from './harness/lone.js';

const hint = { commit: 0, commitTerm: 0 };

/** Entries 3 and 4 of four were stored, and are gone. */
function indebted(): Lone {
  const lone = new Lone({ log: [1, 1, 1, 1], term: 1, commit: 2 });
  lone.member.crash();
  lone.member.disk.lose(3);
  lone.member.restart();
  return lone;
}

test('it gives no vote and no pre-vote to a log that it would have refused, nor to any other, and does not campaign', (t) => {
  const lone = indebted();
  t.true(lone.raft.isInDebt);
  t.deepEqual(lone.loseLeader(), [], 'no campaign');
  const [pre] = lone.hear({ type: 'preVote', term: 2, lastIndex: 3, lastTerm: 1, ...hint });
  t.true(pre?.type === 'preVoteReply' && !pre.granted);
  const [vote] = lone.hear({ type: 'vote', term: 2, lastIndex: 3, lastTerm: 1, transfer: false, ...hint });
  t.true(vote?.type === 'voteReply' && !vote.granted, 'its own log, as it is now, would say yes');
});

test('told of a commit index beyond its log it says what it still holds, and settles when it has it all again', (t) => {
  const lone = indebted();
  const answers = lone.hear({ type: 'heartbeat', term: 1, commit: 4 });
  t.deepEqual(
    answers.map((answer) =>
      answer.type === 'appendReply' ? [answer.rejected, answer.index, answer.hintIndex] : answer.type,
    ),
    ['heartbeatReply', [true, 0, 2]],
  );
  lone.hear({
    type: 'append',
    term: 1,
    prevIndex: 2,
    prevTerm: 1,
    entries: [{ type: 'empty', term: 1, index: 3 }],
    commit: 2,
  });
  t.true(lone.raft.isInDebt, 'one is still missing');
  lone.hear({
    type: 'append',
    term: 1,
    prevIndex: 3,
    prevTerm: 1,
    entries: [{ type: 'empty', term: 1, index: 4 }],
    commit: 2,
  });
  t.false(lone.raft.isInDebt);
  const [vote] = lone.hear({ type: 'vote', term: 3, lastIndex: 4, lastTerm: 1, transfer: true, ...hint });
  t.true(vote?.type === 'voteReply' && vote.granted);
});

test('an entry of a later term settles as well: its leader held all that was committed before', (t) => {
  const lone = indebted();
  lone.hear({
    type: 'append',
    term: 2,
    prevIndex: 2,
    prevTerm: 1,
    entries: [{ type: 'empty', term: 2, index: 3 }],
    commit: 2,
  });
  t.false(lone.raft.isInDebt);
});

test('the debt outlives a restart, and the leader, who counts on what was acknowledged, sends it again', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']);
  cluster.elect('a');
  cluster.propose('a', 'x');
  cluster.propose('a', 'y');
  cluster.settle();
  const b = cluster.members.get('b');
  if (b === undefined) return t.fail();
  const last = b.disk.lastIndex();
  b.crash();
  b.disk.hard = { ...b.disk.hard, commit: last - 2 };
  b.machine = b.durableMachine;
  b.disk.lose(last - 1);
  b.restart();
  t.true(b.raft.isInDebt);
  b.crash();
  b.restart();
  t.true(b.raft.isInDebt, 'also after a restart');
  for (let tick = 0; tick < 5; tick += 1) cluster.tick();
  cluster.settle();
  t.false(b.raft.isInDebt);
  t.is(cluster.members.get('a')?.disk.lastIndex(), b.disk.lastIndex());
});
