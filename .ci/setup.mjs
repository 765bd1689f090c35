// Brings a checkout into the state that every npm script expects. Runs on Node 20 with nothing installed.
//
// Each step first looks at what is really there, so it can be interrupted at any point and
// started again. Where nothing is to do, no lock is taken and the whole takes well under 0.3 s.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { build, isBuilt } from './lib/build.mjs';
import { withLock } from './lib/lock.mjs';
import { installPackages, packagesAreInstalled } from './lib/packages.mjs';
import { fail, root } from './lib/say.mjs';
import { fetchTool, toolIsReady, tools } from './lib/tools.mjs';

const usage = `usage: .ci/setup [--build] [--with TOOL]
  --build      packages and build only
  --with TOOL  also fetch a tool that only some commands need: ${tools
    .filter((tool) => tool.onRequest)
    .map((tool) => tool.name)
    .join(', ')}`;

function parse(args) {
  const options = { buildOnly: false, extra: [] };
  for (let at = 0; at < args.length; at += 1) {
    if (args[at] === '--build') options.buildOnly = true;
    else if (args[at] === '--with' && tools.some((tool) => tool.name === args[at + 1])) options.extra.push(args[++at]);
    else if (args[at] === '--help') {
      console.log(usage);
      process.exit(0);
    } else fail(`unknown argument ${args[at]}\n${usage}`, 2);
  }
  return options;
}

const [major] = process.versions.node.split('.').map(Number);
if (major < 20)
  fail(`Node ${process.versions.node} is too old to set up; install Node 20 or later (https://nodejs.org).`, 2);

const options = parse(process.argv.slice(2));
const steps = [
  { isDone: packagesAreInstalled, run: installPackages },
  { isDone: isBuilt, run: build },
];
if (!options.buildOnly) {
  for (const tool of tools) {
    if (!tool.onRequest || options.extra.includes(tool.name)) {
      steps.push({ isDone: () => toolIsReady(tool), run: () => fetchTool(tool) });
    }
  }
}

if (!steps.every((step) => step.isDone())) {
  mkdirSync(path.join(root, '.tools'), { recursive: true });
  await withLock(path.join(root, '.tools', 'setup.lock'), () => {
    for (const step of steps) {
      if (!step.isDone()) step.run();
    }
  });
}
