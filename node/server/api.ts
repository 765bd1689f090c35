/**
 * The API on NATS: takes requests, validates them against the table of verbs, hands them to their handler and answers. What
 * a verb does stands in `handlers.ts`.
 */

import { parseJson } from '../../messaging/api-client.js';
import type { Msg, NatsConnection, Subscription } from '../../messaging/connection.js';
import { QuorateError, toQuorateError, validate } from '../../messaging/errors.js';
import { protocolVersion, supportedVersions, type VersionRange } from '../../messaging/protocol.js';
import {
  type ApiParsedParams,
  type ApiResult,
  type ApiVerb,
  apiRequestSchema,
  apiVerbs,
  sinceOf,
} from '../../messaging/schemas/api.js';
import {
  anyControllerQueue,
  isOwnInbox,
  type Role,
  type Subjects,
  subjectRest,
  subjectToken,
} from '../../messaging/subjects.js';
import { encodeAnswer } from './answers.js';
import type { Log } from './log.js';
import { SenderLimits } from './sender-limits.js';
import { TurnQueue } from './turn-queue.js';

export interface RequestContext {
  readonly requestId: string;
  /** The name that the subject binds. */
  readonly from: string;
  /** Where the client says that it runs. */
  readonly origin: string | null;
}

/**
 * What takes long to read is read when the turn of who asked has come, a piece at a time, and encoded at once: so nothing that
 * was read waits. Called again until it returns something.
 */
export type Reading<Result> = () => Result | undefined;

export type ApiHandlers = {
  readonly [V in ApiVerb]: (
    params: ApiParsedParams<V>,
    context: RequestContext,
  ) => ApiResult<V> | Reading<ApiResult<V>> | Promise<ApiResult<V> | Reading<ApiResult<V>>>;
};

/** What is to be encoded and sent. */
interface Due {
  readonly message: Msg;
  readonly verb: ApiVerb;
  readonly result: unknown;
}

export interface ApiServerOptions {
  readonly connection: NatsConnection;
  readonly subjects: Subjects;
  readonly nodeId: string;
  readonly log: Log;
  readonly handlers: ApiHandlers;
  /** What this controller speaks; default: all that this build understands. */
  readonly protocol?: VersionRange;
  /** Of one sender; what is over it is refused as `overloaded`. */
  readonly requestsPerSecondMax?: number;
  /** Milliseconds that never go back. */
  readonly now?: () => number;
}

/** Who may ask. */
const askers: readonly Role[] = ['operator', 'controller', 'registrar'];
/** Requests that are being answered; more are refused as `overloaded`. */
export const requestsMax = 20_000;
/** Of these so many of one sender: there is room left for others. */
export const requestsOfSenderMax = requestsMax / 2;
/** Of one sender: about two thirds of what a controller can answer. */
export const requestsPerSecondMaxDefault = 20_000;
/** Refusals of what is over that which are answered; who sends on gets none. */
const refusalsPerSecondMax = 1_000;
/** Senders whose requests are counted. */
const sendersMax = 10_000;
/** Begun in one turn of the event loop. */
const requestsPerTurnMax = 256;
/** Beginning takes so long of a turn, and answering as much again: a tenth of the shortest election timeout each. */
const perTurnMsMax = 10;
const requestBytesPerTurnMax = 1024 * 1024;
const requestBytesWaitingMax = 64 * 1024 * 1024;
/** What waits is done by then. */
const retryAfterFullMs = 1_000;
/** NATS's own, for the moment in which the server has not said it. */
const maxPayloadDefault = 1024 * 1024;

export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #subscriptions: Subscription[] = [];
  #leader: Subscription | undefined;
  #any: Subscription | undefined;
  /** Begun, and not answered. */
  #running = 0;
  #stopped = false;
  readonly #limits: SenderLimits;
  readonly #refusals: SenderLimits;
  readonly #queue: TurnQueue<Msg>;
  readonly #answers: TurnQueue<Due>;
  readonly counters = { requests: 0, refused: 0 };
  /** By error code. */
  readonly refusedBy: Record<string, number> = {};

  constructor(options: ApiServerOptions) {
    this.#options = options;
    const now = options.now ?? (() => performance.now());
    const perSecondMax = options.requestsPerSecondMax ?? requestsPerSecondMaxDefault;
    this.#limits = new SenderLimits({ perSecondMax, sendersMax, now });
    this.#refusals = new SenderLimits({ perSecondMax: refusalsPerSecondMax, sendersMax, now });
    const waiting = { waitingMax: requestsMax, waitingOfSenderMax: requestsOfSenderMax, perTurnMsMax, now };
    this.#queue = new TurnQueue({
      handle: (message) => this.#begin(message),
      senderOf,
      bytesOf: ({ data }) => data.length,
      perTurnMax: requestsPerTurnMax,
      perTurnBytesMax: requestBytesPerTurnMax,
      waitingBytesMax: requestBytesWaitingMax,
      ...waiting,
    });
    const unlimited = Number.POSITIVE_INFINITY;
    this.#answers = new TurnQueue({
      handle: (due) => this.#answer(due),
      senderOf: ({ message }) => senderOf(message),
      // Of those that were begun there are not more than that.
      ...{ bytesOf: () => 0, perTurnMax: unlimited, perTurnBytesMax: unlimited, waitingBytesMax: unlimited },
      ...{ ...waiting, waitingOfSenderMax: requestsMax },
    });
  }

  /** Requests that are being answered now. */
  get running(): number {
    return this.#running + this.#queue.depth;
  }

  start(): void {
    const { subjects, nodeId } = this.#options;
    this.#subscriptions.push(this.#subscribe(subjects.apiTo(nodeId)), this.#subscribe(subjects.apiTo('all')));
  }

  /** Whether to answer what any member may answer; a controller that is none would refuse what the next one knows. */
  setServing(serving: boolean): void {
    if (serving === (this.#any !== undefined)) return;
    if (serving) {
      this.#any = this.#subscribe(this.#options.subjects.apiTo('any'), anyControllerQueue);
    } else {
      this.#any?.drain().catch(() => undefined);
      this.#any = undefined;
    }
  }

  /** Whether to answer what is meant for the leader. */
  setLeading(leading: boolean): void {
    if (leading === (this.#leader !== undefined)) return;
    if (leading) {
      this.#leader = this.#subscribe(this.#options.subjects.apiTo('leader'));
    } else {
      // What has arrived already gets its refusal, instead of no answer at all.
      this.#leader?.drain().catch(() => undefined);
      this.#leader = undefined;
    }
  }

  stop(): void {
    this.setLeading(false);
    this.setServing(false);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions.length = 0;
    // The model is about to be closed.
    this.#stopped = true;
    const waiting = [...this.#queue.clear(), ...this.#answers.clear().map(({ message }) => message)];
    for (const message of waiting) this.#refuse(message, new QuorateError('stopping'));
  }

  #subscribe(subject: string, queue?: string): Subscription {
    return this.#options.connection.subscribe(subject, {
      queue,
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
  }

  /** Before anything is read of it: a flood must cost little. */
  #take(message: Msg): void {
    this.counters.requests += 1;
    const from = senderOf(message);
    const retryAfterMs = this.#limits.take(from);
    if (retryAfterMs > 0) this.#refuseFlood(message, from, retryAfterMs);
    else if (!this.#queue.push(message)) this.#refuseFlood(message, from, retryAfterFullMs);
  }

  /** Answered too, but not all of them: the answers would be the next flood. */
  #refuseFlood(message: Msg, from: string, retryAfterMs: number): void {
    this.counters.refused += 1;
    this.refusedBy['overloaded'] = (this.refusedBy['overloaded'] ?? 0) + 1;
    if (this.#refusals.take(from) > 0) return;
    const error = new QuorateError('overloaded', undefined, { details: { retryAfterMs } }).toWire();
    this.#respond(message, JSON.stringify({ v: protocolVersion, ok: false, node: this.#options.nodeId, error }));
  }

  #begin(message: Msg): boolean {
    this.#running += 1;
    this.#handle(message)
      .then((due) => {
        // What is there already costs little to send, and waits for nobody's reading.
        if (typeof due.result !== 'function') this.#answer(due);
        else if (!this.#answers.push(due)) throw new QuorateError('overloaded');
      })
      .catch((error: unknown) => {
        this.#running -= 1;
        this.#refuse(message, error);
      });
    return true;
  }

  /** Once the whole result is there. */
  #answer({ message, verb, result }: Due): boolean {
    const { nodeId: node, connection, log } = this.#options;
    try {
      if (this.#stopped && typeof result === 'function') throw new QuorateError('stopping');
      const read: unknown = typeof result === 'function' ? result() : result;
      if (read === undefined) return false;
      const bytesMax = connection.info?.max_payload ?? maxPayloadDefault;
      this.#respond(message, encodeAnswer(verb, read, { node, bytesMax }));
      if (log.writes('debug')) log.debug('answered a request', requestIn(message));
    } catch (error) {
      this.#refuse(message, error);
    }
    this.#running -= 1;
    return true;
  }

  async #handle(message: Msg): Promise<Due> {
    if (this.#running > requestsMax)
      throw new QuorateError('overloaded', undefined, { details: { retryAfterMs: retryAfterFullMs } });
    const request = validate(apiRequestSchema, parseJson(message), 'invalid-request', 'the request');
    const { min, max } = this.#options.protocol ?? supportedVersions;
    if (request.v < min || request.v > max) {
      throw new QuorateError(
        'unsupported-version',
        `the request has protocol version ${request.v}; this controller understands ${min} to ${max}`,
      );
    }
    const verb = subjectRest(message.subject, 3);
    if (!isVerb(verb) || sinceOf(verb) > max) throw new QuorateError('unknown-verb', `there is no verb ${verb}`);
    const params = validate(apiVerbs[verb].params, request.params ?? {}, 'invalid-request', verb);
    const { requestId, origin = null } = request;
    const context = { requestId, origin, from: senderOf(message) };
    // Each verb's parameters were validated by its own schema one line above; TypeScript cannot follow that by key.
    const handler = this.#options.handlers[verb] as (params: unknown, context: RequestContext) => unknown;
    return { message, verb, result: await handler(params, context) };
  }

  #refuse(message: Msg, cause: unknown): void {
    const error = forWhomItWasMeant(message, toQuorateError(cause));
    this.counters.refused += 1;
    this.refusedBy[error.code] = (this.refusedBy[error.code] ?? 0) + 1;
    const { log } = this.#options;
    if (error.code === 'internal')
      log.error('request-failed', 'a request failed', {
        ...requestIn(message),
        error: error.message,
        stack: (error.cause as Error | undefined)?.stack,
      });
    else if (log.writes('debug')) log.debug('refused a request', { ...requestIn(message), errorCode: error.code });
    const refusal = { v: protocolVersion, ok: false, node: this.#options.nodeId, error: error.toWire() };
    this.#respond(message, JSON.stringify(refusal));
  }

  #respond(message: Msg, answer: Uint8Array | string): void {
    const { subjects } = this.#options;
    if (!isOwnInbox(subjects, message.reply, askers, senderOf(message))) return;
    try {
      message.respond(answer);
    } catch (error) {
      // The connection is closed.
      this.#options.log.warn('answer-not-sent', 'an answer could not be sent', {
        ...requestIn(message),
        error: String(error),
      });
    }
  }
}

/** The name that permissions bind. */
const senderOf = ({ subject }: Msg): string => subjectToken(subject, 2);

/** For the log. */
function requestIn(message: Msg) {
  const parsed = apiRequestSchema.safeParse(parseJson(message));
  const [verb, from] = [subjectRest(message.subject, 3), senderOf(message)];
  return { requestId: parsed.success ? parsed.data.requestId : undefined, verb, from };
}

/** Who asked for the leader may ask again: that this controller is no member any more says nothing of the one that leads. */
function forWhomItWasMeant(message: Msg, error: QuorateError): QuorateError {
  const isForLeader = subjectToken(message.subject, 1) === 'leader';
  return isForLeader && notAMember.has(error.code) ? new QuorateError('not-leader', error.message) : error;
}

const notAMember: ReadonlySet<string> = new Set(['not-a-member', 'removed']);

function isVerb(verb: string): verb is ApiVerb {
  return Object.hasOwn(apiVerbs, verb);
}
