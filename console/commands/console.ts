/** `quorate console`: the screens. */
import { softwareVersion } from '../../messaging/version.js';
import { clientSettings, setting } from '../config/common.js';
import { choice, onOff, path, type SettingTable } from '../config/setting.js';
import { type CommandContext, defineCommand, usageError } from './command.js';
import { type Session, withSession } from './session.js';

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
    defaultText: 'dark; light where the terminal says so (COLORFGBG)',
    schema: choice(themes).optional(),
  }),
  keys: setting({
    flag: 'keys',
    env: 'QUORATE_KEYS',
    key: 'console.keys',
    placeholder: 'FILE',
    group: 'Options',
    completes: 'file',
    describe: 'YAML file that gives actions other keys (docs/console.md)',
    defaultText: '~/.config/quorate/keys.yaml',
    schema: path.optional(),
  }),
} as const satisfies SettingTable;

export const consoleCommand = defineCommand({
  path: ['console'],
  summary: 'Open the console: the cluster on the screen, live, and the keys to run it',
  description: 'Press ? in it for the keys, : for everything that can be done, q to leave.',
  settings: { ...consoleSettings, ...clientSettings },
  examples: [
    {
      comment: 'The cluster "demo"',
      line: 'quorate console --cluster demo --as alice --nats tls://10.0.0.1:4222 --tls-ca ca.pem --nkey-seed-file alice.seed',
    },
    { comment: 'Only looking', line: 'quorate console --read-only' },
  ],
  async run(context, given) {
    const { out } = context;
    if (!out.isTerminal || !out.io.stdin.isTTY) {
      throw usageError(
        'the console needs a terminal',
        'Use `quorate status`, `quorate events` and the other commands in scripts and pipes.',
      );
    }
    // Loading the screens and connecting take as long as each other: both at once.
    import('../app.js').catch(() => undefined);
    await withSession(context, given, (session) =>
      showConsole(context, { ...session, cluster: given.cluster, operator: given.as }, given),
    );
  },
});

export interface ConsoleCluster extends Session {
  readonly cluster: string;
  readonly operator: string;
}

export interface ConsoleLook {
  readonly readOnly: boolean;
  readonly theme: (typeof themes)[number] | undefined;
  readonly keys: string | undefined;
}

/** Resolves when the operator leaves. */
export async function showConsole({ env }: CommandContext, on: ConsoleCluster, look: ConsoleLook): Promise<void> {
  const [{ runConsole }, { historyPath, readKeys }, { themeOfTerminal }] = await Promise.all([
    import('../app.js'),
    import('../files.js'),
    import('../theme.js'),
  ]);
  const keymap = await readKeys(look.keys, env);
  const theme = (env['NO_COLOR'] ?? '') === '' ? (look.theme ?? themeOfTerminal(env['COLORFGBG'])) : 'none';
  await runConsole({
    ...on,
    readOnly: look.readOnly,
    theme,
    keymap,
    historyPath: historyPath(env),
    version: softwareVersion,
  });
}
