/**
 * The table of keys: the only place where a key gets its meaning. The help screens, the footer and docs/console.md are
 * made from it. No key in it changes the cluster: what does so is a command, chosen by its words and confirmed by name.
 */
import type { KeyPress } from './state/messages.js';
import { graphemes } from './state/text.js';

export const contexts = [
  'everywhere',
  'list',
  'overview',
  'members',
  'model',
  'events',
  'text',
  'line',
  'palette',
  'menu',
  'confirm',
  'progress',
  'help',
] as const;
export type KeyContext = (typeof contexts)[number];

export const contextTitles: Readonly<Record<KeyContext, string>> = {
  everywhere: 'Everywhere',
  list: 'In lists',
  overview: 'On the overview',
  members: 'On controllers',
  model: 'In the model browser',
  events: 'Among events',
  text: 'In texts that scroll',
  line: 'While typing',
  palette: 'In the palette',
  menu: 'In menus',
  confirm: 'Before an operation',
  progress: 'While an operation runs',
  help: 'In this help',
};

export type Action =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'first'
  | 'last'
  | 'page-up'
  | 'page-down'
  | 'half-up'
  | 'half-down'
  | 'enter'
  | 'back'
  | 'next'
  | 'previous'
  | 'actions'
  | 'filter'
  | 'palette'
  | 'help'
  | 'sort'
  | 'reverse'
  | 'copy'
  | 'last-screen'
  | 'quit'
  | 'pause'
  | 'again'
  | 'home'
  | 'end'
  | 'erase'
  | 'erase-next'
  | 'erase-word'
  | 'erase-all'
  | `screen-${1 | 2 | 3 | 4 | 5 | 6 | 7}`;

export interface Binding {
  readonly action: Action;
  readonly context: KeyContext;
  readonly keys: readonly string[];
  readonly help: string;
  /** The word in the footer; those without one are found through `?`. */
  readonly footer?: string;
}

const bind = (context: KeyContext, action: Action, keys: string, help: string, footer?: string): Binding => ({
  context,
  action,
  keys: keys.split(' '),
  help,
  ...(footer === undefined ? {} : { footer }),
});

export const bindings: readonly Binding[] = [
  bind('list', 'down', 'j down', 'One row down'),
  bind('list', 'up', 'k up', 'One row up'),
  bind('list', 'first', 'g home', 'First row'),
  bind('list', 'last', 'G end', 'Last row'),
  bind('list', 'page-down', 'pagedown ctrl-f', 'One page down'),
  bind('list', 'page-up', 'pageup ctrl-b', 'One page up'),
  bind('list', 'half-down', 'ctrl-d', 'Half a page down'),
  bind('list', 'half-up', 'ctrl-u', 'Half a page up'),
  bind('list', 'enter', 'enter l right', 'Open what the cursor is on', 'open'),
  bind('list', 'filter', '/', 'Filter: each word must be there, !word must not', 'filter'),
  bind('list', 'sort', 's', 'Sort by the next column', 'sort'),
  bind('list', 'reverse', 'S', 'Turn the order round'),
  bind('overview', 'next', 'tab', 'To the next panel', 'panel'),
  bind('overview', 'previous', 'shift-tab', 'To the panel before'),
  bind('members', 'actions', 'a', 'What can be done with this controller', 'actions'),
  bind('model', 'next', 'tab', 'The next kind', 'kind'),
  bind('model', 'previous', 'shift-tab', 'The kind before'),
  bind('events', 'pause', 'p', 'Hold the list still, and let it go on', 'pause'),
  bind('text', 'down', 'j down', 'One line down'),
  bind('text', 'up', 'k up', 'One line up'),
  bind('text', 'first', 'g home', 'To the beginning'),
  bind('text', 'last', 'G end', 'To the end'),
  bind('text', 'page-down', 'pagedown ctrl-f', 'One page down'),
  bind('text', 'page-up', 'pageup ctrl-b', 'One page up'),
  bind('text', 'half-down', 'ctrl-d', 'Half a page down'),
  bind('text', 'half-up', 'ctrl-u', 'Half a page up'),
  bind('everywhere', 'palette', ':', 'Everything that can be done, by its words', 'do'),
  bind('everywhere', 'help', '?', 'What works here', 'help'),
  bind('everywhere', 'back', 'esc h left', 'Back', 'back'),
  bind('everywhere', 'last-screen', '-', 'To the screen before this one'),
  bind('everywhere', 'copy', 'y', 'Copy what is shown or chosen to the clipboard'),
  bind('everywhere', 'screen-1', '1', 'Overview'),
  bind('everywhere', 'screen-2', '2', 'Controllers'),
  bind('everywhere', 'screen-3', '3', 'Routers'),
  bind('everywhere', 'screen-4', '4', 'Model'),
  bind('everywhere', 'screen-5', '5', 'Events'),
  bind('everywhere', 'screen-6', '6', 'Operations'),
  bind('everywhere', 'screen-7', '7', 'Attention'),
  bind('everywhere', 'quit', 'q', 'Quit', 'quit'),
  bind('line', 'enter', 'enter', 'Done', 'done'),
  bind('line', 'back', 'esc', 'As it was', 'cancel'),
  bind('line', 'left', 'left ctrl-b', 'One character left'),
  bind('line', 'right', 'right ctrl-f', 'One character right'),
  bind('line', 'home', 'home ctrl-a', 'To the beginning'),
  bind('line', 'end', 'end ctrl-e', 'To the end'),
  bind('line', 'erase', 'backspace', 'Erase the character before'),
  bind('line', 'erase-next', 'delete', 'Erase the character after'),
  bind('line', 'erase-word', 'ctrl-w', 'Erase the word before'),
  bind('line', 'erase-all', 'ctrl-u', 'Erase all'),
  bind('palette', 'enter', 'enter', 'Do it', 'do it'),
  bind('palette', 'down', 'down ctrl-n', 'Next'),
  bind('palette', 'up', 'up ctrl-p', 'Before; above the first: what was typed earlier'),
  bind('palette', 'next', 'tab', 'Complete'),
  bind('palette', 'back', 'esc', 'Close', 'close'),
  bind('menu', 'down', 'j down', 'Next'),
  bind('menu', 'up', 'k up', 'Before'),
  bind('menu', 'enter', 'enter l right', 'Choose', 'choose'),
  bind('menu', 'back', 'esc h left q', 'Close', 'close'),
  bind('confirm', 'enter', 'enter', 'Start, once the name is typed', 'start'),
  bind('confirm', 'down', 'down', 'Scroll down'),
  bind('confirm', 'up', 'up', 'Scroll up'),
  bind('confirm', 'page-down', 'pagedown', 'One page down'),
  bind('confirm', 'page-up', 'pageup', 'One page up'),
  bind('confirm', 'again', 'ctrl-r', 'Run the checks again', 'check again'),
  bind('confirm', 'back', 'esc', 'Close; nothing was changed', 'close'),
  bind('progress', 'down', 'j down', 'Scroll down'),
  bind('progress', 'up', 'k up', 'Scroll up'),
  bind('progress', 'page-down', 'pagedown', 'One page down'),
  bind('progress', 'page-up', 'pageup', 'One page up'),
  bind('progress', 'again', 'r ctrl-r', 'Ask again', 'again'),
  bind('progress', 'back', 'esc q enter', 'Close; a running operation goes on', 'close'),
  bind('help', 'down', 'j down', 'One line down'),
  bind('help', 'up', 'k up', 'One line up'),
  bind('help', 'page-down', 'pagedown ctrl-f ctrl-d', 'One page down'),
  bind('help', 'page-up', 'pageup ctrl-b ctrl-u', 'One page up'),
  bind('help', 'back', 'esc ? q enter h left', 'Close', 'close'),
];

const byContext: ReadonlyMap<KeyContext, ReadonlyMap<string, Action>> = new Map(
  contexts.map((context) => [
    context,
    new Map(
      bindings
        .filter((each) => each.context === context)
        .flatMap((each) => each.keys.map((key) => [key, each.action] as const)),
    ),
  ]),
);

/** What a key means where the operator is now; the first context that knows it decides. */
export function actionOf(key: string, where: readonly KeyContext[]): Action | null {
  for (const context of where) {
    const action = byContext.get(context)?.get(key);
    if (action !== undefined) return action;
  }
  return null;
}

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

/** How keys are written for people. */
export function keyLabel(key: string): string {
  const labels: Readonly<Record<string, string>> = {
    up: '↑',
    down: '↓',
    left: '←',
    right: '→',
    pagedown: 'PgDn',
    pageup: 'PgUp',
    'shift-tab': 'shift-tab',
  };
  return labels[key] ?? key;
}
