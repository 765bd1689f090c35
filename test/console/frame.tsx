/** A state as the terminal would show it, without colours. */
import { stripVTControlCharacters } from 'node:util';
import { renderToString } from 'ink';
import { Screens } from '../../console/screens/index.js';
import type { State } from '../../console/state/state.js';
import { cells } from '../../console/state/text.js';

export function frameOf(state: State): string {
  return stripVTControlCharacters(renderToString(<Screens state={state} />, { columns: state.size.columns }));
}

/** What is wrong with the form of a frame: lines too wide, too many or too few of them. */
export function formFaults(
  frame: string,
  size: { readonly columns: number; readonly rows: number },
): readonly string[] {
  const lines = frame.split('\n');
  const faults = lines.flatMap((line, index) =>
    cells(line) > size.columns ? [`line ${index + 1} is ${cells(line)} wide: ${line}`] : [],
  );
  return lines.length === size.rows ? faults : [...faults, `${lines.length} lines instead of ${size.rows}`];
}
