/** docs/operations.md tells an operator what each alarm means and what to do, and of no alarm that does not exist. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { alarmCodes } from '../../node/server/alarms.js';
import { checkoutRoot } from '../support/checkout.js';

test('each alarm stands in docs/operations.md with what it means and what to do, and no other does', (t) => {
  const text = readFileSync(path.join(checkoutRoot, 'docs/operations.md'), 'utf8');
  const table = text.split('| alarm | means | do |')[1]?.split('\n\n')[0] ?? '';
  const rows = [...table.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \|$/gm)];
  const sorted = (codes: readonly string[]) => [...codes].sort((a, b) => (a < b ? -1 : 1));
  t.deepEqual(sorted(rows.map(([, code]) => code ?? '')), sorted(alarmCodes));
  for (const [, code, means, what] of rows) t.true((means ?? '').length > 20 && (what ?? '').trim() !== '', code);
});
