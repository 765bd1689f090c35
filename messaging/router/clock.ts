/** Time and chance, handed in so that tests own them. */
export interface RouterClock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** From 0 to below 1. */
  random(): number;
  /** Runs `work` once after `delayMs`; returns how to prevent it. */
  after(delayMs: number, work: () => void): () => void;
  /** Milliseconds since 1970. */
  wallMs(): number;
}

export const realClock: RouterClock = {
  now: () => performance.now(),
  random: () => Math.random(),
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
  wallMs: () => Date.now(),
};
