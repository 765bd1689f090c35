/** What keys do to a text: how far they scroll it, and how they edit a line. */
import type { Action } from '../keys.js';
import { type Edit, edit, insert, type TextInput } from './text-input.js';

/** How far an action moves in a text of which `height` lines are in sight; null: it does not move. */
export function stride(action: Action | null, height: number): number | null {
  switch (action) {
    case 'down':
      return 1;
    case 'up':
      return -1;
    case 'first':
      return Number.NEGATIVE_INFINITY;
    case 'last':
      return Number.POSITIVE_INFINITY;
    case 'page-down':
      return height;
    case 'page-up':
      return -height;
    case 'half-down':
      return Math.ceil(height / 2);
    case 'half-up':
      return -Math.ceil(height / 2);
    default:
      return null;
  }
}

/** No text is longer; the screen draws at most its last page. */
const scrollMax = 100_000;

export function scrolled(top: number, by: number): number {
  return Math.max(0, Math.min(scrollMax, top + by));
}

const edits: Partial<Record<Action, Edit>> = {
  left: 'left',
  right: 'right',
  home: 'home',
  end: 'end',
  erase: 'erase',
  'erase-next': 'erase-next',
  'erase-word': 'erase-word',
  'erase-all': 'erase-all',
};

/** The line after a key that edits or types; null where the key did neither. */
export function edited(input: TextInput, action: Action | null, text: string): TextInput | null {
  const how = action === null ? undefined : edits[action];
  if (how !== undefined) return edit(input, how);
  return action === null && text !== '' ? insert(input, text) : null;
}
