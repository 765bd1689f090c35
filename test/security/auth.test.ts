/** `quorate auth` from the command line, with a real nats-server that reads what it makes, and a real controller behind it. */
import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { makeAuthority, makeServerCertificate, serverDays } from '../../console/auth/certificate.js';
import { runCli } from '../../console/cli.js';
import { createApiClient } from '../../messaging/api-client.js';
import { connectNats } from '../../messaging/connection.js';
import { QuorateError } from '../../messaging/errors.js';
import { createKeyPair } from '../../messaging/nkeys.js';
import type { EntityChangeEvent } from '../../messaging/schemas/events.js';
import { subjectsOf } from '../../messaging/subjects.js';
import { json, payloadKinds } from '../fuzz/payloads.js';
import { messageOf } from '../fuzz/sender.js';
import { startNatsServer } from '../support/nats.js';
import { startQuorate } from '../support/process.js';
import { seededRandom } from '../support/random.js';
import { makeStore, type SecuredServer, startSecuredServer } from '../support/secured.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(...args: readonly string[]): Promise<Finished> {
  const written = { stdout: '', stderr: '' };
  const code = await runCli(args, {
    stdin: process.stdin,
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    env: { XDG_CONFIG_HOME: temporaryDirectory('xdg') },
  });
  return { code, ...written };
}

const seedPattern = /\bSU[A-Z2-7]{56}\b/;

function seedsIn(directory: string): readonly string[] {
  return readdirSync(path.join(directory, 'seeds')).map((name) => path.join(directory, 'seeds', name));
}

async function refusalOf(secured: SecuredServer, seedFile: string): Promise<string> {
  const options = { servers: [secured.url], nkeySeedFile: seedFile, tls: { caFile: secured.store.authorityFile } };
  try {
    await (await connectNats({ ...options, name: 'test' })).close();
    return 'connected';
  } catch (error) {
    return error instanceof QuorateError ? error.code : String(error);
  }
}

test('init makes seeds that nobody else can read, shows none of them, and writes nothing over', async (t) => {
  const directory = path.join(temporaryDirectory('auth'), 'prod');
  const made = await run(
    'auth',
    'init',
    '--dir',
    directory,
    '--cluster',
    'prod',
    '--nats-host',
    'nats1,nats2,10.0.0.3,fd00::3',
  );
  t.is(made.code, 0, made.stderr);
  t.notRegex(made.stdout + made.stderr, seedPattern);
  const secret = [...seedsIn(directory), path.join(directory, 'ca.key'), path.join(directory, 'nats', 'server.key')];
  for (const file of secret) t.is(statSync(file).mode & 0o777, 0o600, file);
  t.is(statSync(directory).mode & 0o777, 0o700);
  t.is(seedsIn(directory).length, 5, 'three controllers, an admin, the registrar');
  for (const file of ['auth.json', 'nats/accounts.conf', 'nats/nats-server.conf'])
    t.notRegex(readFileSync(path.join(directory, file), 'utf8'), seedPattern, file);
  const before = readFileSync(path.join(directory, 'auth.json'), 'utf8');
  t.regex((await run('auth', 'init', '--dir', directory, '--cluster', 'prod')).stderr, /already-exists/);
  t.is(readFileSync(path.join(directory, 'auth.json'), 'utf8'), before);
});

test('certificates are what TLS asks for: names, addresses, purpose, who signed, until when', (t) => {
  const now = Date.UTC(2026, 5, 1);
  const authority = makeAuthority('Quorate test', now);
  const own = new X509Certificate(authority.certificate);
  t.true(own.ca);
  t.true(own.verify(own.publicKey));
  const hosts = ['nats1.example.com', '10.0.0.3', 'fd00::3', '::1'];
  const server = new X509Certificate(
    makeServerCertificate({ ...authority, name: 'Quorate test' }, hosts, now).certificate,
  );
  t.false(server.ca);
  t.true(server.verify(own.publicKey));
  t.true(server.checkIssued(own));
  t.is(server.checkHost('nats1.example.com'), 'nats1.example.com');
  t.is(server.checkHost('nats2.example.com'), undefined);
  for (const address of ['10.0.0.3', 'fd00::3', '::1']) t.is(server.checkIP(address), address);
  t.is(server.checkIP('10.0.0.4'), undefined);
  t.deepEqual(server.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  t.is(server.validToDate.getTime(), now + serverDays * 24 * 3_600_000);
  const late = new X509Certificate(makeAuthority('Quorate test', Date.UTC(2045, 0, 1)).certificate);
  t.is(late.validToDate.getUTCFullYear(), 2054, 'a year that two digits do not tell');
});

test('controllers and operators do not share names, routers have their own', async (t) => {
  const { directory } = await makeStore('demo', [{ role: 'controller', name: 'ctrl1' }]);
  t.regex((await run('auth', 'add', 'operator', 'ctrl1', '--dir', directory)).stderr, /already-exists/);
  t.regex((await run('auth', 'add', 'operator', 'registrar', '--dir', directory)).stderr, /already-exists/);
  t.is((await run('auth', 'add', 'router', 'ctrl1', '--dir', directory)).code, 0);
  t.is((await run('auth', 'add', 'controller', 'leader', '--dir', directory)).code, 2);
  t.regex((await run('auth', 'revoke', 'operator', 'nobody', '--dir', directory)).stderr, /not-found/);
});

test('two processes that change a deployment at once both do', async (t) => {
  const { directory } = await makeStore('demo', []);
  const names = Array.from({ length: 4 }, (_, index) => `edge-${index}`);
  const all = await Promise.all(names.map((name) => run('auth', 'add', 'router', name, '--dir', directory)));
  t.deepEqual(
    all.map(({ code }) => code),
    names.map(() => 0),
  );
  const { stdout } = await run('auth', 'list', '--dir', directory, '--json');
  const { identities } = JSON.parse(stdout) as { identities: { name: string }[] };
  for (const name of names)
    t.true(
      identities.some((each) => each.name === name),
      name,
    );
});

/** One server and one controller for all that follows. */
const running = (async () => {
  const secured = await startSecuredServer({
    cluster: 'demo',
    identities: [
      { role: 'controller', name: 'ctrl1' },
      { role: 'operator', name: 'alice', access: 'admin' },
      { role: 'operator', name: 'bob', access: 'read-only' },
    ],
  });
  const { store, url } = secured;
  const common = ['--nats', url, '--cluster', 'demo', '--tls-ca', store.authorityFile];
  const seed = (role: 'controller' | 'operator', name: string) => ['--nkey-seed-file', store.seedFile({ role, name })];
  const controller = await startQuorate([
    ...['node', '--id', 'ctrl1', '--data-dir', temporaryDirectory('ctrl1'), '--bootstrap', '--http', 'off'],
    ...common,
    ...seed('controller', 'ctrl1'),
  ]);
  const connection = await secured.connect({ role: 'operator', name: 'alice' });
  const client = createApiClient({ connection, cluster: 'demo', from: 'alice' });
  await eventually(() => client.request('members.list', {}, { timeoutMs: 2_000 }).catch(() => undefined), {
    what: 'the controller to lead',
    show: () => controller.logs(),
  });
  return { secured, store, client, controller, auth: ['--dir', store.directory, '--nats', url], common, seed };
})();

test.serial('an operator who is added may look, and one who only looks may not change anything', async (t) => {
  t.timeout(120_000);
  const { auth, common, seed, secured, store } = await running;
  const added = await run('auth', 'add', 'operator', 'carol', ...auth, '--json');
  t.is(added.code, 0, added.stderr);
  t.like(JSON.parse(added.stdout), { access: 'read-only', seen: true, reload: { done: true } });
  const as = ['--as', 'carol', ...common, ...seed('operator', 'carol')];
  t.is((await run('members', ...as)).code, 0);
  const written = await run('model', 'create', 'service', '--name', 'web', ...as, '--timeout', '2s');
  t.is(written.code, 1);
  t.regex(written.stderr, /nats-refused/);
  // Her key does not speak for somebody else.
  t.is((await run('members', '--as', 'alice', ...common, ...seed('operator', 'carol'), '--timeout', '2s')).code, 1);

  const connection = await secured.connect({ role: 'operator', name: 'carol' });
  // Keys that are good stay connected while another one is taken away.
  const stays = await secured.connect({ role: 'operator', name: 'bob' });
  const closed = connection.closed();
  const seedFile = store.seedFile({ role: 'operator', name: 'carol' });
  const revoked = await run('auth', 'revoke', 'operator', 'carol', ...auth, '--json');
  t.like(JSON.parse(revoked.stdout), { seen: true, model: null }, revoked.stderr);
  await closed;
  t.false(existsSync(seedFile));
  t.is(stays.stats().inMsgs >= 0 && !stays.isClosed(), true);
  await stays.flush();
  await stays.close();
});

test.serial('who did it is told by the key, whatever a message says of it', async (t) => {
  t.timeout(120_000);
  const { client, secured } = await running;
  const heard: EntityChangeEvent[] = [];
  const stop = client.watchEvents((event) => {
    if (event.namespace === 'entityChange') heard.push(event);
  });
  const alice = await secured.connect({ role: 'operator', name: 'alice' });
  // In the content she is somebody else; the subject, which her key binds, says who she is.
  const claims = { by: 'bob', from: 'bob', author: 'bob' };
  const body = {
    v: 1,
    requestId: 'who-did-it',
    origin: 'bob@elsewhere',
    ...claims,
    params: { kind: 'service', name: 'signed' },
  };
  const inbox = { timeout: 30_000 };
  await alice.request(subjectsOf('demo').api('leader', 'alice', 'model.create'), JSON.stringify(body), inbox);
  const event = await eventually(() => heard.find(({ finalState }) => finalState?.name === 'signed'), {
    what: 'the event',
    timeoutMs: 60_000,
  });
  t.deepEqual(event.metadata?.author, { type: 'operator', id: 'alice', name: 'alice' });
  stop();
  await alice.close();
});

test.serial('a controller whose key is exchanged goes on by itself', async (t) => {
  t.timeout(120_000);
  const { auth, client, controller, store, secured } = await running;
  const seedFile = store.seedFile({ role: 'controller', name: 'ctrl1' });
  const old = readFileSync(seedFile, 'utf8');
  const kept = await run('auth', 'rotate', 'controller', 'ctrl1', '--keep-old', ...auth, '--json');
  t.like(JSON.parse(kept.stdout), { seen: true, oldKeyIsGood: true }, kept.stderr);
  t.notRegex(kept.stdout + kept.stderr, seedPattern);
  t.not(readFileSync(seedFile, 'utf8'), old);
  const dropped = await run('auth', 'rotate', 'controller', 'ctrl1', '--drop-old', ...auth, '--json');
  t.is(dropped.code, 0, dropped.stderr);
  await controller.waitForLog('connected to NATS again');
  t.truthy(
    await eventually(
      () => client.request('model.create', { kind: 'service', name: 'rotated' }).catch(() => undefined),
      {
        what: 'a write after the exchange',
        show: () => controller.logs(),
      },
    ),
  );
  t.notRegex(controller.logs(), seedPattern);
  t.is(await refusalOf(secured, seedFile), 'connected');
});

test.serial(
  'a router enrols once, is revoked, is refused by NATS and by the controllers, and enrols again',
  async (t) => {
    t.timeout(180_000);
    const { auth, client, secured, store } = await running;
    const registrar = await startQuorate(['auth', 'serve', ...auth]);
    await registrar.waitForLog('takes enrolments');
    const tokenOf = async (): Promise<string> => {
      const given = await run('auth', 'enrol', 'router', 'edge-1', ...auth, '--json');
      t.is(given.code, 0, given.stderr);
      return (JSON.parse(given.stdout) as { token: string }).token;
    };
    const directory = path.join(temporaryDirectory('edge-1'), 'data');
    const superseded = await tokenOf();
    const token = await tokenOf();
    t.regex(
      (await run('router', 'enrol', '--token', superseded, '--data-dir', path.join(directory, 'late'))).stderr,
      /enrolment-refused/,
    );
    const done = await run('router', 'enrol', '--token', token, '--data-dir', directory);
    t.is(done.code, 0, done.stderr);
    t.notRegex(done.stdout + done.stderr + registrar.logs(), seedPattern);
    t.is(
      (await run('router', 'enrol', '--token', token, '--data-dir', directory)).code,
      0,
      'again, after an interruption',
    );
    t.regex(
      (await run('router', 'enrol', '--token', token, '--data-dir', path.join(directory, 'twice'))).stderr,
      /enrolment-refused/,
    );

    const router = await startQuorate(['router', '--config', path.join(directory, 'quorate.yaml')]);
    const view = async () => (await client.request('routers.list', {})).routers.find(({ id }) => id === 'edge-1');
    await eventually(async () => (await view())?.online === true, {
      what: 'the router to be online',
      show: router.logs,
    });

    const revoked = await run('auth', 'revoke', 'router', 'edge-1', ...auth, '--json');
    t.like(JSON.parse(revoked.stdout), { model: 'disabled', reload: { done: true } }, revoked.stderr);
    await router.waitForLog(/refused the connection/);
    t.is(await refusalOf(secured, path.join(directory, 'router.seed')), 'nats-refused');
    const refused = await eventually(async () => (await view())?.refused ?? undefined, {
      what: 'the router to be refused',
    });
    t.regex(refused.message, /was revoked/);
    // The key that was revoked is not let in again, by whatever token.
    t.regex(
      (await run('router', 'enrol', '--token', await tokenOf(), '--data-dir', directory)).stderr,
      /enrolment-refused/,
    );

    const anew = path.join(temporaryDirectory('edge-1'), 'data');
    t.is((await run('router', 'enrol', '--token', await tokenOf(), '--data-dir', anew)).code, 0);
    await router.stop();
    const second = await startQuorate(['router', '--config', path.join(anew, 'quorate.yaml')]);
    await eventually(async () => (await view())?.online === true, {
      what: 'the router to be online again',
      show: second.logs,
    });
    await registrar.stop();
    const orphan = await run(
      'router',
      'enrol',
      '--token',
      await tokenForNobody(auth),
      '--data-dir',
      path.join(anew, 'x'),
    );
    t.regex(orphan.stderr, /auth serve/);
    t.is(store.read().enrolments.length, 1);
  },
);

async function tokenForNobody(auth: readonly string[]): Promise<string> {
  const { stdout } = await run('auth', 'enrol', 'router', 'edge-9', ...auth, '--json');
  return (JSON.parse(stdout) as { token: string }).token;
}

test.serial('a token that has expired is good for nothing', async (t) => {
  t.timeout(120_000);
  const { auth } = await running;
  const { stdout } = await run('auth', 'enrol', 'router', 'edge-8', '--valid', '1s', ...auth, '--json');
  const { token, expiresAt } = JSON.parse(stdout) as { token: string; expiresAt: number };
  await eventually(() => Date.now() > expiresAt, { what: 'the token to expire' });
  const late = await run(
    'router',
    'enrol',
    '--token',
    token,
    '--data-dir',
    path.join(temporaryDirectory('edge-8'), 'data'),
  );
  t.regex(late.stderr, /expired/);
  // Whatever clock the router has: the registrar has its own.
  const { enrolled } = await import('../../console/auth/deployment.js');
  const { store } = await running;
  const error = t.throws(() => enrolled(store.read(), 'edge-8', 'U', expiresAt), { instanceOf: QuorateError });
  t.is(error?.code, 'enrolment-refused');
});

test.serial(
  'a cluster needs nothing beyond its permissions: join, verify, snapshot, transfer, and nothing is refused',
  async (t) => {
    t.timeout(240_000);
    const { auth, client, common, seed, secured, store } = await running;
    t.is((await run('auth', 'add', 'controller', 'ctrl2', ...auth)).code, 0);
    const second = await startQuorate([
      ...['node', '--id', 'ctrl2', '--data-dir', temporaryDirectory('ctrl2'), '--http', 'off'],
      ...common,
      ...seed('controller', 'ctrl2'),
    ]);
    await second.waitForLog('waiting to be joined');
    const as = ['--as', 'alice', ...common, ...seed('operator', 'alice'), '--timeout', '60s'];
    for (const words of [
      ['members', 'join', 'ctrl2', '--yes'],
      ['verify'],
      ['snapshot', 'create', '--node', 'ctrl1'],
      ['members', 'transfer', 'ctrl2', '--yes'],
      ['model', 'create', 'service', '--name', 'by-the-second'],
      ['status', '--json'],
    ]) {
      const { code, stderr } = await run(...words, ...as);
      // Two voters are a warning.
      t.is(code, 0, `${words.join(' ')}: ${stderr}\n${second.logs()}`);
    }
    t.is((await client.request('members.list', {})).leader, 'ctrl2');
    const ours = store.read().identities.filter(({ role }) => role === 'controller' || role === 'registrar');
    const refused = secured.process
      .logs()
      .split('\n')
      .filter((line) => / Violation /.test(line) && ours.some(({ publicKey }) => line.includes(publicKey)));
    t.deepEqual(refused, []);
  },
);

test('beyond this machine nothing starts without authentication or TLS, unless --insecure says so', async (t) => {
  const seed = (await makeStore('demo', [{ role: 'operator', name: 'alice', access: 'admin' }])).seedFile({
    role: 'operator',
    name: 'alice',
  });
  const far = ['--nats', 'nats://192.0.2.1:4222', '--timeout', '1s'];
  const reasons = async (...args: readonly string[]): Promise<string> => (await run('status', ...args)).stderr;
  t.regex(await reasons(...far), /without authentication and without TLS \(insecure\)/);
  t.regex(await reasons(...far, '--nkey-seed-file', seed), /used without TLS \(insecure\)/);
  t.regex(await reasons('--nats', 'tls://192.0.2.1:4222'), /used without authentication \(insecure\)/);
  t.regex(await reasons('--nats', 'nats://127.0.0.1:1,nats://192.0.2.1:4222'), /\(insecure\)/);
  t.notRegex(await reasons(...far, '--insecure'), /\(insecure\)/);
  t.notRegex(
    await reasons('--nats', 'tls://192.0.2.1:4222', '--timeout', '1s', '--nkey-seed-file', seed),
    /\(insecure\)/,
  );
  for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '[::1]'])
    t.notRegex(await reasons('--nats', `nats://${host}:1`, '--timeout', '1s'), /\(insecure\)/, host);
  const node = ['node', '--id', 'n1', '--data-dir', temporaryDirectory('n1')];
  t.regex((await run(...node, '--nats', 'nats://192.0.2.1:4222')).stderr, /\(insecure\)/);
  // Routers are told to come from elsewhere.
  t.regex(
    (await run(...node, '--nats', 'nats://127.0.0.1:1', '--advertise', 'nats://192.0.2.1:4222')).stderr,
    /\(insecure\)/,
  );
});

test('what runs with --insecure says so in its status, in the first lines that an operator reads, and in its log', async (t) => {
  t.timeout(120_000);
  const nats = await startNatsServer();
  const where = ['--nats', nats.url, '--cluster', 'open'];
  const controller = await startQuorate([
    ...['node', '--id', 'n1', '--data-dir', temporaryDirectory('n1'), '--bootstrap', '--insecure', ...where],
    ...['--advertise', 'nats://192.0.2.1:4222'],
  ]);
  const status = await eventually(
    async () => {
      const { stdout } = await run('status', ...where, '--timeout', '2s');
      return stdout.includes('n1') && stdout;
    },
    { what: 'its status', timeoutMs: 60_000, show: controller.logs },
  );
  t.regex(status.split('\n').slice(0, 4).join('\n'), /INSECURE: n1 uses NATS without authentication and without TLS/);
  t.regex(controller.logs(), /"code":"insecure"/);
  await controller.stop();
  await nats.stop();
});

test('who holds a token and sends anything else is refused, fills no log, and can enrol after that', async (t) => {
  t.timeout(180_000);
  const token = { role: 'enrolment', name: 'edge-3' } as const;
  const secured = await startSecuredServer({ cluster: 'demo', identities: [token] });
  const registrar = await startQuorate(['auth', 'serve', '--dir', secured.store.directory, '--nats', secured.url]);
  await registrar.waitForLog('takes enrolments');
  const connection = await secured.connect(token);
  const random = seededRandom(Date.now());
  const subject = subjectsOf('demo').enrolment('edge-3');
  const inbox = subjectsOf('demo').inbox('enrolment', 'edge-3');
  const honest = { v: 1, publicKey: `U${'A'.repeat(55)}` };
  const payloadBytesMax = connection.info?.max_payload ?? 0;
  const beganAt = performance.now();
  let answered = 0;
  connection.subscribe(`${inbox}.fuzz`, {
    callback: () => {
      answered += 1;
    },
  });
  const kinds = payloadKinds.filter((kind) => kind !== 'over-max-payload');
  for (const kind of kinds)
    for (let time = 0; time < 8; time += 1) {
      const real = { subject, data: json(honest) };
      const { data } = messageOf(kind, random, { subject, honest }, real, payloadBytesMax);
      connection.publish(subject, data, { reply: `${inbox}.fuzz` });
    }
  await connection.flush();
  await eventually(() => answered >= kinds.length * 8, { what: 'each to be answered', show: registrar.logs });
  const seconds = (performance.now() - beganAt) / 1000;
  const refusals = registrar
    .logs()
    .split('\n')
    .filter((line) => line.includes('is not enrolled'));
  t.true(refusals.length >= 1 && refusals.length <= seconds + 2, registrar.logs());
  const { publicKey } = createKeyPair();
  const answer = await connection.request(subject, JSON.stringify({ v: 1, publicKey }), { timeout: 30_000 });
  t.like(answer.json(), { ok: true }, registrar.logs());
  await connection.close();
  await registrar.stop();
});
