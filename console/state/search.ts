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

/** How well `query` matches `text` as letters in order: higher is better, null where it does not. */
export function fuzzyScore(query: string, text: string): number | null {
  const wanted = query.toLowerCase().replace(/\s+/gu, '');
  const lower = text.toLowerCase();
  let score = 0;
  let from = 0;
  let run = 0;
  for (const letter of wanted) {
    const at = lower.indexOf(letter, from);
    if (at === -1) return null;
    const startsWord = at === 0 || /[\s:/\-_.]/u.test(lower[at - 1] ?? '');
    run = at === from && from > 0 ? run + 1 : 0;
    score += 1 + (startsWord ? 4 : 0) + run * 3 - Math.min(3, (at - from) / 8);
    from = at + 1;
  }
  return score - lower.length / 100;
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
