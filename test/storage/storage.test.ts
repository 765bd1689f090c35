import test from 'ava';
import { openStorage, type Storage } from '../../node/storage/index.js';
import { blankDisk, losePower, openMemoryStorage } from '../../node/storage/memory.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { restoreContract } from './restore-contract.js';
import { begin, identity, storageContract, write } from './storage-contract.js';

const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 1_000 };

const onFiles = (label: string) => {
  const directory = temporaryDirectory(label.replaceAll(' ', '-'));
  let storage: Storage = openStorage({ ...about, directory });
  return {
    storage: () => storage,
    crash: () => {
      // Within one process a crash is a close: what a real one leaves is tested with real processes in kill.test.ts.
      storage.close();
      storage = openStorage({ ...about, directory });
      return storage;
    },
  };
};

const inMemory = () => {
  const disk = blankDisk();
  let storage = openMemoryStorage({ ...about, disk });
  return {
    storage: () => storage,
    crash: () => {
      storage = openMemoryStorage({ ...about, disk });
      return storage;
    },
  };
};

storageContract(test, 'files', onFiles);
storageContract(test, 'memory', inMemory);
restoreContract(test, 'files', onFiles);
restoreContract(test, 'memory', inMemory);

test('a loss of power takes from the memory disk what was not synced: of the model, never of the log', async (t) => {
  const disk = blankDisk();
  const storage = openMemoryStorage({ ...about, disk });
  await begin(storage);
  write(storage, 10);
  await storage.model.makeDurable();
  write(storage, 10);
  losePower(disk);
  const after = openMemoryStorage({ ...about, disk });
  t.is(after.raft.lastIndex(), 21);
  t.is(after.model.meta()?.position.index, 11);
  t.deepEqual(after.model.countsByKind(), { service: 10 });
  t.deepEqual(after.raft.identity(), identity);
});

test('a memory disk that fails leaves nothing of the write behind', async (t) => {
  const disk = blankDisk();
  let failing = false;
  const beforeWrite = () => {
    if (failing) throw new Error('no room');
  };
  const storage = openMemoryStorage({ ...about, disk, beforeWrite });
  await begin(storage);
  write(storage, 3);
  failing = true;
  t.throws(() => write(storage, 3), { message: 'no room' });
  t.throws(() => storage.raft.setIdentity(identity), { message: 'no room' });
  t.throws(() => storage.model.transaction(() => storage.model.delete('service', 's2')), { message: 'no room' });
  failing = false;
  t.is(storage.raft.lastIndex(), 4);
  t.deepEqual(storage.model.countsByKind(), { service: 3 });
});
