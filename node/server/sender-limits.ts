/**
 * How much each sender may ask in a second (a token bucket each), so that one cannot take what belongs to all. Senders are
 * told apart by the token of the subject that NATS permissions bind.
 */
export interface SenderLimitsOptions {
  /** What one sender may send in a second; so much at once, after it was silent. */
  readonly perSecondMax: number;
  /** Senders remembered; who came first is forgotten first, and begins anew. */
  readonly sendersMax: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

interface Bucket {
  left: number;
  atMs: number;
}

/** So that those who are over their limit do not all come back in the next moment. */
const retryAfterMinMs = 50;

export class SenderLimits {
  readonly #options: SenderLimitsOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: SenderLimitsOptions) {
    this.#options = options;
  }

  /** Answers 0 and counts it, or after how many milliseconds `sender` may come again. */
  take(sender: string): number {
    const { perSecondMax, now } = this.#options;
    const atMs = now();
    const bucket = this.#buckets.get(sender) ?? this.#remember(sender, { left: perSecondMax, atMs });
    bucket.left = Math.min(perSecondMax, bucket.left + ((atMs - bucket.atMs) / 1000) * perSecondMax);
    bucket.atMs = atMs;
    if (bucket.left >= 1) {
      bucket.left -= 1;
      return 0;
    }
    return Math.max(retryAfterMinMs, Math.ceil(((1 - bucket.left) / perSecondMax) * 1000));
  }

  get senders(): number {
    return this.#buckets.size;
  }

  #remember(sender: string, bucket: Bucket): Bucket {
    if (this.#buckets.size >= this.#options.sendersMax) this.#buckets.delete(this.#buckets.keys().next().value ?? '');
    this.#buckets.set(sender, bucket);
    return bucket;
  }
}
