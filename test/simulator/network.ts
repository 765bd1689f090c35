/** A network that loses, duplicates, delays and reorders, and whose links can be cut in each direction. */
import type { Message } from '../../node/raft/types.js';
import type { Random } from '../support/random.js';
import { type Coverage, count } from './coverage.js';
import type { EventQueue } from './event-queue.js';
import type { Plan } from './plan.js';

export interface Filter {
  readonly place: number;
  readonly direction: 'from' | 'to';
  readonly message: Message['type'] | 'request' | 'answer';
  /** Absent: they are lost. */
  readonly delayMs?: number;
}

/** Who can be connected; more controllers than a schedule ever has. */
export const placesMax = 16;
const stragglerMs = 250;

export class Network {
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #coverage: Coverage;
  readonly #plan: Plan['network'];
  /** How many faults cut this link; by `from * placesMax + to`. */
  readonly #cuts = new Uint8Array(placesMax * placesMax);
  readonly #loss = new Float64Array(placesMax * placesMax);
  readonly #lastAt = new Float64Array(placesMax * placesMax);
  readonly #filters: Filter[] = [];
  #healed = false;

  constructor(queue: EventQueue, random: Random, plan: Plan['network'], coverage: Coverage) {
    this.#queue = queue;
    this.#random = random;
    this.#plan = plan;
    this.#coverage = coverage;
  }

  carry(from: number, to: number, type: string, deliver: () => void): void {
    const link = from * placesMax + to;
    if (this.#cuts[link] !== 0) return count(this.#coverage, 'fault: message cut off');
    const loss = (this.#healed ? 0 : this.#plan.loss) + (this.#loss[link] ?? 0);
    if (loss > 0 && this.#random.chance(loss)) return count(this.#coverage, 'fault: message lost');
    const filter = this.#filters.length > 0 ? this.#filterOf(from, to, type) : undefined;
    if (filter !== undefined) {
      count(this.#coverage, filter.delayMs === undefined ? 'fault: message filtered' : 'fault: message held back');
      if (filter.delayMs !== undefined) this.#queue.schedule(filter.delayMs, deliver);
      return;
    }
    this.#queue.schedule(this.#delay(link), deliver);
    if (this.#healed || this.#plan.duplication === 0 || !this.#random.chance(this.#plan.duplication)) return;
    count(this.#coverage, 'fault: message duplicated');
    this.#queue.schedule(this.#delay(link), deliver);
  }

  #delay(link: number): number {
    const { delayMs, jitterMs, inOrder, straggling } = this.#plan;
    const delay = delayMs + jitterMs * this.#random.next();
    if (!this.#healed && straggling > 0 && this.#random.chance(straggling)) {
      count(this.#coverage, 'fault: message late');
      return delay + stragglerMs * this.#random.next();
    }
    if (!inOrder) return delay;
    const at = Math.max(this.#lastAt[link] ?? 0, this.#queue.now + delay);
    this.#lastAt[link] = at;
    return at - this.#queue.now;
  }

  #filterOf(from: number, to: number, type: string): Filter | undefined {
    return this.#filters.find(
      (filter) => filter.message === type && filter.place === (filter.direction === 'from' ? from : to),
    );
  }

  /** Cuts one direction; returns how to mend it. */
  cut(from: number, to: number): () => void {
    const link = from * placesMax + to;
    this.#cuts[link] = (this.#cuts[link] ?? 0) + 1;
    return () => {
      if (!this.#healed) this.#cuts[link] = (this.#cuts[link] ?? 1) - 1;
    };
  }

  makeLossy(place: number, loss: number): () => void {
    for (let other = 0; other < placesMax; other += 1) {
      this.#loss[place * placesMax + other] = loss;
      this.#loss[other * placesMax + place] = loss;
    }
    return () => this.#loss.fill(0);
  }

  filter(filter: Filter): () => void {
    this.#filters.push(filter);
    return () => {
      const at = this.#filters.indexOf(filter);
      if (at >= 0) this.#filters.splice(at, 1);
    };
  }

  /** From now on it only delays. */
  heal(): void {
    this.#healed = true;
    this.#cuts.fill(0);
    this.#loss.fill(0);
    this.#filters.length = 0;
  }
}
