/**
 * `/livez`, `/readyz` and `/metrics` over HTTP, for probes and Prometheus. It listens on loopback unless it is told otherwise,
 * reads nothing of a request but its method and address, and changes nothing. Without authentication: what it says is no
 * secret, and who may reach it is the network's affair.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { QuorateError } from '../../../messaging/errors.js';
import type { HttpWanted } from '../config.js';

/** What is answered at one path. @throws: answered 500 */
export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}
export type HttpRoutes = Readonly<Record<string, (query: URLSearchParams) => HttpAnswer>>;

/** Where a controller listens that was not told where: the first of these that is free, so that several share a machine. */
export const defaultHost = '127.0.0.1';
export const defaultPort = 4280;
export const defaultPortsMax = 20;

/** Prometheus, its twin, a probe and somebody who looks: more at a time wait or are turned away. */
export const connectionsMax = 64;
const requestTimeoutMs = 5_000;
const keepAliveMs = 65_000;
const headerBytesMax = 8 * 1024;

export interface HttpServer {
  /** `127.0.0.1:4280`. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Listens. Null where none of the default ports is free: that is for the log, and no reason not to start.
 * @throws QuorateError `address-in-use` or `invalid-config` where an address was given.
 */
export async function openHttp(wanted: HttpWanted, routes: HttpRoutes): Promise<HttpServer | null> {
  switch (wanted.type) {
    case 'off':
      return null;
    case 'address':
      return await listen(wanted.host, wanted.port, routes);
    case 'default':
      for (let port = defaultPort; port < defaultPort + defaultPortsMax; port += 1) {
        try {
          return await listen(defaultHost, port, routes);
        } catch (error) {
          if (!(error instanceof QuorateError) || error.code !== 'address-in-use') throw error;
        }
      }
      return null;
  }
}

function listen(host: string, port: number, routes: HttpRoutes): Promise<HttpServer> {
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: requestTimeoutMs,
    },
    (request, response) => answer(request, response, routes),
  );
  server.maxConnections = connectionsMax;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(asListenError(error, host, port)));
    server.listen(port, host, () => {
      // A socket that fails later is that socket's matter.
      server.on('error', () => undefined);
      resolve({ address: addressOf(server, host), close: () => close(server) });
    });
  });
}

function asListenError(error: NodeJS.ErrnoException, host: string, port: number): QuorateError {
  const where = hostAndPort(host, port);
  if (error.code === 'EADDRINUSE')
    return new QuorateError('address-in-use', `another process listens on ${where}`, { cause: error });
  return new QuorateError('invalid-config', `HTTP cannot be served on ${where}: ${error.message}`, {
    remedy: 'Give an address of this machine with --http HOST:PORT, or `--http off`.',
    cause: error,
  });
}

function addressOf(server: Server, host: string): string {
  const bound = server.address();
  return hostAndPort(host, bound !== null && typeof bound === 'object' ? bound.port : 0);
}

const hostAndPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function answer(request: IncomingMessage, response: ServerResponse, routes: HttpRoutes): void {
  const { status, type, body } = answerTo(request, routes);
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
  // Nothing that was sent along is read.
  request.resume();
}

function answerTo({ method, url = '/' }: IncomingMessage, routes: HttpRoutes): HttpAnswer {
  const address = URL.parse(url, 'http://controller');
  const route = address === null || !Object.hasOwn(routes, address.pathname) ? undefined : routes[address.pathname];
  if (address === null || route === undefined)
    return text(404, `there is nothing at this address; there is ${Object.keys(routes).join(', ')}\n`);
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET and HEAD are answered\n');
  try {
    return route(address.searchParams);
  } catch (error) {
    return text(500, `failed: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

export function text(status: number, body: string): HttpAnswer {
  return { status, type: 'text/plain; charset=utf-8', body };
}
