/**
 * Everything that can be done now, in words: the palette and the menus are made from it. What changes the cluster opens
 * its checks; nothing here changes anything by itself.
 */

import { formatPosition } from '../../messaging/position.js';
import type { Entity } from '../../messaging/schemas/model.js';
import type { OperationView } from '../../messaging/schemas/operations.js';
import { type ThemeName, themeNames } from '../theme.js';
import { beginCreate, beginDelete, beginUpdate } from './change.js';
import { clockStamp, formatBytes } from './format.js';
import { snapshotTimeoutMs } from './limits.js';
import { selectedRow, tableOf } from './lists.js';
import { type MemberRow, membersOf } from './members.js';
import { mendCommands } from './mends.js';
import type { Answer, Step } from './messages.js';
import { chooseKind, kindsOf } from './model-data.js';
import { flash, flashed, goTo, listOf, numbered, open, screenTitles } from './navigation.js';
import { barredBy, offersOf } from './offers.js';
import { prepareRestore, snapshotRows, verifySnapshot } from './snapshots.js';
import { placeOf, type State, withView } from './state.js';
import { operationsOf } from './tables.js';
import { beginCancel, beginResume, beginWorkflow, watchOperation } from './workflow.js';
import { operationTitle } from './workflow-names.js';

export interface Command {
  /** What may be typed in full, e.g. `join n4`. */
  readonly id: string;
  readonly title: string;
  /** Further words by which it is found. */
  readonly words: string;
  /** Whether it leads to a change of the cluster. */
  readonly changes: boolean;
  /** Why it cannot be done now. */
  readonly blocked: string | null;
  readonly run: (state: State) => Step<State>;
}

export function commandsOf(state: State): readonly Command[] {
  return [
    ...membershipCommands(state),
    ...operationCommands(state),
    ...placeCommands(state),
    ...modelCommands(state),
    ...consoleCommands(state),
  ];
}

export function findCommand(state: State, id: string): Command | null {
  return commandsOf(state).find((command) => command.id === id) ?? null;
}

export function runCommand(state: State, command: Command): Step<State> {
  const closed = withView(state, { overlay: null });
  if (command.blocked !== null) return flashed(closed, 'warn', `${command.title}: ${command.blocked}`);
  return command.run(closed);
}

/** What can be done with one controller; what cannot is there too, with why. */
export function actionsFor(state: State, row: MemberRow): readonly string[] {
  const offers = offersOf(state).filter((offer) => offer.node === row.id);
  const handOver = row.leads && row.membership === 'voter' ? ['transfer'] : [];
  const snapshot = maySnapshot(row) ? [`snapshot ${row.id}`] : [];
  return [`member ${row.id}`, ...handOver, ...offers.map((offer) => offer.id), ...snapshot];
}

/** What can be done with the file that the cursor is on. */
function openSnapshot(state: State): Step<State> {
  const row = selectedRow(state, 'snapshots');
  if (row === null) return flashed(state, 'info', 'There is no snapshot here; :snapshot takes one.');
  const commands = [`verify ${row.id}`, `restore ${row.id}`];
  return [withView(state, { overlay: { kind: 'menu', title: row.id, commands, index: 0 } }), []];
}

function fileCommands(state: State): readonly Command[] {
  const blocked = barredBy(state);
  return snapshotRows(state).flatMap((row) => [
    plain(`verify ${row.id}`, `Verify ${row.name}`, 'read check snapshot backup', (now) => verifySnapshot(now, row)),
    changing(
      `restore ${row.id}`,
      `Restore ${row.name}`,
      'model snapshot backup',
      row.problem === null ? blocked : 'the file is damaged',
      (now) => prepareRestore(now, row),
    ),
  ]);
}

/** Who holds a model can write it to a file. */
function maySnapshot(row: MemberRow): boolean {
  const state = row.record?.status.state;
  return !row.silent && (state === 'member' || state === 'standalone');
}

function snapshotCommands(state: State): readonly Command[] {
  return membersOf(state)
    .filter(maySnapshot)
    .map(({ id }) => {
      const blocked = state.locked ? 'the console is locked; :unlock first' : null;
      return {
        ...plain(`snapshot ${id}`, `Take a snapshot on ${id} now`, 'backup save', (now) => takeSnapshot(now, id)),
        blocked,
      };
    });
}

function takeSnapshot(state: State, node: string): Step<State> {
  const count = state.count + 1;
  const request = { verb: 'snapshot.create', node, params: {}, requestId: `${state.nonce}-${count}` } as const;
  return flashed({ ...state, count }, 'info', `${node} writes a snapshot ...`, [
    { type: 'request', request, timeoutMs: snapshotTimeoutMs },
  ]);
}

/** It changes nothing: what it answers is said in passing, wherever the operator is by then. */
export function takeSnapshotAnswer(state: State, answer: Extract<Answer, { verb: 'snapshot.create' }>): Step<State> {
  if (!answer.outcome.ok) return [flash(state, 'bad', answer.outcome.error.message, answer.outcome.error.remedy), []];
  const { path, sizeBytes, position } = answer.outcome.value;
  const what = `${answer.request.node} wrote a snapshot: ${formatBytes(sizeBytes)} at ${formatPosition(position)}`;
  return [flash(state, 'ok', what, path), []];
}

function membershipCommands(state: State): readonly Command[] {
  const details = membersOf(state).flatMap(({ id }) => [
    plain(`member ${id}`, `Details of ${id}`, 'controller show status', (now) =>
      open(now, { screen: 'member', node: id }),
    ),
    plain(`actions ${id}`, `What can be done with ${id}`, 'controller menu', (now) => actionsOf(now, id)),
  ]);
  const offers = offersOf(state).map(({ id, title, words, blocked, parameters }) =>
    changing(id, title, words, blocked, (now) => beginWorkflow(now, parameters)),
  );
  return [...details, ...offers, ...snapshotCommands(state), ...fileCommands(state)];
}

function placeCommands(state: State): readonly Command[] {
  return [
    ...numbered.map((screen, index) =>
      plain(screen, `Go to ${screenTitles[screen]}`, `screen ${index + 1}`, (now) => goTo(now, screen)),
    ),
    ...kindsOf(state).map(({ kind }) =>
      plain(`model ${kind}`, `Browse the model: ${kind}`, 'entities kind', (now) => {
        const [there, effects] = goTo(now, 'model');
        const [chosen, more] = chooseKind(there, kind);
        return [chosen, [...effects.filter((effect) => effect.type !== 'request'), ...more]];
      }),
    ),
    ...operationsOf(state)
      .filter((operation) => operation.finishedAt === null)
      .map((operation) =>
        plain(`watch ${operation.id}`, `Watch: ${operationTitle(operation.parameters)}`, 'operation progress', (now) =>
          watchOperation(now, operation),
        ),
      ),
  ];
}

function consoleCommands(state: State): readonly Command[] {
  const list = listOf(state);
  const commands: Command[] = [
    state.locked
      ? plain('unlock', 'Unlock: allow changes of the cluster', 'write readonly', (now) =>
          flashed(
            { ...now, locked: false },
            'ok',
            'Unlocked: changes are possible, each after its checks and a typed name.',
          ),
        )
      : plain('lock', 'Lock: allow no change of the cluster', 'readonly read-only', (now) =>
          flashed({ ...now, locked: true }, 'ok', 'Locked: nothing can be changed from this console.'),
        ),
    ...themeNames
      .filter((name) => name !== state.theme)
      .map((name) =>
        plain(`theme ${name}`, `Theme: ${name}`, 'colours looks', (now) => [
          { ...now, theme: name satisfies ThemeName },
          [],
        ]),
      ),
    plain('help', 'Help for this screen', 'keys', (now) => [withView(now, { overlay: { kind: 'help', top: 0 } }), []]),
    plain(
      'pause',
      state.events.paused === null ? 'Hold the events still' : 'Let the events go on',
      'freeze resume',
      togglePause,
    ),
    plain('mend', 'What mends what needs attention', 'repair fix alarms', openMends),
    plain('quit', 'Quit', 'exit q leave', (now) => [now, [{ type: 'quit' }]]),
  ];
  if (list !== null) {
    const { filter } = state.view.lists[list];
    if (filter !== '')
      commands.push(plain('clear filter', 'Clear the filter', 'all', (now) => [setFilter(now, ''), []]));
    for (const column of tableOf(list).columns) {
      if (column.by === undefined) continue;
      commands.push(
        plain(`sort ${column.key}`, `Sort by ${column.title}`, 'order', (now) => [setSort(now, column.key), []]),
      );
    }
  }
  return commands;
}

export function togglePause(state: State): Step<State> {
  const paused = state.events.paused === null ? state.events.rows : null;
  return [{ ...state, events: { ...state.events, paused } }, []];
}

export function setFilter(state: State, filter: string): State {
  const list = listOf(state);
  if (list === null) return state;
  return withView(state, { lists: { ...state.view.lists, [list]: { ...state.view.lists[list], filter, top: 0 } } });
}

function setSort(state: State, column: string): State {
  const list = listOf(state);
  if (list === null) return state;
  return withView(state, {
    lists: { ...state.view.lists, [list]: { ...state.view.lists[list], sort: { column, descending: false }, top: 0 } },
  });
}

/** Enter on a row: what it opens. */
export function openSelected(state: State): Step<State> {
  const list = listOf(state);
  switch (list) {
    case null:
      return [state, []];
    case 'overview.members':
    case 'members':
    case 'backups':
      return openActions(state);
    case 'snapshots':
      return openSnapshot(state);
    case 'overview.routers':
    case 'routers': {
      const row = selectedRow(state, list);
      return row === null ? [state, []] : open(state, { screen: 'router', router: row.id });
    }
    case 'overview.events':
    case 'events': {
      const row = selectedRow(state, list);
      return row === null ? [state, []] : open(state, { screen: 'event', key: row.key, row });
    }
    case 'model': {
      const row = selectedRow(state, list);
      return row === null ? [state, []] : open(state, { screen: 'entity', kind: row.kind, id: row.id });
    }
    case 'operations': {
      const row = selectedRow(state, list);
      return row === null ? [state, []] : open(state, { screen: 'operation', id: row.id });
    }
  }
}

/** What mends what needs attention, numbered as on the overview. */
export function openMends(state: State): Step<State> {
  const commands = mendCommands(state);
  if (commands.length === 0) return flashed(state, 'info', 'Nothing needs to be mended from here.');
  return [withView(state, { overlay: { kind: 'menu', title: 'What needs attention', commands, index: 0 } }), []];
}

function actionsOf(state: State, id: string): Step<State> {
  const row = membersOf(state).find((each) => each.id === id);
  if (row === undefined) return flashed(state, 'info', `${id} is not known any more.`);
  return [withView(state, { overlay: { kind: 'menu', title: id, commands: actionsFor(state, row), index: 0 } }), []];
}

/** The entity that the cursor is on, or that is shown. */
function entityHere(state: State): Entity | null {
  const place = placeOf(state);
  if (place.screen === 'model') return selectedRow(state, 'model');
  const shown = state.model.entity?.entity;
  return place.screen === 'entity' && shown?.id === place.id && shown.kind === place.kind ? shown : null;
}

export function editHere(state: State): Step<State> {
  const entity = entityHere(state);
  return entity === null ? flashed(state, 'info', 'There is no entity here.') : beginUpdate(state, entity);
}

function exportModel(state: State): Step<State> {
  const fileName = `quorate-${state.cluster}-model-${clockStamp(state.now)}.json`;
  return flashed(state, 'info', `Reading the whole model, to write it to ${fileName} ...`, [
    { type: 'export', fileName },
  ]);
}

function exchangeCommands(): readonly Command[] {
  return [
    plain('export', 'Export the whole model to a file', 'json save exchange', exportModel),
    plain('import', 'Import a model from a file: how', 'exchange openziti load', (now) => [
      flash(
        now,
        'info',
        'A file is imported from the command line, where its name can be completed.',
        'quorate import FILE --dry-run shows what would be taken and what left out; without --dry-run it begins.',
      ),
      [],
    ]),
  ];
}

function modelCommands(state: State): readonly Command[] {
  const blocked = barredBy(state);
  const entity = entityHere(state);
  const here =
    entity === null
      ? []
      : [
          changing(
            `edit ${entity.kind} ${entity.name}`,
            `Edit ${entity.kind} ${entity.name}`,
            'change',
            blocked,
            (now) => beginUpdate(now, entity),
          ),
          changing(
            `delete ${entity.kind} ${entity.name}`,
            `Delete ${entity.kind} ${entity.name}`,
            'remove',
            blocked,
            (now) => beginDelete(now, entity),
          ),
        ];
  const creates = kindsOf(state).map(({ kind }) =>
    changing(`create ${kind}`, `Create a new ${kind}`, 'add entity', blocked, (now) => beginCreate(now, kind)),
  );
  return [...here, ...creates, ...exchangeCommands()];
}

/** The operation that the cursor is on, or that is shown. */
function operationHere(state: State): OperationView | null {
  const place = placeOf(state);
  if (place.screen === 'operations') return selectedRow(state, 'operations');
  return place.screen === 'operation' ? (state.operations.byId.get(place.id)?.operation ?? null) : null;
}

/** What may be done with an operation; whether it can still be cancelled, or go on at all, the leader says. */
function operationCommandIds({ id, state, cancellation }: OperationView): readonly string[] {
  if (state === 'running') return cancellation === undefined ? [`cancel ${id}`] : [];
  return state === 'failed' ? [`resume ${id}`] : [];
}

export function openOperationActions(state: State, operation: OperationView): Step<State> {
  const commands = operationCommandIds(operation);
  if (commands.length === 0)
    return flashed(state, 'info', 'There is nothing to do: only what runs is cancelled, and what failed goes on.');
  const title = operationTitle(operation.parameters);
  return [withView(state, { overlay: { kind: 'menu', title, commands, index: 0 } }), []];
}

function operationCommands(state: State): readonly Command[] {
  const blocked = barredBy(state);
  return operationsOf(state).flatMap((operation) => {
    const title = operationTitle(operation.parameters);
    return operationCommandIds(operation).map((id) =>
      operation.state === 'failed'
        ? changing(id, `Go on: ${title}`, 'retry again operation', blocked, (now) => beginResume(now, operation))
        : changing(id, `Cancel: ${title}`, 'stop abort operation', blocked, (now) => beginCancel(now, operation)),
    );
  });
}

/** The menu of the controller that the cursor is on, or that is shown; among operations, that of the operation. */
export function openActions(state: State): Step<State> {
  const place = placeOf(state);
  const operation = operationHere(state);
  if (operation !== null) return openOperationActions(state, operation);
  if (place.screen === 'operations' || place.screen === 'operation') return [state, []];
  const row =
    place.screen === 'member'
      ? (membersOf(state).find((each) => each.id === place.node) ?? null)
      : selectedRow(state, place.screen === 'overview' ? 'overview.members' : 'members');
  if (row === null) return [state, []];
  const commands = actionsFor(state, row).filter((id) => place.screen !== 'member' || id !== `member ${row.id}`);
  if (commands.length === 0) return flashed(state, 'info', `Nothing can be done with ${row.id} from here.`);
  return [withView(state, { overlay: { kind: 'menu', title: row.id, commands, index: 0 } }), []];
}

function plain(id: string, title: string, words: string, run: Command['run']): Command {
  return { id, title, words, changes: false, blocked: null, run };
}

function changing(id: string, title: string, words: string, blocked: string | null, run: Command['run']): Command {
  return { id, title: `${title} ...`, words, changes: true, blocked, run };
}
