/** Random numbers that a seed repeats, for tests and the simulator. */

export interface Random {
  readonly seed: number;
  /** In [0, 1), with 32 random bits. */
  next(): number;
  /** A whole number, `min` and `max` included. */
  between(min: number, max: number): number;
  /** True in this share of the calls. */
  chance(probability: number): boolean;
  /** One of the items, of which there must be one. */
  pick<T>(items: readonly T[]): T;
  /** A new array in random order. */
  shuffle<T>(items: readonly T[]): T[];
  /** A generator of its own, which takes nothing from this one's later numbers but one. */
  fork(): Random;
}

/**
 * sfc32 (Chris Doty-Humphrey's Small Fast Counter, 32-bit variant, as in PractRand), with its state filled from the seed
 * and run twelve rounds so that neighbouring seeds part ways.
 */
export function seededRandom(seed: number): Random {
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;
  const bits = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round += 1) bits();
  const next = (): number => bits() / 2 ** 32;
  const between = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    seed,
    next,
    between,
    chance: (probability) => next() < probability,
    pick: <T>(items: readonly T[]): T => {
      const item = items[between(0, items.length - 1)];
      if (items.length === 0) throw new Error('nothing to pick from');
      return item as T;
    },
    shuffle: <T>(items: readonly T[]): T[] => {
      const shuffled = [...items];
      for (let last = shuffled.length - 1; last > 0; last -= 1) {
        const other = between(0, last);
        const held = shuffled[last] as T;
        shuffled[last] = shuffled[other] as T;
        shuffled[other] = held;
      }
      return shuffled;
    },
    fork: () => seededRandom(bits()),
  };
}
