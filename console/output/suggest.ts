/** "Did you mean": the nearest of the words that would have been right. */

/** A mistyped word is at most this many slips away from what was meant, and never more than a third of it. */
const slipsMax = 3;

export function didYouMean(given: string, words: readonly string[]): string | undefined {
  const best = nearest(given, words);
  return best === undefined ? undefined : `Did you mean "${best}"?`;
}

export function nearest(given: string, words: readonly string[]): string | undefined {
  const allowed = Math.min(slipsMax, Math.max(1, Math.floor(given.length / 3)));
  let best: { word: string; slips: number } | undefined;
  for (const word of words) {
    const slips = editDistance(given.toLowerCase(), word.toLowerCase());
    if (slips <= allowed && (best === undefined || slips < best.slips)) best = { word, slips };
  }
  return best?.word;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substitution = (last[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      let cost = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, substitution);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
