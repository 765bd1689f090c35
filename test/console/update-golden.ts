/** Writes the golden frames anew: `npx node dist/test/console/update-golden.js`. Look at what changed before committing. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { goldenDirectory, goldens, kept } from './golden.js';

rmSync(goldenDirectory, { recursive: true, force: true });
mkdirSync(goldenDirectory, { recursive: true });
const all = goldens();
for (const { file, frame } of all) writeFileSync(path.join(goldenDirectory, file), kept(frame));
process.stdout.write(`${all.length} frames written to ${path.relative(process.cwd(), goldenDirectory)}\n`);
