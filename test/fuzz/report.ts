/** What a fuzz run came to, in lines for people. */
import type { FuzzReport } from './run.js';

const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;

export function describeFuzz(report: FuzzReport): readonly string[] {
  const {
    seed,
    messages,
    byKind,
    seconds,
    writes,
    longestWriteGapMs,
    rejected,
    elections,
    processes,
    problems,
    refusedByServer,
    listeners,
    reached,
  } = report;
  return [
    `seed ${seed}: ${messages} messages in ${seconds.toFixed(0)} s (${Math.round(messages / seconds)} a second)`,
    `  ${Object.entries(byKind)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(', ')}`,
    `  ${writes} writes were acknowledged meanwhile, the longest gap ${Math.round(longestWriteGapMs)} ms; at least ${rejected} messages rejected, and ${refusedByServer} over max_payload by the NATS server; ${elections} elections`,
    `  ${listeners.length} subscriptions of ${new Set(listeners.map(({ who }) => who)).size} connections, ${reached.size} different ones; the least came to ${Math.min(...reached.values())} messages`,
    ...processes.map(
      ({ name, residentBeforeBytes, residentMaxBytes, retainedBytes, creepBytes, logBytes }) =>
        `  ${name}: ${mebibytes(residentBeforeBytes)}, at most ${mebibytes(residentMaxBytes)}, its heap holds ${mebibytes(retainedBytes)}, from the second fifth to the last ${mebibytes(creepBytes)} more; ${(logBytes / 1024).toFixed(0)} KiB of log`,
    ),
    ...(problems.length === 0 ? ['  nothing is wrong'] : problems.map((problem) => `  WRONG: ${problem}`)),
  ];
}
