import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { workflowsDocument } from '../../node/workflows/documentation.js';
import { checkoutRoot } from '../support/checkout.js';
import { checksDocument } from './checks-document.js';

test('docs/workflows.md says what the workflows are', (t) => {
  const written = readFileSync(path.join(checkoutRoot, 'docs', 'workflows.md'), 'utf8');
  t.is(written, workflowsDocument(), 'stale: run `npx node dist/test/workflows/write-documentation.js`');
});

test('docs/checks.md says what makes each check not pass', (t) => {
  const written = readFileSync(path.join(checkoutRoot, 'docs', 'checks.md'), 'utf8');
  t.is(written, checksDocument(), 'stale: run `npm run docs`');
});

test('no name of a check, step or verification stands for two things', (t) => {
  // The same part may be about the one that comes (NEW) or about the one that the workflow is about (ID).
  const rows = [...workflowsDocument().matchAll(/^\| `([a-z-]+)` \| ([^|]*) \|/gm)].map(
    ([, name = '', meaning = '']) => [name, meaning.replaceAll('NEW', 'ID')] as const,
  );
  t.true(rows.length > 40);
  const meanings = new Map(rows);
  for (const [name, meaning] of rows) t.is(meaning, meanings.get(name) ?? '', name);
});
