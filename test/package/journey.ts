/** What a stranger does with the package first: asks its version, starts a controller, looks at it, writes, stops it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkoutRoot } from '../support/checkout.js';
import { startNatsServer } from '../support/nats.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { startTerminal } from '../support/tmux.js';
import { eventually } from '../support/wait.js';
import type { Installed } from './installed.js';

const waitMs = 60_000;

/** @throws where anything is not as it should be. */
export async function firstSteps(installed: Installed): Promise<void> {
  const { version } = JSON.parse(readFileSync(path.join(checkoutRoot, 'package.json'), 'utf8')) as { version: string };
  expect((await installed.run(['--version'])).stdout.trim(), `quorate ${version}`, 'the version');
  const nats = await startNatsServer();
  const where = ['--nats', nats.url, '--cluster', 'packed'];
  const directory = temporaryDirectory('packed-ctrl1');
  const controller = await installed.start([
    ...['node', '--id', 'ctrl1', '--data-dir', directory, '--bootstrap', '--http', 'off'],
    ...where,
  ]);
  await eventually(async () => (await installed.run(['members', ...where, '--timeout', '2s'])).code === 0, {
    what: 'the controller to answer',
    timeoutMs: waitMs,
    intervalMs: 500,
    show: controller.logs,
  });
  const written = await installed.run([
    'model',
    'create',
    'service',
    '--id',
    'web',
    '--name',
    'web',
    '--json',
    ...where,
  ]);
  expect(written.code, 0, `a write (${written.stderr})`);
  const terminal = await startTerminal(installed.command(['console', ...where]));
  await terminal.waitForText('ctrl1', waitMs);
  await terminal.sendKeys('q');
  expect(await terminal.waitForExit(waitMs), 0, 'the end of the console');
  await terminal.kill();
  expect((await controller.stop(waitMs)).code, 0, `the end of the controller (${controller.logs()})`);
  await nats.stop();
}

/** The demo: three controllers become a cluster, and all of it ends with it. @throws where it does not. */
export async function demo(installed: Installed): Promise<void> {
  const running = await installed.start(['demo', '--headless']);
  await running.waitForLog('3 of 3 voters', waitMs);
  running.signal('SIGINT');
  expect((await running.waitForExit(waitMs)).code, 0, `the end of the demo (${running.logs()})`);
}

function expect<Value>(found: Value, wanted: Value, what: string): void {
  if (found !== wanted) throw new Error(`${what}: ${String(found)} in place of ${String(wanted)}`);
}
