/** Health and metrics over HTTP: what is said of facts, and what three real controllers say while one of them is killed. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import test from 'ava';
import { type Clock, systemClock } from '../../node/cluster/clock.js';
import { Histogram } from '../../node/cluster/histogram.js';
import type { ControllerConfig } from '../../node/server/config.js';
import { createLog } from '../../node/server/log.js';
import { exposition } from '../../node/server/observe/exposition.js';
import type { Facts } from '../../node/server/observe/facts.js';
import { conditionMeanings, healthText, readiness } from '../../node/server/observe/health.js';
import { connectionsMax, type HttpServer, openHttp, text } from '../../node/server/observe/http.js';
import { Observer } from '../../node/server/observe/index.js';
import { metrics } from '../../node/server/observe/metrics.js';
import { findTool, toolPath } from '../support/checkout.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { runProcess, runQuorate } from '../support/process.js';
import { eventually } from '../support/wait.js';

const waitMs = 30_000;

const noController: Facts = {
  version: '1.2.3',
  protocol: { min: 1, max: 2 },
  nats: { connections: { control: true, bulk: false }, reconnects: 3, servers: ['nats://a:4222'] },
  runtime: {
    loopDelay: new Histogram([0.001, 0.1]),
    loopBusySeconds: 1.5,
    cpuSeconds: 2,
    residentBytes: 1e8,
    heapUsedBytes: 1e7,
    openFiles: null,
    startedAtSeconds: 1_700_000_000,
  },
  freeBytes: 5,
  controller: null,
};

// ------------------------------------------------------------------------------------------------------------ of facts

test('a histogram counts what is at most each bound, and what is over the last in the whole', (t) => {
  const histogram = new Histogram([0.001, 0.1]);
  for (const seconds of [0.0005, 0.001, 0.05, 0.2]) histogram.observe(seconds);
  t.deepEqual(histogram.cumulative(), [2, 3]);
  t.is(histogram.count, 4);
  t.true(Math.abs(histogram.sum - 0.2515) < 1e-9);
});

test('the text names and types each metric once, labels every sample, and escapes what labels hold', (t) => {
  const delay = new Histogram([0.001, 0.1]);
  delay.observe(0.05);
  const said = exposition(
    { ...noController, runtime: { ...noController.runtime, loopDelay: delay } },
    {
      cluster: 'a "b" \\ c\n',
      node: 'n1',
    },
  );
  const common = 'cluster="a \\"b\\" \\\\ c\\n",node="n1"';
  t.true(said.includes(`quorate_info{${common},version="1.2.3",protocol_min="1",protocol_max="2"} 1\n`));
  t.true(
    said.includes(
      [
        '# TYPE quorate_event_loop_delay_seconds histogram',
        `quorate_event_loop_delay_seconds_bucket{${common},le="0.001"} 0`,
        `quorate_event_loop_delay_seconds_bucket{${common},le="0.1"} 1`,
        `quorate_event_loop_delay_seconds_bucket{${common},le="+Inf"} 1`,
        `quorate_event_loop_delay_seconds_sum{${common}} 0.05`,
        `quorate_event_loop_delay_seconds_count{${common}} 1`,
      ].join('\n'),
    ),
  );
  t.false(said.includes('process_open_fds'), 'what the system does not tell is left out');
  t.false(said.includes('quorate_raft_term'), 'a term is not made up where there is none');
});

test('each metric has a name of its own, by the conventions', (t) => {
  t.is(new Set(metrics.map(({ name }) => name)).size, metrics.length);
  for (const { name, type, help } of metrics) {
    t.regex(name, /^(quorate|process)_[a-z_]+[a-z]$/);
    t.is(type === 'counter', name.endsWith('_total'), `${name}: a counter ends in _total, and nothing else does`);
    t.false(help.endsWith('.'), name);
  }
});

test('who has found no NATS server is not ready, and says so in words', (t) => {
  const conditions = readiness(noController);
  t.is(
    healthText('readyz', conditions, false),
    [
      '[-]nats failed: not connected to NATS at nats://a:4222 (bulk); it goes on trying',
      '[-]state failed: starting: waits for a NATS server',
      'readyz check failed',
      '',
    ].join('\n'),
  );
  t.is(healthText('readyz', [{ name: 'nats', failure: null }], false), 'ok\n');
  t.is(healthText('readyz', [{ name: 'nats', failure: null }], true), '[+]nats ok\nreadyz check passed\n');
});

// ------------------------------------------------------------------------------------------------------------- on sockets

interface Answer {
  readonly status: number;
  readonly body: string;
}

function ask(address: string, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(`http://${address}${path}`, { method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

const routes = {
  '/fine': () => text(200, 'fine\n'),
  '/broken': () => {
    throw new Error('the disk is gone');
  },
};

async function anyPort(): Promise<HttpServer> {
  const server = await openHttp({ type: 'address', host: '127.0.0.1', port: 0 }, routes);
  if (server === null) throw new Error('nothing listens');
  return server;
}

test('other paths, other methods and a look that fails are answered, and end nothing', async (t) => {
  const server = await anyPort();
  t.deepEqual(await ask(server.address, '/fine'), { status: 200, body: 'fine\n' });
  t.deepEqual(await ask(server.address, '/fine', 'HEAD'), { status: 200, body: '' });
  t.is((await ask(server.address, '/fine', 'POST')).status, 405);
  t.is((await ask(server.address, '/toString')).status, 404);
  t.is((await ask(server.address, '//')).status, 404);
  t.deepEqual(await ask(server.address, '/broken'), { status: 500, body: 'failed: the disk is gone\n' });
  t.is((await ask(server.address, '/fine')).status, 200);
  await server.close();
});

test('a default that is taken gives way to the next port; an address that was given and is taken is refused', async (t) => {
  const first = await openHttp({ type: 'default' }, routes);
  const second = await openHttp({ type: 'default' }, routes);
  t.truthy(first);
  t.truthy(second);
  t.not(first?.address, second?.address);
  const taken = Number(first?.address.split(':')[1]);
  await t.throwsAsync(openHttp({ type: 'address', host: '127.0.0.1', port: taken }, routes), {
    message: `another process listens on 127.0.0.1:${taken}`,
  });
  await t.throwsAsync(openHttp({ type: 'address', host: 'no.such.host.invalid', port: 1 }, routes), {
    message: /cannot be served on no\.such\.host\.invalid:1/,
  });
  await first?.close();
  await second?.close();
});

test('of more connections than are held, one waits in vain; whoever says nothing or too much is cut off', async (t) => {
  t.timeout(60_000);
  const server = await anyPort();
  const [host, port] = server.address.split(':');
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), host);
      socket.once('connect', () => resolve(socket)).once('error', reject);
    });
  const held = await Promise.all(Array.from({ length: connectionsMax }, open));
  const surplus = await open();
  await once(surplus, 'close');
  for (const socket of held) t.false(socket.destroyed, 'those before it stay');
  const [first, second] = held;
  second?.write(`GET /fine HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
  const [refusal] = (await once(second ?? surplus, 'data')) as [Buffer];
  t.regex(refusal.toString(), /^HTTP\/1\.1 431/);
  first?.destroy();
  await eventually(async () => (await ask(server.address, '/fine')).status === 200, {
    what: 'a place that is free again to be given',
    timeoutMs: waitMs,
  });
  await server.close();
});

test('metrics are made ten times a second at most, however many ask', async (t) => {
  let at = 1_000;
  const clock: Clock = { ...systemClock, monotonicMs: () => at, every: () => () => undefined };
  const log = createLog({ clock, write: () => undefined });
  const config = {
    ...{ cluster: 'c', nodeId: 'n1', dataDirectory: '.', nats: { servers: ['nats://a'] } },
    http: { type: 'address', host: '127.0.0.1', port: 0 },
  } as unknown as ControllerConfig;
  const observer = await Observer.open({ config, version: '1', clock, log });
  const isConnected = async (): Promise<boolean> =>
    (await ask(observer.address ?? '', '/metrics')).body.includes('connection="bulk"} 1');
  t.false(await isConnected());
  observer.connected('bulk', true);
  t.false(await isConnected(), 'as it was a moment ago');
  at += 100;
  t.true(await isConnected());
  await observer.close();
});

// --------------------------------------------------------------------------------------------------------- of controllers

/** Values by name and labels, without those that every sample has. */
function samplesOf(said: string): ReadonlyMap<string, number> {
  const samples = said.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const [, name = '', labels = '', value = ''] =
        /^(\w+)\{cluster="[^"]*",node="[^"]*",?(.*)\} (\S+)$/.exec(line) ?? [];
      return [labels === '' ? name : `${name}{${labels}}`, Number(value)] as const;
    }),
  );
}

const addressOf = async (cluster: TestCluster, id: string): Promise<string> =>
  await eventually(() => cluster.statuses().get(id)?.http, {
    what: `${id} to say where it is asked`,
    timeoutMs: waitMs,
  });

const metricsOf = async (cluster: TestCluster, id: string): Promise<ReadonlyMap<string, number>> =>
  samplesOf((await ask(await addressOf(cluster, id), '/metrics')).body);

test.serial(
  'three controllers: what they serve while all is well, while one waits, and while the quorum is lost',
  async (t) => {
    t.timeout(300_000);
    const cluster = await startCluster({ routers: 1, nodeArguments: ['--http', '127.0.0.1:0'] });
    try {
      const leader = await cluster.leader();
      const [follower = '', other = ''] = await cluster.followers();
      for (let count = 0; count < 20; count += 1)
        await cluster.api.request('model.create', {
          kind: 'service',
          id: `s${count}`,
          name: `s${count}`,
          tags: {},
          spec: {},
        });
      await t.throwsAsync(cluster.api.request('model.get', { kind: 'service', id: 'nobody' }), { message: /nobody/ });
      await cluster.agrees();

      t.deepEqual(await ask(await addressOf(cluster, leader), '/livez'), { status: 200, body: 'ok\n' });
      const lines = Object.keys(conditionMeanings.readyz).map((name) => `[+]${name} ok\n`);
      t.deepEqual(await ask(await addressOf(cluster, follower), '/readyz?verbose'), {
        status: 200,
        body: `${lines.join('')}readyz check passed\n`,
      });

      await eventually(async () => (await metricsOf(cluster, leader)).get('quorate_routers{state="in-sync"}') === 1, {
        what: 'the router to be in sync',
        timeoutMs: waitMs,
      });
      const before = await metricsOf(cluster, leader);
      if (findTool('promtool') !== undefined) {
        const input = (await ask(await addressOf(cluster, leader), '/metrics')).body;
        const linted = await runProcess(toolPath('promtool'), ['check', 'metrics'], { input, timeoutMs: 60_000 });
        t.is(linted.code, 0, `${linted.stdout}${linted.stderr}`);
      }
      const raft = cluster.statuses().get(leader)?.raft;
      t.is(before.get('quorate_raft_is_leader'), 1);
      t.is(before.get('quorate_raft_term'), raft?.term);
      t.is(before.get('quorate_raft_commit_index'), before.get('quorate_raft_applied_index'));
      t.is(before.get('quorate_raft_voters_active'), 3);
      t.is(before.get(`quorate_raft_follower_active{follower="${other}"}`), 1);
      t.is(before.get('quorate_model_entities{kind="service"}'), 20);
      t.true((before.get('quorate_commit_duration_seconds_count') ?? 0) >= 20);
      t.true((before.get('quorate_commit_duration_seconds_sum') ?? 0) > 0);
      t.true((before.get('quorate_log_sync_duration_seconds_count') ?? 0) > 0);
      t.is(before.get('quorate_rejected_messages_total{source="api",reason="not-found"}'), 1);
      t.true((before.get('quorate_events_published_total') ?? 0) >= 20);
      t.is(before.get('quorate_nats_connected{connection="bulk"}'), 1);
      t.true((before.get('quorate_rejected_messages_total{source="raft",reason="trial"}') ?? 0) > 0, 'the joins');
      t.is(before.get('quorate_rejected_messages_total{source="raft",reason="undecodable"}'), undefined);
      const missing = metrics.filter(
        ({ name }) =>
          !name.startsWith('quorate_backup') &&
          name !== 'quorate_alarms' &&
          ![...before.keys()].some((key) => key.startsWith(name)),
      );
      t.deepEqual(
        missing.map(({ name }) => name),
        [],
        'a leader without backups and alarms has all other metrics',
      );

      const blank = await cluster.startBlank('n4');
      const waiting = await ask(await addressOf(cluster, 'n4'), '/readyz');
      t.is(waiting.status, 503);
      t.true(
        waiting.body.includes('[-]state failed: blank: waits to be joined with `quorate members join n4`'),
        waiting.body,
      );
      t.is((await ask(await addressOf(cluster, 'n4'), '/readyz?exclude=state')).status, 200);
      const args = ['node', '--id', 'n5', '--data-dir', `${blank.dataDirectory}-n5`, '--nats', cluster.natsUrl];
      const refused = await runQuorate([...args, '--http', await addressOf(cluster, 'n4')], { timeoutMs: 60_000 });
      t.is(refused.code, 1);
      t.regex(refused.stderr, /another process listens on 127\.0\.0\.1:\d+ \(address-in-use\)\n.*--http/);
      await cluster.stop('n4');

      const terms = before.get('quorate_raft_term') ?? 0;
      await cluster.kill(leader);
      await t.throwsAsync(ask(cluster.statuses().get(leader)?.http ?? '127.0.0.1:1', '/livez'), {
        code: 'ECONNREFUSED',
      });
      const successor = await cluster.leader(waitMs);
      const after = await metricsOf(cluster, successor);
      t.true((after.get('quorate_raft_term') ?? 0) > terms);
      t.is((await ask(await addressOf(cluster, successor), '/readyz')).status, 200);
      await eventually(async () => (await metricsOf(cluster, successor)).get('quorate_raft_voters_active') === 2, {
        what: 'the silent voter to be missed',
        timeoutMs: waitMs,
      });

      const last = successor === follower ? other : follower;
      await cluster.kill(successor);
      const lost = await eventually(
        async () => {
          const answer = await ask(await addressOf(cluster, last), '/readyz');
          return answer.status === 503 && answer.body.includes('[-]leader') ? answer : undefined;
        },
        { what: 'the lost quorum to be told', timeoutMs: waitMs },
      );
      t.regex(
        lost.body,
        /^\[\+\]nats ok\n\[\+\]state ok\n\[-\]leader failed: no leader is known in term \d+: .*quorum is lost/,
      );
      const alone = await metricsOf(cluster, last);
      t.is(alone.get('quorate_raft_has_leader'), 0);
      t.is(alone.get('quorate_ready'), 0);
      t.is((await ask(await addressOf(cluster, last), '/livez')).status, 200, 'a restart would mend nothing');

      await cluster.nats.stop();
      await eventually(
        async () =>
          (await ask(await addressOf(cluster, last), '/readyz')).body.includes(
            '[-]nats failed: not connected to NATS at',
          ),
        { what: 'the lost server to be told', timeoutMs: waitMs },
      );
    } finally {
      await cluster.end();
    }
  },
);
