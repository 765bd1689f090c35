/** The level of the log while the controller runs: set by request, for a time where that is wanted, or switched by a signal. */
import type { Clock } from '../cluster/clock.js';
import type { Log, LogLevel } from './log.js';

export interface LevelView {
  readonly level: LogLevel;
  /** When it goes back to what it was started with, in milliseconds since 1970; null: it stays. */
  readonly until: number | null;
}

export class LogLevels {
  readonly #log: Log;
  readonly #clock: Clock;
  /** What the controller was started with. */
  readonly #configured: LogLevel;
  #until: number | null = null;
  #cancel: (() => void) | undefined;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#configured = log.level;
  }

  get view(): LevelView {
    return { level: this.#log.level, until: this.#until };
  }

  /** `forMs`: then back to what it was started with. */
  set(level: LogLevel, because: string, forMs?: number): LevelView {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#until = forMs === undefined ? null : this.#clock.now() + forMs;
    if (forMs !== undefined)
      this.#cancel = this.#clock.after(forMs, () => void this.set(this.#configured, 'its time is over'));
    const before = this.#log.level;
    // Said at both levels' mercy: once while the finer of the two is written.
    const fields = { from: before, to: level, because, until: this.#until };
    if (!this.#log.writes('info')) this.#log.setLevel(level);
    this.#log.info('changed the level of the log', fields);
    this.#log.setLevel(level);
    return this.view;
  }

  /** Between `debug` and what it was started with. */
  toggleDebug(because: string): LevelView {
    return this.set(this.#log.level === 'debug' ? this.#configured : 'debug', because);
  }

  stop(): void {
    this.#cancel?.();
  }
}
