#!/usr/bin/env node
// The command `quorate`. The build packs this file and all that the console needs into a few files in dist/packed/, because
// half of a start was to find and read six hundred of them. Whatever is not the console is done by main.ts as it stands.
import { isSupported } from './runtime.js';

if (process.argv[2] === 'console' && isSupported(process.versions.node)) {
  const { enableCompileCache } = await import('node:module');
  enableCompileCache();
  const { main } = await import('./cli.js');
  await main(process.argv.slice(2));
} else {
  await import('./main.js');
}
