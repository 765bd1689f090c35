/** `quorate verify` and the leader's own comparison, on real controllers: what agrees, what was changed, who is away. */
import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import type { ClusterEvent } from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { runQuorate } from '../support/process.js';
import { eventually } from '../support/wait.js';
import { writeEntities } from './directories.js';

let cluster: TestCluster;
const timeoutMs = 300_000;

test.before(async () => {
  cluster = await startCluster({ controllers: 3, nodeArguments: ['--compare-every', '500ms'] });
  await writeEntities(cluster, 20);
});

interface Told {
  readonly code: number | null;
  readonly agree: boolean;
  readonly position: { readonly index: number } | null;
  readonly groups: readonly { readonly sha256: string; readonly nodes: readonly string[] }[];
  readonly agreeing: readonly string[];
  readonly differing: readonly string[];
  readonly missing: readonly { readonly node: string; readonly reason: string }[];
}

async function verify(): Promise<Told> {
  const args = ['verify', '--json', '--nats', cluster.natsUrl, '--cluster', cluster.name];
  const { code, stdout, stderr } = await runQuorate(args, { timeoutMs: 180_000 });
  if (stdout === '') throw new Error(stderr);
  return { code, ...JSON.parse(stdout) };
}

/** Changes one row of a stopped member's model, as nothing of ours would, and starts it again. */
async function change(id: string, from: string, to: string): Promise<void> {
  await cluster.stop(id);
  const model = new Database(join(cluster.node(id).dataDirectory, 'model.db'));
  const { changes } = model
    .prepare(`UPDATE entities SET body = replace(body, ?, ?) WHERE kind = 'identity' AND name = 'entity-7'`)
    .run(from, to);
  model.close();
  if (changes !== 1) throw new Error('no row was changed');
  await cluster.restart(id);
  await cluster.settles();
}

const alarms = (): readonly string[] =>
  [...cluster.statuses().values()].flatMap((status) =>
    status.alarms.filter((alarm) => alarm.code === 'model-differs').map((alarm) => `${status.node}: ${alarm.message}`),
  );

test.serial('members that agree: one hash, at one position', async (t) => {
  const told = await verify();
  t.is(told.code, 0, JSON.stringify(told));
  t.true(told.agree);
  t.deepEqual(told.groups[0]?.nodes, ['n1', 'n2', 'n3']);
  t.deepEqual(told.missing, []);
  t.regex(told.groups[0]?.sha256 ?? '', /^[0-9a-f]{64}$/);
});

test.serial('also while writes go on, at one position that they came to', async (t) => {
  t.timeout(timeoutMs);
  let isWriting = true;
  let written = 0;
  const writers = Array.from({ length: 3 }, async (_, writer) => {
    for (let each = 0; isWriting; each++) {
      await cluster.api.request(
        'model.create',
        { kind: 'identity', name: `w${writer}-${each}`, spec: {} },
        { timeoutMs: 60_000 },
      );
      written += 1;
    }
  });
  await eventually(() => written > 100, { what: 'writes' });
  const before = written;
  const told = await verify();
  const after = written;
  isWriting = false;
  await Promise.all(writers);
  t.true(after > before, 'writes went on');
  t.is(told.groups.length, 1);
  // On a machine that is very busy one of them may miss it each time; then it is named.
  t.true((told.groups[0]?.nodes.length ?? 0) + told.missing.length === 3 && (told.groups[0]?.nodes.length ?? 0) > 1);
  t.true((told.position?.index ?? 0) > before, 'it was chosen while they wrote');
  t.true(told.agree);
});

test.serial('one row that was changed on one member: command, alarm and event name it', async (t) => {
  t.timeout(timeoutMs);
  const events: ClusterEvent[] = [];
  const stop = cluster.api.watchEvents((event) => {
    if (event.namespace === 'cluster') events.push(event);
  }, 'cluster.model.differs');
  const [victim = '', other = ''] = await cluster.followers();
  t.deepEqual(alarms(), []);
  await change(victim, '"version":1', '"version":2');

  const told = await verify();
  t.is(told.code, 1);
  t.false(told.agree);
  t.deepEqual(told.differing, [victim]);
  t.is(told.agreeing.length, 2);
  const { code, stderr, stdout } = await runQuorate([
    ...['verify', '--nats', cluster.natsUrl, '--cluster', cluster.name],
  ]);
  t.is(code, 1);
  t.regex(stderr, new RegExp(`the model of ${victim} differs from that of`));
  t.regex(stdout, /the models differ at r\d+@1/);

  const raised = new RegExp(`^${await cluster.leader()}: the model of ${victim} differs from that of`);
  await cluster.waitUntil(() => alarms().some((alarm) => raised.test(alarm)), 'the alarm');
  t.is(events[0]?.message?.includes(`the model of ${victim} differs`), true);
  t.deepEqual(
    events[0]?.peers?.map((peer) => peer.id),
    [victim],
  );

  // Whoever leads finds out by itself; who no longer leads says nothing of it.
  await cluster.transfer(other);
  const byOther = new RegExp(`^${other}: the model of ${victim} differs`);
  await cluster.waitUntil(
    () => alarms().length === 1 && byOther.test(alarms()[0] ?? ''),
    'the alarm of the new leader',
  );

  await change(victim, '"version":2', '"version":1');
  await cluster.waitUntil(() => alarms().length === 0, 'the end of the alarm');
  t.true((await verify()).agree);
  stop();
});

test.serial(
  'what the command sees is an alarm at once, however seldom the leader looks by itself; and ends as soon',
  async (t) => {
    const rare = await startCluster({ controllers: 3, name: 'rare', nodeArguments: ['--compare-every', '1h'] });
    const alarmed = (): boolean =>
      [...rare.statuses().values()].some(({ alarms: raised }) => raised.some(({ code }) => code === 'model-differs'));
    const [victim = ''] = await rare.followers();
    const flip = async (from: string, to: string): Promise<void> => {
      await rare.stop(victim);
      const database = new Database(join(rare.node(victim).dataDirectory, 'model.db'));
      t.is(database.prepare('UPDATE entities SET body = replace(body, ?, ?)').run(from, to).changes, 1);
      database.close();
      await rare.restart(victim);
      await rare.settles();
    };
    const compare = () => runQuorate(['verify', '--nats', rare.natsUrl, '--cluster', 'rare']);
    await rare.api.request('model.create', { kind: 'identity', name: 'one', spec: {} });
    await rare.agrees();
    await flip('"name":"one"', '"name":"two"');
    const { code, stderr } = await compare();
    t.is(code, 1);
    t.regex(stderr, new RegExp(`quorate members replace ${victim} NEW`));
    await rare.waitUntil(alarmed, 'the alarm');
    await flip('"name":"two"', '"name":"one"');
    t.is((await compare()).code, 0);
    await rare.waitUntil(() => !alarmed(), 'the end of the alarm');
    await rare.end();
  },
);

test.serial('a member that is away is named, and the others are compared', async (t) => {
  const [away = ''] = await cluster.followers();
  await cluster.stop(away);
  const told = await verify();
  t.is(told.code, 0, JSON.stringify(told));
  t.is(told.groups[0]?.nodes.length, 2);
  t.deepEqual(
    told.missing.map(({ node }) => node),
    [away],
  );
  await cluster.restart(away);
  await cluster.settles();
});
