/** Bounds what is sent in a second, with a second's worth as the largest burst (a token bucket). */
export interface ThrottleOptions {
  readonly perSecondMax: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

export class Throttle {
  readonly #options: ThrottleOptions;
  #left: number;
  #at: number;

  constructor(options: ThrottleOptions) {
    this.#options = options;
    this.#left = options.perSecondMax;
    this.#at = options.now();
  }

  /** Takes `amount` and returns 0; or takes nothing and returns after how many milliseconds it may be asked again. */
  take(amount: number): number {
    const { perSecondMax, now } = this.#options;
    const at = now();
    this.#left = Math.min(perSecondMax, this.#left + ((at - this.#at) / 1000) * perSecondMax);
    this.#at = at;
    // More than a whole second's worth at once passes when the bucket is full: it would never pass otherwise.
    if (amount <= this.#left || this.#left === perSecondMax) {
      this.#left -= amount;
      return 0;
    }
    return ((Math.min(amount, perSecondMax) - this.#left) / perSecondMax) * 1000;
  }
}
