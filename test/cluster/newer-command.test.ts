/** A command of a newer version, committed: who does not understand it stops before it, and the others go on. */
import test from 'ava';
import type { Entity, VersionRange } from '../../messaging/index.js';
import { type Command, UnappliableEntry } from '../../node/model/index.js';
import { startNatsServer } from '../support/nats.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { create, leaderOf, propose, startMember, type TestMember } from './members.js';

const ids = ['a', 'b', 'c'];
const old = { min: 1, max: 1 };
const entity: Entity = {
  kind: 'service',
  id: 'web',
  name: 'web',
  version: 7,
  createdAt: 1,
  updatedAt: 2,
  tags: {},
  spec: { roleAttributes: [], encryptionRequired: true, terminatorStrategy: 'random' },
};
const newer = { type: 'import', requestId: 'request-newer', at: 5, by: 'test', entity } as const;

test.serial(
  'a member stops before a committed command that it does not understand, with a clear word; nothing is skipped',
  async (t) => {
    const nats = await startNatsServer();
    const directory = temporaryDirectory('old');
    const start = (id: string, protocol = { min: 1, max: 2 }, at?: string): Promise<TestMember> =>
      startMember({ id, url: nats.url, voters: ids, protocol, directory: at });
    const members = [await start('a'), await start('b'), await start('c', old, directory)];
    const [, , behind] = members;
    if (behind === undefined) throw new Error('no third member');
    // Proposed by one that understands it, wherever leadership is: a forwarded command is not looked into either.
    await leaderOf(members);
    const [first] = members;
    if (first === undefined) throw new Error('no member');
    await committed(first, create('before'));
    t.is(await committed(first, newer), 'changed');

    await eventually(() => behind.failures.length > 0, { what: 'the old member to stop' });
    const [failure] = behind.failures;
    t.true(failure instanceof UnappliableEntry);
    t.like(failure, { code: 'newer-command', reason: 'newer' });
    t.regex(
      String((failure as UnappliableEntry).message),
      /import.* of protocol version 2.*understands versions up to 1/,
    );
    t.regex((failure as UnappliableEntry).remedy, /Install the version that the other members run/);
    const stoodAt = behind.storage.model.meta()?.position.index ?? 0;
    const others = members.filter((each) => each !== behind);
    t.is(behind.storage.model.get('service', 'web'), undefined);
    await leaderOf(others);
    t.is(await committed(first, create('after')), 'changed', 'two of three go on');
    t.is(behind.storage.model.meta()?.position.index, stoodAt, 'it has not gone past it');

    // Started again it stops again; with a newer version it takes up where it stood.
    await behind.stop();
    const again = await start('c', old, directory);
    await eventually(() => again.failures.length > 0, { what: 'it to stop again' });
    await again.stop();
    const upgraded = await start('c', { min: 1, max: 2 }, directory);
    await eventually(() => upgraded.storage.model.get('service', 'service-after') !== undefined, {
      what: 'it to catch up',
    });
    t.deepEqual(upgraded.storage.model.get('service', 'web'), entity);
    t.deepEqual(upgraded.failures, []);
    await Promise.all([...others, upgraded].map((each) => each.stop()));
  },
);

test.serial(
  'a member that is sent a model with a feature that it does not understand stops, and serves nothing of it',
  async (t) => {
    const nats = await startNatsServer();
    const directory = temporaryDirectory('behind');
    const compaction = { everyEntries: 50, keepEntries: 10 };
    const both = { min: 1, max: 2 };
    const start = (id: string, protocol: VersionRange, at?: string): Promise<TestMember> =>
      startMember({ id, url: nats.url, voters: ids, protocol, compaction, directory: at });
    const directories = { a: temporaryDirectory('a'), b: temporaryDirectory('b') };
    const away = await start('c', both, directory);
    let [first, second] = await Promise.all([start('a', both, directories.a), start('b', both, directories.b)]);
    await leaderOf([first, second, away]);
    for (const id of ids) await committed(first, describe(id));
    await eventually(() => away.storage.model.records('member').length === 3, { what: 'the third to hear of it' });
    await away.stop();
    await leaderOf([first, second]);
    t.is(await committed(first, { type: 'gate.raise', gate: 'model-import', version: 2, at: 5 }), 'gate');
    // Far enough that the log no longer reaches back to where the third stands.
    await Promise.all(Array.from({ length: 200 }, (_, at) => committed(first, create(`later-${at}`))));
    await eventually(() => [first, second].every(({ storage }) => storage.raft.firstIndex() > 100), {
      what: 'the logs to be compacted',
    });
    // What a leader still holds in memory, it would send entry by entry.
    await Promise.all([first.stop(), second.stop()]);
    [first, second] = await Promise.all([start('a', both, directories.a), start('b', both, directories.b)]);
    await leaderOf([first, second]);

    const lagging = await start('c', old, directory);
    await eventually(() => lagging.failures.length > 0, { what: 'the old member to stop' });
    t.like(lagging.failures[0], { code: 'newer-command' });
    t.regex(
      String((lagging.failures[0] as UnappliableEntry).message),
      /uses the feature model-import of protocol version 2/,
    );
    t.deepEqual(lagging.applied, [], 'nothing was given out');
    await lagging.stop();
    const upgraded = await start('c', both, directory);
    await eventually(() => upgraded.storage.model.get('service', 'service-later-199') !== undefined, {
      what: 'it to catch up',
    });
    t.deepEqual(upgraded.failures, []);
    await Promise.all([first, second, upgraded].map((each) => each.stop()));
  },
);

/** Asked again under its own request id for as long as leadership moves: the member that stops may have led. */
async function committed(member: TestMember, command: Command): Promise<string> {
  const done = await eventually(
    async () => {
      const result = await propose(member, command);
      return result.ok && result.entry;
    },
    { what: `${command.type} to be committed`, timeoutMs: 60_000 },
  );
  return done.outcome.type;
}

function describe(id: string): Command {
  return {
    type: 'member.describe',
    member: { id, name: id, version: 'test', protocol: { min: 1, max: 2 }, addresses: [], addedAt: 1 },
  };
}
