/** The leader compares the members' models on a schedule, and raises an alarm that names those that differ. */
import { type ModelComparison, minorityOf } from '../../messaging/model-comparison.js';
import type { Clock } from '../cluster/clock.js';
import type { Alarms } from './alarms.js';
import type { EventPublisher } from './events.js';
import type { Log } from './log.js';

export interface ModelWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly alarms: Alarms;
  readonly events: EventPublisher;
  readonly everyMs: number;
  readonly members: () => readonly string[];
  readonly compare: (members: readonly string[]) => Promise<ModelComparison>;
}

export const compareEveryMsDefault = 600_000;
/** A new leader compares soon: the alarms of the one before it are gone with its leadership. */
const firstAfterMaxMs = 30_000;
const alarmKey = 'model-differs';

export class ModelWatch {
  readonly #options: ModelWatchOptions;
  #cancel: (() => void) | undefined;
  #comparing = false;

  constructor(options: ModelWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.stop();
    this.#next(Math.min(firstAfterMaxMs, this.#options.everyMs));
  }

  /** Does not wait for the schedule, which goes on from here; where nothing is watched, nothing happens. */
  compareNow(): void {
    if (this.#cancel === undefined || this.#comparing) return;
    this.#cancel();
    this.#next(0);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#options.alarms.clear(alarmKey);
  }

  #next(delayMs: number): void {
    const cancel = this.#options.clock.after(delayMs, () => {
      const members = this.#options.members();
      this.#comparing = true;
      const compared = members.length < 2 ? Promise.resolve() : this.#compare(members, cancel);
      // What was stopped meanwhile, or started anew, is not gone on with.
      void compared.finally(() => {
        this.#comparing = false;
        if (this.#cancel === cancel) this.#next(this.#options.everyMs);
      });
    });
    this.#cancel = cancel;
  }

  async #compare(members: readonly string[], cancel: () => void): Promise<void> {
    const { compare, log } = this.#options;
    try {
      const comparison = await compare(members);
      if (this.#cancel === cancel) this.#judge(comparison);
    } catch (error) {
      log.warn('models-not-compared', 'the models of the members could not be compared', {
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #judge(comparison: ModelComparison): void {
    const { alarms, events, log } = this.#options;
    const { position, groups } = comparison;
    // Nothing was compared: what was known before still counts.
    if (position === null) return;
    if (groups.length < 2) {
      alarms.clear(alarmKey);
      return log.debug('the models agree', { index: position.index, members: groups[0]?.nodes });
    }
    const { agreeing, differing } = minorityOf(comparison);
    const message =
      agreeing.length === 0
        ? `${differing.join(' and ')} hold different models, and no majority says which is right`
        : `the model of ${differing.join(' and ')} differs from that of ${agreeing.join(' and ')}`;
    const isNews = !alarms.list().some((alarm) => alarm.code === alarmKey && alarm.message === message);
    alarms.raise(alarmKey, {
      code: alarmKey,
      severity: 'error',
      message,
      remedy:
        agreeing.length === 0
          ? 'Find out which is right: ask each with `quorate model list KIND`; then remove the other.'
          : `Start a blank controller under a new id, NEW, and let it take that place: \`quorate members replace ${differing[0]} NEW\`.`,
    });
    if (!isNews) return;
    log.error('models-differ', 'members hold different models', { found: message, index: position.index });
    events.cluster('model.differs', { position, message, peers: differing.map((id) => ({ id })) });
  }
}
