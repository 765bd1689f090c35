/** A real nats-server for a test file: on a random loopback port, in a directory of its own, gone with the test. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { toolPath } from './checkout.js';
import { type ExitStatus, type RunningProcess, startProcess, tailOf } from './process.js';
import { temporaryDirectory } from './temporary-directory.js';
import { eventually } from './wait.js';

export interface NatsServerOptions {
  /** Further lines of its configuration: accounts, permissions, TLS, limits. */
  readonly config?: string;
  /**
   * Makes it a server of a NATS cluster. `routes` are the {@link NatsServer.clusterUrl} of others. Servers tell each other
   * how others are reached; `advertise` (HOST:PORT) is what is told of this one.
   */
  readonly cluster?: { readonly name: string; readonly routes: readonly string[]; readonly advertise?: string };
  /** Default 0: any free one. */
  readonly port?: number;
}

export interface NatsServer {
  /** `nats://127.0.0.1:PORT`; stays the same over restarts. */
  readonly url: string;
  readonly port: number;
  /** Where other servers of its NATS cluster reach it, if it is in one. */
  readonly clusterUrl: string | undefined;
  /** `http://127.0.0.1:PORT` of the process that runs now, where its configuration has `http: "127.0.0.1:-1"`. */
  readonly monitorUrl: string | undefined;
  /** Of the process that runs now or ran last. */
  readonly pid: number;
  isRunning(): boolean;
  logs(): string;
  /** Lets it end in an orderly way. */
  stop(): Promise<ExitStatus>;
  /** Default SIGKILL. */
  kill(signal?: NodeJS.Signals): Promise<ExitStatus>;
  /** Ends it if it runs, and starts it again on the same port; with another configuration if one is given. */
  restart(config?: string): Promise<void>;
  /** A server that hangs: connections stay open and nothing passes. */
  pause(): void;
  resume(): void;
}

interface Ports {
  readonly nats: readonly string[];
  readonly cluster?: readonly string[];
  readonly monitoring?: readonly string[];
}

const startTimeoutMs = 15_000;

function configurationOf(directory: string, options: NatsServerOptions, port: number, clusterPort: number): string {
  const cluster =
    options.cluster === undefined
      ? []
      : [
          'cluster {',
          `  name: ${JSON.stringify(options.cluster.name)}`,
          `  listen: "127.0.0.1:${clusterPort}"`,
          `  routes: ${JSON.stringify(options.cluster.routes)}`,
          options.cluster.advertise === undefined ? '' : `  advertise: ${JSON.stringify(options.cluster.advertise)}`,
          '}',
        ];
  return [
    `listen: "127.0.0.1:${port}"`,
    `ports_file_dir: ${JSON.stringify(directory)}`,
    ...cluster,
    options.config ?? '',
    '',
  ].join('\n');
}

/** The server writes this file, named after its process id, once it listens. */
function readPorts(directory: string, pid: number): Ports | undefined {
  const file = readdirSync(directory).find((name) => name.endsWith(`_${pid}.ports`));
  return file === undefined ? undefined : (JSON.parse(readFileSync(path.join(directory, file), 'utf8')) as Ports);
}

async function launch(directory: string, options: NatsServerOptions, port: number, clusterPort: number) {
  const configuration = path.join(directory, 'nats-server.conf');
  writeFileSync(configuration, configurationOf(directory, options, port, clusterPort));
  const running = await startProcess(toolPath('nats-server'), ['-c', configuration]);
  const found = await eventually(
    () => readPorts(directory, running.pid) ?? (running.isRunning() ? undefined : 'ended'),
    { what: 'nats-server to listen', timeoutMs: startTimeoutMs, show: () => tailOf(running.logs()) },
  );
  if (found === 'ended') throw new Error(`nats-server did not start:\n${tailOf(running.logs())}`);
  return { running, ports: found };
}

const portOf = (url: string | undefined): number => Number(new URL(url ?? 'nats://none:0').port);

export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const directory = temporaryDirectory('nats-server');
  const anyPort = -1;
  const first = await launch(directory, options, options.port ?? anyPort, anyPort);
  const port = portOf(first.ports.nats[0]);
  const clusterUrl = first.ports.cluster?.[0];
  let config = options.config;
  let running: RunningProcess = first.running;
  let monitorUrl = first.ports.monitoring?.[0];
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    clusterUrl,
    get pid() {
      return running.pid;
    },
    get monitorUrl() {
      return monitorUrl;
    },
    isRunning: () => running.isRunning(),
    logs: () => running.logs(),
    stop: () => running.stop(),
    kill: (signal) => running.kill(signal),
    async restart(newConfig) {
      if (running.isRunning()) await running.stop();
      config = newConfig ?? config;
      const next = await launch(directory, { ...options, config }, port, portOf(clusterUrl));
      running = next.running;
      monitorUrl = next.ports.monitoring?.[0];
    },
    pause: () => running.pause(),
    resume: () => running.resume(),
  };
}
