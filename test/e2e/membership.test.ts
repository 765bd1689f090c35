/** Join, remove and transfer with real processes: nothing says success before the effect was seen. */
import test from 'ava';
import { QuorateError } from '../../messaging/index.js';
import { startCluster } from '../support/cluster.js';
import { startNatsServer } from '../support/nats.js';
import { runQuorate, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { startLoad } from './load.js';

test.serial(
  'a blank fourth controller joins as learner, catches up and votes; then it is removed, knows it, and is gone',
  async (t) => {
    const cluster = await startCluster({ controllers: 3 });
    const load = startLoad(cluster.api, 4);
    await load.progress(200);
    await cluster.startBlank('n4');
    const joined = await cluster.join('n4');
    t.deepEqual(
      joined.steps.map(({ step, state }) => `${step} ${state}`),
      ['prepare-candidate done', 'add-learner done', 'catch-up done', 'promote done'],
    );
    t.true(joined.verifications.every(({ state }) => state === 'done'));
    await cluster.waitUntil(
      (statuses) => ['n1', 'n2', 'n3', 'n4'].every((id) => statuses.get(id)?.raft?.configuration.voters.length === 4),
      'all know four voters',
    );
    const before = await cluster.api.request('members.list', {});
    t.deepEqual(
      before.members.map(({ id, role }) => `${id} ${role}`),
      ['n1 voter', 'n2 voter', 'n3 voter', 'n4 voter'],
    );

    const removed = await cluster.remove('n4');
    t.is(removed.state, 'done');
    const after = await cluster.api.request('members.list', {});
    t.deepEqual(
      after.members.map(({ id }) => id),
      ['n1', 'n2', 'n3'],
      'the committed configuration no longer holds it',
    );
    t.deepEqual(after.removed, ['n4']);
    await cluster.waitUntil((statuses) => statuses.get('n4')?.state === 'removed', 'n4 knows that it was removed');
    await load.progress(100);
    await load.stop();
    t.deepEqual(load.failures, []);

    await cluster.restart('n4');
    await cluster.waitUntil((statuses) => statuses.get('n4')?.state === 'removed', 'n4 still knows it after a restart');
    const refused = await t.throwsAsync(cluster.api.request('operation.start', { workflow: 'join', node: 'n4' }), {
      instanceOf: QuorateError,
    });
    t.is((refused as QuorateError).code, 'check-failed', 'its id is never used again');
    await cluster.end();
  },
);

test.serial('a member that is removed while it is away learns of it when it comes back', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  const [away = ''] = await cluster.followers();
  await cluster.kill(away);
  const operation = await cluster.remove(away);
  t.is(operation.state, 'done');
  await cluster.restart(away);
  await cluster.waitUntil((statuses) => statuses.get(away)?.state === 'removed', `${away} knows that it was removed`);
  const leader = await cluster.leader();
  const term = cluster.statuses().get(leader)?.raft?.term;
  await cluster.agrees();
  t.is(cluster.statuses().get(leader)?.raft?.term, term, 'it disturbed nobody');
  await cluster.end();
});

test.serial('a learner that is removed while it is away learns of it too: it never speaks first', async (t) => {
  const cluster = await startCluster({ controllers: 1 });
  await cluster.startBlank('n2');
  await cluster.join('n2', 'learner');
  await cluster.kill('n2');
  t.is((await cluster.remove('n2')).state, 'done');
  await cluster.restart('n2');
  await cluster.waitUntil(
    (statuses) => statuses.get('n2')?.state === 'removed',
    'n2 knows that it was removed',
    60_000,
  );
  await cluster.restart('n2');
  await cluster.waitUntil((statuses) => statuses.get('n2')?.state === 'removed', 'n2 still knows it', 60_000);
  await cluster.end();
});

test.serial('the leader itself is removed: leadership is handed over first, and the operation goes on', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  const leader = await cluster.leader();
  const load = startLoad(cluster.api, 4);
  await load.progress(100);
  const operation = await cluster.remove(leader);
  t.is(operation.state, 'done');
  t.not(operation.runner, leader, 'another controller finished it');
  await load.progress(100);
  await load.stop();
  t.deepEqual(load.failures, []);
  await cluster.waitUntil(
    (statuses) => statuses.get(leader)?.state === 'removed',
    `${leader} knows that it was removed`,
  );
  await cluster.end();
});

test.serial('the leader is killed in the middle of a join: the next one finishes it', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  await cluster.startBlank('n4');
  const leader = await cluster.leader();
  const { id } = await cluster.api.request('operation.start', { workflow: 'join', node: 'n4' });
  await cluster.kill(leader);
  const goal = Date.now() + 60_000;
  for (;;) {
    const operation = await cluster.api.request('operation.get', { id });
    if (operation.state !== 'running' && operation.state !== 'rolling-back') {
      t.is(operation.state, 'done', JSON.stringify(operation.error));
      t.not(operation.runner, leader);
      break;
    }
    if (Date.now() > goal)
      return t.fail(`the operation is still ${operation.state}: ${JSON.stringify(operation.steps)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await cluster.restart(leader);
  await cluster.agrees();
  t.is(cluster.statuses().get(leader)?.raft?.configuration.voters.length, 4);
  await cluster.end();
});

test.serial('leadership is transferred to the voter that is named', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  const [target = ''] = await cluster.followers();
  const load = startLoad(cluster.api, 4);
  await load.progress(100);
  load.longestGapMs();
  t.is((await cluster.transfer(target)).state, 'done');
  await load.progress(100);
  t.log(`longest gap in writes: ${Math.round(load.longestGapMs())} ms`);
  await load.stop();
  t.is(await cluster.leader(), target);
  t.deepEqual(load.failures, []);
  await cluster.end();
});

test.serial(
  'a controller that is to begin a cluster where one is there already refuses, and says what to do',
  async (t) => {
    const cluster = await startCluster({ controllers: 1 });
    const refused = await runQuorate([
      'node',
      '--cluster',
      cluster.name,
      '--id',
      'n9',
      '--data-dir',
      temporaryDirectory('n9'),
      '--nats',
      cluster.natsUrl,
      '--bootstrap',
    ]);
    t.is(refused.code, 1);
    t.regex(refused.stderr, /is there already: n1/);
    t.regex(refused.stderr, /quorate members join n9/);
    await cluster.end();
  },
);

test.serial(
  'two controllers that each began a cluster of one name stay apart: neither can join the other',
  async (t) => {
    const cluster = await startCluster({ controllers: 1 });
    const elsewhere = await startNatsServer();
    const directory = temporaryDirectory('n2');
    const argumentsFor = (url: string, ...more: string[]): string[] => [
      'node',
      '--cluster',
      cluster.name,
      '--id',
      'n2',
      '--data-dir',
      directory,
      '--nats',
      url,
      ...more,
    ];
    // It began its own where it could not hear the first one.
    const alone = await startQuorate(argumentsFor(elsewhere.url, '--bootstrap'), { name: 'n2' });
    await alone.waitForLog('began a new cluster');
    await alone.stop();
    const beside = await startQuorate(argumentsFor(cluster.natsUrl), { name: 'n2' });
    const [one, two] = await eventually(
      async () => {
        const heard = await cluster.api.collectStatus(200);
        return (
          heard.length === 2 &&
          heard.every(({ raft, alarms }) => raft?.role === 'leader' && alarms.length === 1) &&
          heard
        );
      },
      { what: 'both to lead their own, and to tell of the other' },
    );
    t.not(one?.clusterId, two?.clusterId);
    t.is(one?.alarms[0]?.code, 'foreign-cluster');
    t.regex(one?.alarms[0]?.message ?? '', /n2/);
    const error = await t.throwsAsync(
      cluster.api.request('operation.start', { workflow: 'join', node: 'n2' }, { node: 'n1' }),
      { instanceOf: QuorateError },
    );
    t.is((error as QuorateError).code, 'check-failed');
    t.regex(JSON.stringify((error as QuorateError).details), /bootstrapped on its own/);
    const after = await cluster.api.collectStatus(200);
    t.deepEqual(
      after.map(({ raft }) => raft?.configuration.voters),
      [['n1'], ['n2']],
      'nothing was changed',
    );
    await beside.stop();
    await cluster.end();
  },
);
