/** One line of text being typed: pure, by graphemes, with a bound. */

import { inputLengthMax } from './limits.js';
import { clean, graphemes } from './text.js';

export interface TextInput {
  readonly text: string;
  /** Graphemes before the cursor. */
  readonly cursor: number;
}

export const emptyInput: TextInput = { text: '', cursor: 0 };

export function inputOf(text: string): TextInput {
  return { text, cursor: graphemes(text).length };
}

export function insert(input: TextInput, text: string): TextInput {
  const parts = graphemes(input.text);
  const added = graphemes(clean(text)).slice(0, Math.max(0, inputLengthMax - parts.length));
  return {
    text: [...parts.slice(0, input.cursor), ...added, ...parts.slice(input.cursor)].join(''),
    cursor: input.cursor + added.length,
  };
}

export type Edit = 'left' | 'right' | 'home' | 'end' | 'erase' | 'erase-next' | 'erase-word' | 'erase-all';

export function edit(input: TextInput, how: Edit): TextInput {
  const parts = graphemes(input.text);
  const before = parts.slice(0, input.cursor);
  const after = parts.slice(input.cursor);
  switch (how) {
    case 'left':
      return { ...input, cursor: Math.max(0, input.cursor - 1) };
    case 'right':
      return { ...input, cursor: Math.min(parts.length, input.cursor + 1) };
    case 'home':
      return { ...input, cursor: 0 };
    case 'end':
      return { ...input, cursor: parts.length };
    case 'erase':
      return { text: [...before.slice(0, -1), ...after].join(''), cursor: Math.max(0, input.cursor - 1) };
    case 'erase-next':
      return { text: [...before, ...after.slice(1)].join(''), cursor: input.cursor };
    case 'erase-word': {
      const kept = graphemes(before.join('').replace(/\S*\s*$/u, ''));
      return { text: [...kept, ...after].join(''), cursor: kept.length };
    }
    case 'erase-all':
      return emptyInput;
  }
}
