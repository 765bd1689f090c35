/** The comparison of models: where it asks members to hash, whom it believes; and the hash at exactly one moment. */
import test from 'ava';
import { type ApiClient, compareModels, minorityOf, QuorateError } from '../../messaging/index.js';
import { modelHashes } from '../../node/model/hash.js';
import { openStorage, type PreparedHash, type Storage } from '../../node/storage/index.js';
import { begin, write } from '../storage/storage-contract.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

const timeline = { id: '00000000-0000-4000-8000-000000000000', epoch: 1 };

interface FakeMember {
  /** Where it stands in each round; the last holds on. */
  readonly stands: readonly number[];
  readonly sha256?: string;
  /** Hashes whatever is asked for ahead of it up to this many entries. */
  readonly reaches?: number;
  readonly gone?: boolean;
}

function fakeClient(members: Readonly<Record<string, FakeMember>>): {
  client: Pick<ApiClient, 'request'>;
  asked: number[];
} {
  const rounds = new Map<string, number>();
  const asked: number[] = [];
  const request = async (_verb: string, params: { index?: number }, options: { node: string }) => {
    const member = members[options.node];
    const round = rounds.get(options.node) ?? 0;
    rounds.set(options.node, round + 1);
    if (member === undefined || member.gone === true) throw new QuorateError('no-responders');
    const stands = member.stands[Math.min(round, member.stands.length - 1)] ?? 0;
    const index = params.index ?? 0;
    if (options.node === Object.keys(members)[0]) asked.push(index);
    const reached = index >= stands && index <= stands + (member.reaches ?? 0);
    const position = { timeline, indexType: 'raft', index: reached ? index : stands };
    return { position, sha256: reached ? (member.sha256 ?? 'same') : null };
  };
  // Only this verb is asked of it, and it answers as the schema says.
  return { client: { request: request as unknown as ApiClient['request'] }, asked };
}

test('members that stand still are compared where they stand', async (t) => {
  const { client, asked } = fakeClient({ a: { stands: [50] }, b: { stands: [50] }, c: { stands: [50] } });
  const found = await compareModels(client, ['a', 'b', 'c'], { timeoutMs: 60_000 });
  t.is(found.position?.index, 50);
  t.deepEqual(found.groups, [{ sha256: 'same', nodes: ['a', 'b', 'c'] }]);
  t.deepEqual(asked, [0, 50]);
});

/** Rounds are a second apart. */
function seconds(): () => number {
  let now = 0;
  return () => (now += 250);
}

test('while they go on, they are asked ahead of where they stand', async (t) => {
  const moving = { stands: [100, 300, 500, 700, 900], reaches: 250 };
  const { client, asked } = fakeClient({ a: moving, b: moving });
  const found = await compareModels(client, ['a', 'b'], { timeoutMs: 60_000, now: seconds() });
  const [first, second, third = 0] = asked;
  t.deepEqual([first, second], [0, 100]);
  t.true(third > 400 && third <= 700, `${third}`);
  t.is(found.position?.index, asked.at(-1));
});

test('further ahead each time that they had passed it', async (t) => {
  const fast = { stands: Array.from({ length: 20 }, (_, round) => 500 + 1000 * round ** 2) };
  const { client, asked } = fakeClient({ a: fast, b: fast });
  t.is((await compareModels(client, ['a', 'b'], { timeoutMs: 60_000, now: seconds() })).position, null);
  const ahead = asked.slice(2).map((index, at) => index - (fast.stands[at + 1] ?? 0));
  t.true(
    ahead.every((each, at) => at === 0 || each >= (ahead[at - 1] ?? 0)),
    ahead.join(', '),
  );
  t.true((ahead.at(-1) ?? 0) >= 4 * (ahead[0] ?? 0), ahead.join(', '));
});

test('one that is behind the others is waited for longer each time', async (t) => {
  const waits: number[] = [];
  const request = async (_verb: string, given: { index?: number; waitMs?: number }, { node }: { node: string }) => {
    const index = given.index ?? 0;
    if (node === 'a') waits.push(given.waitMs ?? 0);
    // It comes to each index two seconds after the other one.
    const reached = index > 0 && (node === 'a' || (given.waitMs ?? 0) >= 2_000);
    const position = { timeline, indexType: 'raft', index: reached ? index : node === 'a' ? 1_000 : 900 };
    return { position, sha256: reached ? 'same' : null };
  };
  const client = { request: request as unknown as ApiClient['request'] };
  const found = await compareModels(client, ['a', 'b'], { timeoutMs: 60_000, now: seconds() });
  t.deepEqual(found.groups, [{ sha256: 'same', nodes: ['a', 'b'] }], waits.join(', '));
});

test('where they do not go on any more, not ahead at all', async (t) => {
  const slow = { stands: [100, 103, 103, 103] };
  const { client, asked } = fakeClient({ a: slow, b: slow });
  const found = await compareModels(client, ['a', 'b'], { timeoutMs: 60_000, now: seconds() });
  t.is(found.position?.index, 103);
  t.deepEqual([asked.length, asked.at(-1)], [4, 103]);
});

test('who never answers is missing, and the others are not kept waiting', async (t) => {
  const { client } = fakeClient({
    a: { stands: [9] },
    b: { stands: [9], sha256: 'other' },
    c: { stands: [], gone: true },
  });
  const found = await compareModels(client, ['a', 'b', 'c'], { timeoutMs: 60_000 });
  t.deepEqual(
    found.missing.map(({ node }) => node),
    ['c'],
  );
  t.is(found.groups.length, 2);
});

test('one that is always elsewhere does not keep two others from being compared', async (t) => {
  const { client } = fakeClient({ a: { stands: [9] }, b: { stands: [9] }, c: { stands: [3] } });
  const found = await compareModels(client, ['a', 'b', 'c'], { timeoutMs: 60_000 });
  t.deepEqual(found.groups[0]?.nodes, ['a', 'b']);
  t.deepEqual(found.missing, [{ node: 'c', reason: 'it stood at another position' }]);
});

test('the minority is whoever is not in more than half', (t) => {
  const of = (...groups: readonly (readonly string[])[]) =>
    minorityOf({ position: null, missing: [], groups: groups.map((nodes, at) => ({ sha256: String(at), nodes })) });
  t.deepEqual(of(['a', 'b', 'c']), { agreeing: ['a', 'b', 'c'], differing: [] });
  t.deepEqual(of(['a', 'c'], ['b']), { agreeing: ['a', 'c'], differing: ['b'] });
  t.deepEqual(of(['a'], ['b']), { agreeing: [], differing: ['a', 'b'] });
  t.deepEqual(of(['a', 'b'], ['c'], ['d']), { agreeing: [], differing: ['a', 'b', 'c', 'd'] });
});

const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 1_000 };

/** On a busy machine a thread may not begin in time; then it says so, and another one is made ready. */
async function begun(
  storage: Storage,
  prepare: () => Promise<PreparedHash>,
): Promise<PreparedHash & { expected: unknown }> {
  return await eventually(
    async () => {
      const prepared = await prepare();
      const expected = { position: storage.model.meta()?.position, ...modelHashes(storage.model) };
      if (prepared.begin()) return { ...prepared, expected };
      await prepared.result.catch(() => undefined);
      return false;
    },
    { what: 'a thread that begins in time' },
  );
}

test('the hash is of the moment in which it was begun, whatever is written afterwards', async (t) => {
  const storage = openStorage({ ...about, directory: temporaryDirectory() });
  await begin(storage);
  write(storage, 500);
  const { expected, result } = await begun(storage, async () => {
    const prepared = await storage.prepareHash();
    // Gathered, and not yet in the file.
    write(storage, 100);
    return prepared;
  });
  write(storage, 100);
  storage.model.commit();
  t.deepEqual(await result, expected);
  t.not(modelHashes(storage.model).sha256, (await result).sha256);
  storage.close();
});

test('one that was abandoned is an error, and the next one has its turn', async (t) => {
  const storage = openStorage({ ...about, directory: temporaryDirectory() });
  await begin(storage);
  const first = await storage.prepareHash();
  const second = storage.prepareHash();
  first.abandon();
  await t.throwsAsync(first.result, { instanceOf: QuorateError });
  (await second).abandon();
  const { expected, result } = await begun(storage, () => storage.prepareHash());
  t.deepEqual(await result, expected);
  storage.close();
});
