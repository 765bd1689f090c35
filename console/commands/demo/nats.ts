/** The nats-server of a demo: found on the machine, on a loopback port, ended with the demo. */
import { accessSync, constants, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { QuorateError } from '../../../messaging/errors.js';
import { type Child, startChild, whileRunning } from './processes.js';

/** @throws QuorateError `program-missing` */
export function findNatsServer(env: NodeJS.ProcessEnv): string {
  const named = env['NATS_SERVER'];
  if (named !== undefined && named !== '') {
    if (isProgram(named)) return named;
    throw new QuorateError('program-missing', `NATS_SERVER names ${named}, which is no program`, {
      remedy: 'Correct it, or unset it.',
    });
  }
  const onPath = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'nats-server'));
  // What set-up fetched into the checkout; this file runs as dist/console/commands/demo/nats.js.
  const fetched = fileURLToPath(new URL('../../../../.tools/bin/nats-server', import.meta.url));
  const found = [...onPath, fetched].find(isProgram);
  if (found !== undefined) return found;
  throw new QuorateError('program-missing', 'there is no nats-server on this machine', {
    remedy:
      'In a checkout: npm run setup. Debian, Ubuntu: apt-get install nats-server. macOS: brew install nats-server. Or name it with NATS_SERVER=/path/to/nats-server.',
  });
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface NatsServer {
  readonly url: string;
  readonly child: Child;
}

export interface NatsServerOptions {
  readonly program: string;
  readonly folder: string;
  readonly logFile: string;
  readonly keep: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** The port that it had before, so that what remembers it stays right; another where it is taken. */
  readonly port: number | undefined;
  readonly onStart: (child: Child) => void;
}

/**
 * nats-server knows no parent, so a shell stands between: it waits for the end of its standard input, which is a pipe from
 * the demo, and of the server, and ends the one after the other. `exec 3<&0`: what runs in the background of a shell has no
 * standard input of its own.
 */
const watcher = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
trap 'kill "$server" 2>/dev/null' TERM INT HUP
( trap '' TERM; cat <&3 >/dev/null; kill "$server" 2>/dev/null ) &
exec 3<&- </dev/null
while kill -0 "$server" 2>/dev/null; do wait "$server"; done
`;

const startMaxMs = 10_000;

export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  try {
    return await startOnPort(options, options.port ?? -1);
  } catch (error) {
    if (options.port === undefined) throw error;
    return startOnPort(options, -1);
  }
}

async function startOnPort(
  { program, folder, logFile, keep, env, onStart }: NatsServerOptions,
  port: number,
): Promise<NatsServer> {
  for (const file of portFiles(folder)) rmSync(join(folder, file));
  const config = join(folder, 'nats.conf');
  writeFileSync(config, `listen: "127.0.0.1:${port}"\nports_file_dir: ${JSON.stringify(folder)}\n`);
  const line = [program, '-c', config];
  const child = await startChild({
    id: 'nats-server',
    name: 'nats-server',
    command: keep ? program : '/bin/sh',
    args: keep ? line.slice(1) : ['-c', watcher, 'quorate-demo-nats', ...line],
    folder,
    env,
    logFile,
    keep,
  });
  onStart(child);
  return { url: await whileRunning(child, urlOf(folder)), child };
}

const portsSchema = z.object({ nats: z.array(z.string()).min(1) });

/** The server writes where it listens into a file, once it does. */
async function urlOf(folder: string): Promise<string> {
  const deadline = performance.now() + startMaxMs;
  while (performance.now() < deadline) {
    const [file] = portFiles(folder);
    const ports = file === undefined ? undefined : readPorts(join(folder, file));
    const url = ports?.nats[0];
    if (url !== undefined) return url;
    await sleep(10);
  }
  throw new QuorateError('process-ended', `nats-server did not listen within ${startMaxMs / 1000} s`, {
    remedy: `See ${folder}.`,
  });
}

/** Undefined while it is being written. */
function readPorts(file: string): z.infer<typeof portsSchema> | undefined {
  try {
    return portsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function portFiles(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.ports'));
}
