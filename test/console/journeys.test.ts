/** Whole journeys by keys, in a real terminal, against real controllers. */
import test from 'ava';
import { findTool } from '../support/checkout.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import type { Terminal } from '../support/tmux.js';
import { command, confirm, consoleOn, verified, waitMs } from './operator.js';

/** An entity in the operator's editor; while it lies there, somebody else changes it too. */
async function editByKeys(terminal: Terminal, cluster: TestCluster): Promise<void> {
  const entity = { kind: 'service', id: 'billing' };
  await cluster.api.request('model.create', { ...entity, name: 'billing', tags: { zone: 'old' } });
  await terminal.sendKeys('Escape', '4', 'Tab');
  await terminal.waitForText('zone=old', waitMs);
  await terminal.sendKeys('e');
  await terminal.waitForText('Type billing to write it', waitMs);
  await cluster.api.request('model.update', { ...entity, patch: { tags: { team: 'theirs' } } });
  await terminal.type('billing');
  await terminal.sendKeys('Enter');
  await terminal.waitForText('was not written', waitMs);
  await terminal.sendKeys('r');
  await terminal.waitForText('Type billing to write it', waitMs);
  await terminal.type('billing');
  await terminal.sendKeys('Enter');
  await terminal.waitForText('service billing changed, version 3', waitMs);
}

/** A snapshot by its word, and the model of that moment back by keys. */
async function restoreByKeys(terminal: Terminal, cluster: TestCluster): Promise<void> {
  const leader = await cluster.leader();
  await terminal.sendKeys('9');
  await terminal.waitForText('Schedules', waitMs);
  await command(terminal, `snapshot ${leader}`);
  await terminal.waitForText(/▸ \d{4}-/u, waitMs);
  await cluster.api.request('model.delete', { kind: 'service', id: 'billing' });
  await terminal.sendKeys('Enter');
  await terminal.waitForText(/Restore \S+\.snapshot \.\.\./u, waitMs);
  await terminal.sendKeys('2');
  await confirm(terminal, cluster.name);
  await terminal.waitForText(verified, waitMs);
  await terminal.sendKeys('Escape');
  await terminal.waitForText('Healthy: 4 of 4 voters', waitMs);
}

if (findTool('tmux') === undefined) {
  test('journeys through the console need tmux', (t) => t.fail('tmux is not installed: apt-get install tmux'));
} else {
  test.serial('join, hand over, edit, restore and remove, all by keys', async (t) => {
    t.timeout(180_000);
    const cluster = await startCluster({ controllers: 3, routers: 2 });
    await cluster.startBlank('n4');
    const terminal = await consoleOn(cluster);
    await terminal.waitForText('Healthy: 3 of 3 voters', waitMs);
    await terminal.waitForText('n4 is blank and waits to be joined', waitMs);
    await terminal.waitForText('2 of 2 online', waitMs);

    // By the keys that stand beside what needs attention.
    await terminal.waitForText(/n4 is blank and waits to be joined\. +m1/u, waitMs);
    await terminal.sendKeys('m');
    await terminal.waitForText('Join n4 to the cluster', waitMs);
    await terminal.sendKeys('1');
    const plan = await terminal.waitForText('Type n4 to confirm', waitMs);
    t.regex(plan, /Voters +3 → 4/u);
    await terminal.type('n3');
    await terminal.sendKeys('Enter');
    await terminal.waitForText('Type n4 to confirm.', waitMs);
    t.is((await cluster.api.request('operation.list', {})).operations.length, 2, 'only what made the cluster ran yet');
    await terminal.sendKeys('C-u');
    await confirm(terminal, 'n4');
    await terminal.waitForText(verified, waitMs);
    await terminal.waitForText('Healthy: 4 of 4 voters', waitMs);
    const joined = await cluster.api.request('members.list', {});
    t.deepEqual(
      joined.members.map(({ id, role }) => `${id} ${role}`),
      ['n1 voter', 'n2 voter', 'n3 voter', 'n4 voter'],
    );

    await terminal.sendKeys('Escape');
    await command(terminal, 'transfer n4');
    await confirm(terminal, 'n4');
    await terminal.waitForText(verified, waitMs);
    await terminal.waitForText('Healthy: 4 of 4 voters, leader n4', waitMs);
    t.is(await cluster.leader(), 'n4');

    await editByKeys(terminal, cluster);
    await restoreByKeys(terminal, cluster);

    await terminal.sendKeys('1');
    await command(terminal, 'remove n2');
    await confirm(terminal, 'n2');
    await terminal.waitForText(verified, waitMs);
    await terminal.waitForText('Healthy: 3 of 3 voters', waitMs);
    t.deepEqual((await cluster.api.request('members.list', {})).removed, ['n2']);
    await cluster.waitUntil((statuses) => statuses.get('n2')?.state === 'removed', 'n2 knows that it was removed');

    const { entity } = await cluster.api.request('model.get', { kind: 'service', id: 'billing' });
    t.deepEqual(entity.tags, { zone: 'new', team: 'theirs' }, 'both changes, back from the snapshot');

    await terminal.sendKeys('Escape');
    await terminal.type('q');
    t.is(await terminal.waitForExit(), 0);
    await cluster.end();
  });

  test.serial(
    'a killed leader, a failed check, a locked console, a lost nats-server: the screen says what is so',
    async (t) => {
      const cluster = await startCluster({ controllers: 3 });
      const terminal = await consoleOn(cluster, '--read-only');
      await terminal.waitForText('Healthy: 3 of 3 voters', waitMs);
      await terminal.waitForText('locked', waitMs);
      await command(terminal, 'transfer n2');
      await terminal.waitForText('the console is locked', waitMs);
      await command(terminal, 'unlock');
      await terminal.waitForText('Unlocked', waitMs);

      const leader = await cluster.leader();
      await cluster.kill(leader);
      const degraded = await terminal.waitForText(/DEGRADED: 2 of 3 voters, leader n\d, survives no failure/u, waitMs);
      t.notRegex(degraded, new RegExp(`leader ${leader}`, 'u'));
      await terminal.waitForText(`${leader} (voter) has been silent`, waitMs);

      // Removing one of the two that are left would leave nothing that works: refused before anything is typed.
      const [other = ''] = await cluster.followers();
      await command(terminal, `remove ${other}`);
      const refused = await terminal.waitForText('A check failed', waitMs);
      t.notRegex(refused, /to confirm, then enter/u);
      await terminal.sendKeys('Escape');

      await cluster.restart(leader);
      await terminal.waitForText('Healthy: 3 of 3 voters', waitMs);
      await cluster.nats.kill();
      await terminal.waitForText('Console cut off from NATS for', waitMs);
      await cluster.nats.restart();
      await terminal.waitForText('Healthy: 3 of 3 voters', waitMs);
      await terminal.resize(50, 10);
      await terminal.waitForText('Quorate needs a terminal of', waitMs);
      await terminal.resize(80, 24);
      await terminal.waitForText('Healthy: 3 of 3 voters', waitMs);
      await terminal.type('q');
      t.is(await terminal.waitForExit(), 0);
      await cluster.end();
    },
  );
}
