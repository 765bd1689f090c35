// What every script here says, and where it says it: progress on stderr, so that stdout stays the command's own.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..', '..');

export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

export function fail(text, code = 1) {
  say(text);
  process.exit(code);
}

/** Runs a command without a shell and returns { ok, output } with stdout and stderr in one text. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim();
  return { ok: result.status === 0, output: result.error === undefined ? output : result.error.message };
}

/** Runs what may take longer, telling what it is before and how long it took after. */
export function step(text, work) {
  say(`${text} …`);
  const started = performance.now();
  const result = work();
  say(`${text}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}
