// Debian packages without installing them: `apt-get download` and `dpkg -x` into a folder. Needs no root.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { root, run, say } from './say.mjs';

const work = path.join(root, '.tools', 'apt');

export const hasApt = () =>
  ['/usr/bin/apt-get', '/bin/apt-get'].some(existsSync) && ['/usr/bin/dpkg', '/bin/dpkg'].some(existsSync);

/** Lists of our own, for a machine whose lists are missing or out of date and may not be ours to change. */
function ownLists() {
  for (const folder of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(path.join(work, folder), { recursive: true });
  return ['-o', `Dir::State::Lists=${path.join(work, 'lists')}`, '-o', `Dir::Cache=${path.join(work, 'cache')}`];
}

const sandbox = ['-o', 'APT::Sandbox::User=root']; // a download as root into a folder that only root may enter

/** The libraries that a package names directly and that a small image may lack; libc is always there. */
function librariesOf(name, lists) {
  const { output } = run('apt-cache', [...lists, 'depends', name]);
  const names = [...output.matchAll(/^\s*\|?Depends: (lib[^\s<>]+)/gm)].map((match) => match[1]);
  return names.filter((item) => !/^libc6|^libgcc/.test(item));
}

function download({ name, withLibraries }, folder) {
  const fetch = (lists) => {
    const names = withLibraries ? [name, ...librariesOf(name, lists)] : [name];
    return run('apt-get', [...sandbox, ...lists, '-q', 'download', ...names], { cwd: folder });
  };
  if (fetch([]).ok) return undefined;
  const lists = ownLists();
  if (!fetch(lists).ok) {
    say('reading the package lists (apt-get update, into .tools/)');
    const update = run('apt-get', [...sandbox, ...lists, '-q', 'update']);
    if (!update.ok) return `apt-get update failed: ${lastLine(update.output)}`;
    const again = fetch(lists);
    if (!again.ok) return `apt-get download failed: ${lastLine(again.output)}`;
  }
  return undefined;
}

const lastLine = (text) => text.split('\n').at(-1);

/** Unpacks into `target`, whole or not at all. Returns why it could not, or undefined. */
export function extractDebianPackage(wanted, target, copy) {
  const folder = path.join(work, `unpack-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.join(folder, 'tree'), { recursive: true });
  try {
    const problem = download(wanted, folder);
    if (problem !== undefined) return problem;
    for (const file of readdirSync(folder).filter((item) => item.endsWith('.deb'))) {
      const { ok, output } = run('dpkg', ['-x', path.join(folder, file), path.join(folder, 'tree')]);
      if (!ok) return `dpkg -x failed: ${lastLine(output)}`;
    }
    const ready = copy === undefined ? path.join(folder, 'tree') : pick(folder, copy);
    rmSync(target, { recursive: true, force: true });
    renameSync(ready, target);
    return undefined;
  } catch (error) {
    return error.message;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function pick(folder, copy) {
  const picked = path.join(folder, 'picked');
  for (const item of copy.folders)
    cpSync(path.join(folder, 'tree', copy.from, item), path.join(picked, item), { recursive: true });
  return picked;
}
