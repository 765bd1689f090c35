/** Fills the disk that it is given, and says as JSON what storage answered. See full-disk.test.ts. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import { openStorage } from '../../node/storage/index.js';
import { entity } from './model-store-contract.js';
import { entry } from './raft-store-contract.js';
import { begin } from './storage-contract.js';

const [disk = ''] = process.argv.slice(2);
const ballast = join(disk, 'ballast');
writeFileSync(ballast, Buffer.alloc(4 << 20));
const directory = join(disk, 'data');
const open = () => openStorage({ clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: Date.now, directory });
const storage = open();
await begin(storage);

/** Writes until it is refused; what it was refused with. */
function fill(write: (count: number) => void): { readonly written: number; readonly code: string } {
  for (let written = 0; ; written++) {
    try {
      write(written);
    } catch (error) {
      return { written, code: error instanceof QuorateError ? error.code : String(error) };
    }
  }
}

const append = () => {
  const index = storage.raft.lastIndex() + 1;
  storage.raft.persist({
    entries: [entry(index, 1, 'x'.repeat(20_000))],
    hardState: { term: 1, vote: 'n1', commit: index - 1 },
  });
};
const insert = (count: number) => {
  storage.model.transaction(() => storage.model.insert(entity('service', `s${count}`, 'x'.repeat(20_000) + count), []));
  storage.model.commit();
};

const log = fill(append);
const model = fill(insert);
const lastIndex = storage.raft.lastIndex();
const readable = storage.raft.entries(2, lastIndex + 1, 1 << 30)?.length === lastIndex - 1;
const entities = storage.model.countsByKind()['service'] ?? 0;
const snapshot = await storage.createSnapshot().then(
  () => 'written',
  (error: unknown) => (error instanceof QuorateError ? error.code : String(error)),
);
rmSync(ballast);
append();
insert(1_000);
const after = storage.raft.lastIndex();
storage.close();
const again = open();
const found = {
  lastIndex: again.raft.lastIndex(),
  damaged: again.raft.damagedEntries(),
  entities: again.model.countsByKind()['service'],
};
again.close();
console.log(JSON.stringify({ log, model, lastIndex, readable, entities, snapshot, after, found }));
