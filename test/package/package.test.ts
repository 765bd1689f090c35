/** The package runs by itself. Installed by npm, with the demo: `npm run package`. */
import test from 'ava';
import { installPackage } from './installed.js';
import { firstSteps } from './journey.js';

test('what is packed starts with an empty HOME and no compiler: version, controller, write, console', async (t) => {
  t.timeout(300_000);
  await t.notThrowsAsync(firstSteps(await installPackage('checkout')));
});
