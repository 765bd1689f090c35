/** The router's side of an enrolment: makes a key, hands in its public half, and sees that NATS takes it. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { asRequestError, connectNats, type NatsConnection } from '../../messaging/connection.js';
import { QuorateError, toQuorateError, validate } from '../../messaging/errors.js';
import { createKeyPair, publicKeyOf } from '../../messaging/nkeys.js';
import { protocolVersion } from '../../messaging/protocol.js';
import { enrolmentReplySchema } from '../../messaging/schemas/enrolment.js';
import { subjectsOf } from '../../messaging/subjects.js';
import type { EnrolmentToken } from './token.js';

export interface EnrolledRouter {
  readonly router: string;
  readonly publicKey: string;
  readonly configFile: string;
}

const requestMaxMs = 10_000;
/** After the registrar has taken the key, until a NATS server has read it. */
const acceptedMaxMs = 30_000;
const acceptedPollMs = 100;

/**
 * May be repeated, with the same token and folder: a key that is there is used again, and where NATS takes it already there is
 * nothing to hand in. @throws QuorateError `enrolment-refused`, `no-responders`, `timeout`, `nats-unreachable`
 */
export async function enrol(token: EnrolmentToken, directory: string, now: number): Promise<EnrolledRouter> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const seedFile = join(directory, 'router.seed');
  const authorityFile = join(directory, 'ca.pem');
  const publicKey = keyIn(seedFile);
  write(authorityFile, token.authority);
  const own = {
    servers: token.servers,
    nkeySeedFile: seedFile,
    tls: { caFile: authorityFile },
    name: `quorate enrol ${token.router}`,
  };
  if ((await isTaken(own)) === false) {
    if (token.expiresAt <= now)
      throw new QuorateError('enrolment-refused', `the token expired at ${new Date(token.expiresAt).toISOString()}`);
    await handIn(token, directory, authorityFile, publicKey);
    await untilTaken(own);
  }
  const configFile = join(directory, 'quorate.yaml');
  write(
    configFile,
    stringify({
      nats: token.servers,
      cluster: token.cluster,
      nkeySeedFile: seedFile,
      tls: { caFile: authorityFile },
      router: { id: token.router, dataDir: directory },
    }),
  );
  return { router: token.router, publicKey, configFile };
}

/** @throws QuorateError `invalid-config` where something else lies there. */
function keyIn(seedFile: string): string {
  if (existsSync(seedFile)) {
    const known = publicKeyOf(readFileSync(seedFile, 'utf8'));
    if (known !== null) return known;
    throw new QuorateError('invalid-config', `${seedFile} holds no NKey seed`, {
      remedy: 'Move it away, and try again.',
    });
  }
  const pair = createKeyPair();
  write(seedFile, `${pair.seed}\n`);
  return pair.publicKey;
}

type Credentials = Parameters<typeof connectNats>[0];

/** @throws QuorateError `nats-unreachable` where nobody can be asked. */
async function isTaken(own: Credentials): Promise<boolean> {
  try {
    await (await connectNats(own)).close();
    return true;
  } catch (error) {
    if (toQuorateError(error).code === 'nats-refused') return false;
    throw error;
  }
}

async function untilTaken(own: Credentials): Promise<void> {
  const deadline = performance.now() + acceptedMaxMs;
  // A server that reads its configuration anew answers all the while.
  while (!(await isTaken(own).catch(() => false))) {
    if (performance.now() > deadline)
      throw new QuorateError('timeout', 'the key was handed in, but NATS does not take it yet', {
        remedy: 'Let `quorate auth serve` tell the NATS servers, then try again: the key is kept.',
      });
    await new Promise((resolve) => setTimeout(resolve, acceptedPollMs));
  }
}

async function handIn(
  token: EnrolmentToken,
  directory: string,
  authorityFile: string,
  publicKey: string,
): Promise<void> {
  const subjects = subjectsOf(token.cluster);
  const connection = await withToken(token, directory, authorityFile);
  try {
    const body = JSON.stringify({ v: protocolVersion, publicKey });
    const answer = await connection.request(subjects.enrolment(token.router), body, { timeout: requestMaxMs });
    const reply = validate(enrolmentReplySchema, answer.json(), 'internal', 'the answer is not understood');
    if (!reply.ok) throw QuorateError.fromWire(reply.error);
  } catch (error) {
    const failure = asRequestError(error, 'the enrolment');
    if (failure.code !== 'no-responders') throw failure;
    throw new QuorateError('no-responders', 'nobody takes enrolments now', {
      remedy:
        'Start `quorate auth serve` where the folder that `quorate auth init` made is, then try again with the same token.',
    });
  } finally {
    await connection.close();
  }
}

/** The token's own key is in a file for as long as it takes to connect: a connection takes seeds from files only. */
async function withToken(token: EnrolmentToken, directory: string, caFile: string): Promise<NatsConnection> {
  const file = join(directory, 'token.seed');
  write(file, `${token.seed}\n`);
  try {
    return await connectNats({
      ...{ servers: token.servers, nkeySeedFile: file, tls: { caFile }, name: `quorate enrol ${token.router}` },
      inbox: subjectsOf(token.cluster).inbox('enrolment', token.router),
    });
  } catch (error) {
    if (toQuorateError(error).code !== 'nats-refused') throw error;
    throw new QuorateError(
      'enrolment-refused',
      'the token is not good any more: it was used, has expired, or another one took its place',
      {
        cause: error,
      },
    );
  } finally {
    rmSync(file, { force: true });
  }
}

function write(path: string, text: string): void {
  const beside = `${path}.${process.pid}`;
  writeFileSync(beside, text, { mode: 0o600, flush: true });
  renameSync(beside, path);
}
