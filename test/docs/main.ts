/**
 * `npm run docs`: writes the documents, and the parts of documents, that are made from the code. With `--examples` the
 * examples of the protocol are captured anew, with `--pictures` the pictures are taken anew: both from a real cluster.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkoutRoot } from '../support/checkout.js';
import { readOptions } from '../support/options.js';
import { writeDocuments } from './documents.js';

/** Each writes a document of its own, beside whose tests it stands. */
const writers = [
  'cli/write-reference',
  'cluster/start-up-document',
  'console/write-documentation',
  'workflows/write-documentation',
];

const given = readOptions(
  {
    command: 'npm run docs',
    purpose: 'Writes the documents, and the parts of documents, that are made from the code.',
    examples: [
      ['', 'what is made from the code alone'],
      ['--examples', 'and captures the examples of the protocol from a real cluster'],
    ],
  },
  {
    examples: { type: 'boolean', default: false, describe: 'the examples of docs/protocol.md as well' },
    pictures: { type: 'boolean', default: false, describe: 'docs/pictures as well' },
  },
);

if (given.examples) {
  const { captureExamples, withExamples } = await import('./examples.js');
  const file = path.join(checkoutRoot, 'docs', 'protocol.md');
  const examples = await captureExamples();
  writeFileSync(file, withExamples(readFileSync(file, 'utf8'), examples));
  console.log('wrote the examples of docs/protocol.md');
}
for (const name of writeDocuments()) console.log(`wrote ${name}`);
for (const writer of writers) execFileSync(process.execPath, [path.join(checkoutRoot, 'dist', 'test', `${writer}.js`)]);
if (given.pictures) {
  const { takePictures } = await import('./pictures.js');
  await takePictures();
  console.log('wrote docs/pictures');
}
process.exit(0);
