/** `quorate demo`: a whole cluster on this machine, which ends with the command. */
import { shellWord } from '../../../messaging/shell-word.js';
import { setting } from '../../config/common.js';
import { integer, onOff, path, type SettingValues } from '../../config/setting.js';
import { type CommandContext, defineCommand, type ExitCode, usageError } from '../command.js';
import { consoleSettings } from '../console.js';
import { findNatsServer } from './nats.js';
import { DemoDirectory } from './record.js';
import { runDemo, stopDemo } from './run.js';

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
  standalone: setting({
    flag: 'standalone',
    group: 'Options',
    describe: 'The first controller serves alone, and the others wait to be joined: to try quorate migrate',
    schema: onOff,
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
  // From no config file: QUORATE_CONFIG may still name that of a demo which is over.
  readOnly: { ...consoleSettings.readOnly, key: undefined },
  theme: { ...consoleSettings.theme, key: undefined },
  keys: { ...consoleSettings.keys, key: undefined },
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
    {
      comment: 'One controller that serves alone, to be migrated to a cluster (:migrate ctrl1)',
      line: 'quorate demo --standalone',
    },
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
    const natsProgram = findNatsServer(context.env);
    const directory = DemoDirectory.open(given.dataDirectory, given.keep, context.env);
    await runDemo(context, {
      ...given,
      directory,
      natsProgram,
      mode: given.keep ? 'keep' : given.headless ? 'headless' : 'console',
      stopArguments: [
        'demo --stop',
        ...(given.dataDirectory === undefined ? [] : [`--data-dir ${shellWord(given.dataDirectory)}`]),
      ].join(' '),
    });
    return 0;
  },
});

async function stopKept({ out, env }: CommandContext, given: Given): Promise<ExitCode> {
  const directory = DemoDirectory.find(given.dataDirectory, env);
  const stopped = await stopDemo(out, directory);
  if (out.json) out.printJson({ stopped, dataDirectory: directory.path });
  else out.print(`The demo in ${directory.path} is stopped (${stopped} processes).`);
  return 0;
}
