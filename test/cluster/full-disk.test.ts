/** A leader whose log cannot be written: what it could not store is kept, and leadership is handed over, not waited away. */
import test from 'ava';
import { QuorateError } from '../../messaging/errors.js';
import { startNatsServer } from '../support/nats.js';
import { eventually } from '../support/wait.js';
import { create, leaderOf, propose, startMember } from './members.js';

test('it hands over as soon as the others have committed without it, refuses writes meanwhile, and goes on with room', async (t) => {
  const nats = await startNatsServer();
  const voters = ['n1', 'n2', 'n3'];
  const members = await Promise.all(voters.map((id) => startMember({ id, url: nats.url, voters })));
  const leader = await leaderOf(members);
  const { raft } = leader.storage;
  const write = raft.persist.bind(raft);
  const disk = { isFull: true };
  raft.persist = (batch) => {
    if (disk.isFull && (batch.entries?.length ?? 0) > 0) throw new QuorateError('storage-full');
    write(batch);
  };
  const handedTo: (string | undefined)[] = [];
  const { core } = leader.member;
  const transfer = core.transferLeadership.bind(core);
  core.transferLeadership = (target) => {
    handedTo.push(target);
    return transfer(target);
  };

  const first = propose(leader, create('first'));
  await eventually(() => handedTo.length > 0, { what: 'leadership to be handed over' });
  t.not(handedTo[0], leader.id);
  const refused = await propose(leader, create('second'));
  t.is(refused.ok ? '' : refused.error.code, 'storage-full');
  await eventually(() => members.find(({ member }) => member.core.role === 'leader' && member !== leader.member), {
    what: 'another to lead',
  });
  const outcome = await first;
  t.is(outcome.ok ? 'ok' : outcome.error.code, 'leadership-lost', 'what became of the first, only a retry finds out');

  disk.isFull = false;
  const next = await leaderOf(members);
  await eventually(async () => (await propose(next, create('third'))).ok, { what: 'a write by the next leader' });
  await eventually(() => new Set(members.map(({ member }) => member.appliedIndex)).size === 1, {
    what: 'all to agree',
  });
  t.deepEqual(
    members.map(({ failures }) => failures),
    [[], [], []],
  );
  await Promise.all(members.map((member) => member.stop()));
});
