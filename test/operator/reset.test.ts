/** `quorate reset` on the directories of real controllers: what it asks, what it leaves, and what a kill at each step leaves. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { decideStart } from '../../node/cluster/decide-start.js';
import { inspectDirectory, lockDirectory } from '../../node/storage/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { runProcess, runQuorate, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { findTool, startTerminal } from '../support/tmux.js';
import { bytesOf, copyOf, writeEntities } from './directories.js';

const resetProcess = join(import.meta.dirname, 'reset-process.js');
const main = join(import.meta.dirname, '..', '..', 'console', 'main.js');
const withTerminal = findTool('tmux') === undefined ? test.skip : test;

let cluster: TestCluster;
/** Of n1, a voter, which was killed: with write-ahead logs. */
let killed: string;
/** Of n2, which was removed and has stopped. */
let removed: string;

test.before(async () => {
  cluster = await startCluster({ controllers: 2 });
  await writeEntities(cluster, 20);
  await cluster.remove('n2');
  await cluster.waitUntil((all) => all.get('n2')?.state === 'removed', 'n2 to know that it is removed');
  await cluster.stop('n2');
  // A killed controller's model may be a little behind its log; an orderly stop brings it there.
  await cluster.restart('n1');
  await cluster.leader();
  await writeEntities(cluster, 2, 'later');
  await cluster.kill('n1');
  killed = cluster.node('n1').dataDirectory;
  removed = cluster.node('n2').dataDirectory;
});

const startOf = (directory: string) =>
  decideStart(inspectDirectory(directory), {
    clusterName: cluster.name,
    nodeId: 'n1',
    bootstrap: false,
    restoreFrom: null,
    recover: false,
  }).outcome;

/** What a start and a later opening may change, what a reset makes beside what was there, and what it never keeps. */
const besides = (path: string): boolean =>
  path.endsWith('-shm') || /^(lock\.db|backups|transfer|reset\.json\.new)/.test(path);

test('it says what is there, and moves it away whole', async (t) => {
  const directory = copyOf(killed);
  const before = bytesOf(directory, besides);
  t.is(startOf(directory), 'start-member');
  const { code, stdout } = await runQuorate([
    ...['reset', '--data-dir', directory, '--yes', '--i-understand', 'n1', '--json'],
  ]);
  t.is(code, 0);
  const told = JSON.parse(stdout);
  t.like(told, { directory, reset: true, found: { cluster: 'test', node: 'n1', membership: 'voter', voters: 1 } });
  t.true(told.found.position.index > 20);
  t.regex(told.warnings[0], /only voter/);
  t.is(startOf(directory), 'start-blank');
  t.deepEqual(readdirSync(directory).sort(), ['backups', 'lock.db']);
  t.deepEqual(bytesOf(told.backup, besides), before);
  // It is a data directory like any other.
  t.is(startOf(told.backup), 'start-member');
});

test('a controller starts on it as blank, and may be reset again: nothing is there', async (t) => {
  const directory = copyOf(removed);
  t.regex((await runQuorate(['reset', '--data-dir', directory, '--dry-run'])).stdout, /a member that was removed/);
  t.is((await runQuorate(['reset', '--data-dir', directory, '--yes', '--i-understand', 'n2'])).code, 0);
  const controller = await startQuorate([
    ...['node', '--id', 'n9', '--cluster', 'other', '--data-dir', directory, '--nats', cluster.natsUrl],
  ]);
  await controller.waitForLog('blank: waiting to be joined');
  await controller.stop();
  const again = await runQuorate(['reset', '--data-dir', directory, '--json']);
  t.is(again.code, 0);
  t.like(JSON.parse(again.stdout), { reset: false, backup: null, found: { membership: 'blank' } });
});

test('--no-backup leaves nothing but the snapshots that were there', async (t) => {
  const directory = copyOf(killed);
  mkdirSync(join(directory, 'backups'), { recursive: true });
  writeFileSync(join(directory, 'backups', 'mine.snapshot'), 'mine');
  const args = ['reset', '--data-dir', directory, '--yes', '--i-understand', 'n1', '--no-backup', '--json'];
  const { code, stdout } = await runQuorate(args);
  t.is(code, 0);
  t.is(JSON.parse(stdout).backup, null);
  t.deepEqual(Object.keys(bytesOf(directory)), ['backups', 'backups/mine.snapshot', 'lock.db']);
});

test('nothing is changed by --dry-run, without a confirmation, or with that of another controller', async (t) => {
  const directory = copyOf(killed);
  const before = bytesOf(directory, (path) => path.endsWith('-shm'));
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /nobody is there to confirm/],
    [['--yes'], /--yes alone does not/],
    [['--i-understand', 'n1'], /nobody is there to confirm/],
    [['--yes', '--i-understand', 'n2'], /not that of n2/],
  ];
  for (const [args, expected] of refused) {
    const { code, stderr } = await runQuorate(['reset', '--data-dir', directory, ...args]);
    t.is(code, 1);
    t.regex(stderr, expected);
    t.regex(stderr, /--yes --i-understand n1/);
  }
  const dryRun = await runQuorate(['reset', '--data-dir', directory, '--dry-run']);
  t.is(dryRun.code, 0);
  t.regex(dryRun.stdout, /controller +n1\n/);
  t.deepEqual(
    bytesOf(directory, (path) => path.endsWith('-shm')),
    before,
  );
  t.is(startOf(directory), 'start-member');
});

test('it refuses while a process has the directory, and where there is none', async (t) => {
  const directory = copyOf(killed);
  const lock = lockDirectory(directory);
  const inUse = await runQuorate(['reset', '--data-dir', directory, '--yes', '--i-understand', 'n1']);
  t.is(inUse.code, 1);
  t.regex(inUse.stderr, /data-dir-locked/);
  lock.release();
  const nowhere = join(directory, 'nowhere');
  t.is((await runQuorate(['reset', '--data-dir', nowhere, '--yes', '--i-understand', 'n1'])).code, 2);
  t.false(existsSync(nowhere));
});

test('a directory that cannot say whose it is goes by its own name', async (t) => {
  const directory = join(temporaryDirectory(), 'lost');
  mkdirSync(directory);
  writeFileSync(join(directory, 'raft.db'), 'this is no database at all, but it is something');
  const { stdout } = await runQuorate(['reset', '--data-dir', directory, '--dry-run', '--json']);
  t.like(JSON.parse(stdout), { confirmation: 'lost', found: { node: null, membership: 'unknown' } });
  t.is((await runQuorate(['reset', '--data-dir', directory, '--yes', '--i-understand', 'lost'])).code, 0);
  t.is(startOf(directory), 'start-blank');
});

for (const keep of ['keep', 'delete'] as const) {
  test(`killed after each of its steps (${keep}), it leaves the directory as it was, or blank`, async (t) => {
    let steps = 1;
    for (; ; steps++) {
      const directory = copyOf(killed, `killed-${steps}`);
      rmSync(join(directory, 'backups'), { recursive: true, force: true });
      const before = bytesOf(directory, besides);
      const { signal, stdout, stderr } = await runProcess(process.execPath, [
        ...[resetProcess, directory, keep, String(steps)],
      ]);
      if (signal === null) break;
      t.is(signal, 'SIGKILL', stderr);
      const isCommitted = stdout.includes('committed');
      t.is(startOf(directory), isCommitted ? 'start-blank' : 'start-member', `after ${steps} steps`);
      if (!isCommitted) t.deepEqual(bytesOf(directory, besides), before);

      // Whoever comes next finishes it: another reset, or a controller.
      if (steps % 2 === 0) {
        const args = ['reset', '--data-dir', directory, '--yes', '--i-understand', 'n1'];
        t.is((await runQuorate(keep === 'keep' ? args : [...args, '--no-backup'])).code, 0);
      } else {
        const controller = await startQuorate([
          ...['node', '--id', 'n1', '--cluster', 'test', '--data-dir', directory, '--nats', cluster.natsUrl],
        ]);
        await controller.waitForLog(isCommitted ? 'blank: waiting to be joined' : '"how":"member"');
        await controller.stop();
      }
      t.false(existsSync(join(directory, 'reset.json')));
      if (keep === 'keep' && isCommitted) {
        const backups = join(directory, 'backups');
        const [backup = ''] = readdirSync(backups);
        t.deepEqual(bytesOf(join(backups, backup), besides), before, `after ${steps} steps`);
      }
      if (isCommitted) t.is(startOf(directory), 'start-blank');
    }
    t.true(steps > 8);
  });
}

withTerminal('on a terminal the id is typed; anything else changes nothing', async (t) => {
  const directory = copyOf(removed);
  const start = () => startTerminal([process.execPath, main, 'reset', '--data-dir', directory], { columns: 150 });
  const wrong = await start();
  await wrong.waitForText('Type n2 to make the directory blank:');
  await wrong.type('yes');
  await wrong.sendKeys('Enter');
  t.is(await wrong.waitForExit(), 1);
  await wrong.kill();
  t.is(startOf(directory), 'refuse');
  const right = await start();
  await right.waitForText('Type n2 to make the directory blank:');
  await right.type('n2');
  await right.sendKeys('Enter');
  t.is(await right.waitForExit(), 0);
  await right.kill();
  t.is(startOf(directory), 'start-blank');
});
