#!/usr/bin/env node
// Looks at the version of Node before anything else is loaded: static imports would run first, and on a Node that is too
// old some of them do not load and better-sqlite3 ends the process. So nothing else is imported statically.
import { isSupported } from './runtime.js';

if (isSupported(process.versions.node)) {
  // Most of a start is compiling the same code again: what was compiled is kept between runs.
  const { enableCompileCache } = await import('node:module');
  enableCompileCache();
  const { main } = await import('./cli.js');
  await main(process.argv.slice(2));
} else {
  console.error(
    `quorate needs Node 22.20 or later, or 24 or later, but this is Node ${process.versions.node}: start it with a newer one.`,
  );
  process.exitCode = 2;
}
