/** What keys do in what lies over a screen: help, palette, menus, and the dialogs of workflows and changes. */
import type { Action } from '../keys.js';
import { changeAgain, confirmChange, editAgain } from './change.js';
import { type Command, commandsOf, findCommand, openOperationActions, runCommand } from './commands.js';
import { bodyRows } from './layout.js';
import { historyMax } from './limits.js';
import type { Step } from './messages.js';
import { edited, scrolled, stride } from './moves.js';
import { flash, flashed } from './navigation.js';
import { rank } from './search.js';
import { prepareRestore } from './snapshots.js';
import { type ChangeOverlay, type Overlay, type PreparingOverlay, type State, withView } from './state.js';
import { inputOf } from './text-input.js';
import { askAgain, confirm, withDialog } from './workflow.js';

/** Only where no check failed can a name be typed; to cancel, there are none. */
export function mayConfirm({ phase }: Extract<Overlay, { kind: 'workflow' }>): boolean {
  return phase.step === 'asking' || (phase.step === 'planned' && phase.plan.mayRun);
}

export function inOverlay(state: State, overlay: Overlay, action: Action | null, text: string): Step<State> {
  switch (overlay.kind) {
    case 'help':
      return inHelp(state, overlay, action);
    case 'palette':
      return inPalette(state, overlay, action, text);
    case 'menu':
      return inMenu(state, overlay, action);
    case 'workflow':
      return inWorkflow(state, overlay, action, text);
    case 'preparing':
      return inPreparing(state, overlay, action);
    case 'change':
      return inChange(state, overlay, action, text);
  }
}

function inHelp(state: State, overlay: Extract<Overlay, { kind: 'help' }>, action: Action | null): Step<State> {
  if (action === 'back') return [withView(state, { overlay: null }), []];
  const by = stride(action, bodyRows(state) - 2);
  return by === null ? [state, []] : [withView(state, { overlay: { ...overlay, top: scrolled(overlay.top, by) } }), []];
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
      const [done, effects] = runCommand(withView(state, { history }), chosen);
      return [done, [{ type: 'remember', history }, ...effects]];
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
    case 'enter':
      return choose(state, overlay.commands[overlay.index]);
    default:
      if (action?.startsWith('choose-') !== true) return [state, []];
      return choose(state, overlay.commands[Number(action.slice(7)) - 1]);
  }
}

function choose(state: State, id: string | undefined): Step<State> {
  if (id === undefined) return [state, []];
  const command = findCommand(state, id);
  return command === null
    ? [flash(withView(state, { overlay: null }), 'info', `${id}: no longer possible; the cluster has changed.`), []]
    : runCommand(state, command);
}

function inWorkflow(
  state: State,
  overlay: Extract<Overlay, { kind: 'workflow' }>,
  action: Action | null,
  text: string,
): Step<State> {
  if (action === 'back') return closeWorkflow(state, overlay);
  if (action === 'again') return askAgain(state, overlay);
  if (action === 'actions') return operationActions(state, overlay);
  if (action === 'enter') return confirm(state, overlay);
  const by = stride(action, bodyRows(state) - 4);
  if (by !== null) return [withDialog(state, overlay, { top: scrolled(overlay.top, by) }), []];
  if (!mayConfirm(overlay)) return [state, []];
  const input = edited(overlay.input, action, text);
  return input === null ? [state, []] : [withDialog(state, overlay, { input }), []];
}

/** What can be done with the operation that is watched. */
function operationActions(state: State, { phase }: Extract<Overlay, { kind: 'workflow' }>): Step<State> {
  const operation = phase.step === 'watching' ? state.operations.byId.get(phase.operation)?.operation : undefined;
  return operation === undefined ? [state, []] : openOperationActions(state, operation);
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

function inChange(state: State, dialog: ChangeOverlay, action: Action | null, text: string): Step<State> {
  // The editor has the terminal: what is typed is typed there.
  if (dialog.phase.step === 'editing') return [state, []];
  if (action === 'back') return closeChange(state, dialog);
  if (action === 'edit') return editAgain(state, dialog);
  if (action === 'again') return changeAgain(state, dialog);
  if (action === 'enter') return confirmChange(state, dialog);
  const by = stride(action, bodyRows(state) - 4);
  const put = (change: Partial<ChangeOverlay>): Step<State> => [
    withView(state, { overlay: { ...dialog, ...change } }),
    [],
  ];
  if (by !== null) return put({ top: scrolled(dialog.top, by) });
  if (dialog.phase.step !== 'shown') return [state, []];
  const input = edited(dialog.input, action, text);
  return input === null ? [state, []] : put({ input });
}

/** Closing changes nothing: the file is where it was, and a copy of it with the leader at most. */
function inPreparing(state: State, { node, name }: PreparingOverlay, action: Action | null): Step<State> {
  if (action === 'back') return [withView(state, { overlay: null }), []];
  return action === 'again' ? prepareRestore(state, { node, name }) : [state, []];
}

function closeChange(state: State, { phase }: ChangeOverlay): Step<State> {
  const closed = withView(state, { overlay: null });
  return phase.step === 'writing'
    ? flashed(closed, 'warn', 'The change was sent and not answered yet: look at the entity before you write again.')
    : [closed, []];
}
