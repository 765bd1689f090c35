/**
 * Judges a history of operations: could they have happened one at a time, each at some moment between its call and its
 * return? The search is Wing and Gong's (1993), with Lowe's memoisation (2017): a pair of *which operations are placed* and
 * *what state they lead to* is never explored twice. The history is partitioned by key first, which is sound because
 * linearizability is local (Herlihy and Wing 1990).
 *
 * An operation whose outcome was never learnt may have happened at any time after its call, or not at all: it need not be
 * placed, and whatever it would have answered is possible.
 *
 * The search is bounded; beyond the bound the verdict is `inconclusive`, which is neither yes nor no.
 */

export interface Operation<Input, Output> {
  readonly key: string;
  /** Whose it was: for people who read the report. */
  readonly client: string;
  readonly input: Input;
  /** Undefined where it was never learnt. */
  readonly output: Output | undefined;
  /** By one clock for all. At the same moment, calls count as earlier than returns: the weaker assumption. */
  readonly calledAt: number;
  /** Undefined where `output` is. */
  readonly returnedAt: number | undefined;
  /**
   * Operations of unknown outcome with the same text here do the same, as far as anybody can tell. Of those the one that was
   * called first is placed first: whatever a later one could be placed for, an earlier one can, so nothing is missed.
   */
  readonly likeOthers?: string;
}

/** What one key does when operations come one at a time. */
export interface SequentialModel<State, Input, Output> {
  readonly initial: State;
  /** What follows, the very same object where nothing changes; `impossible` where this output cannot be. */
  step(state: State, input: Input, output: Output | undefined): State | typeof impossible;
  /** Equal for equal states only. */
  stateKey(state: State): string;
}

export const impossible = Symbol('impossible');

export type Verdict<Input, Output> =
  | { readonly verdict: 'linearizable' }
  | { readonly verdict: 'inconclusive'; readonly key: string; readonly steps: number }
  | {
      readonly verdict: 'not-linearizable';
      readonly key: string;
      /** The longest order that was found, and the operations that fit nowhere after it. */
      readonly placed: readonly Operation<Input, Output>[];
      readonly stuck: readonly Operation<Input, Output>[];
    };

/** Steps of the search for one key. A history without faults needs about one for each operation. */
export const searchStepsMax = 2_000_000;

export function checkLinearizable<State, Input, Output>(
  operations: readonly Operation<Input, Output>[],
  model: SequentialModel<State, Input, Output>,
  stepsMax = searchStepsMax,
): Verdict<Input, Output> {
  const byKey = new Map<string, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const sameKey = byKey.get(operation.key);
    if (sameKey === undefined) byKey.set(operation.key, [operation]);
    else sameKey.push(operation);
  }
  let inconclusive: Verdict<Input, Output> | undefined;
  for (const [key, sameKey] of byKey) {
    const verdict = new Search(key, sameKey, model, stepsMax).run();
    if (verdict.verdict === 'not-linearizable') return verdict;
    if (verdict.verdict === 'inconclusive') inconclusive ??= verdict;
  }
  return inconclusive ?? { verdict: 'linearizable' };
}

/** A call or a return, in a doubly linked list from which placed operations are lifted out. */
interface Moment {
  readonly operation: number;
  readonly isCall: boolean;
  previous: Moment | undefined;
  next: Moment | undefined;
  /** Of a call: its return, absent where that was never learnt. */
  returns: Moment | undefined;
}

/**
 * At each place operations are tried in this order:
 * - `settled`: it returned and changes nothing (a read, a refusal). Whatever can follow without it can follow with it, so it
 *   is placed as soon as it fits, and where nothing can follow, nothing else is tried in its place.
 * - `changing`: it returned.
 * - `unknown`: it did not. Most of these are needed by nobody, and to try them first would be to try their subsets.
 */
type Kind = 'settled' | 'changing' | 'unknown';

interface Placed<State> {
  readonly call: Moment;
  readonly before: State;
  readonly kind: Kind;
}

class Search<State, Input, Output> {
  readonly #key: string;
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #model: SequentialModel<State, Input, Output>;
  readonly #stepsMax: number;
  readonly #head: Moment;
  readonly #seen = new Set<string>();
  /** One bit for each operation that is placed. */
  readonly #bits: Uint32Array;
  readonly #stack: Placed<State>[] = [];
  /** Of an operation that is like others: the one of them that was called before it. */
  readonly #earlierAlike: readonly (number | undefined)[];
  #unplaced: number;
  #longest: readonly number[] = [];

  constructor(
    key: string,
    operations: readonly Operation<Input, Output>[],
    model: SequentialModel<State, Input, Output>,
    stepsMax: number,
  ) {
    this.#key = key;
    this.#operations = operations;
    this.#model = model;
    this.#stepsMax = stepsMax;
    this.#head = momentsOf(operations);
    this.#bits = new Uint32Array(Math.ceil(operations.length / 32));
    this.#earlierAlike = earlierAlike(operations);
    this.#unplaced = operations.filter((each) => each.returnedAt !== undefined).length;
  }

  run(): Verdict<Input, Output> {
    let state = this.#model.initial;
    let moment = this.#head.next;
    let kind: Kind = 'settled';
    for (let steps = 0; this.#unplaced > 0; steps += 1) {
      if (steps > this.#stepsMax) return { verdict: 'inconclusive', key: this.#key, steps };
      if (moment?.isCall) {
        const after = this.#place(moment, state, kind);
        if (after === impossible) moment = moment.next;
        else {
          state = after;
          moment = this.#head.next;
          kind = 'settled';
        }
        continue;
      }
      // A return whose call is not placed (or the end): nothing after it may come first.
      if (kind !== 'unknown') {
        kind = kind === 'settled' ? 'changing' : 'unknown';
        moment = this.#head.next;
        continue;
      }
      // So what was placed last is wrong.
      if (this.#stack.length > this.#longest.length) this.#longest = this.#stack.map(({ call }) => call.operation);
      const last = this.#takeBack();
      if (last === undefined) return this.#refuted();
      state = last.before;
      moment = last.call.next;
      kind = last.kind;
    }
    return { verdict: 'linearizable' };
  }

  /** The last place at which something else can be tried; undefined when there is none. */
  #takeBack(): Placed<State> | undefined {
    for (let last = this.#stack.pop(); last !== undefined; last = this.#stack.pop()) {
      this.#putBack(last.call);
      if (last.kind !== 'settled') return last;
    }
    return undefined;
  }

  #place(call: Moment, before: State, kind: Kind): State | typeof impossible {
    if ((call.returns === undefined) !== (kind === 'unknown')) return impossible;
    const operation = this.#operations[call.operation];
    if (operation === undefined) return impossible;
    const earlier = this.#earlierAlike[call.operation];
    if (earlier !== undefined && !this.#isPlaced(earlier)) return impossible;
    const after = this.#model.step(before, operation.input, operation.output);
    // What need not be placed and changes nothing is better left where it is.
    if (after === impossible || Object.is(after, before) !== (kind === 'settled')) return impossible;
    this.#flip(call.operation);
    const configuration = `${this.#placedKey()}|${this.#model.stateKey(after)}`;
    if (this.#seen.has(configuration)) {
      this.#flip(call.operation);
      return impossible;
    }
    this.#seen.add(configuration);
    this.#stack.push({ call, before, kind });
    lift(call);
    if (call.returns !== undefined) {
      lift(call.returns);
      this.#unplaced -= 1;
    }
    return after;
  }

  #putBack(call: Moment): void {
    this.#flip(call.operation);
    if (call.returns !== undefined) {
      unlift(call.returns);
      this.#unplaced += 1;
    }
    unlift(call);
  }

  #isPlaced(operation: number): boolean {
    return ((this.#bits[operation >>> 5] ?? 0) & (1 << (operation & 31))) !== 0;
  }

  #flip(operation: number): void {
    this.#bits[operation >>> 5] = (this.#bits[operation >>> 5] ?? 0) ^ (1 << (operation & 31));
  }

  #placedKey(): string {
    const bits = this.#bits;
    return bits.length <= 2 ? `${bits[0]},${bits[1]}` : bits.join();
  }

  #refuted(): Verdict<Input, Output> {
    const placed = new Set(this.#longest);
    const stuck = this.#operations.filter((each, at) => !placed.has(at) && each.returnedAt !== undefined);
    const order = this.#longest.map((at) => this.#operations[at]).filter((each) => each !== undefined);
    return { verdict: 'not-linearizable', key: this.#key, placed: order, stuck };
  }
}

function earlierAlike(operations: readonly Operation<unknown, unknown>[]): readonly (number | undefined)[] {
  const found: (number | undefined)[] = operations.map(() => undefined);
  const last = new Map<string, number>();
  const byCall = [...operations.keys()].sort((a, b) => (operations[a]?.calledAt ?? 0) - (operations[b]?.calledAt ?? 0));
  for (const at of byCall) {
    const operation = operations[at];
    if (operation?.likeOthers === undefined || operation.returnedAt !== undefined) continue;
    found[at] = last.get(operation.likeOthers);
    last.set(operation.likeOthers, at);
  }
  return found;
}

/** The list's head, which stands for no moment. */
function momentsOf(operations: readonly Operation<unknown, unknown>[]): Moment {
  const moments: { readonly at: number; readonly moment: Moment }[] = [];
  for (const [operation, { calledAt, returnedAt }] of operations.entries()) {
    const call: Moment = { operation, isCall: true, previous: undefined, next: undefined, returns: undefined };
    moments.push({ at: calledAt, moment: call });
    if (returnedAt === undefined) continue;
    call.returns = { operation, isCall: false, previous: undefined, next: undefined, returns: undefined };
    moments.push({ at: returnedAt, moment: call.returns });
  }
  moments.sort((a, b) => a.at - b.at || Number(b.moment.isCall) - Number(a.moment.isCall));
  const head: Moment = { operation: -1, isCall: false, previous: undefined, next: undefined, returns: undefined };
  let last = head;
  for (const { moment } of moments) {
    moment.previous = last;
    last.next = moment;
    last = moment;
  }
  return head;
}

function lift(moment: Moment): void {
  if (moment.previous !== undefined) moment.previous.next = moment.next;
  if (moment.next !== undefined) moment.next.previous = moment.previous;
}

function unlift(moment: Moment): void {
  if (moment.previous !== undefined) moment.previous.next = moment;
  if (moment.next !== undefined) moment.next.previous = moment;
}
