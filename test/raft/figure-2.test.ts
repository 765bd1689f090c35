/** The rules of figure 2 of the Raft paper (figure 3.1 of the dissertation), one test each. */
import test from 'ava';
import type { Entry } from '../../node/raft/index.js';
import { Cluster } from './harness/cluster.js';
import { Lone } from './harness/lone.js';
import { bytes } from './harness/machine.js';

const hint = { commit: 0, commitTerm: 0 };
const entry = (index: number, term: number): Entry => ({ type: 'empty', term, index });

// ------------------------------------------------------------------------------------------------------ state of a server

test('persistent state: term, vote and log are on disk before a vote is answered', (t) => {
  const lone = new Lone({ log: [1] });
  lone.raft.step({ type: 'vote', from: 'b', to: 'a', term: 2, lastIndex: 1, lastTerm: 1, transfer: false, ...hint });
  const ready = lone.raft.ready();
  t.deepEqual(ready?.hardState, { term: 2, vote: 'b', commit: 0 });
  t.true(ready?.mustSync);
  t.deepEqual(ready?.messages, []);
  t.like(ready?.messagesAfterPersist[0], { type: 'voteReply', granted: true });
});

test('persistent state: entries are on disk before they are acknowledged', (t) => {
  const lone = new Lone({ log: [1] });
  lone.raft.step({
    type: 'append',
    from: 'b',
    to: 'a',
    term: 1,
    prevIndex: 1,
    prevTerm: 1,
    entries: [entry(2, 1)],
    commit: 0,
  });
  const ready = lone.raft.ready();
  t.deepEqual(ready?.entries, [entry(2, 1)]);
  t.deepEqual(ready?.messages, []);
  t.like(ready?.messagesAfterPersist[0], { type: 'appendReply', rejected: false, index: 2 });
});

test('persistent state: a restarted server remembers its term and its vote', (t) => {
  const lone = new Lone({ log: [1] });
  lone.hear({ type: 'vote', from: 'b', term: 2, lastIndex: 1, lastTerm: 1, transfer: false, ...hint });
  lone.restart();
  t.is(lone.raft.term, 2);
  const [reply] = lone.hear({ type: 'vote', from: 'c', term: 2, lastIndex: 1, lastTerm: 1, transfer: false, ...hint });
  t.like(reply, { type: 'voteReply', granted: false });
});

test('volatile state: the commit index may be lost, and never falls while it is known', (t) => {
  const lone = new Lone({ log: [1, 1, 1] });
  lone.hear({ type: 'heartbeat', term: 1, commit: 3 });
  lone.hear({ type: 'heartbeat', term: 1, commit: 2 });
  t.is(lone.raft.commit, 3);
});

// ---------------------------------------------------------------------------------------------------------- AppendEntries

test('AppendEntries 1: false when the term is earlier than ours, with our term', (t) => {
  const lone = new Lone({ log: [1, 3] });
  const [reply] = lone.hear({ type: 'append', term: 2, prevIndex: 1, prevTerm: 1, entries: [entry(2, 2)], commit: 0 });
  t.like(reply, { type: 'appendReply', term: 3, rejected: true });
  t.deepEqual(lone.log, [1, 3]);
});

test('AppendEntries 2: false when the log has no entry at prevIndex', (t) => {
  const lone = new Lone({ log: [1] });
  const [reply] = lone.hear({ type: 'append', term: 1, prevIndex: 3, prevTerm: 1, entries: [entry(4, 1)], commit: 0 });
  t.like(reply, { rejected: true, index: 3, hintIndex: 1, hintTerm: 1 });
  t.deepEqual(lone.log, [1]);
});

test('AppendEntries 2: false when the entry at prevIndex is of another term', (t) => {
  const lone = new Lone({ log: [1, 1, 2] });
  const [reply] = lone.hear({ type: 'append', term: 3, prevIndex: 3, prevTerm: 1, entries: [entry(4, 3)], commit: 0 });
  t.like(reply, { rejected: true, index: 3, hintIndex: 2, hintTerm: 1 });
});

test('AppendEntries 3: a conflicting entry goes, and all that follow it', (t) => {
  const lone = new Lone({ log: [1, 1, 2, 2, 2] });
  const [reply] = lone.hear({ type: 'append', term: 3, prevIndex: 2, prevTerm: 1, entries: [entry(3, 3)], commit: 0 });
  t.like(reply, { rejected: false, index: 3 });
  t.deepEqual(lone.log, [1, 1, 3]);
});

test('AppendEntries 3: an old append that agrees removes nothing of what came later', (t) => {
  const lone = new Lone({ log: [1, 1, 1, 1] });
  const [reply] = lone.hear({ type: 'append', term: 1, prevIndex: 1, prevTerm: 1, entries: [entry(2, 1)], commit: 0 });
  t.deepEqual(lone.log, [1, 1, 1, 1]);
  t.like(reply, { rejected: false, index: 2 }, 'what follows may be another leader’s, so nothing is said of it');
});

test('AppendEntries 4: entries that are not there are appended', (t) => {
  const lone = new Lone({ log: [1] });
  lone.hear({ type: 'append', term: 2, prevIndex: 1, prevTerm: 1, entries: [entry(2, 2), entry(3, 2)], commit: 0 });
  t.deepEqual(lone.log, [1, 2, 2]);
});

test('AppendEntries 5: the commit index follows the leader, but not beyond the last new entry', (t) => {
  const lone = new Lone({ log: [1, 1, 1, 1] });
  lone.hear({ type: 'append', term: 2, prevIndex: 1, prevTerm: 1, entries: [entry(2, 1)], commit: 4 });
  t.is(lone.raft.commit, 2, 'entries 3 and 4 may be another leader’s');
});

// ------------------------------------------------------------------------------------------------------------ RequestVote

test('RequestVote 1: false when the term is earlier than ours, with our term', (t) => {
  const lone = new Lone({ log: [3] });
  const [reply] = lone.hear({ type: 'vote', term: 2, lastIndex: 9, lastTerm: 1, transfer: false, ...hint });
  t.like(reply, { type: 'voteReply', granted: false, term: 3 });
});

test('RequestVote 2: one vote for each term; the same candidate may ask again', (t) => {
  const lone = new Lone({ log: [1] });
  const ask = (from: string) =>
    lone.hear({ type: 'vote', from, term: 2, lastIndex: 1, lastTerm: 1, transfer: false, ...hint });
  t.like(ask('b')[0], { granted: true });
  t.like(ask('c')[0], { granted: false });
  t.like(ask('b')[0], { granted: true });
});

for (const [lastTerm, lastIndex, granted] of [
  [2, 3, true],
  [2, 4, true],
  [3, 1, true],
  [2, 2, false],
  [1, 9, false],
] as const) {
  const words = granted ? 'is' : 'is not';
  test(`RequestVote 2: a candidate whose log ends at ${lastIndex} in term ${lastTerm} ${words} as up to date as one that ends at 3 in term 2`, (t) => {
    const lone = new Lone({ log: [1, 2, 2] });
    const [reply] = lone.hear({ type: 'vote', term: 4, lastIndex, lastTerm, transfer: false, ...hint });
    t.like(reply, { granted });
  });
}

// ------------------------------------------------------------------------------------------------------ rules for servers

test('all servers: what is committed is applied, in order', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  cluster.propose('a', 'x', 'y');
  cluster.propose('a', 'z');
  for (const id of ['a', 'b', 'c']) t.deepEqual(cluster.values(id), ['x', 'y', 'z']);
});

test('all servers: a later term makes a follower of a leader', (t) => {
  const lone = new Lone({ log: [1] }).lead();
  lone.hear({ type: 'appendReply', term: 9, rejected: true, index: 0, hintIndex: 0, hintTerm: 0 });
  t.is(lone.raft.role, 'follower');
  t.is(lone.raft.term, 9);
});

test('followers: without a leader or a granted vote for an election timeout, one campaigns', (t) => {
  const lone = new Lone({ log: [1] });
  const messages = lone.loseLeader();
  t.deepEqual(
    messages.map(({ type, to }) => `${type} ${to}`),
    ['preVote b', 'preVote c'],
  );
  t.is(lone.raft.role, 'preCandidate');
});

test('followers: a heartbeat renews their patience', (t) => {
  const lone = new Lone({ log: [1] });
  for (let i = 0; i < 50; i++) {
    for (let tick = 0; tick < 9; tick++) lone.raft.tick();
    lone.hear({ type: 'heartbeat', term: 1, commit: 0 });
  }
  t.is(lone.raft.role, 'follower');
});

test('candidates: raise the term, vote for themselves, ask all others', (t) => {
  const lone = new Lone({ log: [1] });
  lone.loseLeader();
  const votes = lone.hear({ type: 'preVoteReply', term: 2, granted: true, ...hint });
  t.is(lone.raft.role, 'candidate');
  t.like(lone.member.disk.hard, { term: 2, vote: 'a' });
  t.deepEqual(
    votes.map(({ type, to, term }) => `${type} ${to} ${term}`),
    ['vote b 2', 'vote c 2'],
  );
});

test('candidates: a majority of votes makes a leader', (t) => {
  const lone = new Lone({ voters: ['a', 'b', 'c', 'd', 'e'], log: [1] });
  lone.loseLeader();
  for (const from of ['b', 'c']) lone.hear({ type: 'preVoteReply', from, term: 2, granted: true, ...hint });
  lone.hear({ type: 'voteReply', from: 'b', term: 2, granted: true, ...hint });
  lone.hear({ type: 'voteReply', from: 'b', term: 2, granted: true, ...hint });
  t.is(lone.raft.role, 'candidate', 'a repeated vote is one vote');
  lone.hear({ type: 'voteReply', from: 'c', term: 2, granted: true, ...hint });
  t.is(lone.raft.role, 'leader');
});

test('candidates: votes of an earlier term count for nothing', (t) => {
  const lone = new Lone({ log: [1] });
  lone.loseLeader();
  lone.hear({ type: 'preVoteReply', term: 2, granted: true, ...hint });
  lone.loseLeader();
  lone.hear({ type: 'preVoteReply', term: 3, granted: true, ...hint });
  t.is(lone.raft.term, 3);
  lone.hear({ type: 'voteReply', term: 2, granted: true, ...hint });
  t.is(lone.raft.role, 'candidate');
});

test('candidates: an append from the new leader makes a follower', (t) => {
  const lone = new Lone({ log: [1] });
  lone.loseLeader();
  lone.hear({ type: 'preVoteReply', term: 2, granted: true, ...hint });
  lone.hear({ type: 'append', from: 'c', term: 2, prevIndex: 1, prevTerm: 1, entries: [], commit: 0 });
  t.is(lone.raft.role, 'follower');
  t.is(lone.raft.leader, 'c');
});

test('candidates: without a decision, a new election begins, at a time of its own', (t) => {
  const lone = new Lone({ log: [1] });
  lone.loseLeader();
  lone.hear({ type: 'preVoteReply', term: 2, granted: true, ...hint });
  const again = lone.loseLeader();
  t.true(again.some(({ type, term }) => type === 'preVote' && term === 3));
});

test('election timeouts are spread over [T, 2T)', (t) => {
  const waits = new Set<number>();
  const cluster = new Cluster(['a', 'b', 'c', 'd', 'e', 'f', 'g'], { electionTimeoutTicks: 10 }, 3);
  cluster.deliverOnly(() => false);
  for (const id of cluster.members.keys()) {
    let ticks = 0;
    while (cluster.raft(id).role === 'follower') {
      cluster.raft(id).tick();
      ticks++;
    }
    t.true(ticks >= 10 && ticks < 20, `${ticks}`);
    waits.add(ticks);
  }
  t.true(waits.size > 2);
});

test('leaders: heartbeats go out at once and during silence', (t) => {
  const cluster = new Cluster(['a', 'b', 'c'], { heartbeatTicks: 2 }).elect('a');
  const from = cluster.sent.length;
  cluster.tick(4, ['a']);
  const heartbeats = cluster.sent.slice(from).filter(({ type, to }) => type === 'heartbeat' && to === 'b');
  t.is(heartbeats.length, 2);
});

test('leaders: an answer is given when the entry is committed and applied, not before', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('b', 'c');
  t.like(cluster.propose('a', 'x'), { ok: true, index: 5, term: 2 });
  t.deepEqual(cluster.values('a'), []);
  cluster.heal().tick();
  t.deepEqual(cluster.values('a'), ['x']);
});

test('leaders: a follower that is behind gets all from its next index on; on refusal the leader steps back and tries again', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('c');
  cluster.propose('a', 'x');
  cluster.propose('a', 'y');
  cluster.heal().tick(2);
  t.deepEqual(cluster.values('c'), ['x', 'y']);
});

test('leaders: only entries of the own term are committed by counting (figure 3.7)', (t) => {
  const lone = new Lone({ voters: ['a', 'b', 'c'], log: [1, 2] }).lead();
  t.is(lone.raft.term, 3);
  lone.hear({ type: 'appendReply', term: 3, rejected: false, index: 2, hintIndex: 0, hintTerm: 0 });
  t.is(lone.raft.commit, 0, 'entry 2 is on a majority, but of term 2');
  lone.hear({ type: 'appendReply', term: 3, rejected: false, index: 3, hintIndex: 0, hintTerm: 0 });
  t.is(lone.raft.commit, 3);
});

test('leaders: never delete or replace entries of their own log', (t) => {
  const lone = new Lone({ log: [1, 1] }).lead();
  const before = lone.log;
  lone.hear({ type: 'append', term: lone.raft.term, prevIndex: 0, prevTerm: 0, entries: [entry(1, 2)], commit: 1 });
  t.deepEqual(lone.log, before);
  t.is(lone.raft.role, 'leader');
});

test('figure 3.2, election safety: two candidates of one term cannot both win', (t) => {
  const cluster = new Cluster(['a', 'b', 'c', 'd']);
  cluster.forgetLeader();
  cluster.raft('a').campaign();
  cluster.raft('b').campaign();
  cluster.settle();
  t.true(cluster.checker.leaders.size <= 1);
  cluster.tickUntil(() => cluster.leader !== undefined);
  t.truthy(cluster.leader);
});

test('figure 3.2, leader completeness: who lacks a committed entry cannot be elected', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('c');
  cluster.propose('a', 'x');
  cluster.heal().crash('a');
  cluster.forgetLeader();
  cluster.raft('c').campaign();
  cluster.settle();
  t.not(cluster.leader, 'c');
  cluster.tickUntil(() => cluster.leader !== undefined);
  t.is(cluster.leader, 'b');
});

test('figure 3.2, leader append-only: what a leader has, it keeps, whoever says otherwise', (t) => {
  const lone = new Lone({ log: [1, 2] }).lead();
  const { term } = lone.raft;
  lone.hear({ type: 'append', term: term - 1, prevIndex: 0, prevTerm: 0, entries: [entry(1, term - 1)], commit: 0 });
  lone.hear({ type: 'append', term, prevIndex: 1, prevTerm: 1, entries: [entry(2, term)], commit: 0 });
  t.deepEqual(lone.log, [1, 2, term]);
});

test('figure 3.2, log matching: two logs that have an entry of one index and term are the same up to it', (t) => {
  const cluster = new Cluster(['a', 'b', 'c', 'd', 'e']).elect('a').cut('a', 'b');
  // What the old leader gathers on its side is never committed.
  cluster.propose('a', 'lost 1', 'lost 2', 'lost 3');
  cluster.tickUntil(() => ['c', 'd', 'e'].some((id) => cluster.status(id).role === 'leader'));
  cluster.propose(['c', 'd', 'e'].find((id) => cluster.status(id).role === 'leader') ?? '', 'kept');
  cluster.checker.logMatching();
  cluster.heal().tick(60);
  cluster.checker.logMatching();
  for (const id of ['a', 'b', 'c', 'd', 'e']) t.deepEqual(cluster.values(id), ['kept'], id);
});

test('figure 3.2, state machine safety: at each index all apply the same, whoever led', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  cluster.propose('a', 'x');
  cluster.crash('a');
  cluster.tickUntil(() => cluster.leader !== undefined && cluster.leader !== 'a');
  cluster.propose(cluster.leader ?? '', 'y');
  cluster.restart('a').tick(30);
  for (const id of ['a', 'b', 'c']) t.deepEqual(cluster.values(id), ['x', 'y'], id);
});

test('3.7 crashes: a request that comes twice, because its answer was lost, changes nothing the second time', (t) => {
  const lone = new Lone({ log: [1] });
  const append = { type: 'append', term: 2, prevIndex: 1, prevTerm: 1, entries: [entry(2, 2)], commit: 2 } as const;
  const [first] = lone.hear(append);
  lone.restart();
  const [again] = lone.hear(append);
  t.deepEqual(again, first);
  t.deepEqual(lone.log, [1, 2]);
  const vote = { type: 'vote', from: 'b', term: 3, lastIndex: 2, lastTerm: 2, transfer: false, ...hint } as const;
  lone.loseLeader();
  t.like(lone.hear(vote)[0], { type: 'voteReply', granted: true });
  lone.restart();
  t.like(lone.hear(vote)[0], { type: 'voteReply', granted: true });
});

test('3.3 terms: whoever hears of a later term takes it, and answers an earlier one with its own', (t) => {
  const lone = new Lone({ log: [1] });
  lone.hear({ type: 'heartbeat', term: 5, commit: 0 });
  t.is(lone.raft.term, 5);
  const [reply] = lone.hear({ type: 'heartbeat', from: 'c', term: 4, commit: 0 });
  t.is(reply?.term, 5);
  t.is(lone.raft.term, 5);
});

test('a message that makes no sense is dropped: gaps, terms that fall, and numbers that are none', (t) => {
  const lone = new Lone({ log: [1] });
  const append = { type: 'append', term: 2, prevIndex: 1, prevTerm: 1, commit: 0 } as const;
  t.deepEqual(lone.hear({ ...append, entries: [entry(3, 2)] }), []);
  t.deepEqual(lone.hear({ ...append, entries: [entry(2, 2), entry(3, 1)] }), []);
  t.deepEqual(lone.hear({ ...append, entries: [entry(2, 9)] }), []);
  t.deepEqual(lone.hear({ ...append, term: Number.NaN, entries: [] }), []);
  t.deepEqual(lone.hear({ ...append, prevIndex: -1, entries: [] }), []);
  t.deepEqual(lone.log, [1]);
  t.is(lone.raft.term, 1);
});

test('a proposal of data comes out as it went in', (t) => {
  const cluster = new Cluster(['a']).elect('a');
  const result = cluster.raft('a').propose([bytes('one')], 'p');
  t.deepEqual(result, { ok: true, forwarded: false, term: 2, index: 3 });
  t.deepEqual(cluster.settle().values('a'), ['one']);
});
