// node_modules: installed when it is not what package-lock.json says.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fail, root, run, step } from './say.mjs';

function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(path.join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** npm writes node_modules/.package-lock.json last, so comparing it with ours also notices an install that was cut short. */
export function packagesAreInstalled() {
  const wanted = lockedPackages('package-lock.json');
  const installed = lockedPackages('node_modules/.package-lock.json');
  if (wanted === undefined)
    fail('package-lock.json is missing or damaged; `git checkout package-lock.json` restores it.');
  if (installed === undefined || !existsSync(path.join(root, 'node_modules/.bin/node'))) return false;
  return Object.entries(wanted).every(([name, { version, optional }]) => {
    if (name === '') return true;
    const found = installed[name];
    return found === undefined ? optional === true : found.version === version;
  });
}

export function installPackages() {
  step('installing packages (npm ci)', () => {
    // Only errors: npm would warn that the Node which runs it is too old for packages that never run on it, because
    // the checkout brings its own Node (the package "node").
    const { ok, output } = run('npm', ['ci', '--loglevel=error']);
    if (!ok) fail(`npm ci failed:\n${output}`);
    if (!packagesAreInstalled())
      fail(
        'npm ci left node_modules incomplete; was it told to skip scripts or development packages (NODE_ENV, ignore-scripts)?',
      );
  });
}
