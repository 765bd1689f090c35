/** xterm's table of 256 colours: after the sixteen of the terminal's owner a cube of 6 x 6 x 6, then 24 greys. */

const levels = [0, 95, 135, 175, 215, 255] as const;

interface Entry {
  readonly index: number;
  readonly parts: readonly [number, number, number];
}

const table: readonly Entry[] = [
  ...levels.flatMap((red, r) =>
    levels.flatMap((green, g) =>
      levels.map((blue, b): Entry => ({ index: 16 + 36 * r + 6 * g + b, parts: [red, green, blue] })),
    ),
  ),
  ...Array.from({ length: 24 }, (_, step): Entry => {
    const grey = 8 + step * 10;
    return { index: 232 + step, parts: [grey, grey, grey] };
  }),
];

/** The index of the colour that is nearest to `#rrggbb`. */
export function nearestIndexed(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  const distance = ({ parts: [r, g, b] }: Entry): number =>
    // The eye tells greens apart best, then reds.
    3 * (r - red) ** 2 + 4 * (g - green) ** 2 + 2 * (b - blue) ** 2;
  return table.reduce((best, entry) => (distance(entry) < distance(best) ? entry : best)).index;
}
