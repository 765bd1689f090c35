import test from 'ava';
import { modelHash } from '../../node/model/index.js';
import { initialConfiguration } from '../../node/raft/index.js';
import { startNatsServer } from '../support/nats.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { changeMembership, create, leaderOf, propose, read, startMember, type TestMember } from './members.js';

const ids = ['a', 'b', 'c'];

function sameModel(members: readonly TestMember[]): Promise<unknown> {
  return eventually(
    () => {
      const hashes = members.map(({ storage }) => modelHash(storage.model));
      const positions = members.map(({ storage }) => storage.model.meta()?.position.index);
      return new Set(hashes).size === 1 && new Set(positions).size === 1;
    },
    { what: 'equal models', show: () => members.map(({ storage }) => storage.model.meta()?.position.index) },
  );
}

test.serial('three members elect a leader, commit, answer reads, and hold the same model', async (t) => {
  const nats = await startNatsServer();
  const members = await Promise.all(ids.map((id) => startMember({ id, url: nats.url, voters: ids })));
  const leader = await leaderOf(members);
  const outcomes = await Promise.all(Array.from({ length: 200 }, (_, number) => propose(leader, create(`s${number}`))));
  t.true(outcomes.every((outcome) => outcome.ok && outcome.entry.outcome.type === 'changed'));
  t.is(await read(leader), null);
  for (const each of members) t.is(await read(each), null, 'a follower reads through the leader');
  await sameModel(members);
  t.is(leader.storage.model.countsByKind().service, 200);
  await Promise.all(members.map((each) => each.stop()));
});

test.serial('a command proposed on a follower is forwarded, and its outcome comes back', async (t) => {
  const nats = await startNatsServer();
  const members = await Promise.all(ids.map((id) => startMember({ id, url: nats.url, voters: ids })));
  const leader = await leaderOf(members);
  const follower = members.find((each) => each !== leader) ?? leader;
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, number) => propose(follower, create(`f${number}`))),
  );
  t.true(outcomes.every((outcome) => outcome.ok));
  t.is(follower.storage.model.countsByKind().service, 20);
  const refused = await propose(follower, { ...create('f0'), id: 'another' } as never);
  t.like(refused, { ok: true, entry: { outcome: { type: 'refused', code: 'name-taken' } } });
  await Promise.all(members.map((each) => each.stop()));
});

test.serial('a member that starts again replays what its model has not applied, and follows on', async (t) => {
  const nats = await startNatsServer();
  const directory = temporaryDirectory('again');
  const members = await Promise.all(
    ids.map((id) => startMember({ id, url: nats.url, voters: ids, directory: id === 'c' ? directory : undefined })),
  );
  const leader = await leaderOf(members.slice(0, 2).concat(members.slice(2)));
  const stopped = members.find((each) => each.id === 'c');
  t.truthy(stopped);
  await propose(leader, create('before'));
  await stopped?.stop();
  const rest = members.filter((each) => each !== stopped);
  const next = await leaderOf(rest);
  for (let number = 0; number < 50; number += 1) t.true((await propose(next, create(`while-away-${number}`))).ok);
  const again = await startMember({ id: 'c', url: nats.url, voters: ids, directory });
  await sameModel([...rest, again]);
  t.is(again.storage.raft.incarnation(), 2);
  await Promise.all([...rest, again].map((each) => each.stop()));
});

test.serial(
  'a blank member gets a snapshot, catches up as learner, becomes voter; a removed one is told',
  async (t) => {
    const nats = await startNatsServer();
    const compaction = { everyEntries: 50, keepEntries: 20 };
    const first = await startMember({ id: 'a', url: nats.url, voters: ['a'], compaction });
    await leaderOf([first]);
    for (let number = 0; number < 200; number += 1) await propose(first, create(`s${number}`));
    await eventually(() => first.storage.raft.firstIndex() > 100, { what: 'compaction of the log' });
    const joiner = await startMember({ id: 'd', url: nats.url });
    t.like(await changeMembership(first, { changes: [{ type: 'addLearner', id: 'd' }], transition: 'auto' }), {
      ok: true,
    });
    await sameModel([first, joiner]);
    t.true(joiner.member.counters.snapshotsInstalled >= 1);
    t.deepEqual(joiner.storage.raft.identity(), { clusterName: 'test', clusterId: 'cluster-under-test', nodeId: 'd' });
    t.like(await changeMembership(first, { changes: [{ type: 'addVoter', id: 'd' }], transition: 'auto' }), {
      ok: true,
    });
    await eventually(() => joiner.member.status().configuration.voters.length === 2, {
      what: 'the joiner knows that it votes',
    });
    t.true((await propose(first, create('with two voters'))).ok);
    t.like(await changeMembership(first, { changes: [{ type: 'remove', id: 'd' }], transition: 'auto' }), { ok: true });
    await eventually(() => joiner.storage.raft.removedMark() !== null, { what: 'the removed member knows it' });
    t.deepEqual(first.member.status().configuration, { ...initialConfiguration(['a']), removed: ['d'] });
    t.true((await propose(first, create('alone again'))).ok);
    await Promise.all([first, joiner].map((each) => each.stop()));
  },
);

test.serial('a nats-server that is killed and comes back: writes go on and nothing acknowledged is lost', async (t) => {
  const nats = await startNatsServer();
  const members = await Promise.all(ids.map((id) => startMember({ id, url: nats.url, voters: ids })));
  const acknowledged: string[] = [];
  for (let number = 0; number < 20; number += 1)
    if ((await propose(await leaderOf(members), create(`one-${number}`))).ok) acknowledged.push(`one-${number}`);
  await nats.kill();
  await nats.restart();
  for (const each of members) each.member.connectionRestored();
  const leader = await leaderOf(members);
  for (let number = 0; number < 20; number += 1)
    if ((await propose(leader, create(`two-${number}`))).ok) acknowledged.push(`two-${number}`);
  t.true(acknowledged.length >= 20);
  await sameModel(members);
  for (const name of acknowledged) t.truthy(members[0]?.storage.model.get('service', `service-${name}`), name);
  t.deepEqual(
    members.flatMap((each) => each.failures),
    [],
  );
  await Promise.all(members.map((each) => each.stop()));
});
