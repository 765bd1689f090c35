/** The simulated disk, while nothing is wrong with it, promises what the real one promises: the same contract, the same tests. */
import test from 'ava';
import { modelStoreContract } from '../storage/model-store-contract.js';
import { raftStoreContract } from '../storage/raft-store-contract.js';
import { restoreContract } from '../storage/restore-contract.js';
import { begin, storageContract, write } from '../storage/storage-contract.js';
import { seededRandom } from '../support/random.js';
import { type DiskSurroundings, PowerLoss, SimulatedDisk, SimulatedStorage, SnapshotRegistry } from './disk.js';

const surroundings: DiskSurroundings = {
  random: seededRandom(1),
  later: (_delayMs, call) => void setImmediate(call),
  powerOff: () => undefined,
  persisted: () => undefined,
  installed: () => undefined,
  recovered: () => undefined,
  fired: () => undefined,
};
const timeline = { id: 't', epoch: 1 };
const registry = new SnapshotRegistry(500);

function open(disk: SimulatedDisk): SimulatedStorage {
  return new SimulatedStorage('n1', disk, registry, surroundings);
}

function setting() {
  const disk = new SimulatedDisk();
  let storage = open(disk);
  const crash = (): SimulatedStorage => {
    storage.close();
    storage = open(disk);
    return storage;
  };
  return { disk, storage: () => storage, crash };
}

raftStoreContract(test, 'simulated', () => {
  const { disk, storage, crash } = setting();
  return {
    store: () => storage().raft,
    reopen: () => crash().raft,
    compact: (through) => storage().raft.compactThrough(through, timeline),
    install: (point, batch) => storage().raft.replaceBy(point, batch, () => undefined),
    damage: (index) => void disk.rotten.add(index),
  };
});
modelStoreContract(test, 'simulated', () => {
  const { storage, crash } = setting();
  return { store: () => storage().model, reopen: () => crash().model };
});
storageContract(test, 'simulated', () => setting());
restoreContract(test, 'simulated', () => setting());

test('a loss of power takes the last transactions of the model, and nothing of the log', async (t) => {
  const lost = new Set<number>();
  for (let seed = 1; seed < 40; seed += 1) {
    const { disk, storage, crash } = setting();
    await begin(storage());
    write(storage(), 3);
    await storage().model.makeDurable();
    for (let batch = 0; batch < 4; batch += 1) write(storage(), 1);
    storage().model.commit();
    disk.losePower(seededRandom(seed));
    const { raft, model } = crash();
    t.is(raft.lastIndex(), 8);
    t.is(model.countsByKind()['service'], (model.meta()?.position.index ?? 0) - 1, 'transactions are lost whole');
    lost.add(8 - (model.meta()?.position.index ?? 0));
  }
  t.deepEqual(
    [...lost].sort((a, b) => a - b),
    [0, 1, 2, 3, 4],
  );
});

test('a write fails, or the power goes off in it, with the batch stored whole or not at all', async (t) => {
  for (const fault of ['crash-stored', 'crash-lost', 'error-stored', 'error-lost'] as const) {
    const { disk, storage, crash } = setting();
    await begin(storage());
    disk.nextWrite = fault;
    const error = t.throws(() => write(storage(), 5), undefined, fault);
    t.is(error instanceof PowerLoss, fault.startsWith('crash'));
    t.is(crash().raft.lastIndex(), fault.endsWith('stored') ? 6 : 1);
  }
});

test('a full disk stores nothing, and everything again when there is room', async (t) => {
  const { disk, storage } = setting();
  await begin(storage());
  disk.full = 'everything';
  t.throws(() => write(storage(), 5), { code: 'storage-full' });
  t.is(storage().raft.lastIndex(), 1);
  disk.full = 'nothing';
  write(storage(), 5);
  t.is(storage().raft.lastIndex(), 6);
});
