/** Virtual time: what is to happen, in the order of its moment; at the same moment, in the order in which it was asked for. */

export interface Scheduled {
  readonly at: number;
  readonly order: number;
  /** Undefined once it is cancelled. */
  run: (() => void) | undefined;
}

export class EventQueue {
  /** Milliseconds since the world began. */
  now = 0;
  readonly #heap: Scheduled[] = [];
  #order = 0;

  schedule(delayMs: number, run: () => void): Scheduled {
    this.#order += 1;
    const scheduled = { at: this.now + Math.max(0, delayMs), order: this.#order, run };
    this.#push(scheduled);
    return scheduled;
  }

  /** The moment of what comes next; Infinity when nothing does. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Moves time to what comes next, and gives it. */
  take(): (() => void) | undefined {
    const first = this.#pop();
    if (first === undefined) return undefined;
    this.now = first.at;
    return first.run;
  }

  #push(scheduled: Scheduled): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(scheduled);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Scheduled;
      if (isBefore(parent, scheduled)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = scheduled;
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= heap.length) break;
      const right = heap[childAt + 1];
      if (right !== undefined && isBefore(right, heap[childAt] as Scheduled)) childAt += 1;
      const child = heap[childAt] as Scheduled;
      if (isBefore(last, child)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
