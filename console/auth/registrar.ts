/**
 * Takes the enrolments of routers: adds the key that a router made in the place of its one-time token. Works where the folder
 * of `quorate auth` lies, because only there is what nats-server reads.
 */
import { createApiClient } from '../../messaging/api-client.js';
import { connectNats, type Msg, type NatsConnection } from '../../messaging/connection.js';
import { QuorateError, toQuorateError, validate } from '../../messaging/errors.js';
import { isPublicUserKey } from '../../messaging/nkeys.js';
import { protocolVersion } from '../../messaging/protocol.js';
import { type EnrolmentReply, enrolmentRequestSchema } from '../../messaging/schemas/enrolment.js';
import { isOwnInbox, subjectPatternsOf, subjectsOf, subjectToken } from '../../messaging/subjects.js';
import { type Deployment, enrolled, registrarName, serversOf } from './deployment.js';
import { markEnrolled } from './model-mark.js';
import { reload } from './reload.js';
import type { AuthStore } from './store.js';

export interface RegistrarOptions {
  readonly store: AuthStore;
  /** Where NATS is reached; default: as the deployment says. */
  readonly servers: readonly string[] | undefined;
  readonly signal: AbortSignal;
  readonly say: (sentence: string) => void;
}

/** Enrolments that wait for the one before; more are told to come again. */
const waitingMax = 100;
/** Expired tokens leave the configuration of nats-server at the latest after this time. */
const tidyEveryMs = 60_000;
/** Refusals are said at most so often: whoever holds a token may send as many as they like. */
const refusalSaidEveryMs = 1_000;

export async function connectRegistrar(
  store: AuthStore,
  deployment: Deployment,
  servers: readonly string[] = serversOf(deployment),
  waitForServer = false,
): Promise<NatsConnection> {
  return connectNats({
    servers,
    name: `quorate ${deployment.cluster} ${registrarName}`,
    nkeySeedFile: store.seedFile({ role: 'registrar', name: registrarName }),
    tls: { caFile: store.authorityFile },
    inbox: subjectsOf(deployment.cluster).inbox('registrar', registrarName),
    waitForServer,
  });
}

/** Until `signal` is aborted. @throws QuorateError where NATS cannot be reached. */
export async function runRegistrar(options: RegistrarOptions): Promise<void> {
  const { store, servers, signal, say } = options;
  const deployment = store.read();
  const subjects = subjectsOf(deployment.cluster);
  const connection = await connectRegistrar(store, deployment, servers, true);
  const client = createApiClient({ connection, cluster: deployment.cluster, from: registrarName });
  const sayRefusal = atMostEvery(refusalSaidEveryMs, say);
  let waiting = 0;
  let last = Promise.resolve();
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

  async function take(message: Msg): Promise<void> {
    const router = subjectToken(message.subject, 1);
    try {
      const { publicKey } = requestIn(message);
      const changed = await store.change(Date.now(), (held) => enrolled(held, router, publicKey, Date.now()));
      // Before the servers read it: they will cut the connection of the token that is used up.
      answer(message, { v: protocolVersion, ok: true });
      await connection.flush();
      const { sentence } = await reload(store, changed);
      say(`router ${router} is enrolled; ${sentence}`);
      await markEnrolled(client, router);
    } catch (error) {
      const refusal = toQuorateError(error);
      sayRefusal(`router ${router} is not enrolled: ${refusal.message}`);
      answer(message, { v: protocolVersion, ok: false, error: refusal.toWire() });
    }
  }

  connection.subscribe(subjectPatternsOf(deployment.cluster).enrolment('*'), {
    callback: (error, message) => {
      const router = subjectToken(message.subject, 1);
      if (error !== null || !isOwnInbox(subjects, message.reply, ['enrolment'], router)) return;
      if (waiting >= waitingMax) {
        answer(message, { v: protocolVersion, ok: false, error: new QuorateError('overloaded').toWire() });
        return;
      }
      waiting += 1;
      // One after the other: each writes the configuration of nats-server.
      last = last
        .then(() => take(message))
        .finally(() => {
          waiting -= 1;
        });
    },
  });
  const tidying = setInterval(() => void tidy(store, say), tidyEveryMs);
  await connection.flush();
  say(`takes enrolments for the cluster ${deployment.cluster}`);
  await stopped;
  clearInterval(tidying);
  await last;
  await connection.close();
}

/** What comes sooner is left out; the next sentence says how many were. */
function atMostEvery(everyMs: number, say: (sentence: string) => void): (sentence: string) => void {
  let [saidAtMs, leftOut] = [Number.NEGATIVE_INFINITY, 0];
  return (sentence) => {
    if (performance.now() - saidAtMs < everyMs) {
      leftOut += 1;
      return;
    }
    say(leftOut === 0 ? sentence : `${sentence} (and ${leftOut} more before)`);
    [saidAtMs, leftOut] = [performance.now(), 0];
  };
}

function requestIn(message: Msg): { readonly publicKey: string } {
  let body: unknown;
  try {
    body = message.json();
  } catch {
    body = undefined;
  }
  const request = validate(enrolmentRequestSchema, body, 'invalid-request', 'the enrolment');
  if (!isPublicUserKey(request.publicKey))
    throw new QuorateError('invalid-request', 'the key is no public NKey of a user');
  return request;
}

function answer(message: Msg, reply: EnrolmentReply): void {
  message.respond(JSON.stringify(reply));
}

async function tidy(store: AuthStore, say: (sentence: string) => void): Promise<void> {
  try {
    const now = Date.now();
    if (store.read().enrolments.every(({ expiresAt }) => expiresAt > now)) return;
    const changed = await store.change(now, (held) => held);
    say(`tokens have expired; ${(await reload(store, changed)).sentence}`);
  } catch (error) {
    say(`expired tokens could not be taken away: ${toQuorateError(error).message}`);
  }
}
