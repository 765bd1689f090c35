/** What is wrong now, as the status shows it: one alarm for each code and subject, until it is cleared. */
import type { Alarm } from '../../messaging/schemas/status.js';
import type { Clock } from '../cluster/clock.js';

/** Every code of an alarm: docs/operations.md says of each what it means and what to do. */
export const alarmCodes = [
  'storage-full',
  'log-damaged',
  'damaged',
  'model-differs',
  'timeline-conflict',
  'foreign-cluster',
  'lost-log',
  'unsupported-version',
  'nats-max-payload',
  'unknown-operation',
  'sender-mismatch',
  'backup-failed',
  'backup-overdue',
] as const;
export type AlarmCode = (typeof alarmCodes)[number];
/** One that is raised here; what is heard of others may have codes that are newer. */
type RaisedAlarm = Omit<Alarm, 'since' | 'code'> & { readonly code: AlarmCode };

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

  raise(key: string, alarm: RaisedAlarm): void {
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
