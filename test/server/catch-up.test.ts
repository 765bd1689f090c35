/**
 * When a controller may speak to routers of the present: not while others have committed more than it has applied. The last test is the
 * sequence in which a new leader once told all routers of the members as they had been before.
 */
import test from 'ava';
import { connectNats, type EndpointList, endpointListSchema, parseJson, subjectsOf } from '../../messaging/index.js';
import { defaultTiming } from '../../node/cluster/member.js';
import type { ReadCallback } from '../../node/cluster/replica.js';
import type { Leadership, Message } from '../../node/raft/index.js';
import { aloneAfterMs, CatchUp } from '../../node/server/catch-up.js';
import { createRouterService, endpointsOf, readerOf } from '../../node/server/routers/index.js';
import { leaderOf, propose, startMember, type TestMember } from '../cluster/members.js';
import { startNatsServer } from '../support/nats.js';
import { eventually } from '../support/wait.js';

/** A controller whose reads are answered by hand, and whose time is. */
function controller() {
  const reads: ReadCallback[] = [];
  let leadership: Leadership = { role: 'follower', term: 1 } as Leadership;
  let nowMs = 0;
  let changes = 0;
  const catchUp = new CatchUp({
    replica: () => ({ leadership: () => leadership, read: (callback) => void reads.push(callback) }),
    clock: { monotonicMs: () => nowMs },
    onChange: () => {
      changes += 1;
    },
  });
  return {
    catchUp,
    reads,
    changes: () => changes,
    pass: (durationMs: number) => {
      nowMs += durationMs;
      catchUp.look();
    },
    becomes: (role: Leadership['role'], term: number, leader?: string) => {
      leadership = { role, term, leader } as Leadership;
      catchUp.look();
    },
    answer: (refusal: Parameters<ReadCallback>[0] = null) => {
      for (const read of reads.splice(0)) read(refusal);
    },
  };
}

test('one that was started has caught up when a read that it asked of a leader is answered, and not before', (t) => {
  const { catchUp, becomes, reads, answer, changes } = controller();
  catchUp.look();
  t.is(reads.length, 0, 'there is nobody to ask');
  becomes('follower', 2, 'n1');
  becomes('follower', 2, 'n1');
  t.is(reads.length, 1);
  t.false(catchUp.once);
  answer();
  t.true(catchUp.once);
  t.is(changes(), 1);
  becomes('follower', 3);
  t.true(catchUp.once, 'that it was so once does not pass');
});

test('a read that is refused is asked again', (t) => {
  const { catchUp, becomes, reads, answer } = controller();
  becomes('follower', 2, 'n1');
  answer(new Error('no leader') as never);
  t.false(catchUp.once);
  catchUp.look();
  t.is(reads.length, 1);
  answer();
  t.true(catchUp.once);
});

test('a leader speaks of the present when it has applied what was committed before it led, in each term anew', (t) => {
  const { catchUp, becomes, answer } = controller();
  becomes('follower', 2, 'n1');
  answer();
  becomes('leader', 3, 'n2');
  t.false(catchUp.leads);
  answer();
  t.true(catchUp.leads);
  becomes('follower', 4, 'n1');
  t.false(catchUp.leads);
  becomes('leader', 5, 'n2');
  t.false(catchUp.leads);
  answer();
  t.true(catchUp.leads);
});

test('what a read was answered that was asked before it led says nothing of what it leads', (t) => {
  const { catchUp, becomes, answer } = controller();
  becomes('follower', 2, 'n1');
  becomes('leader', 3, 'n2');
  answer();
  t.true(catchUp.once);
  t.false(catchUp.leads);
  becomes('leader', 3, 'n2');
  answer();
  t.true(catchUp.leads);
});

test('who hears no leader is alone after a while, counted from the start or from the last that was heard', (t) => {
  const { catchUp, becomes, pass } = controller();
  pass(aloneAfterMs - 1);
  t.false(catchUp.isAlone);
  pass(1);
  t.true(catchUp.isAlone);
  becomes('follower', 2, 'n1');
  t.false(catchUp.isAlone);
  becomes('follower', 3);
  pass(aloneAfterMs);
  t.true(catchUp.isAlone);
  becomes('follower', 4, 'n1');
  becomes('leader', 5, 'n2');
  pass(aloneAfterMs);
  t.true(catchUp.isAlone, 'nor has one that leads, and is not answered: it can commit nothing');
  t.false(catchUp.leads);
});

test('a new leader that does not know yet what is committed tells routers of no members, then of those that there are', async (t) => {
  const nats = await startNatsServer();
  const ids = ['a', 'b', 'c'];
  let heldAt = Number.POSITIVE_INFINITY;
  const onLeadership = new Map<string, () => void>();
  const members = await Promise.all(
    ids.map((id) =>
      startMember({
        id,
        url: nats.url,
        voters: ids,
        // Who leads is handed over here, and not elected because the machine stood still.
        timing: { ...defaultTiming, electionTimeoutTicks: 10 * defaultTiming.electionTimeoutTicks },
        onLeadership: () => onLeadership.get(id)?.(),
        hears: (message) => (id === 'a' ? knowingOf(message, heldAt) : message),
      }),
    ),
  );
  const [a] = members as [TestMember, ...TestMember[]];
  const first = await leaderOf(members);
  const old = first === a ? await leads(members, 'b') : first;
  await propose(old, describe('a', 'nats://a:4222'));
  await eventually(() => listOf(a)?.controllers.length === 1, { what: 'a to have applied it' });

  // Committed by the others, and in the log of a; but nobody has told a that it is.
  heldAt = a.member.core.commit;
  const committed = await propose(old, describe('b', 'nats://b:4222'));
  t.true(committed.ok);
  const index = committed.ok ? committed.entry.index : 0;
  await eventually(() => a.storage.raft.lastIndex() >= index, { what: 'a to hold the entry' });
  t.is(listOf(a)?.controllers.length, 1, 'and not to have applied it');

  const connection = await connectNats({ servers: [nats.url], name: 'a-service' });
  const heard: EndpointList[] = [];
  const subjects = subjectsOf('test');
  connection.subscribe(subjects.endpoints(), {
    callback: (_error, message) => void heard.push(endpointListSchema.parse(parseJson(message)) as EndpointList),
  });
  const catchUp = new CatchUp({
    replica: () => a.member,
    clock: { monotonicMs: () => performance.now() },
    onChange: () => service.refresh(),
  });
  const service = createRouterService({
    connection,
    subjects,
    nodeId: 'a',
    model: readerOf(a.storage.model),
    serves: () => true,
    isLeader: () => a.member.core.role === 'leader',
    isCurrent: () => catchUp.leads,
    endpoints: () => listOf(a),
    publishEvent: () => undefined,
    log: () => undefined,
    every: () => () => undefined,
  });
  let stoodAt: number | undefined;
  onLeadership.set('a', () => {
    if (a.member.core.role !== 'leader') return;
    stoodAt ??= listOf(a)?.position.index;
    service.refresh();
    catchUp.look();
  });
  await leads(members, 'a');
  await eventually(() => heard.length > 0, { what: 'the list' });
  await connection.flush();
  t.true((stoodAt ?? index) < index, 'when it began to lead, it stood where the members were others');
  t.deepEqual(
    heard.map((list) => [list.position.index, list.controllers.map(({ id }) => id)]),
    [[index, ['a', 'b']]],
  );
  service.stop();
  await connection.close();
  await Promise.all(members.map((each) => each.stop()));
});

const listOf = (member: TestMember): EndpointList | null => endpointsOf(member.storage.model, 'test', member.id)();

function describe(id: string, address: string) {
  const protocol = { min: 1, max: 1 };
  const member = { id, name: id, version: '1', protocol, addresses: [address], addedAt: 1 };
  return { type: 'member.describe', member } as const;
}

/** The message as it would be if its sender knew no more to be committed than this. */
function knowingOf(message: Message, commitMax: number): Message {
  return 'commit' in message ? { ...message, commit: Math.min(message.commit, commitMax) } : message;
}

async function leads(members: readonly TestMember[], id: string): Promise<TestMember> {
  return await eventually(
    async () => {
      const leader = await leaderOf(members);
      if (leader.id === id) return leader;
      leader.member.transferLeadership(id);
      return false;
    },
    { what: `${id} to lead` },
  );
}
