/** Durations: those of the last minute, bounded, for the two figures that people look at; and all of them, by size. */
import { Histogram } from './histogram.js';

const samplesMax = 2_048;
const windowMs = 60_000;

export class LatencyWindow {
  /** Seconds, since the start. */
  readonly histogram = new Histogram();
  // They grow to their bound as samples come: a member that has just started holds nothing.
  readonly #durations: number[] = [];
  readonly #times: number[] = [];
  #count = 0;

  add(durationMs: number, nowMs: number): void {
    const place = this.#count % samplesMax;
    this.#durations[place] = durationMs;
    this.#times[place] = nowMs;
    this.#count += 1;
    this.histogram.observe(durationMs / 1_000);
  }

  /** Milliseconds; null where nothing was measured in the last minute. */
  percentiles(nowMs: number): { readonly p50: number | null; readonly p99: number | null } {
    const held = Math.min(this.#count, samplesMax);
    const recent: number[] = [];
    for (let place = 0; place < held; place += 1) {
      if (nowMs - (this.#times[place] ?? 0) <= windowMs) recent.push(this.#durations[place] ?? 0);
    }
    recent.sort((a, b) => a - b);
    return { p50: at(recent, 0.5), p99: at(recent, 0.99) };
  }
}

function at(sorted: readonly number[], share: number): number | null {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}
