/** Keys as Ink tells them, given the names that the table of keys uses. */
import type { KeyPress } from './state/messages.js';
import { graphemes } from './state/text.js';

/** What Ink says of a key. */
export interface InkKey {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageDown: boolean;
  readonly pageUp: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly tab: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
  readonly meta: boolean;
}

/** Keys as the table names them. What was typed faster than it was read comes as one text: one key for each character. */
export function keysOf(input: string, key: InkKey): readonly KeyPress[] {
  const named = nameOf(key);
  if (named !== null) return [{ name: named, text: '' }];
  if (key.ctrl) return input === '' ? [] : [{ name: `ctrl-${input}`, text: '' }];
  // Esc and a key that follow each other closely look like that key with Alt, which the table does not use.
  const escaped: readonly KeyPress[] = key.meta ? [{ name: 'esc', text: '' }] : [];
  return [...escaped, ...typedKeys(input)];
}

function typedKeys(input: string): readonly KeyPress[] {
  return graphemes(input).flatMap((text): readonly KeyPress[] => {
    if (!/^\p{Cc}/u.test(text)) return [{ name: text === ' ' ? 'space' : text, text }];
    const name = controlName(text);
    return name === null ? [] : [{ name, text: '' }];
  });
}

/** A control character that came together with other keys: Ink does not take these apart. */
function controlName(text: string): string | null {
  const code = text.charCodeAt(0);
  const letter = code >= 1 && code <= 26 ? `ctrl-${String.fromCharCode(code + 96)}` : null;
  return controls[text] ?? letter;
}

const controls: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\u001b': 'esc',
  '\u007f': 'backspace',
  '\b': 'backspace',
};

function nameOf(key: InkKey): string | null {
  if (key.upArrow) return 'up';
  if (key.downArrow) return 'down';
  if (key.leftArrow) return 'left';
  if (key.rightArrow) return 'right';
  if (key.pageDown) return 'pagedown';
  if (key.pageUp) return 'pageup';
  if (key.home) return 'home';
  if (key.end) return 'end';
  if (key.return) return 'enter';
  if (key.escape) return 'esc';
  if (key.tab) return key.shift ? 'shift-tab' : 'tab';
  if (key.backspace) return 'backspace';
  if (key.delete) return 'delete';
  return null;
}
