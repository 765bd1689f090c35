/** What memory and logs of a process under hostile messages may be. Pure. */

/** More than this above where it began is too much, at any moment: the heap may have 256, the rest is what was just read. */
export const growthMaxBytes = 400 * 1024 * 1024;
/** Of what the heap holds: more than this between the second fifth of a run and its last is a leak. What is filled once is
 * full by then. */
export const creepMaxBytes = 16 * 1024 * 1024;
/** With fewer samples, what grows is what is filled once. */
const samplesMin = 400;

/** The same line is written at most once a second: so often, and a few times more at the edges of seconds. */
const linesPerSecondOfKind = 1;
/** All lines together. */
const linesPerSecondMax = 4;
const linesMin = 20;
const bytesPerSecondMax = 2 * 1024;
const bytesMin = 64 * 1024;

/**
 * @param resident bytes, evenly spaced over the run
 * @param retained bytes that the heap holds after a collection, likewise
 */
export function judgeMemory(name: string, resident: readonly number[], retained: readonly number[]): readonly string[] {
  const [before = 0] = resident;
  const most = resident.reduce((highest, each) => Math.max(highest, each), 0);
  const creep = creepOf(retained);
  return [
    ...(most - before > growthMaxBytes ? [`${name} grew from ${before} to ${most} bytes`] : []),
    ...(creep > creepMaxBytes
      ? [`${name} goes on growing: its heap holds ${creep} bytes more in the last fifth than in the second`]
      : []),
  ];
}

/** How much more there was in the last fifth than in the second, by medians; 0 for runs that are too short to tell. */
export function creepOf(samples: readonly number[]): number {
  if (samples.length < samplesMin) return 0;
  const fifth = Math.floor(samples.length / 5);
  return medianOf(samples.slice(-fifth)) - medianOf(samples.slice(fifth, 2 * fifth));
}

/** @param log lines that were written in `seconds`, JSON for controllers and routers. */
export function judgeLog(name: string, log: string, seconds: number): readonly string[] {
  const lines = log.split('\n').filter((line) => line !== '');
  const kinds = new Map<string, number>();
  for (const line of lines) {
    const kind = kindOf(line);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const ofKindMax = seconds * linesPerSecondOfKind + 5;
  const linesMax = Math.max(linesMin, seconds * linesPerSecondMax);
  const allowedBytes = Math.max(bytesMin, seconds * bytesPerSecondMax);
  return [
    ...[...kinds]
      .filter(([, count]) => count > ofKindMax)
      .map(([kind, count]) => `${name} logged ${count} times in ${Math.round(seconds)} s: ${kind}`),
    ...(lines.length > linesMax ? [`${name} logged ${lines.length} lines in ${Math.round(seconds)} s`] : []),
    ...(log.length > allowedBytes ? [`${name} logged ${log.length} bytes in ${Math.round(seconds)} s`] : []),
    ...(kinds.has(foreign)
      ? [`${name} wrote what is no line of its log: ${lines.find((line) => kindOf(line) === foreign)}`]
      : []),
  ];
}

/** E.g. a warning of Node's that listeners leak, or a stack. */
const foreign = 'no line of the log';

function kindOf(line: string): string {
  try {
    const { level, message } = JSON.parse(line) as { readonly level?: unknown; readonly message?: unknown };
    return `${String(level)} ${String(message)}`;
  } catch {
    return foreign;
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
