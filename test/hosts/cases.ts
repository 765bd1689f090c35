/** Every way in which three hosts can be cut from each other, and what is promised in each. Pure. */
import { type Cut, type Host, hosts } from './network.js';

export interface Case {
  /** `1-2` both ways, `1>2` one way. */
  readonly name: string;
  readonly cuts: readonly Cut[];
  /** Hosts that reach a majority, and are reached by it: at one of them at least, writes go on. Empty: nowhere. */
  readonly together: readonly Host[];
}

const links: readonly Cut[] = hosts.flatMap((from) =>
  hosts.filter((to) => to !== from).map((to) => [from, to] as const),
);

/** All 63 subsets of the six directed links but the empty one, fewest cuts first. */
export function allCases(): readonly Case[] {
  const subsets = Array.from({ length: 2 ** links.length - 1 }, (_, bits) =>
    links.filter((_link, bit) => ((bits + 1) >> bit) % 2 === 1),
  );
  return subsets.map(caseOf).sort((one, other) => one.cuts.length - other.cuts.length);
}

export function caseOf(cuts: readonly Cut[]): Case {
  const isCut = (from: Host, to: Host): boolean => cuts.some((each) => each[0] === from && each[1] === to);
  const pairs = [
    [1, 2],
    [1, 3],
    [2, 3],
  ] as const;
  const works = ([one, other]: readonly [Host, Host]): boolean => !isCut(one, other) && !isCut(other, one);
  const together = hosts.filter((host) => pairs.some((pair) => works(pair) && pair.some((each) => each === host)));
  const words = pairs.flatMap(([one, other]) => {
    if (isCut(one, other) && isCut(other, one)) return [`${one}-${other}`];
    if (isCut(one, other)) return [`${one}>${other}`];
    return isCut(other, one) ? [`${other}>${one}`] : [];
  });
  return { name: words.join(' '), cuts, together };
}

/** @returns the case that is written so, or undefined where this names none. */
export function caseNamed(name: string): Case | undefined {
  return allCases().find((each) => each.name === name);
}
