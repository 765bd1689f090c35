/** The commands against three real controllers and two routers. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {
  entitySchema,
  eventSchema,
  nodeStatusSchema,
  operationPlanSchema,
  operationSchema,
  routerViewSchema,
} from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { type FinishedProcess, quorateMain, runQuorate, startProcess, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

let cluster: TestCluster;

test.before(async () => {
  cluster = await startCluster({ controllers: 3, routers: 2 });
});

const environment = () => ({
  QUORATE_NATS: cluster.natsUrl,
  QUORATE_CLUSTER: cluster.name,
  QUORATE_AS: 'tester',
  XDG_CONFIG_HOME: temporaryDirectory('xdg'),
});

function run(...args: readonly string[]): Promise<FinishedProcess> {
  return runQuorate(args, { env: environment() });
}

function json(finished: FinishedProcess): unknown {
  if (finished.code !== 0) throw new Error(`exit code ${finished.code}: ${finished.stderr}`);
  return JSON.parse(finished.stdout);
}

test.serial('status: a sentence, a table, exit code 0; JSON of the documented shape', async (t) => {
  const { code, stdout } = await run('status');
  t.is(code, 0, stdout);
  t.regex(stdout, /^● Healthy: 3 of 3 voters, leader n\d, survives 1 failure/);
  t.regex(stdout, /\nn1 .*\nn2 .*\nn3 /);
  const shape = json(await run('status', '--json')) as { health: { level: string }; controllers: unknown[] };
  t.is(shape.health.level, 'ok');
  t.is(shape.controllers.map((each) => nodeStatusSchema.parse(each)).length, 3);
});

test.serial('members: who is in it, who leads, who waits to join', async (t) => {
  await cluster.startBlank('n4');
  const { stdout } = await run('members');
  t.regex(stdout, /Blank, may join: n4 {2}quorate members join n4/);
  const shape = json(await run('members', '--json')) as {
    leader: string;
    members: { id: string; role: string; leads: boolean }[];
    blank: string[];
  };
  t.deepEqual(shape.blank, ['n4']);
  t.deepEqual(
    shape.members.map((each) => [each.id, each.role]),
    [
      ['n1', 'voter'],
      ['n2', 'voter'],
      ['n3', 'voter'],
    ],
  );
  t.is(shape.members.find((each) => each.leads)?.id, shape.leader);
});

test.serial('a dry run shows checks and effect, and changes nothing', async (t) => {
  const plan = operationPlanSchema.parse(json(await run('members', 'join', 'n4', '--dry-run', '--json')));
  t.true(plan.mayRun);
  t.deepEqual([plan.before.voters, plan.after.voters], [3, 4]);
  const { code, stdout } = await run('members', 'join', 'n4', '--dry-run');
  t.is(code, 0);
  t.regex(stdout, /voters +3 → 4[\s\S]*Nothing was changed/);
  t.is((json(await run('operations', '--json')) as { operations: unknown[] }).operations.length, 2);
});

test.serial('without a terminal and without --yes nothing is begun', async (t) => {
  const { code, stderr } = await run('members', 'join', 'n4');
  t.is(code, 1);
  t.regex(stderr, /\(not-confirmed\)/);
});

test.serial('a check that fails is named, with exit code 1', async (t) => {
  const { code, stderr } = await run('members', 'join', 'n9', '--yes', '--json');
  t.is(code, 1);
  t.like(JSON.parse(stderr), { error: { code: 'check-failed' } });
});

test.serial('join, transfer, remove: progress on stderr, the result on stdout, the record afterwards', async (t) => {
  t.timeout(120_000);
  const joined = await run('members', 'join', 'n4', '--role', 'learner', '--yes');
  t.is(joined.code, 0, joined.stderr);
  t.regex(joined.stdout, /^✔ n4 is a learner \(operation /);
  t.regex(joined.stderr, /✔ Add n4 as a learner/);
  const target = (await cluster.followers()).find((id) => id !== 'n4') ?? '';
  const transferred = operationSchema.parse(json(await run('members', 'transfer', target, '--yes', '--json')));
  t.is(transferred.state, 'done');
  t.is(await cluster.leader(), target);
  const removed = await run('members', 'remove', 'n4', '--yes', '--i-understand', 'n4', '--detach');
  t.is(removed.code, 0, removed.stderr);
  const watched = await run('operations', 'watch', removed.stdout.trim());
  t.is(watched.code, 0, watched.stderr);
  t.regex((await run('operations', 'show', removed.stdout.trim())).stdout, /^Remove n4 {2}done\n.*asked for by tester/);
  t.deepEqual((json(await run('members', '--json')) as { removed: string[] }).removed, ['n4']);
});

test.serial('what cannot be taken back is named in a script, and nothing is asked before', async (t) => {
  const follower = (await cluster.followers())[0] ?? '';
  const refused = async (...args: readonly string[]) => {
    const { code, stderr } = await run(...args, '--json');
    t.is(code, 1);
    return (JSON.parse(stderr) as { error: { code: string; message: string; remedy: string } }).error;
  };
  t.regex((await refused('members', 'remove', follower, '--yes')).message, /--yes alone does not begin/);
  t.regex((await refused('migrate', '--rollback', '--yes')).remedy, /--yes --i-understand NAME/);
  const other = await refused('members', 'remove', follower, '--yes', '--i-understand', 'n9');
  t.is(other.code, 'not-confirmed');
  t.regex(other.message, new RegExp(`it is about ${follower}, not n9`));
  t.is(cluster.statuses().get(follower)?.state, 'member');
});

test.serial('an operation is cancelled, says by whom and from where, and is not resumed', async (t) => {
  const follower = (await cluster.followers())[0] ?? '';
  const begun = await run('upgrade', follower, '--yes', '--detach');
  t.is(begun.code, 0, begun.stderr);
  const id = begun.stdout.trim();
  t.is((await run('operations', 'resume', id, '--detach')).stdout.trim(), id, 'it runs: there is nothing to resume');
  const cancelled = await run('operations', 'cancel', id);
  t.is(cancelled.code, 0, cancelled.stderr);
  t.regex(cancelled.stdout, /^✔ Cancelled: what it had done is taken back \(operation /);
  const again = operationSchema.parse(json(await run('operations', 'cancel', id, '--json')));
  t.is(again.state, 'cancelled');
  t.regex(
    (await run('operations', 'show', id)).stdout,
    /asked for by tester from .*@[\s\S]*\ncancelled by tester from .*@/,
  );
  const resumed = await run('operations', 'resume', id, '--yes', '--json');
  t.like(JSON.parse(resumed.stderr), { error: { code: 'not-resumable' } });
  t.is((await run('operations', 'cancel', 'nothing')).code, 1);
});

test.serial('model: create, get, list, update, delete', async (t) => {
  const created = json(
    await run(
      'model',
      'create',
      'service',
      '--name',
      'web',
      '--tag',
      'site=berlin',
      '--set',
      'terminatorStrategy=weighted',
      '--json',
    ),
  ) as { entity: unknown };
  const entity = entitySchema.parse(created.entity);
  t.like(entity, { name: 'web', version: 1, tags: { site: 'berlin' }, spec: { terminatorStrategy: 'weighted' } });
  t.regex((await run('model', 'list', 'service')).stdout, /^NAME.*\nweb +/);
  const yaml = (await run('model', 'get', 'service', 'web')).stdout;
  const file = path.join(temporaryDirectory('model'), 'web.yaml');
  writeFileSync(file, yaml.replace('weighted', 'random'));
  t.is((await run('model', 'update', '-f', file)).code, 0);
  const stale = await run('model', 'update', '-f', file);
  t.is(stale.code, 1);
  t.regex(stale.stderr, /\(version-mismatch\)/);
  t.is((await run('model', 'update', 'service', 'web', '--tag', 'site-')).code, 0);
  t.like(json(await run('model', 'get', 'service', entity.id, '--json')), {
    entity: { version: 3, tags: {}, spec: { terminatorStrategy: 'random' } },
  });
  t.is((await run('model', 'delete', 'service', 'web')).code, 1);
  t.is((await run('model', 'delete', 'service', 'web', '--yes')).code, 0);
  t.is((await run('model', 'get', 'service', 'web')).code, 1);
});

test.serial('model create reads several documents from standard input', async (t) => {
  const input = ['alice', 'bob'].map((name) => JSON.stringify({ kind: 'identity', name })).join('\n---\n');
  const { code, stdout, stderr } = await runQuorate(['model', 'create', '-f', '-', '--json'], {
    env: environment(),
    input,
  });
  t.is(code, 0, stderr);
  t.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { entity: { name: string } }).entity.name),
    ['alice', 'bob'],
  );
});

test.serial('refusals of the controllers are shown as they say them', async (t) => {
  const { code, stderr } = await run('model', 'create', 'service', '--name', 'x', '--set', 'port=1');
  t.is(code, 1);
  t.regex(stderr, /port: there is no such field \(invalid-entity\)/);
  t.regex(
    (await run('model', 'list', 'servce')).stderr,
    /there is no kind "servce" \(unknown-kind\)\n {2}Did you mean "service"\?/,
  );
});

test.serial('routers', async (t) => {
  const shape = json(await run('routers', '--json')) as { known: number; online: number; routers: unknown[] };
  t.deepEqual([shape.known, shape.online], [2, 2]);
  for (const each of shape.routers) routerViewSchema.parse(each);
  t.regex((await run('routers')).stdout, /^2 routers, 2 online, \d in sync\n/);
});

test.serial('events: from the past without a gap to the present, each once', async (t) => {
  const past = await run('events', '--since', '0', '--no-follow', '--json');
  const events = past.stdout
    .trim()
    .split('\n')
    .map((line) => eventSchema.parse(JSON.parse(line)));
  t.true(events.length >= 5);
  const following = await startQuorate(['events', '--since', '0', '--json', '--count', String(events.length + 2)], {
    env: environment(),
  });
  await following.waitForLog((logs) => logs.split('\n').length > events.length);
  for (const name of ['carol', 'dave']) await run('model', 'create', 'identity', '--name', name);
  t.is((await following.waitForExit()).code, 0);
  const indexes = following
    .stdout()
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { position: { index: number } }).position.index);
  t.deepEqual(
    indexes,
    [...new Set(indexes)].sort((a, b) => a - b),
  );
  t.is(indexes.length, events.length + 2);
});

test.serial('events ends with 130 on SIGINT', async (t) => {
  const following = await startQuorate(['events', '--since', '0'], { env: environment() });
  await following.waitForLog('identity alice created');
  following.signal('SIGINT');
  t.is((await following.waitForExit()).code, 130);
  t.is(following.stderr(), '');
});

test.serial('events ends quietly when its reader has gone', async (t) => {
  const command = `"${process.execPath}" "${quorateMain}" events --since 0 --json | head -1; echo "code \${PIPESTATUS[0]}"`;
  const pipe = await startProcess('bash', ['-c', command], { env: environment() });
  await pipe.waitForLog('"namespace":"entityChange"');
  let turn = 0;
  await eventually(
    async () => {
      turn += 1;
      await cluster.api.request('model.create', { kind: 'identity', name: `reader-${turn}` });
      return !pipe.isRunning();
    },
    { what: 'the end of events', intervalMs: 100 },
  );
  t.regex(pipe.stdout(), /\ncode 0\n$/);
  t.is(pipe.stderr(), '');
});

test.serial('snapshot: written by a controller, verified here; damage is found', async (t) => {
  const made = json(await run('snapshot', 'create', '--node', 'n2', '--name', 'a.db', '--json')) as {
    node: string;
    path: string;
  };
  t.is(made.node, 'n2');
  const inspected = await run('snapshot', 'inspect', made.path);
  t.is(inspected.code, 0, inspected.stderr);
  t.regex(inspected.stdout, /whole and undamaged[\s\S]*written .* by n2/);
  const damaged = path.join(temporaryDirectory('damaged'), 'a.db');
  writeFileSync(damaged, readFileSync(made.path, 'latin1').replaceAll('alice', 'alicf'), 'latin1');
  const refused = await run('snapshot', 'inspect', damaged);
  t.is(refused.code, 1, refused.stdout);
  t.regex(refused.stderr, /\(snapshot-invalid\)/);
});

test.serial('completion asks the running cluster, and says nothing where it is not there', async (t) => {
  // Bounded as it is, a slow machine may have to be asked twice.
  const offers = (words: readonly string[], isThere: (names: readonly string[]) => boolean) =>
    eventually(
      async () => {
        const { stdout, stderr } = await run('__complete', ...words);
        t.is(stderr, '');
        return isThere(stdout.split('\n').filter((name) => name !== ''));
      },
      { what: `completion of ${words.join(' ')}`, timeoutMs: 60_000 },
    );
  await offers(['members', 'transfer', 'n'], (names) => names.includes('n2') && !names.includes('n4'));
  await offers(['members', 'remove', 'x'], (names) => names.length === 0);
  await offers(['operations', 'show', ''], (names) => names.length > 2);
  await offers(['operations', 'cancel', ''], (names) => names.length === 0);
  await offers(['restore', '--node', 'n2', ''], (names) => names.includes('a.db'));
  await offers(['restore', '--node', 'n1', 'a'], (names) => names.length === 0);
  await offers(
    ['events', '--router', 'none,'],
    (names) => names.length === 2 && names[0]?.startsWith('none,') === true,
  );
  await run('model', 'create', 'service', '--id', 'svc-1', '--name', 'for-completion');
  await offers(['model', 'get', 'service', ''], (names) => names.includes('for-completion') && names.includes('svc-1'));
  const gone = { ...environment(), QUORATE_NATS: 'nats://127.0.0.1:1' };
  for (const words of [
    ['members', 'remove', ''],
    ['operations', 'show', ''],
    ['members', 'remove', '--nats', 'nonsense://', ''],
    ['members', 'remove', '--context', 'none-of-this-name', ''],
  ]) {
    const { code, stdout, stderr } = await runQuorate(['__complete', ...words], { env: gone });
    t.deepEqual([code, stdout, stderr], [0, '', ''], words.join(' '));
  }
});

test.serial('status says what is lost when there is no quorum, with exit code 1', async (t) => {
  const [first = '', second = ''] = await cluster.followers();
  await Promise.all([cluster.kill(first), cluster.kill(second)]);
  await cluster.waitUntil(
    (statuses) => [...statuses.values()].every((status) => status.raft?.hasQuorum !== true),
    'the quorum to be lost',
  );
  const { code, stdout } = await run('status');
  t.is(code, 1);
  t.regex(stdout, /NO QUORUM/);
  const listed = await run('members', '--timeout', '500ms');
  t.is(listed.code, 1);
  t.regex(listed.stdout, /No leader answers/);
});
