/**
 * The processes of a demo. Each runs in a session of its own, so that Ctrl-C in the terminal reaches the demo alone, which
 * then ends them in order. Unless they are to be kept, each holds a pipe from the demo as standard input and ends when that
 * closes: however the demo ends, also by SIGKILL, nothing is left.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { QuorateError } from '../../../messaging/errors.js';

export interface ChildOptions {
  readonly id: string;
  /** For people: `controller ctrl1`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** It is to outlive the demo. */
  readonly keep: boolean;
}

export interface Child {
  readonly id: string;
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly isRunning: () => boolean;
  /** Resolves when it has ended, however that came. */
  readonly ended: Promise<void>;
  /** What it wrote last, for the report of its end. */
  readonly lastLines: () => string;
  readonly endedHow: () => string;
}

const lastLinesMax = 8;

export async function startChild(options: ChildOptions): Promise<Child> {
  const { id, name, keep, logFile } = options;
  const log = openSync(logFile, 'a');
  // What a process of an earlier start wrote says nothing of this one.
  const before = fstatSync(log).size;
  try {
    const child = spawn(options.command, options.args, {
      cwd: options.folder,
      env: options.env,
      detached: true,
      stdio: [keep ? 'ignore' : 'pipe', log, log],
    });
    let how = '';
    const ended = new Promise<void>((resolve) => {
      child.once('exit', (code, signal) => {
        how = signal === null ? `with exit code ${code}` : `by ${signal}`;
        resolve();
      });
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) =>
        reject(
          new QuorateError('program-missing', `${options.command} cannot be started: ${error.message}`, {
            cause: error,
          }),
        ),
      );
    });
    // The pipe stays open as long as the demo lives; that it breaks when the child ends first is no error.
    child.stdin?.on('error', () => undefined);
    if (keep) child.unref();
    return {
      id,
      name,
      pid: child.pid ?? 0,
      logFile,
      isRunning: () => how === '',
      ended,
      lastLines: () =>
        readFileSync(logFile).subarray(before).toString('utf8').trimEnd().split('\n').slice(-lastLinesMax).join('\n'),
      endedHow: () => how,
    };
  } finally {
    closeSync(log);
  }
}

/** @throws QuorateError `process-ended` with the last lines of its log, where it ends before `work` is done. */
export async function whileRunning<T>(child: Child, work: Promise<T>): Promise<T> {
  const failed = child.ended.then((): never => {
    throw endedError(child);
  });
  failed.catch(() => undefined);
  return Promise.race([work, failed]);
}

export function endedError(child: Child): QuorateError {
  return new QuorateError('process-ended', `${child.name} ended ${child.endedHow()}`, {
    remedy: `Its log, ${child.logFile}, ends with:\n${child.lastLines()}`,
  });
}

/** How long a process is given to end by itself. */
const graceMs = 3_000;

/** Asks all of them to end, and ends by force those that do not. Returns when none runs. */
export async function stopPids(pids: readonly number[], isOurs: (pid: number) => boolean): Promise<void> {
  const left = (): readonly number[] => pids.filter((pid) => isAlive(pid) && isOurs(pid));
  for (const pid of left()) send(pid, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (left().length > 0 && performance.now() < deadline) await sleep(20);
  for (const pid of left()) send(pid, 'SIGKILL');
  while (left().length > 0) await sleep(20);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The command line of a process, or an empty text where there is none: by it a process id that was given away is told. */
export function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '';
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile: what was wanted.
  }
}
