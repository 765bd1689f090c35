/** Measurements as small bars. A second that was not measured stays empty: no line is drawn through it. */

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** One row; its highest value reaches the top. */
export function sparkline(values: readonly (number | null)[]): string {
  const most = Math.max(0, ...values.filter((value) => value !== null));
  return values
    .map((value) =>
      value === null ? ' ' : (bars[most === 0 ? 0 : Math.min(7, Math.floor((value / most) * 7.999))] ?? ' '),
    )
    .join('');
}

/** The same, `height` rows high, highest row first. */
export function chart(values: readonly (number | null)[], height: number): readonly string[] {
  const most = Math.max(0, ...values.filter((value) => value !== null));
  return Array.from({ length: height }, (_, row) => {
    const below = (height - 1 - row) * 8;
    return values
      .map((value) => {
        if (value === null) return ' ';
        const eighths = most === 0 ? 0 : Math.round((value / most) * height * 8);
        // A measured zero is a thin line at the bottom, which an unmeasured second has not.
        const filled = Math.min(8, Math.max(row === height - 1 ? 1 : 0, eighths - below));
        return filled <= 0 ? ' ' : (bars[filled - 1] ?? ' ');
      })
      .join('');
  });
}
