/** The short run of hostile messages, and a flood. The long one: `npm run fuzz -- --messages 1000000`. */
import test from 'ava';
import { createApiClient } from '../../messaging/api-client.js';
import { connectNats } from '../../messaging/connection.js';
import { permissionsOf } from '../../messaging/permissions.js';
import { subjectsOf } from '../../messaging/subjects.js';
import { eventually } from '../support/wait.js';
import { anySubjectOf, reaches } from './listeners.js';
import { describeFuzz } from './report.js';
import { runFuzz, startFuzzCluster } from './run.js';
import { targetNames } from './targets.js';

const messages = 1_500;
const flood = 12_000;
/** Of one sender: a small part of what a controller can do, so that it is seen to hold. */
const requestsPerSecond = 300;
/** What one reading of the flood looks through, and how many there are: many seconds of work, if they were done at once. */
const entities = 4_000;
const readings = 8_000;
const writesInFlood = 10;
const given = process.env['FUZZ_SEED'];
/** So that a machine that has other work too holds no election for that. */
const running = startFuzzCluster([
  ...['--election-timeout', '2s', '--heartbeat-interval', '200ms'],
  ...['--requests-per-second', String(requestsPerSecond)],
]);

test.serial(
  'hostile messages on every subject: no process ends, memory and logs stay bounded, writes go on',
  async (t) => {
    t.timeout(300_000);
    const seed = given === undefined ? Date.now() % 1_000_000_000 : Number(given);
    t.log(`seed ${seed}: FUZZ_SEED=${seed} npm test -- test/fuzz/fuzz.test.ts`);
    const report = await runFuzz(await running, { messages, seed, say: () => undefined });
    for (const line of describeFuzz(report)) t.log(line);
    t.deepEqual(report.problems, []);
    t.true(report.rejected > messages / 20);
    // What is heavy never stands before a vote: that is what three connections are for.
    for (const node of ['n1', 'n2', 'n3']) {
      const own = subjectsOf('test');
      const patterns = [own.raftTo(node, 'control'), own.raftTo(node, 'bulk'), own.apiTo(node)];
      const by = patterns.map((pattern) => report.listeners.find((each) => each.pattern === pattern)?.who);
      t.is(new Set(by).size, 3, `${patterns.join(', ')} are heard by ${by.join(', ')}`);
    }
    const reached = [...report.reached.keys()];
    for (const each of [...listeningBy('n1'), '$SRV.PING'])
      t.true(
        reached.some((pattern) => isWithin(pattern, each)),
        `nobody was reached by ${each}, though the table of permissions has it; reached were ${reached.join(' ')}`,
      );
  },
);

/** What the table of permissions lets those who take part listen to; the registrar has a test of its own (test/security). */
function listeningBy(controller: string): readonly string[] {
  const roles = [
    { role: 'controller', name: controller },
    { role: 'router', name: 'r1' },
    { role: 'operator', name: '*', access: 'admin' },
  ] as const;
  return roles.flatMap((who) => permissionsOf('test', who).subscribe.map((pattern) => pattern.split(' ')[0] ?? ''));
}

/** Whether who listens to `pattern` hears nothing but what `allowed` lets through. */
function isWithin(pattern: string, allowed: string): boolean {
  return reaches(anySubjectOf(pattern), allowed);
}

test.serial('who speaks in the name of another is not believed, is counted, and raises an alarm', async (t) => {
  t.timeout(120_000);
  const { cluster } = await running;
  const subjects = subjectsOf(cluster.name);
  const liar = await connectNats({ servers: [cluster.natsUrl], name: 'liar' });
  const real = cluster.statuses().get('n2');
  const lie = { ...real, incarnation: 1_000_000, sequence: 1_000_000, name: 'a lie' };
  const expected = 'a status in the name of n2 came from n3, and was dropped';
  const heard = await eventually(
    () => {
      liar.publish(subjects.status('n3'), JSON.stringify(lie));
      const alarms = cluster.statuses().get('n1')?.alarms ?? [];
      return alarms.find(({ message }) => message === expected);
    },
    { what: 'the alarm of n1', timeoutMs: 60_000 },
  );
  t.is(heard.code, 'sender-mismatch');
  t.true((cluster.statuses().get('n1')?.counters['rejectedSender'] ?? 0) > 0);
  t.not(cluster.statuses().get('n2')?.name, 'a lie', 'nor does a client believe it');
  await liar.close();
});

test.serial(
  'a flood of requests and of what routers say: heartbeats and votes go through, others are answered',
  async (t) => {
    t.timeout(300_000);
    const { cluster } = await running;
    const leader = await cluster.leader();
    const termOf = () => Math.max(...[...cluster.statuses().values()].map(({ raft }) => raft?.term ?? 0));
    const term = termOf();
    const subjects = subjectsOf(cluster.name);
    const attacker = await connectNats({ servers: [cluster.natsUrl], name: 'flood' });
    const request = (requestId: string) =>
      JSON.stringify({ v: 1, requestId, params: { kind: 'service', name: requestId } });
    const answers = { api: [] as string[], routers: [] as string[] };
    for (const who of ['api', 'routers'] as const)
      attacker.subscribe(`_INBOX.flood.${who}`, {
        callback: (_error, message) => void answers[who].push(message.string()),
      });
    const beganAt = performance.now();
    for (let place = 0; place < flood; place += 1) {
      attacker.publish(subjects.api('leader', 'flood', 'model.create'), request(`flood-${place}`), {
        reply: '_INBOX.flood.api',
      });
      attacker.publish(subjects.api('all', 'flood', 'status.get'), request(`status-${place}`));
      attacker.publish(subjects.routerRequest('edge-9', 'heartbeat'), '{}');
      attacker.publish(subjects.routerRequest('edge-9', 'sync'), '{}', { reply: '_INBOX.flood.routers' });
      if (place % 5_000 === 0) await attacker.flush();
    }
    // Somebody else is answered meanwhile.
    const { entity } = await cluster.api.request(
      'model.create',
      { kind: 'service', name: 'in-the-flood' },
      { timeoutMs: 120_000 },
    );
    t.is(entity.name, 'in-the-flood');
    for (const who of ['api', 'routers'] as const) {
      const overloaded = await eventually(() => answers[who].find((each) => each.includes('"overloaded"')), {
        what: `a refusal with a time to wait for ${who}`,
        timeoutMs: 60_000,
      });
      t.regex(overloaded, /"retryAfterMs":\d+/);
    }
    // One more sentence of the same sender, which comes after all others, and may wait its turn.
    const last = createApiClient({ connection: attacker, cluster: cluster.name, from: 'flood' });
    await last.request('model.create', { kind: 'service', name: 'after-the-flood' }, { timeoutMs: 120_000 });
    const seconds = (performance.now() - beganAt) / 1_000;
    const taken = answers.api.filter((each) => each.includes('"ok":true')).length;
    t.log(`${taken} of ${flood} were carried out in ${seconds.toFixed(1)} s`);
    t.true(taken > 0 && taken <= requestsPerSecond * (seconds + 1), `${taken} were carried out in ${seconds} s`);
    await attacker.close();
    await cluster.settles(120_000);
    t.is(await cluster.leader(), leader);
    t.is(termOf(), term, 'no election');
  },
);

/**
 * Each is dear (it looks through thousands of entities and finds none) and short, and comes from a sender of its own, so that
 * the limits of senders keep none of them out: what keeps the leader is only that a turn of its event loop has a bound.
 */
test.serial('a flood of readings that take seconds together: no election, and others are answered in it', async (t) => {
  t.timeout(300_000);
  const { cluster } = await running;
  let created = 0;
  const fill = async (): Promise<void> => {
    while (created < entities) {
      created += 1;
      const draft = { kind: 'service', name: `one of many ${created}` } as const;
      await writerOf(created).request('model.create', draft, { timeoutMs: 120_000 });
    }
  };
  const writerOf = (number: number) =>
    createApiClient({ connection: cluster.connection, cluster: cluster.name, from: `filler-${number % 100}` });
  await Promise.all(Array.from({ length: 64 }, fill));
  await cluster.settles(120_000);
  const leader = await cluster.leader();
  const termOf = () => Math.max(...[...cluster.statuses().values()].map(({ raft }) => raft?.term ?? 0));
  const term = termOf();
  const subjects = subjectsOf(cluster.name);
  const attacker = await connectNats({ servers: [cluster.natsUrl], name: 'readers' });
  let answered = 0;
  attacker.subscribe('_INBOX.readers', {
    callback: () => {
      answered += 1;
    },
  });
  const params = { kind: 'service', filter: 'of which there is none', stale: true };
  for (let place = 0; place < readings; place += 1)
    attacker.publish(
      subjects.api(leader, `reader-${place % 100}`, 'model.list'),
      JSON.stringify({ v: 1, requestId: `reading-${place}`, params }),
      { reply: '_INBOX.readers' },
    );
  await attacker.flush();
  await eventually(() => answered > 0, { what: 'the first reading', timeoutMs: 60_000 });
  const beganAt = performance.now();
  for (let place = 0; place < writesInFlood; place += 1)
    await cluster.api.request('model.create', { kind: 'service', name: `in it ${place}` }, { timeoutMs: 120_000 });
  t.log(`${answered} of ${readings} after ${writesInFlood} writes in ${Math.round(performance.now() - beganAt)} ms`);
  t.true(answered < readings, 'the flood lasted while others were answered');
  await attacker.close();
  await cluster.settles(120_000);
  t.is(termOf(), term, 'no election');
  t.is(await cluster.leader(), leader);
  await cluster.end();
});

test('every subject is a target', (t) => {
  t.deepEqual(
    [...targetNames].sort((a, b) => (a < b ? -1 : 1)),
    Object.keys(subjectsOf('test'))
      .filter((name) => name !== 'cluster')
      .sort((a, b) => (a < b ? -1 : 1)),
  );
});
