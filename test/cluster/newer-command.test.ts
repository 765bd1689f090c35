/** A command of a newer version, committed: who does not understand it stops before it, and the others go on. */
import test from 'ava';
import type { Entity } from '../../messaging/index.js';
import { UnappliableEntry } from '../../node/model/index.js';
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
    t.true((await propose(first, create('before'))).ok);
    const outcome = await propose(first, newer);
    t.like(outcome, { ok: true, entry: { outcome: { type: 'changed' } } });

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
    t.true((await propose(first, create('after'))).ok, 'two of three go on');
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
