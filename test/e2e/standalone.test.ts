/** A controller that serves alone: the same API, events, status and routers as a cluster, and nothing acknowledged is lost. */
import test from 'ava';
import type { QuorateEvent } from '../../messaging/index.js';
import { startCluster } from '../support/cluster.js';
import { runQuorate, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { startLoad } from './load.js';

test.serial('it answers the API as a leader does, and says truthfully what it is', async (t) => {
  const cluster = await startCluster({ standalone: true, routers: 1 });
  const { api } = cluster;
  await cluster.router('r1').process?.waitForLog('"message":"live"');
  const events: QuorateEvent[] = [];
  api.watchEvents((event) => events.push(event));
  await cluster.connection.flush();

  const created = await api.request('model.create', { kind: 'service', id: 'web', name: 'web' });
  t.is(created.position.indexType, 'legacy');
  t.is(created.position.timeline.epoch, 1);
  const updated = await api.request('model.update', { kind: 'service', id: 'web', patch: { tags: { site: 'x' } } });
  t.is(updated.entity.version, 2);
  t.deepEqual((await api.request('model.get', { kind: 'service', id: 'web' })).entity, updated.entity);
  await t.throwsAsync(api.request('model.create', { kind: 'service', name: 'web' }), { code: 'name-taken' });
  const { changes } = await api.request('model.changes', { after: null });
  t.deepEqual(
    changes.map(({ type, position }) => `${type} ${position.indexType} ${position.index}`),
    [`created legacy ${created.position.index}`, `updated legacy ${updated.position.index}`],
  );
  t.regex((await api.request('model.hash', {}, { node: 'n1' })).sha256 ?? '', /^[0-9a-f]{64}$/);
  const { members, leader, removed } = await api.request('members.list', {});
  t.deepEqual([members.map(({ id, role }) => `${id} ${role}`), leader, removed], [['n1 voter'], 'n1', []]);

  const status = await api.request('status.get', {}, { node: 'n1' });
  t.is(status.state, 'standalone');
  t.is(status.raft, null);
  t.is(status.position?.indexType, 'legacy');
  t.is(status.storage?.entities['service'], 1);

  await eventually(() => events.filter((event) => event.namespace === 'entityChange').length === 2, {
    what: 'both changes to be published',
  });
  t.false(
    events.some((event) => event.namespace === 'cluster' && event.eventType.startsWith('leadership')),
    'where nobody can follow, nobody leads',
  );
  await cluster.router('r1').process?.waitForLog('service web updated');
  const view = await eventually(
    async () => (await api.request('routers.list', {})).routers.find((router) => router.inSync),
    { what: 'the router to be in sync' },
  );
  t.is(view.position?.indexType, 'legacy');

  for (const parameters of [
    { workflow: 'join', node: 'n2' },
    { workflow: 'remove', node: 'n1' },
    { workflow: 'transfer' },
  ] as const)
    await t.throwsAsync(api.request('operation.plan', parameters), { code: 'standalone', message: /no cluster/ });
  await cluster.end();
});

test.serial(
  'it is killed again and again while it is written to: all that was acknowledged is there, once',
  async (t) => {
    const cluster = await startCluster({ standalone: true, routers: 1 });
    const load = startLoad(cluster.api, 8);
    for (let round = 0; round < 4; round += 1) {
      await load.progress(150);
      await cluster.kill('n1', 'SIGKILL');
      await cluster.restart('n1');
    }
    await load.progress(100);
    await load.stop();
    t.deepEqual(load.failures, []);
    const indexes = load.acknowledged.map(({ index }) => index);
    t.is(new Set(indexes).size, indexes.length, 'no index was given twice');
    const held = new Set((await cluster.modelOf('n1')).map(({ id }) => id));
    t.deepEqual(
      load.acknowledged.filter(({ id }) => !held.has(id)),
      [],
    );
    const { routers } = await eventually(
      async () => {
        const answer = await cluster.api.request('routers.list', {});
        return answer.routers[0]?.inSync === true && answer;
      },
      { what: 'the router to have followed' },
    );
    t.is(routers[0]?.counters['conflicts'], 0);
    t.is(
      cluster
        .router('r1')
        .logs()
        .match(/service load-\S+ created/g)?.length,
      held.size,
      'each applied once',
    );
    await cluster.end();
  },
);

test.serial('it begins beside no other, and starts as what it is whatever the command line says', async (t) => {
  const cluster = await startCluster({ standalone: true });
  const nodeArguments = (id: string, directory: string, ...more: readonly string[]): string[] => [
    'node',
    ...['--cluster', cluster.name, '--id', id, '--nats', cluster.natsUrl, '--data-dir', directory],
    ...more,
  ];
  for (const setting of ['--standalone', '--bootstrap']) {
    const other = await runQuorate(nodeArguments('n2', temporaryDirectory('other'), setting));
    t.is(other.code, 1);
    t.regex(other.stderr, /cluster-exists|is there already/);
    t.regex(other.stderr, new RegExp(`without ${setting}`));
  }
  const { dataDirectory } = cluster.node('n1');
  await cluster.stop('n1');
  for (const [more, ignored] of [
    [[], []],
    [['--standalone'], []],
    [['--bootstrap'], ['bootstrap']],
  ] as const) {
    const again = await startQuorate(nodeArguments('n1', dataDirectory, ...more), { name: 'again' });
    await again.waitForLog('"how":"start-standalone"');
    const status = await cluster.api.request('status.get', {}, { node: 'n1' });
    t.is(status.state, 'standalone');
    t.deepEqual(status.ignoredSettings, ignored);
    await again.stop();
  }
  const both = await runQuorate(nodeArguments('n1', dataDirectory, '--bootstrap', '--standalone'));
  t.is(both.code, 2);
  const renamed = await runQuorate(nodeArguments('n9', dataDirectory));
  t.regex(renamed.stderr, /belongs to another controller/);
  await cluster.end();
});
