/** The API as a typed client: finds the leader by subject, retries what may be retried, with one request id. */
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { asRequestError, type Msg, type NatsConnection, NatsEvents } from './connection.js';
import { isRetryable, QuorateError, validate } from './errors.js';
import { newRequestId } from './identifiers.js';
import { protocolVersion } from './protocol.js';
import {
  type ApiParams,
  type ApiResult,
  type ApiVerb,
  apiResponseSchema,
  apiVerbs,
  sinceOf,
  takesLong,
} from './schemas/api.js';
import { eventSchema, type QuorateEvent } from './schemas/events.js';
import { type OperationView, operationViewSchema } from './schemas/operations.js';
import { type NodeStatus, nodeStatusSchema } from './schemas/status.js';
import { subjectsOf, subjectToken } from './subjects.js';

export interface ApiClientOptions {
  readonly connection: NatsConnection;
  readonly cluster: string;
  /** The operator's or client's name, a token of the subject that its permissions bind. */
  readonly from: string;
  /** Where it runs, for the records of what it starts, e.g. `olga@ops1`. */
  readonly origin?: string;
  /**
   * How long a request is retried in all; an attempt at what takes long (the checks of a workflow may read the whole model) goes
   * on beyond that once a controller has it. Default 10,000.
   */
  readonly timeoutMs?: number;
}

export interface RequestOptions {
  /** The controller to ask, for verbs that are about one. */
  readonly node?: string;
  readonly timeoutMs?: number;
  /** Given again for a retry of ours by the caller; made where none is given. */
  readonly requestId?: string;
  readonly signal?: AbortSignal;
}

export interface ApiClient {
  /** @throws QuorateError the controller's refusal, or `timeout` / `no-responders` / `nats-unreachable`. */
  request<V extends ApiVerb>(verb: V, params: ApiParams<V>, options?: RequestOptions): Promise<ApiResult<V>>;
  /** Every controller's status as it is published. Returns how to stop. */
  watchStatus(handler: (status: NodeStatus) => void): () => void;
  /** Events; `filter` is the subject's part after `events.`, e.g. `cluster.>`. */
  watchEvents(handler: (event: QuorateEvent) => void, filter?: string): () => void;
  watchOperations(handler: (operation: OperationView) => void): () => void;
  /** Asks every controller for its status and gathers the answers for `waitMs`; `heard` is given each as it comes. */
  collectStatus(waitMs: number, heard?: (status: NodeStatus) => void): Promise<NodeStatus[]>;
  /** Messages that did not satisfy their schema, counted since the client was made. */
  readonly undecodable: () => number;
}

const defaultTimeoutMs = 10_000;
/** One attempt: shorter than the whole, because an attempt may wait for a leader that has just died. */
const attemptTimeoutMs = 2_500;
/**
 * An attempt at work of one controller (a snapshot is written, read whole, verified): asked again while it is at it, it would
 * begin again. Where that controller is gone, NATS says so at once.
 */
const workTimeoutMs = 30_000;
/** An attempt at what takes long. A change of leader ends it at once, see `watchForLoss`. */
const longTimeoutMs = 60_000;
const retryWaitMinMs = 20;
const retryWaitMaxMs = 250;
const explainWaitMs = 400;
/** A controller that asks for more is not believed. */
const retryAfterMaxMs = 10_000;

function attemptTimeoutOf(verb: ApiVerb): number {
  const { to, changes } = apiVerbs[verb];
  return to === 'node' && changes ? workTimeoutMs : attemptTimeoutMs;
}

export function createApiClient(options: ApiClientOptions): ApiClient {
  const { connection, cluster, from } = options;
  const subjects = subjectsOf(cluster);
  let undecodable = 0;
  /** End the attempts that wait for an answer. */
  const waitingForLeader = new Set<(error: QuorateError) => void>();
  /** End the waits before the next attempt. */
  const pausing = new Set<() => void>();
  /** How often leadership has moved, or a lost connection came back. */
  let moves = 0;
  let watched = false;

  /**
   * When there is a new leader, or the connection was lost and is back, nobody will answer what was sent before, and there
   * is no reason to wait any longer: all that is under way is sent again at once, under its own request id.
   */
  function watchForLoss(): void {
    if (watched) return;
    watched = true;
    const sendAgain = (code: 'leadership-lost' | 'nats-unreachable'): void => {
      moves += 1;
      for (const abandon of waitingForLeader) abandon(new QuorateError(code));
      for (const proceed of pausing) proceed();
    };
    connection.subscribe(subjects.event('cluster.leadership.gained'), {
      callback: () => sendAgain('leadership-lost'),
    });
    void (async () => {
      for await (const { type } of connection.status())
        if (type === NatsEvents.Reconnect) sendAgain('nats-unreachable');
    })();
  }

  function pause(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const proceed = (): void => {
        clearTimeout(timer);
        pausing.delete(proceed);
        resolve();
      };
      const timer = setTimeout(proceed, waitMs);
      pausing.add(proceed);
    });
  }

  async function request<V extends ApiVerb>(
    verb: V,
    params: ApiParams<V>,
    given: RequestOptions = {},
  ): Promise<ApiResult<V>> {
    const deadline = performance.now() + (given.timeoutMs ?? options.timeoutMs ?? defaultTimeoutMs);
    // The lowest version that knows the verb: older controllers take what they can.
    const requestId = given.requestId ?? newRequestId();
    const body = JSON.stringify({ v: sinceOf(verb), requestId, origin: options.origin, params });
    const subject = subjects.api(given.node ?? targetOf(verb), from, verb);
    for (let attempt = 0; ; attempt += 1) {
      const movesBefore = moves;
      try {
        const attemptMs = takesLong(verb)
          ? longTimeoutMs
          : Math.min(attemptTimeoutOf(verb), deadline - performance.now());
        return await attemptOnce(verb, subject, body, attemptMs);
      } catch (error) {
        const wait = Math.max(
          Math.min(retryWaitMaxMs, retryWaitMinMs * 2 ** attempt) * (0.5 + Math.random() / 2),
          retryAfterOf(error),
        );
        if (given.signal?.aborted === true || !isRetryable(error)) throw error;
        if (performance.now() + wait >= deadline) throw await explain(error, verb);
        // The old leader's refusal may come after the new one's announcement: then there is nothing to wait for either.
        if (moves === movesBefore) await pause(wait);
      }
    }
  }

  /** Nobody listens on the leader's subject: is there no controller, or only no leader? */
  async function explain(error: unknown, verb: ApiVerb): Promise<unknown> {
    if (!(error instanceof QuorateError) || error.code !== 'no-responders' || apiVerbs[verb].to !== 'leader')
      return error;
    const heard = await collectStatus(explainWaitMs).catch(() => []);
    if (heard.length === 0) return error;
    const names = heard.map((status) => `${status.node} (${status.state})`).join(', ');
    return new QuorateError('no-leader', `no leader answered; controllers heard: ${names}`, { cause: error });
  }

  async function attemptOnce<V extends ApiVerb>(
    verb: V,
    subject: string,
    body: string,
    timeoutMs: number,
  ): Promise<ApiResult<V>> {
    let message: Msg;
    try {
      const answer = connection.request(subject, body, { timeout: Math.max(1, timeoutMs) });
      message = apiVerbs[verb].to === 'leader' ? await unlessItIsLost(answer) : await answer;
    } catch (error) {
      throw asRequestError(error, `the request ${verb}`);
    }
    const response = validate(apiResponseSchema, message.json(), 'internal', 'the answer is not understood');
    if (!response.ok) throw QuorateError.fromWire(response.error);
    // The answer of a controller is trusted to have the form that its schema promises, apart from fields of newer versions;
    // parsing it again would cost more than all else that a client does.
    return response.result as ApiResult<V>;
  }

  function unlessItIsLost(answer: Promise<Msg>): Promise<Msg> {
    watchForLoss();
    return new Promise((resolve, reject) => {
      waitingForLeader.add(reject);
      answer.then(
        (message) => {
          waitingForLeader.delete(reject);
          resolve(message);
        },
        (error: unknown) => {
          waitingForLeader.delete(reject);
          reject(error);
        },
      );
    });
  }

  function watch<Schema extends z.ZodType>(
    subject: string,
    schema: Schema,
    handler: (value: z.output<Schema>) => void,
    isFrom: (message: Msg, value: z.output<Schema>) => boolean = () => true,
  ): () => void {
    const subscription = connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const parsed = schema.safeParse(parseJson(message));
        if (parsed.success && isFrom(message, parsed.data)) handler(parsed.data);
        else undecodable += 1;
      },
    });
    return () => subscription.unsubscribe();
  }

  async function collectStatus(waitMs: number, heard?: (status: NodeStatus) => void): Promise<NodeStatus[]> {
    const found = new Map<string, NodeStatus>();
    const body = JSON.stringify({ v: protocolVersion, requestId: randomUUID(), params: {} });
    try {
      const answers = await connection.requestMany(subjects.api('all', from, 'status.get'), body, { maxWait: waitMs });
      for await (const message of answers) {
        const response = apiResponseSchema.safeParse(parseJson(message));
        const status =
          response.success && response.data.ok ? nodeStatusSchema.safeParse(response.data.result) : undefined;
        if (status?.success !== true) {
          undecodable += 1;
          continue;
        }
        found.set(status.data.node, status.data);
        heard?.(status.data);
      }
    } catch (error) {
      const failure = asRequestError(error, 'the request status.get');
      if (failure.code !== 'no-responders') throw failure;
    }
    return [...found.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  return {
    request,
    // Permissions bind the name in the subject, and nothing else.
    watchStatus: (handler) =>
      watch(
        subjects.status('*'),
        nodeStatusSchema,
        handler,
        (message, { node }) => subjectToken(message.subject, 1) === node,
      ),
    watchEvents: (handler, filter = '>') => watch(subjects.event(filter), eventSchema, handler),
    watchOperations: (handler) => watch(subjects.operation('*'), operationViewSchema, handler),
    collectStatus,
    undecodable: () => undecodable,
  };
}

/** How long a controller that has too much to do asks to be left alone, in milliseconds. */
function retryAfterOf(error: unknown): number {
  const given = error instanceof QuorateError ? error.details?.['retryAfterMs'] : undefined;
  return typeof given === 'number' && given > 0 ? Math.min(given, retryAfterMaxMs) * (1 + Math.random() / 2) : 0;
}

function targetOf(verb: ApiVerb): string {
  const { to } = apiVerbs[verb];
  if (to === 'node') throw new RangeError(`${verb} is about one controller: name it in options.node`);
  return to;
}

/** Undecodable input becomes undefined, which no schema accepts. */
export function parseJson(message: Msg): unknown {
  try {
    return message.json();
  } catch {
    return undefined;
  }
}
