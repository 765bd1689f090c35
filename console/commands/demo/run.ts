/** One demo from its start to its end: whatever happens between, nothing of it is left, unless it is to be kept. */

import { userInfo } from 'node:os';
import type { ApiClient } from '../../../messaging/api-client.js';
import type { NatsConnection } from '../../../messaging/connection.js';
import { toIdentifier } from '../../../messaging/identifiers.js';
import { shellWord } from '../../../messaging/shell-word.js';
import type { Output } from '../../output/output.js';
import type { CommandContext } from '../command.js';
import { showConsole, type themes } from '../console.js';
import { aborted } from '../signals.js';
import { showHeadless } from './headless.js';
import { StatusListener } from './listener.js';
import type { NatsServer } from './nats.js';
import { type Child, stopPids } from './processes.js';
import type { DemoDirectory } from './record.js';
import { type DemoPlan, demoCluster, fill, isAlone, startControllers, startServer } from './start.js';

export interface DemoOptions {
  readonly directory: DemoDirectory;
  readonly natsProgram: string;
  readonly controllers: number;
  readonly routers: number;
  readonly standalone: boolean;
  readonly mode: 'console' | 'headless' | 'keep';
  readonly readOnly: boolean;
  readonly theme: (typeof themes)[number] | undefined;
  readonly keys: string | undefined;
  /** What comes after `quorate` to stop a demo that was kept. */
  readonly stopArguments: string;
}

/** Routers begin so much after the screens: a processor that starts five programs draws nothing. */
const screensFirstMs = 300;

export async function runDemo(context: CommandContext, options: DemoOptions): Promise<void> {
  const { out, env, signal } = context;
  // Aborted by a signal, and when the screens are left: then nothing more is begun.
  const leaving = new AbortController();
  signal.addEventListener('abort', () => leaving.abort(), { once: true });
  const began = performance.now();
  let quiet = false;
  const say = (sentence: string): void => {
    const seconds = `${((performance.now() - began) / 1000).toFixed(1)} s`.padStart(7);
    if (!quiet) out.note(`${out.style('dim', seconds, out.io.stderr)}  ${sentence}`);
  };
  const plan: DemoPlan = {
    directory: options.directory,
    natsProgram: options.natsProgram,
    controllers: numbered('ctrl', options.controllers),
    routers: numbered('router', options.routers),
    standalone: options.standalone,
    keep: options.mode === 'keep',
    env,
    signal: leaving.signal,
    say,
  };
  const started = bringUp(plan, options.mode === 'console');
  try {
    const up = await Promise.race([started, aborted(leaving.signal)]);
    if (up === undefined) return;
    const filling = fill(plan, up, options.mode === 'console' ? screensFirstMs : 0);
    if (options.mode === 'console') {
      // What goes wrong from here on shows on the screens.
      quiet = true;
      filling.catch(() => undefined);
      await showConsole(context, { ...up, cluster: demoCluster, operator: operatorName() }, options);
      return;
    }
    await Promise.race([filling, aborted(leaving.signal)]);
    if (leaving.signal.aborted) return;
    reportReady(context, options, up);
    if (options.mode === 'headless') await showHeadless({ ...up, out, cluster: demoCluster, signal: leaving.signal });
    else options.directory.setKept();
  } finally {
    leaving.abort();
    if (!options.directory.isKept) await stopDemo(out, options.directory);
    await started.then(
      (up) => up.connection.close(),
      () => undefined,
    );
  }
}

export interface RunningDemo {
  readonly nats: NatsServer;
  readonly connection: NatsConnection;
  readonly client: ApiClient;
  readonly listener: StatusListener;
  readonly controllers: ReadonlyMap<string, Child>;
  /** Filled as they start. */
  readonly routers: Map<string, Child>;
}

/** Up to the first leader; the rest goes on while somebody looks already. */
async function bringUp(plan: DemoPlan, withScreens: boolean): Promise<RunningDemo> {
  const starting = startServer(plan);
  // While processes start, this one loads what it will need.
  const [{ connectNats }, { createApiClient }] = await Promise.all([
    import('../../../messaging/connection.js'),
    import('../../../messaging/api-client.js'),
  ]);
  const nats = await starting;
  plan.say(`nats-server listens at ${nats.url}`);
  const connection = await connectNats({ servers: [nats.url], name: 'quorate demo' });
  try {
    const client = createApiClient({ connection, cluster: demoCluster, from: operatorName() });
    const listener = new StatusListener(client);
    const first = startControllers(plan, listener);
    if (withScreens) await import('../../app.js');
    const controllers = await first;
    const [firstId = '', ...others] = plan.controllers;
    const more = others.length === 0 ? '' : `, ${others.length} more to join`;
    plan.say(
      isAlone(listener.statusOf(firstId)) ? `${firstId} serves alone, until it is migrated` : `${firstId} leads${more}`,
    );
    return { nats, connection, client, listener, controllers, routers: new Map() };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** The server last: whoever still has something to say needs it. Returns how many processes ran. */
export async function stopDemo(out: Output, directory: DemoDirectory): Promise<number> {
  const running = directory.running();
  const isOurs = (pid: number): boolean => directory.isOurs(pid);
  const stopping = stopPids(
    running.filter((pid) => pid !== directory.natsPid),
    isOurs,
  ).then(() => stopPids(directory.running(), isOurs));
  await out.during('Ending the processes', stopping);
  directory.cleanUp();
  return running.length;
}

function reportReady(
  { out, env }: CommandContext,
  { mode, directory, stopArguments }: DemoOptions,
  demo: RunningDemo,
): void {
  if (out.json) {
    const children = [demo.nats.child, ...demo.controllers.values(), ...demo.routers.values()];
    const pids = Object.fromEntries(children.map((child) => [child.id, child.pid]));
    out.printJsonLine({
      type: 'ready',
      nats: demo.nats.url,
      cluster: demoCluster,
      dataDirectory: directory.path,
      configFile: directory.configFile,
      pids,
    });
    return;
  }
  if (mode === 'headless') {
    out.note(`${' '.repeat(9)}everything runs, in ${directory.path}; Ctrl-C ends it`);
    return;
  }
  // Where npm runs it from a checkout, no program of that name is on the PATH.
  const quorate = env['npm_lifecycle_event'] === undefined ? 'quorate' : 'npm run -s quorate --';
  const [firstId = ''] = demo.controllers.keys();
  const status = demo.listener.statusOf(firstId);
  const http = status?.http;
  const commands = [
    ['first', `export QUORATE_CONFIG=${shellWord(directory.configFile)}`],
    ['console', `${quorate} console`],
    ['status', `${quorate} status`],
    ...(isAlone(status) ? [['migrate', `${quorate} migrate`]] : []),
    ...(http == null ? [] : [['health', `curl 'http://${http}/readyz?verbose'`]]),
    ['kill', `kill -9 $(cat ${directory.pidFile(firstId)})`],
    ['stop', `${quorate} ${stopArguments}`],
  ];
  const lines = commands.map(([title = '', command = '']) => `  ${title.padEnd(8)} ${out.style('bold', command)}`);
  out.print([`The demo runs, in ${directory.path}.`, ...lines].join('\n'));
}

function numbered(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
}

function operatorName(): string {
  try {
    return toIdentifier(userInfo().username);
  } catch {
    return 'demo';
  }
}
