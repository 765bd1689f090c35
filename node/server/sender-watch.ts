/**
 * Messages whose content names another sender than their subject. Where NATS binds names to subjects that cannot happen, so
 * it is more than noise: somebody speaks in another's name, or two use one name.
 */
import type { Clock } from '../cluster/clock.js';
import type { Alarms } from './alarms.js';
import type { Log } from './log.js';

export interface SenderWatchOptions {
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly log: Log;
}

/** The alarm stays so long after the last one. */
const alarmMs = 10 * 60_000;
const code = 'sender-mismatch';

export class SenderWatch {
  readonly #options: SenderWatchOptions;
  #stopTimer: (() => void) | undefined;
  rejected = 0;

  constructor(options: SenderWatchOptions) {
    this.#options = options;
  }

  /** `claimed`: who the content says has sent it; `bound`: who the subject says has. */
  mismatch(what: string, claimed: string, bound: string): void {
    const { clock, alarms, log } = this.#options;
    this.rejected += 1;
    const [inContent, onSubject] = [shown(claimed), shown(bound)];
    log.warn(code, 'a message names another sender than its subject; it was dropped', {
      ...{ what, claimed: inContent, bound: onSubject },
    });
    alarms.raise(code, {
      code,
      severity: 'warning',
      message: `${what} in the name of ${inContent} came from ${onSubject}, and was dropped`,
      remedy: 'See who uses that name; keys and permissions keep it from happening: `quorate auth init`.',
    });
    this.#stopTimer?.();
    this.#stopTimer = clock.after(alarmMs, () => alarms.clear(code));
  }

  stop(): void {
    this.#stopTimer?.();
  }
}

const shownMax = 64;

function shown(name: string): string {
  return name.slice(0, shownMax);
}
