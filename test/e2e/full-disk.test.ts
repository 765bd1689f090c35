/** Disks that fill up under running controllers: small file systems of the test's own, real processes. */
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { startInOwnMounts } from '../support/small-disk.js';

const child = fileURLToPath(new URL('./full-disk-child.js', import.meta.url));
const timeoutMs = 240_000;

const titles = {
  leaderIsFull: "the leader's disk is full: another leads, no writer notices, and it goes on by itself with room",
  allAreFull: 'all disks are full: writes are refused with storage-full, reads are served, and all go on with room',
  oneAfterTheOther:
    'one disk after the other is full: who has room leads, a leader that dies is replaced, and reads are served to the last',
  modelIsFull: 'only the model cannot be written: another leads, and what was applied comes again from the log',
  fullAtTheSwitch:
    'there is no room for the model that is restored: the member ends, says why, and goes on with the restore when there is',
  standaloneIsFull: 'standalone: writes are refused with storage-full, reads are served, and with room it goes on',
};

for (const [scenario, title] of Object.entries(titles)) {
  test.serial(title, async (t) => {
    t.timeout(timeoutMs);
    const running = await startInOwnMounts(child, [scenario]);
    if (running === undefined) {
      t.log('skipped: this system lets nobody mount a file system of their own');
      return t.pass();
    }
    const { code } = await running.waitForExit(timeoutMs);
    t.is(code, 0, running.logs());
    t.log(running.stdout().trim());
  });
}
