/** A check: one named question that a workflow asks before it touches anything. Pure: facts in, finding out. */
import type { Finding, WorkflowParameters } from '../../../messaging/index.js';
import { candidateOf, type Facts, targetOf } from '../facts.js';

export interface Check {
  /** Stable: scripts and documentation refer to it. */
  readonly name: string;
  /** What is asked, for people. */
  readonly question: string;
  /** What to do when the answer is not good, where the answer has no better one. */
  readonly remedy: string;
  /** About the controller that is to become a member; otherwise about the one that the workflow is about. */
  readonly ofCandidate?: true;
  readonly answer: (facts: Facts, subject: Subject) => Answer;
}

export interface Subject {
  readonly parameters: WorkflowParameters;
  /** The controller concerned; empty where a transfer found nobody. */
  readonly target: string;
}

export interface Answer {
  readonly outcome: Finding['outcome'];
  readonly sentence: string;
  readonly remedy?: string;
}

export const ok = (sentence: string): Answer => ({ outcome: 'ok', sentence });
export const warn = (sentence: string, remedy?: string): Answer => ({ outcome: 'warn', sentence, remedy });
export const fail = (sentence: string, remedy?: string): Answer => ({ outcome: 'fail', sentence, remedy });

export function evaluate(check: Check, facts: Facts, parameters: WorkflowParameters): Finding {
  const target = check.ofCandidate === true ? candidateOf(parameters) : targetOf(parameters, facts);
  const { outcome, sentence, remedy } = check.answer(facts, { parameters, target: target ?? '' });
  return { check: check.name, outcome, sentence, remedy: outcome === 'ok' ? '' : (remedy ?? check.remedy) };
}

/** `2 voters`, `1 voter`. */
export function count(amount: number, noun: string): string {
  return `${amount.toLocaleString('en-US')} ${noun}${amount === 1 ? '' : 's'}`;
}

export function bytes(amount: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, amount)) / 10));
  return `${(amount / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

export function milliseconds(amount: number): string {
  return Math.abs(amount) >= 10_000
    ? `${(amount / 1_000).toFixed(1)} s`
    : `${amount.toFixed(Math.abs(amount) < 10 ? 1 : 0)} ms`;
}
