// What the published package is made of, as npm tells it from the lock file: sbom.cdx.json (CycloneDX), made when it is packed.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from './lib/say.mjs';

const bytesMax = 16 * 1024 * 1024;
const read = (name) => JSON.parse(readFileSync(path.join(root, name), 'utf8'));

/** `--omit dev` leaves out what only runs here because a tool of ours happens to need it too: so npm is shown the rest only. */
function withoutTools({ devDependencies: _tools, ...shown }) {
  return shown;
}

function makeSbom(folder) {
  const lock = read('package-lock.json');
  const packages = Object.entries(lock.packages)
    .filter(([, each]) => each.dev !== true && each.devOptional !== true)
    .map(([place, each]) => [place, place === '' ? withoutTools(each) : each]);
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(withoutTools(read('package.json'))));
  writeFileSync(
    path.join(folder, 'package-lock.json'),
    JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }),
  );
  const made = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: bytesMax,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const sbom = JSON.parse(made);
  if (!Array.isArray(sbom.components) || sbom.components.length === 0) throw new Error('npm sbom names no component');
  // npm calls the package by the folder that it lies in.
  sbom.metadata.component.name = read('package.json').name;
  return sbom;
}

const folder = mkdtempSync(path.join(tmpdir(), 'quorate-sbom-'));
try {
  writeFileSync(path.join(root, 'sbom.cdx.json'), `${JSON.stringify(makeSbom(folder), null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
