/** What a member does whose disk takes nothing: it promises nothing, and goes on with what promises nothing. */
import test from 'ava';
import { Lone } from './harness/lone.js';
import { bytes } from './harness/machine.js';

const room = { log: true, model: true };
const logFull = { log: false, model: true };
const modelFull = { log: true, model: false };

const hint = { commit: 0, commitTerm: 0 };

for (const [what, writable] of Object.entries({ log: logFull, model: modelFull }))
  test(`a leader whose ${what} cannot be written refuses proposals and changes of membership, answers reads, and hands over when told`, (t) => {
    const lone = new Lone({ log: [1, 1] }).lead();
    const { raft } = lone;
    lone.hear({ type: 'appendReply', term: raft.term, rejected: false, index: 3, hintIndex: 0, hintTerm: 0 });
    t.is(raft.commit, 3);
    raft.setWritable(writable);
    const refused = raft.propose([bytes('x')], 'p1');
    t.is(refused.ok ? '' : refused.code, 'storage-full');
    const unchanged = raft.proposeConfChange({ changes: [{ type: 'addLearner', id: 'd' }], transition: 'auto' });
    t.is(unchanged.ok ? '' : unchanged.code, 'storage-full');
    t.true(raft.readIndex('r1').ok);
    t.true(raft.transferLeadership('b').ok);
    lone.member.work();
    t.true(lone.sent.some(({ type }) => type === 'timeoutNow'));
    raft.setWritable(room);
    for (let tick = 0; tick < 10; tick += 1) raft.tick();
    t.true(raft.propose([bytes('x')], 'p2').ok, 'with room it takes proposals again');
  });

test('a follower whose disk is full takes no entry that it does not hold, answers heartbeats, and neither campaigns nor encourages others to', (t) => {
  const lone = new Lone({ log: [1, 1], commit: 2 });
  const { raft } = lone;
  raft.setWritable(logFull);
  const append = { type: 'append', term: 1, prevIndex: 2, prevTerm: 1, commit: 2 } as const;
  t.deepEqual(lone.hear({ ...append, entries: [{ type: 'empty', term: 1, index: 3 }] }), [], 'nothing is acknowledged');
  t.is(lone.log.length, 2);
  t.deepEqual(
    lone.hear({ ...append, entries: [] }).map(({ type }) => type),
    ['appendReply'],
    'what it holds it acknowledges',
  );
  t.deepEqual(
    lone.hear({ type: 'heartbeat', term: 1, commit: 2 }).map(({ type }) => type),
    ['heartbeatReply'],
  );
  t.deepEqual(lone.hear({ type: 'timeoutNow', term: 1 }), [], 'it does not take over');
  t.deepEqual(lone.loseLeader(), [], 'it does not campaign');
  const [answer] = lone.hear({ type: 'preVote', term: 9, lastIndex: 9, lastTerm: 8, ...hint });
  t.true(answer?.type === 'preVoteReply' && !answer.granted);
  raft.setWritable(room);
  t.true(
    lone.loseLeader().some(({ type }) => type === 'preVote'),
    'with room it campaigns again',
  );
});

test('a follower that can write its log and not its model makes a quorum with others: it takes entries, votes and may be elected', (t) => {
  const lone = new Lone({ log: [1, 1], commit: 2 });
  const { raft } = lone;
  raft.setWritable(modelFull);
  const entries = [{ type: 'empty', term: 1, index: 3 }] as const;
  const [accepted] = lone.hear({ type: 'append', term: 1, prevIndex: 2, prevTerm: 1, commit: 2, entries });
  t.true(accepted?.type === 'appendReply' && !accepted.rejected && accepted.index === 3);
  t.deepEqual(lone.hear({ type: 'timeoutNow', term: 1 }), [], 'it takes no leadership that is offered');
  t.true(
    lone.loseLeader().some(({ type }) => type === 'preVote'),
    'it campaigns where nobody leads',
  );
  const [encouraged] = lone.hear({ type: 'preVote', term: 9, lastIndex: 9, lastTerm: 8, ...hint });
  t.true(encouraged?.type === 'preVoteReply' && encouraged.granted);
  const [vote] = lone.hear({ type: 'vote', term: 9, lastIndex: 9, lastTerm: 8, transfer: true, ...hint });
  t.true(vote?.type === 'voteReply' && vote.granted);
});
