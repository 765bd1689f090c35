/**
 * One controller becomes a cluster, and an operation outlives the terminal that it was started from and the leader that ran it:
 * all by keys, in real terminals, against real controllers. The operation is an upgrade, because it waits for whoever installs:
 * so that terminal and leader are lost in the middle of it, however fast the machine is.
 */
import test from 'ava';
import { findTool } from '../support/checkout.js';
import { type Launch, startCluster } from '../support/cluster.js';
import { command, confirm, consoleOn, verified, waitMs } from './operator.js';

/** This build acting as one that came before it. */
const older: Launch = { env: { QUORATE_PROTOCOL_MAX: '1' } };
const newer: Launch = {};

if (findTool('tmux') === undefined) {
  test('journeys through the console need tmux', (t) => t.fail('tmux is not installed: apt-get install tmux'));
} else {
  test.serial('migrate by keys; an upgrade goes on without its terminal and without its leader', async (t) => {
    t.timeout(240_000);
    const cluster = await startCluster({ standalone: true, routers: 1, launch: older });
    const first = await consoleOn(cluster);
    await first.waitForText(/n1 .*alone/u, waitMs);
    await command(first, 'migrate n1');
    const plan = await first.waitForText(/Type \S+ to confirm/u, waitMs);
    await confirm(first, /Type (\S+) to confirm/u.exec(plan)?.[1] ?? '');
    await first.waitForText(verified, waitMs);
    t.is(await cluster.leader(), 'n1');
    await first.sendKeys('Escape');
    for (const id of ['n2', 'n3']) {
      await cluster.startBlank(id);
      await cluster.join(id);
    }

    await first.waitForText('Healthy: 3 of 3 voters', waitMs);
    await command(first, 'upgrade n3');
    await confirm(first, 'n3');
    const waiting = 'stop n3, install the new version';
    await first.waitForText(waiting, waitMs);
    await first.kill();

    const second = await consoleOn(cluster);
    await second.waitForText('Healthy: 3 of 3 voters', waitMs);
    await second.sendKeys('6');
    await second.waitForText(/▸ .*upgrade n3/u, waitMs);
    await second.sendKeys('Enter');
    const goingOn = await second.waitForText(waiting, waitMs);
    const ranBy = await cluster.leader();
    t.regex(goingOn, new RegExp(`Upgrade n3 .*running[^]*run by ${ranBy}`, 'u'));

    await cluster.kill(ranBy);
    const next = await cluster.leader();
    t.not(next, ranBy);
    const resumed = await second.waitForText(`run by ${next}`, waitMs);
    t.regex(resumed, /Upgrade n3 .*running/u);
    await cluster.restart(ranBy, newer);
    await cluster.restart('n3', newer);
    await second.waitForText(verified, waitMs);
    await second.waitForText('Healthy: 3 of 3 voters', waitMs);
    const { operations } = await cluster.api.request('operation.list', {});
    t.deepEqual(
      operations.filter(({ parameters }) => parameters.workflow === 'upgrade').map(({ state }) => state),
      ['done'],
      'once, and to its end',
    );
    await second.type('q');
    t.is(await second.waitForExit(), 0);
    await cluster.end();
  });
}
