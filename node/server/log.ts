/** The log: JSON lines, or short coloured lines on a terminal. A kind of warning that repeats is written once a second. */
import type { Clock } from '../cluster/clock.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** At most one line a second for each `kind`; the next line says how many were left out. */
  limited(kind: string, level: LogLevel, message: string, fields?: LogFields): void;
  setLevel(level: LogLevel): void;
}

export interface LogOptions {
  readonly clock: Clock;
  readonly level?: LogLevel;
  readonly pretty?: boolean;
  /** Stand in each line, e.g. cluster and node. */
  readonly fields?: LogFields;
  readonly write?: (line: string) => void;
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const colours: Readonly<Record<LogLevel, number>> = { debug: 90, info: 36, warn: 33, error: 31 };
const limitedEveryMs = 1_000;
/** Kinds that are remembered for limiting. */
const limitedKindsMax = 256;

export function createLog(options: LogOptions): Log {
  const { clock, fields: common = {}, pretty = false } = options;
  const writeLine = options.write ?? ((line: string) => void process.stderr.write(line));
  let lowest = levels.indexOf(options.level ?? 'info');
  const limits = new Map<string, { since: number; leftOut: number }>();

  function write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (levels.indexOf(level) < lowest) return;
    const time = new Date(clock.now()).toISOString();
    writeLine(
      pretty
        ? prettyLine(time, level, message, fields)
        : `${JSON.stringify({ time, level, message, ...common, ...fields })}\n`,
    );
  }

  function limited(kind: string, level: LogLevel, message: string, fields: LogFields = {}): void {
    const now = clock.monotonicMs();
    const limit = limits.get(kind);
    if (limit !== undefined && now - limit.since < limitedEveryMs) {
      limit.leftOut += 1;
      return;
    }
    if (limits.size >= limitedKindsMax) limits.clear();
    limits.set(kind, { since: now, leftOut: 0 });
    write(level, message, limit === undefined || limit.leftOut === 0 ? fields : { ...fields, leftOut: limit.leftOut });
  }

  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    limited,
    setLevel: (level) => {
      lowest = levels.indexOf(level);
    },
  };
}

function prettyLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const rest = Object.entries(fields)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  return `\u001b[90m${time.slice(11, 23)}\u001b[0m \u001b[${colours[level]}m${level.padEnd(5)}\u001b[0m ${message}${rest === '' ? '' : ` \u001b[90m${rest}\u001b[0m`}\n`;
}
