/** Routers under test on a {@link FakeCluster}, with what they told. */
import type { ExecutionContext } from 'ava';
import {
  connectRouter,
  type Entity,
  type RouterAlarm,
  type RouterChange,
  type RouterClient,
  type RouterOptions,
} from '../../../messaging/index.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { eventually } from '../../support/wait.js';
import { clusterName, FakeCluster, type FakeClusterOptions } from './fake-cluster.js';
import { sorted } from './source.js';

export interface Watched {
  readonly client: RouterClient;
  readonly changes: RouterChange[];
  readonly alarms: RouterAlarm[];
  readonly logged: string[];
  readonly directory: string;
}

export async function clusterFor(t: ExecutionContext, options?: FakeClusterOptions): Promise<FakeCluster> {
  const cluster = await FakeCluster.start(options);
  t.teardown(() => cluster.end());
  return cluster;
}

export async function router(
  t: ExecutionContext,
  cluster: FakeCluster,
  options: Partial<RouterOptions> = {},
): Promise<Watched> {
  const directory = options.dataDirectory ?? temporaryDirectory('router');
  const changes: RouterChange[] = [];
  const alarms: RouterAlarm[] = [];
  const logged: string[] = [];
  const log: RouterOptions['log'] = (level, message) => logged.push(`${level}: ${message}`);
  const client = await connectRouter({
    cluster: clusterName,
    id: 'r1',
    servers: [cluster.url],
    dataDirectory: directory,
    log,
    ...options,
  });
  t.teardown(() => client.close());
  client.on('change', (change) => changes.push(change));
  client.on('alarm', (alarm) => alarms.push(alarm));
  return { client, changes, alarms, logged, directory };
}

export async function liveRouter(
  t: ExecutionContext,
  cluster: FakeCluster,
  options?: Partial<RouterOptions>,
): Promise<Watched> {
  const watched = await router(t, cluster, options);
  await watched.client.whenLive();
  return watched;
}

export const entitiesOf = (client: RouterClient) =>
  sorted(client.model.kinds().flatMap((kind) => client.model.list(kind)));

/** Waits until the router stands where the source does; then it must hold `expected`, by default the whole model. */
export async function inSync(
  t: ExecutionContext,
  cluster: FakeCluster,
  client: RouterClient,
  expected: () => readonly Entity[] = () => sorted(cluster.source.entities.values()),
): Promise<void> {
  await eventually(
    () => client.phase === 'live' && JSON.stringify(client.model.position) === JSON.stringify(cluster.source.position),
    {
      what: `the router to stand where the source stands, ${JSON.stringify(cluster.source.position)}`,
      show: () => ({ phase: client.phase, position: client.model.position, counters: client.counters }),
    },
  );
  t.deepEqual(entitiesOf(client), expected());
}

export const endpointIds = (client: RouterClient) => client.endpoints?.controllers.map((each) => each.id);
