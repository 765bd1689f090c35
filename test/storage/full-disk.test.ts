/** A disk that fills up: a small file system of the test's own, in a namespace of its own, where the system allows one. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { temporaryDirectory } from '../support/temporary-directory.js';

const child = fileURLToPath(new URL('./full-child.js', import.meta.url));
const inNamespace = (command: string) =>
  spawnSync('unshare', ['--map-root-user', '--mount', 'sh', '-c', command], { encoding: 'utf8', timeout: 50_000 });

test('a full disk refuses writes with storage-full, loses nothing, serves reads, and goes on when there is room', (t) => {
  const disk = join(temporaryDirectory('full'), 'disk');
  mkdirSync(disk);
  const mount = `mount -t tmpfs -o size=7m none '${disk}'`;
  if (inNamespace(mount).status !== 0) {
    t.log('skipped: this system lets nobody mount a file system of their own');
    return t.pass();
  }
  const { status, stdout, stderr } = inNamespace(`${mount} && exec '${process.execPath}' '${child}' '${disk}'`);
  t.is(status, 0, stderr);
  const said = JSON.parse(stdout) as {
    log: { written: number; code: string };
    model: { written: number; code: string };
    lastIndex: number;
    readable: boolean;
    entities: number;
    snapshot: string;
    after: number;
    found: { lastIndex: number; damaged: number[]; entities: number };
  };
  t.is(said.log.code, 'storage-full');
  t.is(said.model.code, 'storage-full');
  t.true(said.log.written > 10);
  t.is(said.lastIndex, said.log.written + 1, 'what was refused is not there');
  t.is(said.entities, said.model.written);
  t.true(said.readable);
  t.is(said.snapshot, 'storage-full');
  t.is(said.after, said.lastIndex + 1, 'the next write succeeds in the same process');
  t.deepEqual(said.found, { lastIndex: said.after, damaged: [], entities: said.entities + 1 });
});
