import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { checkoutRoot } from '../support/checkout.js';
import { madeDocuments, refreshed, schemaNamed, sectionNames } from './documents.js';
import { examplesIn } from './examples.js';

const protocol = readFileSync(path.join(checkoutRoot, 'docs', 'protocol.md'), 'utf8');

for (const { name, written, wanted } of madeDocuments()) {
  test(`${name} says what the code says`, (t) => {
    t.is(written, wanted, 'stale: run `npm run docs`');
  });
}

test('every part that can be made is in a document, and only such', (t) => {
  for (const name of sectionNames) t.true(protocol.includes(`<!-- made from the code: ${name} -->`), name);
  t.throws(() => refreshed('<!-- made from the code: nothing -->\n<!-- end -->'), { message: /nothing/ });
});

test('each example of the protocol is there, and is what its schema accepts', (t) => {
  const examples = examplesIn(protocol);
  t.true(examples.length > 10);
  for (const { schema, what, text } of examples) {
    if (text === undefined) {
      t.fail(`${schema} ${what} is missing: run \`npm run docs -- --examples\``);
      continue;
    }
    const known = schema === '$SRV' ? z.object({ name: z.literal('quorate-controller') }) : schemaNamed(schema);
    if (known === undefined) {
      t.fail(`there is no schema ${schema}`);
      continue;
    }
    const parsed = known.safeParse(JSON.parse(text));
    t.true(parsed.success, `${schema} ${what}: ${parsed.error?.message}`);
  }
});
