/** `quorate demo`: a whole cluster on this machine, which ends with the command. */
import { userInfo } from 'node:os';
import type { ApiClient } from '../../../messaging/api-client.js';
import type { NatsConnection } from '../../../messaging/connection.js';
import { QuorateError } from '../../../messaging/errors.js';
import { toIdentifier } from '../../../messaging/identifiers.js';
import { softwareVersion } from '../../../messaging/version.js';
import { setting } from '../../config/common.js';
import { integer, onOff, path, type SettingValues } from '../../config/setting.js';
import type { Output } from '../../output/output.js';
import { type CommandContext, defineCommand, type ExitCode, usageError } from '../command.js';
import { consoleSettings } from '../console.js';
import { aborted } from '../signals.js';
import { showHeadless } from './headless.js';
import { createModel, demoDrafts, trickle } from './model-data.js';
import { findNatsServer } from './nats.js';
import { stopPids } from './processes.js';
import { DemoDirectory } from './record.js';
import { type Demo, type DemoPlan, demoCluster, joinAll, Listener, startControllers, startRouters } from './start.js';

const settings = {
  controllers: setting({
    flag: 'controllers',
    placeholder: 'N',
    group: 'Options',
    describe: 'How many controllers, 1 to 9',
    defaultText: '3',
    schema: integer(1, 9).default(3),
  }),
  routers: setting({
    flag: 'routers',
    placeholder: 'N',
    group: 'Options',
    describe: 'How many routers, 0 to 50',
    defaultText: '5',
    schema: integer(0, 50).default(5),
  }),
  headless: setting({
    flag: 'headless',
    group: 'Options',
    describe: 'No screens: print status and events until Ctrl-C',
    schema: onOff,
  }),
  keep: setting({
    flag: 'keep',
    group: 'Options',
    describe: 'Leave the cluster running, and say how to attach to it and how to stop it',
    schema: onOff,
  }),
  stop: setting({ flag: 'stop', group: 'Options', describe: 'Stop a demo that was kept', schema: onOff }),
  dataDirectory: setting({
    flag: 'data-dir',
    placeholder: 'DIR',
    group: 'Options',
    completes: 'directory',
    describe: 'Keep data and logs here, to go on with them the next time',
    defaultText: 'a temporary one; with --keep ~/.local/state/quorate/demo',
    schema: path.optional(),
  }),
  ...consoleSettings,
} as const;
type Given = SettingValues<typeof settings>;

export const demoCommand = defineCommand({
  path: ['demo'],
  summary: 'Run a whole cluster on this machine, with the console on it',
  description:
    'Starts a nats-server on a free loopback port, controllers and routers, each a process with a directory of its own, puts a small model into them and changes it now and then. Everything it starts ends with it, however it ends. Kill what you like: the console shows what becomes of it.',
  runsUntilStopped: true,
  settings,
  examples: [
    { comment: 'Three controllers, five routers, and the console', line: 'quorate demo' },
    { comment: 'Without a terminal', line: 'quorate demo --headless' },
    {
      comment: 'Leave it running, look at it, stop it',
      line: 'quorate demo --keep && quorate status --config ~/.local/state/quorate/demo/quorate.yaml && quorate demo --stop',
    },
  ],
  jsonShape:
    'one object a line: { type: "ready", nats, cluster, dataDirectory, configFile, pids }, then with --headless { type: "status", ... } each second and { type: "event", event }',
  async run(context, given) {
    if (given.stop) return stopKept(context, given);
    if (given.keep && given.headless)
      throw usageError(
        '--keep and --headless are given',
        '--keep returns when the cluster runs; leave --headless out.',
      );
    const screens = !given.headless && !given.keep;
    if (screens && (!context.out.isTerminal || !context.out.io.stdin.isTTY)) {
      throw usageError('the screens need a terminal', 'Without one, use --headless.');
    }
    return runDemo(context, given);
  },
});

async function runDemo(context: CommandContext, given: Given): Promise<ExitCode> {
  const { out, env, signal } = context;
  const natsProgram = findNatsServer(env);
  const directory = DemoDirectory.open(given.dataDirectory, given.keep, env);
  let connection: NatsConnection | undefined;
  // Also ends what goes on in the background when the screens are left.
  const leaving = new AbortController();
  signal.addEventListener('abort', () => leaving.abort(), { once: true });
  let isKept = false;
  try {
    const began = performance.now();
    const say = (sentence: string): void =>
      out.note(
        `${out.style('dim', `${((performance.now() - began) / 1000).toFixed(1)} s`.padStart(7), out.io.stderr)}  ${sentence}`,
      );
    const plan: DemoPlan = {
      directory,
      natsProgram,
      controllers: ids('ctrl', given.controllers),
      routers: ids('router', given.routers),
      keep: given.keep,
      env,
    };
    const starting = startControllers(plan);
    // While the processes start, this one loads what it will need.
    const [{ connectNats }, { createApiClient }] = await Promise.all([
      import('../../../messaging/connection.js'),
      import('../../../messaging/api-client.js'),
    ]);
    const screens = given.headless || given.keep ? undefined : import('../../app.js');
    const demo = await starting;
    say(`nats-server listens at ${demo.nats.url}`);
    const operator = operatorName();
    connection = await connectNats({ servers: [demo.nats.url], name: 'quorate demo' });
    const client = createApiClient({ connection, cluster: demoCluster, from: operator });
    const listener = new Listener(client);
    const [first] = demo.controllers;
    if (first === undefined || signal.aborted) return 0;
    await listener.until(first[1], first[0], (status) => status.raft?.leader != null, 'find a leader');
    say(`${first[0]} leads; ${given.controllers - 1} more to join`);
    const filling = fill(client, plan, demo, listener, leaving.signal, screens === undefined ? say : () => undefined);
    if (screens !== undefined) {
      filling.catch(() => undefined);
      const { runConsole } = await screens;
      const noColour = (env['NO_COLOR'] ?? '') !== '';
      await runConsole({
        client,
        connection,
        cluster: demoCluster,
        operator,
        readOnly: given.readOnly,
        theme: noColour ? 'none' : given.theme,
        version: softwareVersion,
      });
      leaving.abort();
      return 0;
    }
    await Promise.race([filling, aborted(leaving.signal)]);
    if (leaving.signal.aborted) return 0;
    reportReady(out, directory, demo, given);
    isKept = given.keep;
    if (!given.keep)
      await showHeadless({ out, client, connection, cluster: demoCluster, demo, signal: leaving.signal });
    return 0;
  } finally {
    leaving.abort();
    if (!isKept) await end(out, directory, connection);
    else await connection?.close();
  }
}

/** What makes a cluster of processes a demo: all are members, all routers are there, there is a model, and it changes. */
async function fill(
  client: ApiClient,
  plan: DemoPlan,
  demo: Demo,
  listener: Listener,
  signal: AbortSignal,
  say: (sentence: string) => void,
): Promise<void> {
  const { routers } = plan;
  await startRouters(plan, demo);
  await Promise.all([joinAll(client, demo, listener, signal, say), createModel(client, demoDrafts(routers), signal)]);
  if (signal.aborted) return;
  trickle(client, signal);
  await routersInSync(client, routers.length, signal);
  if (routers.length > 0 && !signal.aborted) say(`${routers.length} routers are in sync`);
}

const routersMaxMs = 30_000;

async function routersInSync(client: ApiClient, wanted: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + routersMaxMs;
  for (;;) {
    if (signal.aborted) return;
    const { routers } = await client.request('routers.list', {}, { signal });
    if (routers.filter((router) => router.online && router.position !== null).length >= wanted) return;
    if (performance.now() > deadline)
      throw new QuorateError('timeout', `of ${wanted} routers not all came online within ${routersMaxMs / 1000} s`, {
        remedy: 'See their logs in the data directory; start again with --data-dir DIR to keep it.',
      });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function reportReady(out: Output, directory: DemoDirectory, demo: Demo, given: Given): void {
  const pids = Object.fromEntries([
    ['nats-server', demo.nats.child.pid],
    ...[...demo.controllers, ...demo.routers].map(([id, child]): [string, number] => [id, child.pid]),
  ]);
  if (out.json) {
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
  if (!given.keep) {
    out.note(`        Everything runs, in ${directory.path}; Ctrl-C ends it.`);
    return;
  }
  const stop = given.dataDirectory === undefined ? '' : ` --data-dir ${given.dataDirectory}`;
  const line = (title: string, command: string): string => `  ${title.padEnd(8)} ${out.style('bold', command)}`;
  out.print(
    [
      `The demo runs in ${directory.path}.`,
      line('attach', `quorate console --nats ${demo.nats.url} --cluster ${demoCluster}`),
      line('status', `quorate status --nats ${demo.nats.url} --cluster ${demoCluster}`),
      line('stop', `quorate demo --stop${stop}`),
    ].join('\n'),
  );
}

async function end(out: Output, directory: DemoDirectory, connection: NatsConnection | undefined): Promise<void> {
  await connection?.close().catch(() => undefined);
  await stopAll(out, directory);
}

/** The server last: whoever still has something to say needs it. */
async function stopAll(out: Output, directory: DemoDirectory): Promise<number> {
  const running = directory.running();
  const isOurs = (pid: number): boolean => directory.isOurs(pid);
  const stopping = stopPids(
    running.filter((pid) => pid !== directory.natsPid),
    isOurs,
  ).then(() => stopPids(running, isOurs));
  await out.during('Ending the processes', stopping);
  directory.cleanUp();
  return running.length;
}

async function stopKept({ out, env }: CommandContext, given: Given): Promise<ExitCode> {
  const directory = DemoDirectory.find(given.dataDirectory, env);
  const stopped = await stopAll(out, directory);
  if (out.json) out.printJson({ stopped, dataDirectory: directory.path });
  else out.print(`The demo in ${directory.path} is stopped (${stopped} processes).`);
  return 0;
}

function ids(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
}

function operatorName(): string {
  try {
    return toIdentifier(userInfo().username);
  } catch {
    return 'demo';
  }
}
