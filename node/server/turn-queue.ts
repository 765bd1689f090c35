/**
 * Work that arrives faster than it can be done waits here, so that a turn of the event loop stays short: what arrived on one
 * connection, thousands of messages in one read, would otherwise be done before ticks, votes and heartbeats are looked at. Who
 * waits is served in turns, one item of each sender after the other: what one of them has asked for too much, only it waits for.
 */
export interface TurnQueueOptions<Item> {
  /** Answers whether the item is done; what is not is handed over again, before anything else of its sender. */
  readonly handle: (item: Item) => boolean;
  readonly senderOf: (item: Item) => string;
  /** What it costs to read one, and to keep it. */
  readonly bytesOf: (item: Item) => number;
  /** Done in one turn of the event loop: so many, so many bytes, or for so long; at least one. */
  readonly perTurnMax: number;
  readonly perTurnBytesMax: number;
  readonly perTurnMsMax: number;
  /** May wait: so many, of one sender so many, and so many bytes. */
  readonly waitingMax: number;
  readonly waitingOfSenderMax: number;
  readonly waitingBytesMax: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

/** Items that are done are let go so many at a time. */
const doneKeptMax = 1_024;

/** What one sender waits for. */
interface Line<Item> {
  readonly items: Item[];
  /** The first of those that wait: taking from the front of an array would move all others. */
  next: number;
}

export class TurnQueue<Item> {
  readonly #options: TurnQueueOptions<Item>;
  /** By sender; whose turn is next stands first. */
  readonly #lines = new Map<string, Line<Item>>();
  #depth = 0;
  #waitingBytes = 0;
  #inTurn = { items: 0, bytes: 0, ms: 0 };
  #turn: NodeJS.Immediate | undefined;

  constructor(options: TurnQueueOptions<Item>) {
    this.#options = options;
  }

  get depth(): number {
    return this.#depth;
  }

  /** False: too much waits, and the item was not taken. */
  push(item: Item): boolean {
    this.#turn ??= setImmediate(() => this.#onTurn());
    if (this.#depth === 0 && this.#hasTime() && this.#do(item)) return true;
    const { bytesOf, senderOf, waitingMax, waitingOfSenderMax, waitingBytesMax } = this.#options;
    const [bytes, sender] = [bytesOf(item), senderOf(item)];
    const line = this.#lines.get(sender) ?? { items: [], next: 0 };
    const isFull = this.#depth >= waitingMax || this.#waitingBytes + bytes > waitingBytesMax;
    if (isFull || line.items.length - line.next >= waitingOfSenderMax) return false;
    this.#lines.set(sender, line);
    line.items.push(item);
    this.#depth += 1;
    this.#waitingBytes += bytes;
    return true;
  }

  /** Forgets all that waits, and returns it. */
  clear(): readonly Item[] {
    const waiting = [...this.#lines.values()].flatMap(({ items, next }) => items.slice(next));
    this.#lines.clear();
    this.#depth = 0;
    this.#waitingBytes = 0;
    return waiting;
  }

  #hasTime(): boolean {
    const { perTurnMax, perTurnBytesMax, perTurnMsMax } = this.#options;
    const { items, bytes, ms } = this.#inTurn;
    return items < perTurnMax && bytes < perTurnBytesMax && ms < perTurnMsMax;
  }

  #do(item: Item): boolean {
    const { handle, bytesOf, now } = this.#options;
    const beganAt = now();
    const isDone = handle(item);
    this.#inTurn.items += 1;
    this.#inTurn.bytes += bytesOf(item);
    this.#inTurn.ms += now() - beganAt;
    return isDone;
  }

  #onTurn(): void {
    this.#turn = undefined;
    this.#inTurn = { items: 0, bytes: 0, ms: 0 };
    while (this.#depth > 0 && this.#hasTime()) this.#doNext();
    if (this.#depth > 0) this.#turn ??= setImmediate(() => this.#onTurn());
  }

  #doNext(): void {
    const [first] = this.#lines;
    if (first === undefined) return;
    const [sender, line] = first;
    const item = line.items[line.next];
    const isDone = item === undefined || this.#do(item);
    // Whoever did it may have cleared the queue.
    if (this.#lines.get(sender) !== line) return;
    this.#lines.delete(sender);
    if (isDone && item !== undefined) {
      line.next += 1;
      this.#depth -= 1;
      this.#waitingBytes -= this.#options.bytesOf(item);
    }
    // Who always waits for something would keep all that it ever waited for.
    if (line.next >= doneKeptMax) {
      line.items.splice(0, line.next);
      line.next = 0;
    }
    if (line.next < line.items.length) this.#lines.set(sender, line);
  }
}
