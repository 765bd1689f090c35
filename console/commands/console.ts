/** `quorate console`: the screens. */
import { QuorateError } from '../../messaging/errors.js';
import { softwareVersion } from '../../messaging/version.js';
import { clientSettings, setting } from '../config/common.js';
import { choice, onOff, type SettingTable } from '../config/setting.js';
import { type CommandContext, defineCommand } from './command.js';
import { type ClientSettings, withSession } from './session.js';

export const themes = ['dark', 'light', 'colour-blind', 'none'] as const;

export const consoleSettings = {
  readOnly: setting({
    flag: 'read-only',
    env: 'QUORATE_READ_ONLY',
    key: 'console.readOnly',
    group: 'Options',
    describe: 'Nothing can be changed from these screens',
    schema: onOff,
  }),
  theme: setting({
    flag: 'theme',
    env: 'QUORATE_THEME',
    key: 'console.theme',
    placeholder: 'THEME',
    group: 'Options',
    choices: themes,
    describe: 'dark, light, colour-blind or none',
    defaultText: 'dark',
    schema: choice(themes).optional(),
  }),
} as const satisfies SettingTable;

export const consoleCommand = defineCommand({
  path: ['console'],
  summary: 'Open the console: the cluster on the screen, live, and the keys to run it',
  description: 'Press ? in it for the keys, : for everything that can be done, q to leave.',
  settings: { ...consoleSettings, ...clientSettings },
  examples: [
    { comment: 'The cluster "demo"', line: 'quorate console --cluster demo --nats nats://10.0.0.1:4222' },
    { comment: 'Only looking', line: 'quorate console --read-only' },
  ],
  run: (context, given) => openConsole(context, given),
});

export interface ConsoleGiven extends ClientSettings {
  readonly readOnly: boolean;
  readonly theme: (typeof themes)[number] | undefined;
}

export async function openConsole(context: CommandContext, given: ConsoleGiven): Promise<void> {
  const { out } = context;
  if (!out.isTerminal || !out.io.stdin.isTTY) {
    throw new QuorateError('usage', 'the console needs a terminal', {
      remedy: 'Use `quorate status`, `quorate events` and the other commands in scripts and pipes.',
    });
  }
  // Loading the screens and connecting take as long as each other: do both at once.
  const screens = import('../app.js');
  await withSession(context, given, async ({ client, connection }) => {
    const { runConsole } = await screens;
    const noColour = (context.env['NO_COLOR'] ?? '') !== '';
    await runConsole({
      client,
      connection,
      cluster: given.cluster,
      operator: given.as,
      readOnly: given.readOnly,
      theme: noColour ? 'none' : given.theme,
      version: softwareVersion,
    });
  });
}
