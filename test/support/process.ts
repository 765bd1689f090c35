/** Real processes for tests: started, watched, stopped, killed, paused, and never left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { checkoutRoot } from './checkout.js';
import { endWithUs, hasEnded } from './children.js';
import { temporaryDirectory } from './temporary-directory.js';
import { eventually, within } from './wait.js';

export interface ProcessOptions {
  /** What failures call it; default: the program's name. */
  readonly name?: string;
  readonly cwd?: string;
  /** Added to the environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Given on standard input, which is empty otherwise. */
  readonly input?: string;
}

export interface ExitStatus {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  isRunning(): boolean;
  /** All that it wrote so far. */
  stdout(): string;
  stderr(): string;
  /** Both, for messages and for {@link waitForLog}. */
  logs(): string;
  /** Sends a signal without waiting for anything. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it and waits until it has: SIGTERM, and SIGKILL when it takes longer than `timeoutMs` (default 10,000). */
  stop(timeoutMs?: number): Promise<ExitStatus>;
  /** Sends a signal that ends it (default SIGKILL) and waits until it has. */
  kill(signal?: NodeJS.Signals): Promise<ExitStatus>;
  /** SIGSTOP and SIGCONT: a process that hangs, seen from outside. Paused, none of its threads does anything any more. */
  pause(): void;
  resume(): void;
  waitForExit(timeoutMs?: number): Promise<ExitStatus>;
  /** Waits until the logs contain, match or satisfy this, and returns them. Fails at once when the process ends first. */
  waitForLog(expected: string | RegExp | ((logs: string) => boolean), timeoutMs?: number): Promise<string>;
}

export interface FinishedProcess extends ExitStatus {
  readonly stdout: string;
  readonly stderr: string;
}

const stopTimeoutMs = 10_000;
const shownLogCharactersMax = 4000;

/** A text's end, for error messages. */
export function tailOf(text: string): string {
  return text.length <= shownLogCharactersMax ? text : `…${text.slice(-shownLogCharactersMax)}`;
}

function environmentWith(changes: ProcessOptions['env'] = {}): NodeJS.ProcessEnv {
  // The ports that controllers take by themselves are few, and are for people; a test that wants one asks for it.
  const all = { QUORATE_HTTP: 'off', ...process.env, ...changes };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Output goes to files: a process that writes much is not held up by a test that does not read. */
function spawnIntoFiles(
  command: string,
  args: readonly string[],
  options: ProcessOptions,
  directory: string,
): ChildProcess {
  const files = ['stdout', 'stderr'].map((stream) => openSync(path.join(directory, stream), 'a'));
  try {
    const input = options.input === undefined ? 'ignore' : 'pipe';
    const child = spawn(command, args, {
      cwd: options.cwd ?? directory,
      env: environmentWith(options.env),
      stdio: [input, files[0], files[1]],
    });
    child.stdin?.on('error', () => {}); // it may end without reading
    child.stdin?.end(options.input);
    return child;
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** Starts a program. Waiting for it to be ready is the caller's: by {@link RunningProcess.waitForLog} or by asking it. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<RunningProcess> {
  const name = options.name ?? path.basename(command);
  const directory = temporaryDirectory(name);
  const child = spawnIntoFiles(command, args, options, directory);
  const exited = new Promise<ExitStatus>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} was started and has no process id`);
  endWithUs(pid);
  void exited.then(() => hasEnded(pid));
  child.unref();
  return handleOf(name, pid, child, exited, directory);
}

function handleOf(
  name: string,
  pid: number,
  child: ChildProcess,
  exited: Promise<ExitStatus>,
  directory: string,
): RunningProcess {
  const read = (stream: string): string => readFileSync(path.join(directory, stream), 'utf8');
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const logs = (): string => read('stdout') + read('stderr');
  const signal = (name: NodeJS.Signals): void => {
    child.kill(name);
  };
  const waitForExit = (timeoutMs?: number): Promise<ExitStatus> =>
    within(exited, `the end of ${name} (${pid})`, timeoutMs);
  return {
    name,
    pid,
    isRunning,
    stdout: () => read('stdout'),
    stderr: () => read('stderr'),
    logs,
    signal,
    waitForExit,
    async stop(timeoutMs = stopTimeoutMs) {
      signal('SIGCONT'); // a paused process would not notice that it is to end
      signal('SIGTERM');
      return await waitForExit(timeoutMs).catch(() => {
        signal('SIGKILL');
        return waitForExit();
      });
    },
    kill(name = 'SIGKILL') {
      signal(name);
      return waitForExit();
    },
    pause: () => {
      signal('SIGSTOP');
      waitUntilStopped(pid);
    },
    resume: () => signal('SIGCONT'),
    async waitForLog(expected, timeoutMs) {
      const isThere = (text: string): boolean =>
        typeof expected === 'string'
          ? text.includes(expected)
          : expected instanceof RegExp
            ? expected.test(text)
            : expected(text);
      const found = await eventually(() => (isThere(logs()) ? { logs: logs() } : !isRunning() && { logs: undefined }), {
        what: `${expected} in the logs of ${name}`,
        timeoutMs,
        show: () => tailOf(logs()),
      });
      if (found.logs !== undefined) return found.logs;
      throw new Error(`${name} ended (${child.exitCode ?? child.signalCode}) before ${expected}:\n${tailOf(logs())}`);
    },
  };
}

const stopAttemptsMax = 5_000;

/** A signal stops the threads of a process one after the other; those that still run may answer a last message. */
function waitUntilStopped(pid: number): void {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return;
  const pauser = new Int32Array(new SharedArrayBuffer(4));
  for (let attempt = 0; attempt < stopAttemptsMax; attempt += 1) {
    if (readdirSync(tasks).every((task) => isStopped(path.join(tasks, task, 'stat')))) return;
    Atomics.wait(pauser, 0, 0, 1);
  }
  throw new Error(`process ${pid} was sent SIGSTOP and goes on`);
}

/** The state stands behind the name of the program, which may hold anything, and is in parentheses. */
function isStopped(stat: string): boolean {
  try {
    const text = readFileSync(stat, 'utf8');
    return 'TtZX'.includes(text.charAt(text.lastIndexOf(')') + 2));
  } catch {
    return true; // The thread has ended.
  }
}

/** Runs a program to its end. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions & { readonly timeoutMs?: number } = {},
): Promise<FinishedProcess> {
  const running = await startProcess(command, args, options);
  try {
    const status = await running.waitForExit(options.timeoutMs);
    return { ...status, stdout: running.stdout(), stderr: running.stderr() };
  } catch (error) {
    await running.kill();
    throw new Error(`${running.name} ${args.join(' ')} did not end:\n${tailOf(running.logs())}`, { cause: error });
  }
}

export const quorateMain = path.join(checkoutRoot, 'dist', 'console', 'main.js');

/** `quorate ARGS…` as a process of its own, by the Node that runs the tests. */
export function startQuorate(args: readonly string[], options: ProcessOptions = {}): Promise<RunningProcess> {
  return startProcess(process.execPath, [quorateMain, ...args], { name: `quorate-${args[0] ?? ''}`, ...options });
}

/** `quorate ARGS…`, run to its end. */
export async function runQuorate(
  args: readonly string[],
  options: ProcessOptions & { readonly timeoutMs?: number } = {},
): Promise<FinishedProcess> {
  const name = `quorate-${args[0] ?? ''}`;
  const finished = await runProcess(process.execPath, [quorateMain, ...args], { name, ...options });
  if (args.includes('--json') && finished.code === 0) {
    // Loaded here: most tests run no such command, and need not know them all.
    const { checkJsonShape } = await import('./json-shape.js');
    checkJsonShape(args, finished.stdout);
  }
  return finished;
}
