/** A list as a table: only the rows in sight are drawn, whatever its length. */
import { Box, useIsScreenReaderEnabled } from 'ink';
import { type Digit, keyFor } from '../keys.js';
import type { Column } from '../state/columns.js';
import { formatCount } from '../state/format.js';
import { cursorOf, shownRows, tableOf, topOf } from '../state/lists.js';
import type { ListName, State } from '../state/state.js';
import type { RowOf } from '../state/tables.js';
import { cells, cutMiddle, fitted } from '../state/text.js';
import { Line, type Span, type Spans } from './line.js';

export interface Placed<Row> {
  readonly column: Column<Row>;
  readonly width: number;
  readonly gap: string;
}

const markWidth = 2;

/**
 * Columns that fit into `width`: the most dispensable go first. What is left over goes to those that tell the rows apart, as
 * far as `wanted` (what they would take) says, and then to all that may grow.
 */
export function placeColumns<Row>(
  columns: readonly Column<Row>[],
  width: number,
  wanted: (column: Column<Row>) => number = () => 0,
): readonly Placed<Row>[] {
  const gap = gapFor(width);
  const room = width - markWidth;
  const taken = (kept: readonly Column<Row>[]): number =>
    kept.reduce((sum, column, index) => sum + column.width + gapBefore(kept[index - 1], column, gap).length, 0);
  let kept = columns;
  while (taken(kept) > room) {
    const most = Math.max(...kept.map((column) => column.dispensable ?? 0));
    if (most === 0) break;
    kept = kept.filter((column) => (column.dispensable ?? 0) !== most);
  }
  let left = Math.max(0, room - taken(kept));
  const widths = kept.map((column) => column.width);
  for (const [index, column] of kept.entries()) {
    if (column.names !== true) continue;
    const room = Math.min(column.widthMax ?? column.width, wanted(column)) - column.width;
    const more = Math.max(0, Math.min(left, room));
    widths[index] = column.width + more;
    left -= more;
  }
  // One cell at a time and in turn: columns grow evenly until each has what it can use.
  for (let grown = true; left > 0 && grown; ) {
    grown = false;
    for (const [index, column] of kept.entries()) {
      const now = widths[index] ?? 0;
      if (left === 0 || now >= (column.widthMax ?? column.width)) continue;
      widths[index] = now + 1;
      left -= 1;
      grown = true;
    }
  }
  return kept.map((column, index) => ({
    column,
    width: widths[index] ?? column.width,
    gap: gapBefore(kept[index - 1], column, gap),
  }));
}

const gapWide = 2;

function gapFor(width: number): number {
  return width < 100 ? 1 : gapWide;
}

/** Numbers end where the next text begins: they need the wider gap to be read as two. */
function gapBefore<Row>(before: Column<Row> | undefined, column: Column<Row>, gap: number): string {
  if (before === undefined) return '';
  return ' '.repeat(before.align === 'right' && column.align !== 'right' ? gapWide : gap);
}

interface TableProps<Name extends ListName> {
  readonly state: State;
  readonly name: Name;
  readonly width: number;
  /** Rows, without the titles. */
  readonly height: number;
  readonly titles?: boolean;
  /** Whether the cursor is in this list. */
  readonly active: boolean;
}

export function TableView<Name extends ListName>({
  state,
  name,
  width,
  height,
  titles = true,
  active,
}: TableProps<Name>) {
  const table = tableOf(name);
  const { rows } = shownRows(state, name);
  const view = state.view.lists[name];
  const cursor = cursorOf(state, name);
  const top = topOf(active ? view.top : 0, active ? cursor : 0, rows.length, height);
  const visible = rows.slice(top, top + height);
  const placed = placeColumns(table.columns, width, (column) =>
    Math.max(0, ...visible.map((row) => cells(column.cell(row, state).text))),
  );
  const marks = new Set(view.marks);
  const spoken = useIsScreenReaderEnabled();
  return (
    <Box flexDirection="column" width={width} height={height + (titles ? 1 : 0)} aria-role="table">
      {titles && !spoken ? <Line spans={titleSpans(placed, view.sort)} width={width} /> : null}
      {visible.length === 0 && height > 0 ? (
        <Line spans={[{ text: `  ${emptyText(state, name)}`, tone: 'dim' }]} width={width} />
      ) : null}
      {visible.map((row, index) => {
        const selected = active && top + index === cursor;
        return (
          <Line
            key={table.id(row)}
            spans={
              spoken
                ? spokenRow(row, table.columns, state, marks.has(table.id(row)))
                : rowSpans(row, placed, state, { selected, marked: marks.has(table.id(row)) })
            }
            width={width}
            selected={selected}
          />
        );
      })}
    </Box>
  );
}

function emptyText<Name extends ListName>(state: State, name: Name): string {
  const { filter } = state.view.lists[name];
  const { total } = shownRows(state, name);
  return filter !== '' && total > 0
    ? `None of ${formatCount(total)} matches "${filter}". Esc clears the filter.`
    : tableOf(name).empty(state);
}

function titleSpans<Row>(placed: readonly Placed<Row>[], sort: State['view']['lists'][ListName]['sort']): Spans {
  return [
    { text: ' '.repeat(markWidth) },
    ...placed.flatMap(({ column, width, gap }): Span[] => {
      const marked = sort?.column === column.key;
      const title = marked ? `${column.title}${sort.descending ? '↓' : '↑'}` : column.title;
      return [{ text: gap }, { text: fitted(title, width, column.align), tone: marked ? 'accent' : 'dim' }];
    }),
  ];
}

interface RowLook {
  readonly selected: boolean;
  readonly marked: boolean;
}

function rowSpans<Row>(row: Row, placed: readonly Placed<Row>[], state: State, look: RowLook): Spans {
  return [
    { text: `${look.selected ? '▸' : ' '}${look.marked ? '*' : ' '}`, tone: 'accent' },
    ...placed.flatMap(({ column, width, gap }): Span[] => {
      const cell = column.cell(row, state);
      const text = column.names === true ? cutMiddle(cell.text, width) : cell.text;
      return [{ text: gap }, { text: fitted(text, width, column.align), tone: cell.tone }];
    }),
  ];
}

/**
 * A row as it is read out: each value with its title, all columns, and without what changes at every moment, which would be
 * read out again and again.
 */
function spokenRow<Row>(row: Row, columns: readonly Column<Row>[], state: State, marked: boolean): Spans {
  const said = columns.flatMap((column, index) => {
    const { text } = column.cell(row, state);
    if (column.restless === true || text === '-') return [];
    return [index === 0 ? text : `${column.title} ${text}`];
  });
  return [{ text: `${marked ? 'marked: ' : ''}${said.join(', ')}` }];
}

/** What the heading of a list says of its filter. */
export function filterSpans<Name extends ListName>(state: State, name: Name): Spans {
  const { filter, sort, marks } = state.view.lists[name];
  const { rows, total } = shownRows<ListName>(state, name);
  const column = sort === null ? undefined : tableOf<ListName>(name).columns.find((each) => each.key === sort.column);
  return [
    ...(filter === ''
      ? []
      : [
          { text: `  /${filter}`, tone: 'accent' as const },
          { text: ` ${formatCount(rows.length)} of ${formatCount(total)}`, tone: 'dim' as const },
        ]),
    ...(marks.length === 0 ? [] : [{ text: `  * ${formatCount(marks.length)} marked`, tone: 'accent' as const }]),
    ...(column === undefined
      ? []
      : [{ text: `  by ${column.title}${sort?.descending === true ? ', falling' : ''}`, tone: 'dim' as const }]),
  ];
}

/**
 * What the heading of a list says where rows are out of sight, and no footer counts them: how many, and the key that shows all.
 * Where there is no room for that within `width`, the key alone.
 */
export function moreSpans(state: State, name: ListName, height: number, screen: Digit, width: number): Spans {
  const hidden = shownRows(state, name).rows.length - height;
  if (hidden <= 0) return [];
  const count = height === 0 ? 'all of them' : `${formatCount(hidden)} more`;
  const fits = cells(`  … ${count} (key 3)`) <= width;
  return [
    { text: fits ? `  … ${count} (key ` : '  … (key ', tone: 'dim' },
    { text: keyFor(state.keymap, `screen-${screen}`), tone: 'key' },
    { text: ')', tone: 'dim' },
  ];
}

export type AnyRow = RowOf<ListName>;
