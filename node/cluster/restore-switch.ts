/**
 * The moment of a restore on one member: between the entry before it and the entry after it, the model becomes another one. It
 * does not fit into a turn, so the turns go on (heartbeats, votes, storing what comes) while nothing is applied. What makes it
 * safe: the model stands just before the entry until storage has exchanged it whole, so whatever happens, the entry is found in the log again.
 *
 * A member that has staged the file makes the new model from it. One that has not (it was away) takes a snapshot of a member
 * that has gone past the entry; its log may well reach further than that snapshot, and stays as it is.
 */
import { QuorateError } from '../../messaging/errors.js';
import { type ModelMeta, metaAfterRestore, type RestoreCommand } from '../model/index.js';
import type { Entry, Index, NodeId } from '../raft/index.js';
import type { StagedSnapshot, Storage } from '../storage/index.js';
import type { Clock } from './clock.js';
import type { SnapshotFetcher } from './snapshot-transfer.js';

/** `restored`: made from the file; the model stands at the entry. `adopted`: taken from another member, at `index`. */
export interface SwitchOutcome {
  readonly type: 'restored' | 'adopted';
  readonly index: Index;
  readonly entry: Entry;
  readonly command: RestoreCommand;
}

export interface SwitchHooks {
  readonly storage: Storage;
  readonly snapshots: SnapshotFetcher;
  readonly clock: Clock;
  /** Whom to ask for a snapshot, the most promising first. */
  others(): readonly NodeId[];
  /** The core takes it as any snapshot: true where its log does not reach so far; then it comes back as a Ready's snapshot. */
  offer(staged: StagedSnapshot): boolean;
  /** The log takes nothing more: what storage knows to be committed may lag behind what was applied. */
  isLogFull(): boolean;
  /** The last entry that is committed and stored here. */
  committed(): Index;
  /** `isLast`: nothing else takes the place of the model; what came meanwhile may be applied. */
  done(outcome: SwitchOutcome, isLast: boolean): void;
  /** This member cannot go on: its disk is full, or its file is damaged. */
  failed(error: unknown): void;
}

/** Between two rounds of asking the others. */
const askAgainMs = 500;
const pollMs = 20;

interface Running {
  readonly entry: Entry;
  readonly command: RestoreCommand;
  readonly meta: ModelMeta;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export class RestoreSwitch {
  readonly #hooks: SwitchHooks;
  #running: Running | undefined;

  constructor(hooks: SwitchHooks) {
    this.#hooks = hooks;
  }

  /** Where the model stands while it is exchanged: nothing behind that is applied. */
  get standsAt(): Index | undefined {
    return this.#running === undefined ? undefined : this.#running.entry.index - 1;
  }

  /** `before`: of the model as it stands just before the entry. */
  begin(entry: Entry, command: RestoreCommand, before: ModelMeta): void {
    const abort = new AbortController();
    const meta = metaAfterRestore(before, entry, command);
    const work = { entry, command, meta, abort };
    const ended = this.#exchange(work).then(
      (outcome) => this.#end(abort, outcome),
      (error: unknown) => {
        if (!abort.signal.aborted) this.#hooks.failed(haltedBy(error));
      },
    );
    this.#running = { ...work, ended };
  }

  /** A snapshot takes the place of what is being exchanged. Resolves when storage is left alone. */
  async abandon(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.abort.abort();
    this.#hooks.snapshots.cancel();
    await running.ended;
    this.#running = undefined;
  }

  stop(): void {
    this.#running?.abort.abort();
  }

  #end(abort: AbortController, outcome: SwitchOutcome | undefined): void {
    if (outcome === undefined) return;
    this.#running = undefined;
    this.#hooks.done(outcome, !abort.signal.aborted);
  }

  async #exchange(work: Omit<Running, 'ended'>): Promise<SwitchOutcome | undefined> {
    const { storage } = this.#hooks;
    const { entry, command, meta, abort } = work;
    while (!abort.signal.aborted) {
      if (this.#hooks.isLogFull()) {
        await this.#sleep(askAgainMs, abort.signal);
        continue;
      }
      if (storage.stagedRestore()?.sha256 === command.sha256) {
        await storage.restoreModel({ sha256: command.sha256, meta });
        return { type: 'restored', index: entry.index, entry, command };
      }
      const index = await this.#adoptFromOthers(entry.index, command.sha256, abort.signal);
      if (index !== undefined) return { type: 'adopted', index, entry, command };
      await this.#sleep(askAgainMs, abort.signal);
    }
    return undefined;
  }

  async #adoptFromOthers(indexMin: Index, sha256: string, signal: AbortSignal): Promise<Index | undefined> {
    const { storage, snapshots, others, offer, committed, isLogFull } = this.#hooks;
    for (const other of others()) {
      const staged = signal.aborted ? undefined : await snapshots.fetchFrom(other, indexMin);
      if (staged === undefined) continue;
      const { index } = staged.snapshot;
      // It was committed there; that it is, the others tell here as well. Or they have dropped that part of their logs, which
      // then this snapshot alone can bridge: the core, which takes none while the disk is full, may take it later.
      while (!signal.aborted) {
        if (offer(staged)) return undefined;
        if (committed() >= index && !isLogFull()) break;
        await this.#sleep(pollMs, signal);
      }
      if (signal.aborted) {
        snapshots.discard();
        return undefined;
      }
      await storage.adoptSnapshot(snapshots.take(index));
      // One of a later restore may lie there already: without it that one would have a holder less.
      if (storage.stagedRestore()?.sha256 === sha256) storage.discardRestore();
      return index;
    }
    return undefined;
  }

  #sleep(durationMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const cancel = this.#hooks.clock.after(durationMs, finish);
      signal.addEventListener('abort', finish);
      if (signal.aborted) finish();
    });
  }
}

/** Why a restore stops this member. The log holds it: the next start goes on with it. */
function haltedBy(error: unknown): unknown {
  if (!(error instanceof QuorateError)) return error;
  const message = `The restore cannot go on here: ${error.message}`;
  switch (error.code) {
    case 'storage-full': {
      const remedy = 'Free space, and start the controller again: it goes on with the restore.';
      return new QuorateError('storage-full', message, { remedy, cause: error });
    }
    case 'snapshot-invalid': {
      const remedy = 'Start the controller again: it takes the restored model from another member.';
      return new QuorateError('snapshot-invalid', message, { remedy, cause: error });
    }
    default:
      return error;
  }
}
