/** What keys do: the key table names the action, this says what the action means where the operator is. */
import { type Action, actionOf, type KeyContext } from '../keys.js';
import {
  type Command,
  commandsOf,
  findCommand,
  openActions,
  openSelected,
  runCommand,
  setFilter,
  togglePause,
} from './commands.js';
import { copyTextOf } from './copy.js';
import { bodyRows, isTooSmall, listRows } from './layout.js';
import { historyMax } from './limits.js';
import { cursorOf, nextSort, shownRows, withCursor } from './lists.js';
import type { KeyPress, Step } from './messages.js';
import { chooseKind, filterModel, kindsOf } from './model-data.js';
import { back, backToLast, flash, flashed, goTo, listOf, numbered } from './navigation.js';
import { rank } from './search.js';
import { type ListName, type Overlay, placeOf, type State, type View, withView } from './state.js';
import { type Edit, edit, emptyInput, inputOf, insert, type TextInput } from './text-input.js';
import { askAgain, confirm, withDialog } from './workflow.js';

/** Where keys are looked up, nearest first. */
export function contextsOf(state: State): readonly KeyContext[] {
  if (state.view.prompt !== null) return ['line'];
  const { overlay } = state.view;
  if (overlay !== null) return overlayContexts(overlay);
  const { screen } = placeOf(state);
  switch (screen) {
    case 'overview':
      return ['overview', ...(state.view.panel === 'members' ? (['members'] as const) : []), 'list', 'everywhere'];
    case 'members':
      return ['members', 'list', 'everywhere'];
    case 'member':
      return ['members', 'text', 'everywhere'];
    case 'model':
      return ['model', 'list', 'everywhere'];
    case 'events':
      return ['events', 'list', 'everywhere'];
    case 'routers':
    case 'operations':
      return ['list', 'everywhere'];
    case 'router':
    case 'entity':
    case 'event':
    case 'operation':
    case 'attention':
      return ['text', 'everywhere'];
  }
}

function overlayContexts(overlay: Overlay): readonly KeyContext[] {
  switch (overlay.kind) {
    case 'help':
      return ['help'];
    case 'palette':
      return ['palette', 'line'];
    case 'menu':
      return ['menu'];
    case 'workflow':
      return mayConfirm(overlay) ? ['confirm', 'line'] : ['progress'];
  }
}

/** Only where no check failed can a name be typed. */
function mayConfirm({ phase }: Extract<Overlay, { kind: 'workflow' }>): boolean {
  return phase.step === 'planned' && phase.plan.mayRun;
}

export function pressKey(given: State, key: KeyPress): Step<State> {
  if (isTooSmall(given.size)) return key.name === 'q' ? [given, [{ type: 'quit' }]] : [given, []];
  const state = given.view.flash === null ? given : withView(given, { flash: null });
  const action = actionOf(key.name, contextsOf(state));
  if (state.view.prompt !== null) return inPrompt(state, state.view.prompt, action, key.text);
  const { overlay } = state.view;
  switch (overlay?.kind) {
    case undefined:
      return onScreen(state, action);
    case 'help':
      return inHelp(state, overlay, action);
    case 'palette':
      return inPalette(state, overlay, action, key.text);
    case 'menu':
      return inMenu(state, overlay, action);
    case 'workflow':
      return inWorkflow(state, overlay, action, key.text);
  }
}

/** Pasted text goes where text is typed; it never acts as keys. */
export function paste(state: State, text: string): Step<State> {
  const line = text.split(/[\r\n]/u)[0] ?? '';
  const { prompt, overlay } = state.view;
  if (prompt !== null) return typed(state, prompt, insert(prompt.input, line));
  if (overlay?.kind === 'palette')
    return [withView(state, { overlay: { ...overlay, input: insert(overlay.input, line), index: 0 } }), []];
  // A name that confirms a change has to be typed, not pasted from where the plan was read.
  if (overlay?.kind === 'workflow') return flashed(state, 'info', 'Type the name: pasting does not confirm.');
  return [state, []];
}

function onScreen(state: State, action: Action | null): Step<State> {
  switch (action) {
    case null:
      return [state, []];
    case 'palette':
      return [withView(state, { overlay: { kind: 'palette', input: emptyInput, index: 0, recall: 0 } }), []];
    case 'help':
      return [withView(state, { overlay: { kind: 'help', top: 0 } }), []];
    case 'back':
      return backOrClear(state);
    case 'last-screen':
      return backToLast(state);
    case 'quit':
      return [state, [{ type: 'quit' }]];
    case 'copy': {
      const text = copyTextOf(state);
      return text === null
        ? flashed(state, 'info', 'There is nothing here to copy.')
        : flashed(state, 'ok', `Copied ${text.what} to the clipboard.`, [{ type: 'copy', text: text.text }]);
    }
    case 'actions':
      return openActions(state);
    case 'pause':
      return togglePause(state);
    case 'next':
    case 'previous':
      return sideways(state, action === 'next' ? 1 : -1);
    default:
      break;
  }
  if (action.startsWith('screen-')) return goTo(state, numbered[Number(action.slice(7)) - 1] ?? 'overview');
  const list = listOf(state);
  return list === null ? inText(state, action) : inList(state, list, action);
}

/** Esc first gives up a filter, then a screen. */
function backOrClear(state: State): Step<State> {
  const list = listOf(state);
  if (list === null || state.view.lists[list].filter === '') return back(state);
  return list === 'model' ? filterModel(setFilter(state, ''), '') : [setFilter(state, ''), []];
}

function sideways(state: State, by: 1 | -1): Step<State> {
  if (placeOf(state).screen === 'overview') {
    const panels = ['members', 'routers', 'events'] as const;
    const at = panels.indexOf(state.view.panel);
    return [withView(state, { panel: panels[(at + by + panels.length) % panels.length] ?? 'members' }), []];
  }
  const kinds = kindsOf(state).map((each) => each.kind);
  const at = kinds.indexOf(state.model.kind);
  const lists = { ...state.view.lists, model: { ...state.view.lists.model, filter: '', id: null, index: 0, top: 0 } };
  return chooseKind(withView(state, { lists }), kinds[(at + by + kinds.length) % kinds.length] ?? state.model.kind);
}

function inList(state: State, list: ListName, action: Action): Step<State> {
  const height = listRows(state, list);
  const at = cursorOf(state, list);
  const { rows } = shownRows(state, list);
  const view = state.view.lists[list];
  const put = (change: View['lists'][ListName]): Step<State> => [
    withView(state, { lists: { ...state.view.lists, [list]: change } }),
    [],
  ];
  const move = (index: number): Step<State> => put(withCursor(state, list, index, height));
  switch (action) {
    case 'down':
      return move(at + 1);
    case 'up':
      return move(at - 1);
    case 'first':
      return move(0);
    case 'last':
      return move(rows.length - 1);
    case 'page-down':
      return move(at + height);
    case 'page-up':
      return move(at - height);
    case 'half-down':
      return move(at + Math.ceil(height / 2));
    case 'half-up':
      return move(at - Math.ceil(height / 2));
    case 'enter':
      return openSelected(state);
    case 'filter':
      return [withView(state, { prompt: { list, input: inputOf(view.filter), before: view.filter } }), []];
    case 'sort':
      return put({ ...view, sort: nextSort(list, view.sort), top: 0 });
    case 'reverse':
      return view.sort === null
        ? flashed(state, 'info', 'Sort by a column first: s')
        : put({ ...view, sort: { ...view.sort, descending: !view.sort.descending }, top: 0 });
    default:
      return [state, []];
  }
}

/** How far an action moves in a text of which `height` lines are in sight; null: it does not move. */
function stride(action: Action | null, height: number): number | null {
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

function scrolled(top: number, by: number): number {
  return Math.max(0, Math.min(scrollMax, top + by));
}

function inText(state: State, action: Action): Step<State> {
  const by = stride(action, bodyRows(state) - 1);
  return by === null ? [state, []] : [withView(state, { scroll: scrolled(state.view.scroll, by) }), []];
}

function inHelp(state: State, overlay: Extract<Overlay, { kind: 'help' }>, action: Action | null): Step<State> {
  if (action === 'back') return [withView(state, { overlay: null }), []];
  const by = stride(action, bodyRows(state) - 2);
  return by === null ? [state, []] : [withView(state, { overlay: { ...overlay, top: scrolled(overlay.top, by) } }), []];
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
function edited(input: TextInput, action: Action | null, text: string): TextInput | null {
  const how = action === null ? undefined : edits[action];
  if (how !== undefined) return edit(input, how);
  return action === null && text !== '' ? insert(input, text) : null;
}

type Prompt = NonNullable<View['prompt']>;

function inPrompt(state: State, prompt: Prompt, action: Action | null, text: string): Step<State> {
  if (action === 'enter') return narrow(withView(state, { prompt: null }), prompt.input.text);
  if (action === 'back') return narrow(withView(state, { prompt: null }), prompt.before);
  const input = edited(prompt.input, action, text);
  return input === null ? [state, []] : typed(state, prompt, input);
}

/** The list narrows while the filter is typed. */
function typed(state: State, prompt: Prompt, input: TextInput): Step<State> {
  return [setFilter(withView(state, { prompt: { ...prompt, input } }), input.text), []];
}

/** The model may be larger than what is held: its first plain word is looked for by the controllers. */
function narrow(state: State, filter: string): Step<State> {
  const narrowed = setFilter(state, filter);
  if (listOf(state) !== 'model') return [narrowed, []];
  return filterModel(narrowed, filter.split(/\s+/u).find((word) => word !== '' && !word.startsWith('!')) ?? '');
}

/** What matches what was typed; the words of a command may be typed in full. */
export function paletteCommands(state: State, query: string): readonly Command[] {
  const commands = commandsOf(state);
  const exact = commands.filter(
    (command) => command.id === query.trim() || command.words.split(' ').includes(query.trim()),
  );
  const ranked = rank(query, commands, (command) => `${command.id} ${command.title} ${command.words}`);
  return [...new Set([...exact.filter((command) => command.id === query.trim()), ...exact, ...ranked])];
}

function inPalette(
  state: State,
  overlay: Extract<Overlay, { kind: 'palette' }>,
  action: Action | null,
  text: string,
): Step<State> {
  const found = paletteCommands(state, overlay.input.text);
  const put = (change: Partial<typeof overlay>): Step<State> => [
    withView(state, { overlay: { ...overlay, ...change } }),
    [],
  ];
  const chosen = found[Math.min(overlay.index, found.length - 1)];
  switch (action) {
    case 'back':
      return [withView(state, { overlay: null }), []];
    case 'enter': {
      if (chosen === undefined) return flashed(state, 'info', `Nothing here is called "${overlay.input.text}".`);
      const history = [...state.view.history.filter((each) => each !== chosen.id), chosen.id].slice(-historyMax);
      return runCommand(withView(state, { history }), chosen);
    }
    case 'down':
      return overlay.recall > 0
        ? recall(overlay, state, overlay.recall - 1)
        : put({ index: Math.min(overlay.index + 1, Math.max(0, found.length - 1)) });
    case 'up':
      return overlay.index > 0 ? put({ index: overlay.index - 1 }) : recall(overlay, state, overlay.recall + 1);
    case 'next':
      return chosen === undefined ? [state, []] : put({ input: inputOf(chosen.id), index: 0 });
    default: {
      const input = edited(overlay.input, action, text);
      return input === null ? [state, []] : put({ input, index: 0, recall: 0 });
    }
  }
}

/** Above the first row: what was done earlier, newest first. */
function recall(overlay: Extract<Overlay, { kind: 'palette' }>, state: State, steps: number): Step<State> {
  const { history } = state.view;
  const at = Math.max(0, Math.min(steps, history.length));
  const text = at === 0 ? '' : (history[history.length - at] ?? '');
  return [withView(state, { overlay: { ...overlay, recall: at, input: inputOf(text), index: 0 } }), []];
}

function inMenu(state: State, overlay: Extract<Overlay, { kind: 'menu' }>, action: Action | null): Step<State> {
  const put = (index: number): Step<State> => [
    withView(state, { overlay: { ...overlay, index: Math.max(0, Math.min(index, overlay.commands.length - 1)) } }),
    [],
  ];
  switch (action) {
    case 'back':
      return [withView(state, { overlay: null }), []];
    case 'down':
      return put(overlay.index + 1);
    case 'up':
      return put(overlay.index - 1);
    case 'enter': {
      const id = overlay.commands[overlay.index] ?? '';
      const command = findCommand(state, id);
      return command === null
        ? [flash(withView(state, { overlay: null }), 'info', `${id}: no longer possible; the cluster has changed.`), []]
        : runCommand(state, command);
    }
    default:
      return [state, []];
  }
}

function inWorkflow(
  state: State,
  overlay: Extract<Overlay, { kind: 'workflow' }>,
  action: Action | null,
  text: string,
): Step<State> {
  if (action === 'back') return closeWorkflow(state, overlay);
  if (action === 'again') return askAgain(state, overlay);
  if (action === 'enter') return confirm(state, overlay);
  const by = stride(action, bodyRows(state) - 4);
  if (by !== null) return [withDialog(state, overlay, { top: scrolled(overlay.top, by) }), []];
  if (!mayConfirm(overlay)) return [state, []];
  const input = edited(overlay.input, action, text);
  return input === null ? [state, []] : [withDialog(state, overlay, { input }), []];
}

function closeWorkflow(state: State, overlay: Extract<Overlay, { kind: 'workflow' }>): Step<State> {
  const closed = withView(state, { overlay: null });
  const { phase } = overlay;
  if (phase.step === 'starting')
    return flashed(closed, 'info', 'The start was asked for; the operation shows up under Operations.');
  if (phase.step !== 'watching') return [closed, []];
  const held = state.operations.byId.get(phase.operation);
  return held?.operation.finishedAt === null
    ? flashed(closed, 'info', 'The operation goes on; Operations (6) shows it.')
    : [closed, []];
}
