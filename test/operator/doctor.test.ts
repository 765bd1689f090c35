/** `quorate doctor` on the directories of real controllers, whole and damaged in each way: what it finds, and that it changes nothing. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import type { Finding } from '../../messaging/index.js';
import { lockDirectory, openStorage } from '../../node/storage/index.js';
import { entriesFrom } from '../storage/raft-store-contract.js';
import { begin, write } from '../storage/storage-contract.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { runQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { bytesOf, copyOf, writeEntities } from './directories.js';

let cluster: TestCluster;
/** Of n1, a voter, which was killed: with write-ahead logs, and with a snapshot in it. */
let killed: string;
/** Of n2, which was stopped in order: without write-ahead logs. */
let stopped: string;
/** Of n3, which was removed. */
let removed: string;

test.before(async () => {
  cluster = await startCluster({ controllers: 3, nodeArguments: ['--compact-every', '10', '--compact-keep', '5'] });
  await writeEntities(cluster, 30);
  await cluster.api.request('snapshot.create', { name: 'mine.snapshot' }, { node: 'n1' });
  await cluster.remove('n3');
  await cluster.waitUntil((all) => all.get('n3')?.state === 'removed', 'n3 to know that it is removed');
  await cluster.agrees();
  await cluster.stop('n3');
  await cluster.stop('n2');
  await cluster.kill('n1');
  [killed = '', stopped = '', removed = ''] = ['n1', 'n2', 'n3'].map((id) => cluster.node(id).dataDirectory);
});

interface Told {
  readonly code: number | null;
  readonly findings: readonly Finding[];
  readonly start: { readonly outcome: string; readonly rule: string; readonly code?: string };
  /** Names of the checks that came out so. */
  named(outcome: Finding['outcome']): readonly string[];
  sentenceOf(check: string): string;
}

/** Runs it, and holds the directory against what it was, byte by byte. */
async function examine(directory: string, ...more: readonly string[]): Promise<Told> {
  const before = bytesOf(directory);
  const { code, stdout, stderr } = await runQuorate(['doctor', '--data-dir', directory, '--json', ...more]);
  const after = bytesOf(directory);
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
    if (before[name] !== after[name]) throw new Error(`${name} was changed by the doctor`);
  if (stdout === '') throw new Error(stderr);
  const { findings, start }: Pick<Told, 'findings' | 'start'> = JSON.parse(stdout);
  return {
    code,
    findings,
    start,
    named: (outcome) => findings.filter((each) => each.outcome === outcome).map((each) => each.check),
    sentenceOf: (check) => findings.find((each) => each.check === check)?.sentence ?? '',
  };
}

/** Changes a copy of a directory as a failing disk or a careless hand would. */
function damaged(directory: string, file: 'raft.db' | 'model.db', statement: string): string {
  const copy = copyOf(directory);
  const database = new Database(join(copy, file));
  if (database.prepare(statement).run().changes === 0) throw new Error(`nothing was damaged by ${statement}`);
  database.close();
  return copy;
}

test('a member that was killed is well, and would start as one', async (t) => {
  const told = await examine(copyOf(killed));
  t.is(told.code, 0);
  t.deepEqual(told.named('fail'), []);
  t.like(told.start, { outcome: 'start-member', rule: 'member' });
  t.regex(told.sentenceOf('raft.db'), /entries \d+ to \d+, without a gap/);
  t.regex(told.sentenceOf('model.db'), /30 identity/);
  t.regex(told.sentenceOf('positions'), /^The model stands at r\d+@1/);
  t.regex(told.sentenceOf('snapshots'), /snapshots? in it, whole/);
});

test('so is one that was stopped, for people too', async (t) => {
  t.deepEqual((await examine(copyOf(stopped))).named('fail'), []);
  const { code, stdout } = await runQuorate(['doctor', '--data-dir', stopped]);
  t.is(code, 0);
  t.regex(stdout, /✔ It would start as a member/);
  t.regex(stdout, /nothing is wrong\n$/);
});

test('one that was removed is told from one that is well', async (t) => {
  const told = await examine(copyOf(removed));
  t.is(told.code, 0);
  t.is(told.start.outcome, 'serve-as-removed');
  t.true(told.named('warn').includes('removed'));
});

test('an empty directory is blank', async (t) => {
  const told = await examine(temporaryDirectory());
  t.is(told.code, 0);
  t.is(told.start.outcome, 'start-blank');
});

const spoil = `UPDATE entries SET data = CAST(data || 'x' AS BLOB) WHERE idx`;

test('a committed entry whose data or term changed is named', async (t) => {
  const told = await examine(damaged(killed, 'raft.db', `${spoil} = (SELECT min(idx) FROM entries)`));
  t.is(told.code, 1);
  t.deepEqual(told.named('fail'), ['raft.db']);
  t.regex(told.sentenceOf('raft.db'), /checksum does not fit.*: \d+\./);
  t.regex(told.findings.find((each) => each.outcome === 'fail')?.remedy ?? '', /quorate members remove n1/);
});

test('damaged entries that nobody knows to be committed heal: they are told from damage, and so is what they leave behind', async (t) => {
  const directory = copyOf(stopped);
  const about = { directory, clusterName: cluster.name, nodeId: 'n2', softwareVersion: 'test', now: Date.now };
  const storage = openStorage(about);
  const last = storage.raft.lastIndex();
  const { term } = storage.raft.hardState();
  storage.raft.persist({ entries: entriesFrom(last + 1, last + 3, term) });
  storage.close();
  const spoilt = damaged(directory, 'raft.db', `${spoil} = ${last + 2}`);
  const told = await examine(spoilt);
  t.is(told.code, 0);
  t.deepEqual(told.named('warn'), ['log-tail']);
  t.regex(told.sentenceOf('raft.db'), new RegExp(`entries \\d+ to ${last + 1}, without a gap`));
  t.regex(
    told.sentenceOf('log-tail'),
    new RegExp(`: ${last + 2}\\. The next start drops ${last + 2} to ${last + 3} and asks`),
  );
  t.is(told.start.outcome, 'start-member');

  // The start does what it says.
  const opened = openStorage({ ...about, directory: spoilt });
  t.is(opened.raft.lastIndex(), last + 1);
  opened.close();
  const after = await examine(spoilt);
  t.is(after.code, 0);
  t.deepEqual(after.named('warn'), ['debt']);
  t.regex(after.sentenceOf('debt'), new RegExp(`ended at ${last + 3} in term ${term}`));
});

test('where nobody else holds the model it says how to go on with what is whole, and those commands do', async (t) => {
  t.timeout(120_000);
  const directory = temporaryDirectory('only');
  const storage = openStorage({ directory, clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 0 });
  await begin(storage);
  write(storage, 5);
  const { path: snapshot } = await storage.createSnapshot();
  storage.close();
  const commandsOf = async (from: string, check: string): Promise<readonly string[]> => {
    const { findings } = await examine(from);
    const { remedy = '' } = findings.find((each) => each.check === check && each.outcome === 'fail') ?? {};
    t.notRegex(remedy, /members remove/);
    return [...remedy.matchAll(/`quorate ([^`]+)`/g)].map((match) => match[1] ?? '');
  };
  const paste = async (line: string, ...more: readonly string[]): Promise<string> => {
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' })
      .trimEnd()
      .split('\n');
    const { code, stderr } = await runQuorate([...words, ...more], { timeoutMs: 60_000 });
    t.is(code, 0, `${line}: ${stderr}`);
    return stderr;
  };
  const confirmed = ['--yes', '--i-understand', 'n1'];

  // The log is damaged: the model goes on, with what it holds; also where a start would refuse the log.
  const spoilt = damaged(directory, 'raft.db', `${spoil} = (SELECT min(idx) FROM entries)`);
  const [recover = '', withoutLog = ''] = await commandsOf(spoilt, 'raft.db');
  t.regex(await paste(recover, ...confirmed), /Nothing that was acknowledged is lost: no voter is missing/);
  t.deepEqual((await examine(spoilt)).named('fail'), []);
  const promise = damaged(directory, 'raft.db', "UPDATE state SET crc = crc + 1 WHERE key = 'hardState'");
  for (const name of readdirSync(promise)) if (name.startsWith('raft.db')) rmSync(join(promise, name));
  t.regex(
    await paste(withoutLog.replace(spoilt, promise), ...confirmed),
    /writes that were acknowledged behind index 6 are lost/,
  );
  t.deepEqual((await examine(promise)).named('fail'), []);
  t.regex((await examine(promise)).sentenceOf('model.db'), /5 service/);

  // The model is damaged: what is left is the snapshot.
  const model = damaged(directory, 'model.db', "UPDATE entities SET body = 'nothing'");
  const [reset = '', restore = ''] = await commandsOf(model, 'model-contents');
  t.regex(reset, /^reset /);
  t.regex(restore, /^restore --from FILE --id n1 /);
  await paste(reset, ...confirmed);
  await paste(restore.replace('FILE', snapshot), '--nats', cluster.natsUrl);
  t.deepEqual((await examine(model)).named('fail'), []);
});

test('a gap in the log is found, and keeps it from starting', async (t) => {
  const told = await examine(
    damaged(killed, 'raft.db', 'DELETE FROM entries WHERE idx = (SELECT max(idx) - 1 FROM entries)'),
  );
  t.is(told.code, 1);
  t.regex(told.sentenceOf('raft.db'), /gaps/);
  t.like(told.start, { outcome: 'refuse', code: 'damaged' });
  t.deepEqual(told.named('fail').toSorted(), ['raft.db', 'raft.db', 'start']);
});

test('a log that ends before what was committed, and a changed promise', async (t) => {
  const shorter = await examine(
    damaged(stopped, 'raft.db', 'DELETE FROM entries WHERE idx >= (SELECT max(idx) - 1 FROM entries)'),
  );
  t.is(shorter.code, 1);
  t.is(shorter.start.outcome, 'refuse');
  const promise = await examine(
    damaged(
      stopped,
      'raft.db',
      `UPDATE state SET value = replace(value, '"term":', '"term":9') WHERE key = 'hardState'`,
    ),
  );
  t.regex(promise.sentenceOf('raft.db'), /hardState in raft.db is damaged/);
});

test('a page of the model that is torn', async (t) => {
  const directory = copyOf(stopped);
  const path = join(directory, 'model.db');
  const file = openSync(path, 'r+');
  const pageBytes = 4096;
  for (let page = 2; page < statSync(path).size / pageBytes; page++)
    writeSync(file, Buffer.alloc(64, 0xa5), 0, 64, page * pageBytes);
  closeSync(file);
  const told = await examine(directory);
  t.is(told.code, 1);
  t.true(told.named('fail').includes('model.db'));
});

test('an entity that is not what its row says', async (t) => {
  const told = await examine(
    damaged(
      stopped,
      'model.db',
      `UPDATE entities SET body = replace(body, '"version":1', '"version":-1') WHERE name = 'entity-7'`,
    ),
  );
  t.is(told.code, 1);
  t.deepEqual(told.named('fail'), ['model-contents']);
  t.is(told.start.outcome, 'start-member', 'a start looks less closely');
});

test('a model of another history than the log', async (t) => {
  const told = await examine(
    damaged(stopped, 'model.db', `UPDATE meta SET body = json_set(body, '$.position.timeline.id', 'another')`),
  );
  t.is(told.code, 1);
  t.true(told.named('fail').includes('positions'));
  t.like(told.start, { outcome: 'refuse', code: 'ambiguous-state' });
  const gone = copyOf(stopped);
  for (const name of readdirSync(gone).filter((each) => each.startsWith('model.db'))) rmSync(join(gone, name));
  t.like((await examine(gone)).start, { outcome: 'refuse', rule: 'log without its model' });
});

test('a snapshot that is no longer what it was', async (t) => {
  const directory = copyOf(killed);
  const path = join(directory, 'backups', 'mine.snapshot');
  const copy = new Database(path);
  copy.exec(`UPDATE entities SET name = 'changed' WHERE name = 'entity-1'`);
  copy.close();
  const told = await examine(directory);
  t.is(told.code, 1);
  t.deepEqual(told.named('fail'), ['snapshots']);
  t.regex(told.findings.find((each) => each.outcome === 'fail')?.sentence ?? '', /mine\.snapshot.*checksum/);
});

test('another id or cluster than its own is what it would refuse', async (t) => {
  const told = await examine(copyOf(stopped), '--id', 'n7');
  t.like(told.start, { outcome: 'refuse', code: 'wrong-node' });
  t.like((await examine(copyOf(stopped), '--cluster', 'else')).start, { outcome: 'refuse', code: 'wrong-cluster' });
});

test('a reset that was committed and not finished', async (t) => {
  const directory = copyOf(stopped);
  writeFileSync(join(directory, 'reset.json'), '{"backup":null}');
  const told = await examine(directory);
  t.is(told.code, 0);
  t.deepEqual(told.named('warn'), ['reset']);
  t.is(told.start.outcome, 'start-blank');
});

test('a snapshot that was on its way in', async (t) => {
  const directory = copyOf(stopped);
  mkdirSync(join(directory, 'staging'), { recursive: true });
  writeFileSync(join(directory, 'staging', 'incoming.db'), 'the first bytes of it');
  writeFileSync(join(directory, 'staging', 'incoming.json'), 'what it is to become: no part of it');
  const told = await examine(directory);
  t.is(told.code, 0);
  t.regex(told.sentenceOf('staging'), /21 bytes of it are there/);
  mkdirSync(join(directory, 'restore'), { recursive: true });
  writeFileSync(join(directory, 'restore', 'incoming.db'), 'the first bytes of it');
  t.regex((await examine(directory)).sentenceOf('restore'), /to be restored lies there \(21 bytes\)/);
});

test('it refuses while a process has the directory, and where there is none', async (t) => {
  const directory = copyOf(stopped);
  const lock = lockDirectory(directory);
  const inUse = await runQuorate(['doctor', '--data-dir', directory]);
  t.is(inUse.code, 1);
  t.regex(inUse.stderr, /data-dir-locked/);
  lock.release();
  t.is((await runQuorate(['doctor', '--data-dir', join(directory, 'nowhere')])).code, 2);
});
