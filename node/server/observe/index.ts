/**
 * What tools outside see of a controller: health and metrics over HTTP, from before it has found a NATS server until it has
 * stopped. It only looks: nothing here is in the way of a write, and a look that fails is answered as a failure.
 */
import { supportedVersions } from '../../../messaging/protocol.js';
import type { Clock } from '../../cluster/clock.js';
import type { ControllerConfig, HttpWanted } from '../config.js';
import type { Log } from '../log.js';
import { exposition, expositionType } from './exposition.js';
import type { ControllerFacts, Facts } from './facts.js';
import { aliveness, type Condition, healthText, type Probe, readiness } from './health.js';
import { defaultPort, defaultPortsMax, type HttpAnswer, type HttpServer, openHttp, text } from './http.js';
import { freeBytesOf, RuntimeWatch } from './runtime.js';

export type { ControllerFacts } from './facts.js';

export interface ObserverOptions {
  readonly config: ControllerConfig;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The connections that a controller has. */
export const connectionNames = ['control', 'bulk', 'service'] as const;
export type ConnectionName = (typeof connectionNames)[number];

/** Whoever asks for metrics more often gets the same ones again: they cost about a millisecond. */
const metricsEveryMs = 100;

export class Observer {
  readonly #options: ObserverOptions;
  readonly #runtime: RuntimeWatch;
  readonly #connected = new Map<ConnectionName, boolean>(connectionNames.map((name) => [name, false]));
  #reconnects = 0;
  #server: HttpServer | null = null;
  #controller: (() => ControllerFacts) | null = null;
  #metrics: { readonly atMs: number; readonly body: string } | undefined;

  private constructor(options: ObserverOptions) {
    this.#options = options;
    this.#runtime = new RuntimeWatch(options.clock);
  }

  /** @throws QuorateError `address-in-use` or `invalid-config` */
  static async open(options: ObserverOptions): Promise<Observer> {
    const observer = new Observer(options);
    try {
      await observer.#listen();
    } catch (error) {
      observer.#runtime.stop();
      throw error;
    }
    return observer;
  }

  /** Where HTTP is served, as `127.0.0.1:4280`; null: nowhere. */
  get address(): string | null {
    return this.#server?.address ?? null;
  }

  /** From now on there is a controller to look at. */
  observe(controller: () => ControllerFacts): void {
    this.#controller = controller;
  }

  connected(name: ConnectionName, isUp: boolean): void {
    if (isUp && this.#controller !== null && this.#connected.get(name) === false) this.#reconnects += 1;
    this.#connected.set(name, isUp);
  }

  async close(): Promise<void> {
    this.#runtime.stop();
    await this.#server?.close();
  }

  async #listen(): Promise<void> {
    const wanted = this.#options.config.http ?? { type: 'off' };
    this.#server = await openHttp(wanted, {
      '/livez': (query) => this.#health('livez', aliveness(this.#facts()), query),
      '/readyz': (query) => this.#health('readyz', readiness(this.#facts()), query),
      '/metrics': () => ({ status: 200, type: expositionType, body: this.#exposition() }),
    });
    this.#say(wanted);
  }

  #say(wanted: HttpWanted): void {
    const { log } = this.#options;
    if (this.#server === null) {
      if (wanted.type === 'default')
        log.warn('http-no-port', 'no port is free for health and metrics', {
          ports: `${defaultPort} to ${defaultPort + defaultPortsMax - 1}`,
        });
      return;
    }
    const { address } = this.#server;
    log.info('serves health and metrics', { http: `http://${address}` });
    if (wanted.type === 'address' && !isLoopback(wanted.host))
      log.warn('http-open', 'health and metrics are served beyond this machine, without authentication', {
        http: address,
      });
  }

  #health(probe: Probe, conditions: readonly Condition[], query: URLSearchParams): HttpAnswer {
    const excluded = new Set(query.getAll('exclude'));
    const asked = conditions.filter(({ name }) => !excluded.has(name));
    const isMet = asked.every(({ failure }) => failure === null);
    return text(isMet ? 200 : 503, healthText(probe, asked, query.has('verbose')));
  }

  #exposition(): string {
    const { config, clock } = this.#options;
    const atMs = clock.monotonicMs();
    if (this.#metrics === undefined || atMs - this.#metrics.atMs >= metricsEveryMs)
      this.#metrics = { atMs, body: exposition(this.#facts(), { cluster: config.cluster, node: config.nodeId }) };
    return this.#metrics.body;
  }

  #facts(): Facts {
    const { config, version } = this.#options;
    return {
      version,
      protocol: config.protocol ?? supportedVersions,
      nats: {
        connections: Object.fromEntries(this.#connected),
        reconnects: this.#reconnects,
        servers: config.nats.servers,
      },
      runtime: this.#runtime.facts(),
      freeBytes: freeBytesOf(config.dataDirectory),
      controller: this.#controller?.() ?? null,
    };
  }
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');
