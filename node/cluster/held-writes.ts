/**
 * What could not be stored because the disk is full, in one piece, until there is room. The core goes on meanwhile (see
 * `Writable`), so more may come: terms that others begin, answers that may go out only when they are true.
 */
import type { Entry, HardState, Index, Message, Ready, SnapshotMeta } from '../raft/index.js';

/** Answers that wait; the oldest go first, as if the network had lost them. */
const messagesMax = 1_000;

export class HeldWrites {
  #last: Ready;
  #entries: readonly Entry[];
  #hardState: HardState | undefined;
  #snapshot: SnapshotMeta | undefined;
  #messages: readonly Message[];

  constructor(first: Ready) {
    this.#last = first;
    this.#entries = first.entries;
    this.#hardState = first.hardState;
    this.#snapshot = first.snapshot;
    this.#messages = first.messagesAfterPersist;
  }

  /** What the next Ready wants stored comes after, or in place of, what is held. */
  add(ready: Ready): void {
    this.#last = ready;
    const [first] = ready.entries;
    if (first !== undefined) {
      this.#entries = [...this.#entries.filter(({ index }) => index < first.index), ...ready.entries];
      this.#messages = this.#messages.filter((message) => !acknowledges(message, first.index));
    }
    this.#hardState = ready.hardState ?? this.#hardState;
    this.#snapshot = ready.snapshot ?? this.#snapshot;
    this.#messages = [...this.#messages, ...ready.messagesAfterPersist].slice(-messagesMax);
  }

  /** As one Ready: to be stored and acknowledged like any other. What is committed was applied when it was given. */
  ready(): Ready {
    return {
      ...this.#last,
      entries: this.#entries,
      hardState: this.#hardState,
      snapshot: this.#snapshot,
      mustSync: true,
      messages: [],
      messagesAfterPersist: this.#messages,
      committedEntries: [],
      readResults: [],
      proposalResults: [],
      snapshotOffer: undefined,
      leadership: undefined,
      removed: undefined,
    };
  }
}

/** What is replaced before it was stored never gets to the disk: the leader that sent it must not count it. */
function acknowledges(message: Message, index: Index): boolean {
  return message.type === 'appendReply' && !message.rejected && message.index >= index;
}
