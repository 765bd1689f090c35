/** The router client: the pure state machine of `router-state.ts`, driven by NATS, a file and a clock. */
import { join } from 'node:path';
import { z } from 'zod';
import type { ConnectionOptions } from '../connection.js';
import { QuorateError, toQuorateError, validate } from '../errors.js';
import { identifierSchema } from '../identifiers.js';
import type { IndexType } from '../position.js';
import { protocolVersion, supportedVersions, type VersionRange, versionRangeSchema } from '../protocol.js';
import {
  type EndpointList,
  helloReplySchema,
  routerAlertReplySchema,
  type SyncRequest,
  syncReplySchema,
} from '../schemas/router.js';
import type { RouterAlarm } from './alerts.js';
import { ChangeQueue } from './change-queue.js';
import { type RouterClock, realClock } from './clock.js';
import { Emitter } from './emitter.js';
import { EndpointFileWriter, endpointFileName, readEndpointFile } from './endpoint-file.js';
import { serversOf } from './endpoints.js';
import { routerLimits as limits } from './limits.js';
import { RouterLink } from './link.js';
import type { RouterLogCodeName } from './log-codes.js';
import { type ModelView, type RouterChange, RouterModel } from './model-view.js';
import {
  initialState,
  phaseOf,
  type RouterCounter,
  type RouterEffect,
  type RouterInput,
  type RouterPhase,
  type RouterState,
  type RouterTimer,
  reduce,
} from './router-state.js';

export type RouterLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

export interface RouterOptions {
  /** Name of the cluster whose controllers the router belongs to. */
  readonly cluster: string;
  /** The router's own: 1 to 64 of the characters A-Z a-z 0-9 _ -. No two routers of one cluster may share it. */
  readonly id: string;
  /** NATS servers to begin with, and to fall back to: `nats://host:port`. At least one. */
  readonly servers: readonly string[];
  /** User, token, NKey, creds file, TLS, as for every connection. */
  readonly credentials?: Omit<ConnectionOptions, 'servers' | 'name' | 'waitForServer'>;
  /** Where the last good list of controllers is kept; made where it is missing. One router to a directory. */
  readonly dataDirectory: string;
  /** Version of the router's software, shown to operators. At most 64 characters. */
  readonly version?: string;
  /** Range of protocol versions to offer. Default: all that this client understands. */
  readonly protocol?: VersionRange;
  /**
   * What to hold of the model. `whole` (default): everything. `own`: what the controllers choose for this router: itself, the
   * policies that select it, and the services and identities that those join.
   */
  readonly scope?: 'whole' | 'own';
  /** Default: both. */
  readonly indexTypes?: readonly IndexType[];
  readonly log?: RouterLog;
  readonly clock?: RouterClock;
}

/** What `on` tells of. */
export type RouterEvents = {
  /** The model changed, and `client.model` shows it already. */
  change: RouterChange;
  /** Another list of controllers was accepted. */
  endpoints: EndpointList;
  /** Something that an operator should know; the controllers are told as well. */
  alarm: RouterAlarm;
  phase: RouterPhase;
};

export type RouterCounters = Readonly<Record<RouterCounter | 'handlerErrors', number>>;

export interface RouterClient {
  readonly id: string;
  readonly model: ModelView;
  /** The last good list of controllers; null before the first. */
  readonly endpoints: EndpointList | null;
  readonly phase: RouterPhase;
  /** Counted since the client was made; a copy. */
  readonly counters: RouterCounters;
  /** Returns how to stop. A handler that throws is logged and counted. */
  on<Name extends keyof RouterEvents>(event: Name, handler: (value: RouterEvents[Name]) => void): () => void;
  /**
   * Every change from now on, each once and in order, for `for await`. Ends when the client is closed; throws `overloaded`
   * where the loop falls further behind than is kept (65,536 changes).
   */
  changes(): AsyncIterableIterator<RouterChange>;
  /** Resolves when the router holds all that it has heard of. @throws QuorateError `timeout`, or `stopping` once closed */
  whenLive(timeoutMs?: number): Promise<void>;
  /** Says goodbye, ends iterations, closes the connection. May be called again. */
  close(): Promise<void>;
}

/**
 * Connects a router to its controllers and keeps it connected. Resolves when the file with the last good list has been read;
 * it never waits for a controller or a NATS server, and no outage of theirs is an error: see `phase` and `whenLive`. The
 * model is kept in memory only and taken whole after a restart.
 *
 * @throws QuorateError `invalid-config`
 */
export async function connectRouter(options: RouterOptions): Promise<RouterClient> {
  checkOptions(options);
  const path = join(options.dataDirectory, endpointFileName);
  const client = new NatsRouterClient(options, path);
  client.begin(await readEndpointFile(path, options.cluster));
  return client;
}

function checkOptions(options: RouterOptions): void {
  validate(identifierSchema, options.id, 'invalid-config', 'the id of the router');
  validate(identifierSchema, options.cluster, 'invalid-config', 'the name of the cluster');
  validate(
    versionRangeSchema,
    options.protocol ?? supportedVersions,
    'invalid-config',
    'the range of protocol versions',
  );
  if (options.servers.length === 0) throw new QuorateError('invalid-config', 'no NATS server is given');
  if ((options.version ?? '').length > 64)
    throw new QuorateError('invalid-config', 'the version has more than 64 characters');
}

const syncOutcomeSchema = z.union([
  syncReplySchema,
  z.unknown().transform(() => ({ what: 'not-understood' }) as const),
]);

class NatsRouterClient implements RouterClient {
  readonly id: string;
  readonly #clock: RouterClock;
  readonly #log: RouterLog;
  readonly #link: RouterLink;
  readonly #model = new RouterModel();
  readonly #emitter: Emitter<RouterEvents>;
  readonly #queues = new Set<ChangeQueue>();
  readonly #timers = new Map<RouterTimer, () => void>();
  readonly #counters = emptyCounters();
  readonly #waitingForLive = new Set<(error: QuorateError) => void>();
  readonly #file: EndpointFileWriter;
  #state: RouterState;
  #closing: Promise<void> | null = null;

  constructor(options: RouterOptions, path: string) {
    this.id = options.id;
    this.#clock = options.clock ?? realClock;
    this.#log = options.log ?? (() => {});
    this.#emitter = new Emitter((error) => {
      this.#counters.handlerErrors += 1;
      this.#log('error', 'a handler of the application failed', {
        code: 'router.handler.failed' satisfies RouterLogCodeName,
        error: toQuorateError(error).message,
      });
    });
    this.#file = new EndpointFileWriter(path, (error) =>
      this.#dispatch({ input: 'endpoints-unsaved', reason: toQuorateError(error).message }),
    );
    this.#state = initialState({
      cluster: options.cluster,
      router: options.id,
      version: options.version ?? '',
      scope: options.scope ?? 'whole',
      protocol: options.protocol ?? supportedVersions,
      indexTypes: options.indexTypes ?? ['legacy', 'raft'],
      incarnation: this.#clock.wallMs(),
    });
    this.#link = new RouterLink({
      cluster: options.cluster,
      router: options.id,
      connection: options.credentials ?? {},
      servers: () => serversOf(this.#state.endpoints, options.servers),
      clock: this.#clock,
      handlers: {
        connected: (server) => {
          this.#log('info', 'connected', { server });
          this.#dispatch({ input: 'connected' });
        },
        disconnected: () => this.#dispatch({ input: 'disconnected' }),
        unreachable: (error) =>
          this.#log('warn', error.message, { code: 'router.nats.unreachable' satisfies RouterLogCodeName }),
        change: (change) => this.#dispatch({ input: 'change', change }),
        endpoints: (list) => this.#dispatch({ input: 'endpoints', list }),
        direct: (direct) => this.#dispatch({ input: 'direct', direct }),
        undecodable: () => this.#count('undecodable'),
        failed: (error) =>
          this.#log('error', 'a message could not be handled', {
            code: 'router.message.failed' satisfies RouterLogCodeName,
            error: error.message,
          }),
      },
    });
  }

  get model(): ModelView {
    return this.#model;
  }

  get endpoints(): EndpointList | null {
    return this.#state.endpoints;
  }

  get phase(): RouterPhase {
    return phaseOf(this.#state);
  }

  get counters(): RouterCounters {
    return { ...this.#counters };
  }

  begin(finding: Awaited<ReturnType<typeof readEndpointFile>>): void {
    const effects = this.#reduce({ input: 'start', finding });
    // Whoever made the client can listen only when it has it: what is told before is told to nobody.
    setImmediate(() => {
      if (this.#closing !== null) return;
      for (const effect of effects) this.#perform(effect);
      this.#link.start();
    });
  }

  on<Name extends keyof RouterEvents>(event: Name, handler: (value: RouterEvents[Name]) => void): () => void {
    return this.#emitter.on(event, handler);
  }

  changes(): AsyncIterableIterator<RouterChange> {
    const queue = new ChangeQueue(limits.iterationBehindMax, (ended) => this.#queues.delete(ended));
    if (this.#closing === null) this.#queues.add(queue);
    else queue.end();
    return queue;
  }

  whenLive(timeoutMs = 30_000): Promise<void> {
    if (this.#closing !== null) return Promise.reject(closedError());
    if (this.phase === 'live') return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stop = this.on('phase', (phase) => {
      if (phase === 'live') resolve();
    });
    const cancel = this.#clock.after(timeoutMs, () =>
      reject(
        new QuorateError('timeout', `the router ${this.id} is ${this.phase} and not live after ${timeoutMs} ms`, {
          remedy: 'It goes on trying; its log and its alarms say what keeps it.',
        }),
      ),
    );
    this.#waitingForLive.add(reject);
    return promise.finally(() => {
      stop();
      cancel();
      this.#waitingForLive.delete(reject);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { session } = this.#state;
    if (session !== null) {
      this.#link.publish('heartbeat', {
        v: protocolVersion,
        router: this.id,
        incarnation: this.#state.settings.incarnation,
        position: this.#model.position,
        endpoints: this.#state.endpoints?.position ?? null,
        controller: session.controller,
        protocolVersion: session.protocolVersion,
        version: this.#state.settings.version,
        scope: this.#state.settings.scope,
        leaving: true,
        counters: this.#counters,
      });
    }
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    for (const reject of this.#waitingForLive) reject(closedError());
    await this.#link.close();
    for (const queue of [...this.#queues]) queue.end();
    await this.#file.idle();
  }

  #dispatch(input: RouterInput): void {
    if (this.#closing !== null) return;
    for (const effect of this.#reduce(input)) this.#perform(effect);
  }

  #reduce(input: RouterInput): readonly RouterEffect[] {
    const { state, effects } = reduce(this.#state, input, this.#clock.now());
    this.#state = state;
    return effects;
  }

  #perform(effect: RouterEffect): void {
    // A handler of the application may have closed the client between two effects.
    if (this.#closing !== null) return;
    switch (effect.effect) {
      case 'apply':
        for (const change of this.#model.apply(effect.change, effect.source, effect.part)) this.#tell(change);
        return;
      case 'replace':
        for (const change of this.#model.replace(effect.entities, effect.position, effect.part)) this.#tell(change);
        return;
      case 'advance':
        this.#model.advance(effect.position);
        return;
      case 'ask':
        return void this.#ask(effect.request, effect.want, effect.controller);
      case 'hello':
        return void this.#link
          .request('hello', effect.hello, helloReplySchema, limits.helloTimeoutMs, effect.controller ?? undefined)
          .then((reply) => this.#dispatch({ input: 'hello-answered', request: effect.request, reply }));
      case 'alert':
        return void this.#link
          .request('alert', effect.alert, routerAlertReplySchema, limits.alertTimeoutMs)
          .then((reply) => this.#dispatch({ input: 'alert-answered', id: effect.alert.id, taken: reply !== null }));
      case 'heartbeat':
        this.#link.publish('heartbeat', {
          ...effect.heartbeat,
          counters: this.#counters,
          report: effect.reports ? this.#model.report() : undefined,
        });
        return;
      case 'timer':
        this.#startTimer(effect.timer, effect.minMs + (effect.maxMs - effect.minMs) * this.#clock.random());
        return;
      case 'save-endpoints':
        this.#file.write(effect.list);
        this.#log('info', 'list of controllers', { controllers: effect.list.controllers.map((each) => each.id) });
        this.#emitter.emit('endpoints', effect.list);
        return;
      case 'alarm':
        this.#log(effect.alarm.severity === 'warning' ? 'warn' : effect.alarm.severity, effect.alarm.message, {
          code: effect.alarm.code,
          details: effect.alarm.details,
        });
        this.#emitter.emit('alarm', effect.alarm);
        return;
      case 'phase':
        this.#log('info', effect.phase);
        this.#emitter.emit('phase', effect.phase);
        return;
      case 'count':
        this.#count(effect.counter);
        return;
    }
  }

  async #ask(request: number, want: SyncRequest['want'], controller: string | null): Promise<void> {
    const body: SyncRequest = { v: protocolVersion, router: this.id, want };
    const reply = await this.#link.request(
      'sync',
      body,
      syncOutcomeSchema,
      limits.syncTimeoutMs,
      controller ?? undefined,
    );
    this.#dispatch({ input: 'sync-answered', request, outcome: reply ?? { what: 'failed' } });
  }

  #startTimer(name: RouterTimer, delayMs: number): void {
    this.#timers.get(name)?.();
    this.#timers.set(
      name,
      this.#clock.after(delayMs, () => {
        this.#timers.delete(name);
        this.#dispatch({ input: 'timer', timer: name });
      }),
    );
  }

  #tell(change: RouterChange): void {
    this.#emitter.emit('change', change);
    for (const queue of this.#queues) queue.push(change);
  }

  #count(counter: RouterCounter): void {
    this.#counters[counter] += 1;
  }
}

function closedError(): QuorateError {
  return new QuorateError('stopping', 'the router client is closed', { remedy: 'Make a new one with connectRouter.' });
}

function emptyCounters(): Record<RouterCounter | 'handlerErrors', number> {
  return {
    events: 0,
    duplicates: 0,
    gaps: 0,
    staleEvents: 0,
    conflicts: 0,
    bufferOverflows: 0,
    changesFetched: 0,
    resyncs: 0,
    pageRestarts: 0,
    syncRetries: 0,
    targetsGivenUp: 0,
    badReplies: 0,
    hellos: 0,
    hellosRefused: 0,
    endpointsAccepted: 0,
    endpointsRefused: 0,
    alertsDropped: 0,
    undecodable: 0,
    handlerErrors: 0,
  };
}
