/**
 * Directories as earlier versions wrote them, stored once and never made anew: this version opens them, with all that is in
 * them, and what it has added since has a sensible value. A schema that is raised gets a folder `schema-N` of its own here.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import Database from 'better-sqlite3';
import { decideStart } from '../../node/cluster/decide-start.js';
import { inspectDirectory, openStorage } from '../../node/storage/index.js';
import { inspectSnapshot } from '../../node/storage/inspect.js';
import { modelSchema, raftSchema } from '../../node/storage/schema.js';
import { bytesOf } from '../operator/directories.js';
import { checkoutRoot } from '../support/checkout.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { request } from './recover-support.js';

const fixtures = join(checkoutRoot, 'test', 'fixtures');
const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 2_000 };
const timeline = { id: 'timeline-1', epoch: 1 };

function unpacked(name: string): string {
  const directory = temporaryDirectory(name);
  for (const file of readdirSync(join(fixtures, name)))
    writeFileSync(join(directory, file.replace(/\.gz$/, '')), gunzipSync(readFileSync(join(fixtures, name, file))));
  return directory;
}

const start = (directory: string) =>
  decideStart(inspectDirectory(directory, { thorough: true }), {
    clusterName: 'c',
    nodeId: 'n1',
    bootstrap: false,
    restoreFrom: null,
    recover: false,
  });

test('every schema version up to the present one has its directory here', (t) => {
  const stored = readdirSync(fixtures).filter((name) => name.startsWith('schema-'));
  const newest = Math.max(raftSchema.version, modelSchema.version);
  for (let version = 1; version <= newest; version++) t.true(stored.includes(`schema-${version}`), `schema-${version}`);
});

for (const name of readdirSync(fixtures).filter((each) => each.startsWith('schema-'))) {
  test(`${name}: it starts as the member it was, with all that it held`, (t) => {
    const directory = unpacked(name);
    t.is(start(directory).outcome, 'start-member');
    const storage = openStorage({ ...about, directory });
    t.is(storage.raft.lastIndex(), 11);
    t.deepEqual(storage.raft.damagedEntries(), []);
    t.is(storage.model.countsByKind()['service'], 10);
    t.is(storage.model.changesAfter(1, 100).length, 10);
    // It was written before there was recovery: its log began with its only timeline.
    t.deepEqual(storage.model.meta()?.logTimeline, timeline);
    t.deepEqual(storage.model.meta()?.position, { timeline, indexType: 'raft', index: 11 });
    storage.close();
    t.is(start(directory).outcome, 'start-member');
  });

  test(`${name}: it can be recovered`, async (t) => {
    const directory = unpacked(name);
    const storage = openStorage({ ...about, directory });
    const { meta } = await storage.recover(request);
    t.deepEqual(meta.logTimeline, request.timeline);
    t.is(storage.model.countsByKind()['service'], 10);
    storage.close();
  });

  test(`${name}: its snapshot is whole, and says what there was to say`, (t) => {
    const { manifest } = inspectSnapshot(join(unpacked(name), 'first.snapshot'));
    t.is(manifest.origin, 'manual');
    t.deepEqual(manifest.meta.logTimeline, timeline);
    t.deepEqual(manifest.countByKind, { service: 10 });
  });

  for (const file of ['raft.db', 'model.db']) {
    test(`${name}: with a ${file} of a newer version it is refused untouched`, (t) => {
      const directory = unpacked(name);
      const database = new Database(join(directory, file));
      database.pragma('user_version = 99');
      database.close();
      const before = bytesOf(directory);
      const outcome = start(directory);
      t.is(outcome.outcome === 'refuse' && outcome.code, 'newer-schema');
      t.deepEqual(bytesOf(directory), before);
      t.throws(() => openStorage({ ...about, directory }), { code: 'newer-schema' });
    });
  }
}
