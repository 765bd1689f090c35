/** One of the 63 ways in which three hosts can be cut from each other; all of them: `npm run hosts`. */
import path from 'node:path';
import test from 'ava';
import { isolationRefused } from '../hosts/isolated.js';
import { checkoutRoot } from '../support/checkout.js';
import { runProcess } from '../support/process.js';

const refused = isolationRefused();
const withNamespaces = refused === null ? test : test.skip;

withNamespaces(
  `three hosts in namespaces of their own, the leader's cut from both others: the two go on, and all is everywhere after${refused === null ? '' : ` (${refused})`}`,
  async (t) => {
    t.timeout(300_000);
    const main = path.join(checkoutRoot, 'dist', 'test', 'hosts', 'main.js');
    const args = ['--only', '1-2 1-3', '--hold', '1', '--resume', '60'];
    const { code, stdout, stderr } = await runProcess(process.execPath, [main, ...args], { timeoutMs: 280_000 });
    t.is(code, 0, stdout + stderr);
    t.regex(stdout, /1 cases, 0 wrong; [1-9]\d* acknowledged writes, all on every host/);
  },
);
