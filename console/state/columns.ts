/**
 * Columns as data: what a row says in each, what it is sorted by, what goes first where there is no room. Those of controllers
 * and routers.
 */
import { comparable, formatPosition, type Position } from '../../messaging/position.js';
import type { RouterView } from '../../messaging/schemas/router.js';
import { glyphs, type Tone } from '../theme.js';
import { formatAge, formatCount, formatDuration } from './format.js';
import { lagEntriesMax, staleAfterMs } from './limits.js';
import { type ClusterFacts, isFresh, lagOf, leaderOf, type MemberRow } from './members.js';
import type { State } from './state.js';

export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  readonly width: number;
  /** May grow up to this; the columns that may grow share what is left. */
  readonly widthMax?: number;
  /** Tells the rows apart: it grows before all others, and where it must be cut, that is in the middle. */
  readonly names?: boolean;
  readonly align?: 'left' | 'right';
  /** Changes at every moment: a screen reader leaves it out. */
  readonly restless?: boolean;
  /** The higher, the sooner it goes where there is no room. */
  readonly dispensable?: number;
  readonly cell: (row: Row, state: State) => Cell;
  /** What it is sorted by; a column without it cannot be sorted by. */
  readonly by?: (row: Row) => string | number;
}

export const none: Cell = { text: '-', tone: 'dim' };
export const numberCell = (value: number | null | undefined): Cell =>
  value === null || value === undefined ? none : { text: formatCount(value) };
/** What was said longer ago than two seconds is dim: its age stands in the last column. */
const said = (row: MemberRow, state: State, cell: Cell): Cell =>
  row.record === null ? none : isFresh(state, row.record) ? cell : { ...cell, tone: 'dim' };

/** While the console is cut off it hears nobody: that says nothing of them. */
export function memberState(row: MemberRow, connected = true): Cell {
  if (!connected) return { text: `${glyphs.info} unknown`, tone: 'dim' };
  const state = row.record?.status.state;
  if (row.membership !== 'none' && row.silent) return { text: `${glyphs.bad} silent`, tone: 'bad' };
  if (state === 'damaged') return { text: `${glyphs.bad} damaged`, tone: 'bad' };
  if (row.membership === 'none') {
    if (row.silent) return { text: `${glyphs.info} gone`, tone: 'dim' };
    if (state === 'blank') return { text: `${glyphs.info} blank`, tone: 'info' };
    if (state === 'removed') return { text: `${glyphs.info} removed`, tone: 'dim' };
    return { text: `${glyphs.warn} ${state ?? 'unknown'}`, tone: 'warn' };
  }
  if (state === 'starting' || state === 'stopping') return { text: `${glyphs.warn} ${state}`, tone: 'warn' };
  if (state !== undefined && state !== 'member') return { text: `${glyphs.warn} ${state}`, tone: 'warn' };
  if (row.progress !== null && !row.progress.active) return { text: `${glyphs.bad} no contact`, tone: 'bad' };
  if (row.progress?.state === 'snapshot') return { text: `${glyphs.warn} snapshot`, tone: 'warn' };
  return { text: `${glyphs.ok} up`, tone: 'ok' };
}

export function memberRole(row: MemberRow): Cell {
  if (row.membership === 'none') return none;
  if (row.leads) return { text: 'leader', tone: 'strong' };
  if (row.led) return { text: 'old leader', tone: 'dim' };
  if (row.membership === 'learner') return { text: 'learner', tone: 'info' };
  if (row.membership === 'joining' || row.membership === 'leaving') return { text: row.membership, tone: 'info' };
  return { text: row.raft?.role ?? 'voter' };
}

/** What a controller said that is silent now, it was: it may not be so any more. */
function roleAsHeard(row: MemberRow, state: State): Cell {
  const cell = memberRole(row);
  const stale =
    row.record !== null && row.raft !== null && row.membership !== 'none' && !row.led && !isFresh(state, row.record);
  // There is no room to say that it had not begun yet.
  return stale ? { text: `was ${cell.text.replace('pre-', '')}`, tone: 'dim' } : cell;
}

export const memberColumns: readonly Column<MemberRow>[] = [
  {
    key: 'id',
    title: 'Controller',
    names: true,
    width: 10,
    widthMax: 24,
    cell: (row) => ({ text: row.id, tone: 'strong' }),
    by: (row) => row.id,
  },
  {
    key: 'state',
    title: 'State',
    width: 12,
    cell: (row, state) => memberState(row, state.connection.up),
    by: (row) => memberState(row).text,
  },
  { key: 'role', title: 'Role', width: 13, cell: roleAsHeard, by: (row) => memberRole(row).text },
  {
    key: 'term',
    title: 'Term',
    width: 5,
    widthMax: 8,
    align: 'right',
    cell: (row, state) => said(row, state, numberCell(row.raft?.term)),
    by: (row) => row.raft?.term ?? -1,
  },
  {
    key: 'commit',
    restless: true,
    title: 'Commit',
    width: 8,
    widthMax: 13,
    align: 'right',
    cell: (row, state) => said(row, state, numberCell(row.raft?.commit)),
    by: (row) => row.raft?.commit ?? -1,
  },
  {
    key: 'applied',
    restless: true,
    title: 'Applied',
    width: 8,
    widthMax: 13,
    align: 'right',
    cell: (row, state) => said(row, state, numberCell(row.raft?.applied)),
    by: (row) => row.raft?.applied ?? -1,
  },
  {
    key: 'lag',
    title: 'Lag',
    width: 6,
    widthMax: 9,
    align: 'right',
    cell: (row) => {
      const lag = lagOf(row.progress);
      return lag === null ? none : { text: formatCount(lag), tone: lag > lagEntriesMax ? 'warn' : 'plain' };
    },
    by: (row) => lagOf(row.progress) ?? -1,
  },
  {
    key: 'contact',
    restless: true,
    title: 'Contact',
    width: 7,
    widthMax: 8,
    align: 'right',
    dispensable: 3,
    cell: (row) => (row.progress?.lastContactMs == null ? none : { text: formatDuration(row.progress.lastContactMs) }),
    by: (row) => row.progress?.lastContactMs ?? -1,
  },
  {
    key: 'version',
    title: 'Version',
    width: 9,
    widthMax: 14,
    dispensable: 2,
    cell: (row) => (row.record === null ? none : { text: row.record.status.version }),
    by: (row) => row.record?.status.version ?? '',
  },
  {
    key: 'name',
    title: 'Name',
    width: 14,
    widthMax: 28,
    dispensable: 5,
    cell: (row) => ({ text: row.name === '' ? '-' : row.name, tone: 'dim' }),
    by: (row) => row.name,
  },
  {
    key: 'up',
    restless: true,
    title: 'Running',
    width: 8,
    dispensable: 6,
    align: 'right',
    cell: (row, state) =>
      row.record === null
        ? none
        : said(row, state, { text: formatDuration(row.record.status.at - row.record.status.startedAt) }),
    by: (row) => row.record?.status.startedAt ?? 0,
  },
  {
    key: 'age',
    restless: true,
    title: 'Heard',
    width: 8,
    align: 'right',
    dispensable: 1,
    cell: (row) => heard(row.ageMs),
    by: (row) => row.ageMs ?? Number.MAX_SAFE_INTEGER,
  },
];

function heard(ageMs: number | null): Cell {
  if (ageMs === null) return { text: 'never', tone: 'bad' };
  return ageMs <= staleAfterMs ? { text: 'now', tone: 'dim' } : { text: `${formatDuration(ageMs)}`, tone: 'warn' };
}

/** The newest change of the model that the leader has published; a position in the log counts more than changes. */
export function newestChange(state: ClusterFacts): Position | null {
  const status = leaderOf(state)?.record.status;
  if (status === undefined || status.position === null || status.publishedIndex === 0) return null;
  return { ...status.position, index: status.publishedIndex };
}

/** Entries of the log that a router is behind the newest change of the model; null where the two cannot be compared. */
export function routerBehind(router: RouterView, newest: Position | null): number | null {
  if (router.inSync) return 0;
  if (router.position === null || newest === null || !comparable(router.position, newest)) return null;
  return Math.max(0, newest.index - router.position.index);
}

export function routerState(router: RouterView): Cell {
  if (router.refused !== null) return { text: `${glyphs.bad} refused`, tone: 'bad' };
  return router.online ? { text: `${glyphs.ok} online`, tone: 'ok' } : { text: `${glyphs.warn} offline`, tone: 'warn' };
}

export function routerSync(router: RouterView): Cell {
  if (router.inSync) return { text: `${glyphs.ok} in sync`, tone: 'ok' };
  return router.position === null
    ? { text: `${glyphs.info} empty`, tone: 'dim' }
    : { text: `${glyphs.warn} behind`, tone: 'warn' };
}

/** A list that was not read lately is dim: its age stands in the heading. */
function asRead(state: State, cell: Cell): Cell {
  const { readAt } = state.routers;
  return readAt !== null && state.now - readAt <= staleAfterMs ? cell : { ...cell, tone: 'dim' };
}

export const routerColumns: readonly Column<RouterView>[] = [
  {
    key: 'id',
    title: 'Router',
    names: true,
    width: 12,
    widthMax: 32,
    cell: (row) => ({ text: row.id, tone: 'strong' }),
    by: (row) => row.id,
  },
  {
    key: 'state',
    title: 'State',
    width: 10,
    cell: (row, state) => asRead(state, routerState(row)),
    by: (row) => routerState(row).text,
  },
  {
    key: 'sync',
    title: 'Model',
    width: 10,
    cell: (row, state) => asRead(state, routerSync(row)),
    by: (row) => routerSync(row).text,
  },
  {
    key: 'position',
    title: 'Position',
    width: 10,
    widthMax: 16,
    align: 'right',
    cell: (row) => ({ text: formatPosition(row.position) }),
    by: (row) => row.position?.index ?? -1,
  },
  {
    key: 'behind',
    title: 'Behind',
    width: 7,
    align: 'right',
    dispensable: 3,
    cell: (row, state) => numberCell(routerBehind(row, newestChange(state))),
    by: (row) => -(row.position?.index ?? -1),
  },
  {
    key: 'endpoints',
    title: 'List at',
    width: 8,
    align: 'right',
    dispensable: 5,
    cell: (row) => numberCell(row.endpointsIndex),
    by: (row) => row.endpointsIndex,
  },
  {
    key: 'version',
    title: 'Version',
    width: 9,
    widthMax: 14,
    dispensable: 2,
    cell: (row) => ({ text: row.version }),
    by: (row) => row.version,
  },
  {
    key: 'controller',
    title: 'Hello by',
    width: 10,
    widthMax: 20,
    dispensable: 4,
    cell: (row) => (row.connectedTo === null ? none : { text: row.connectedTo }),
    by: (row) => row.connectedTo ?? '',
  },
  {
    key: 'contact',
    restless: true,
    title: 'Contact',
    width: 8,
    align: 'right',
    dispensable: 1,
    cell: (row, state) => ({
      text: formatAge(row.lastContactMs + Math.max(0, state.now - (state.routers.readAt ?? state.now))),
      tone: row.online ? 'plain' : 'dim',
    }),
    by: (row) => row.lastContactMs,
  },
];
