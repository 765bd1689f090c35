import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { checkoutRoot } from '../support/checkout.js';
import { runProcess } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const setup = path.join(checkoutRoot, '.ci', 'setup');
const lockModule = pathToFileURL(path.join(checkoutRoot, '.ci', 'lib', 'lock.mjs')).href;

test('a nats-server that is named and is none is refused in one sentence, and nothing else is tried', async (t) => {
  for (const file of ['/no/such/file', '/bin/sh']) {
    const { code, stderr } = await runProcess('sh', [setup], { env: { NATS_SERVER: file } });
    t.is(code, 2);
    t.regex(stderr, new RegExp(`^setup: NATS_SERVER=${file} is not a nats-server of version 2.9 or later`));
    t.is(stderr.trim().split('\n').length, 1);
  }
});

test('an unknown argument is a usage error', async (t) => {
  const { code, stderr } = await runProcess('sh', [setup, '--nonsense']);
  t.is(code, 2);
  t.regex(stderr, /unknown argument --nonsense\nusage:/);
});

/** Waits until all `count` of its kind are there, and then wants the lock at the same moment as they. */
function lockedProgram(lock: string, journal: string, barrier: string, count: number): string {
  return [
    `const { withLock } = await import(${JSON.stringify(lockModule)});`,
    `const { appendFileSync, readFileSync } = await import('node:fs');`,
    `const { setTimeout } = await import('node:timers/promises');`,
    `appendFileSync(${JSON.stringify(barrier)}, '.');`,
    `while (readFileSync(${JSON.stringify(barrier)}).length < ${count}) await setTimeout(1);`,
    `const note = text => appendFileSync(${JSON.stringify(journal)}, text + '\\n');`,
    `await withLock(${JSON.stringify(lock)}, async () => {`,
    `  note('in ' + process.pid);`,
    '  await setTimeout(20);',
    `  note('out ' + process.pid);`,
    '});',
  ].join('\n');
}

test('of several set-ups at once each has the checkout to itself, even after one that died holding the lock', async (t) => {
  const directory = temporaryDirectory('lock');
  const [lock = '', journal = '', barrier = ''] = ['lock', 'journal', 'barrier'].map((name) =>
    path.join(directory, name),
  );
  const dead = await runProcess(process.execPath, ['-e', 'console.log(process.pid)']);
  writeFileSync(lock, dead.stdout.trim());
  const program = lockedProgram(lock, journal, barrier, 4);
  const runs = Array.from({ length: 4 }, () => runProcess(process.execPath, ['--input-type=module', '-e', program]));
  for (const { code, stderr } of await Promise.all(runs)) t.is(code, 0, stderr);
  const notes = readFileSync(journal, 'utf8').trim().split('\n');
  t.is(notes.length, 8);
  for (let at = 0; at < notes.length; at += 2) t.is(notes[at + 1], notes[at]?.replace('in', 'out'));
  t.false(existsSync(lock));
});
