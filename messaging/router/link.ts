/**
 * A router's line to the controllers: the NATS connection, kept up for ever, and the subjects that a router listens to.
 * It decodes and validates; it decides nothing.
 */
import type { z } from 'zod';
import { parseJson } from '../api-client.js';
import { type ConnectionOptions, connectNats, type Msg, type NatsConnection, NatsEvents } from '../connection.js';
import { toQuorateError } from '../errors.js';
import { entityChangeEventSchema } from '../schemas/events.js';
import type { ModelChange } from '../schemas/model.js';
import { type RouterDirect, routerDirectSchema } from '../schemas/router.js';
import { type RouterVerb, subjectsOf } from '../subjects.js';
import type { RouterClock } from './clock.js';
import { routerLimits as limits } from './limits.js';

export interface LinkOptions {
  readonly cluster: string;
  readonly router: string;
  readonly connection: Omit<ConnectionOptions, 'servers' | 'name' | 'waitForServer'>;
  /** The servers to try now: those learned and those configured. */
  readonly servers: () => readonly string[];
  readonly clock: RouterClock;
  readonly handlers: LinkHandlers;
}

export interface LinkHandlers {
  /** Subscriptions are in force: what is published from now on arrives. */
  connected(server: string): void;
  disconnected(): void;
  /** An attempt to connect failed; another follows. */
  unreachable(error: Error): void;
  change(change: ModelChange): void;
  /** Not validated: the rules for lists of controllers are asked of whatever arrives. */
  endpoints(list: unknown): void;
  direct(direct: RouterDirect): void;
  undecodable(subject: string): void;
  /** An error of ours: a message could not be handled. */
  failed(error: Error): void;
}

export class RouterLink {
  readonly #options: LinkOptions;
  readonly #subjects;
  #connection: NatsConnection | null = null;
  #serversInUse: readonly string[] = [];
  #isUp = false;
  #closed = false;
  #cancelWait: () => void = () => {};
  #attempt = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#subjects = subjectsOf(options.cluster);
  }

  start(): void {
    void this.#connect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelWait();
    const connection = this.#connection;
    this.#connection = null;
    if (connection === null) return;
    if (this.#isUp) await connection.flush().catch(() => {});
    await connection.close().catch(() => {});
  }

  /** Null: no answer came, or none that satisfies the schema. */
  async request<Schema extends z.ZodType>(
    verb: RouterVerb,
    body: unknown,
    schema: Schema,
    timeoutMs: number,
    controller?: string,
  ): Promise<z.output<Schema> | null> {
    const subject = this.#subjects.routerRequest(this.#options.router, verb, controller);
    const connection = this.#connection;
    if (connection === null) return null;
    try {
      const message = await this.#answerTo(connection, subject, JSON.stringify(body), timeoutMs);
      if (message === null) return null;
      const parsed = schema.safeParse(parseJson(message));
      if (parsed.success) return parsed.data;
      this.#options.handlers.undecodable(subject);
    } catch {
      // Nobody there, too late, or the connection went: the same to whoever asked, who asks again.
    }
    return null;
  }

  /**
   * Null where there is none in time. Time in which this process stood still, or had no turn for what it was sent, does not
   * count: a connection delivers in order, so when the server answers a question that is asked after the time, all that it had
   * for this router is here. Thousands of routers on one busy machine would else throw away the answers to all their questions,
   * and ask them again.
   */
  async #answerTo(connection: NatsConnection, subject: string, body: string, timeoutMs: number): Promise<Msg | null> {
    let cancel = (): void => undefined;
    const answer = connection.request(subject, body, { timeout: timeoutMs + limits.lateAnswerMaxMs });
    const tooLate = new Promise<null>((resolve) => {
      cancel = this.#options.clock.after(timeoutMs, () => {
        const giveUp = (): void => void setImmediate(() => resolve(null));
        connection.flush().then(giveUp, giveUp);
      });
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      cancel();
      // Whoever has given up waits for it no more.
      answer.catch(() => undefined);
    }
  }

  publish(verb: RouterVerb, body: unknown): void {
    const connection = this.#connection;
    // While it is away the library would keep what is published and send it late: a late heartbeat says what was.
    if (connection === null || connection.isClosed() || !this.#isUp) return;
    connection.publish(this.#subjects.routerRequest(this.#options.router, verb), JSON.stringify(body));
  }

  async #connect(): Promise<void> {
    const { handlers, clock, connection: credentials, router, servers } = this.#options;
    this.#serversInUse = servers();
    try {
      const connection = await connectNats({
        ...credentials,
        servers: this.#serversInUse,
        name: `quorate-router-${router}`,
        inbox: this.#subjects.inbox('router', router),
      });
      if (this.#closed) return await connection.close();
      this.#attempt = 0;
      this.#connection = connection;
      this.#subscribe(connection);
      void this.#watch(connection);
      await this.#up(connection);
    } catch (error) {
      if (this.#closed) return;
      handlers.unreachable(toQuorateError(error));
      const waitMs = Math.min(limits.connectWaitMaxMs, limits.connectWaitMinMs * 2 ** Math.min(this.#attempt, 16));
      this.#attempt += 1;
      this.#cancelWait = clock.after(waitMs * (0.5 + clock.random() / 2), () => void this.#connect());
    }
  }

  /** The flush comes back when the server has processed the subscriptions sent before it. */
  async #up(connection: NatsConnection): Promise<void> {
    await connection.flush().catch(() => {});
    if (connection !== this.#connection || connection.isClosed()) return;
    this.#isUp = true;
    this.#options.handlers.connected(connection.getServer());
  }

  #down(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#options.handlers.disconnected();
  }

  async #watch(connection: NatsConnection): Promise<void> {
    void connection.closed().then(() => this.#onClosed(connection));
    for await (const status of connection.status()) {
      if (connection !== this.#connection) return;
      if (status.type === NatsEvents.Disconnect) {
        this.#down();
        this.#cancelWait = this.#options.clock.after(limits.reconnectPatienceMs, () =>
          this.#replaceIfOutdated(connection),
        );
      } else if (status.type === NatsEvents.Reconnect) {
        this.#cancelWait();
        await this.#up(connection);
      }
    }
  }

  /** The library goes on with the servers that it was given at first. Where others have been learned since, it starts anew. */
  #replaceIfOutdated(connection: NatsConnection): void {
    const servers = this.#options.servers();
    const isOutdated =
      servers.length !== this.#serversInUse.length || servers.some((server) => !this.#serversInUse.includes(server));
    if (isOutdated && !this.#isUp && !this.#closed && connection === this.#connection)
      void connection.close().catch(() => {});
  }

  /** Replaced, or given up by the library (which it does when credentials are refused again and again). */
  #onClosed(connection: NatsConnection): void {
    if (this.#closed || connection !== this.#connection) return;
    this.#connection = null;
    this.#cancelWait();
    this.#down();
    void this.#connect();
  }

  #subscribe(connection: NatsConnection): void {
    const { handlers, router } = this.#options;
    const subscribe = (subject: string, handle: (message: Msg) => void): void => {
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error !== null || connection !== this.#connection) return;
          try {
            handle(message);
          } catch (failure) {
            // The library would end the connection.
            handlers.failed(toQuorateError(failure));
          }
        },
      });
    };
    subscribe(this.#subjects.event('entityChange.>'), (message) => {
      const change = changeOf(parseJson(message));
      if (change === null) handlers.undecodable(message.subject);
      else handlers.change(change);
    });
    subscribe(this.#subjects.endpoints(), (message) => handlers.endpoints(parseJson(message)));
    subscribe(this.#subjects.routerDirect(router), (message) => {
      const parsed = routerDirectSchema.safeParse(parseJson(message));
      if (parsed.success) handlers.direct(parsed.data);
      else handlers.undecodable(message.subject);
    });
  }
}

/** The change that an event tells of, or null where it tells of none that is understood. */
export function changeOf(event: unknown): ModelChange | null {
  const parsed = entityChangeEventSchema.safeParse(event);
  if (!parsed.success) return null;
  const { eventType, position, previousIndex, initialState, finalState } = parsed.data;
  const entity = eventType === 'deleted' ? (initialState ?? finalState) : finalState;
  return entity === null || entity === undefined ? null : { position, previousIndex, type: eventType, entity };
}
