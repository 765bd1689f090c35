/** What `npm run hosts` holds the product to, for each way of cutting three hosts from each other. */
import test from 'ava';
import { allCases, caseNamed } from '../hosts/cases.js';

test('all 63 ways, each once, fewest cuts first', (t) => {
  const cases = allCases();
  t.is(cases.length, 63);
  t.is(new Set(cases.map(({ name }) => name)).size, 63);
  t.deepEqual(
    cases.map(({ cuts }) => cuts.length),
    cases.map(({ cuts }) => cuts.length).sort((one, other) => one - other),
  );
});

for (const [name, together] of [
  ['1>2', [1, 2, 3]],
  ['1-2', [1, 2, 3]],
  ['1-2 1-3', [2, 3]],
  ['2>1 1>3', [2, 3]],
  ['1-2 1-3 2-3', []],
  ['1>2 3>1 2>3', []],
] as const)
  test(`${name}: a majority at ${together.join(', ') || 'nobody'}`, (t) => {
    t.deepEqual(caseNamed(name)?.together, together);
  });

test('what is no case is none', (t) => {
  t.is(caseNamed('1-4'), undefined);
  t.is(caseNamed(''), undefined);
});
