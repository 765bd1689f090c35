/**
 * What a controller remembers of a recovery that left its log behind: the timeline that the new log began with. From the
 * moment in which it is told it serves nobody, and a restart begins with that. Where the disk takes nothing, it is written when
 * there is room; a controller that ends before that learns it again.
 */
import type { Timeline } from '../../messaging/position.js';
import type { Clock } from '../cluster/clock.js';
import { isStorageFull } from '../cluster/full-disk.js';
import type { NodeId } from '../raft/index.js';
import type { RaftStore, Storage } from '../storage/index.js';

export interface LeftBehindOptions {
  readonly storage: {
    readonly raft: Pick<RaftStore, 'markRemoved' | 'removedMark'>;
    readonly model: Pick<Storage['model'], 'meta'>;
  };
  readonly clock: Clock;
}

/** A mark that found no room on the disk is written after this long. */
const markAgainMs = 2_000;

export class LeftBehind {
  readonly #options: LeftBehindOptions;
  #by: Timeline | null;

  constructor(options: LeftBehindOptions) {
    this.#options = options;
    this.#by = options.storage.raft.removedMark()?.leftBehindBy ?? null;
  }

  /** Null: its log is the one that counts, as far as is known here. */
  get by(): Timeline | null {
    return this.#by;
  }

  /** `teller` speaks from a log that began with `logTimeline`, which is newer than ours. */
  begin(teller: NodeId, logTimeline: Timeline): void {
    this.#by = logTimeline;
    this.#mark(teller, logTimeline);
  }

  #mark(by: NodeId, leftBehindBy: Timeline): void {
    const { storage, clock } = this.#options;
    try {
      storage.raft.markRemoved({ by, index: storage.model.meta()?.position.index ?? 0, leftBehindBy });
    } catch (error) {
      if (!isStorageFull(error)) throw error;
      clock.after(markAgainMs, () => this.#mark(by, leftBehindBy));
    }
  }
}
