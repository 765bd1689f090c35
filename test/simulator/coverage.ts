/** How often each fault fired and each state was reached. */
export type Coverage = Record<string, number>;

export function count(coverage: Coverage, what: string): void {
  coverage[what] = (coverage[what] ?? 0) + 1;
}

export function addCoverage(sum: Coverage, part: Coverage): void {
  for (const what of Object.keys(part)) sum[what] = (sum[what] ?? 0) + (part[what] ?? 0);
}
