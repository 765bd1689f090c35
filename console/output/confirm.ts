/** A typed confirmation: what changes the cluster is never begun by one key. */
import { createInterface } from 'node:readline/promises';
import { QuorateError } from '../../messaging/errors.js';
import type { Output } from './output.js';

export interface Confirmation {
  /** What must be typed. */
  readonly word: string;
  /** Completes "Type WORD to ...". */
  readonly purpose: string;
  readonly yes: boolean;
  /** What a script gives in the place of typing. */
  readonly inScript?: string;
  readonly signal: AbortSignal;
}

/** @throws QuorateError `not-confirmed` where something else was typed, or nobody is there to type. */
export async function confirm(
  out: Output,
  { word, purpose, yes, inScript = '--yes', signal }: Confirmation,
): Promise<void> {
  if (yes) return;
  if (!out.canAsk) {
    throw new QuorateError('not-confirmed', 'nobody is there to confirm it: this is not a terminal', {
      remedy: `Run it in a terminal, or give ${inScript} when you are sure; --dry-run shows what it would do.`,
    });
  }
  const stderr = out.io.stderr;
  const lines = createInterface({ input: out.io.stdin, output: process.stderr });
  // In raw mode Ctrl-C is a key and no signal: make it the signal that the rest of the program knows.
  lines.on('SIGINT', () => process.emit('SIGINT'));
  try {
    // Ctrl-C and Ctrl-D close the reader; a question on a closed reader would wait for ever.
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    const question = `Type ${out.style('bold', word, stderr)} to ${purpose}: `;
    const typed = await Promise.race([lines.question(question, { signal }).catch(() => ''), closed]);
    if (typed.trim() === word) return;
  } finally {
    lines.close();
  }
  throw new QuorateError('not-confirmed', 'what was typed is not what was asked for; nothing was changed', {
    remedy: `Type exactly ${word} to go on.`,
  });
}
