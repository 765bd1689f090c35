/** Tables: as wide as their contents where there is room, cut column by column where there is not. */
import { cells, clean, cut, fitted } from '../state/text.js';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
  /** Colours the text after it was cut and filled. */
  readonly paint?: (row: Row, text: string) => string;
  /** Down to this width it may be cut where the terminal is narrow; without one it keeps its width. */
  readonly widthMin?: number;
  /** Left out first where even cutting is not enough: the highest first. Without one it stays. */
  readonly dropOrder?: number;
}

const gap = 2;

/** A column with what is in it: each value is asked for, cleaned and measured once, however narrow the terminal is. */
interface Filled<Row> {
  readonly column: Column<Row>;
  readonly texts: readonly string[];
  /** Cells of its widest text, the title among them. */
  readonly natural: number;
}

/** Lines of a table; `width` null: nothing is cut or left out (a pipe or file). */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number | null,
  paintTitle: (text: string) => string = (text) => text,
): string[] {
  let kept = columns.map((column) => fill(rows, column));
  let widths = kept.map(({ natural }) => natural);
  if (width !== null) {
    widths = shrink(kept, width);
    while (total(widths) > width) {
      const drop = dropNext(kept);
      if (drop === undefined) break;
      kept = kept.filter((each) => each !== drop);
      widths = shrink(kept, width);
    }
  }
  const line = (texts: readonly string[]): string => texts.join(' '.repeat(gap)).trimEnd();
  const cell = (text: string, index: number): string => {
    const columnWidth = widths[index] ?? 0;
    const align = kept[index]?.column.align ?? 'left';
    const last = index === kept.length - 1 && align === 'left';
    return last ? cut(text, columnWidth) : fitted(text, columnWidth, align);
  };
  const title = line(kept.map(({ column }, index) => paintTitle(cell(column.title, index))));
  const body = rows.map((row, at) =>
    line(
      kept.map(({ column, texts }, index) => {
        const shown = cell(texts[at] ?? '', index);
        return column.paint === undefined ? shown : column.paint(row, shown);
      }),
    ),
  );
  return [title, ...body];
}

function fill<Row>(rows: readonly Row[], column: Column<Row>): Filled<Row> {
  const texts = rows.map((row) => clean(column.value(row)));
  const natural = texts.reduce((widest, text) => Math.max(widest, cells(text)), cells(column.title));
  return { column, texts, natural };
}

/** Takes columns, one at a time, from the widest that may be cut. */
function shrink<Row>(columns: readonly Filled<Row>[], width: number): number[] {
  const widths = columns.map(({ natural }) => natural);
  while (total(widths) > width) {
    let widest = -1;
    for (const [index, { column }] of columns.entries()) {
      const current = widths[index] ?? 0;
      if (column.widthMin !== undefined && current > column.widthMin && (widest < 0 || current > (widths[widest] ?? 0)))
        widest = index;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function dropNext<Row>(columns: readonly Filled<Row>[]): Filled<Row> | undefined {
  return columns.reduce<Filled<Row> | undefined>(
    (found, each) => ((each.column.dropOrder ?? 0) > (found?.column.dropOrder ?? 0) ? each : found),
    undefined,
  );
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + gap * Math.max(0, widths.length - 1);
}
