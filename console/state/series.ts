/**
 * Rates made from counters: never interpolated. A series holds one value for each second that was measured; a second
 * without a measurement has none, and is drawn as a gap.
 */
import { seriesMax } from './limits.js';

export interface Point {
  /** Seconds since 1970, by the console's clock. */
  readonly second: number;
  readonly value: number;
}
export type Series = readonly Point[];

/** Adds a measurement; a second one within the same second replaces the first. */
export function record(series: Series, second: number, value: number): Series {
  const last = series.at(-1);
  if (last !== undefined && second < last.second) return series;
  const kept = last?.second === second ? series.slice(0, -1) : series;
  return [...kept.slice(-(seriesMax - 1)), { second, value }];
}

/** One slot a second for the `count` seconds up to `untilSecond`; null where nothing was measured. */
export function slots(series: Series, untilSecond: number, count: number): readonly (number | null)[] {
  const found = new Map(series.map((point) => [point.second, point.value]));
  return Array.from({ length: count }, (_, index) => found.get(untilSecond - count + 1 + index) ?? null);
}

/** The newest value, if it is not older than `ageSecondsMax`. */
export function newest(series: Series, nowSecond: number, ageSecondsMax = 3): number | null {
  const last = series.at(-1);
  return last !== undefined && nowSecond - last.second <= ageSecondsMax ? last.value : null;
}

/** What a rate is measured from: a counter and when it stood there. */
export interface Mark {
  readonly atMs: number;
  readonly value: number;
}

/** Two marks closer than this give no rate: one entry more or less would look like a peak. */
const spanMsMin = 900;

/** The rate per second from `from` to `to`; null while they are too close; `restarted` where the counter fell. */
export function rateBetween(from: Mark, to: Mark): number | null | 'restarted' {
  if (to.value < from.value || to.atMs < from.atMs) return 'restarted';
  const spanMs = to.atMs - from.atMs;
  return spanMs < spanMsMin ? null : ((to.value - from.value) * 1_000) / spanMs;
}
