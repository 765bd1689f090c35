/**
 * What each list shows: its rows, and its columns as data. The same columns are drawn, sorted by and searched, so that
 * what is on the screen is what the filter finds.
 */
import type { Entity, OperationView, RouterView } from '../../messaging/index.js';
import {
  type Column,
  memberColumns,
  memberRole,
  memberState,
  routerColumns,
  routerState,
  routerSync,
} from './columns.js';
import { keepersOf, type MemberRow, membersOf } from './members.js';
import { backupColumns, entityColumns, eventColumns, operationColumns, snapshotColumns } from './record-columns.js';
import { type SnapshotRow, snapshotRows } from './snapshots.js';
import type { EventRow, ListName, State } from './state.js';
import { operationTitle } from './workflow-names.js';

export interface Table<Row> {
  readonly rows: (state: State) => readonly Row[];
  readonly id: (row: Row) => string;
  readonly search: (row: Row) => string;
  readonly columns: readonly Column<Row>[];
  /** New rows come in at the top: a cursor on the first row stays there. */
  readonly follows: boolean;
  /** What the list says when it holds nothing. */
  readonly empty: (state: State) => string;
}

const members: Table<MemberRow> = {
  rows: membersOf,
  id: (row) => row.id,
  search: (row) =>
    `${row.id} ${row.name} ${memberState(row).text} ${memberRole(row).text} ${row.record?.status.version ?? ''}`,
  columns: memberColumns,
  follows: false,
  empty: () => 'No controller has been heard yet.',
};

const routers: Table<RouterView> = {
  rows: (state) => state.routers.views,
  id: (row) => row.id,
  search: (row) => `${row.id} ${routerState(row).text} ${routerSync(row).text} ${row.version} ${row.connectedTo ?? ''}`,
  columns: routerColumns,
  follows: false,
  empty: (state) =>
    state.routers.readAt === null ? 'The list of routers has not been read yet.' : 'No router has been heard of.',
};

const events: Table<EventRow> = {
  rows: (state) => state.events.paused ?? state.events.rows,
  id: (row) => row.key,
  search: (row) => row.search,
  columns: eventColumns,
  follows: true,
  empty: () => 'No event has been heard since this console was started.',
};

export const tables = {
  'overview.members': members,
  'overview.routers': routers,
  'overview.events': { ...events, rows: (state: State) => state.events.rows } satisfies Table<EventRow>,
  members,
  routers,
  model: {
    rows: (state: State) => state.model.entities,
    id: (row: Entity) => row.id,
    search: (row: Entity) => `${row.name} ${row.id} ${Object.entries(row.tags).flat().join(' ')}`,
    columns: entityColumns,
    follows: false,
    empty: (state: State) =>
      state.model.readAt === null
        ? 'Reading ...'
        : `There is no ${state.model.kind}${state.model.filter === '' ? '' : ` with "${state.model.filter}"`}.`,
  } satisfies Table<Entity>,
  events,
  operations: {
    rows: (state: State) => operationsOf(state),
    id: (row: OperationView) => row.id,
    search: (row: OperationView) => `${operationTitle(row.parameters)} ${row.state} ${row.requestedBy} ${row.id}`,
    columns: operationColumns,
    follows: false,
    empty: (state: State) =>
      state.operations.readAt === null
        ? 'The list of operations has not been read yet.'
        : 'No operation was ever started.',
  } satisfies Table<OperationView>,
  backups: {
    ...members,
    rows: keepersOf,
    columns: backupColumns,
  } satisfies Table<MemberRow>,
  snapshots: {
    rows: snapshotRows,
    id: (row: SnapshotRow) => row.id,
    search: (row: SnapshotRow) => `${row.node} ${row.name} ${row.origin ?? ''} ${row.problem ?? ''}`,
    columns: snapshotColumns,
    follows: false,
    empty: (state: State) =>
      state.snapshots.readAt === null
        ? 'Asking the controllers ...'
        : 'No snapshot lies on any controller; :snapshot takes one.',
  } satisfies Table<SnapshotRow>,
} as const satisfies { readonly [Name in ListName]: unknown };

export type RowOf<Name extends ListName> = (typeof tables)[Name] extends Table<infer Row> ? Row : never;

/** Newest first. */
export function operationsOf(state: State): readonly OperationView[] {
  return [...state.operations.byId.values()]
    .map((each) => each.operation)
    .sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? 1 : -1));
}
