// `npm run check`: format and lint (Biome), types (tsc), import directions. Runs all three and fails if one does.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from './lib/say.mjs';

const script = (file) => path.join(root, 'node_modules', file);
const checks = [
  {
    name: 'format and lint',
    args: [script('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '--no-errors-on-unmatched'],
  },
  { name: 'types', args: [script('typescript/bin/tsc'), '--noEmit', '--incremental', 'false'] },
  { name: 'import directions', args: ['dist/test/architecture/main.js'] },
];

const failed = checks.filter(
  ({ args }) => spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }).status !== 0,
);
for (const check of checks) console.log(`${failed.includes(check) ? 'FAILED' : 'ok    '} ${check.name}`);
process.exitCode = failed.length === 0 ? 0 : 1;
