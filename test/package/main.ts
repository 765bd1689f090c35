/** `npm run package`: packs, installs globally into a folder of its own, and tries what comes out. */
import { readOptions } from '../support/options.js';
import { installPackage } from './installed.js';
import { demo, firstSteps } from './journey.js';

const { node } = readOptions(
  {
    command: 'npm run package',
    purpose:
      'Packs, installs the package globally into an empty folder, with an empty HOME and no compiler on the PATH, and runs it: version, controller, console, demo.',
    examples: [
      ['', 'with the Node of the checkout'],
      ['--node /usr/local/bin/node', 'with another one that is supported'],
    ],
  },
  { node: { type: 'string', default: process.execPath, describe: 'the Node that it runs on' } },
);

const said = async (what: string, work: () => Promise<unknown>): Promise<void> => {
  const beganAt = performance.now();
  await work();
  console.log(`${what}: ${((performance.now() - beganAt) / 1000).toFixed(1)} s`);
};

const installed = await (async () => {
  const beganAt = performance.now();
  const found = await installPackage('registry', node);
  console.log(`packed and installed by npm: ${((performance.now() - beganAt) / 1000).toFixed(1)} s`);
  return found;
})();
await said('version, controller, write, console', () => firstSteps(installed));
await said('demo of three controllers', () => demo(installed));
