import { encode } from '@msgpack/msgpack';
import test from 'ava';
import { QuorateError } from '../../messaging/errors.js';
import { SnapshotFetcher } from '../../node/cluster/snapshot-transfer.js';
import type { Transport } from '../../node/cluster/transport.js';
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
