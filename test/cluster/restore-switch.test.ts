import test from 'ava';
import { RestoreSwitch, type SwitchOutcome } from '../../node/cluster/restore-switch.js';
import { SnapshotFetcher } from '../../node/cluster/snapshot-transfer.js';
import type { Transport } from '../../node/cluster/transport.js';
import { initialConfiguration } from '../../node/raft/index.js';
import { blankDisk, openMemoryStorage } from '../../node/storage/memory.js';

const timeline = { id: 'first', epoch: 1 };

test('a model is not exchanged while the log is full, for storage may not know yet that the restore is committed', async (t) => {
  const memory = { disk: blankDisk(), clusterName: 'c', nodeId: 'a', softwareVersion: '0', now: () => 0 };
  const storage = openMemoryStorage(memory);
  await storage.initialise({
    identity: { clusterName: 'c', clusterId: 'c1', nodeId: 'a' },
    timeline,
    snapshot: { index: 1, term: 1, configuration: initialConfiguration(['a']) },
    hardState: { term: 1, vote: '', commit: 1 },
  });
  const entry = { type: 'normal', index: 2, term: 1, data: new Uint8Array(0) } as const;
  // The commit of entry 2 was not stored: there was no room.
  storage.raft.persist({ entries: [entry] });
  const file = await storage.createSnapshot('file');
  const bytes = storage.readSnapshotChunk(file, 0, file.sizeBytes);
  storage.beginRestore(file).writeChunk(0, bytes);

  let isFull = true;
  let waits = 0;
  const clock = {
    now: () => 0,
    monotonicMs: () => 0,
    every: () => () => undefined,
    after: (_delayMs: number, call: () => void) => {
      waits += 1;
      if (waits === 3) {
        storage.raft.persist({ hardState: { term: 1, vote: '', commit: 2 } });
        isFull = false;
      }
      const immediate = setImmediate(call);
      return () => clearImmediate(immediate);
    },
  };
  const transport: Transport = {
    send: () => undefined,
    receive: () => undefined,
    answer: () => undefined,
    request: () => Promise.reject(new Error('nobody is asked')),
  };
  const outcome = await new Promise<SwitchOutcome>((resolve, reject) => {
    const restoring = new RestoreSwitch({
      storage,
      clock,
      snapshots: new SnapshotFetcher({ storage, transport, clock, onAbandoned: reject }),
      others: () => [],
      offer: () => false,
      isLogFull: () => isFull,
      committed: () => 2,
      done: resolve,
      failed: reject,
    });
    const before = storage.model.meta();
    if (before === undefined) return reject(new Error('blank'));
    const command = {
      type: 'model.restore',
      operation: 'r',
      sha256: file.sha256,
      timeline: { id: 'second', epoch: 2 },
    } as const;
    restoring.begin(entry, command, before);
  });
  t.like(outcome, { type: 'restored', index: 2 });
  t.is(waits, 3);
  t.is(storage.model.meta()?.position.timeline.id, 'second');
});
