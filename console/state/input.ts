/** What keys do: the key table names the action, this says what the action means where the operator is. */
import type { Action, KeyContext } from '../keys.js';
import { editHere, openActions, openMends, openSelected, setFilter, togglePause } from './commands.js';
import { copyTextOf } from './copy.js';
import { byText } from './format.js';
import { bodyRows, isTooSmall, listRows } from './layout.js';
import { cursorOf, nextSort, shownRows, withCursor } from './lists.js';
import { saveRows, toggleMark } from './marks.js';
import type { KeyPress, Step } from './messages.js';
import { windowsMinutes } from './metrics.js';
import { chooseKind, filterModel, kindsOf } from './model-data.js';
import { edited, scrolled, stride } from './moves.js';
import { back, backToLast, flashed, goTo, listOf, numbered } from './navigation.js';
import { inOverlay, mayConfirm } from './overlay-input.js';
import { type ListName, type Overlay, placeOf, type State, type View, withView } from './state.js';
import { emptyInput, inputOf, insert, type TextInput } from './text-input.js';

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
    case 'metrics':
      return ['metrics', 'text', 'everywhere'];
    case 'entity':
      return ['entity', 'text', 'everywhere'];
    case 'operations':
      return ['operations', 'list', 'everywhere'];
    case 'operation':
      return ['operations', 'text', 'everywhere'];
    case 'backups':
    case 'routers':
      return ['list', 'everywhere'];
    case 'router':
    case 'event':
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
    case 'preparing':
      return ['progress'];
    case 'change':
      return overlay.phase.step === 'shown' ? ['change', 'line'] : ['progress'];
  }
}

export function pressKey(given: State, key: KeyPress): Step<State> {
  if (isTooSmall(given.size)) return key.name === 'q' ? [given, [{ type: 'quit' }]] : [given, []];
  const state = given.view.flash === null ? given : withView(given, { flash: null });
  const action = state.keymap.actionOf(key.name, contextsOf(state));
  if (state.view.prompt !== null) return inPrompt(state, state.view.prompt, action, key.text);
  const { overlay } = state.view;
  return overlay === null ? onScreen(state, action) : inOverlay(state, overlay, action, key.text);
}

/** Pasted text goes where text is typed; it never acts as keys. */
export function paste(state: State, text: string): Step<State> {
  const line = text.split(/[\r\n]/u)[0] ?? '';
  const { prompt, overlay } = state.view;
  if (prompt !== null) return typed(state, prompt, insert(prompt.input, line));
  if (overlay?.kind === 'palette')
    return [withView(state, { overlay: { ...overlay, input: insert(overlay.input, line), index: 0 } }), []];
  // A name that confirms a change has to be typed, not pasted from where the plan was read.
  if (overlay?.kind === 'workflow' || overlay?.kind === 'change')
    return flashed(state, 'info', 'Type the name: pasting does not confirm.');
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
    case 'mend':
      return openMends(state);
    case 'edit':
      return editHere(state);
    case 'window':
      return [withView(state, { metricsWindow: (state.view.metricsWindow + 1) % windowsMinutes.length }), []];
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

/** Esc first gives up marks, then a filter, then a screen. */
function backOrClear(state: State): Step<State> {
  const list = listOf(state);
  if (list === null) return back(state);
  const view = state.view.lists[list];
  if (view.marks.length > 0)
    return [withView(state, { lists: { ...state.view.lists, [list]: { ...view, marks: [] } } }), []];
  if (view.filter === '') return back(state);
  return list === 'model' ? filterModel(setFilter(state, ''), '') : [setFilter(state, ''), []];
}

/** The controllers whose metrics can be shown, after the leader (null), whoever that is. */
function nextController(state: State, by: 1 | -1): string | null {
  const choices: readonly (string | null)[] = [null, ...[...state.nodes.keys()].sort(byText)];
  const at = Math.max(0, choices.indexOf(state.view.metricsOf));
  return choices[(at + by + choices.length) % choices.length] ?? null;
}

function sideways(state: State, by: 1 | -1): Step<State> {
  if (placeOf(state).screen === 'overview') {
    const panels = ['members', 'routers', 'events'] as const;
    const at = panels.indexOf(state.view.panel);
    return [withView(state, { panel: panels[(at + by + panels.length) % panels.length] ?? 'members' }), []];
  }
  if (placeOf(state).screen === 'metrics') return [withView(state, { metricsOf: nextController(state, by) }), []];
  const kinds = kindsOf(state).map((each) => each.kind);
  const at = kinds.indexOf(state.model.kind);
  const lists = {
    ...state.view.lists,
    model: { ...state.view.lists.model, filter: '', marks: [], id: null, index: 0, top: 0 },
  };
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
    case 'mark':
      return toggleMark(state, list, height);
    case 'save':
      return saveRows(state, list);
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

function inText(state: State, action: Action): Step<State> {
  const by = stride(action, bodyRows(state) - 1);
  return by === null ? [state, []] : [withView(state, { scroll: scrolled(state.view.scroll, by) }), []];
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
