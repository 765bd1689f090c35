/** Snapshots of a real cluster: made by any member while writes go on, listed, verified, inspected; and those of the schedule. */
import { copyFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import type { QuorateEvent } from '../../messaging/index.js';
import { inspectSnapshot } from '../../node/storage/inspect.js';
import { SqliteModelStore } from '../../node/storage/model-store.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { runQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

let cluster: TestCluster;
const shared = temporaryDirectory('shared');
const keep = 2;
const events: QuorateEvent[] = [];

test.before(async () => {
  cluster = await startCluster({
    nodeArguments: ['--backup-every', '1s', '--backup-keep', String(keep), '--backup-dir', shared],
  });
  cluster.api.watchEvents((event) => events.push(event));
});

/** A machine that is busy with other tests takes its time. */
const patience = { timeoutMs: 60_000 } as const;

const quorate = async (...args: readonly string[]) => {
  const reach = ['--nats', cluster.natsUrl, '--cluster', cluster.name, '--json'];
  const { code, stdout, stderr } = await runQuorate([...args, ...reach], patience);
  return {
    code,
    told: stdout === '' ? undefined : JSON.parse(stdout),
    error: stderr === '' ? undefined : JSON.parse(stderr).error,
  };
};

test.serial(
  'each member writes one while writes go on; it stands at exactly the position that it states',
  async (t) => {
    t.timeout(120_000);
    let isWriting = true;
    let written = 0;
    const writing = (async () => {
      for (; isWriting; written += 1)
        await cluster.api.request('model.create', {
          kind: 'service',
          id: `s${written}`,
          name: `s${written}`,
          spec: {},
        });
    })();
    await eventually(() => written > 20, { what: 'some writes' });
    for (const node of ['n1', 'n2', 'n3']) {
      const { code, told } = await quorate('snapshot', 'create', '--node', node, '--name', `${node}.snapshot`);
      t.is(code, 0);
      t.is(told.node, node);
      // All changes up to the position are in it, and none after.
      const { manifest } = inspectSnapshot(told.path);
      t.deepEqual(manifest.meta.position, told.position);
      const copy = join(temporaryDirectory('open'), 'model.db');
      copyFileSync(told.path, copy);
      const model = new SqliteModelStore(copy);
      const upTo = (await cluster.changesOf('n1')).filter(
        ({ position }) => position.index <= told.position.index,
      ).length;
      t.is(model.countsByKind()['service'], upTo);
      t.is(manifest.countByKind['service'], upTo);
      t.true(upTo > 0);
      model.close();
    }
    isWriting = false;
    await writing;
    t.true(written > 20);
  },
);

test.serial(
  'they are listed on all controllers, with position, time, size and origin, and verified there by name',
  async (t) => {
    const { code, told } = await quorate('snapshot', 'list');
    t.is(code, 0);
    const manual = told.snapshots.filter((each: { origin: string }) => each.origin === 'manual');
    t.deepEqual(manual.map((each: { node: string; name: string }) => `${each.node} ${each.name}`).sort(), [
      'n1 n1.snapshot',
      'n2 n2.snapshot',
      'n3 n3.snapshot',
    ]);
    for (const each of manual) {
      t.is(each.createdBy, each.node);
      t.true(each.sizeBytes > 0 && each.createdAt > 0 && each.position.timeline.epoch === 1);
    }
    t.deepEqual(
      (await quorate('snapshot', 'list', '--node', 'n2')).told.snapshots.filter(
        (each: { origin: string }) => each.origin === 'manual',
      ).length,
      1,
    );
    const verified = await quorate('snapshot', 'verify', 'n2.snapshot', '--node', 'n2');
    t.is(verified.code, 0);
    t.is(verified.told.sha256, inspectSnapshot(verified.told.path).sha256);
    t.is((await quorate('snapshot', 'verify', 'n2.snapshot', '--node', 'n3')).error.code, 'not-found');
    const table = await runQuorate(
      ['snapshot', 'list', '--nats', cluster.natsUrl, '--cluster', cluster.name],
      patience,
    );
    t.regex(table.stdout, /^NODE +NAME +POSITION +TIME +SIZE +ORIGIN/);
    t.regex(table.stdout, /n1 +n1\.snapshot +r\d+@1 +20\S+Z +\S+ \S+ +manual/);
  },
);

test.serial('what is spoilt is said to be so: in the list, by verify there and here', async (t) => {
  t.timeout(120_000);
  const folder = join(cluster.node('n3').dataDirectory, 'backups');
  const good = join(folder, 'n3.snapshot');
  copyFileSync(good, join(folder, 'short.snapshot'));
  truncateSync(join(folder, 'short.snapshot'), 8_192);
  writeFileSync(join(folder, 'no.snapshot'), 'this is none');
  const flipped = join(folder, 'flipped.snapshot');
  copyFileSync(good, flipped);
  // One letter of one entity; SQLite itself finds nothing wrong with it.
  const database = new Database(flipped);
  database.exec(`UPDATE entities SET body = replace(body, '"name":"s1"', '"name":"t1"') WHERE id = 's1'`);
  database.close();
  const { code, told } = await quorate('snapshot', 'list', '--node', 'n3');
  t.is(code, 1);
  const problems = told.snapshots.filter((each: { problem: string | null }) => each.problem !== null);
  t.true(
    problems.some((each: { name: string }) => each.name === 'no.snapshot'),
    JSON.stringify(problems),
  );
  for (const name of ['short.snapshot', 'flipped.snapshot', 'no.snapshot']) {
    const there = await quorate('snapshot', 'verify', name, '--node', 'n3');
    t.deepEqual([there.code, there.error?.code], [1, 'snapshot-invalid'], `${name}: ${JSON.stringify(there)}`);
    const here = await runQuorate(['snapshot', 'verify', join(folder, name)], patience);
    t.is(here.code, 1, name);
    t.regex(here.stderr, /snapshot-invalid/);
  }
  t.is((await runQuorate(['snapshot', 'verify', good], patience)).code, 0);
});

test.serial('inspect tells all of it without a cluster', async (t) => {
  const { stdout, code } = await runQuorate(
    ['snapshot', 'inspect', join(cluster.node('n1').dataDirectory, 'backups', 'n1.snapshot')],
    patience,
  );
  t.is(code, 0);
  for (const line of [
    /whole and undamaged/,
    /^why +it was asked for$/m,
    /^versions +format 1, schema \d+$/m,
    /^position +r\d+@1: index \d+, term \d+, timeline \S+ of epoch 1$/m,
    /^voters +n1, n2, n3$/m,
    /^entities +\d+ service$/m,
  ])
    t.regex(stdout, line);
});

test.serial('the schedule writes on each controller, into one shared folder, and says so in the status', async (t) => {
  t.timeout(90_000);
  const lastOf = (id: string): string | undefined => cluster.statuses().get(id)?.backup?.last?.path;
  const first = ['n1', 'n2', 'n3'].map(lastOf);
  await cluster.waitUntil(
    () => ['n1', 'n2', 'n3'].every((id, place) => lastOf(id) !== undefined && lastOf(id) !== first[place]),
    'a new backup of each',
    60_000,
  );
  const status = cluster.statuses().get('n2')?.backup;
  t.like(status, { directory: shared, everyMs: 1_000, keep, failure: null });
  t.true((status?.last?.sizeBytes ?? 0) > 0);
  const { told } = await quorate('snapshot', 'list');
  const scheduled = told.snapshots.filter((each: { origin: string }) => each.origin === 'scheduled');
  for (const id of ['n1', 'n2', 'n3']) {
    const own = scheduled.filter((each: { createdBy: string }) => each.createdBy === id);
    // One more while the new one is there and the oldest not yet deleted.
    t.true(own.length >= 1 && own.length <= keep + 1, `${id}: ${own.length}`);
    t.true(
      own.every(
        (each: { node: string; name: string }) => each.node === id && basename(each.name).includes(`-${id}-scheduled-`),
      ),
    );
  }
});

test.serial('every event says on which timeline its publisher stood', async (t) => {
  await cluster.transfer();
  await eventually(
    () => events.some((event) => event.namespace === 'cluster' && event.eventType === 'leadership.gained'),
    {
      what: 'events of the transfer',
    },
  );
  const { id } = cluster.statuses().get('n1')?.position?.timeline ?? { id: '' };
  t.true(events.length > 20);
  for (const event of events) {
    const timeline = event.namespace === 'entityChange' ? event.position.timeline : event.timeline;
    if (timeline?.id !== id) t.fail(JSON.stringify(event));
  }
});
