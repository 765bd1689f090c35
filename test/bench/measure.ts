/** How fast something is that is asked again and again, with a fixed number of requests under way. */

export interface Measurement {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Runs `request` with `inFlight` under way for `durationMs`; the first part of the time is not counted. */
export async function measure(
  inFlight: number,
  durationMs: number,
  request: (number: number) => Promise<void>,
): Promise<Measurement> {
  const latencies: number[] = [];
  const began = performance.now();
  const countFrom = began + durationMs / 5;
  const end = began + durationMs;
  let number = 0;
  async function client(): Promise<void> {
    for (let now = performance.now(); now < end; ) {
      number += 1;
      await request(number);
      const then = performance.now();
      if (now >= countFrom) latencies.push(then - now);
      now = then;
    }
  }
  await Promise.all(Array.from({ length: inFlight }, client));
  latencies.sort((a, b) => a - b);
  return {
    perSecond: latencies.length / ((performance.now() - countFrom) / 1_000),
    p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
