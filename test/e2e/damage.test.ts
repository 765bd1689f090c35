/** Damage that real controllers meet: bytes of their files are changed, while they run or while they are stopped. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { QuorateError } from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';
import { startLoad } from './load.js';

/** Changes one byte of each entry's data from `from` on (of a stopped controller); the checksums stay. Returns how many. */
function spoilEntries(directory: string, which: string): number {
  const database = new Database(path.join(directory, 'raft.db'));
  try {
    const { changes } = database
      .prepare(`UPDATE entries SET data = CAST(x'ff' || substr(data, 2) AS BLOB) WHERE length(data) > 0 AND ${which}`)
      .run();
    return changes;
  } finally {
    database.close();
  }
}

/** Writes noise over the pages of a file after the first two. */
function spoilPages(file: string): void {
  const descriptor = openSync(file, 'r+');
  try {
    const noise = Buffer.alloc(4_096, 0x5a);
    for (let offset = 2 * 4_096; offset < fstatSync(descriptor).size; offset += 4_096)
      writeSync(descriptor, noise, 0, noise.length, offset);
    readSync(descriptor, noise, 0, 1, 0);
  } finally {
    closeSync(descriptor);
  }
}

/** Up to where the model of a stopped controller has applied, and what its log says to be committed. */
function positionsIn(directory: string): { readonly applied: number; readonly commit: number } {
  const read = (file: string, sql: string): unknown => {
    const database = new Database(path.join(directory, file));
    try {
      return JSON.parse(database.prepare<[], string>(sql).pluck().get() ?? '{}');
    } finally {
      database.close();
    }
  };
  const meta = read('model.db', 'SELECT body FROM meta') as { readonly position: { readonly index: number } };
  const state = read('raft.db', "SELECT value FROM state WHERE key = 'hardState'") as { readonly commit: number };
  return { applied: meta.position.index, commit: state.commit };
}

const alarmOf = (cluster: TestCluster, id: string, code: string) =>
  cluster
    .statuses()
    .get(id)
    ?.alarms.find((alarm) => alarm.code === code);

const write = (cluster: TestCluster, name: string, timeoutMs: number): Promise<unknown> =>
  cluster.api.request('model.create', { kind: 'service', id: name, name, spec: {} }, { timeoutMs });

test.serial(
  'entries above what is committed are damaged: they are dropped, asked for again, and nothing is lost',
  async (t) => {
    const cluster = await startCluster({ controllers: 3 });
    const [one = '', other = ''] = await cluster.followers();
    const leader = await cluster.leader();
    // What is stored and acknowledged by one of them only, with the leader, and not known to it to be committed.
    await cluster.stop(other);
    const load = startLoad(cluster.api, 8);
    await load.progress(200);
    await Promise.all([cluster.kill(one), cluster.kill(leader)]);
    const directory = cluster.node(one).dataDirectory;
    const { commit } = positionsIn(directory);
    const spoilt = spoilEntries(directory, `idx > ${commit}`);
    t.true(spoilt > 0, 'the last write came with a commit index that it was not part of');

    // The two that are left are a majority, and neither may lead: one has forgotten what it acknowledged, the other never had it.
    await cluster.restart(one);
    await cluster.restart(other);
    await cluster.waitUntil(() => alarmOf(cluster, one, 'log-damaged') !== undefined, `${one} to say what it has lost`);
    t.is(cluster.statuses().get(one)?.state, 'member');
    const terms = await cluster.waitUntil(
      (all) =>
        [one, other].every((id) => all.get(id)?.raft?.role !== 'leader' && all.get(id)?.raft?.hasQuorum === false),
      'both to look for a leader in vain',
    );
    t.is(terms.get(one)?.raft?.leader, null);

    await cluster.restart(leader);
    await load.progress(50);
    await load.stop();
    t.deepEqual(load.failures, []);
    await cluster.agrees();
    await cluster.waitUntil(
      () => alarmOf(cluster, one, 'log-damaged') === undefined,
      `${one} to hold again what it lost`,
    );
    const ids = new Set((await cluster.changesOf(one)).map(({ entity }) => entity.id));
    t.deepEqual(
      load.acknowledged.filter(({ id }) => !ids.has(id)),
      [],
    );
    await cluster.transfer(one);
    await cluster.end();
  },
);

test.serial(
  'a committed entry is damaged: the member is out of service, says so, and does not start again',
  async (t) => {
    const cluster = await startCluster({ controllers: 3 });
    const load = startLoad(cluster.api, 8);
    const [damaged = ''] = await cluster.followers();
    const directory = cluster.node(damaged).dataDirectory;
    // Killed between two commits of its model: then there is something committed that it has to read from its log.
    for (;;) {
      await load.progress(100);
      await cluster.kill(damaged);
      const { applied, commit } = positionsIn(directory);
      if (commit > applied && spoilEntries(directory, `idx = ${commit}`) === 1) break;
      await cluster.restart(damaged);
      await cluster.settles();
    }
    await cluster.restart(damaged);
    await cluster.waitUntil((all) => all.get(damaged)?.state === 'damaged', `${damaged} to be out of service`);
    t.regex(alarmOf(cluster, damaged, 'damaged')?.message ?? '', /Entry \d+ of the log is damaged/);
    t.true(cluster.node(damaged).isRunning(), 'the process lives, to say so');
    const refused = await t.throwsAsync(
      cluster.api.request('model.list', { kind: 'service', stale: true }, { node: damaged, timeoutMs: 2_000 }),
      { instanceOf: QuorateError },
    );
    t.is((refused as QuorateError).code, 'damaged', 'it serves nothing');
    await load.progress(50);
    await load.stop();
    t.deepEqual(load.failures, []);
    await cluster.stop(damaged);
    await t.throwsAsync(
      cluster.restart(damaged).then(() => cluster.node(damaged).process?.waitForLog('"started"', 30_000)),
    );
    t.regex(cluster.node(damaged).logs(), /out of service when this was found/);
    await cluster.end();
  },
);

test.serial(
  'pages of the model are damaged under a running member: it is out of service and says so, and is replaced',
  async (t) => {
    const cluster = await startCluster({ controllers: 3 });
    const events: string[] = [];
    cluster.api.watchEvents((event) => {
      if (event.namespace === 'cluster') events.push(event.eventType);
    });
    for (let number = 0; number < 60; number += 1) await write(cluster, `entity-${number}`, 10_000);
    const [damaged = ''] = await cluster.followers();
    // So that what it holds is read from the file, and not from memory.
    await cluster.restart(damaged);
    await cluster.settles();
    spoilPages(path.join(cluster.node(damaged).dataDirectory, 'model.db'));
    await eventually(
      async () => {
        await cluster.api
          .request('model.list', { kind: 'service', stale: true }, { node: damaged, timeoutMs: 1_000 })
          .catch(() => undefined);
        return cluster.statuses().get(damaged)?.state === 'damaged';
      },
      { what: `${damaged} to be out of service`, timeoutMs: 30_000 },
    );
    const alarm = alarmOf(cluster, damaged, 'damaged');
    t.regex(alarm?.remedy ?? '', new RegExp(`quorate members replace ${damaged} NEW`));
    t.true(cluster.node(damaged).isRunning(), 'the process lives, to say so');
    t.is(cluster.statuses().get(damaged)?.raft, null, 'it takes no part any more');
    t.true(events.includes('member.damaged'));
    await write(cluster, 'after', 10_000);

    await cluster.startBlank('n4');
    const operation = await cluster.replace(damaged, 'n4');
    t.is(operation.verifications.find(({ step }) => step === 'knows-it')?.detail, 'it is damaged, and out of service');
    await cluster.kill(damaged);
    await cluster.agrees();

    await t.throwsAsync(
      cluster.restart(damaged).then(() => cluster.node(damaged).process?.waitForLog('started', 20_000)),
    );
    t.regex(cluster.node(damaged).logs(), /damaged/, 'and it does not start again');
    await cluster.end();
  },
);
