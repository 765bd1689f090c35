/** Columns of the lists that are a history or a content: entities, events, operations, backups. */
import { formatPosition } from '../../messaging/position.js';
import type { Entity } from '../../messaging/schemas/model.js';
import type { OperationView } from '../../messaging/schemas/operations.js';
import { glyphs, levelWords } from '../theme.js';
import { type Cell, type Column, none, numberCell } from './columns.js';
import { formatAge, formatBytes, formatClock, formatDuration, formatTime } from './format.js';
import type { MemberRow } from './members.js';
import type { SnapshotRow } from './snapshots.js';
import type { EventRow } from './state.js';
import { operationTitle } from './workflow-names.js';

export const entityColumns: readonly Column<Entity>[] = [
  {
    key: 'name',
    title: 'Name',
    names: true,
    width: 18,
    widthMax: 40,
    cell: (row) => ({ text: row.name, tone: 'strong' }),
    by: (row) => row.name,
  },
  {
    key: 'id',
    title: 'Id',
    names: true,
    width: 16,
    widthMax: 40,
    cell: (row) => ({ text: row.id }),
    by: (row) => row.id,
  },
  {
    key: 'version',
    title: 'Version',
    width: 7,
    align: 'right',
    cell: (row) => numberCell(row.version),
    by: (row) => row.version,
  },
  {
    key: 'updated',
    title: 'Updated',
    width: 19,
    dispensable: 1,
    cell: (row) => ({ text: formatTime(row.updatedAt), tone: 'dim' }),
    by: (row) => row.updatedAt,
  },
  {
    key: 'tags',
    title: 'Tags',
    width: 12,
    widthMax: 60,
    dispensable: 2,
    cell: (row) => ({
      text: Object.entries(row.tags)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
      tone: 'dim',
    }),
  },
];

export const eventColumns: readonly Column<EventRow>[] = [
  {
    key: 'at',
    title: 'Time',
    width: 8,
    cell: (row) => ({ text: formatClock(row.at), tone: 'dim' }),
    by: (row) => row.at,
  },
  {
    key: 'level',
    title: 'Level',
    width: 7,
    dispensable: 1,
    cell: (row) => ({
      text: `${glyphs[row.level]} ${levelWords[row.level]}`,
      tone: row.level === 'info' ? 'dim' : row.level,
    }),
    by: (row) => row.level,
  },
  {
    key: 'type',
    title: 'Event',
    width: 20,
    widthMax: 26,
    dispensable: 2,
    cell: (row) => ({ text: row.type }),
    by: (row) => row.type,
  },
  {
    key: 'source',
    title: 'From',
    width: 8,
    widthMax: 20,
    dispensable: 3,
    cell: (row) => ({ text: row.source }),
    by: (row) => row.source,
  },
  {
    key: 'sentence',
    title: 'What',
    width: 40,
    widthMax: 400,
    cell: (row) => ({ text: row.sentence, tone: row.level === 'bad' ? 'bad' : 'plain' }),
  },
];

export function operationState(operation: OperationView): Cell {
  switch (operation.state) {
    case 'running':
      return { text: `${glyphs.info} running`, tone: 'info' };
    case 'rolling-back':
      return { text: `${glyphs.warn} rolling back`, tone: 'warn' };
    case 'done':
      return { text: `${glyphs.ok} done`, tone: 'ok' };
    case 'failed':
      return { text: `${glyphs.bad} failed`, tone: 'bad' };
    case 'cancelled':
      return { text: `${glyphs.warn} cancelled`, tone: 'warn' };
    default:
      return { text: `${glyphs.info} ${operation.state}`, tone: 'info' };
  }
}

function stepNow(operation: OperationView): string {
  const steps = [...operation.steps, ...operation.verifications];
  const at = steps.find((step) => step.state === 'failed') ?? steps.find((step) => step.state === 'running');
  const finished = steps.filter((step) => step.state === 'done' || step.state === 'skipped').length;
  return at === undefined ? `${finished} of ${steps.length} steps` : `${finished + 1} of ${steps.length}: ${at.title}`;
}

export const operationColumns: readonly Column<OperationView>[] = [
  {
    key: 'started',
    title: 'Started',
    width: 19,
    cell: (row) => ({ text: formatTime(row.startedAt), tone: 'dim' }),
    by: (row) => row.startedAt,
  },
  {
    key: 'what',
    title: 'Operation',
    width: 22,
    widthMax: 40,
    cell: (row) => ({ text: operationTitle(row.parameters), tone: 'strong' }),
    by: (row) => operationTitle(row.parameters),
  },
  { key: 'state', title: 'State', width: 14, cell: operationState, by: (row) => row.state },
  {
    key: 'took',
    restless: true,
    title: 'Took',
    width: 7,
    align: 'right',
    dispensable: 2,
    cell: (row, state) => ({ text: formatDuration((row.finishedAt ?? state.now) - row.startedAt) }),
    by: (row) => (row.finishedAt ?? Number.MAX_SAFE_INTEGER) - row.startedAt,
  },
  {
    key: 'by',
    title: 'By',
    width: 10,
    widthMax: 24,
    dispensable: 3,
    cell: (row) => ({ text: row.requestedBy }),
    by: (row) => row.requestedBy,
  },
  {
    key: 'step',
    title: 'Step',
    width: 16,
    widthMax: 80,
    dispensable: 1,
    cell: (row) => ({
      text: row.error === null ? stepNow(row) : row.error.message,
      tone: row.error === null ? 'dim' : 'bad',
    }),
  },
];

type Backup = NonNullable<NonNullable<MemberRow['record']>['status']['backup']>;

function backupOf(row: MemberRow): Backup | null {
  return row.record?.status.backup ?? null;
}

/** Late by a whole interval: something keeps it from being taken. */
export function backupState(row: MemberRow, now: number): Cell {
  const backup = backupOf(row);
  if (backup === null) return { text: `${glyphs.info} none planned`, tone: 'dim' };
  if (backup.failure !== null) return { text: `${glyphs.bad} failed`, tone: 'bad' };
  if (now - backup.nextAt > backup.everyMs) return { text: `${glyphs.warn} overdue`, tone: 'warn' };
  return backup.last === null
    ? { text: `${glyphs.info} none yet`, tone: 'info' }
    : { text: `${glyphs.ok} verified`, tone: 'ok' };
}

export const backupColumns: readonly Column<MemberRow>[] = [
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
    title: 'Backups',
    width: 14,
    cell: (row, state) => backupState(row, state.now),
    by: (row) => backupOf(row)?.failure?.code ?? '',
  },
  {
    key: 'last',
    restless: true,
    title: 'Last',
    width: 8,
    align: 'right',
    cell: (row, state) => {
      const last = backupOf(row)?.last ?? null;
      return last === null ? none : { text: formatAge(Math.max(0, state.now - last.at)) };
    },
    by: (row) => backupOf(row)?.last?.at ?? 0,
  },
  {
    key: 'position',
    title: 'Position',
    width: 10,
    widthMax: 16,
    align: 'right',
    cell: (row) => ({ text: formatPosition(backupOf(row)?.last?.position ?? null) }),
    by: (row) => backupOf(row)?.last?.position.index ?? -1,
  },
  {
    key: 'size',
    title: 'Size',
    width: 9,
    align: 'right',
    cell: (row) => {
      const last = backupOf(row)?.last ?? null;
      return last === null ? none : { text: formatBytes(last.sizeBytes) };
    },
    by: (row) => backupOf(row)?.last?.sizeBytes ?? -1,
  },
  {
    key: 'next',
    restless: true,
    title: 'Next in',
    width: 8,
    align: 'right',
    dispensable: 3,
    cell: (row, state) => {
      const backup = backupOf(row);
      return backup === null ? none : { text: formatDuration(Math.max(0, backup.nextAt - state.now)) };
    },
    by: (row) => backupOf(row)?.nextAt ?? 0,
  },
  {
    key: 'every',
    title: 'Every',
    width: 7,
    align: 'right',
    dispensable: 4,
    cell: (row) => {
      const backup = backupOf(row);
      return backup === null ? none : { text: formatDuration(backup.everyMs) };
    },
    by: (row) => backupOf(row)?.everyMs ?? 0,
  },
  {
    key: 'keep',
    title: 'Kept',
    width: 5,
    align: 'right',
    dispensable: 5,
    cell: (row) => numberCell(backupOf(row)?.keep),
    by: (row) => backupOf(row)?.keep ?? 0,
  },
  {
    key: 'where',
    title: 'Where, or why not',
    width: 20,
    widthMax: 90,
    dispensable: 1,
    cell: (row) => {
      const backup = backupOf(row);
      if (backup?.failure != null) return { text: backup.failure.message, tone: 'bad' };
      return backup === null ? none : { text: backup.directory, tone: 'dim' };
    },
  },
];

export const snapshotColumns: readonly Column<SnapshotRow>[] = [
  {
    key: 'created',
    title: 'Written',
    width: 19,
    cell: (row) => (row.createdAt === null ? none : { text: formatTime(row.createdAt) }),
    by: (row) => row.createdAt ?? 0,
  },
  {
    key: 'node',
    title: 'On',
    names: true,
    width: 8,
    widthMax: 20,
    cell: (row) => ({ text: row.node, tone: 'strong' }),
    by: (row) => row.node,
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
    key: 'size',
    title: 'Size',
    width: 9,
    align: 'right',
    cell: (row) => ({ text: formatBytes(row.sizeBytes) }),
    by: (row) => row.sizeBytes,
  },
  {
    key: 'origin',
    title: 'Origin',
    width: 9,
    dispensable: 1,
    cell: (row) => (row.origin === null ? none : { text: row.origin, tone: 'dim' }),
    by: (row) => row.origin ?? '',
  },
  {
    key: 'name',
    title: 'Name, or problem',
    width: 16,
    widthMax: 80,
    cell: (row) =>
      row.problem === null ? { text: row.name } : { text: `${glyphs.bad} ${row.name}: ${row.problem}`, tone: 'bad' },
    by: (row) => row.name,
  },
];
