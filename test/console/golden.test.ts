import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { byText } from '../../console/state/format.js';
import { formFaults } from './frame.js';
import { goldenDirectory, goldens, kept } from './golden.js';

const all = goldens();

for (const { file, size, frame } of all) {
  test(`the frame ${file} is as it was reviewed`, (t) => {
    t.deepEqual(formFaults(frame, size), []);
    t.is(kept(frame), readFileSync(path.join(goldenDirectory, file), 'utf8'));
  });
}

test('every golden frame belongs to a scene', (t) => {
  const files = all.map((golden) => golden.file);
  t.deepEqual(readdirSync(goldenDirectory).sort(byText), files.sort(byText));
});
