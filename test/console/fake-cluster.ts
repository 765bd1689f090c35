/** A client of no cluster at all: it says and answers what it is told to. For tests of the shell, and to look at screens. */
import type { ApiClient, NatsConnection, NodeStatus, Operation, QuorateEvent } from '../../messaging/index.js';

export interface FakeCluster {
  readonly client: ApiClient;
  readonly connection: NatsConnection;
  readonly status: (status: NodeStatus) => void;
  readonly event: (event: QuorateEvent) => void;
  readonly operation: (operation: Operation) => void;
  /** What NATS says of the connection: `disconnect`, `reconnect`. */
  readonly connectionStatus: (type: string) => void;
}

export type Answerer = (verb: string, params: unknown, requestId: string | undefined) => unknown;

/** `answer` gives a value, a promise of one, or throws a QuorateError. */
export function fakeCluster(answer: Answerer, collected: () => readonly NodeStatus[] = () => []): FakeCluster {
  const handlers = {
    status: new Set<(value: NodeStatus) => void>(),
    event: new Set<(value: QuorateEvent) => void>(),
    operation: new Set<(value: Operation) => void>(),
  };
  const watch = <Value>(set: Set<(value: Value) => void>, handler: (value: Value) => void): (() => void) => {
    set.add(handler);
    return () => set.delete(handler);
  };
  const waiting: ((type: string) => void)[] = [];
  async function* statuses() {
    for (;;) yield { type: await new Promise<string>((resolve) => waiting.push(resolve)), data: '' };
  }
  const client = {
    request: async (verb: string, params: unknown, options?: { requestId?: string }) =>
      answer(verb, params, options?.requestId),
    watchStatus: (handler: (value: NodeStatus) => void) => watch(handlers.status, handler),
    watchEvents: (handler: (value: QuorateEvent) => void) => watch(handlers.event, handler),
    watchOperations: (handler: (value: Operation) => void) => watch(handlers.operation, handler),
    collectStatus: async (_waitMs: number, heard?: (value: NodeStatus) => void) => {
      const all = [...collected()];
      for (const status of all) heard?.(status);
      return all;
    },
    undecodable: () => 0,
  } as unknown as ApiClient;
  return {
    client,
    connection: { status: statuses } as unknown as NatsConnection,
    status: (status) => tellAll(handlers.status, status),
    event: (event) => tellAll(handlers.event, event),
    operation: (operation) => tellAll(handlers.operation, operation),
    connectionStatus: (type) => waiting.shift()?.(type),
  };
}

function tellAll<Value>(handlers: ReadonlySet<(value: Value) => void>, value: Value): void {
  for (const handler of handlers) handler(value);
}
