/**
 * What a controller does about damage that is met while it runs. A damaged entry above what is known to be committed is
 * dropped with all after it, and the member begins again from what is left: it asks for what it lost, and gives no vote
 * before it holds that (`LogDebt`). Any other damage takes the controller out of service: it says so, and does nothing else.
 */
import type { QuorateError } from '../../messaging/errors.js';
import { shellWord } from '../../messaging/shell-word.js';
import type { Clock } from '../cluster/clock.js';
import type { Member } from '../cluster/member.js';
import type { RaftStore, Storage } from '../storage/index.js';
import { mayDrop } from '../storage/log-rules.js';
import type { Alarms } from './alarms.js';
import type { EventPublisher } from './events.js';
import type { Log } from './log.js';

export interface DamageOptions {
  readonly nodeId: string;
  readonly dataDirectory: string;
  readonly storage: {
    readonly raft: Pick<RaftStore, 'hardState' | 'lastIndex' | 'dropDamagedFrom' | 'markDamaged'>;
    readonly model: Pick<Storage['model'], 'meta'>;
  };
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly alarms: Alarms;
  readonly events: Pick<EventPublisher, 'cluster'>;
}

const watchDebtEveryMs = 500;
const debtAlarm = 'log-damaged';

export class Damage {
  readonly #options: DamageOptions;
  #stopWatching: (() => void) | undefined;

  constructor(options: DamageOptions) {
    this.#options = options;
  }

  /** Drops the entry that cannot be read, where it may; says whether it did. The member must have stopped. */
  drop(error: QuorateError): boolean {
    const { storage } = this.#options;
    const index = error.details?.['index'];
    const { configuration, position } = storage.model.meta() ?? {};
    if (typeof index !== 'number' || configuration === undefined || position === undefined) return false;
    const { commit } = storage.raft.hardState();
    const { voters } = configuration;
    if (!mayDrop(index, { commit, applied: position.index, voters, self: this.#options.nodeId })) return false;
    storage.raft.dropDamagedFrom(index);
    return true;
  }

  /** A member begins on a log that may owe something: says so until it does not. */
  watchDebt({ core }: Member): void {
    const { nodeId, log, alarms, events, clock } = this.#options;
    this.#stopWatching?.();
    if (!core.isInDebt) return;
    const message = `entries of ${nodeId}'s log were damaged and dropped; it asks for them again, and gives no vote before it has them`;
    const remedy = 'Nothing, if this ends soon. Examine its disk; should it happen again, replace the controller.';
    log.warn('log-damaged', 'entries of the log were damaged and dropped', {
      lastIndex: this.#options.storage.raft.lastIndex(),
    });
    alarms.raise(debtAlarm, { code: 'log-damaged', severity: 'warning', message, remedy });
    events.cluster('log.damaged', { peers: [{ id: nodeId }], message });
    this.#stopWatching = clock.every(watchDebtEveryMs, () => {
      if (core.isInDebt) return;
      this.stop();
      alarms.clear(debtAlarm);
      log.info('the log holds again what was dropped');
    });
  }

  /** For good: also the next start refuses. */
  outOfService({ message: found }: QuorateError): void {
    const { nodeId, storage, log, alarms, events } = this.#options;
    this.stop();
    alarms.clear(debtAlarm);
    const message = `${nodeId} is out of service, because its data is damaged: ${found}`;
    const remedy = this.#remedy();
    log.error('damaged', 'damaged: out of service', { found, remedy });
    alarms.raise('damaged', { code: 'damaged', severity: 'error', message, remedy });
    events.cluster('member.damaged', { peers: [{ id: nodeId }], message });
    try {
      storage.raft.markDamaged(found);
    } catch (error) {
      // The start-up table finds out by itself what it can.
      log.warn('damage-not-marked', 'the mark that it is damaged could not be written', { error: String(error) });
    }
  }

  /** Another member can take its place only where there is another voter. */
  #remedy(): string {
    const { nodeId, dataDirectory } = this.#options;
    const blank = `make it blank with \`quorate reset --data-dir ${shellWord(dataDirectory)}\``;
    return this.#isAlone()
      ? `Nobody else holds its model: stop it; \`quorate doctor --data-dir ${shellWord(dataDirectory)}\` says what of it is whole, and how to go on.`
      : `Replace it: stop it, ${blank}, start it under a new id, then \`quorate members replace ${nodeId} NEW\`.`;
  }

  #isAlone(): boolean {
    try {
      const meta = this.#options.storage.model.meta();
      return meta !== undefined && (meta.position.indexType === 'legacy' || meta.configuration.voters.length === 1);
    } catch {
      return false; // what says so is what is damaged
    }
  }

  stop(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }
}
