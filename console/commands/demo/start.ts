/** Brings a demo up, in the order in which it is soonest useful: server, first controller, the others, routers, a model. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ApiClient } from '../../../messaging/api-client.js';
import { isRetryable, QuorateError } from '../../../messaging/errors.js';
import type { OperationView } from '../../../messaging/schemas/operations.js';
import type { NodeStatus } from '../../../messaging/schemas/status.js';
import { isFinished } from '../operation-flow.js';
import type { StatusListener } from './listener.js';
import { createModel, demoDrafts, trickle } from './model-data.js';
import { type NatsServer, startNatsServer } from './nats.js';
import { type Child, endedError, startChild } from './processes.js';
import type { DemoDirectory } from './record.js';

export const demoCluster = 'demo';

export interface DemoPlan {
  readonly directory: DemoDirectory;
  readonly natsProgram: string;
  readonly controllers: readonly string[];
  readonly routers: readonly string[];
  /** Begins with the first controller alone, and joins nobody. */
  readonly standalone: boolean;
  readonly keep: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Nothing more is started once it is aborted. */
  readonly signal: AbortSignal;
  readonly say: (sentence: string) => void;
}

const program = fileURLToPath(new URL('../../main.js', import.meta.url));

export async function startServer({ directory, natsProgram, keep, env }: DemoPlan): Promise<NatsServer> {
  const nats = await startNatsServer({
    program: natsProgram,
    folder: directory.folder('nats'),
    logFile: directory.logFile('nats-server'),
    keep,
    env: childEnvironment(env),
    port: directory.natsUrl === null ? undefined : Number(new URL(directory.natsUrl).port),
    onStart: (child) => directory.addPid(child.id, child.pid),
  });
  directory.setNats(nats.url, demoCluster);
  return nats;
}

/**
 * Starts all controllers; resolves when one leads. The first has a start on the others: it listens for a second for a
 * cluster that is there already, and meanwhile the processor is theirs.
 */
export async function startControllers(plan: DemoPlan, listener: StatusListener): Promise<ReadonlyMap<string, Child>> {
  const children = new Map<string, Child>();
  const [firstId = '', ...others] = plan.controllers;
  const first = await startQuorate(plan, 'node', firstId, [plan.standalone ? '--standalone' : '--bootstrap']);
  children.set(firstId, first);
  await listener.until(first, firstId, () => true, 'announce itself');
  for (const id of others) if (!plan.signal.aborted) children.set(id, await startQuorate(plan, 'node', id, []));
  await listener.until(first, firstId, (status) => isAlone(status) || status.raft?.leader != null, 'find a leader');
  return children;
}

/** Also where its directory says so, and the command line does not. */
export function isAlone(status: NodeStatus | undefined): boolean {
  return status?.state === 'standalone';
}

async function startQuorate(
  plan: DemoPlan,
  kind: 'node' | 'router',
  id: string,
  more: readonly string[],
): Promise<Child> {
  const { directory, keep, env } = plan;
  const folder = directory.folder(id);
  const settings = ['--config', directory.configFile, '--id', id, '--data-dir', folder];
  const child = await startChild({
    id,
    name: `${kind === 'node' ? 'controller' : 'router'} ${id}`,
    command: process.execPath,
    args: [program, kind, ...settings, ...(keep ? [] : ['--exit-with-parent']), ...more],
    folder,
    env: childEnvironment(env),
    logFile: directory.logFile(id),
    keep,
  });
  directory.addPid(id, child.pid);
  return child;
}

/** Settings of whoever starts the demo are not meant for its processes. */
function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('QUORATE_') && name !== 'NATS_SERVER'),
  );
}

/** What `fill` works on. */
export interface DemoParts {
  readonly client: ApiClient;
  readonly listener: StatusListener;
  readonly controllers: ReadonlyMap<string, Child>;
  readonly routers: Map<string, Child>;
}

/**
 * What makes processes a demo: all controllers are members, there is a model that changes, all routers hold it. Routers are
 * not started before there is a leader: they would only take the processor from the controllers.
 */
export async function fill(plan: DemoPlan, parts: DemoParts, routersAfterMs: number): Promise<void> {
  const { signal, say } = plan;
  const { client, routers } = parts;
  await Promise.all([
    joinAll(plan, parts),
    createModel(client, demoDrafts(plan.routers), signal),
    startRouters(plan, routers, routersAfterMs),
  ]);
  if (signal.aborted) return;
  trickle(client, signal);
  await routersOnline(client, routers.size, signal);
  if (routers.size > 0 && !signal.aborted) say(`${routers.size} routers hold the model`);
}

async function startRouters(plan: DemoPlan, routers: Map<string, Child>, afterMs: number): Promise<void> {
  await sleep(afterMs, undefined, { signal: plan.signal }).catch(() => undefined);
  for (const id of plan.routers) if (!plan.signal.aborted) routers.set(id, await startQuorate(plan, 'router', id, []));
}

/** Joins those that are blank, one after the other: membership changes one at a time. */
async function joinAll({ signal, say }: DemoPlan, { client, listener, controllers }: DemoParts): Promise<void> {
  // What serves alone has to be migrated first, which is the operator's to do.
  if ([...controllers.keys()].some((id) => isAlone(listener.statusOf(id)))) return;
  for (const [id, child] of controllers) {
    await listener.until(child, id, (status) => status.state !== 'starting', 'announce itself');
    if (signal.aborted) return;
    if (listener.statusOf(id)?.state !== 'blank') continue;
    const operation = await join(client, id, signal);
    if (signal.aborted) return;
    if (!child.isRunning()) throw endedError(child);
    if (operation.state !== 'done')
      throw operation.error === null ? new QuorateError('operation-failed') : QuorateError.fromWire(operation.error);
    say(`${id} joined`);
  }
}

const pollMs = 200;
const joinMaxMs = 30_000;

async function join(client: ApiClient, node: string, signal: AbortSignal): Promise<OperationView> {
  let operation = await client.request(
    'operation.start',
    { workflow: 'join', node, role: 'voter' },
    { signal, timeoutMs: joinMaxMs },
  );
  const stop = client.watchOperations((heard) => {
    if (heard.id === operation.id && heard.updatedAt >= operation.updatedAt) operation = heard;
  });
  try {
    while (!isFinished(operation) && !signal.aborted) {
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted || isFinished(operation)) break;
      const answer = await client.request('operation.get', { id: operation.id }, { signal }).catch((error: unknown) => {
        if (isRetryable(error)) return operation;
        throw error;
      });
      if (answer.updatedAt >= operation.updatedAt) operation = answer;
    }
    return operation;
  } finally {
    stop();
  }
}

const routersMaxMs = 30_000;

async function routersOnline(client: ApiClient, wanted: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + routersMaxMs;
  while (!signal.aborted) {
    const { routers } = await client.request('routers.list', {}, { signal });
    if (routers.filter((router) => router.online && router.position !== null).length >= wanted) return;
    if (performance.now() > deadline) {
      throw new QuorateError('timeout', `of ${wanted} routers not all came online within ${routersMaxMs / 1000} s`, {
        remedy: 'Start it again with --data-dir DIR, and see the logs in DIR/logs.',
      });
    }
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}
