/**
 * The table of keys: the only place where a key gets its meaning. The help screens, the footer and docs/console.md are
 * made from it. No key in it changes the cluster: what does so is a command, chosen by its words and confirmed by name.
 * An operator's own file may give its actions other keys; it cannot add actions.
 */

export const contexts = [
  'everywhere',
  'list',
  'overview',
  'members',
  'model',
  'entity',
  'events',
  'operations',
  'metrics',
  'text',
  'line',
  'palette',
  'menu',
  'confirm',
  'change',
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
  entity: 'On an entity',
  events: 'Among events',
  operations: 'Among operations',
  metrics: 'Among metrics',
  text: 'In texts that scroll',
  line: 'While typing',
  palette: 'In the palette',
  menu: 'In menus',
  confirm: 'Before an operation',
  change: 'Before a change of the model',
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
  | 'mark'
  | 'save'
  | 'mend'
  | 'edit'
  | 'window'
  | 'again'
  | 'home'
  | 'end'
  | 'erase'
  | 'erase-next'
  | 'erase-word'
  | 'erase-all'
  | `choose-${Digit}`
  | `screen-${Digit}`;

export type Digit = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

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

const digits: readonly Digit[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

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
  bind('list', 'mark', 'space', 'Mark the row, or take its mark away; y and w then take the marked rows', 'mark'),
  bind('list', 'save', 'w', 'Write the rows that are shown, or those marked, to a file as JSON lines'),
  bind('overview', 'next', 'tab', 'To the next panel', 'panel'),
  bind('overview', 'previous', 'shift-tab', 'To the panel before'),
  bind('members', 'actions', 'a', 'What can be done with this controller', 'actions'),
  bind('model', 'edit', 'e', 'Change the entity in your editor; nothing is written before its name is typed', 'edit'),
  bind('model', 'next', 'tab', 'The next kind', 'kind'),
  bind('model', 'previous', 'shift-tab', 'The kind before'),
  bind('entity', 'edit', 'e', 'Change it in your editor; nothing is written before its name is typed', 'edit'),
  bind('events', 'pause', 'p', 'Hold the list still, and let it go on', 'pause'),
  bind('operations', 'actions', 'a', 'What can be done with this operation: cancel it, or let it go on', 'actions'),
  bind('metrics', 'next', 'tab', 'As the next controller has it', 'controller'),
  bind('metrics', 'previous', 'shift-tab', 'As the controller before has it'),
  bind('metrics', 'window', 't', 'The last minute, five, or fifteen', 'time'),
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
  bind('everywhere', 'mend', 'm', 'What mends what needs attention', 'mend'),
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
  bind('everywhere', 'screen-8', '8', 'Metrics'),
  bind('everywhere', 'screen-9', '9', 'Backups'),
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
  ...digits.map((digit) => bind('menu', `choose-${digit}`, String(digit), 'Choose by number')),
  bind('menu', 'back', 'esc h left q', 'Close', 'close'),
  bind('confirm', 'enter', 'enter', 'Start, once the name is typed', 'confirm'),
  bind('confirm', 'down', 'down', 'Scroll down'),
  bind('confirm', 'up', 'up', 'Scroll up'),
  bind('confirm', 'page-down', 'pagedown', 'One page down'),
  bind('confirm', 'page-up', 'pageup', 'One page up'),
  bind('confirm', 'again', 'ctrl-r', 'Run the checks again', 'check again'),
  bind('confirm', 'back', 'esc', 'Close; nothing was changed', 'close'),
  bind('change', 'enter', 'enter', 'Write it, once the name is typed', 'write'),
  bind('change', 'edit', 'ctrl-e', 'Back to the editor; what you wrote is still there', 'edit again'),
  bind('change', 'down', 'down', 'Scroll down'),
  bind('change', 'up', 'up', 'Scroll up'),
  bind('change', 'page-down', 'pagedown', 'One page down'),
  bind('change', 'page-up', 'pageup', 'One page up'),
  bind('change', 'back', 'esc', 'Close; nothing was changed', 'close'),
  bind('progress', 'down', 'j down', 'Scroll down'),
  bind('progress', 'up', 'k up', 'Scroll up'),
  bind('progress', 'page-down', 'pagedown', 'One page down'),
  bind('progress', 'page-up', 'pageup', 'One page up'),
  bind('progress', 'again', 'r ctrl-r', 'Ask again', 'again'),
  bind('progress', 'actions', 'a', 'What can be done with this operation: cancel it, or let it go on'),
  bind('progress', 'edit', 'e', 'Back to the editor, where a change was refused'),
  bind('progress', 'back', 'esc q enter', 'Close; a running operation goes on', 'close'),
  bind('help', 'down', 'j down', 'One line down'),
  bind('help', 'up', 'k up', 'One line up'),
  bind('help', 'page-down', 'pagedown ctrl-f ctrl-d', 'One page down'),
  bind('help', 'page-up', 'pageup ctrl-b ctrl-u', 'One page up'),
  bind('help', 'back', 'esc ? q enter h left', 'Close', 'close'),
];

/** Bindings, and what a key means by them. */
export interface Keymap {
  readonly bindings: readonly Binding[];
  /** What a key means where the operator is now; the first context that knows it decides. */
  readonly actionOf: (key: string, where: readonly KeyContext[]) => Action | null;
}

export function keymapOf(given: readonly Binding[]): Keymap {
  const byContext: ReadonlyMap<KeyContext, ReadonlyMap<string, Action>> = new Map(
    contexts.map((context) => [
      context,
      new Map(
        given
          .filter((each) => each.context === context)
          .flatMap((each) => each.keys.map((key) => [key, each.action] as const)),
      ),
    ]),
  );
  return {
    bindings: given,
    actionOf: (key, where) => {
      for (const context of where) {
        const action = byContext.get(context)?.get(key);
        if (action !== undefined) return action;
      }
      return null;
    },
  };
}

export const defaultKeymap = keymapOf(bindings);

/** The key that does it, as written for people; empty where the operator's own file leaves it none. */
export function keyFor({ bindings: given }: Keymap, action: Action): string {
  return keyLabel(given.find((each) => each.action === action)?.keys[0] ?? '');
}

/** The first key of each of these actions in the nearest of these contexts, as written for people. */
export function keysIn({ bindings: given }: Keymap, where: readonly KeyContext[], actions: readonly Action[]): string {
  const nearest = where.flatMap((context) => given.filter((each) => each.context === context));
  return actions
    .flatMap((action) => nearest.find((each) => each.action === action)?.keys[0] ?? [])
    .map(keyLabel)
    .join(' ');
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
