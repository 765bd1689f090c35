/** The table of controllers that `status` and `members` show. */
import { setting } from '../config/common.js';
import { onOff } from '../config/setting.js';
import type { Output, Style } from '../output/output.js';
import { type Column, renderTable } from '../output/table.js';
import { formatDuration } from '../state/format.js';
import type { MemberRow } from '../state/members.js';
import type { ClusterView } from './cluster-view.js';

export const watchSetting = setting({
  flag: 'watch',
  alias: 'w',
  group: 'Options',
  describe: 'Keep showing it, every second, until Ctrl-C',
  schema: onOff,
});

export function memberLines(out: Output, view: ClusterView, rows: readonly MemberRow[] = view.rows): readonly string[] {
  return renderTable(rows, columns(out), out.columns, (title) => out.style('dim', title));
}

function columns(out: Output): readonly Column<MemberRow>[] {
  const raft = (pick: (value: NonNullable<MemberRow['raft']>) => number) => (row: MemberRow) =>
    row.raft === null ? '-' : String(pick(row.raft));
  return [
    {
      title: 'ID',
      value: (row) => row.id,
      widthMin: 8,
      paint: (row, text) => (row.leads ? out.style('bold', text) : text),
    },
    { title: 'NAME', value: (row) => row.name || '-', widthMin: 8, dropOrder: 5 },
    { title: 'ROLE', value: roleOf, paint: (row, text) => out.style(styleOf(row), text) },
    { title: 'TERM', value: raft((each) => each.term), align: 'right' },
    { title: 'COMMIT', value: raft((each) => each.commit), align: 'right', dropOrder: 2 },
    { title: 'APPLIED', value: raft((each) => each.applied), align: 'right' },
    { title: 'LAG', value: lagOf, align: 'right' },
    { title: 'CONTACT', value: contactOf, align: 'right' },
    {
      title: 'ROUTERS',
      value: (row) => (row.record === null ? '-' : String(row.record.status.routers.online)),
      align: 'right',
      dropOrder: 4,
    },
    {
      title: 'UP',
      value: (row) => (row.record === null ? '-' : formatDuration(row.record.status.at - row.record.status.startedAt)),
      align: 'right',
      dropOrder: 3,
    },
    { title: 'VERSION', value: (row) => row.record?.status.version ?? '-', widthMin: 5, dropOrder: 1 },
  ];
}

/** What it is in the cluster; what is not in it says so by its state. */
export function roleOf(row: MemberRow): string {
  if (row.leads) return 'leader';
  if (row.membership === 'none') return row.record?.status.state ?? '-';
  if (row.silent) return `${row.membership}, silent`;
  return row.raft?.role === 'candidate' || row.raft?.role === 'pre-candidate' ? row.raft.role : row.membership;
}

function styleOf(row: MemberRow): Style {
  if (row.leads) return 'good';
  if (row.membership === 'none') return 'dim';
  return row.silent ? 'bad' : 'accent';
}

function lagOf(row: MemberRow): string {
  if (row.leads) return '0';
  return row.progress === null ? '-' : String(row.progress.lag);
}

/** How long ago the leader heard it; for the leader, how old its own status is. */
function contactOf(row: MemberRow): string {
  const ms = row.leads ? row.ageMs : (row.progress?.lastContactMs ?? null);
  return ms === null ? '-' : formatDuration(ms);
}
