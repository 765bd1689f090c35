/** docs/raft.md says how many tests each rule of the paper has; here they are counted, by the names of the tests. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { checkoutRoot } from '../support/checkout.js';

/** How the names of the tests of each group begin, in the order of the table. */
const groups: readonly (readonly string[])[] = [
  ['persistent state', 'volatile state'],
  ['AppendEntries'],
  ['RequestVote'],
  ['all servers', 'followers:', 'candidates:', 'leaders:', 'election timeouts'],
  ['figure 3.2'],
  ['3.3', '3.7'],
  ['3.10'],
  ['4.1 ', 'correction of 2015'],
  ['4.2.1'],
  ['4.2.2'],
  ['4.2.3'],
  ['4.3'],
  ['5 snapshots'],
  ['6.2'],
  ['6.3'],
  ['6.4'],
  ['9.6'],
  ['10.2'],
];

/** What the member and the state machine keep of the rules, and not the core. */
const elsewhere = ['cluster/turn.test.ts', 'model/apply.test.ts'];

function titles(): readonly string[] {
  const folder = join(checkoutRoot, 'test');
  const ofCore = readdirSync(join(folder, 'raft')).map((name) => `raft/${name}`);
  return [...ofCore, ...elsewhere]
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/^test\('((?:[^'\\]|\\.)*)'/gm)])
    .map(([, title]) => title ?? '');
}

test('every rule has as many tests as docs/raft.md says, and at least one', (t) => {
  const [, section = ''] = readFileSync(join(checkoutRoot, 'docs', 'raft.md'), 'utf8').split('### Rule by rule');
  const rows = section.matchAll(/^\| [^|]+ \| (\d+) \| `[^|]+ \|$/gm);
  const written = [...rows].map(([, count]) => Number(count));
  const all = titles();
  const counted = groups.map((starts) => all.filter((title) => starts.some((start) => title.startsWith(start))).length);
  t.deepEqual(written, counted);
  t.true(counted.every((count) => count > 0));
});
