/** Writes docs/workflows.md and docs/checks.md. `documentation.test.ts` fails while it is stale. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { workflowsDocument } from '../../node/workflows/documentation.js';
import { checkoutRoot } from '../support/checkout.js';
import { checksDocument } from './checks-document.js';

writeFileSync(path.join(checkoutRoot, 'docs', 'workflows.md'), workflowsDocument());
writeFileSync(path.join(checkoutRoot, 'docs', 'checks.md'), checksDocument());
