/** Lists: what they show after filter and sort, where the cursor is, what of it fits. */
import { matcher } from './search.js';
import type { ListName, ListView, State } from './state.js';
import { type RowOf, type Table, tables } from './tables.js';

interface Shown {
  readonly rows: readonly unknown[];
  readonly total: number;
}

interface Memo {
  readonly from: readonly unknown[];
  readonly filter: string;
  readonly sort: ListView['sort'];
  readonly shown: Shown;
}

/** Filtering and sorting ten thousand rows thirty times a second is waste: the last answer of each list is kept. */
const memos = new Map<ListName, Memo>();

export function tableOf<Name extends ListName>(name: Name): Table<RowOf<Name>> {
  // The type of a table follows from its name; TypeScript cannot see that through an index.
  return tables[name] as unknown as Table<RowOf<Name>>;
}

export function shownRows<Name extends ListName>(
  state: State,
  name: Name,
): { readonly rows: readonly RowOf<Name>[]; readonly total: number } {
  const table = tableOf(name);
  const { filter, sort } = state.view.lists[name];
  const from = table.rows(state);
  const memo = memos.get(name);
  if (memo !== undefined && memo.from === from && memo.filter === filter && memo.sort === sort) {
    return memo.shown as { readonly rows: readonly RowOf<Name>[]; readonly total: number };
  }
  const shown = { rows: sorted(table, filtered(table, from, filter), sort), total: from.length };
  memos.set(name, { from, filter, sort, shown });
  return shown;
}

function filtered<Row>(table: Table<Row>, rows: readonly Row[], filter: string): readonly Row[] {
  const matches = matcher(filter);
  return matches === null ? rows : rows.filter((row) => matches(table.search(row)));
}

function sorted<Row>(table: Table<Row>, rows: readonly Row[], sort: ListView['sort']): readonly Row[] {
  const by = sort === null ? undefined : table.columns.find((column) => column.key === sort.column)?.by;
  if (by === undefined || sort === null) return rows;
  const sign = sort.descending ? -1 : 1;
  return rows
    .map((row, order) => ({ row, order, value: by(row) }))
    .sort((a, b) => (a.value < b.value ? -sign : a.value > b.value ? sign : a.order - b.order))
    .map((each) => each.row);
}

/** Where the cursor is now: on its row if that is still there, else at the same place. */
export function cursorOf<Name extends ListName>(state: State, name: Name): number {
  const { rows } = shownRows(state, name);
  const { id, index } = state.view.lists[name];
  if (id === null || rows.length === 0) return 0;
  const table = tableOf(name);
  const near = rows[index];
  if (near !== undefined && table.id(near) === id) return index;
  const found = rows.findIndex((row) => table.id(row) === id);
  return found === -1 ? Math.min(index, rows.length - 1) : found;
}

export function selectedRow<Name extends ListName>(state: State, name: Name): RowOf<Name> | null {
  return shownRows(state, name).rows[cursorOf(state, name)] ?? null;
}

/** First row to draw, so that the cursor is in sight and no room is left over. */
export function topOf(top: number, cursor: number, count: number, height: number): number {
  const least = Math.max(0, cursor - height + 1);
  const most = Math.min(cursor, Math.max(0, count - height));
  return Math.max(0, Math.min(Math.max(top, least), Math.max(least, most)));
}

/** The list with its cursor on row `index`, or the nearest there is. */
export function withCursor<Name extends ListName>(state: State, name: Name, index: number, height: number): ListView {
  const { rows } = shownRows(state, name);
  const table = tableOf(name);
  const at = Math.max(0, Math.min(index, rows.length - 1));
  const row = rows[at];
  const id = row === undefined || (at === 0 && table.follows) ? null : table.id(row);
  return { ...state.view.lists[name], index: at, id, top: topOf(state.view.lists[name].top, at, rows.length, height) };
}

/** The next column to sort by, round and round; the first of all is the list's own order. */
export function nextSort<Name extends ListName>(name: Name, sort: ListView['sort']): ListView['sort'] {
  const keys = tableOf(name)
    .columns.filter((column) => column.by !== undefined)
    .map((column) => column.key);
  const at = sort === null ? -1 : keys.indexOf(sort.column);
  const key = keys[at + 1];
  return key === undefined ? null : { column: key, descending: false };
}
