/** Writes docs/console.md. `documentation.test.ts` fails while it is stale. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkoutRoot } from '../support/checkout.js';
import { consoleDocument } from './documentation.js';

writeFileSync(path.join(checkoutRoot, 'docs', 'console.md'), consoleDocument());
