/**
 * Work that arrives faster than it can be done waits here, so that a turn of the event loop stays short: what arrived on one
 * connection, thousands of messages in one read, would otherwise be done before votes and heartbeats of another are looked at.
 */
export interface TurnQueueOptions<Item> {
  readonly handle: (item: Item) => void;
  /** What it costs to read one, and to keep it. */
  readonly bytesOf: (item: Item) => number;
  /** Done in one turn of the event loop: so many, or so many bytes; at least one. */
  readonly perTurnMax: number;
  readonly perTurnBytesMax: number;
  /** May wait: so many, and so many bytes. */
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
}

export class TurnQueue<Item> {
  readonly #options: TurnQueueOptions<Item>;
  #waiting: Item[] = [];
  /** The first of those that wait: taking from the front of an array would move all others. */
  #next = 0;
  #waitingBytes = 0;
  #doneInTurn = 0;
  #bytesInTurn = 0;
  #turn: NodeJS.Immediate | undefined;

  constructor(options: TurnQueueOptions<Item>) {
    this.#options = options;
  }

  get depth(): number {
    return this.#waiting.length - this.#next;
  }

  /** False: too much waits, and the item was not taken. */
  push(item: Item): boolean {
    const { bytesOf, waitingMax, waitingBytesMax } = this.#options;
    this.#turn ??= setImmediate(() => this.#onTurn());
    if (this.depth === 0 && this.#hasTime()) {
      this.#do(item);
      return true;
    }
    const bytes = bytesOf(item);
    if (this.depth >= waitingMax || this.#waitingBytes + bytes > waitingBytesMax) return false;
    this.#waiting.push(item);
    this.#waitingBytes += bytes;
    return true;
  }

  #hasTime(): boolean {
    const { perTurnMax, perTurnBytesMax } = this.#options;
    return this.#doneInTurn < perTurnMax && this.#bytesInTurn < perTurnBytesMax;
  }

  #do(item: Item): void {
    const { handle, bytesOf } = this.#options;
    this.#doneInTurn += 1;
    this.#bytesInTurn += bytesOf(item);
    handle(item);
  }

  #onTurn(): void {
    this.#turn = undefined;
    this.#doneInTurn = 0;
    this.#bytesInTurn = 0;
    while (this.depth > 0 && this.#hasTime()) {
      const item = this.#waiting[this.#next];
      this.#next += 1;
      if (item === undefined) continue;
      this.#waitingBytes -= this.#options.bytesOf(item);
      this.#do(item);
    }
    if (this.depth > 0) {
      this.#turn ??= setImmediate(() => this.#onTurn());
      return;
    }
    this.#waiting = [];
    this.#next = 0;
  }
}
