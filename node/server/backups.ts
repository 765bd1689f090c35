/**
 * Scheduled backups: a snapshot every so often, to a folder that may be mounted or synchronised from elsewhere. One appears
 * under its name only when it is whole (`write-snapshot.ts`), and counts only after it was read back and verified; only then
 * are older ones deleted, and only those that this schedule has written. What came of the last one is in the status; that one
 * failed, or is overdue, is an alarm.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { formatPosition, type Position } from '../../messaging/position.js';
import type { BackupStatus } from '../../messaging/schemas/status.js';
import type { Clock } from '../cluster/clock.js';
import {
  listSnapshots,
  manifestOf,
  type SnapshotFile,
  type SnapshotManifest,
  type SnapshotOrigin,
} from '../storage/index.js';
import type { Alarms } from './alarms.js';
import type { Log } from './log.js';

export interface BackupSchedule {
  readonly directory: string;
  readonly everyMs: number;
  /** So many are kept; at least 1. */
  readonly keep: number;
}

export interface BackupOptions {
  readonly schedule: BackupSchedule;
  readonly cluster: string;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly alarms: Alarms;
  /** Where the model stands; null while there is none: then there is nothing to back up. */
  readonly position: () => Position | null;
  readonly create: (path: string, origin: SnapshotOrigin) => Promise<SnapshotFile>;
  /** Reads the file whole. */
  readonly verify: (path: string) => Promise<SnapshotFile>;
  readonly onChange: () => void;
}

/** A controller that has just started has other things to do first. */
const firstAfterMs = 2_000;
/** After a failure it is tried again sooner than in a whole interval, but not all the time. */
const retryMinMs = 1_000;
const retryMaxMs = 300_000;
/** How often it looks whether one is overdue. */
const lookEveryMs = 1_000;
/** One that is late by a whole interval, and by at least this, is overdue. */
const graceMs = 10_000;

const failedKey = 'backup-failed';
const overdueKey = 'backup-overdue';

export class ScheduledBackups {
  readonly #options: BackupOptions;
  #last: BackupStatus['last'] = null;
  #failure: BackupStatus['failure'] = null;
  #nextAt: number;
  #cancel: (() => void) | undefined;
  #stopLooking: (() => void) | undefined;
  /** Since when one could have been made: its monotonic time. */
  #waitingSinceMs: number;
  #isRunning = false;

  constructor(options: BackupOptions) {
    this.#options = options;
    this.#nextAt = options.clock.now() + firstAfterMs;
    this.#waitingSinceMs = options.clock.monotonicMs();
  }

  /** Goes on where the last life of this controller stopped, which it learns from the files. */
  async start(): Promise<void> {
    const { clock, log } = this.#options;
    this.#stopLooking = clock.every(lookEveryMs, () => this.#look());
    try {
      await this.#findLast();
    } catch (error) {
      log.warn('backups-unreadable', 'the folder for backups cannot be read', { error: toQuorateError(error).message });
    }
    if (this.#stopLooking === undefined) return;
    const { everyMs } = this.#options.schedule;
    const age = this.#last === null ? everyMs : clock.now() - this.#last.at;
    // A clock that was set back must not put the next one off for ever.
    this.#schedule(Math.max(Math.min(firstAfterMs, everyMs), age < 0 ? 0 : everyMs - age));
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#stopLooking?.();
    this.#stopLooking = undefined;
  }

  status(): BackupStatus {
    const { directory, everyMs, keep } = this.#options.schedule;
    return { directory, everyMs, keep, last: this.#last, failure: this.#failure, nextAt: this.#nextAt };
  }

  async #findLast(): Promise<void> {
    const own = (await listSnapshots(this.#options.schedule.directory)).filter(
      ({ name, manifest }) => this.#isOwn(name) && this.#hasWritten(manifest),
    );
    const [newest] = own;
    if (newest?.manifest == null) return;
    const { createdAt, meta } = newest.manifest;
    this.#last = { at: createdAt, path: newest.path, sizeBytes: newest.sizeBytes, position: meta.position };
    this.#options.onChange();
  }

  #schedule(delayMs: number): void {
    const { clock } = this.#options;
    this.#cancel?.();
    this.#nextAt = clock.now() + delayMs;
    this.#cancel = clock.after(delayMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    const { schedule, position, onChange } = this.#options;
    if (position() === null) return this.#schedule(Math.min(schedule.everyMs, retryMaxMs));
    this.#isRunning = true;
    const done = await this.#backUp();
    this.#isRunning = false;
    if (this.#stopLooking === undefined) return;
    const retryMs = Math.min(schedule.everyMs, retryMaxMs, Math.max(retryMinMs, schedule.everyMs / 10));
    this.#schedule(done ? schedule.everyMs : retryMs);
    this.#look();
    onChange();
  }

  async #backUp(): Promise<boolean> {
    const { schedule, create, verify, clock, log, alarms, nodeId } = this.#options;
    const at = clock.now();
    try {
      mkdirSync(schedule.directory, { recursive: true });
      this.#removeUnfinished();
      const written = await create(join(schedule.directory, this.#nameAt(at)), 'scheduled');
      const read = await verify(written.path);
      if (read.sha256 !== written.sha256)
        throw new QuorateError('snapshot-invalid', `${written.path} was read back as something else than was written.`);
      const older = await this.#ownBefore(written.path);
      const { position } = written.manifest.meta;
      this.#last = { at, path: written.path, sizeBytes: written.sizeBytes, position };
      this.#failure = null;
      this.#waitingSinceMs = clock.monotonicMs();
      alarms.clear(failedKey);
      log.info('wrote a backup', { path: written.path, index: position.index, sizeBytes: written.sizeBytes });
      this.#prune(older);
      return true;
    } catch (error) {
      const { code, message } = toQuorateError(error);
      this.#failure = { at, code, message };
      log.error('backup-failed', 'a scheduled backup failed', { error: message });
      alarms.raise(failedKey, {
        code: failedKey,
        severity: 'error',
        message: `the scheduled backup on ${nodeId} failed: ${message}`,
        remedy: `See that ${schedule.directory} is there, can be written, and has room; it is tried again by itself. \`quorate snapshot create --node ${nodeId}\` makes one elsewhere.`,
      });
      return false;
    }
  }

  /** What this schedule has written before, the newest first. */
  async #ownBefore(written: string): Promise<readonly string[]> {
    const { directory } = this.#options.schedule;
    // The names sort by time; that of a clock that was set back must not let the new one count as the oldest.
    const named = readdirSync(directory)
      .filter((name) => this.#isOwn(name) && name !== basename(written))
      .sort((one, other) => (one < other ? 1 : -1));
    const own: string[] = [];
    for (const name of named) {
      if (this.#hasWritten(manifestOf(join(directory, name)).manifest)) own.push(name);
      // Each takes about a millisecond.
      await nextTurn();
    }
    return own;
  }

  #prune(older: readonly string[]): void {
    const { schedule, log } = this.#options;
    for (const name of older.slice(schedule.keep - 1)) {
      rmSync(join(schedule.directory, name), { force: true });
      log.debug('deleted an old backup', { name });
    }
  }

  /** What a life of this controller left that was killed while it wrote. */
  #removeUnfinished(): void {
    const { directory } = this.#options.schedule;
    for (const name of readdirSync(directory)) {
      const finished = /^\.(.+)\.unfinished(-wal|-shm|-journal)?$/.exec(name)?.[1];
      if (finished !== undefined && this.#isOwn(finished)) rmSync(join(directory, name), { force: true });
    }
  }

  #look(): void {
    const { schedule, clock, alarms, nodeId, position } = this.#options;
    if (position() === null) this.#waitingSinceMs = clock.monotonicMs();
    const waitedMs = clock.monotonicMs() - this.#waitingSinceMs;
    if (waitedMs <= schedule.everyMs * 2 + graceMs) return alarms.clear(overdueKey);
    alarms.raise(overdueKey, {
      code: overdueKey,
      severity: 'error',
      message: `the scheduled backup on ${nodeId} is overdue: the last one ${this.#last === null ? 'was never made' : `stands at ${formatPosition(this.#last.position)}, of ${new Date(this.#last.at).toISOString()}`}${this.#isRunning ? '; one is being written' : ''}`,
      remedy: `See why in the log of ${nodeId}, and that ${schedule.directory} can be written fast enough.`,
    });
  }

  /** `CLUSTER-NODE-scheduled-20261121T073053123Z.snapshot`. */
  #nameAt(at: number): string {
    return `${this.#prefix}${new Date(at).toISOString().replace(/[-:.]/g, '')}.snapshot`;
  }

  #isOwn(name: string): boolean {
    return name.startsWith(this.#prefix) && /^\d{8}T\d{9}Z\.snapshot$/.test(name.slice(this.#prefix.length));
  }

  /** A name alone does not tell: `n` of the cluster `a-b` and `b-n` of the cluster `a` have the same, and may share a folder. */
  #hasWritten(manifest: SnapshotManifest | null): boolean {
    const { nodeId, cluster } = this.#options;
    return manifest?.createdBy === nodeId && manifest.clusterName === cluster && manifest.origin === 'scheduled';
  }

  get #prefix(): string {
    return `${this.#options.cluster}-${this.#options.nodeId}-scheduled-`;
  }
}
