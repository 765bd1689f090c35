/** Shows something again and again until it is stopped: in place on a terminal, one below the other elsewhere. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Output } from './output.js';

export const watchEveryMs = 1000;

export interface Watch {
  readonly signal: AbortSignal;
  readonly everyMs?: number;
  /** What to show now: a document with --json, else lines. */
  show(): Promise<{ readonly json: unknown; readonly lines: readonly string[] }>;
}

export async function watch(out: Output, { signal, everyMs = watchEveryMs, show }: Watch): Promise<void> {
  while (!signal.aborted) {
    const { json, lines } = await show();
    if (signal.aborted) return;
    if (out.json) out.printJsonLine(json);
    else if (out.isTerminal) out.redraw(lines);
    else out.print([...lines, ''].join('\n'));
    // Ends early, and without an error, where it is stopped.
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}
