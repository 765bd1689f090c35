/** Replication: pipelining, windows, refusals, snapshots, overload, and disks that work in parallel (chapters 3, 5 and 10). */
import test from 'ava';
import type { Message, Raft } from '../../node/raft/index.js';
import { Cluster } from './harness/cluster.js';
import { Lone } from './harness/lone.js';
import { bytes } from './harness/machine.js';

const progressOf = (cluster: Cluster, id: string) =>
  cluster.status(cluster.leader ?? 'a').progress.find((one) => one.id === id);
const appendsTo = (to: string) => (message: Message) => message.type === 'append' && message.to === to;
const fill = (cluster: Cluster, count: number) => {
  for (let i = 0; i < count; i++) cluster.propose('a', `v${i}`);
};

/** What is there to be applied, as index/term. */
const toApply = (raft: Raft) => {
  const found: string[] = [];
  for (let ready = raft.ready(); ready; ready = raft.ready()) {
    found.push(...ready.committedEntries.map(({ index, term }) => `${index}/${term}`));
  }
  return found;
};

test('10.2.1 the leader writes while its followers write: its appends may be sent before anything is on disk', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  cluster.raft('a').propose([bytes('x')], 'x');
  const ready = cluster.raft('a').ready();
  t.is(ready?.entries.length, 1);
  t.deepEqual(ready?.messages.filter(appendsTo('b')).length, 1);
  t.deepEqual(ready?.messagesAfterPersist, []);
});

test('10.2.1 followers alone can commit; the leader counts itself only when its own write is done', (t) => {
  const lone = new Lone({ voters: ['a', 'b', 'c', 'd'], log: [1] });
  lone.loseLeader();
  for (const from of ['b', 'c'])
    lone.hear({ type: 'preVoteReply', from, term: 2, granted: true, commit: 0, commitTerm: 0 });
  for (const from of ['b', 'c'])
    lone.hear({ type: 'voteReply', from, term: 2, granted: true, commit: 0, commitTerm: 0 });
  const { raft } = lone;
  raft.propose([bytes('x')], 'x');
  const ready = raft.ready();
  const reply = {
    type: 'appendReply',
    to: 'a',
    term: 2,
    rejected: false,
    index: 3,
    hintIndex: 0,
    hintTerm: 0,
  } as const;
  raft.step({ ...reply, from: 'b' });
  raft.step({ ...reply, from: 'c' });
  t.is(raft.commit, 2, 'two of four have entry 3, and its own write of that is under way');
  raft.step({ ...reply, from: 'd' });
  t.is(raft.commit, 3, 'three of four');
  t.deepEqual(toApply(raft), ['1/1', '2/2'], 'entry 3 is not durable here');
  if (ready) {
    lone.member.disk.store(ready);
    raft.persisted(ready);
  }
  t.deepEqual(toApply(raft), ['3/2']);
});

test('10.2.2 everything that one turn proposes goes out as one append and one write', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  for (let i = 0; i < 50; i++) cluster.raft('a').propose([bytes(`v${i}`)], '');
  const ready = cluster.raft('a').ready();
  t.is(ready?.entries.length, 50);
  const appends = ready?.messages.filter(appendsTo('b')) ?? [];
  t.is(appends.length, 1);
  t.like(appends[0], { entries: { length: 50 } });
});

test('10.2.2 pipelining: the next append does not wait for the answer to the last', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  for (let i = 0; i < 5; i++) {
    cluster.raft('a').propose([bytes(`v${i}`)], '');
    cluster.member('a').take();
  }
  t.is(cluster.network.filter(appendsTo('b')).length, 5);
});

test('an append holds no more than its bound, and always one entry', (t) => {
  const cluster = new Cluster(['a', 'b', 'c'], { appendBytesMax: 100 }).elect('a');
  const from = cluster.sent.length;
  cluster.propose('a', ...Array.from({ length: 10 }, () => 'x'.repeat(30)));
  cluster.propose('a', 'y'.repeat(500));
  const sizes = cluster.sent
    .slice(from)
    .flatMap((message) => (message.type === 'append' && message.to === 'b' ? [message.entries.length] : []));
  t.true(
    sizes.every((size) => size <= 1),
    `${sizes}`,
  );
  t.is(cluster.values('b').length, 11);
});

test('the window in messages: no more appends than allowed without an answer', (t) => {
  const cluster = new Cluster(['a', 'b', 'c'], { inflightMessagesMax: 3 }).elect('a');
  cluster.deliverOnly(({ to }) => to !== 'b');
  const from = cluster.sent.length;
  fill(cluster, 10);
  const withEntries = cluster.sent
    .slice(from)
    .filter((message) => message.type === 'append' && message.to === 'b' && message.entries.length > 0);
  t.is(withEntries.length, 3);
  t.like(progressOf(cluster, 'b'), { paused: true, inflightMessages: 3 });
  cluster.heal().tick(3);
  t.is(cluster.values('b').length, 10);
});

test('the window in bytes', (t) => {
  const cluster = new Cluster(['a', 'b', 'c'], { inflightBytesMax: 300 }).elect('a');
  cluster.deliverOnly(({ to }) => to !== 'b');
  for (let i = 0; i < 10; i++) cluster.propose('a', 'x'.repeat(100));
  t.like(progressOf(cluster, 'b'), { paused: true, inflightMessages: 3 });
  cluster.heal().tick(3);
  t.is(cluster.values('b').length, 10);
});

test('a member that is being probed gets one append at a time', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  cluster.raft('a').reportUnreachable('b');
  t.like(progressOf(cluster, 'b'), { state: 'probe' });
  cluster.deliverOnly(({ to }) => to !== 'b');
  const from = cluster.sent.length;
  fill(cluster, 5);
  t.is(cluster.sent.slice(from).filter(appendsTo('b')).length, 1);
  cluster.heal().tick(2);
  t.like(progressOf(cluster, 'b'), { state: 'replicate' });
});

test('a lost append is noticed with the next heartbeat, also when nothing follows it', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  cluster.deliverOnly((message) => !appendsTo('b')(message));
  cluster.propose('a', 'x');
  cluster.heal().tick(2);
  t.deepEqual(cluster.values('b'), ['x']);
});

test('a lost answer is asked for again', (t) => {
  const cluster = new Cluster(['a', 'b']).elect('a');
  cluster.deliverOnly(({ type }) => type !== 'appendReply');
  cluster.propose('a', 'x');
  t.deepEqual(cluster.values('a'), []);
  cluster.heal().tick(2);
  t.deepEqual(cluster.values('a'), ['x']);
});

test('5.3 of the paper: a refusal skips whole terms, so few appends find where two logs part', (t) => {
  // The follower has 60 entries of terms that the leader never saw; the leader has 60 of its own.
  const common = [1, 1, 1];
  const leader = new Lone({ log: [...common, ...Array.from({ length: 60 }, () => 5)], term: 6 }).lead();
  const follower = new Lone({
    log: [...common, ...Array.from({ length: 60 }, (_, at) => 2 + Math.floor(at / 20))],
    term: 6,
  });
  let refusals = 0;
  let append: Message | undefined = leader.sent.filter(appendsTo('b')).at(-1);
  while (append?.type === 'append' && refusals < 20) {
    const [reply] = follower.hear({ ...append, from: 'b' });
    if (reply?.type !== 'appendReply') break;
    if (reply.rejected) refusals++;
    append = leader
      .hear({ ...reply, from: 'b' })
      .filter(appendsTo('b'))
      .at(-1);
  }
  t.deepEqual(follower.log, leader.log);
  t.true(refusals <= 4, `${refusals} refusals`);
});

test('an old refusal changes nothing', (t) => {
  const lone = new Lone({ log: [1, 1, 1] }).lead();
  lone.hear({ type: 'appendReply', term: 2, rejected: false, index: 4, hintIndex: 0, hintTerm: 0 });
  const before = lone.raft.status().progress;
  t.deepEqual(lone.hear({ type: 'appendReply', term: 2, rejected: true, index: 3, hintIndex: 1, hintTerm: 1 }), []);
  t.deepEqual(lone.raft.status().progress, before);
});

test('entries that the next leader replaces before they are written are not acknowledged to the last one', (t) => {
  // Found by the simulator: both appends arrive within one turn, and only what the second one left gets to the disk.
  const lone = new Lone({ log: [1] });
  const append = { type: 'append', to: 'a', prevIndex: 1, prevTerm: 1, commit: 1 } as const;
  const empty = (index: number, term: number) => ({ type: 'empty', index, term }) as const;
  lone.raft.step({ ...append, from: 'b', term: 2, entries: [empty(2, 2), empty(3, 2)] });
  lone.raft.step({ ...append, from: 'c', term: 3, entries: [empty(2, 3)] });
  lone.member.work();
  t.deepEqual(lone.log, [1, 3]);
  const replies = lone.sent.filter((message) => message.type === 'appendReply');
  t.deepEqual(
    replies.map(({ to, term, index }) => ({ to, term, index })),
    [{ to: 'c', term: 3, index: 2 }],
  );
});

test('an answer of an earlier term, or for entries that do not exist, counts for nothing', (t) => {
  const lone = new Lone({ log: [1, 1, 1] }).lead();
  lone.hear({ type: 'appendReply', term: 1, rejected: false, index: 4, hintIndex: 0, hintTerm: 0 });
  t.is(lone.raft.commit, 0);
  lone.hear({ type: 'appendReply', term: 2, rejected: false, index: 99, hintIndex: 0, hintTerm: 0 });
  t.is(lone.raft.commit, 0);
});

test('a heartbeat never carries a commit index beyond what the follower holds', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('c');
  fill(cluster, 5);
  const from = cluster.sent.length;
  cluster.tick(1);
  const match = progressOf(cluster, 'c')?.match ?? 0;
  const heartbeats = cluster.sent.slice(from).filter(({ type, to }) => type === 'heartbeat' && to === 'c');
  t.true(heartbeats.length > 0);
  for (const heartbeat of heartbeats) t.like(heartbeat, { commit: match });
  t.true(match < cluster.raft('a').commit);
});

test('a member whose disk forgot what it acknowledged stops instead of going on', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  fill(cluster, 3);
  const b = cluster.member('b');
  b.crash();
  const { hard } = b.disk;
  t.throws(
    () => {
      b.disk.store({ entries: [{ type: 'empty', term: 2, index: 4 }], hardState: { ...hard, term: 2, commit: 4 } });
      b.restart();
      cluster.tick(1);
    },
    { name: 'InvariantViolation' },
  );
});

test('a log that ends before what was committed does not start', (t) => {
  t.throws(() => new Lone({ log: [1], commit: 5 }), { name: 'InvariantViolation' });
  t.throws(() => new Lone({ log: [7], term: 3 }), { name: 'InvariantViolation' });
});

test('uncommitted bytes are bounded: beyond it a proposal is refused, and later accepted', (t) => {
  const cluster = new Cluster(['a', 'b', 'c'], { uncommittedBytesMax: 1000 }).elect('a').cut('b', 'c');
  const results = Array.from({ length: 20 }, () => cluster.raft('a').propose([new Uint8Array(100)], ''));
  const refused = results.filter((result) => !result.ok);
  t.true(refused.length > 10);
  for (const result of refused) t.like(result, { code: 'overloaded' });
  t.true(cluster.status('a').uncommittedBytes <= 1000);
  cluster.heal().tick(2);
  t.is(cluster.status('a').uncommittedBytes, 0);
  t.like(cluster.propose('a', 'x'), { ok: true });
});

test('a proposal is taken whole or not at all, and one that is too large is not', (t) => {
  const cluster = new Cluster(['a'], { proposalBytesMax: 10 }).elect('a');
  t.like(cluster.propose('a', 'x', 'y'.repeat(11)), { ok: false, code: 'too-large' });
  t.deepEqual(cluster.values('a'), []);
});

// -------------------------------------------------------------------------------------------------------------- forwarding

test('6.2 a proposal through a follower ends with where it stands', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  t.deepEqual(cluster.propose('b', 'x'), { ok: true, forwarded: true, leader: 'a' });
  t.deepEqual(cluster.member('b').proposals, [{ proposalId: 'x', result: { ok: true, term: 2, index: 5 } }]);
  t.deepEqual(cluster.values('a'), ['x']);
});

test('a proposal without a leader is refused', (t) => {
  t.like(new Cluster(['a', 'b', 'c']).propose('b', 'x'), { ok: false, code: 'not-leader' });
});

test('a forwarded proposal whose leader is gone ends as unknown, once', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a').cut('a');
  cluster.propose('b', 'x');
  cluster.tick(60);
  cluster.heal().tick(60);
  t.is(cluster.member('b').proposals.length, 1);
  t.like(cluster.member('b').proposals[0], { proposalId: 'x', result: { ok: false, code: 'unknown' } });
});

test('forwarded proposals without an answer are bounded', (t) => {
  const cluster = new Cluster(['a', 'b', 'c'], { forwardedProposalsMax: 3 }).elect('a').cut('a');
  for (let i = 0; i < 3; i++) t.like(cluster.propose('b', `v${i}`), { ok: true, forwarded: true });
  t.like(cluster.propose('b', 'v'), { ok: false, code: 'overloaded', leader: 'a' });
});

test('an answer to a proposal of an earlier life is nobody’s', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  cluster.deliverOnly(({ type }) => type !== 'proposeReply');
  cluster.propose('b', 'x');
  const late = cluster.sent.find(({ type }) => type === 'proposeReply');
  cluster.heal().crash('b').restart('b').tick();
  cluster.propose('b', 'y');
  if (late) cluster.deliver(late);
  cluster.settle();
  t.deepEqual(
    cluster.member('b').proposals.map(({ proposalId }) => proposalId),
    ['y'],
  );
});

// --------------------------------------------------------------------------------------------------------------- snapshots

const behindCompaction = () => {
  const cluster = new Cluster(['a', 'b', 'c'], { tailBytesMax: 1 }).elect('a').cut('c');
  fill(cluster, 10);
  cluster.tick();
  cluster.member('a').checkpoint(0);
  return cluster;
};

test('5 snapshots: a member whose next entry is compacted away gets a snapshot, then the log', (t) => {
  const cluster = behindCompaction().heal().tick(3);
  t.is(cluster.values('c').length, 10);
  cluster.propose('a', 'after');
  t.is(cluster.values('c').at(-1), 'after');
  t.like(progressOf(cluster, 'c'), { state: 'replicate', pendingSnapshot: 0 });
});

test('while a snapshot is being fetched, nothing else is sent, and the offer is repeated', (t) => {
  const cluster = behindCompaction();
  cluster.deliversSnapshots = false;
  cluster.heal().tick(2);
  t.like(progressOf(cluster, 'c'), { state: 'snapshot', paused: true });
  const from = cluster.sent.length;
  fill(cluster, 3);
  t.false(cluster.sent.slice(from).some(appendsTo('c')));
  cluster.tick(12);
  t.true(cluster.sent.slice(from).some(({ type, to }) => type === 'snapshot' && to === 'c'));
});

test('a member that restarts while it fetches a snapshot is offered one again', (t) => {
  const cluster = behindCompaction();
  cluster.deliversSnapshots = false;
  cluster.heal().tick(2).crash('c').restart('c');
  cluster.deliversSnapshots = true;
  cluster.tick(15);
  t.is(cluster.values('c').length, 10);
});

test('a snapshot that failed is tried again after a pause; one that finished is followed by the log', (t) => {
  const cluster = behindCompaction();
  cluster.deliversSnapshots = false;
  cluster.heal().tick(2);
  const from = cluster.sent.length;
  cluster.raft('a').reportSnapshot('c', 'failed');
  cluster.settle();
  t.false(
    cluster.sent.slice(from).some(({ type }) => type === 'snapshot'),
    'not at once',
  );
  cluster.tick(2);
  t.true(cluster.sent.slice(from).some(({ type }) => type === 'snapshot'));
  const pending = progressOf(cluster, 'c')?.pendingSnapshot ?? 0;
  cluster.raft('a').reportSnapshot('c', 'finished');
  t.like(progressOf(cluster, 'c'), { state: 'probe', next: pending + 1 });
});

test('a snapshot is no use that is older than what is committed, or that the log already reaches', (t) => {
  const cluster = new Cluster(['a', 'b', 'c']).elect('a');
  const old = cluster.member('a').machine;
  fill(cluster, 3);
  const b = cluster.member('b');
  const before = b.machine;
  b.receiveSnapshot(old);
  t.is(b.staged, undefined);
  b.receiveSnapshot(cluster.member('a').machine);
  t.is(b.staged, undefined);
  t.is(b.machine, before);
});

test('a snapshot never takes back what is committed, whatever it says', (t) => {
  const lone = new Lone({ log: [1, 1, 1], commit: 3 });
  const { configuration } = lone.raft.status();
  t.false(lone.raft.installSnapshot({ index: 2, term: 9, configuration }));
  t.like(lone.raft.status(), { lastIndex: 3, commit: 3 });
});

test('a snapshot replaces a log that conflicts with it', (t) => {
  const lone = new Lone({ log: [1, 1, 1, 1, 1] });
  const { configuration } = lone.raft.status();
  lone.raft.step({ type: 'heartbeat', from: 'b', to: 'a', term: 3, commit: 0 });
  t.true(lone.raft.installSnapshot({ index: 4, term: 2, configuration }));
  const ready = lone.raft.ready();
  t.like(ready?.snapshot, { index: 4, term: 2 });
  t.true(ready?.mustSync);
  t.like(ready?.messagesAfterPersist.at(-1), { type: 'appendReply', rejected: false, index: 4 });
  t.deepEqual(
    ready?.messages.filter(({ type }) => type === 'appendReply'),
    [],
  );
  t.like(lone.raft.status(), { lastIndex: 4, commit: 4 });
});

test('a snapshot of a later term brings that term: a log never reaches beyond the stored one', (t) => {
  // Found by the simulator: whoever gave the snapshot had entered a later term by then, and after a crash the member could not start.
  const lone = new Lone({ log: [1, 1], vote: 'b' });
  const { configuration } = lone.raft.status();
  t.true(lone.raft.installSnapshot({ index: 7, term: 3, configuration }));
  t.like(lone.raft.ready(), { snapshot: { index: 7, term: 3 }, hardState: { term: 3, vote: '', commit: 7 } });
});

test('a silent member is offered no snapshot', (t) => {
  const cluster = behindCompaction();
  cluster.tick(12);
  const from = cluster.sent.length;
  cluster.raft('a').reportUnreachable('c');
  cluster.propose('a', 'x');
  cluster.tick(12);
  t.like(progressOf(cluster, 'c'), { state: 'probe', recentlyActive: false });
  t.false(cluster.sent.slice(from).some(({ type }) => type === 'snapshot'));
});

// ------------------------------------------------------------------------------------------------------- overlapping writes

test('Readies may overlap: what is written late and was replaced meanwhile is not acknowledged', (t) => {
  const lone = new Lone({ log: [1] });
  const { raft } = lone;
  const normal = (index: number, term: number) => ({ type: 'normal', term, index, data: bytes(`${term}`) }) as const;
  raft.step({
    type: 'append',
    from: 'b',
    to: 'a',
    term: 1,
    prevIndex: 1,
    prevTerm: 1,
    entries: [normal(2, 1), normal(3, 1)],
    commit: 0,
  });
  const first = raft.ready();
  raft.step({
    type: 'append',
    from: 'c',
    to: 'a',
    term: 2,
    prevIndex: 1,
    prevTerm: 1,
    entries: [normal(2, 2)],
    commit: 2,
  });
  const second = raft.ready();
  if (!first || !second) return t.fail();
  lone.member.disk.store(first);
  raft.persisted(first);
  t.is(raft.status().stable, 1, 'entries 2 and 3 of term 1 are on disk, and not in the log');
  t.deepEqual(toApply(raft), [], 'entry 2 of term 2 is committed, and not on disk');
  lone.member.disk.store(second);
  raft.persisted(second);
  t.is(raft.status().stable, 2);
  t.deepEqual(toApply(raft), ['2/2']);
  t.deepEqual(lone.log, [1, 2]);
});

test('a commit index alone needs no sync; with entries it is always stored along', (t) => {
  const lone = new Lone({ log: [1, 1] });
  lone.raft.step({ type: 'heartbeat', from: 'b', to: 'a', term: 1, commit: 2 });
  const commitOnly = lone.raft.ready();
  t.like(commitOnly, { mustSync: false, hardState: { term: 1, commit: 2 } });
  const entries = [{ type: 'empty', term: 1, index: 3 }] as const;
  lone.raft.step({ type: 'append', from: 'b', to: 'a', term: 1, prevIndex: 2, prevTerm: 1, entries, commit: 2 });
  t.like(lone.raft.ready(), { mustSync: true, hardState: { commit: 2 } });
});

test('what is applied in one go is bounded', (t) => {
  const cluster = new Cluster(['a'], { committedBytesMax: 200 }).elect('a');
  const { raft } = cluster.member('a');
  raft.propose(
    Array.from({ length: 20 }, () => bytes('x'.repeat(50))),
    '',
  );
  const written = raft.ready();
  if (!written) return t.fail();
  cluster.member('a').disk.store(written);
  raft.advance(written);
  const sizes: number[] = [];
  for (let ready = raft.ready(); ready; ready = raft.ready()) {
    sizes.push(ready.committedEntries.length);
    raft.advance(ready);
  }
  t.is(
    sizes.reduce((a, b) => a + b, 0),
    20,
  );
  t.true(
    sizes.every((size) => size <= 3),
    `${sizes}`,
  );
});
