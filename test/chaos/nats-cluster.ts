/** Three nats-servers as one NATS cluster, each pair joined by one route, which leads through a proxy of ours. */
import { type NatsServer, startNatsServer } from '../support/nats.js';
import { eventually } from '../support/wait.js';
import { type RouteProxy, startRouteProxy } from './route-proxy.js';

export interface Route {
  /** Places of the two servers, e.g. `0-2`. */
  readonly name: string;
  readonly proxy: RouteProxy;
}

export interface NatsCluster {
  readonly servers: readonly NatsServer[];
  readonly routes: readonly Route[];
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

/**
 * Servers tell each other of one another and then connect directly, past the proxy. So each tells of an address where
 * nobody listens: then the routes that are configured are the only ones.
 */
const nowhere = '127.0.0.1:1';

export async function startNatsCluster(size: number): Promise<NatsCluster> {
  const servers: NatsServer[] = [];
  const routes: Route[] = [];
  for (let place = 0; place < size; place += 1) {
    const own: Route[] = [];
    for (const [other, server] of servers.entries()) {
      const proxy = await startRouteProxy(Number(new URL(server.clusterUrl ?? '').port));
      own.push({ name: `${other}-${place}`, proxy });
    }
    routes.push(...own);
    const urls = own.map(({ proxy }) => `nats://127.0.0.1:${proxy.port}`);
    servers.push(await startNatsServer({ cluster: { name: 'chaos', routes: urls, advertise: nowhere } }));
  }
  await eventually(() => routes.every(({ proxy }) => proxy.connections > 0), { what: 'all routes' });
  return {
    servers,
    routes,
    urls: servers.map(({ url }) => url),
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
      await Promise.all(routes.map(({ proxy }) => proxy.close()));
    },
  };
}
