/** `quorate check nats`: on real servers that are in order, and on such that are not; and what its facts mean. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import type { NatsFacts, ServerFacts } from '../../console/nats-check/facts.js';
import { judgeNats } from '../../console/nats-check/judge.js';
import { findingSchema } from '../../messaging/schemas/operations.js';
import { startNatsServer } from '../support/nats.js';
import { runQuorate } from '../support/process.js';
import { startSecuredServer } from '../support/secured.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const outputSchema = z.object({
  role: z.string(),
  name: z.string(),
  servers: z.array(z.object({ url: z.string(), version: z.string().nullable(), tls: z.boolean().nullable() })),
  findings: z.array(findingSchema),
});

async function check(t: ExecutionContext, ...args: readonly string[]) {
  const { code, stdout, stderr } = await runQuorate(['check', 'nats', '--json', '--timeout', '20s', ...args], {
    timeoutMs: 60_000,
  });
  t.not(stdout, '', stderr);
  const said = outputSchema.parse(JSON.parse(stdout));
  const found = (name: string) => said.findings.filter((each) => each.check === name);
  return { code, ...said, found, outcomes: (name: string) => found(name).map(({ outcome }) => outcome) };
}

// ------------------------------------------------------------------------------------------------------------ judgement

const now = Date.parse('2026-11-21T12:00:00Z');
const days = (count: number): number => now + count * 86_400_000 + 1_000;

function server(
  change: Partial<ServerFacts> = {},
  info: Partial<Extract<ServerFacts['probe'], { ok: true }>['value']['info']> = {},
): ServerFacts {
  return {
    url: 'nats://10.0.0.1:4222',
    isLoopback: false,
    probe: {
      ok: true,
      value: {
        info: {
          ...{ server_id: 'A', server_name: 'a', version: '2.10.4', max_payload: 1_048_576 },
          ...{ auth_required: true, tls_required: true, tls_available: true },
          ...{ cluster: 'c', connect_urls: ['10.0.0.1:4222', '10.0.0.2:4222'] },
          ...info,
        },
        roundTripMs: 1,
        tls: { certificates: [{ subject: 'nats.example', expiresAt: days(200) }], problem: null },
      },
    },
    connection: { ok: true, roundTripMs: 1, denied: [], notTried: [] },
    ...change,
  };
}

const second = server({ url: 'nats://10.0.0.2:4222' }, { server_id: 'B', server_name: 'b' });
const facts = (change: Partial<NatsFacts> = {}): NatsFacts => ({
  ...{ now, role: 'controller', name: 'n1', servers: [server(), second], ownCertificates: [] },
  routes: [
    { from: 'nats://10.0.0.1:4222', to: 'nats://10.0.0.2:4222', ms: 0.5 },
    { from: 'nats://10.0.0.2:4222', to: 'nats://10.0.0.1:4222', ms: 0.7 },
  ],
  ...change,
});

const judged = (change: Partial<NatsFacts>): readonly string[] =>
  judgeNats(facts(change))
    .filter(({ outcome }) => outcome !== 'ok')
    .map(
      ({ outcome, check, sentence, remedy }) =>
        `${outcome} ${check}: ${sentence}${remedy === '' ? ' WITHOUT REMEDY' : ''}`,
    );

test('servers that are in order give nothing to do', (t) => {
  t.deepEqual(judged({}), []);
});

test('each thing that is wrong is named, with a remedy', (t) => {
  const one = (change: Partial<ServerFacts>, info = {}): readonly string[] =>
    judged({ servers: [server(change, info), second] });
  t.deepEqual(one({}, { version: '2.8.4' }), [
    'fail nats-version: nats://10.0.0.1:4222 runs nats-server 2.8.4',
    'warn nats-version: the servers run different versions: 2.8.4 and 2.10.4',
  ]);
  t.deepEqual(one({}, { max_payload: 65_536 }), [
    'fail nats-max-payload: nats://10.0.0.1:4222 carries messages of up to 64.0 KiB; 512.0 KiB are needed',
  ]);
  t.deepEqual(one({ connection: { ok: true, roundTripMs: 40, denied: [], notTried: [] } }), [
    'warn nats-round-trip: a round trip to nats://10.0.0.1:4222 takes 40.0 ms: every commit waits for it',
  ]);
  t.regex(
    one({ connection: { ok: true, roundTripMs: 400, denied: [], notTried: [] } })[0] ?? '',
    /^fail nats-round-trip/,
  );
  t.deepEqual(one({ connection: { ok: false, code: 'nats-refused', reason: 'Authorization Violation' } }), [
    'fail nats-connection: nats://10.0.0.1:4222, nats-server 2.10.4 (a), answers and does not let us in: Authorization Violation',
  ]);
  t.deepEqual(one({ connection: { ok: true, roundTripMs: 1, denied: ['publish a', 'publish b'], notTried: [] } }), [
    'fail nats-permissions: nats://10.0.0.1:4222 refused what controller n1 needs: publish a, publish b',
  ]);
  t.deepEqual(judged({ servers: [server()], routes: [] }), [
    'warn nats-servers: one server is named; its NATS cluster has 2',
  ]);
  t.deepEqual(judged({ routes: [{ from: 'nats://a', to: 'nats://b', ms: null }] }), [
    'fail nats-routes: what is given to nats://a does not come out of nats://b',
  ]);
  const alone = server({ url: 'nats://10.0.0.2:4222' }, { server_id: 'B', connect_urls: ['10.0.0.2:4222'] });
  t.deepEqual(judged({ servers: [server(), alone], routes: null }), [
    'warn nats-routes: nats://10.0.0.2:4222 knows of fewer servers than are named',
  ]);
  t.deepEqual(judged({ servers: [server(), server()] }), [
    'warn nats-routes: two of the addresses lead to the same server',
  ]);
});

test('what expires is told a month before, and is wrong three days before', (t) => {
  const own = (expiresAt: number) => judged({ ownCertificates: [{ subject: 'client (--tls-cert)', expiresAt }] });
  t.deepEqual(own(days(40)), []);
  t.deepEqual(own(days(20)), ['warn nats-certificates: client (--tls-cert) expires in 20 days, on 2026-12-11']);
  t.deepEqual(own(days(1)), ['fail nats-certificates: client (--tls-cert) expires in 1 day, on 2026-11-22']);
  t.deepEqual(own(days(-5)), ['fail nats-certificates: client (--tls-cert) expired on 2026-11-16']);
});

// ------------------------------------------------------------------------------------------------------------ real servers

test('three servers of one NATS cluster: all that is needed is there; one that is not in it is found by trying', async (t) => {
  t.timeout(120_000);
  const one = await startNatsServer({ cluster: { name: 'c', routes: [] } });
  const routes = [one.clusterUrl ?? ''];
  const two = await startNatsServer({ cluster: { name: 'c', routes } });
  const three = await startNatsServer({ cluster: { name: 'c', routes } });
  const stranger = await startNatsServer();
  const fine = await check(
    t,
    '--nats',
    [one, two, three].map(({ url }) => url).join(','),
    '--role',
    'controller',
    '--id',
    'n1',
  );
  t.deepEqual(
    fine.findings.filter(({ outcome }) => outcome !== 'ok'),
    [],
  );
  t.is(fine.code, 0);
  t.is(fine.servers.length, 3);
  t.regex(
    fine.found('nats-routes')[0]?.sentence ?? '',
    /comes out of each other one, after [\d.]+ ms at most \(tried\)/,
  );

  const apart = await check(t, '--nats', `${one.url},${stranger.url}`);
  t.is(apart.code, 1);
  t.deepEqual(apart.outcomes('nats-routes'), ['fail', 'fail']);

  await stranger.stop();
  const gone = await check(t, '--nats', `${one.url},${stranger.url}`);
  t.is(gone.code, 1);
  t.deepEqual(gone.outcomes('nats-connection'), ['ok', 'fail']);
  t.regex(gone.found('nats-connection')[1]?.sentence ?? '', /nothing listens there/);
  await Promise.all([one, two, three].map((each) => each.stop()));
});

test('permissions are tried: what a role lacks is named, and a wrong password is one', async (t) => {
  t.timeout(120_000);
  const nats = await startNatsServer({
    config: `max_payload: 65536
      authorization { users = [
        { user: all, password: all-of-it }
        { user: edge, password: some-of-it, permissions {
          publish: ["quorate.demo.router.r1.>"], subscribe: ["quorate.demo.endpoints", "quorate.demo.inbox.router.r1.>"] } }
      ] }`,
  });
  const as =
    (user: string, password: string) =>
    async (...args: readonly string[]) => {
      const file = path.join(temporaryDirectory('password'), 'password');
      const { writeFileSync } = await import('node:fs');
      writeFileSync(file, password);
      return check(t, '--nats', nats.url, '--cluster', 'demo', '--user', user, '--password-file', file, ...args);
    };
  const all = await as('all', 'all-of-it')('--role', 'controller', '--id', 'n1');
  t.deepEqual(all.outcomes('nats-permissions'), ['ok']);
  t.deepEqual(all.outcomes('nats-max-payload'), ['fail']);
  t.is(all.code, 1);

  const edge = await as('edge', 'some-of-it')('--role', 'router', '--id', 'r1');
  const refusal = edge.found('nats-permissions')[0];
  t.is(refusal?.outcome, 'fail');
  t.true(refusal?.sentence.includes('subscription quorate.demo.to-router.r1'), refusal?.sentence);
  t.false(refusal?.sentence.includes('router.r1.hello'), 'what is allowed is not named');
  const other = await as('edge', 'some-of-it')('--role', 'router', '--id', 'r2');
  t.true(
    other.found('nats-permissions')[0]?.sentence.includes('publish quorate.demo.router.r2.hello'),
    'nor is another’s name allowed',
  );

  const wrong = await as('all', 'guessed')();
  t.deepEqual(wrong.outcomes('nats-connection'), ['fail']);
  t.regex(wrong.found('nats-connection')[0]?.sentence ?? '', /does not let us in: .*Authorization Violation/);
  t.false(JSON.stringify(wrong).includes('guessed'));
  await nats.stop();
});

test('what `quorate auth` grants to each role is all that the role is checked for, and no more than that', async (t) => {
  t.timeout(120_000);
  const identities = [
    { role: 'controller', name: 'n1' },
    { role: 'router', name: 'r1' },
    { role: 'operator', name: 'alice', access: 'admin' },
    { role: 'operator', name: 'bob', access: 'read-only' },
  ] as const;
  const nats = await startSecuredServer({ cluster: 'demo', identities });
  const as = (who: (typeof identities)[number], role: string, id = who.name) => {
    const { servers, nkeySeedFile, tls } = nats.credentials(who);
    const files = ['--nkey-seed-file', nkeySeedFile ?? '', '--tls-ca', tls?.caFile ?? ''];
    return check(t, '--nats', servers.join(','), '--cluster', 'demo', ...files, '--role', role, '--id', id);
  };
  const [controller, router, alice, bob] = identities;
  for (const [who, role] of [
    [controller, 'controller'],
    [router, 'router'],
    [alice, 'operator'],
    [bob, 'read-only'],
  ] as const) {
    const { findings, code } = await as(who, role);
    t.deepEqual(
      findings.filter(({ outcome }) => outcome === 'fail'),
      [],
      role,
    );
    t.is(code, 0);
  }
  const pretender = await as(router, 'controller', 'n1');
  t.deepEqual(pretender.outcomes('nats-permissions'), ['fail']);
  const bold = await as(bob, 'operator');
  t.regex(bold.found('nats-permissions')[0]?.sentence ?? '', /refused .*quorate\.demo\.api\./);
  await nats.process.stop();
});

test('a file that is given and is not there is named before anything is tried', async (t) => {
  const { code, stderr } = await runQuorate([
    'check',
    'nats',
    '--nats',
    'nats://127.0.0.1:1',
    '--tls-ca',
    '/no/such/file',
  ]);
  t.is(code, 2);
  t.regex(stderr, /\/no\/such\/file cannot be read: there is no such file \(invalid-config\)/);
});

const withOpenssl = existsSync('/usr/bin/openssl') ? test : test.skip;

withOpenssl('TLS: whether the certificate is trusted, and the days until it expires', async (t) => {
  t.timeout(120_000);
  const directory = temporaryDirectory('tls');
  const file = (name: string): string => path.join(directory, name);
  execFileSync('/usr/bin/openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '20'],
    ...[
      '-subj',
      '/CN=nats.test',
      '-addext',
      'subjectAltName=IP:127.0.0.1,DNS:localhost',
      '-keyout',
      file('key'),
      '-out',
      file('cert'),
    ],
  ]);
  const nats = await startNatsServer({ config: `tls { cert_file: "${file('cert')}", key_file: "${file('key')}" }` });
  const trusted = await check(t, '--nats', nats.url, '--tls-ca', file('cert'));
  t.deepEqual(trusted.outcomes('nats-connection'), ['ok']);
  t.deepEqual(trusted.outcomes('nats-tls'), ['ok']);
  t.is(trusted.servers[0]?.tls, true);
  t.deepEqual(trusted.outcomes('nats-certificates'), ['warn', 'warn'], 'its own, and that of --tls-ca');
  t.regex(trusted.found('nats-certificates')[1]?.sentence ?? '', /^nats\.test \(of nats:.*expires in (19|20) days/);
  t.is(trusted.code, 0);

  const stranger = await check(t, '--nats', nats.url);
  t.is(stranger.code, 1);
  t.deepEqual(stranger.outcomes('nats-tls'), ['fail']);
  await nats.stop();
});
