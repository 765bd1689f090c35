/** The screens that are one list from top to bottom: controllers, routers, the model by kind, events, operations. */
import { Box } from 'ink';
import { formatPosition } from '../../messaging/position.js';
import { Heading, roomTaken } from '../components/heading.js';
import { Line, type Span, type Spans } from '../components/line.js';
import { filterSpans, moreSpans, TableView } from '../components/table.js';
import { formatCount, formatDuration, listed, plural } from '../state/format.js';
import { listRows } from '../state/layout.js';
import { entitiesMax, modelPollMs, snapshotsPollMs } from '../state/limits.js';
import { configurationOf } from '../state/members.js';
import { kindsOf } from '../state/model-data.js';
import type { ListName, State } from '../state/state.js';
import { glyphs } from '../theme.js';
import { ageSpans, routersInfo } from './overview.js';

interface ScreenProps {
  readonly state: State;
}

interface ListScreenProps extends ScreenProps {
  readonly name: ListName;
  readonly title: string;
  readonly info: Spans;
}

function ListScreen({ state, name, title, info }: ListScreenProps) {
  const { columns } = state.size;
  return (
    <Box flexDirection="column">
      <Heading title={title} info={[...info, ...filterSpans(state, name)]} width={columns} active />
      <TableView state={state} name={name} width={columns} height={listRows(state, name)} active />
    </Box>
  );
}

export function Members({ state }: ScreenProps) {
  const known = configurationOf(state);
  const info =
    known === null
      ? 'no configuration was heard'
      : `${plural(known.configuration.voters.length, 'voter')}, as ${known.by.status.node} has it`;
  return <ListScreen state={state} name="members" title="Controllers" info={[{ text: info, tone: 'dim' }]} />;
}

export function Routers({ state }: ScreenProps) {
  return <ListScreen state={state} name="routers" title="Routers" info={routersInfo(state)} />;
}

export function Events({ state }: ScreenProps) {
  const { rows, heard } = state.events;
  const kept = `${formatCount(heard)} heard, ${formatCount(rows.length)} kept, newest first`;
  return (
    <ListScreen
      state={state}
      name="events"
      title="Events"
      info={[{ text: kept, tone: 'dim' }, ...pausedSpans(state)]}
    />
  );
}

function pausedSpans(state: State): Spans {
  const { paused, rows } = state.events;
  if (paused === null) return [];
  const first = paused[0]?.key;
  const since = first === undefined ? rows.length : rows.findIndex((row) => row.key === first);
  const count = since === -1 ? `more than ${formatCount(rows.length)}` : formatCount(since);
  return [{ text: `  ${glyphs.warn} held still, ${count} came since`, tone: 'warn' }];
}

export function Operations({ state }: ScreenProps) {
  const { readAt, error, byId } = state.operations;
  const running = [...byId.values()].filter((each) => each.operation.finishedAt === null).length;
  const info: Span[] = [
    { text: `${formatCount(byId.size)} known, ${formatCount(running)} running`, tone: running > 0 ? 'info' : 'dim' },
  ];
  if (error !== null) {
    const age = readAt === null ? 'never read' : `read ${formatDuration(state.now - readAt)} ago`;
    info.push({ text: `  ${glyphs.warn} ${age}: ${error.message}`, tone: 'warn' });
  }
  return <ListScreen state={state} name="operations" title="Operations" info={info} />;
}

export function Backups({ state }: ScreenProps) {
  const planned = [...state.nodes.values()].filter(({ status }) => status.backup !== null);
  const failed = planned.filter(({ status }) => status.backup?.failure != null).length;
  const info: Spans =
    planned.length === 0
      ? [{ text: 'no controller plans any: quorate node --backup-every 1h', tone: 'warn' }]
      : [
          { text: `${plural(planned.length, 'controller')} plan them`, tone: 'dim' },
          ...(failed > 0 ? [{ text: `  ${glyphs.bad} ${failed} failed`, tone: 'bad' as const }] : []),
        ];
  const { columns } = state.size;
  const height = listRows(state, 'backups');
  return (
    <Box flexDirection="column">
      <Heading
        title="Schedules"
        info={[...info, ...moreSpans(state, 'backups', height, 2, columns - roomTaken('Schedules', info))]}
        width={columns}
      />
      <TableView state={state} name="backups" width={columns} height={height} active={false} />
      <Line spans={[]} width={columns} />
      <ListScreen state={state} name="snapshots" title="Snapshots" info={snapshotsInfo(state)} />
    </Box>
  );
}

function snapshotsInfo(state: State): Spans {
  const { byNode, readAt } = state.snapshots;
  const silent = [...byNode].filter(([, { error }]) => error !== null).map(([node]) => node);
  return [
    { text: `on ${plural(byNode.size, 'controller')}; enter checks or restores one`, tone: 'dim' },
    ...(silent.length > 0
      ? [{ text: `  ${glyphs.warn} no answer from ${listed(silent)}`, tone: 'warn' as const }]
      : []),
    ...(readAt === null ? [] : ageSpans(state, readAt + snapshotsPollMs, null)),
  ];
}

export function Model({ state }: ScreenProps) {
  const { columns } = state.size;
  return (
    <Box flexDirection="column">
      <Line spans={kindTabs(state)} width={columns} />
      <Line spans={[]} width={columns} />
      <ListScreen state={state} name="model" title={state.model.kind} info={modelInfo(state)} />
    </Box>
  );
}

function modelInfo(state: State): Spans {
  const { readAt, error, position, more } = state.model;
  if (readAt === null)
    return error === null ? [] : [{ text: `${glyphs.bad} ${error.message} ${error.remedy}`, tone: 'bad' }];
  return [
    { text: `at ${formatPosition(position)}`, tone: 'dim' },
    ...(more
      ? [{ text: `  ${glyphs.warn} only the first ${formatCount(entitiesMax)}; narrow with /`, tone: 'warn' as const }]
      : []),
    ...ageSpans(state, readAt + modelPollMs, error?.message ?? null),
  ];
}

function kindTabs(state: State): Spans {
  return kindsOf(state).flatMap(({ kind, count }): Span[] => {
    const chosen = kind === state.model.kind;
    return [
      { text: chosen ? ' ▸' : '  ', tone: 'accent' },
      { text: kind, tone: chosen ? 'heading' : 'plain' },
      { text: ` ${count === null ? '-' : formatCount(count)} `, tone: 'dim' },
    ];
  });
}
