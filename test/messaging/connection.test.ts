/** Connecting to a real nats-server in every way that it can ask for, and being refused by it. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import nkeys from 'nkeys.js';
import { type ConnectionOptions, connectNats } from '../../messaging/connection.js';
import { QuorateError } from '../../messaging/errors.js';
import { checkoutRoot } from '../support/checkout.js';
import { startNatsServer } from '../support/nats.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const certificates = path.join(checkoutRoot, 'test', 'messaging', 'certificates');
const certificate = (name: string): string => path.join(certificates, name);

async function connects(options: Omit<ConnectionOptions, 'name'>): Promise<boolean> {
  const connection = await connectNats({ name: 'test', connectTimeoutMs: 2_000, ...options });
  const answered = await connection.rtt();
  await connection.close();
  return answered >= 0;
}

async function refusal(options: Omit<ConnectionOptions, 'name'>): Promise<string> {
  try {
    await connects(options);
    return 'connected';
  } catch (error) {
    return error instanceof QuorateError ? error.code : String(error);
  }
}

test('a user and a password', async (t) => {
  const { url } = await startNatsServer({ config: 'authorization { user: "ann", password: "secret" }' });
  t.true(await connects({ servers: [url], user: 'ann', password: 'secret' }));
  t.is(await refusal({ servers: [url], user: 'ann', password: 'wrong' }), 'nats-refused');
  t.is(await refusal({ servers: [url] }), 'nats-refused');
});

test('the first server of the list, for who wants them in order', async (t) => {
  const [own, other] = [await startNatsServer(), await startNatsServer()];
  for (let attempt = 0; attempt < 12; attempt += 1) {
    const connection = await connectNats({ name: 'test', servers: [own.url, other.url], inOrder: true });
    t.is(`nats://${connection.getServer()}`, own.url);
    await connection.close();
  }
});

test('a token', async (t) => {
  const { url } = await startNatsServer({ config: 'authorization { token: "t0ken" }' });
  t.true(await connects({ servers: [url], token: 't0ken' }));
  t.is(await refusal({ servers: [url], token: 'other' }), 'nats-refused');
});

test('an NKey, from a file that holds its seed', async (t) => {
  const pair = nkeys.createUser();
  const { url } = await startNatsServer({ config: `authorization { users: [ { nkey: ${pair.getPublicKey()} } ] }` });
  const nkeySeedFile = path.join(temporaryDirectory('nkey'), 'seed');
  writeFileSync(nkeySeedFile, `${new TextDecoder().decode(pair.getSeed())}\n`, { mode: 0o600 });
  t.true(await connects({ servers: [url], nkeySeedFile }));
  const stranger = path.join(temporaryDirectory('nkey'), 'seed');
  writeFileSync(stranger, nkeys.createUser().getSeed());
  t.is(await refusal({ servers: [url], nkeySeedFile: stranger }), 'nats-refused');
  t.is(await refusal({ servers: [url], nkeySeedFile: '/there/is/none' }), 'invalid-config');
});

test('a creds file', async (t) => {
  const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  const operatorJwt = jwt(operator, operator.getPublicKey(), { type: 'operator', version: 2 });
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const accountJwt = jwt(operator, account.getPublicKey(), { type: 'account', version: 2, limits });
  const userJwt = jwt(account, user.getPublicKey(), { type: 'user', version: 2, subs: -1, data: -1, payload: -1 });
  const config = [
    `operator: ${operatorJwt}`,
    'resolver: MEMORY',
    `resolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`,
  ].join('\n');
  const { url } = await startNatsServer({ config });
  const credsFile = path.join(temporaryDirectory('creds'), 'user.creds');
  const seed = new TextDecoder().decode(user.getSeed());
  writeFileSync(
    credsFile,
    `-----BEGIN NATS USER JWT-----\n${userJwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
    { mode: 0o600 },
  );
  t.true(await connects({ servers: [url], credsFile }));
  t.is(await refusal({ servers: [url] }), 'nats-refused');
});

test('TLS, with a server that is checked and a client that must show who it is', async (t) => {
  const tls = `tls { cert_file: "${certificate('server.pem')}", key_file: "${certificate('server.key')}", ca_file: "${certificate('ca.pem')}", verify: true }`;
  const { port } = await startNatsServer({ config: tls });
  const servers = [`tls://127.0.0.1:${port}`];
  const own = { certFile: certificate('client.pem'), keyFile: certificate('client.key') };
  t.true(await connects({ servers, tls: { caFile: certificate('ca.pem'), ...own } }));
  t.not(
    await refusal({ servers, tls: { caFile: certificate('ca.pem') } }),
    'connected',
    'a client without a certificate',
  );
  t.not(await refusal({ servers, tls: own }), 'connected', 'a server that nobody vouches for');
});

test('nobody there', async (t) => {
  t.is(await refusal({ servers: ['nats://127.0.0.1:1'] }), 'nats-unreachable');
});

/** A JWT as NATS signs them: ed25519 over header and claims. */
function jwt(issuer: nkeys.KeyPair, subject: string, nats: Readonly<Record<string, unknown>>): string {
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1_000);
  const claims = { jti: `${subject}-${now}`, iat: now, iss: issuer.getPublicKey(), name: 'test', sub: subject, nats };
  const signed = `${encoded({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encoded(claims)}`;
  return `${signed}.${Buffer.from(issuer.sign(new TextEncoder().encode(signed))).toString('base64url')}`;
}
