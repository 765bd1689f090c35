/** Scheduled backups, on real files and in virtual time. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { QuorateError } from '../../messaging/index.js';
import { Alarms } from '../../node/server/alarms.js';
import { type BackupOptions, ScheduledBackups } from '../../node/server/backups.js';
import { createLog } from '../../node/server/log.js';
import { type DirectoryStorage, openStorage } from '../../node/storage/index.js';
import { begin, write } from '../storage/storage-contract.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { VirtualClock } from '../workflows/clock.js';

const everyMs = 3_600_000;

/** Virtual time with the form that controllers take. */
class ScheduleClock {
  readonly virtual = new VirtualClock();
  now = (): number => this.virtual.now();
  monotonicMs = (): number => this.virtual.now();
  after(delayMs: number, call: () => void): () => void {
    let isCancelled = false;
    this.virtual.at(this.now() + delayMs, () => !isCancelled && call());
    return () => {
      isCancelled = true;
    };
  }
  every(intervalMs: number, call: () => void): () => void {
    let cancel = (): void => undefined;
    const again = (): void => {
      cancel = this.after(intervalMs, () => {
        again();
        call();
      });
    };
    again();
    return () => cancel();
  }
}

interface Setting {
  readonly clock: ScheduleClock;
  readonly storage: DirectoryStorage;
  readonly folder: string;
  readonly alarms: Alarms;
  readonly backups: ScheduledBackups;
  /** Files in the folder, in the order of their names. */
  readonly files: () => readonly string[];
  /** Lets so much time pass, and then waits until this is so: writing takes real time. */
  readonly after: (ms: number, isSo: () => boolean, what: string) => Promise<void>;
}

async function setting(change: Partial<BackupOptions> = {}, folder = temporaryDirectory('target')): Promise<Setting> {
  const clock = new ScheduleClock();
  const storage = openStorage({
    ...{ directory: temporaryDirectory('data'), clusterName: 'c', nodeId: 'n1', softwareVersion: 'test' },
    now: clock.now,
  });
  await begin(storage);
  write(storage, 10);
  const alarms = new Alarms(clock, () => undefined);
  const backups = new ScheduledBackups({
    schedule: { directory: folder, everyMs, keep: 3 },
    cluster: 'c',
    nodeId: 'n1',
    clock,
    alarms,
    log: createLog({ clock, level: 'error', pretty: false, fields: {}, write: () => undefined }),
    position: () => storage.model.meta()?.position ?? null,
    create: (path, origin) => storage.createSnapshot(path, origin),
    verify: (path) => storage.verifySnapshot(path),
    onChange: () => undefined,
    ...change,
  });
  return {
    clock,
    storage,
    folder,
    alarms,
    backups,
    files: () => readdirSync(folder).sort(),
    async after(ms, isSo, what) {
      await clock.virtual.pass(ms);
      await eventually(isSo, { what, timeoutMs: 60_000 });
    },
  };
}

const codes = (alarms: Alarms): readonly string[] => alarms.list().map(({ code }) => code);

test('one is written soon after the start and then in each interval; the newest are kept', async (t) => {
  const { backups, storage, files, after } = await setting();
  await backups.start();
  const made: string[] = [];
  for (let round = 0; round < 5; round++) {
    write(storage, 1);
    const before = backups.status().last?.path;
    await after(round === 0 ? 2_000 : everyMs, () => backups.status().last?.path !== before, `backup ${round}`);
    made.push(backups.status().last?.path ?? '');
    t.is(backups.status().last?.position.index, 12 + round);
  }
  t.deepEqual(
    files(),
    made.slice(-3).map((path) => path.split('/').at(-1)),
  );
  t.is(backups.status().failure, null);
  const verified = await storage.verifySnapshot(made[4] ?? '');
  t.is(verified.manifest.origin, 'scheduled');
  t.is(backups.status().last?.sizeBytes, verified.sizeBytes);
  backups.stop();
  storage.close();
});

test('what others have put there is never deleted, whatever it is called', async (t) => {
  const { backups, storage, folder, files, after } = await setting();
  const others = [
    'c-n10-scheduled-20200101T000000000Z.snapshot',
    'c-n1-scheduled-by-hand.snapshot',
    'c-n1-scheduled-20200101T000000000Z.snapshot.copy',
    '.c-n10-scheduled-20200101T000000000Z.snapshot.unfinished',
    'important.txt',
  ];
  for (const name of others) writeFileSync(join(folder, name), 'precious');
  const unfinished = '.c-n1-scheduled-20200101T000000000Z.snapshot.unfinished';
  writeFileSync(join(folder, unfinished), 'half');
  await backups.start();
  for (let round = 0; round < 5; round++) {
    const before = backups.status().last?.path;
    await after(round === 0 ? 2_000 : everyMs, () => backups.status().last?.path !== before, `backup ${round}`);
  }
  for (const name of others) t.is(readFileSync(join(folder, name), 'utf8'), 'precious');
  t.false(files().includes(unfinished), 'what an earlier life left half-written is');
  t.is(files().length, others.length + 3);
  backups.stop();
  storage.close();
});

test('nor is what another controller has written under the same name', async (t) => {
  // As `n1` of the cluster `a-c` and `c-n1` of the cluster `a` would, in one folder.
  const { backups, storage, folder, files, after } = await setting();
  const other = openStorage({
    ...{ directory: temporaryDirectory('other'), clusterName: 'other', nodeId: 'n1', softwareVersion: 'test' },
    now: () => 0,
  });
  await begin(other);
  const path = join(folder, 'c-n1-scheduled-20200101T000000000Z.snapshot');
  await other.createSnapshot(path, 'scheduled');
  other.close();
  await backups.start();
  for (let round = 0; round < 5; round++) {
    const before = backups.status().last?.path;
    await after(round === 0 ? 2_000 : everyMs, () => backups.status().last?.path !== before, `backup ${round}`);
  }
  await eventually(() => files().length === 1 + 3, { what: 'the newest to be kept', timeoutMs: 60_000 });
  t.true(existsSync(path));
  backups.stop();
  storage.close();
});

test('nothing is deleted before the new one was read back; a failure is an alarm, and is tried again sooner', async (t) => {
  let broken = false;
  let attempts = 0;
  const storages: DirectoryStorage[] = [];
  const made = await setting({
    verify: (path) => {
      attempts += 1;
      if (broken) return Promise.reject(new QuorateError('snapshot-invalid', `${path} is spoilt`));
      return storages[0]?.verifySnapshot(path) ?? Promise.reject(new Error('no storage'));
    },
  });
  const { backups, storage, files, after, alarms } = made;
  storages.push(storage);
  await backups.start();
  for (let round = 0; round < 3; round++) {
    const before = backups.status().last?.path;
    await after(round === 0 ? 2_000 : everyMs, () => backups.status().last?.path !== before, `backup ${round}`);
  }
  const good = files();
  const last = backups.status().last;
  broken = true;
  await after(everyMs, () => backups.status().failure !== null, 'the failure');
  t.like(backups.status(), { last, failure: { code: 'snapshot-invalid' } });
  t.deepEqual(codes(alarms), ['backup-failed']);
  for (const name of good) t.true(files().includes(name), `${name} is still there`);
  const before = attempts;
  await after(300_000, () => attempts > before, 'another attempt within five minutes');
  for (const name of good) t.true(files().includes(name), `${name} is still there`);
  broken = false;
  await after(300_000, () => backups.status().failure === null, 'it to succeed again');
  t.deepEqual(codes(alarms), []);
  backups.stop();
  storage.close();
});

test('a folder that is gone or cannot be written is a failure with its reason, and mends by itself', async (t) => {
  const blocked = join(temporaryDirectory('blocked'), 'file');
  writeFileSync(blocked, '');
  const { backups, storage, after, alarms } = await setting({
    schedule: { directory: join(blocked, 'sub'), everyMs, keep: 3 },
  });
  await backups.start();
  await after(2_000, () => backups.status().failure !== null, 'the failure');
  t.is(backups.status().last, null);
  t.regex(alarms.list()[0]?.message ?? '', /backup on n1 failed: .*(ENOTDIR|not a directory)/i);
  rmSync(blocked);
  await after(300_000, () => backups.status().failure === null, 'it to succeed');
  t.deepEqual(codes(alarms), []);
  backups.stop();
  storage.close();
});

test('one that hangs is overdue after two intervals', async (t) => {
  const { backups, storage, clock, alarms } = await setting({ create: () => new Promise(() => undefined) });
  await backups.start();
  await clock.virtual.pass(everyMs);
  t.deepEqual(codes(alarms), []);
  await clock.virtual.pass(everyMs + 20_000);
  t.deepEqual(codes(alarms), ['backup-overdue']);
  t.regex(alarms.list()[0]?.message ?? '', /was never made; one is being written/);
  backups.stop();
  storage.close();
});

test('after a restart it goes on where the last life stopped', async (t) => {
  const first = await setting();
  await first.backups.start();
  await first.after(2_000, () => first.backups.status().last !== null, 'the first backup');
  const last = first.backups.status().last;
  first.backups.stop();
  const second = await setting({}, first.folder);
  await second.clock.virtual.pass(60_000);
  await second.backups.start();
  t.is(second.backups.status().last?.path, last?.path);
  t.deepEqual(second.backups.status().last?.position, last?.position);
  const { nextAt } = second.backups.status();
  t.true(nextAt > second.clock.now() + everyMs - 120_000, 'the next one is due an interval after the last');
  for (const { storage, backups } of [first, second]) {
    backups.stop();
    storage.close();
  }
});

test('a controller without a model has nothing to back up, and nothing is overdue', async (t) => {
  const { backups, storage, clock, alarms, files } = await setting({ position: () => null });
  await backups.start();
  for (let hour = 0; hour < 5; hour++) await clock.virtual.pass(everyMs);
  t.deepEqual(files(), []);
  t.deepEqual(codes(alarms), []);
  backups.stop();
  storage.close();
});
