/**
 * Counts of what was measured, by size, from the start on: what Prometheus makes rates and quantiles of. Adding one is a few
 * comparisons and no allocation, so that it can stand in the path of every write.
 */

/** Seconds. From a sync of a fast disk to a write that waited for an election. */
export const durationBoundsSeconds: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

export class Histogram {
  /** Upper bounds, inclusive, rising; what is over the last is counted in `count` alone. */
  readonly bounds: readonly number[];
  /** How many were in each bucket, not cumulated. */
  readonly #counts: Float64Array;
  #count = 0;
  #sum = 0;

  constructor(bounds: readonly number[] = durationBoundsSeconds) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length);
  }

  /** `value` in the unit of the bounds. */
  observe(value: number): void {
    this.#count += 1;
    this.#sum += value;
    const { bounds } = this;
    for (let place = 0; place < bounds.length; place += 1) {
      if (value > (bounds[place] ?? 0)) continue;
      this.#counts[place] = (this.#counts[place] ?? 0) + 1;
      return;
    }
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** How many were at most each bound. */
  cumulative(): readonly number[] {
    let total = 0;
    return this.bounds.map((_bound, place) => {
      total += this.#counts[place] ?? 0;
      return total;
    });
  }
}
