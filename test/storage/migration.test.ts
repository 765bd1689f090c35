/** The framework of migrations, with a schema of the test's own: there is only one version of the real ones yet. */
import { join } from 'node:path';
import test from 'ava';
import { openDatabase, type Schema, schemaVersionOf } from '../../node/storage/database.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const first: Schema = {
  name: 'model',
  applicationId: 77,
  version: 1,
  tables: [{ name: 'a', sql: 'CREATE TABLE IF NOT EXISTS a (x INTEGER)' }],
  migrations: [],
  holdsData: () => true,
};
const third: Schema = {
  ...first,
  version: 3,
  tables: [{ name: 'a', sql: 'CREATE TABLE IF NOT EXISTS a (x INTEGER, y INTEGER, z INTEGER)' }],
  migrations: [
    { to: 2, up: (database) => void database.exec('ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x * 10') },
    { to: 3, up: (database) => void database.exec('ALTER TABLE a ADD COLUMN z INTEGER; UPDATE a SET z = y + 1') },
  ],
};
const options = { synchronous: 'FULL' } as const;

function withFirst(): string {
  const path = join(temporaryDirectory('migration'), 'a.db');
  const database = openDatabase(path, first, options);
  database.exec('INSERT INTO a (x) VALUES (4)');
  database.close();
  return path;
}

test('an older database is brought up to date step by step, once', (t) => {
  const path = withFirst();
  for (let time = 0; time < 2; time++) {
    const database = openDatabase(path, third, options);
    t.deepEqual(database.prepare('SELECT * FROM a').all(), [{ x: 4, y: 40, z: 41 }]);
    t.is(schemaVersionOf(database), 3);
    database.close();
  }
  t.throws(() => openDatabase(path, first, options), { code: 'newer-schema' }, 'and the older version refuses it');
});

test('a migration that fails half-way leaves the database as it was', (t) => {
  const path = withFirst();
  const broken = {
    ...third,
    migrations: [
      ...third.migrations.slice(0, 1),
      {
        to: 3,
        up: () => {
          throw new Error('broken');
        },
      },
    ],
  };
  t.throws(() => openDatabase(path, broken, options), { message: 'broken' });
  const database = openDatabase(path, first, options);
  t.deepEqual(database.prepare('SELECT * FROM a').all(), [{ x: 4 }]);
  database.close();
});

test('a version without a migration is an error, and a new database needs none', (t) => {
  t.throws(() => openDatabase(withFirst(), { ...third, migrations: [] }, options), { message: /no migration/ });
  const database = openDatabase(join(temporaryDirectory('new'), 'a.db'), third, options);
  t.is(schemaVersionOf(database), 3);
  database.close();
});
