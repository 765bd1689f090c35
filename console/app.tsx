/**
 * The screens. `runConsole` draws them on the terminal's alternate screen, follows the cluster over NATS and comes back
 * when the operator quits. It needs a client and its connection, changes nothing that was not confirmed by name, and
 * never imports the controller.
 */
import { randomUUID } from 'node:crypto';
import type { ApiClient, NatsConnection } from '../messaging/index.js';
import { editText } from './commands/edit.js';
import { readHistory, saveFile, writeHistory } from './files.js';
import { defaultKeymap, type Keymap } from './keys.js';
import { withLightInk } from './light-ink.js';
import { startShell } from './shell.js';
import { initialState } from './state/state.js';
import type { ColorDepth, ThemeName } from './theme.js';

export interface ConsoleOptions {
  readonly client: ApiClient;
  /** The connection that `client` was made with: tells when the console itself is cut off. Not closed here. */
  readonly connection: NatsConnection;
  readonly cluster: string;
  /** Name of the operator, as in the client's `from`; shown, and recorded with operations. */
  readonly operator: string;
  /** True: starts locked, so that nothing can be changed until `:unlock`. What may be changed at all, credentials say. */
  readonly readOnly: boolean;
  /** Default: dark; none where NO_COLOR is set. */
  readonly theme?: ThemeName;
  /** Version of this program. */
  readonly version?: string;
  /** Default: the keys of the table. */
  readonly keymap?: Keymap | undefined;
  /** Where what is typed into the palette is kept; without it, nowhere. */
  readonly historyPath?: string | undefined;
}

/** Resolves when the operator quits; the terminal is then as it was. Needs a terminal on stdin and stdout. */
export async function runConsole(options: ConsoleOptions): Promise<void> {
  // React's development build is several times slower; it decides by this variable when it is loaded.
  process.env.NODE_ENV ??= 'production';
  const { historyPath } = options;
  const colorDepth = colorDepthOf(process);
  const history = historyPath === undefined ? [] : await readHistory(historyPath);
  const shell = startShell({
    client: options.client,
    connection: options.connection,
    initial: initialState({
      now: Date.now(),
      cluster: options.cluster,
      operator: options.operator,
      version: options.version ?? '',
      nonce: randomUUID(),
      locked: options.readOnly,
      theme: options.theme ?? 'dark',
      colorDepth,
      keymap: options.keymap ?? defaultKeymap,
      history,
      size: { columns: process.stdout.columns ?? 80, rows: process.stdout.rows ?? 24 },
    }),
    quit: () => quit(),
    copy: (text) => process.stdout.write(clipboardSequence(text)),
    edit: async (fileName, text) => {
      let edited = text;
      await lend(async () => {
        edited = await editText(text, fileName, process.env);
      });
      return edited;
    },
    save: saveFile,
    exportModel: (fileName) => exportModel(options, fileName),
    remember: (typed) => {
      // What was typed is a help and no more: that it could not be kept is not worth a word in the middle of a night.
      if (historyPath !== undefined) kept = kept.then(() => writeHistory(historyPath, typed)).catch(() => undefined);
    },
  });
  let kept = Promise.resolve();
  let quit = (): void => {};
  let lend = (work: () => Promise<void>): Promise<void> => work();
  try {
    // The cluster is asked before the screens are loaded: both take a tenth of a second.
    const { drawScreens } = await withColors(colorDepth, () => withLightInk(() => import('./draw.js')));
    const drawing = drawScreens(shell);
    quit = drawing.quit;
    lend = drawing.lend;
    await drawing.ended;
  } finally {
    shell.stop();
    await kept;
  }
}

/** As `quorate export` writes it. Loaded only here: the first screen does not need it. */
async function exportModel({ client, cluster, version = '' }: ConsoleOptions, fileName: string): Promise<string> {
  const [{ readModel }, { makeExport, writeExport }] = await Promise.all([
    import('./exchange/read-model.js'),
    import('./exchange/export-file.js'),
  ]);
  const { entities, position, status } = await readModel({ client, kinds: [] });
  const head = { cluster, clusterId: status.clusterId, position, exportedAt: new Date().toISOString() };
  const made = makeExport({ ...head, softwareVersion: version }, entities);
  return saveFile(fileName, [...writeExport(made, 'json')].join(''));
}

/** As Node judges the terminal by its variables; NO_COLOR counts whatever it holds, as long as it holds something. */
function colorDepthOf({ stdout, env }: NodeJS.Process): ColorDepth {
  if ((env['NO_COLOR'] ?? '') !== '') return 'none';
  const bits = stdout.getColorDepth();
  return bits >= 24 ? 'all' : bits >= 8 ? '256' : bits >= 4 ? '16' : 'none';
}

/**
 * Ink's library of colours judges the terminal by itself, when it is loaded: so that it does not judge otherwise. At its
 * lowest it would leave out weight and inversion too, which say without colour what is chosen and what is wrong.
 */
async function withColors<Loaded>(depth: ColorDepth, load: () => Promise<Loaded>): Promise<Loaded> {
  const { FORCE_COLOR: before } = process.env;
  process.env['FORCE_COLOR'] = String({ all: 3, 256: 2, 16: 1, none: 1 }[depth]);
  try {
    return await load();
  } finally {
    if (before === undefined) delete process.env['FORCE_COLOR'];
    else process.env['FORCE_COLOR'] = before;
  }
}

/** OSC 52: the terminal itself puts the text on the clipboard, also through ssh. */
function clipboardSequence(text: string): string {
  return `\u001b]52;c;${Buffer.from(text, 'utf8').toString('base64')}\u0007`;
}
