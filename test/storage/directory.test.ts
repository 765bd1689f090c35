/** Opening: what is missing is made, what was lost is refused, what is newer stays untouched, and one process has it. */
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { inspectDirectory, lockDirectory, openStorage, type Storage } from '../../node/storage/index.js';
import { modelSchema, raftSchema } from '../../node/storage/schema.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { begin, identity, timeline, write } from './storage-contract.js';

const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 1_000 };
const open = (directory: string): Storage => openStorage({ ...about, directory });

/** A directory in which a controller was a member and has ended in an orderly way. */
async function memberDirectory(entries = 20): Promise<string> {
  const directory = temporaryDirectory('member');
  const storage = open(directory);
  await begin(storage);
  write(storage, entries);
  storage.close();
  return directory;
}

function change(directory: string, file: string, ...statements: readonly string[]): void {
  const database = new Database(join(directory, file));
  for (const statement of statements) database.exec(statement);
  database.close();
}

/** Hashes of all files that hold data. */
function fingerprint(directory: string): Readonly<Record<string, string>> {
  const names = readdirSync(directory).filter((name) => name.includes('.db') && !name.endsWith('-shm'));
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(directory, name)))
      .digest('hex');
  return Object.fromEntries(names.sort().map((name) => [name, hash(name)]));
}

const tables = [
  ...raftSchema.tables.map((table) => ['raft.db', table.name] as const),
  ...modelSchema.tables.map((table) => ['model.db', table.name] as const),
];

test('a first start on a directory that does not exist makes it', (t) => {
  const directory = join(temporaryDirectory('first'), 'a', 'b');
  open(directory).close();
  t.true(existsSync(join(directory, 'raft.db')));
  const again = open(directory);
  t.is(again.raft.incarnation(), 2);
  again.close();
});

for (const [file, table] of tables) {
  test(`a blank directory without the table ${table} of ${file} gets it back`, async (t) => {
    const directory = temporaryDirectory('missing');
    open(directory).close();
    change(directory, file, `DROP TABLE ${table}`);
    const storage = open(directory);
    await begin(storage);
    write(storage, 3);
    storage.close();
    const again = open(directory);
    t.is(again.raft.lastIndex(), 4);
    t.deepEqual(again.model.countsByKind(), { service: 3 });
    again.close();
  });

  test(`a member that lost its table ${table} of ${file} is refused, unchanged`, async (t) => {
    const directory = await memberDirectory();
    change(directory, file, `DROP TABLE ${table}`);
    const facts = inspectDirectory(directory);
    t.not([...facts.raft.damage, ...facts.model.damage].length, 0);
    // What an orderly close of SQLite leaves changes no content: compare what is in the tables that are left.
    t.throws(() => open(directory), { code: 'damaged' });
    const database = new Database(join(directory, file), { readonly: true });
    t.is(database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(table), undefined);
    database.close();
  });
}

test('every table is in the lists above', (t) => {
  const directory = temporaryDirectory('all');
  open(directory).close();
  for (const file of ['raft.db', 'model.db']) {
    const database = new Database(join(directory, file), { readonly: true });
    const names = database.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
    t.deepEqual(new Set(names), new Set(tables.filter(([of]) => of === file).map(([, name]) => name)));
    database.close();
  }
});

test('one process has a directory: a second opening is refused, until the first is closed', async (t) => {
  const directory = await memberDirectory();
  const storage = open(directory);
  t.throws(() => open(directory), { code: 'data-dir-locked' });
  t.throws(() => lockDirectory(directory), { code: 'data-dir-locked' });
  t.true(inspectDirectory(directory).locked);
  write(storage, 1);
  storage.close();
  t.false(inspectDirectory(directory).locked);
  const again = open(directory);
  t.is(again.raft.lastIndex(), 22);
  again.close();
});

test('an opening that fails lets go of the lock', async (t) => {
  const directory = await memberDirectory();
  change(directory, 'raft.db', 'DROP TABLE entries');
  t.throws(() => open(directory), { code: 'damaged' });
  lockDirectory(directory).release();
  t.pass();
});

for (const file of ['raft.db', 'model.db']) {
  test(`a directory whose ${file} is of a newer version is refused, untouched`, async (t) => {
    const directory = await memberDirectory();
    change(directory, file, 'PRAGMA user_version = 1000');
    const before = fingerprint(directory);
    const facts = inspectDirectory(directory);
    t.is(file === 'raft.db' ? facts.raft.schema : facts.model.schema, 'newer');
    t.deepEqual(fingerprint(directory), before);
    t.throws(() => open(directory), { code: 'newer-schema' });
  });

  test(`a ${file} that is some other file is damage`, async (t) => {
    const directory = await memberDirectory();
    writeFileSync(join(directory, file), 'this is no database, only some text that somebody put there\n'.repeat(100));
    const facts = inspectDirectory(directory);
    t.not([...facts.raft.damage, ...facts.model.damage].length, 0);
    t.throws(() => open(directory), { code: 'damaged' });
  });

  test(`a ${file} that is some other database is damage`, async (t) => {
    const directory = await memberDirectory();
    const stray = new Database(join(temporaryDirectory('stray'), 'stray.db'));
    stray.exec('CREATE TABLE songs (title TEXT)');
    copyFileSync(stray.name, join(directory, file));
    stray.close();
    const facts = inspectDirectory(directory);
    t.not([...facts.raft.damage, ...facts.model.damage].length, 0);
    t.throws(() => open(directory), { code: 'damaged' });
  });

  test(`a ${file} that has lost its version is damage, for who looks as for who opens`, async (t) => {
    const directory = await memberDirectory();
    change(directory, file, 'PRAGMA user_version = 0');
    const { raft, model } = inspectDirectory(directory);
    t.regex([...raft.damage, ...model.damage].join(), /is not a (raft|model) database of a controller/);
    t.throws(() => open(directory), { code: 'damaged' });
  });

  test(`a page of ${file} that was overwritten is damage, found before anything is served`, async (t) => {
    const directory = await memberDirectory(2_000);
    const path = join(directory, file);
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4096 * 3, 4096 * 5);
    writeFileSync(path, bytes);
    const facts = inspectDirectory(directory);
    t.not([...facts.raft.damage, ...facts.model.damage].length, 0);
  });
}

test('looking at a directory changes nothing in it, whatever its last process left behind', async (t) => {
  const directory = await memberDirectory();
  const storage = open(directory);
  write(storage, 30);
  storage.model.commit();
  // What a process that was killed leaves: the databases with their write-ahead logs.
  const left = temporaryDirectory('left');
  cpSync(directory, left, { recursive: true, filter: (path) => !path.endsWith('-shm') });
  storage.close();
  const before = fingerprint(left);
  const names = readdirSync(left).sort();
  const facts = inspectDirectory(left, { thorough: true });
  t.deepEqual(fingerprint(left), before);
  t.deepEqual(readdirSync(left).sort(), names);
  t.deepEqual(facts.raft.identity, identity);
  t.is(facts.raft.lastIndex, 51);
  t.is(facts.raft.incarnation, 2);
  t.deepEqual(facts.raft.compactionPoint, { index: 1, term: 1, timeline });
  t.is(facts.model.meta?.position.index, 51);
  t.deepEqual([...facts.raft.damage, ...facts.model.damage], []);
  t.is(facts.raft.schema, 'current');
});

test('looking at what is not there makes nothing', (t) => {
  const directory = join(temporaryDirectory('none'), 'nothing');
  const facts = inspectDirectory(directory);
  t.false(facts.exists);
  t.false(existsSync(directory));
  const empty = temporaryDirectory('empty');
  t.is(inspectDirectory(empty).raft.schema, 'none');
  t.deepEqual(readdirSync(empty), []);
});

test('damage that SQLite cannot see is found: a gap, a short log, a rotten entry, a lost owner', async (t) => {
  const damageAfter = async (...statements: readonly string[]) => {
    const directory = await memberDirectory();
    change(directory, 'raft.db', ...statements);
    return inspectDirectory(directory, { thorough: true }).raft.damage.join(' ');
  };
  t.regex(await damageAfter('DELETE FROM entries WHERE idx = 7'), /gaps.*missing: 7\./);
  t.regex(await damageAfter('DELETE FROM entries WHERE idx < 7'), /gaps/);
  t.regex(await damageAfter("UPDATE entries SET data = x'00' WHERE idx = 9"), /checksum.* 9\./);
  t.regex(await damageAfter("DELETE FROM state WHERE key = 'identity'"), /whose log/);
  t.regex(
    await damageAfter("UPDATE state SET value = replace(value, 'n1', 'n2') WHERE key = 'identity'"),
    /identity.*checksum/,
  );
  // The commit index is written with the next entries: let there be some.
  const directory = await memberDirectory();
  const storage = open(directory);
  write(storage, 1);
  storage.close();
  change(directory, 'raft.db', 'DELETE FROM entries WHERE idx > 15');
  t.regex(inspectDirectory(directory).raft.damage.join(' '), /ends at 15/);
});
