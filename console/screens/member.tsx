/** One controller: what it says of itself, and what the leader knows of it. */
import { formatPosition } from '../../messaging/position.js';
import { entityTypeOfKind } from '../../messaging/schemas/model.js';
import type { NodeStatus } from '../../messaging/schemas/status.js';
import { headingSpans } from '../components/heading.js';
import type { Spans } from '../components/line.js';
import { sparkline } from '../components/spark.js';
import { memberRole, memberState } from '../state/columns.js';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatLatency,
  formatRate,
  formatTime,
  inOrder,
  plural,
} from '../state/format.js';
import { judgeHealth } from '../state/health.js';
import { lagOf, type MemberRow, membersOf, type RaftView } from '../state/members.js';
import { newest, slots } from '../state/series.js';
import type { State } from '../state/state.js';
import { fitted } from '../state/text.js';
import { gateText } from '../state/version-reasons.js';
import { glyphs, type Tone } from '../theme.js';
import { ageSpans } from './overview.js';
import { type Field, fieldLines, remedyLines, sentenceLines, TextScreen } from './text.js';

export function Member({ state, node }: { readonly state: State; readonly node: string }) {
  const row = membersOf(state).find((each) => each.id === node);
  const lines =
    row === undefined
      ? sentenceLines(glyphs.warn, `${node} is not known any more.`, state.size.columns, 'warn')
      : memberLines(state, row);
  return <TextScreen state={state} lines={lines} />;
}

function memberLines(state: State, row: MemberRow): readonly Spans[] {
  const width = state.size.columns;
  const { record, raft } = row;
  const standing = memberState(row, state.connection.up);
  const info: Spans = [
    { text: standing.text, tone: standing.tone },
    { text: `  ${memberRole(row).text}`, tone: 'dim' },
    ...(record === null ? [] : ageSpans(state, record.heardAt, null)),
  ];
  const title = headingSpans({ title: row.id, info, width });
  const reasons = judgeHealth(state).reasons.filter((reason) => reason.node === row.id);
  const attention = reasons.flatMap((reason) => [
    ...sentenceLines(
      glyphs[reason.level],
      reason.sentence,
      width,
      reason.level === 'info' ? 'plain' : reason.level,
      reason.level,
    ),
    ...remedyLines(reason.remedy, width),
  ]);
  if (record === null) return [title, ...attention];
  const { status } = record;
  return [
    title,
    ...attention,
    ...fieldLines(identityFields(status, state.now), width),
    [],
    ...section('Raft', width, raft === null ? [] : fieldLines(raftFields(row, raft), width)),
    ...section('Followers', width, raft === null || !row.leads ? [] : progressLines(raft)),
    ...section('Rates and latency', width, [
      ...commitLines(state, row, width),
      ...fieldLines(latencyFields(status), width),
    ]),
    ...section('Storage', width, fieldLines(storageFields(status), width)),
    ...section('Backups', width, fieldLines(backupFields(status, state.now), width)),
    ...section('Counters since its start', width, counterLines(status.counters, width)),
  ];
}

/** A part of a text with its heading; nothing at all where it has no lines. */
export function section(title: string, width: number, lines: readonly Spans[]): readonly Spans[] {
  return lines.length === 0 ? [] : [headingSpans({ title, width }), ...lines, []];
}

function identityFields(status: NodeStatus, now: number): readonly Field[] {
  const { min, max } = status.protocol;
  return [
    { name: 'Name', value: status.name },
    { name: 'Version', value: `${status.version}, protocol ${min === max ? max : `${min} to ${max}`}` },
    {
      name: 'Started',
      value: `${formatTime(status.startedAt)}, ${formatDuration(now - status.startedAt)} ago, incarnation ${formatCount(status.incarnation)}`,
    },
    { name: 'Cluster id', value: status.clusterId ?? '-' },
    { name: 'Position', value: formatPosition(status.position) },
    { name: 'Reached at', value: status.addresses.join(', ') || '-' },
    ...(status.http === null ? [] : [{ name: 'Health at', value: `http://${status.http}/readyz, /metrics` }]),
    { name: 'Feature gates', value: gateText(status.gates) || 'none is raised' },
    { name: 'Routers', value: `${formatCount(status.routers.online)} of ${formatCount(status.routers.known)} online` },
  ];
}

function raftFields(row: MemberRow, raft: RaftView): readonly Field[] {
  const { configuration } = raft;
  const group = (ids: readonly string[]): string => (ids.length === 0 ? 'none' : inOrder(ids));
  const leaving =
    configuration.votersOutgoing.length === 0 ? '' : `; changing from ${group(configuration.votersOutgoing)}`;
  const fields: Field[] = [
    {
      name: 'Role',
      value: `${raft.role} in term ${formatCount(raft.term)}, hears ${raft.hasQuorum ? 'a quorum' : 'no quorum'}`,
      tone: raft.hasQuorum ? undefined : 'bad',
    },
    { name: 'Leader', value: raft.leader ?? 'none known', tone: raft.leader === null ? 'bad' : undefined },
    {
      name: 'Log',
      value: `${formatCount(raft.firstIndex)} to ${formatCount(raft.lastIndex)}, committed ${formatCount(raft.commit)}, applied ${formatCount(raft.applied)}`,
    },
    { name: 'Voters', value: `${group(configuration.voters)}${leaving}` },
    { name: 'Learners', value: group([...configuration.learners, ...configuration.learnersNext]) },
  ];
  if (raft.transferringTo !== null) fields.push({ name: 'Handing over to', value: raft.transferringTo, tone: 'warn' });
  if (row.progress !== null) {
    const { state, match, lag, lastContactMs, active } = row.progress;
    const contact = lastContactMs === null ? 'never in contact' : `last contact ${formatAge(lastContactMs)} ago`;
    fields.push({
      name: 'As the leader has it',
      value: `${state}, match ${formatCount(match)}, ${formatCount(lag)} behind, ${contact}`,
      tone: active ? undefined : 'bad',
    });
  }
  return fields;
}

function progressLines(raft: RaftView): readonly Spans[] {
  if (raft.progress.length === 0) return [];
  const row = (id: string, state: string, ...numbers: readonly string[]): string =>
    `  ${fitted(id, 16)} ${fitted(state, 10)} ${numbers.map((text) => fitted(text, 11, 'right')).join(' ')}`;
  return [
    [{ text: row('Controller', 'State', 'Match', 'Next', 'Behind', 'Contact'), tone: 'dim' }],
    ...raft.progress
      .filter((each) => each.id !== raft.leader)
      .map((each): Spans => {
        const tone: Tone = each.active ? 'plain' : 'bad';
        const contact = each.lastContactMs === null ? 'never' : formatDuration(each.lastContactMs);
        const state = each.active ? each.state : 'no contact';
        const lag = lagOf(each);
        const match = lag === null ? 'unknown' : formatCount(each.match);
        const behind = lag === null ? '-' : formatCount(lag);
        return [
          {
            text: row(each.id, state, match, formatCount(each.next), behind, contact),
            tone,
          },
        ];
      }),
  ];
}

function commitLines(state: State, row: MemberRow, width: number): readonly Spans[] {
  const second = Math.floor(state.now / 1_000) - 1;
  const series = row.record?.measured.series.commits ?? [];
  const now = newest(series, second);
  const points = Math.max(10, Math.min(120, width - 36));
  return [
    [
      { text: `  ${fitted('Commits/s', 20)} `, tone: 'dim' },
      { text: fitted(now === null ? '-' : formatRate(now), 8) },
      { text: sparkline(slots(series, second, points)), tone: 'chart' },
    ],
  ];
}

function latencyFields({ latency }: NodeStatus): readonly Field[] {
  return [
    { name: 'Commit', value: `p50 ${formatLatency(latency.commitP50Ms)}, p99 ${formatLatency(latency.commitP99Ms)}` },
    { name: 'Disk sync', value: `p50 ${formatLatency(latency.syncP50Ms)}, p99 ${formatLatency(latency.syncP99Ms)}` },
  ];
}

function backupFields({ backup, counters }: NodeStatus, now: number): readonly Field[] {
  const installed = counters['snapshotsInstalled'];
  const fields: Field[] =
    installed === undefined ? [] : [{ name: 'Snapshots taken over', value: formatCount(installed) }];
  if (backup === null) return [...fields, { name: 'Planned', value: 'none' }];
  const { last, failure } = backup;
  fields.push(
    {
      name: 'Planned',
      value: `every ${formatDuration(backup.everyMs)}, ${formatCount(backup.keep)} kept, in ${backup.directory}`,
    },
    {
      name: 'Last',
      value:
        last === null
          ? 'none yet'
          : `${formatAge(Math.max(0, now - last.at))} ago, ${formatBytes(last.sizeBytes)} at ${formatPosition(last.position)}: ${last.path}`,
    },
    { name: 'Next', value: `in ${formatDuration(Math.max(0, backup.nextAt - now))}` },
  );
  if (failure !== null)
    fields.push({
      name: 'Failed',
      value: `${formatTime(failure.at)}: ${failure.message} (${failure.code})`,
      tone: 'bad',
    });
  return fields;
}

function storageFields({ storage }: NodeStatus): readonly Field[] {
  if (storage === null) return [];
  const entities = Object.entries(storage.entities).map(([kind, count]) => plural(count, kind, entityTypeOfKind[kind]));
  return [
    { name: 'Log', value: formatBytes(storage.raftBytes) },
    {
      name: 'Model',
      value: `${formatBytes(storage.modelBytes)}, ${entities.length === 0 ? 'empty' : entities.join(', ')}`,
    },
  ];
}

/** In as many columns as fit, read downwards. */
function counterLines(counters: NodeStatus['counters'], width: number): readonly Spans[] {
  const entries = Object.entries(counters).sort(([a], [b]) => (a < b ? -1 : 1));
  const across = Math.max(1, Math.floor((width - 2) / 40));
  const down = Math.ceil(entries.length / across);
  return Array.from(
    { length: down },
    (_, line): Spans =>
      Array.from({ length: across }, (_each, column) => entries[column * down + line]).flatMap((entry) =>
        entry === undefined
          ? []
          : [
              { text: `  ${fitted(entry[0], 24)} `, tone: 'dim' as const },
              { text: fitted(formatCount(entry[1]), 11, 'right') },
              { text: '  ' },
            ],
      ),
  );
}
