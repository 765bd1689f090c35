/** A round as one line for people. */
import type { RoundReport } from './rounds.js';

export function describeRound(report: RoundReport): string {
  const { done, refused, unknown } = report.operations;
  const faults = Object.entries(report.faults)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, { fired, skipped }]) => `${kind} ${fired}${skipped === 0 ? '' : ` (${skipped} not)`}`);
  return [
    `faults: ${faults.join(', ')}`,
    `operations: ${done} done, ${refused} refused, ${unknown} unknown`,
    `${report.acknowledgedWrites} acknowledged writes, ${report.changes} changes, longest gap ${Math.round(report.longestGapMs)} ms`,
    `${report.elections} terms, ${report.snapshotsInstalled} snapshots installed`,
    `${report.joined} joined, ${report.removed} removed`,
  ].join('; ');
}
