/** What is wrong now, as the status shows it: one alarm for each code and subject, until it is cleared. */
import type { Alarm } from '../../messaging/schemas/status.js';
import type { Clock } from '../cluster/clock.js';

/** More would not be read. */
const alarmsMax = 64;

export class Alarms {
  readonly #alarms = new Map<string, Alarm>();
  readonly #clock: Clock;
  readonly #onChange: () => void;

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  raise(key: string, alarm: Omit<Alarm, 'since'>): void {
    const held = this.#alarms.get(key);
    if (held?.message === alarm.message || (held === undefined && this.#alarms.size >= alarmsMax)) return;
    this.#alarms.set(key, { ...alarm, since: held?.since ?? this.#clock.now() });
    this.#onChange();
  }

  clear(key: string): void {
    if (this.#alarms.delete(key)) this.#onChange();
  }

  list(): readonly Alarm[] {
    return [...this.#alarms.values()];
  }
}
