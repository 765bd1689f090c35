/**
 * What a controller does for routers, on NATS. Every member hears every hello and heartbeat and keeps who is there; any of
 * them answers hellos and gives what routers miss; the leader alone publishes, broadcasts the list of controllers and takes
 * alerts. Reads the controller's state through functions handed in; changes nothing but its own memory.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseJson } from '../../../messaging/api-client.js';
import { type Msg, type NatsConnection, NatsEvents, type Subscription } from '../../../messaging/connection.js';
import { QuorateError, toQuorateError, validate, type WireError } from '../../../messaging/errors.js';
import { protocolVersion, type VersionRange } from '../../../messaging/protocol.js';
import type { AlertEvent, RouterEvent } from '../../../messaging/schemas/events.js';
import { routerEventSchema } from '../../../messaging/schemas/events.js';
import type { Entity } from '../../../messaging/schemas/model.js';
import {
  type EndpointList,
  type HelloRequest,
  heartbeatSchema,
  helloRequestSchema,
  type ModelReport,
  type RouterAlert,
  type RouterDirect,
  type RouterView,
  routerAlertSchema,
  syncRequestSchema,
} from '../../../messaging/schemas/router.js';
import { anyControllerQueue, isOwnInbox, type Subjects, subjectToken } from '../../../messaging/subjects.js';
import { SenderLimits } from '../sender-limits.js';
import { TurnQueue } from '../turn-queue.js';
import { answerHello, type HelloFacts, namesOthers, refusalByModel, refusalOf } from './hello.js';
import { serviceLimits as limits } from './limits.js';
import type { RouterModelReader } from './model-reader.js';
import { Presence, type RouterStates, type Standing } from './presence.js';
import { SharedChanges } from './shared-changes.js';
import { SharedModel, type SharedModelOptions } from './shared-model.js';
import { Throttle } from './throttle.js';

type Unstamped<Event> = Omit<Event, 'v' | 'event_src_id' | 'timestamp' | 'event_id'> & { readonly event_id?: string };
/** An event without what the publisher adds; with an `event_id` where a repetition must be told from a new one. */
export type RouterServiceEvent = Unstamped<RouterEvent> | Unstamped<AlertEvent>;

export interface RouterServiceOptions {
  readonly connection: NatsConnection;
  readonly subjects: Subjects;
  readonly nodeId: string;
  readonly model: RouterModelReader;
  /**
   * Whether routers may be given this controller's model: it is a member of a committed configuration (or standalone) and has
   * once applied all that the leader had committed. A learner that is still catching up must say no: a router that starts
   * now would take its half-empty model.
   */
  readonly serves: () => boolean;
  readonly isLeader: () => boolean;
  /** As leader: it has applied all that was committed before it led. A new one has an older list of controllers until then. */
  readonly isCurrent: () => boolean;
  /** From the committed configuration only; null where this controller is in none. See `makeEndpointList`. */
  readonly endpoints: () => EndpointList | null;
  readonly publishEvent: (event: RouterServiceEvent) => void;
  readonly heartbeatMs?: number;
  readonly heartbeatsMissedMax?: number;
  /** Versions spoken with routers. Default: all of this build. */
  readonly protocol?: VersionRange;
  readonly sharedModelLimits?: SharedModelOptions['limits'];
  /** An error in this controller, which a router met. */
  readonly log: (
    code: 'router-unanswered' | 'router-message-failed',
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ) => void;
  /** A message says that another router has sent it than its subject says. */
  readonly onMismatch?: (claimed: string, bound: string) => void;
  /** Milliseconds that never go back. */
  readonly now?: () => number;
  /** Runs `work` every `intervalMs`; returns how to stop. */
  readonly every?: (intervalMs: number, work: () => void) => () => void;
}

export interface RouterServiceCounters {
  readonly hellos: number;
  readonly hellosRefused: number;
  readonly heartbeats: number;
  readonly changesAnswers: number;
  readonly pages: number;
  readonly modelsBuilt: number;
  readonly partsBuilt: number;
  readonly overloaded: number;
  readonly nudges: number;
  readonly alerts: number;
  readonly undecodable: number;
  /** Messages whose content names another router than their subject. */
  readonly mismatched: number;
  /** Heartbeats, syncs and alerts of routers that the model keeps out. */
  readonly refused: number;
}

export interface RouterService {
  /** Routers heard of with ids after this one, in the order of their ids, at most `limit`. */
  routers(after?: string, limit?: number): readonly RouterView[];
  /** For the status of this controller. */
  presence(): { readonly online: number; readonly known: number };
  counters(): RouterServiceCounters;
  states(): RouterStates;
  /** Requests for the model that wait for it. */
  syncs(): { readonly depth: number; readonly max: number };
  /** Asks these routers to say what they hold; {@link reportOf} then tells it. */
  askReports(routers: readonly string[]): void;
  /** What the router said last that it holds; null: it was never asked, or does not know the question. */
  reportOf(router: string): ModelReport | null;
  /** Whether the router said goodbye, and nothing since. */
  hasLeft(router: string): boolean;
  /** Call it with what was applied to the model, so that a router that is disabled or enabled hears of it at once. */
  changed(changes: readonly { readonly entity: Entity }[]): void;
  /** Call it when leadership, membership or the list of controllers changed, so that it acts at once; it also looks by itself. */
  refresh(): void;
  stop(): void;
}

export function createRouterService(options: RouterServiceOptions): RouterService {
  return new NatsRouterService(options);
}

interface Said {
  readonly bytes: number;
  readonly read: () => void;
}

class NatsRouterService implements RouterService {
  readonly #options: RouterServiceOptions;
  readonly #now: () => number;
  readonly #heartbeatMs: number;
  readonly #presence: Presence;
  readonly #model: SharedModel;
  readonly #changes: SharedChanges;
  readonly #throttle: Throttle;
  /** Of each router: what is answered, and what is only heard. */
  readonly #askLimits: SenderLimits;
  readonly #tellLimits: SenderLimits;
  /** What thousands of them say at once, when NATS is there again: read some milliseconds at a time. */
  readonly #said: TurnQueue<Said>;
  readonly #listening: Subscription[] = [];
  readonly #stopTicking: () => void;
  readonly #refusedAt = new Map<string, number>();
  readonly #alertsTaken = new Set<string>();
  readonly #counters = {
    hellos: 0,
    hellosRefused: 0,
    heartbeats: 0,
    changesAnswers: 0,
    pages: 0,
    overloaded: 0,
    nudges: 0,
    alerts: 0,
    undecodable: 0,
    mismatched: 0,
    refused: 0,
  };
  #answering: Subscription[] = [];
  #waiting = 0;
  #broadcast: string | null = null;
  #isConnected = true;
  /** The server was asked for an answer, and has not given it. */
  #asking: { readonly atMs: number } | null = null;
  #stopped = false;

  constructor(options: RouterServiceOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#heartbeatMs = options.heartbeatMs ?? limits.heartbeatMs;
    this.#presence = new Presence({
      heartbeatMs: this.#heartbeatMs,
      heartbeatsMissedMax: options.heartbeatsMissedMax ?? limits.heartbeatsMissedMax,
      reconnectGraceMs: limits.reconnectGraceMs,
      routersMax: limits.routersMax,
    });
    const { routersMax: sendersMax } = limits;
    this.#askLimits = new SenderLimits({ perSecondMax: limits.asksPerSecondMax, sendersMax, now: this.#now });
    this.#tellLimits = new SenderLimits({ perSecondMax: limits.tellsPerSecondMax, sendersMax, now: this.#now });
    this.#said = new TurnQueue({
      handle: (said) => this.#handle(said),
      // In the order in which it came: no router may say much, and one that waits long says it again.
      senderOf: () => 'routers',
      bytesOf: ({ bytes }) => bytes,
      ...{ perTurnMax: Number.POSITIVE_INFINITY, perTurnBytesMax: Number.POSITIVE_INFINITY },
      ...{ perTurnMsMax: limits.perTurnMsMax, waitingMax: limits.messagesWaitingMax },
      ...{ waitingOfSenderMax: limits.messagesWaitingMax, waitingBytesMax: limits.messageBytesWaitingMax },
      now: this.#now,
    });
    this.#throttle = new Throttle({ perSecondMax: limits.syncBytesPerSecondMax, now: this.#now });
    this.#model = new SharedModel({
      reader: options.model,
      controller: options.nodeId,
      yieldTurn: () => nextTurn(),
      now: this.#now,
      limits: options.sharedModelLimits,
    });
    this.#changes = new SharedChanges({ reader: options.model, controller: options.nodeId });
    this.#subscribeAll();
    void this.#watchConnection();
    const every = options.every ?? everyInterval;
    this.#stopTicking = every(Math.max(20, this.#heartbeatMs / 4), () => this.#tick());
    this.#tick();
  }

  routers(after?: string, limit?: number): readonly RouterView[] {
    return this.#presence.view(this.#standing(), this.#now(), after, limit);
  }

  presence(): { readonly online: number; readonly known: number } {
    return { online: this.#presence.online, known: this.#presence.known };
  }

  states(): RouterStates {
    return this.#presence.states(this.#standing());
  }

  syncs(): { readonly depth: number; readonly max: number } {
    return { depth: this.#waiting, max: limits.syncWaitingMax };
  }

  counters(): RouterServiceCounters {
    return { ...this.#counters, modelsBuilt: this.#model.built, partsBuilt: this.#model.partsBuilt };
  }

  refresh(): void {
    this.#tick();
  }

  changed(changes: readonly { readonly entity: Entity }[]): void {
    for (const { entity } of changes) {
      if (entity.kind !== 'router') continue;
      const was = this.#presence.refusalOf(entity.id);
      const refusal = refusalByModel(entity.id, this.#options.model);
      // One that is away, or speaks another version, is told when it says hello.
      const isNews = refusal === null ? was?.code === 'hello-refused' : was === null;
      if (!isNews) continue;
      if (refusal !== null) this.#presence.refuse(entity.id, refusal);
      if (this.#options.isLeader()) this.#nudge(entity.id, refusal?.message ?? 'the router is enabled again');
    }
  }

  askReports(routers: readonly string[]): void {
    for (const router of routers) this.#tell(router, { v: protocolVersion, what: 'report' });
  }

  reportOf(router: string): ModelReport | null {
    return this.#presence.reportOf(router);
  }

  hasLeft(router: string): boolean {
    return this.#presence.hasLeft(router);
  }

  stop(): void {
    this.#stopped = true;
    this.#stopTicking();
    for (const subscription of [...this.#listening, ...this.#answering]) subscription.unsubscribe();
    this.#said.clear();
  }

  // ---- what every member hears

  #subscribeAll(): void {
    const { subjects } = this.#options;
    this.#listening.push(
      this.#subscribe(subjects.routerRequests('hello'), (message) =>
        this.#observe(message, () => this.#observeHello(this.#helloIn(message))),
      ),
      this.#subscribe(subjects.routerRequests('hello', '*'), (message) =>
        this.#observe(message, () => this.#observeHello(this.#helloIn(message))),
      ),
      this.#subscribe(subjects.routerRequests('heartbeat'), (message) =>
        this.#observe(message, () => this.#onHeartbeat(message)),
      ),
      this.#subscribe(subjects.routerRequests('alert'), (message) =>
        this.#observe(message, () => this.#onAlert(message)),
      ),
      // What the leader says comes in order, and is not dropped for what routers say.
      this.#options.connection.subscribe(subjects.event('router.>'), {
        callback: (error, message) => {
          if (error === null) this.#handle({ bytes: 0, read: () => this.#onRouterEvent(message) });
        },
      }),
    );
  }

  #onRouterEvent(message: Msg): void {
    const event = routerEventSchema.safeParse(parseJson(message));
    const isPresence =
      event.success && (event.data.event_type === 'router-online' || event.data.event_type === 'router-offline');
    if (isPresence) this.#presence.published(event.data.router_id, event.data.router_online);
  }

  /** What is over the router's limit is not heard: it will say it again. */
  #observe(message: Msg, work: () => void): void {
    if (this.#tellLimits.take(subjectToken(message.subject, 1)) > 0) this.#counters.overloaded += 1;
    else if (message.data.length > limits.messageBytesMax) this.#counters.undecodable += 1;
    else work();
  }

  #observeHello(hello: HelloRequest): void {
    const refusal = refusalOf(hello, this.#facts(hello.router));
    const now = this.#now();
    if (refusal !== null && namesOthers(refusal)) return this.#presence.elsewhere(hello, refusal, now);
    this.#presence.hello(hello, refusal, now, this.#options.model.position());
    if (refusal === null) this.#refusedAt.delete(hello.router);
    else if (
      this.#options.isLeader() &&
      now - (this.#refusedAt.get(hello.router) ?? -Infinity) >= limits.refusedWindowMs
    ) {
      if (this.#refusedAt.size >= limits.routersMax) this.#refusedAt.clear();
      this.#refusedAt.set(hello.router, now);
      const message = `router ${hello.router} is refused: ${refusal.message}. ${refusal.remedy}`;
      this.#options.publishEvent({
        namespace: 'router',
        event_type: 'router-hello-refused',
        router_id: hello.router,
        router_online: false,
        message,
      });
    }
    if (this.#options.isLeader()) this.#publishTransitions();
  }

  #onHeartbeat(message: Msg): void {
    const heartbeat = validate(heartbeatSchema, parseJson(message), 'invalid-request', 'the heartbeat');
    this.#checkSender(message, heartbeat.router);
    this.#counters.heartbeats += 1;
    const disabled = this.#disabled(heartbeat.router);
    if (disabled !== null) this.#counters.refused += 1;
    const nudge = this.#presence.heartbeat(heartbeat, this.#standing(), this.#now());
    if (disabled !== null) this.#presence.refuse(heartbeat.router, disabled);
    if (!this.#options.isLeader()) return;
    this.#publishTransitions();
    const reason = disabled?.message ?? nudge;
    if (reason !== null) this.#nudge(heartbeat.router, reason);
  }

  /** A router that is followed and accepted was looked up before; the model says when that changes (`changed`). */
  #disabled(router: string): WireError | null {
    return this.#presence.refusalOf(router) === null ? null : refusalByModel(router, this.#options.model);
  }

  #nudge(router: string, reason: string): void {
    this.#counters.nudges += 1;
    this.#tell(router, { v: protocolVersion, what: 'hello-again', reason });
  }

  #tell(router: string, direct: RouterDirect): void {
    this.#options.connection.publish(this.#options.subjects.routerDirect(router), JSON.stringify(direct));
  }

  /** Only the leader takes alerts, and answers: what is not answered is sent again. */
  #onAlert(message: Msg): void {
    if (!this.#options.isLeader()) return;
    const alert = validate(routerAlertSchema, parseJson(message), 'invalid-request', 'the alert');
    this.#checkSender(message, alert.router);
    // Nobody waits for the alerts of one that may not be there.
    if (refusalByModel(alert.router, this.#options.model) === null) this.#publishAlert(alert);
    else this.#counters.refused += 1;
    this.#respond(message, JSON.stringify({ v: protocolVersion, ok: true }));
  }

  #publishAlert(alert: RouterAlert): void {
    const eventId = `${alert.router}-${alert.id}`;
    if (this.#alertsTaken.has(eventId)) return;
    if (this.#alertsTaken.size >= limits.alertsRememberedMax)
      this.#alertsTaken.delete(this.#alertsTaken.values().next().value ?? '');
    this.#alertsTaken.add(eventId);
    this.#counters.alerts += 1;
    this.#options.publishEvent({
      namespace: 'alert',
      event_id: eventId,
      alert_source_type: 'router',
      alert_source_id: alert.router,
      severity: alert.severity,
      message: alert.message,
      details: [alert.code, ...alert.details],
      related_entities: { router: alert.router },
    });
  }

  // ---- what any member answers

  #startAnswering(): void {
    const { subjects, nodeId } = this.#options;
    const queue = anyControllerQueue;
    this.#answering = [
      this.#subscribe(subjects.routerRequests('hello'), (message) => this.#answerHello(message), queue),
      this.#subscribe(subjects.routerRequests('hello', nodeId), (message) => this.#answerHello(message)),
      this.#subscribe(subjects.routerRequests('sync'), (message) => void this.#answerSync(message), queue),
      this.#subscribe(subjects.routerRequests('sync', nodeId), (message) => void this.#answerSync(message)),
    ];
  }

  #stopAnswering(): void {
    for (const subscription of this.#answering) subscription.unsubscribe();
    this.#answering = [];
  }

  #answerHello(message: Msg): void {
    let answer: string;
    try {
      this.#checkLimit(message);
      const hello = this.#helloIn(message);
      const reply = answerHello(hello, this.#facts(hello.router));
      this.#counters[reply.ok ? 'hellos' : 'hellosRefused'] += 1;
      answer = JSON.stringify(reply);
    } catch (error) {
      answer = JSON.stringify({ v: protocolVersion, ok: false, error: toQuorateError(error).toWire() });
    }
    this.#respond(message, answer);
  }

  /** Only into the router's own inbox. */
  #respond(message: Msg, answer: string | Uint8Array): void {
    const { subjects } = this.#options;
    if (isOwnInbox(subjects, message.reply, ['router'], subjectToken(message.subject, 1))) message.respond(answer);
    else this.#counters.undecodable += 1;
  }

  async #answerSync(message: Msg): Promise<void> {
    try {
      const answer = await this.#syncAnswer(message);
      const retryAfterMs = this.#throttle.take(answer.byteLength);
      if (retryAfterMs > 0) throw overloaded(retryAfterMs);
      if (!this.#stopped) this.#respond(message, answer);
    } catch (error) {
      const refusal = toQuorateError(error);
      if (refusal.code === 'overloaded') this.#counters.overloaded += 1;
      if (refusal.code === 'internal')
        this.#options.log('router-unanswered', 'a router could not be answered', { error: refusal.message });
      if (!this.#stopped)
        this.#respond(message, JSON.stringify({ v: protocolVersion, what: 'refused', error: refusal.toWire() }));
    }
  }

  async #syncAnswer(message: Msg): Promise<Uint8Array> {
    this.#checkLimit(message);
    const { router, want } = validate(syncRequestSchema, parseJson(message), 'invalid-request', 'the request');
    this.#checkSender(message, router);
    const disabled = refusalByModel(router, this.#options.model);
    if (disabled !== null) {
      this.#counters.refused += 1;
      throw QuorateError.fromWire(disabled);
    }
    if (want.what === 'changes') {
      this.#counters.changesAnswers += 1;
      return this.#changes.after(want.after);
    }
    if (this.#waiting >= limits.syncWaitingMax) throw overloaded(limits.retryAfterMaxMs);
    this.#waiting += 1;
    try {
      const own = want.scope === 'own' ? router : undefined;
      const page = await this.#model.page(want.cursor, { own, atLeast: want.atLeast });
      this.#counters.pages += 1;
      return page;
    } finally {
      this.#waiting -= 1;
    }
  }

  // ---- what the leader does, and what time does

  #tick(): void {
    if (this.#stopped) return;
    this.#model.expire();
    const serves = this.#options.serves();
    if (serves && this.#answering.length === 0) this.#startAnswering();
    else if (!serves && this.#answering.length > 0) this.#stopAnswering();
    // While the connection is away nothing can be heard, and what is published would be sent late.
    if (!this.#isConnected) return;
    this.#listen();
    if (this.#options.isLeader()) {
      this.#publishTransitions();
      if (this.#options.isCurrent()) this.#broadcastEndpoints();
    } else {
      this.#broadcast = null;
    }
  }

  /**
   * A connection delivers in order: when the server answers, all that it had for this controller before it was asked has been
   * handled. A heartbeat that waits behind other work, here or on the way here, is therefore never taken for silence.
   */
  #listen(): void {
    if (this.#asking !== null) return;
    const asking = { atMs: this.#now() };
    this.#asking = asking;
    const answered = (): void => {
      if (this.#asking !== asking || this.#stopped) return;
      this.#asking = null;
      this.#presence.listened(asking.atMs);
      if (this.#options.isLeader()) this.#publishTransitions();
    };
    const unanswered = (): void => {
      if (this.#asking === asking) this.#asking = null;
    };
    // Behind all that came before the answer and was not read yet.
    const received = (): void => {
      if (!this.#said.push({ bytes: 0, read: answered })) unanswered();
    };
    this.#options.connection.flush().then(received, unanswered);
  }

  #publishTransitions(): void {
    for (const { router, online, message } of this.#presence.unpublished(this.#now())) {
      const type = online ? 'router-online' : 'router-offline';
      this.#options.publishEvent({
        namespace: 'router',
        event_type: type,
        router_id: router,
        router_online: online,
        message,
      });
      this.#presence.published(router, online);
    }
  }

  /** When it changed, and by each new leader once: the old one may not have come to it. */
  #broadcastEndpoints(): void {
    const list = this.#options.endpoints();
    if (list === null) return;
    const text = JSON.stringify(list);
    if (text === this.#broadcast) return;
    this.#broadcast = text;
    this.#options.connection.publish(this.#options.subjects.endpoints(), text);
  }

  async #watchConnection(): Promise<void> {
    for await (const status of this.#options.connection.status()) {
      if (status.type === NatsEvents.Disconnect) this.#isConnected = false;
      if (status.type === NatsEvents.Reconnect) {
        this.#isConnected = true;
        this.#asking = null;
        this.#presence.listenAgain();
        // Routers may have missed a broadcast that was sent into the breaking connection.
        this.#broadcast = null;
      }
    }
  }

  #facts(router: string): HelloFacts {
    return {
      controller: this.#options.nodeId,
      heartbeatMs: this.#heartbeatMs,
      protocol: this.#options.protocol,
      position: this.#options.model.position(),
      router: this.#options.model.entity('router', router) ?? null,
      endpoints: this.#options.endpoints(),
    };
  }

  #standing(): Standing {
    return { model: this.#options.model.position(), endpoints: this.#options.endpoints()?.position ?? null };
  }

  #helloIn(message: Msg): HelloRequest {
    const hello = validate(helloRequestSchema, parseJson(message), 'invalid-request', 'the hello');
    this.#checkSender(message, hello.router);
    return hello;
  }

  /** @throws QuorateError `overloaded` or `too-large`, before anything is read of the message. */
  #checkLimit(message: Msg): void {
    const retryAfterMs = this.#askLimits.take(subjectToken(message.subject, 1));
    if (retryAfterMs > 0) throw overloaded(retryAfterMs);
    if (message.data.length > limits.messageBytesMax) throw new QuorateError('too-large');
  }

  /** NATS permissions bind the subject; what the message says of its sender must be the same. */
  #checkSender(message: Msg, router: string): void {
    const bound = subjectToken(message.subject, 1);
    if (bound === router) return;
    this.#counters.mismatched += 1;
    this.#options.onMismatch?.(router, bound);
    throw new QuorateError('invalid-request', 'the message names another router than its subject');
  }

  #subscribe(subject: string, handle: (message: Msg) => void, queue?: string): Subscription {
    return this.#options.connection.subscribe(subject, {
      queue,
      callback: (error, message) => {
        if (error !== null || this.#stopped) return;
        // It will say it again.
        const read = (): void => handle(message);
        if (!this.#said.push({ bytes: message.data.length, read })) this.#counters.overloaded += 1;
      },
    });
  }

  /** No message, whatever is in it, may end the controller. */
  #handle({ read }: Said): true {
    try {
      if (!this.#stopped) read();
    } catch (failure) {
      const refusal = toQuorateError(failure);
      if (refusal.code === 'internal')
        this.#options.log('router-message-failed', 'a router message could not be handled', {
          error: refusal.message,
        });
      else this.#counters.undecodable += 1;
    }
    return true;
  }
}

function overloaded(retryAfterMs: number): QuorateError {
  return new QuorateError('overloaded', undefined, {
    details: { retryAfterMs: Math.ceil(Math.min(retryAfterMs, limits.retryAfterMaxMs)) },
  });
}

function everyInterval(intervalMs: number, work: () => void): () => void {
  const timer = setInterval(work, intervalMs);
  return () => clearInterval(timer);
}
