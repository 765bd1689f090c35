/**
 * Work that arrives faster than it can be done waits here, so that a turn of the event loop stays short: what arrived on one
 * connection, thousands of messages in one read, would otherwise be done before votes and heartbeats of another are looked at.
 */
export interface TurnQueueOptions<Item> {
  readonly handle: (item: Item) => void;
  /** Done in one turn of the event loop. */
  readonly perTurnMax: number;
  /** May wait. */
  readonly waitingMax: number;
}

export class TurnQueue<Item> {
  readonly #options: TurnQueueOptions<Item>;
  #waiting: Item[] = [];
  /** The first of those that wait: taking from the front of an array would move all others. */
  #next = 0;
  #doneInTurn = 0;
  #turn: NodeJS.Immediate | undefined;

  constructor(options: TurnQueueOptions<Item>) {
    this.#options = options;
  }

  get depth(): number {
    return this.#waiting.length - this.#next;
  }

  /** False: too much waits, and the item was not taken. */
  push(item: Item): boolean {
    const { handle, perTurnMax, waitingMax } = this.#options;
    if (this.depth === 0 && this.#doneInTurn < perTurnMax) {
      this.#doneInTurn += 1;
      this.#turn ??= setImmediate(() => this.#onTurn());
      handle(item);
      return true;
    }
    if (this.depth >= waitingMax) return false;
    this.#waiting.push(item);
    this.#turn ??= setImmediate(() => this.#onTurn());
    return true;
  }

  #onTurn(): void {
    this.#turn = undefined;
    this.#doneInTurn = 0;
    const { handle, perTurnMax } = this.#options;
    for (; this.#doneInTurn < perTurnMax && this.depth > 0; this.#next += 1) {
      const item = this.#waiting[this.#next];
      this.#doneInTurn += 1;
      if (item !== undefined) handle(item);
    }
    if (this.depth > 0) {
      this.#turn ??= setImmediate(() => this.#onTurn());
      return;
    }
    this.#waiting = [];
    this.#next = 0;
  }
}
