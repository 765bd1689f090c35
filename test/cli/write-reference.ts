/** Writes docs/cli.md anew: `npx node dist/test/cli/write-reference.js`. */
import { writeFileSync } from 'node:fs';
import { referenceFile, renderReference } from './reference.js';

writeFileSync(referenceFile, renderReference());
