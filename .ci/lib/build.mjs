// dist/: compiled, and the console packed, when a source was added, changed or removed since.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fail, root, run, step } from './say.mjs';

const sourceFolders = ['messaging', 'node', 'console', 'test'];
const stamp = path.join(root, 'dist', '.built');

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(file) : [file];
  });
}

/** Names, sizes and times of all that the compiler reads. */
function fingerprint() {
  const hash = createHash('sha256');
  const configuration = ['tsconfig.json', 'package.json', 'package-lock.json', '.ci/lib/pack.mjs'].map((file) =>
    path.join(root, file),
  );
  const sources = sourceFolders
    .flatMap((folder) => filesBelow(path.join(root, folder)))
    .filter((file) => /\.tsx?$/.test(file));
  for (const file of [...configuration, ...sources].sort((one, other) => (one < other ? -1 : 1))) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${path.relative(root, file)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

export function isBuilt() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
}

/** The compiler leaves the output of a removed source behind; a removed test would go on running. */
function removeOrphans() {
  for (const folder of sourceFolders) {
    for (const output of filesBelow(path.join(root, 'dist', folder))) {
      const source = path.relative(path.join(root, 'dist'), output).replace(/(\.d\.ts|\.js)(\.map)?$/, '');
      if (!existsSync(path.join(root, `${source}.ts`)) && !existsSync(path.join(root, `${source}.tsx`))) rmSync(output);
    }
  }
}

export function build() {
  step('building (tsc, esbuild)', () => {
    const built = fingerprint();
    // A checkout may hold outputs without the compiler's notes on them or the other way round: then it starts afresh.
    if (!existsSync(path.join(root, 'dist', 'messaging', 'index.js')))
      rmSync(path.join(root, 'dist'), { recursive: true, force: true });
    mkdirSync(path.join(root, 'dist'), { recursive: true });
    rmSync(stamp, { force: true });
    removeOrphans();
    const { ok, output } = run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc')]);
    if (!ok) fail(`the build failed:\n${output}`);
    const main = path.join(root, 'dist/console/main.js');
    if (existsSync(main)) chmodSync(main, 0o755);
    const packed = run(path.join(root, 'node_modules/.bin/node'), [path.join(root, '.ci/lib/pack.mjs')]);
    if (!packed.ok) fail(`packing the console failed:\n${packed.output}`);
    writeFileSync(stamp, built);
  });
}
