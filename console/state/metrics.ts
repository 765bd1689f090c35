/**
 * What is measured of each controller, as data: read from its statuses alone, one value for a second that was measured and
 * none for one that was not. Rates are made of its own counters by its own clock.
 */

import type { NodeStatus } from '../../messaging/index.js';
import { lagOf } from './members.js';
import { type Point, rateBetween, record, type Series } from './series.js';

export const metricKeys = [
  'commits',
  'proposals',
  'commitP50',
  'commitP99',
  'syncP99',
  'applyLag',
  'replicationLag',
  'reads',
  'requests',
  'routers',
] as const;
export type MetricKey = (typeof metricKeys)[number];
export type MetricSeries = Readonly<Partial<Record<MetricKey, Series>>>;

/** Counters as a controller had them, from which the next rates are measured. */
export interface CounterMark {
  readonly atMs: number;
  readonly values: Readonly<Partial<Record<MetricKey, number>>>;
}

interface Metric {
  readonly title: string;
  /** `rate`: per second, from a counter that only rises. The others are shown as they were said. */
  readonly kind: 'rate' | 'milliseconds' | 'entries' | 'count';
  /** What the chart is about, in words. */
  readonly explains: string;
  /** Null where the controller said nothing of it. */
  readonly from: (status: NodeStatus) => number | null;
}

export const metrics: Readonly<Record<MetricKey, Metric>> = {
  commits: {
    title: 'Commits/s',
    kind: 'rate',
    explains: 'entries committed',
    from: (status) => status.raft?.commit ?? null,
  },
  proposals: {
    title: 'Proposals/s',
    kind: 'rate',
    explains: 'entries that it proposed as leader',
    from: (status) => status.counters['proposals'] ?? null,
  },
  commitP50: {
    title: 'Commit p50',
    kind: 'milliseconds',
    explains: 'from proposal to commit, over the minute before',
    from: (status) => status.latency.commitP50Ms,
  },
  commitP99: {
    title: 'Commit p99',
    kind: 'milliseconds',
    explains: 'the slowest hundredth of them',
    from: (status) => status.latency.commitP99Ms,
  },
  syncP99: {
    title: 'Disk sync p99',
    kind: 'milliseconds',
    explains: 'writes of its log to disk, over the minute before',
    from: (status) => status.latency.syncP99Ms,
  },
  applyLag: {
    title: 'Apply lag',
    kind: 'entries',
    explains: 'committed and not yet in its model',
    from: ({ raft }) => (raft === null ? null : Math.max(0, raft.commit - raft.applied)),
  },
  replicationLag: {
    title: 'Replication lag',
    kind: 'entries',
    explains: 'of the follower that is furthest behind',
    from: (status) => replicationLag(status),
  },
  reads: {
    title: 'Reads/s',
    kind: 'rate',
    explains: 'linearizable reads',
    from: (status) => status.counters['reads'] ?? null,
  },
  requests: {
    title: 'Requests/s',
    kind: 'rate',
    explains: 'requests that it answered',
    from: (status) => status.counters['requests'] ?? null,
  },
  routers: {
    title: 'Routers online',
    kind: 'count',
    explains: 'as it hears them',
    from: (status) => (status.state === 'member' || status.state === 'standalone' ? status.routers.online : null),
  },
};

/** Only a leader knows how far the others are. */
function replicationLag({ raft, node }: NodeStatus): number | null {
  if (raft === null || raft.role !== 'leader') return null;
  const lags = raft.progress.filter((each) => each.id !== node).flatMap((each) => lagOf(each) ?? []);
  return lags.length === 0 ? null : Math.max(...lags);
}

export interface Measured {
  readonly mark: CounterMark | null;
  readonly series: MetricSeries;
}

/** The next measurement. Where the controller was started anew (`continues` is false), its counters begin anew too. */
export function measured(before: Measured, status: NodeStatus, now: number, continues: boolean): Measured {
  const second = Math.floor(now / 1_000);
  const mark = markOf(status);
  const from = continues ? before.mark : null;
  const gauges = addGauges(before.series, status, second);
  if (from === null) return { mark, series: gauges };
  const rates = ratesBetween(from, mark);
  if (rates === null) return { mark: from, series: gauges };
  if (rates === 'restarted') return { mark, series: gauges };
  let series = gauges;
  for (const [key, rate] of rates) {
    series = { ...series, [key]: covered(series[key] ?? [], second, mark.atMs - from.atMs, rate) };
  }
  return { mark, series };
}

function markOf(status: NodeStatus): CounterMark {
  const values: Partial<Record<MetricKey, number>> = {};
  for (const key of metricKeys) {
    const value = metrics[key].kind === 'rate' ? metrics[key].from(status) : null;
    if (value !== null) values[key] = value;
  }
  return { atMs: status.at, values };
}

function addGauges(series: MetricSeries, status: NodeStatus, second: number): MetricSeries {
  const next: Partial<Record<MetricKey, Series>> = { ...series };
  for (const key of metricKeys) {
    if (metrics[key].kind === 'rate') continue;
    const value = metrics[key].from(status);
    if (value !== null) next[key] = record(next[key] ?? [], second, value);
  }
  return next;
}

/** Null while the two are too close to tell a rate; `restarted` where any counter fell. */
function ratesBetween(from: CounterMark, to: CounterMark): ReadonlyMap<MetricKey, number> | null | 'restarted' {
  const rates = new Map<MetricKey, number>();
  for (const key of metricKeys) {
    const before = from.values[key];
    const after = to.values[key];
    if (before === undefined || after === undefined) continue;
    const rate = rateBetween({ atMs: from.atMs, value: before }, { atMs: to.atMs, value: after });
    if (rate === null || rate === 'restarted') return rate;
    rates.set(key, rate);
  }
  return rates;
}

/**
 * Statuses come a second apart and not quite: a rate that was measured over less than two seconds holds for both seconds
 * that it began and ended in. What was measured over longer stands at its end alone.
 */
function covered(series: Series, second: number, spanMs: number, rate: number): Series {
  const begun = (series.at(-1)?.second ?? second) === second - 2 && spanMs < rateSpanMsMax;
  return record(begun ? record(series, second - 1, rate) : series, second, rate);
}

const rateSpanMsMax = 2_000;

/** Over how many minutes the charts go. */
export const windowsMinutes = [1, 5, 15] as const;

/**
 * A series in `columns` parts up to `untilSecond`: each the highest of the seconds that it stands for, so that no peak is
 * lost, and nothing where nothing was measured.
 */
export function inColumns(
  series: readonly Point[],
  untilSecond: number,
  seconds: number,
  columns: number,
): readonly (number | null)[] {
  const found: (number | null)[] = Array.from({ length: columns }, () => null);
  const begin = untilSecond - seconds + 1;
  for (const { second, value } of series) {
    if (second < begin || second > untilSecond) continue;
    const at = Math.min(columns - 1, Math.floor(((second - begin) * columns) / seconds));
    found[at] = Math.max(found[at] ?? Number.NEGATIVE_INFINITY, value);
  }
  return found;
}
