/** Brings a demo up: nats-server, controllers, routers, their joining, and a model. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ApiClient } from '../../../messaging/api-client.js';
import { isRetryable, QuorateError } from '../../../messaging/errors.js';
import type { Operation } from '../../../messaging/schemas/operations.js';
import type { NodeStatus } from '../../../messaging/schemas/status.js';
import { isFinished } from '../operation-flow.js';
import { type NatsServer, startNatsServer } from './nats.js';
import { type Child, endedError, startChild, whileRunning } from './processes.js';
import type { DemoDirectory } from './record.js';

export const demoCluster = 'demo';

export interface DemoPlan {
  readonly directory: DemoDirectory;
  readonly natsProgram: string;
  readonly controllers: readonly string[];
  readonly routers: readonly string[];
  readonly keep: boolean;
  readonly env: NodeJS.ProcessEnv;
}

export interface Demo {
  readonly nats: NatsServer;
  readonly controllers: ReadonlyMap<string, Child>;
  /** Grows when `startRouters` is called. */
  readonly routers: Map<string, Child>;
}

const program = fileURLToPath(new URL('../../main.js', import.meta.url));

export async function startControllers(plan: DemoPlan): Promise<Demo> {
  const { directory, keep } = plan;
  const nats = await startNatsServer({
    program: plan.natsProgram,
    folder: directory.folder('nats'),
    logFile: directory.logFile('nats-server'),
    keep,
    env: childEnvironment(plan.env),
    port: directory.natsUrl === null ? undefined : Number(new URL(directory.natsUrl).port),
    onStart: (child) => directory.addPid(child.pid),
  });
  directory.setNats(nats.url, demoCluster);
  const controllers = new Map<string, Child>();
  for (const [index, id] of plan.controllers.entries())
    controllers.set(id, await startQuorate(plan, 'node', id, index === 0 ? ['--bootstrap'] : []));
  return { nats, controllers, routers: new Map() };
}

/** To be called when the first controller leads: started sooner, they would only take its processor from it. */
export async function startRouters(plan: DemoPlan, demo: Demo): Promise<void> {
  for (const id of plan.routers) demo.routers.set(id, await startQuorate(plan, 'router', id, []));
}

async function startQuorate(
  { directory, keep, env }: DemoPlan,
  kind: 'node' | 'router',
  id: string,
  more: readonly string[],
): Promise<Child> {
  const folder = directory.folder(id);
  const args = [
    program,
    kind,
    '--config',
    directory.configFile,
    '--id',
    id,
    '--data-dir',
    folder,
    ...(keep ? [] : ['--exit-with-parent']),
    ...more,
  ];
  const name = `${kind === 'node' ? 'controller' : 'router'} ${id}`;
  const child = await startChild({
    name,
    command: process.execPath,
    args,
    folder,
    env: childEnvironment(env),
    logFile: directory.logFile(id),
    keep,
  });
  directory.addPid(child.pid);
  return child;
}

/** Settings of whoever starts the demo are not meant for its processes. */
function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('QUORATE_') && name !== 'NATS_SERVER'),
  );
}

export function allChildren(demo: Demo): readonly Child[] {
  return [demo.nats.child, ...demo.controllers.values(), ...demo.routers.values()];
}

const startMaxMs = 30_000;

/** Keeps what each controller said last, and waits for what it is to say. */
export class Listener {
  readonly statuses = new Map<string, NodeStatus>();
  readonly #waiting = new Set<() => void>();
  readonly stop: () => void;

  constructor(client: ApiClient) {
    this.stop = client.watchStatus((status) => {
      this.statuses.set(status.node, status);
      for (const look of this.#waiting) look();
    });
  }

  /** @throws QuorateError `process-ended` where the controller ends first, `timeout` after half a minute. */
  async until(child: Child, id: string, condition: (status: NodeStatus) => boolean, what: string): Promise<void> {
    const met = new Promise<void>((resolve) => {
      const look = (): void => {
        const status = this.statuses.get(id);
        if (status === undefined || !condition(status)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    const stop = new AbortController();
    const late = sleep(startMaxMs, undefined, { signal: stop.signal, ref: false }).then((): never => {
      throw new QuorateError('timeout', `${id} did not ${what} within ${startMaxMs / 1000} s`, {
        remedy: `Its log, ${child.logFile}, ends with:\n${child.lastLines()}`,
      });
    });
    late.catch(() => undefined);
    try {
      await whileRunning(child, Promise.race([met, late]));
    } finally {
      stop.abort();
    }
  }
}

/** Joins those that are blank, one after the other: membership changes one at a time. */
export async function joinAll(
  client: ApiClient,
  demo: Demo,
  listener: Listener,
  signal: AbortSignal,
  say: (sentence: string) => void,
): Promise<void> {
  for (const [id, child] of demo.controllers) {
    await listener.until(child, id, (status) => status.state !== 'starting', 'announce itself');
    if (signal.aborted) return;
    if (listener.statuses.get(id)?.state !== 'blank') continue;
    const operation = await join(client, id, signal);
    if (signal.aborted) return;
    if (!child.isRunning()) throw endedError(child);
    if (operation.state !== 'done')
      throw operation.error === null ? new QuorateError('operation-failed') : QuorateError.fromWire(operation.error);
    say(`${id} joined`);
  }
}

const pollMs = 100;

async function join(client: ApiClient, node: string, signal: AbortSignal): Promise<Operation> {
  let operation = await client.request(
    'operation.start',
    { workflow: 'join', node, role: 'voter' },
    { signal, timeoutMs: startMaxMs },
  );
  const stop = client.watchOperations((heard) => {
    if (heard.id === operation.id && heard.updatedAt >= operation.updatedAt) operation = heard;
  });
  try {
    while (!isFinished(operation) && !signal.aborted) {
      await sleep(pollMs);
      operation = await client.request('operation.get', { id: operation.id }, { signal }).catch((error: unknown) => {
        if (isRetryable(error)) return operation;
        throw error;
      });
    }
    return operation;
  } finally {
    stop();
  }
}
