/**
 * The one place where the console touches the world: it gathers what the cluster says into batches, steps the reducer,
 * does what the reducer wants done, and tells whoever draws. What is heard waits for
 * the next frame (frames.ts); keys do not.
 */
import type { ApiClient } from '../messaging/api-client.js';
import { type NatsConnection, NatsEvents } from '../messaging/connection.js';
import { toQuorateError } from '../messaging/errors.js';
import type { QuorateEvent } from '../messaging/schemas/events.js';
import { paceFrames } from './frames.js';
import { eventsMax, tickMs } from './state/limits.js';
import type { Answer, Effect, Message, Outcome, Request } from './state/messages.js';
import { reduceAll } from './state/reduce.js';
import type { State } from './state/state.js';

export interface Shell {
  readonly state: () => State;
  /** For what the operator does: stepped at once. */
  readonly act: (message: Message) => void;
  readonly subscribe: (listener: () => void) => () => void;
  readonly stop: () => void;
}

export interface ShellOptions {
  readonly initial: State;
  readonly client: ApiClient;
  readonly connection: NatsConnection;
  readonly quit: () => void;
  readonly copy: (text: string) => void;
  /** The text after the operator's editor; rejects where there is none or it failed. */
  readonly edit: (fileName: string, text: string) => Promise<string>;
  /** Writes a new file; gives its path. */
  readonly save: (fileName: string, text: string) => Promise<string>;
  /** Writes the whole model to a new file; gives its path. */
  readonly exportModel: (fileName: string) => Promise<string>;
  /** Keeps what was typed into the palette. */
  readonly remember: (history: readonly string[]) => void;
}

/**
 * How long the answers of all controllers are taken, each as it comes: longer than the screens take to load on a busy machine,
 * during which nothing is read.
 */
const collectMs = 2_000;

export function startShell(options: ShellOptions): Shell {
  const stepper = new Stepper(options.initial, (effect) => perform(effect, options, stepper));
  const stopListening = listen(options, stepper);
  return {
    state: () => stepper.state,
    act: (message) => stepper.act(message),
    subscribe: (listener) => stepper.subscribe(listener),
    stop: () => {
      stopListening();
      stepper.stop();
    },
  };
}

/** Holds the state, and decides when a message is stepped and when is drawn. */
class Stepper {
  #state: State;
  #heard: Message[] = [];
  #events: QuorateEvent[] = [];
  #stopped = false;
  readonly #listeners = new Set<() => void>();
  readonly #perform: (effect: Effect) => void;
  readonly #frames = paceFrames((why) => {
    if (why === 'heard') this.#takeHeard();
    for (const listener of this.#listeners) listener();
  });

  constructor(initial: State, perform: (effect: Effect) => void) {
    this.#state = initial;
    this.#perform = perform;
  }

  get state(): State {
    return this.#state;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** For what the operator does: stepped and drawn at once. */
  act(message: Message): void {
    this.#step([message]);
    this.#frames.acted();
  }

  /** Stepped at once, because the next page of a long list waits for it; drawn with the next frame. */
  answer(message: Answer): void {
    this.#step([message]);
    this.#frames.heard();
  }

  /** Stepped and drawn with the next frame. */
  hear(message: Message): void {
    this.#heard.push(message);
    this.#frames.heard();
  }

  hearEvent(event: QuorateEvent): void {
    // More than is kept would be forgotten in the same step.
    if (this.#events.length >= eventsMax) this.#events.shift();
    this.#events.push(event);
    this.#frames.heard();
  }

  /** Time has passed, and nothing else. */
  tick(): void {
    this.#frames.heard();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    this.#stopped = true;
    this.#frames.stop();
  }

  /** What was heard becomes one step, and one frame. */
  #takeHeard(): void {
    const events = this.#events.length === 0 ? [] : [{ type: 'events' as const, events: this.#events }];
    const batch = [...this.#heard, ...events];
    this.#heard = [];
    this.#events = [];
    this.#step(batch);
  }

  #step(messages: readonly Message[]): void {
    if (this.#stopped) return;
    const [next, effects] = reduceAll(this.#state, [{ type: 'tick', now: Date.now() }, ...messages]);
    this.#state = next;
    for (const effect of effects) this.#perform(effect);
  }
}

/** Everything that is published, and the connection itself; answers what ends that. */
function listen({ client, connection }: ShellOptions, stepper: Stepper): () => void {
  const stops = [
    client.watchStatus((status) => stepper.hear({ type: 'status', status })),
    client.watchEvents((event) => stepper.hearEvent(event)),
    client.watchOperations((operation) => stepper.hear({ type: 'operation', operation })),
  ];
  const ticking = setInterval(() => stepper.tick(), tickMs);
  void collect(client, stepper);
  void followConnection(connection, stepper);
  return () => {
    clearInterval(ticking);
    for (const stop of stops) stop();
  };
}

async function followConnection(connection: NatsConnection, stepper: Stepper): Promise<void> {
  for await (const { type } of connection.status()) {
    if (stepper.isStopped) return;
    if (type === NatsEvents.Disconnect) stepper.hear({ type: 'connection', up: false });
    if (type === NatsEvents.Reconnect) stepper.hear({ type: 'connection', up: true });
  }
}

async function collect(client: ApiClient, stepper: Stepper): Promise<void> {
  await client.collectStatus(collectMs, (status) => stepper.hear({ type: 'status', status })).catch(() => []);
}

function perform(effect: Effect, options: ShellOptions, stepper: Stepper): void {
  const saved = async (write: () => Promise<string>): Promise<void> =>
    stepper.act({ type: 'saved', outcome: await outcomeOf(write) });
  switch (effect.type) {
    case 'request':
      void ask(effect.request, effect.timeoutMs, options.client).then((answer) => stepper.answer(answer));
      return;
    case 'collect':
      void collect(options.client, stepper);
      return;
    case 'copy':
      options.copy(effect.text);
      return;
    case 'edit':
      void outcomeOf(() => options.edit(effect.fileName, effect.text)).then((outcome) =>
        stepper.act({ type: 'edited', number: effect.number, outcome }),
      );
      return;
    case 'save':
      void saved(() => options.save(effect.fileName, effect.text));
      return;
    case 'export':
      void saved(() => options.exportModel(effect.fileName));
      return;
    case 'remember':
      options.remember(effect.history);
      return;
    case 'quit':
      options.quit();
      return;
  }
}

async function ask(request: Request, timeoutMs: number, client: ApiClient): Promise<Answer> {
  const outcome = await outcomeOf(() =>
    client.request(request.verb, request.params, {
      timeoutMs,
      ...('requestId' in request ? { requestId: request.requestId } : {}),
      ...('node' in request ? { node: request.node } : {}),
    }),
  );
  // The verb of an answer is that of its request, and its value what that verb answers: the client's types say so, but
  // cannot for a union of verbs.
  return { type: 'answer', verb: request.verb, request, outcome } as Answer;
}

async function outcomeOf<Value>(attempt: () => Promise<Value>): Promise<Outcome<Value>> {
  try {
    return { ok: true, value: await attempt() };
  } catch (error) {
    return { ok: false, error: toQuorateError(error).toWire() };
  }
}
