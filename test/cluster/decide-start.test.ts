/** The start-up table: every combination of what can be found and asked, and each row by its name on real directories. */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { isErrorCode } from '../../messaging/index.js';
import {
  decideStart,
  ruleFor,
  type StartOutcome,
  type StartWish,
  startRules,
} from '../../node/cluster/decide-start.js';
import { initialConfiguration } from '../../node/raft/index.js';
import { inspectDirectory, openStorage } from '../../node/storage/index.js';
import { metaAt } from '../storage/model-store-contract.js';
import { begin, identity, timeline, transfer, write } from '../storage/storage-contract.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { everySituation } from './situations.js';
import { startUpDocument, startUpDocumentPath } from './start-up-document.js';

test('every combination has exactly one outcome, and none breaks a promise', (t) => {
  let count = 0;
  const reached = new Set<string>();
  for (const situation of everySituation()) {
    const { name, outcome } = ruleFor(situation);
    const says = () => `${name}: ${JSON.stringify(situation)}`;
    const check = (holds: boolean) => {
      if (!holds) t.fail(says());
    };
    count += 1;
    reached.add(name);
    if (typeof outcome !== 'string') {
      check(isErrorCode(outcome.code));
      continue;
    }
    // Nothing is served that is locked, newer, damaged or somebody else's.
    check(situation.lock === 'free' && situation.schema !== 'newer' && situation.damage === 'none');
    check(situation.owner === 'us' || situation.owner === 'nobody');
    check(situation.asked !== 'several');
    // A removed member answers that it was removed, and nothing else.
    check((situation.removed === 'yes') === (outcome === 'serve-as-removed'));
    switch (outcome) {
      case 'start-blank':
      case 'bootstrap':
      case 'begin-standalone':
      case 'restore':
        // A history is begun only where there is none, and only when asked.
        check(situation.model === 'none' && (situation.raft === 'none' || situation.raft === 'contacted'));
        check(situation.asked === (outcome === 'start-blank' ? 'nothing' : outcome.replace('begin-', '')));
        check(outcome === 'start-blank' || situation.raft === 'none');
        break;
      case 'start-member':
        // A member serves only with the log and the model that belong together.
        check(situation.owner === 'us');
        check(
          situation.raft === 'joining'
            ? situation.model === 'none'
            : situation.raft === 'member' && situation.model === 'raft',
        );
        check(situation.raft === 'joining' || situation.fit === 'fits');
        check(situation.asked !== 'recover');
        break;
      case 'start-standalone':
        // Alone serves only who was told to, with its own model, and never who is asked to recover a quorum.
        check(situation.owner === 'us' && situation.raft === 'standalone' && situation.model === 'legacy');
        check(situation.asked !== 'recover' && situation.fit !== 'other-cluster');
        break;
      case 'recover':
        // Only when asked, and only from one history.
        check(situation.asked === 'recover' && situation.model === 'raft');
        check(situation.fit === 'fits' || situation.fit === 'model-ahead-of-log' || situation.raft === 'none');
        break;
      case 'serve-as-removed':
        break;
    }
  }
  t.is(count, 2 * 3 * 2 * 4 * 5 * 3 * 5 * 2 * 6);
  t.deepEqual(
    startRules.filter((rule) => !reached.has(rule.name)).map((rule) => rule.name),
    [],
    'a rule that nothing reaches is no rule',
  );
  t.is(new Set(startRules.map((rule) => rule.name)).size, startRules.length, 'names are unique');
});

test('docs/start-up.md shows this table', (t) => {
  const mend = 'stale: run `node dist/test/cluster/start-up-document.js`';
  t.is(readFileSync(startUpDocumentPath, 'utf8'), startUpDocument(), mend);
});

// ------------------------------------------------------------------------------------------------ on real directories

const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 1_000 };
const nothingAsked: StartWish = { clusterName: 'c', nodeId: 'n1', bootstrap: false, restoreFrom: null, recover: false };

const decide = (directory: string, wish: Partial<StartWish> = {}): StartOutcome =>
  decideStart(inspectDirectory(directory), { ...nothingAsked, ...wish });

function openedOnce(): string {
  const directory = temporaryDirectory('blank');
  openStorage({ ...about, directory }).close();
  return directory;
}

async function member(entries = 20): Promise<string> {
  const directory = temporaryDirectory('member');
  const storage = openStorage({ ...about, directory });
  await begin(storage);
  write(storage, entries);
  storage.close();
  return directory;
}

function sql(directory: string, file: string, statement: string, ...values: readonly string[]): void {
  const database = new Database(join(directory, file));
  database.prepare(statement).run(...values);
  database.close();
}

function started(
  t: { deepEqual: (a: unknown, b: unknown) => void },
  outcome: StartOutcome,
  action: string,
  ignored: readonly string[] = [],
) {
  t.deepEqual(outcome.outcome === 'refuse' ? outcome : { action: outcome.outcome, ignored: outcome.ignored }, {
    action,
    ignored,
  });
}

function refused(
  t: { is: (a: unknown, b: unknown) => void; regex: (a: string, b: RegExp) => void },
  outcome: StartOutcome,
  code: string,
  found: RegExp,
) {
  if (outcome.outcome !== 'refuse') return t.is(outcome.outcome, `refuse ${code}`);
  t.is(outcome.code, code);
  t.regex(outcome.found, found);
  t.regex(outcome.remedy, /\S/);
  t.regex(`${outcome.found} ${outcome.remedy}`, /^[^{}]*$/);
}

test('an empty directory, and one that was only opened, start blank, or begin what is asked for', (t) => {
  for (const directory of [temporaryDirectory('empty'), join(temporaryDirectory('none'), 'x'), openedOnce()]) {
    started(t, decide(directory), 'start-blank');
    started(t, decide(directory, { bootstrap: true }), 'bootstrap');
    started(t, decide(directory, { restoreFrom: '/a/file' }), 'restore');
    refused(t, decide(directory, { recover: true }), 'ambiguous-state', /no model to recover/);
    refused(
      t,
      decide(directory, { bootstrap: true, restoreFrom: '/a/file' }),
      'invalid-config',
      /--bootstrap, --restore-from/,
    );
  }
});

test('a member starts as what it is, and what begins a cluster is ignored by name', async (t) => {
  const directory = await member();
  started(t, decide(directory), 'start-member');
  started(t, decide(directory, { bootstrap: true }), 'start-member', ['bootstrap']);
  started(t, decide(directory, { restoreFrom: '/a/file' }), 'start-member', ['restore']);
  started(t, decide(directory, { recover: true }), 'recover');
});

test('a member of another cluster or another id is refused', async (t) => {
  const directory = await member();
  refused(t, decide(directory, { clusterName: 'other' }), 'wrong-cluster', /controller n1 of cluster c/);
  refused(t, decide(directory, { nodeId: 'n9' }), 'wrong-node', /controller n1/);
  t.like(decide(directory, { clusterName: 'other' }), {
    remedy: 'Start it with `--cluster c`, for which it was made, or give another directory with --data-dir.',
  });
});

test('a directory in use is refused', async (t) => {
  const directory = await member();
  const storage = openStorage({ ...about, directory });
  refused(t, decide(directory), 'data-dir-locked', /Another process/);
  storage.close();
});

test('a newer directory is refused, and an older one is to be migrated', async (t) => {
  const directory = await member();
  sql(directory, 'model.db', 'PRAGMA user_version = 99');
  refused(t, decide(directory), 'newer-schema', /model\.db has schema version 99/);
  const facts = inspectDirectory(await member());
  const older = decideStart({ ...facts, raft: { ...facts.raft, schema: 'older' } }, nothingAsked);
  t.true(older.outcome === 'start-member' && older.migrate);
});

test('a removed member serves as removed, and begins nothing', async (t) => {
  const directory = await member();
  const storage = openStorage({ ...about, directory });
  storage.raft.markRemoved({ by: 'n2', index: 20 });
  storage.close();
  started(t, decide(directory), 'serve-as-removed');
  started(t, decide(directory, { bootstrap: true }), 'serve-as-removed', ['bootstrap']);
  refused(t, decide(directory, { recover: true }), 'removed', /was removed/);
  refused(t, decide(directory, { restoreFrom: '/a/file' }), 'removed', /was removed/);
});

test('a log without its model, and a model without its log, never serve as a voter', async (t) => {
  const noModel = await member();
  rmSync(join(noModel, 'model.db'));
  refused(t, decide(noModel), 'damaged', /model before it is gone/);
  const noLog = await member();
  rmSync(join(noLog, 'raft.db'));
  refused(t, decide(noLog), 'damaged', /votes are gone/);
  refused(t, decide(noLog, { bootstrap: true }), 'damaged', /votes are gone/);
  started(t, decide(noLog, { recover: true }), 'recover');
});

test('a blank that a leader has spoken to stays blank and keeps its word', (t) => {
  const directory = openedOnce();
  const storage = openStorage({ ...about, directory });
  storage.raft.persist({ hardState: { term: 4, vote: 'n2', commit: 0 } });
  storage.close();
  started(t, decide(directory), 'start-blank');
  refused(t, decide(directory, { bootstrap: true }), 'ambiguous-state', /begun to join/);
  const joining = openStorage({ ...about, directory });
  joining.raft.setIdentity(identity);
  joining.close();
  started(t, decide(directory), 'start-member');
  started(t, decide(directory, { bootstrap: true }), 'start-member', ['bootstrap']);
});

test('a model copied from elsewhere over the one that belongs to the log is refused', async (t) => {
  const put = async (change: (meta: ReturnType<typeof metaAt>) => unknown) => {
    const directory = await member();
    const meta = { ...metaAt(21), position: { ...metaAt(21).position, timeline: { id: 'timeline-1', epoch: 1 } } };
    sql(directory, 'model.db', 'UPDATE meta SET body = ?', JSON.stringify(change(meta)));
    return decide(directory);
  };
  const at = (index: number, epoch = 1, id = `timeline-${epoch}`) => ({
    timeline: { id, epoch },
    indexType: 'raft',
    index,
  });
  started(t, await put((meta) => meta), 'start-member');
  started(t, await put((meta) => ({ ...meta, position: at(5) })), 'start-member');
  refused(t, await put((meta) => ({ ...meta, clusterId: 'elsewhere' })), 'ambiguous-state', /different clusters/);
  refused(t, await put((meta) => ({ ...meta, position: at(21, 1, 'twin') })), 'ambiguous-state', /different timelines/);
  refused(t, await put((meta) => ({ ...meta, position: at(0) })), 'damaged', /older than its log/);
  refused(t, await put((meta) => ({ ...meta, position: at(22) })), 'damaged', /ends before/);
  refused(
    t,
    await put((meta) => ({ ...meta, position: { ...at(21), indexType: 'legacy' } })),
    'ambiguous-state',
    /standalone/,
  );
  refused(t, await put(() => ({ nonsense: true })), 'damaged', /does not have its form/);
});

test('what a remedy names can be pasted, whatever the directory is called', async (t) => {
  const directory = join(temporaryDirectory('named'), "ana's data");
  cpSync(await member(), directory, { recursive: true });
  rmSync(join(directory, 'model.db'));
  const outcome = decide(directory);
  const { remedy, found } = outcome.outcome === 'refuse' ? outcome : { remedy: '', found: '' };
  t.true(found.includes(`${directory} holds a log`), found);
  const word = `'${directory.replace("'", "'\\''")}'`;
  t.true(remedy.includes(`quorate reset --data-dir ${word}\``), remedy);
  t.is(execFileSync('sh', ['-c', `printf %s ${word}`], { encoding: 'utf8' }), directory);
});

test('an only voter and a standalone controller are not told to ask another member', async (t) => {
  const damaged = (directory: string): StartOutcome => {
    sql(directory, 'raft.db', "UPDATE state SET crc = crc + 1 WHERE key = 'incarnation'");
    return decide(directory);
  };
  const voter = damaged(await member());
  const alone = damaged(await standalone());
  t.regex(voter.outcome === 'refuse' ? voter.remedy : '', /only voter, `quorate doctor --data-dir \S+`/);
  t.regex(alone.outcome === 'refuse' ? alone.remedy : '', /`quorate restore --from FILE --id n1 --data-dir \S+`/);
  t.notRegex(alone.outcome === 'refuse' ? alone.remedy : '', /members remove/);
  t.is(alone.rule, 'damaged, of a standalone controller');
});

async function standalone(): Promise<string> {
  const directory = temporaryDirectory('standalone');
  const storage = openStorage({ ...about, directory });
  await storage.initialiseStandalone({ identity, timeline, members: [] });
  storage.close();
  return directory;
}

test('a standalone controller starts alone, and joins nothing by itself', async (t) => {
  const blank = openedOnce();
  started(t, decide(blank, { standalone: true }), 'begin-standalone');
  refused(t, decide(blank, { standalone: true, bootstrap: true }), 'invalid-config', /--standalone/);
  const directory = await standalone();
  started(t, decide(directory), 'start-standalone');
  started(t, decide(directory, { standalone: true }), 'start-standalone');
  started(t, decide(directory, { bootstrap: true }), 'start-standalone', ['bootstrap']);
  started(t, decide(directory, { restoreFrom: '/a/file' }), 'start-standalone', ['restore']);
  refused(t, decide(directory, { recover: true }), 'ambiguous-state', /no quorum that it could have lost/);
  refused(t, decide(directory, { clusterName: 'other' }), 'wrong-cluster', /controller n1 of cluster c/);
  refused(t, decide(directory, { nodeId: 'n9' }), 'wrong-node', /controller n1/);
  started(t, decide(await member(), { standalone: true }), 'start-member', ['standalone']);
});

test('a standalone controller without its model, or with another one, does not serve', async (t) => {
  const noModel = await standalone();
  rmSync(join(noModel, 'model.db'));
  refused(t, decide(noModel), 'damaged', /the model is gone/);
  refused(t, decide(noModel, { standalone: true }), 'damaged', /the model is gone/);
  refused(t, decide(noModel, { recover: true }), 'ambiguous-state', /no model to recover/);
  const noRaft = await standalone();
  rmSync(join(noRaft, 'raft.db'));
  refused(t, decide(noRaft), 'damaged', /but not whose/);
  const put = async (change: object) => {
    const directory = await standalone();
    const meta = inspectDirectory(directory).model.meta;
    sql(directory, 'model.db', 'UPDATE meta SET body = ?', JSON.stringify({ ...meta, ...change }));
    return decide(directory);
  };
  refused(t, await put({ clusterId: 'elsewhere' }), 'ambiguous-state', /different clusters/);
  refused(
    t,
    await put({ position: { timeline, indexType: 'raft', index: 5 } }),
    'ambiguous-state',
    /model of a cluster/,
  );
});

test('an install that a crash interrupted after its commit is a member, with the model that is staged', async (t) => {
  const leader = openStorage({ ...about, directory: temporaryDirectory('leader') });
  await begin(leader);
  write(leader, 40);
  const directory = temporaryDirectory('follower');
  const follower = openStorage({ ...about, nodeId: 'n2', directory });
  await transfer(leader, await leader.createSnapshot(), follower);
  leader.close();
  follower.close();
  // The commit, and nothing after it.
  const { SqliteRaftStore } = await import('../../node/storage/raft-store.js');
  const raft = new SqliteRaftStore(join(directory, 'raft.db'));
  raft.commitInstall({
    point: { index: 41, term: 1, timeline: { id: 'timeline-1', epoch: 1 } },
    pending: { file: 'incoming.db', index: 41, term: 1 },
    identity: { ...identity, nodeId: 'n2' },
  });
  raft.close();
  started(t, decide(directory, { nodeId: 'n2' }), 'start-member');
  const again = openStorage({ ...about, nodeId: 'n2', directory });
  t.deepEqual(again.model.countsByKind(), { service: 40 });
  t.deepEqual(again.model.meta()?.configuration, initialConfiguration(['n1']));
  again.close();
  started(t, decide(directory, { nodeId: 'n2' }), 'start-member');
});

test('an install whose file is gone is damage', async (t) => {
  const directory = openedOnce();
  const { SqliteRaftStore } = await import('../../node/storage/raft-store.js');
  const raft = new SqliteRaftStore(join(directory, 'raft.db'));
  raft.commitInstall({
    point: { index: 41, term: 1, timeline: null },
    pending: { file: 'incoming.db', index: 41, term: 1 },
    identity,
  });
  raft.close();
  refused(t, decide(directory), 'damaged', /its file is gone/);
  t.throws(() => openStorage({ ...about, directory }), { code: 'damaged' });
});
