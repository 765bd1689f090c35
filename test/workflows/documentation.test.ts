import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { workflowsDocument } from '../../node/workflows/documentation.js';
import { checkoutRoot } from '../support/checkout.js';

test('docs/workflows.md says what the workflows are', (t) => {
  const written = readFileSync(path.join(checkoutRoot, 'docs', 'workflows.md'), 'utf8');
  t.is(written, workflowsDocument(), 'stale: run `npx node dist/test/workflows/write-documentation.js`');
});

test('no name of a check, step or verification stands for two things', (t) => {
  const rows = workflowsDocument().match(/^\| `[a-z-]+` \|/gm) ?? [];
  t.true(rows.length > 40);
  t.is(new Set(rows).size, rows.length);
});
