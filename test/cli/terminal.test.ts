/** The commands on a real terminal: the typed confirmation, tables that fit, watching. */
import path from 'node:path';
import test from 'ava';
import { cells } from '../../console/state/text.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { findTool, startTerminal, type Terminal } from '../support/tmux.js';

const withTerminal = findTool('tmux') === undefined ? test.serial.skip : test.serial;
const main = path.join(import.meta.dirname, '..', '..', 'console', 'main.js');
let cluster: TestCluster;

test.before(async () => {
  if (findTool('tmux') !== undefined) cluster = await startCluster({ controllers: 3, routers: 1 });
});

function start(args: readonly string[], columns = 100): Promise<Terminal> {
  const env = {
    QUORATE_NATS: cluster.natsUrl,
    QUORATE_CLUSTER: cluster.name,
    XDG_CONFIG_HOME: temporaryDirectory('xdg'),
  };
  return startTerminal([process.execPath, main, ...args], { env, columns });
}

withTerminal('a removal asks for the id to be typed; anything else changes nothing', async (t) => {
  const [follower = ''] = await cluster.followers();
  const terminal = await start(['members', 'remove', follower]);
  await terminal.waitForText(`Type ${follower} to remove ${follower}:`);
  await terminal.type('yes');
  await terminal.sendKeys('Enter');
  await terminal.waitForText('(not-confirmed)');
  t.is(await terminal.waitForExit(), 1);
  t.true(cluster.statuses().get(follower)?.raft?.configuration.voters.includes(follower));
  await terminal.kill();
});

withTerminal('Ctrl-C at the question changes nothing, with 130', async (t) => {
  const [follower = ''] = await cluster.followers();
  const terminal = await start(['members', 'remove', follower]);
  await terminal.waitForText(`Type ${follower} to remove ${follower}:`);
  await terminal.sendKeys('C-c');
  t.is(await terminal.waitForExit(), 130);
  t.true(cluster.statuses().get(follower)?.raft?.configuration.voters.includes(follower));
  await terminal.kill();
});

withTerminal('typed, a transfer runs, shows its steps, and says what it has reached', async (t) => {
  const [follower = ''] = await cluster.followers();
  const terminal = await start(['members', 'transfer', follower]);
  const asked = await terminal.waitForText(/Type (\S+) to transfer leadership/);
  await terminal.type(/Type (\S+) to transfer/.exec(asked)?.[1] ?? '');
  await terminal.sendKeys('Enter');
  await terminal.waitForText(`✔ ${follower} leads (operation`);
  t.is(await terminal.waitForExit(), 0);
  t.is(await cluster.leader(), follower);
  await terminal.kill();
});

withTerminal('tables fit a narrow terminal, and are coloured on it', async (t) => {
  const terminal = await start(['status'], 50);
  t.is(await terminal.waitForExit(), 0);
  const screen = await terminal.capture();
  t.regex(screen, /ID +ROLE +TERM/);
  for (const line of screen.split('\n').filter((each) => /^n\d|^ID/.test(each))) t.true(cells(line) <= 50, line);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
  t.regex(await terminal.captureWithEscapes(), /\u001b\[32m/);
  await terminal.kill();
});

withTerminal('--watch draws in place and follows what happens, until Ctrl-C', async (t) => {
  const terminal = await start(['status', '--watch']);
  await terminal.waitForText('Healthy: 3 of 3 voters');
  const [follower = ''] = await cluster.followers();
  await cluster.kill(follower);
  const screen = await terminal.waitForText(/DEGRADED: 2 of 3 voters/);
  t.is(screen.match(/^ID /gm)?.length, 1);
  await cluster.restart(follower);
  await terminal.waitForText('Healthy: 3 of 3 voters');
  await terminal.sendKeys('C-c');
  t.is(await terminal.waitForExit(), 130);
  await terminal.kill();
});
