/** Two ways to narrow: `/` keeps what contains each word (`!` inverts), `:` ranks what fuzzily matches. */

/** `a b`: holds both; `!a`: does not hold it; `!` in front of any word inverts that word. Case is ignored. */
export function matcher(filter: string): ((text: string) => boolean) | null {
  const words = filter
    .toLowerCase()
    .split(/\s+/u)
    .filter((word) => word !== '' && word !== '!');
  if (words.length === 0) return null;
  const tests = words.map((word) =>
    word.startsWith('!') ? { not: true, part: word.slice(1) } : { not: false, part: word },
  );
  return (text) => {
    const lower = text.toLowerCase();
    return tests.every((test) => lower.includes(test.part) !== test.not);
  };
}

/**
 * How well `query` matches `text`: its letters in order, each at the beginning of a word or right after the one before
 * (`trn2` finds `transfer n2`). Higher is better, null where it does not match.
 */
export function fuzzyScore(query: string, text: string): number | null {
  const wanted = [...query.toLowerCase().replace(/\s+/gu, '')];
  const lower = text.toLowerCase();
  // The best score of the letters so far, by where the last of them stands.
  let best = new Map<number, number>([[-1, 0]]);
  for (const letter of wanted) {
    const next = new Map<number, number>();
    for (let at = lower.indexOf(letter); at !== -1; at = lower.indexOf(letter, at + 1)) {
      const startsWord = at === 0 || /[^\p{L}\p{N}]/u.test(lower[at - 1] ?? '');
      for (const [before, score] of best) {
        const follows = before >= 0 && before === at - 1;
        if (before >= at || (!startsWord && !follows)) continue;
        const gained = score + (follows ? 3 : 2) - at / 1_000;
        if (gained > (next.get(at) ?? Number.NEGATIVE_INFINITY)) next.set(at, gained);
      }
    }
    if (next.size === 0) return null;
    best = next;
  }
  return Math.max(...best.values()) - lower.length / 10_000;
}

/** Those of `items` that match, best first; all of them, in their order, where nothing is asked for. */
export function rank<Item>(query: string, items: readonly Item[], textOf: (item: Item) => string): readonly Item[] {
  if (query.trim() === '') return items;
  return items
    .map((item, order) => ({ item, order, score: fuzzyScore(query, textOf(item)) }))
    .filter((each): each is typeof each & { score: number } => each.score !== null)
    .sort((a, b) => b.score - a.score || a.order - b.order)
    .map((each) => each.item);
}
