/** Real processes that start on whatever a directory holds: a first start can never meet what is missing. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { type ApiClient, connectNats, createApiClient } from '../../messaging/index.js';
import { startNatsServer } from '../support/nats.js';
import { startQuorate } from '../support/process.js';
import { seededRandom } from '../support/random.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

async function surroundings(): Promise<{ readonly url: string; readonly api: ApiClient }> {
  const { url } = await startNatsServer();
  const connection = await connectNats({ servers: [url], name: 'test-start' });
  return { url, api: createApiClient({ connection, cluster: 'test', from: 'test', timeoutMs: 30_000 }) };
}

const argumentsFor = (url: string, directory: string): string[] => [
  'node',
  '--cluster',
  'test',
  '--id',
  'n1',
  '--nats',
  url,
  '--data-dir',
  directory,
  '--bootstrap',
];

/** Every table of both databases: each may be missing where a start was interrupted, or a disk was copied in part. */
const tables = [
  ['raft.db', 'entries'],
  ['raft.db', 'state'],
  ['model.db', 'meta'],
  ['model.db', 'entities'],
  ['model.db', 'entity_references'],
  ['model.db', 'journal'],
  ['model.db', 'records'],
] as const;

test.serial(
  'a first start works on a directory that is not there, and on one in which any table is missing',
  async (t) => {
    const { url, api } = await surroundings();
    for (const missing of [undefined, ...tables]) {
      const directory = path.join(temporaryDirectory('first'), 'data');
      if (missing !== undefined) {
        // A blank directory, as a first start that was not told to begin a cluster leaves it, without this table.
        mkdirSync(directory);
        const blank = await startQuorate(argumentsFor(url, directory).slice(0, -1), { name: 'blank' });
        await blank.waitForLog('"how":"blank"');
        await blank.stop();
        const [file, table] = missing;
        const database = new Database(path.join(directory, file));
        database.exec(`DROP TABLE ${table}`);
        database.close();
      }
      const controller = await startQuorate(argumentsFor(url, directory), { name: 'first' });
      await controller.waitForLog('began a new cluster');
      const { position } = await api.request('model.create', { kind: 'service', name: 'first', spec: {} });
      t.true(position.index > 1, `without ${missing?.join(' ') ?? 'anything'}`);
      await controller.stop();
    }
  },
);

test.serial(
  'a controller that is killed at any moment, its first start included, starts again with all that was acknowledged',
  async (t) => {
    const { url, api } = await surroundings();
    const random = seededRandom(Number(process.env['QUORATE_TEST_SEED'] ?? Date.now()));
    t.log(`seed ${random.seed}`);
    const directory = temporaryDirectory('killed');
    const acknowledged: string[] = [];
    let stopped = false;
    const writing = (async () => {
      for (let number = 0; !stopped; number += 1) {
        const id = `s${number}`;
        await api
          .request('model.create', { kind: 'service', id, name: id, spec: {} }, { timeoutMs: 60_000 })
          .then(() => acknowledged.push(id));
      }
    })();
    for (let round = 0; round < 12; round += 1) {
      const controller = await startQuorate(argumentsFor(url, directory), { name: `round-${round}` });
      // From before its first line to the midst of writing.
      const lifeMs = random.between(0, 1_500);
      await new Promise((resolve) => setTimeout(resolve, lifeMs));
      await controller.kill('SIGKILL');
    }
    const last = await startQuorate(argumentsFor(url, directory), { name: 'last' });
    const before = acknowledged.length;
    await eventually(() => acknowledged.length > before, { what: 'writes to go on' }).catch((error: unknown) => {
      t.log(last.logs());
      throw error;
    });
    stopped = true;
    await writing;
    for (const id of acknowledged) t.is((await api.request('model.get', { kind: 'service', id })).entity.id, id);
    t.true(acknowledged.length > 0);
    t.log(`${acknowledged.length} acknowledged writes over 12 kills`);
    await last.stop();
  },
);
