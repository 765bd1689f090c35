/** A real terminal for tests of the screens: tmux on a socket of its own, looked at as text or with its escapes. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { toolPath } from './checkout.js';
import { endWithUs, hasEnded, isAlive } from './children.js';
import { temporaryDirectory } from './temporary-directory.js';
import { eventually } from './wait.js';

export { findTool } from './checkout.js';

export interface TerminalOptions {
  /** Default 120. */
  readonly columns?: number;
  /** Default 40. */
  readonly rows?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Terminal {
  /** Keys as tmux names them (`Enter`, `Escape`, `C-c`, `Up`, `j`), each an argument. */
  sendKeys(...keys: readonly string[]): Promise<void>;
  /** Text letter by letter, nothing in it taken for a key's name. */
  type(text: string): Promise<void>;
  /** What the screen shows, a line per row, trailing blanks removed. */
  capture(): Promise<string>;
  /** The same with colours and styles as escape sequences. */
  captureWithEscapes(): Promise<string>;
  /** Waits until the screen contains or matches this, and returns the screen. */
  waitForText(expected: string | RegExp, timeoutMs?: number): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
  /** Whether the command still runs. */
  isRunning(): Promise<boolean>;
  /** The exit code, once the command has ended; 128 and the signal's number where one ended it, as in a shell. */
  waitForExit(timeoutMs?: number): Promise<number>;
  /** Ends the command and the terminal. */
  kill(): Promise<void>;
}

const execute = promisify(execFile);
const tmuxTimeoutMs = 10_000;
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Starts a command in a new terminal. The terminal stays after the command's end, so that its last screen can be seen. */
export async function startTerminal(command: readonly string[], options: TerminalOptions = {}): Promise<Terminal> {
  const { columns = 120, rows = 40 } = options;
  const directory = temporaryDirectory('tmux');
  const configuration = path.join(directory, 'tmux.conf');
  const settings = [
    'default-shell /bin/sh',
    'remain-on-exit on',
    'status off',
    'escape-time 0',
    'default-terminal "screen-256color"',
  ];
  writeFileSync(configuration, settings.map((setting) => `set -g ${setting}\n`).join(''));
  const { TMUX: _outer, ...env } = process.env; // a tmux around the tests is none of ours
  const tmux = async (...args: readonly string[]): Promise<string> => {
    const socket = ['-u', '-S', path.join(directory, 'socket'), '-f', configuration];
    return (await execute(toolPath('tmux'), [...socket, ...args], { env, timeout: tmuxTimeoutMs })).stdout;
  };
  // tmux 3.3 does not always know a dead command's status: a shell around the command writes it down.
  const statusFile = path.join(directory, 'status');
  // Ctrl-C reaches the shell too, which must live to write it.
  const withStatus = `trap : INT; ${command.map(quoted).join(' ')}; echo $? >${quoted(statusFile)}`;
  const environment = Object.entries(options.env ?? {}).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  const size = ['-x', String(columns), '-y', String(rows)];
  await tmux('new-session', '-d', ...size, '-c', options.cwd ?? directory, ...environment, withStatus);
  const [server = 0, shell = 0] = (await tmux('display-message', '-p', '#{pid} #{pane_pid}'))
    .trim()
    .split(' ')
    .map(Number);
  const ofTheTerminal = [server, -shell]; // the command is in the process group of its shell
  for (const pid of ofTheTerminal) endWithUs(pid);

  const capture = async (...flags: readonly string[]): Promise<string> =>
    (await tmux('capture-pane', '-p', ...flags))
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd();
  return {
    sendKeys: async (...keys) => void (await tmux('send-keys', ...keys)),
    type: async (text) => void (await tmux('send-keys', '-l', '--', text)),
    capture: () => capture(),
    // With the spaces at the ends of lines, which may have a background.
    captureWithEscapes: async () => (await tmux('capture-pane', '-p', '-e', '-N')).trimEnd(),
    async waitForText(expected, timeoutMs) {
      let screen = '';
      await eventually(
        async () => {
          screen = await capture();
          return typeof expected === 'string' ? screen.includes(expected) : expected.test(screen);
        },
        { what: `${expected} on the screen`, timeoutMs, intervalMs: 50, show: () => screen },
      );
      return screen;
    },
    resize: async (newColumns, newRows) =>
      void (await tmux('resize-window', '-x', String(newColumns), '-y', String(newRows))),
    isRunning: async () => !existsSync(statusFile) && isAlive(shell),
    async waitForExit(timeoutMs) {
      const status = await eventually(() => existsSync(statusFile) && readFileSync(statusFile, 'utf8').trim(), {
        what: 'the end of the command in the terminal',
        timeoutMs,
      });
      return Number(status);
    },
    async kill() {
      await tmux('kill-server').catch(() => undefined);
      // The command hears SIGHUP and may have something to put away; what ignores it is killed when this process ends.
      await eventually(() => !isAlive(server) && !isAlive(shell), { what: 'the terminal to end' });
      for (const pid of ofTheTerminal) hasEnded(pid);
    },
  };
}
