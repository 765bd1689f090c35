/**
 * A program in a real pseudo-terminal, watched as it writes: tmux in its control mode tells of every output as it comes, and
 * what the screen shows is asked of tmux, which keeps it as a terminal would.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { toolPath } from '../support/checkout.js';
import { endWithUs, hasEnded, isAlive } from '../support/children.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Output {
  readonly atMs: number;
  readonly text: string;
}

export interface PseudoTerminal {
  /** All that was written since the last call, oldest first. */
  takeOutputs(): readonly Output[];
  /** When the screen first showed this, looked for after every output; ms by `performance.now()`. */
  whenShown(test: (screen: string) => boolean, timeoutMs?: number): Promise<number>;
  /** Keys as tmux names them. Returns when they were sent. */
  press(...keys: readonly string[]): number;
  /** Process id of the program. */
  pid(): Promise<number>;
  /** Starts a program in the place of the one that runs. Returns when that was asked for. */
  start(command: readonly string[]): number;
  end(): Promise<void>;
}

interface Waiting {
  readonly text: string;
  readonly resolve: (lines: readonly string[]) => void;
  readonly reject: (error: Error) => void;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const startAttemptsMax = 5;

/** A server of tmux now and then ends in the moment in which it has started ("server exited unexpectedly", tmux 3.3a). */
export async function openPseudoTerminal(size: Size): Promise<PseudoTerminal> {
  for (let attempt = 1; ; attempt += 1) {
    const terminal = attach(size);
    try {
      await terminal.pid();
      return terminal;
    } catch (error) {
      if (attempt === startAttemptsMax) throw error;
    }
  }
}

function attach(size: Size): PseudoTerminal {
  const socket = path.join(temporaryDirectory('pseudo-terminal'), 'socket');
  const { TMUX: _outer, ...env } = process.env;
  const args = ['-u', '-S', socket, '-f', '/dev/null', '-C', 'new-session', '-s', 'bench'];
  const dimensions = ['-x', String(size.columns), '-y', String(size.rows)];
  const tmux: ChildProcess = spawn(toolPath('tmux'), [...args, ...dimensions, 'sleep 100000'], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  if (tmux.pid !== undefined) endWithUs(tmux.pid);
  const { stdin, stdout, stderr } = tmux;
  if (stdin === null || stdout === null || stderr === null) throw new Error('tmux has no pipes');
  let outputs: Output[] = [];
  let wake = (): void => undefined;
  /** Lines of an answer that is being read; null between answers. */
  let answer: string[] | null = null;
  // tmux answers the command that it was started with, too.
  const waiting: Waiting[] = [{ text: 'new-session', resolve: () => undefined, reject: () => undefined }];
  let complaint = '';
  let ended: Error | null = null;

  /** Who waits for an answer would wait for ever, with nothing left that keeps the process alive to say so. */
  function endsWith(reason: string): void {
    ended ??= new Error(`tmux ended (${reason})${complaint === '' ? '' : `: ${complaint.trim()}`}`);
    for (const each of waiting.splice(0)) each.reject(ended);
    wake();
  }
  tmux.once('error', (error) => endsWith(error.message));
  tmux.once('close', (code, signal) => endsWith(`${code ?? signal}`));
  // That it reads no more is told by its end, and why.
  stdin.on('error', () => undefined);
  stderr.setEncoding('utf8').on('data', (data: string) => {
    complaint += data;
  });

  function take(line: string): void {
    if (line.startsWith('%begin')) answer = [];
    else if (line.startsWith('%end') || line.startsWith('%error')) {
      const lines = answer ?? [];
      answer = null;
      const asked = waiting.shift();
      if (line.startsWith('%end')) asked?.resolve(lines);
      else asked?.reject(new Error(`tmux refused "${asked.text}": ${lines.join(' ')}`));
    } else if (answer !== null) answer.push(line);
    else if (line.startsWith('%exit')) complaint += line.slice('%exit'.length);
    else if (line.startsWith('%output')) {
      outputs.push({ atMs: performance.now(), text: line.split(' ').slice(2).join(' ') });
      wake();
    }
  }

  let rest = '';
  stdout.setEncoding('utf8').on('data', (data: string) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });

  const command = (text: string): Promise<readonly string[]> =>
    new Promise((resolve, reject) => {
      if (ended !== null) {
        reject(ended);
        return;
      }
      waiting.push({ text, resolve, reject });
      stdin.write(`${text}\n`);
    });
  const unless = (): void => undefined; // Whoever asks next is told that tmux has ended.
  command(`refresh-client -C ${size.columns}x${size.rows}`).catch(unless);
  // The server is a process of its own: however the benchmark ends, it ends too, and the program in it.
  let server: number | undefined;
  command("display-message -p '#{pid}'").then(([line]) => {
    server = Number(line);
    endWithUs(server);
  }, unless);
  for (const each of ['remain-on-exit on', 'status off', 'escape-time 0']) command(`set -g ${each}`).catch(unless);
  const capture = async (): Promise<string> => (await command('capture-pane -p -t bench')).join('\n');
  const nextOutput = (waitMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  return {
    takeOutputs() {
      const taken = outputs;
      outputs = [];
      return taken;
    },
    async whenShown(test, timeoutMs = 20_000) {
      const deadline = performance.now() + timeoutMs;
      let screen = '';
      while (performance.now() < deadline) {
        const lastAtMs = outputs.at(-1)?.atMs ?? performance.now();
        screen = await capture();
        // What this screen shows was written by then, or after.
        if (test(screen)) return lastAtMs;
        if ((outputs.at(-1)?.atMs ?? 0) <= lastAtMs) await nextOutput(50);
      }
      throw new Error(`not on the screen within ${timeoutMs} ms:\n${screen}`);
    },
    press(...keys) {
      void command(`send-keys -t bench ${keys.map(quoted).join(' ')}`);
      return performance.now();
    },
    pid: async () => Number((await command("display-message -p -t bench '#{pane_pid}'"))[0]),
    start(words) {
      outputs = [];
      void command(`respawn-pane -k -t bench ${quoted(`exec ${words.map(quoted).join(' ')}`)}`);
      return performance.now();
    },
    async end() {
      // It ends instead of answering.
      await command('kill-server').catch(() => undefined);
      // Who has been told so and has not ended yet is killed when this process ends.
      for (const pid of [tmux.pid, server]) if (pid !== undefined && !isAlive(pid)) hasEnded(pid);
    },
  };
}
