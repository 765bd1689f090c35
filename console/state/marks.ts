/** Rows that the operator marked: what `y` copies and `w` writes to a file is these, or where none is marked, the rest. */
import { clockStamp, plural } from './format.js';
import { marksMax, savedRowsMax } from './limits.js';
import { cursorOf, selectedRow, shownRows, tableOf, withCursor } from './lists.js';
import type { Step } from './messages.js';
import { flashed } from './navigation.js';
import type { ListName, State } from './state.js';
import { withView } from './state.js';

export function toggleMark(state: State, list: ListName, height: number): Step<State> {
  const row = selectedRow(state, list);
  if (row === null) return [state, []];
  const id = tableOf<ListName>(list).id(row);
  const { marks } = state.view.lists[list];
  const isMarked = marks.includes(id);
  if (!isMarked && marks.length >= marksMax)
    return flashed(state, 'info', `No more than ${plural(marksMax, 'row')} can be marked.`);
  const moved = withCursor(state, list, cursorOf(state, list) + 1, height);
  // A list that follows its newest row would run away from the marks.
  const changed = { ...moved, marks: isMarked ? marks.filter((each) => each !== id) : [...marks, id] };
  return [withView(state, { lists: { ...state.view.lists, [list]: changed } }), []];
}

/** What stands behind the marked rows that are still there. */
export function markedValues(state: State, list: ListName): readonly unknown[] {
  const marks = new Set(state.view.lists[list].marks);
  if (marks.size === 0) return [];
  const table = tableOf<ListName>(list);
  return shownRows<ListName>(state, list)
    .rows.filter((row) => marks.has(table.id(row)))
    .map(saidBy);
}

/** As the controllers said it: a row of a list carries what the console made of it beside. */
function saidBy(row: unknown): unknown {
  if (typeof row !== 'object' || row === null) return row;
  if ('event' in row) return row.event;
  if ('record' in row && typeof row.record === 'object' && row.record !== null && 'status' in row.record)
    return row.record.status;
  return row;
}

/** Into a new file, one JSON document a line. */
export function saveRows(state: State, list: ListName): Step<State> {
  const marked = markedValues(state, list);
  const values = marked.length > 0 ? marked : shownRows<ListName>(state, list).rows.slice(0, savedRowsMax).map(saidBy);
  if (values.length === 0) return flashed(state, 'info', 'There is no row to write to a file.');
  const name = list.replace('overview.', '');
  const fileName = `quorate-${state.cluster}-${name}-${clockStamp(state.now)}.jsonl`;
  const text = `${values.map((value) => JSON.stringify(value)).join('\n')}\n`;
  return flashed(state, 'info', `Writing ${plural(values.length, 'row')} to ${fileName} ...`, [
    { type: 'save', fileName, text },
  ]);
}
