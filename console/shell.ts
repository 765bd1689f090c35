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
  const { client, connection } = options;
  let state = options.initial;
  let pending: Message[] = [];
  let events: QuorateEvent[] = [];
  let stopped = false;
  const listeners = new Set<() => void>();

  function step(messages: readonly Message[]): void {
    if (stopped) return;
    const [next, effects] = reduceAll(state, [{ type: 'tick', now: Date.now() }, ...messages]);
    state = next;
    for (const effect of effects) perform(effect);
  }

  /** What was heard becomes one step, and one frame. */
  function takeHeard(): void {
    const batch = events.length === 0 ? pending : [...pending, { type: 'events' as const, events }];
    pending = [];
    events = [];
    step(batch);
  }

  const frames = paceFrames((why) => {
    if (why === 'heard') takeHeard();
    for (const listener of listeners) listener();
  });

  function act(message: Message): void {
    step([message]);
    frames.acted();
  }

  function hear(message: Message): void {
    pending.push(message);
    frames.heard();
  }

  function perform(effect: Effect): void {
    switch (effect.type) {
      case 'request':
        void ask(effect.request, effect.timeoutMs);
        return;
      case 'collect':
        void collect();
        return;
      case 'copy':
        options.copy(effect.text);
        return;
      case 'edit':
        void edit(effect.number, effect.fileName, effect.text);
        return;
      case 'save':
        void save(() => options.save(effect.fileName, effect.text));
        return;
      case 'export':
        void save(() => options.exportModel(effect.fileName));
        return;
      case 'remember':
        options.remember(effect.history);
        return;
      case 'quit':
        options.quit();
        return;
    }
  }

  async function ask(request: Request, timeoutMs: number): Promise<void> {
    const outcome = await outcomeOf(() =>
      client.request(request.verb, request.params, {
        timeoutMs,
        ...('requestId' in request ? { requestId: request.requestId } : {}),
        ...('node' in request ? { node: request.node } : {}),
      }),
    );
    // The verb of an answer is that of its request, and its value what that verb answers: the client's types say so, but
    // cannot for a union of verbs.
    // An answer is stepped at once, because the next page of a long list waits for it.
    step([{ type: 'answer', verb: request.verb, request, outcome } as Answer]);
    frames.heard();
  }

  async function edit(number: number, fileName: string, text: string): Promise<void> {
    const outcome = await outcomeOf(() => options.edit(fileName, text));
    act({ type: 'edited', number, outcome });
  }

  async function save(write: () => Promise<string>): Promise<void> {
    const outcome = await outcomeOf(write);
    act({ type: 'saved', outcome });
  }

  async function collect(): Promise<void> {
    await client.collectStatus(collectMs, (status) => hear({ type: 'status', status })).catch(() => []);
  }

  async function followConnection(): Promise<void> {
    for await (const { type } of connection.status()) {
      if (stopped) return;
      if (type === NatsEvents.Disconnect) hear({ type: 'connection', up: false });
      if (type === NatsEvents.Reconnect) hear({ type: 'connection', up: true });
    }
  }

  const stops = [
    client.watchStatus((status) => hear({ type: 'status', status })),
    client.watchEvents((event) => {
      // More than is kept would be forgotten in the same step.
      if (events.length >= eventsMax) events.shift();
      events.push(event);
      frames.heard();
    }),
    client.watchOperations((operation) => hear({ type: 'operation', operation })),
  ];
  const ticking = setInterval(frames.heard, tickMs);
  void collect();
  void followConnection();

  return {
    state: () => state,
    act,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => {
      stopped = true;
      clearInterval(ticking);
      frames.stop();
      for (const stop of stops) stop();
    },
  };
}

async function outcomeOf<Value>(attempt: () => Promise<Value>): Promise<Outcome<Value>> {
  try {
    return { ok: true, value: await attempt() };
  } catch (error) {
    return { ok: false, error: toQuorateError(error).toWire() };
  }
}
