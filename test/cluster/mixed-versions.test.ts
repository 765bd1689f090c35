/** Members of two versions in one cluster: real Raft messages between them, with a real nats-server. */
import test from 'ava';
import { startNatsServer } from '../support/nats.js';
import { eventually } from '../support/wait.js';
import { create, leaderOf, propose, read, startMember, type TestMember } from './members.js';

const older = { min: 1, max: 1 };
const both = { min: 1, max: 2 };
const newer = { min: 2, max: 2 };

/** Whoever leads; asked again while leadership moves. */
async function writes(member: TestMember, name: string): Promise<void> {
  const command = create(name);
  await eventually(async () => (await propose(member, command)).ok, { what: `${name} to be written` });
}

async function lead(members: readonly TestMember[], id: string): Promise<TestMember> {
  const leader = await eventually(
    async () => {
      const now = await leaderOf(members);
      if (now.id === id) return now;
      now.member.transferLeadership(id);
      return undefined;
    },
    { what: `${id} to lead` },
  );
  return leader;
}

test.serial('members of two versions replicate with each other, whichever version leads', async (t) => {
  const nats = await startNatsServer();
  const ids = ['old', 'new', 'also-old'];
  const start = (id: string): Promise<TestMember> =>
    startMember({ id, url: nats.url, voters: ids, protocol: id === 'new' ? both : older });
  const members = await Promise.all(ids.map(start));
  for (const id of ids) {
    const leader = await lead(members, id);
    for (const from of members) {
      await writes(from, `${leader.id}-leads-${from.id}-writes`);
      t.is(await eventually(async () => (await read(from)) === null, { what: 'a read' }), true);
    }
  }
  const written = ids.flatMap((leader) => ids.map((from) => `service-${leader}-leads-${from}-writes`));
  for (const { id, storage } of members)
    await eventually(() => written.every((each) => storage.model.get('service', each) !== undefined), {
      what: `${id} to hold all`,
    });
  for (const { transport, refused } of members) {
    t.deepEqual([...refused], []);
    t.is(transport.dropped['unsupported-version'] ?? 0, 0);
  }
  await Promise.all(members.map((each) => each.stop()));
});

test.serial('a member that has no version in common with the others is refused by all, and known to be', async (t) => {
  const nats = await startNatsServer();
  const ids = ['a', 'b', 'far'];
  const start = (id: string): Promise<TestMember> =>
    startMember({ id, url: nats.url, voters: ids, protocol: id === 'far' ? newer : older });
  const [a, b, far] = await Promise.all(ids.map(start));
  if (a === undefined || b === undefined || far === undefined) throw new Error('three were started');
  await leaderOf([a, b]);
  await writes(a, 'without-it');
  for (const each of [a, b]) await eventually(() => each.refused.has('far'), { what: `${each.id} to hear of it` });
  await eventually(() => far.refused.size > 0, { what: 'it to hear the leader' });
  t.is(far.storage.model.get('service', 'service-without-it'), undefined);
  t.is(far.member.core.leader, undefined, 'nobody leads it, and it leads nobody');
  t.true((far.transport.dropped['unsupported-version'] ?? 0) > 0);
  await Promise.all([a, b, far].map((each) => each.stop()));
});
