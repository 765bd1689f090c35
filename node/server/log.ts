/**
 * The log: JSON lines, or short coloured lines on a terminal. Each warning has a code of the table in `log-codes.ts`; one
 * that repeats is written once a second. Secrets are taken out of whatever is written.
 */
import { type LogFields, type LogLevel, logLevels, logLine } from '../../messaging/log-line.js';
import type { Clock } from '../cluster/clock.js';
import { type FailureCode, logCode, type WarningCode } from './log-codes.js';

export type { LogLevel } from '../../messaging/log-line.js';

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  /** As info, but at most one line a second of the same message; the next one says how many were left out. */
  infoOften(message: string, fields?: LogFields): void;
  warn(code: WarningCode, message: string, fields?: LogFields): void;
  error(code: FailureCode, message: string, fields?: LogFields): void;
  /** Whether a line of this level is written: for what costs something to gather. */
  writes(level: LogLevel): boolean;
  readonly level: LogLevel;
  setLevel(level: LogLevel): void;
  /** Stands in each line from now on, as it is at that moment. */
  describe(moment: () => LogFields): void;
}

export interface LogOptions {
  readonly clock: Clock;
  readonly level?: LogLevel;
  readonly pretty?: boolean;
  /** Stand in each line, e.g. cluster and node. */
  readonly fields?: LogFields;
  readonly write?: (line: string) => void;
}

const limitedEveryMs = 1_000;
/** Messages that are remembered for limiting. */
const limitedMax = 256;

export function createLog(options: LogOptions): Log {
  return new LineLog(options);
}

class LineLog implements Log {
  readonly #options: LogOptions;
  readonly #limits = new Map<string, { since: number; leftOut: number }>();
  #level: LogLevel;
  #moment: () => LogFields = () => ({});

  constructor(options: LogOptions) {
    this.#options = options;
    this.#level = options.level ?? 'info';
  }

  get level(): LogLevel {
    return this.#level;
  }

  setLevel(level: LogLevel): void {
    this.#level = level;
  }

  writes(level: LogLevel): boolean {
    return logLevels.indexOf(level) >= logLevels.indexOf(this.#level);
  }

  describe(moment: () => LogFields): void {
    this.#moment = moment;
  }

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }

  infoOften(message: string, fields?: LogFields): void {
    this.#limited('info', message, fields);
  }

  warn(code: WarningCode, message: string, fields?: LogFields): void {
    this.#coded(code, message, fields);
  }

  error(code: FailureCode, message: string, fields?: LogFields): void {
    this.#coded(code, message, fields);
  }

  #coded(code: WarningCode | FailureCode, message: string, fields: LogFields = {}): void {
    const { level, repeats = false } = logCode(code);
    if (repeats) this.#limited(level, message, { code, ...fields });
    else this.#write(level, message, { code, ...fields });
  }

  #limited(level: LogLevel, message: string, fields: LogFields = {}): void {
    const now = this.#options.clock.monotonicMs();
    const key = `${level} ${message}`;
    const limit = this.#limits.get(key);
    if (limit !== undefined && now - limit.since < limitedEveryMs) {
      limit.leftOut += 1;
      return;
    }
    if (this.#limits.size >= limitedMax) this.#limits.clear();
    this.#limits.set(key, { since: now, leftOut: 0 });
    const leftOut = limit?.leftOut ?? 0;
    this.#write(level, message, leftOut === 0 ? fields : { ...fields, leftOut });
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!this.writes(level)) return;
    const { clock, fields: by = {}, pretty = false } = this.#options;
    const write = this.#options.write ?? ((line: string) => void process.stderr.write(line));
    write(logLine({ at: clock.now(), level, message, by, fields: { ...this.#moment(), ...fields } }, pretty));
  }
}
