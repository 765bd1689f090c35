/**
 * Everything that can be done now, in words: the palette and the menus are made from it. What changes the cluster opens
 * its checks; nothing here changes anything by itself.
 */
import { type ThemeName, themeNames } from '../theme.js';
import { operationTitle } from './columns.js';
import { selectedRow, tableOf } from './lists.js';
import { leaderOf, type MemberRow, membersOf } from './members.js';
import type { Step } from './messages.js';
import { chooseKind, kindsOf } from './model-data.js';
import { flashed, goTo, listOf, numbered, open, screenTitles } from './navigation.js';
import { placeOf, type State, withView } from './state.js';
import { operationsOf } from './tables.js';
import { beginWorkflow, watchOperation } from './workflow.js';

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
  return [...membershipCommands(state), ...placeCommands(state), ...consoleCommands(state)];
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
  const wanted = [`member ${row.id}`, `join ${row.id}`, `transfer ${row.id}`, `remove ${row.id}`];
  const ids = new Set(commandsOf(state).map((command) => command.id));
  return wanted.filter((id) => ids.has(id));
}

function membershipCommands(state: State): readonly Command[] {
  const leader = leaderOf(state);
  const barred = state.locked
    ? 'the console is locked; :unlock first'
    : !state.connection.up
      ? 'the console is cut off from NATS'
      : null;
  const noLeader = leader === null ? 'no leader is heard' : null;
  const commands: Command[] = [];
  for (const row of membersOf(state)) {
    commands.push(
      plain(`member ${row.id}`, `Details of ${row.id}`, 'controller show status', (now) =>
        open(now, { screen: 'member', node: row.id }),
      ),
    );
    const state_ = row.record?.status.state;
    if (row.membership === 'none' && state_ === 'blank') {
      commands.push(
        changing(
          `join ${row.id}`,
          `Join ${row.id} to the cluster`,
          'add member voter',
          barred ?? noLeader ?? (row.silent ? `${row.id} is silent` : null),
          (now) => beginWorkflow(now, { workflow: 'join', node: row.id, role: 'voter' }),
        ),
      );
    }
    if (row.membership === 'none') continue;
    commands.push(
      changing(`remove ${row.id}`, `Remove ${row.id} from the cluster`, 'delete member', barred ?? noLeader, (now) =>
        beginWorkflow(now, { workflow: 'remove', node: row.id }),
      ),
    );
    if (!row.leads && row.membership === 'voter') {
      commands.push(
        changing(`transfer ${row.id}`, `Transfer leadership to ${row.id}`, 'leader move', barred ?? noLeader, (now) =>
          beginWorkflow(now, { workflow: 'transfer', to: row.id }),
        ),
      );
    }
  }
  if (leader !== null) {
    commands.push(
      changing(
        'transfer',
        'Transfer leadership to whoever has caught up furthest',
        'leader move step down',
        barred,
        (now) => beginWorkflow(now, { workflow: 'transfer', to: null }),
      ),
    );
  }
  return commands;
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
      return openActions(state);
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

/** The menu of the controller that the cursor is on, or that is shown. */
export function openActions(state: State): Step<State> {
  const place = placeOf(state);
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
