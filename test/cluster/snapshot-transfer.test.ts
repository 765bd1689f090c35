import { decode, encode } from '@msgpack/msgpack';
import test from 'ava';
import { QuorateError } from '../../messaging/errors.js';
import {
  chunkBytesMax,
  defaultPace,
  pullChunks,
  SnapshotFetcher,
  SnapshotServer,
} from '../../node/cluster/snapshot-transfer.js';
import type { Transport } from '../../node/cluster/transport.js';
import { initialConfiguration } from '../../node/raft/index.js';
import { blankDisk, openMemoryStorage } from '../../node/storage/memory.js';

test('a fetch from any member comes to nothing at once while there is no room, and is tried again later', async (t) => {
  const storage = openMemoryStorage({
    disk: blankDisk(),
    clusterName: 'c',
    nodeId: 'a',
    softwareVersion: '0',
    now: () => 0,
    beforeWrite: () => {
      throw new QuorateError('storage-full');
    },
  });
  let asked = 0;
  const transport: Transport = {
    send: () => undefined,
    receive: () => undefined,
    answer: () => undefined,
    request: async (_to, verb) => {
      asked += 1;
      return verb === 'snapshot.describe'
        ? encode({ sizeBytes: 1, sha256: 'ab'.repeat(32), index: 7 })
        : Uint8Array.from([1]);
    },
  };
  let nowMs = 0;
  const clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    every: () => () => undefined,
    after: (delayMs: number, call: () => void) => {
      nowMs += delayMs;
      const immediate = setImmediate(call);
      return () => clearImmediate(immediate);
    },
  };
  const abandoned: unknown[] = [];
  const pace = { chunkBytes: 1, requestTimeoutMs: 10, describeTimeoutMs: 10, retryWaitMs: 1, noRoomWaitMs: 10_000 };
  const fetcher = new SnapshotFetcher({
    storage,
    transport,
    clock,
    pace,
    onAbandoned: (error) => abandoned.push(error),
  });

  t.is(await fetcher.fetchFrom('b', 7), undefined);
  t.like(abandoned, [{ code: 'storage-full' }]);
  const before = asked;
  t.is(await fetcher.fetchFrom('b', 7), undefined, 'it said nothing for ever');
  t.is(asked, before);
  nowMs += pace.noRoomWaitMs;
  await fetcher.fetchFrom('b', 7);
  t.true(asked > before);
});

const realClock = {
  now: () => 0,
  monotonicMs: () => performance.now(),
  every: () => () => undefined,
  after: (delayMs: number, call: () => void) => {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A member of a log that began with `epoch`, with its disk. */
async function memberOf(nodeId: string, epoch: number) {
  const disk = blankDisk();
  let made = 0;
  const now = () => {
    made += 1;
    return made;
  };
  const storage = openMemoryStorage({ disk, clusterName: 'c', nodeId, softwareVersion: '0', now });
  await storage.initialise({
    identity: { clusterName: 'c', clusterId: 'id', nodeId },
    timeline: { id: `timeline-${epoch}`, epoch },
    snapshot: { index: 1, term: 1, configuration: initialConfiguration(['a', 'b']) },
    hardState: { term: 1, vote: '', commit: 1 },
  });
  return { disk, storage };
}

function fetcherFrom(server: SnapshotServer, storage: Awaited<ReturnType<typeof memberOf>>['storage']) {
  const abandoned: unknown[] = [];
  const transport: Transport = {
    send: () => undefined,
    receive: () => undefined,
    answer: () => undefined,
    request: async (_to, verb, body) =>
      verb === 'snapshot.describe' ? server.describe(body) : server.chunk('b', body),
  };
  const fetcher = new SnapshotFetcher({ storage, transport, clock: realClock, onAbandoned: (e) => abandoned.push(e) });
  return { fetcher, abandoned };
}

test('a snapshot that rots on the disk of the leader is not sent again: another one is made', async (t) => {
  const leader = await memberOf('a', 1);
  const server = new SnapshotServer(leader.storage);
  const { fetcher, abandoned } = fetcherFrom(server, (await memberOf('b', 1)).storage);
  const file = await leader.storage.snapshotForFollowers(1);
  const bytes = leader.disk.files.get(file.path);
  if (bytes === undefined) return t.fail('the snapshot is not on the disk');
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  t.is(await fetcher.fetchFrom('a', 1), undefined);
  t.like(abandoned, [{ code: 'snapshot-invalid' }]);
  const staged = await fetcher.fetchFrom('a', 1);
  t.is(staged?.snapshot.index, 1);
});

test('a snapshot of a log that a recovery began is not taken by a member of the one before', async (t) => {
  const { storage } = await memberOf('b', 1);
  const { fetcher, abandoned } = fetcherFrom(new SnapshotServer((await memberOf('a', 2)).storage), storage);
  t.is(await fetcher.fetchFrom('a', 1), undefined);
  t.like(abandoned, [{ code: 'timeline-conflict' }]);
});

test('a snapshot comes in chunks, four under way at most, from where it stopped; a lost one is asked for again', async (t) => {
  const pace = { ...defaultPace, chunkBytes: 100, retryWaitMs: 1 };
  const [sizeBytes, stoppedAt] = [1_950, 300];
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, at) => at % 251);
  const received = [...bytes.subarray(0, stoppedAt)];
  const staging = {
    meta: { sizeBytes, sha256: 'ab'.repeat(32) },
    get receivedBytes() {
      return received.length;
    },
    writeChunk: (offset: number, chunk: Uint8Array) => {
      if (offset === received.length) received.push(...chunk);
      return offset + chunk.length === received.length;
    },
    finish: () => Promise.reject(new Error('not here')),
    discard: () => undefined,
  };
  const asked: number[] = [];
  let underWay = 0;
  let mostUnderWay = 0;
  const transport: Transport = {
    ...{ send: () => undefined, receive: () => undefined, answer: () => undefined },
    request: async (_to, _verb, body) => {
      const { offset, bytes: length } = decode(body) as { readonly offset: number; readonly bytes: number };
      const isLost = offset === 700 && !asked.includes(offset);
      asked.push(offset);
      t.true(length <= pace.chunkBytes);
      underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      if (isLost) throw new QuorateError('timeout');
      return bytes.subarray(offset, offset + length);
    },
  };
  await pullChunks({ transport, clock: realClock, pace }, 'a', staging, () => true);
  t.deepEqual(received, [...bytes]);
  t.is(mostUnderWay, 4);
  const expected = Array.from({ length: 17 }, (_, place) => stoppedAt + 100 * place);
  t.deepEqual(
    asked.toSorted((a, b) => a - b),
    [...expected, 700].sort((a, b) => a - b),
  );
  t.true(chunkBytesMax <= 512 * 1024, "well under NATS's default max_payload");
});
