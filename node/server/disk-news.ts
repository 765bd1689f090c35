/** Tells of a disk that is full, and of room again: in status, log and events. Each member says so for itself. */
import type { Clock } from '../cluster/clock.js';
import type { Alarms } from './alarms.js';
import type { EventPublisher } from './events.js';
import type { Log } from './log.js';

export interface DiskNewsOptions {
  readonly nodeId: string;
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly alarms: Alarms;
  readonly events: Pick<EventPublisher, 'cluster'>;
}

/** There must have been room for so long: a disk that is nearly full takes a little now and then. */
const calmMs = 3_000;
const alarmKey = 'storage-full';

export class DiskNews {
  readonly #options: DiskNewsOptions;
  #told = false;
  #cancel: (() => void) | undefined;

  constructor(options: DiskNewsOptions) {
    this.#options = options;
  }

  changed(full: boolean): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (!full) this.#cancel = this.#options.clock.after(calmMs, () => this.#free());
    else if (!this.#told) this.#full();
  }

  /** A snapshot that this member needs did not fit: it falls behind until there is room. */
  noRoomForSnapshot(message: string): void {
    this.#cancel?.();
    if (!this.#told) this.#full(message);
    // The next attempt says so again, if it fails.
    this.#cancel = this.#options.clock.after(3 * calmMs, () => this.#free());
  }

  stop(): void {
    this.#cancel?.();
  }

  #full(why?: string): void {
    const { nodeId, dataDirectory, log, alarms, events } = this.#options;
    this.#told = true;
    const message = why ?? `the disk of ${nodeId} is full: it stores nothing more, and serves reads`;
    const remedy = `Free space where ${dataDirectory} is; ${nodeId} goes on by itself.`;
    log.error('storage-full', 'the disk is full', { found: message, remedy });
    alarms.raise(alarmKey, { code: 'storage-full', severity: 'error', message, remedy });
    events.cluster('storage.full', { peers: [{ id: nodeId }], message });
  }

  #free(): void {
    const { nodeId, log, alarms, events } = this.#options;
    if (!this.#told) return;
    this.#told = false;
    log.info('there is room on the disk again');
    alarms.clear(alarmKey);
    events.cluster('storage.free', { peers: [{ id: nodeId }], message: `the disk of ${nodeId} has room again` });
  }
}
