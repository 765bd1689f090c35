/** What an operator does at the console, in the words of the journeys. */
import path from 'node:path';
import { checkoutRoot } from '../support/checkout.js';
import type { TestCluster } from '../support/cluster.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { startTerminal, type Terminal } from '../support/tmux.js';

export const waitMs = 30_000;

/** What stands on the screen when an operation has reached its goal. */
export const verified = /Done and verified: \d verifications? saw the effect/u;

/** The console on a cluster, as an operator starts it. */
export async function consoleOn(cluster: TestCluster, ...further: readonly string[]): Promise<Terminal> {
  const main = path.join(checkoutRoot, 'dist/console/main.js');
  const where = ['--nats', cluster.natsUrl, '--cluster', cluster.name];
  return startTerminal([process.execPath, main, 'console', ...where, ...further], {
    env: { TZ: 'UTC', XDG_STATE_HOME: temporaryDirectory('state'), EDITOR: `sed -i 's/zone: old/zone: new/'` },
  });
}

/** Chooses a command by its words. */
export async function command(terminal: Terminal, words: string): Promise<void> {
  await terminal.type(':');
  await terminal.type(words);
  await terminal.waitForText(`:${words}`, waitMs);
  await terminal.sendKeys('Enter');
}

/** Types the name that the dialog asks for. */
export async function confirm(terminal: Terminal, name: string): Promise<void> {
  await terminal.waitForText(`Type ${name} to confirm`, waitMs);
  await terminal.type(name);
  await terminal.sendKeys('Enter');
}
