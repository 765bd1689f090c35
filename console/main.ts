#!/usr/bin/env node
// Looks at the version of Node before anything else is loaded: static imports would run first, and on a Node that is too
// old some of them do not load and better-sqlite3 ends the process. So this file imports nothing statically.
function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major >= 24 || (major === 22 && minor >= 20);
}

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
