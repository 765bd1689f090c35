/** A finding of a check that has a stable name, in each of its three outcomes. */
import type { Finding } from './schemas/operations.js';

export const ok = (check: string, sentence: string): Finding => ({ check, outcome: 'ok', sentence, remedy: '' });

export const warn = (check: string, sentence: string, remedy: string): Finding => ({
  check,
  outcome: 'warn',
  sentence,
  remedy,
});

export const fail = (check: string, sentence: string, remedy: string): Finding => ({
  check,
  outcome: 'fail',
  sentence,
  remedy,
});
