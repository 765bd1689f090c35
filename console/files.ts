/** The few files that the console reads and writes: the operator's keys, what was typed into the palette, what is saved. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { QuorateError } from '../messaging/errors.js';
import type { Keymap } from './keys.js';
import { historyMax } from './state/limits.js';

type Environment = Readonly<Record<string, string | undefined>>;

export function defaultKeysPath(env: Environment): string {
  return join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'quorate', 'keys.yaml');
}

/**
 * The keys of the file that is named, which has to be there; else of the usual one, which need not; else undefined.
 * @throws QuorateError `invalid-config` where the file cannot be read or something in it is not right.
 */
export async function readKeys(given: string | undefined, env: Environment): Promise<Keymap | undefined> {
  const path = given ?? defaultKeysPath(env);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (given === undefined && isMissing(error)) return undefined;
    throw unreadable(path, error);
  }
  const { remapped } = await import('./keys-file.js');
  try {
    return remapped(parse(text), path);
  } catch (error) {
    throw error instanceof QuorateError ? error : unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): QuorateError {
  const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return new QuorateError('invalid-config', `the file of keys ${path} cannot be read: ${reason}`, {
    remedy: 'Correct it, or take it away: without it every key is as docs/console.md says.',
    cause: error,
  });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

export function historyPath(env: Environment): string {
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'quorate', 'palette-history');
}

/** One command a line, newest last. A history that cannot be read is no reason not to start. */
export async function readHistory(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .slice(-historyMax);
}

/** Written beside and moved into its place, so that two consoles leave one whole file. */
export async function writeHistory(path: string, history: readonly string[]): Promise<void> {
  const beside = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(beside, `${history.join('\n')}\n`, { mode: 0o600 });
  await rename(beside, path);
}

/** A new file in the folder that the console was started in; one that is there is never written over. */
export async function saveFile(fileName: string, text: string): Promise<string> {
  const path = resolve(fileName);
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 });
    return path;
  } catch (error) {
    throw new QuorateError('internal', `${path} cannot be written: ${error instanceof Error ? error.message : error}`, {
      remedy: 'Start the console in a folder that you may write to, and that has room.',
      cause: error,
    });
  }
}
