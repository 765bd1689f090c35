// Runs AVA on the built tests, shows what it says as it says it, and closes with one line: `N passed, N failed`.
//
// Arguments go to AVA; a test may be named by its source (`npm test -- test/support/nats.test.ts`).
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { root } from './lib/say.mjs';

const passedLine = /^\s*(\d+) tests? passed/;
const passedTest = /^\s*✔ /;
// Whatever AVA counts beside tests (a file that crashed, that held no test, that did not exit) is a failure too.
const failedLine =
  /^\s*(\d+) (tests? failed|uncaught exceptions?|unhandled rejections?|tests? (remaining|pending)|test files? .*)/;

function count(lines, pattern) {
  return lines.reduce((sum, line) => sum + Number(pattern.exec(line)?.[1] ?? 0), 0);
}

const toBuilt = (argument) =>
  /^(\.\/)?test\/.*\.tsx?$/.test(argument) ? path.join('dist', argument.replace(/\.tsx?$/, '.js')) : argument;
const ava = spawn(
  process.execPath,
  [path.join(root, 'node_modules/ava/entrypoints/cli.mjs'), ...process.argv.slice(2).map(toBuilt)],
  {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...(process.stdout.isTTY && process.env.NO_COLOR === undefined ? { FORCE_COLOR: '1' } : {}),
    },
  },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => ava.kill(signal));

let output = '';
ava.stdout.on('data', (chunk) => {
  process.stdout.write(chunk);
  output += chunk;
});
ava.on('close', (code, signal) => {
  // AVA's own counts stand below the last line that holds nothing but a dash.
  const lines = stripVTControlCharacters(output).split('\n');
  const summary = lines.slice(lines.findLastIndex((line) => line.trim() === '─') + 1);
  // AVA leaves the number that passed out where a test failed; then the tests that it ticked off are counted.
  const passed = count(summary, passedLine) || lines.filter((line) => passedTest.test(line)).length;
  const failures = count(summary, failedLine);
  const failed = code === 0 ? failures : Math.max(failures, 1);
  if (signal !== null) console.log(`AVA was ended by ${signal}.`);
  if (passed + failed === 0) console.log('No test ran: that is a failure.');
  const closing = `${passed} passed, ${failed} failed`;
  console.log(closing);
  if (process.env.QUORATE_TEST_SUMMARY) appendFileSync(process.env.QUORATE_TEST_SUMMARY, `${closing}\n`);
  process.exitCode = code === 0 && failed === 0 && passed > 0 ? 0 : 1;
});
