/** When to stop: signals, and the end of whoever started this process. */
import type { CommandContext } from './command.js';

/** An orderly end takes at most this long where nobody is left to wait for it. */
const orphanStopMaxMs = 4_000;

/**
 * Aborted by a signal; with `exitWithParent` also when standard input closes: that is a pipe which only the parent holds, so
 * it closes however the parent ends.
 */
export function stopSignal({ out, signal }: CommandContext, exitWithParent: boolean): AbortSignal {
  if (!exitWithParent) return signal;
  const gone = new AbortController();
  const end = (): void => {
    gone.abort();
    setTimeout(() => process.exit(1), orphanStopMaxMs).unref();
  };
  out.io.stdin.once('end', end).once('error', end);
  out.io.stdin.resume();
  return AbortSignal.any([signal, gone.signal]);
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
