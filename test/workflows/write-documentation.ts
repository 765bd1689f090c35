/** Writes docs/workflows.md. `documentation.test.ts` fails while it is stale. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { workflowsDocument } from '../../node/workflows/documentation.js';
import { checkoutRoot } from '../support/checkout.js';

writeFileSync(path.join(checkoutRoot, 'docs', 'workflows.md'), workflowsDocument());
