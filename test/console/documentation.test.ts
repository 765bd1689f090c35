import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { checkoutRoot } from '../support/checkout.js';
import { consoleDocument } from './documentation.js';

test('docs/console.md shows the screens and the keys as they are', (t) => {
  const written = readFileSync(path.join(checkoutRoot, 'docs', 'console.md'), 'utf8');
  t.is(written, consoleDocument(), 'stale: run `npx node dist/test/console/write-documentation.js`');
});
