// One set-up at a time in a checkout. The lock is a file that holds the process id of its owner.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail, say } from './say.mjs';

const waitMsMax = 10 * 60 * 1000;
const pollMs = 200;

function ownerOf(file) {
  try {
    return Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function tryTake(file) {
  // Written aside and linked into place, so that the lock never exists without its owner's id in it.
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, `${process.pid}`);
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

function breakLockOf(file, deadPid) {
  const aside = `${file}.broken.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return; // another waiter was faster
  }
  if (ownerOf(aside) !== deadPid) {
    // Between looking and renaming, another waiter broke the lock and took it: give it back.
    try {
      linkSync(aside, file);
    } catch {}
  }
  rmSync(aside, { force: true });
}

export async function withLock(file, work) {
  const deadline = Date.now() + waitMsMax;
  let announced = false;
  while (!tryTake(file)) {
    const owner = ownerOf(file);
    if (owner !== undefined && !isAlive(owner)) {
      breakLockOf(file, owner);
      continue;
    }
    if (Date.now() > deadline)
      fail(`another set-up (process ${owner}) has held ${file} for ten minutes; end it, or remove the file.`);
    if (!announced) say(`waiting for another set-up of this checkout (process ${owner})`);
    announced = true;
    await sleep(pollMs);
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
  await work();
  process.off('exit', release);
  release();
}
