/** What a snapshot file says of itself, without a cluster, and how each kind of harm to it is noticed. */
import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { openStorage, type SnapshotFile } from '../../node/storage/index.js';
import { inspectSnapshot } from '../../node/storage/inspect.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { begin, write } from './storage-contract.js';

const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: '1.2.3', now: () => 1_000 };

async function snapshot(): Promise<SnapshotFile> {
  const storage = openStorage({ ...about, directory: temporaryDirectory('member') });
  await begin(storage);
  write(storage, 40);
  const file = await storage.createSnapshot(join(temporaryDirectory('backup'), 'a.snapshot'));
  storage.close();
  return file;
}

function copyOf(file: SnapshotFile): string {
  const path = join(temporaryDirectory('copy'), 'copy.snapshot');
  copyFileSync(file.path, path);
  return path;
}

function sql(path: string, statement: string): string {
  const database = new Database(path);
  database.exec(statement);
  database.close();
  return path;
}

test('inspecting tells what the maker told, and leaves nothing beside the file', async (t) => {
  const file = await snapshot();
  t.deepEqual(inspectSnapshot(file.path), file);
  t.deepEqual(readdirSync(join(file.path, '..')), ['a.snapshot']);
  t.is(file.manifest.softwareVersion, '1.2.3');
  t.is(file.manifest.meta.position.index, 41);
});

test('contents, manifest and structure are each guarded', async (t) => {
  const file = await snapshot();
  const harm: readonly (readonly [RegExp, (path: string) => void])[] = [
    [/contents/, (path) => sql(path, "UPDATE entities SET body = replace(body, 'zürich', 'bern') WHERE id = 's7'")],
    [/contents/, (path) => sql(path, "DELETE FROM entities WHERE id = 's7'")],
    [/contents/, (path) => sql(path, 'DELETE FROM journal WHERE idx = 9')],
    [/contents/, (path) => sql(path, 'UPDATE meta SET body = replace(body, \'"index":41\', \'"index":40\')')],
    [/manifest is damaged/, (path) => sql(path, "UPDATE manifest SET body = replace(body, '1.2.3', '1.2.4')")],
    [/no manifest/, (path) => sql(path, 'DROP TABLE manifest')],
    [/no snapshot of a controller/, (path) => sql(path, 'PRAGMA application_id = 1')],
    [/./, (path) => writeFileSync(path, readFileSync(path).subarray(0, 5_000))],
    [/./, (path) => writeFileSync(path, '')],
    [/./, (path) => writeFileSync(path, 'some text')],
  ];
  for (const [message, doHarm] of harm) {
    const path = copyOf(file);
    doHarm(path);
    t.throws(() => inspectSnapshot(path), { code: 'snapshot-invalid', message });
  }
  t.throws(() => inspectSnapshot('/no/such/file'), { code: 'snapshot-invalid', message: /no such file/ });
  t.throws(() => inspectSnapshot('/'), { code: 'snapshot-invalid', message: /it is no file/ });
  t.throws(() => inspectSnapshot(sql(copyOf(file), 'PRAGMA user_version = 99')), { code: 'newer-schema' });
  t.throws(() => inspectSnapshot(sql(copyOf(file), 'PRAGMA user_version = 0')), { code: 'snapshot-invalid' });
});

test('a copy that SQLite laid out anew holds the same contents', async (t) => {
  const file = await snapshot();
  const vacuumed = inspectSnapshot(sql(copyOf(file), 'PRAGMA page_size = 8192; VACUUM'));
  t.not(vacuumed.sha256, file.sha256);
  t.deepEqual(vacuumed.manifest, file.manifest);
});

test('a whole snapshot that is not the one that was announced is not taken', async (t) => {
  const [announced, sent] = [await snapshot(), await snapshot()];
  const other = sql(copyOf(sent), 'PRAGMA page_size = 8192; VACUUM');
  const bytes = readFileSync(other);
  const follower = openStorage({ ...about, nodeId: 'n2', directory: temporaryDirectory('follower') });
  const staging = follower.beginStaging({ sizeBytes: bytes.length, sha256: announced.sha256 });
  t.true(staging.writeChunk(0, bytes));
  await t.throwsAsync(staging.finish(), { code: 'snapshot-invalid' });
  follower.close();
});

test('what came and is no snapshot is not called by the name under which it lay here', async (t) => {
  const bytes = Buffer.from('something else');
  const follower = openStorage({ ...about, nodeId: 'n2', directory: temporaryDirectory('follower') });
  const staging = follower.beginStaging({
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  t.true(staging.writeChunk(0, bytes));
  await t.throwsAsync(staging.finish(), { code: 'snapshot-invalid', message: /^The file that came is not a whole/ });
  follower.close();
});
