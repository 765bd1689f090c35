import { chmodSync, mkdirSync, type PathLike, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';
import test from 'ava';
import type { EndpointList } from '../../messaging/index.js';
import { endpointFileName, readEndpointFile, writeEndpointFile } from '../../messaging/router/endpoint-file.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const list: EndpointList = {
  v: 1,
  cluster: 'test',
  clusterId: 'id',
  position: { timeline: { id: 'A', epoch: 1 }, indexType: 'raft', index: 5 },
  controllers: [{ id: 'n1', name: 'n1', addresses: ['nats://n1:4222'], role: 'voter', protocol: { min: 1, max: 1 } }],
};
const newFile = () => join(temporaryDirectory('router'), 'deep', endpointFileName);

test('what was written is read, and nothing else is left in the folder', async (t) => {
  const path = newFile();
  await writeEndpointFile(path, list);
  await writeEndpointFile(path, { ...list, position: { ...list.position, index: 6 } });
  const finding = await readEndpointFile(path, 'test');
  t.is(finding.found === 'list' ? finding.list.position.index : finding.found, 6);
  t.deepEqual(readdirSync(join(path, '..')), [endpointFileName]);
});

test('the file is written beside, synced, renamed, and then its folder is synced: nothing less survives a loss of power', async (t) => {
  const path = newFile();
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const done: string[] = [];
  const { open, rename } = fsPromises;
  const nameOf = (of: PathLike) => (String(of) === folder ? 'folder' : basename(String(of)));
  const isOurs = (of: PathLike) => String(of).startsWith(folder);
  fsPromises.open = async (...given: Parameters<typeof open>) => {
    const handle = await open(...given);
    if (!isOurs(given[0])) return handle;
    const { writeFile, sync } = handle;
    handle.writeFile = async (...contents: Parameters<typeof writeFile>) => {
      done.push(`write ${nameOf(given[0])}`);
      return await writeFile.apply(handle, contents);
    };
    handle.sync = async () => {
      await sync.call(handle);
      done.push(`sync ${nameOf(given[0])}`);
    };
    return handle;
  };
  fsPromises.rename = async (from, to) => {
    await rename(from, to);
    if (isOurs(to)) done.push(`rename ${nameOf(from)} ${nameOf(to)}`);
  };
  syncBuiltinESMExports();
  try {
    await writeEndpointFile(path, list);
  } finally {
    Object.assign(fsPromises, { open, rename });
    syncBuiltinESMExports();
  }
  const beside = `.${endpointFileName}.new`;
  t.deepEqual(done, [`write ${beside}`, `sync ${beside}`, `rename ${beside} ${endpointFileName}`, 'sync folder']);
});

test('a file cut off anywhere is found damaged or empty, never used', async (t) => {
  const path = newFile();
  await writeEndpointFile(path, list);
  const whole = readFileSync(path);
  for (let size = 0; size < whole.length - 2; size += 1) {
    writeFileSync(path, whole);
    truncateSync(path, size);
    const { found } = await readEndpointFile(path, 'test');
    t.is(found, size === 0 ? 'empty' : 'damaged');
  }
});

test('a file in which one character changed is found damaged', async (t) => {
  const path = newFile();
  await writeEndpointFile(path, list);
  const whole = readFileSync(path, 'utf8');
  writeFileSync(path, whole.replace('nats://n1:4222', 'nats://n7:4222'));
  t.is((await readEndpointFile(path, 'test')).found, 'damaged');
});

test('a list of another cluster in the file is not used', async (t) => {
  const path = newFile();
  await writeEndpointFile(path, list);
  t.is((await readEndpointFile(path, 'other')).found, 'damaged');
});

test('no file, a folder in its place: findings, not failures', async (t) => {
  const path = newFile();
  t.is((await readEndpointFile(path, 'test')).found, 'missing');
  mkdirSync(path, { recursive: true });
  t.is((await readEndpointFile(path, 'test')).found, 'unreadable');
});

test('a folder that cannot be written to fails the writing and keeps the old file', async (t) => {
  const path = newFile();
  await writeEndpointFile(path, list);
  const before = readFileSync(path, 'utf8');
  const blocked = join(path, 'x', endpointFileName);
  await t.throwsAsync(() => writeEndpointFile(blocked, list));
  chmodSync(path, 0o600);
  t.is(readFileSync(path, 'utf8'), before);
});
