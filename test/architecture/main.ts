/** Reads every source of the checkout against the table of import directions; part of `npm run check`. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { checkoutRoot } from '../support/checkout.js';
import { type Violation, violationsIn } from './imports.js';

const sourceFolders = ['messaging', 'node', 'console', 'test'];

export function checkCheckout(): { readonly files: number; readonly violations: readonly Violation[] } {
  const files = sourceFolders.flatMap((folder) =>
    readdirSync(path.join(checkoutRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file))
      .map((file) => path.posix.join(folder, file.split(path.sep).join('/'))),
  );
  const violations = files.flatMap((file) => violationsIn(file, readFileSync(path.join(checkoutRoot, file), 'utf8')));
  return { files: files.length, violations };
}

if (process.argv[1] === import.meta.filename) {
  const { files, violations } = checkCheckout();
  for (const { file, line, specifier, reason } of violations)
    console.error(`${file}:${line} '${specifier}': ${reason}`);
  console.log(`${files} files read, ${violations.length} imports against the table`);
  process.exitCode = violations.length === 0 && files > 0 ? 0 : 1;
}
