/** What rounds of the kill run came to: one line of JSON each, so that runs can be added up, and the sum for people. */
import { z } from 'zod';

const whom = ['leader', 'one', 'several', 'all'] as const;
export type Whom = (typeof whom)[number];

export const roundReportSchema = z.object({
  seed: z.number(),
  /** In the run with that seed, from 1 on. */
  round: z.number(),
  smallDisks: z.boolean(),
  problems: z.array(z.string()).readonly(),
  activity: z.string(),
  /** What was in flight when they were killed, as far as it was seen from outside. */
  phase: z.string(),
  killed: z.array(z.string()).readonly(),
  whom: z.enum(whom),
  /** Whether a restore took place, of those that were in flight. */
  restored: z.boolean(),
  acknowledgedWrites: z.number(),
  longestGapMs: z.number(),
  snapshotsInstalled: z.number(),
  compactions: z.number(),
  /** Disks that were full when it happened. */
  full: z.number(),
  durationMs: z.number(),
});
export type RoundReport = Readonly<z.infer<typeof roundReportSchema>>;

/** In the order of the runs that are added up. */
export function describeRounds(reports: readonly RoundReport[]): readonly string[] {
  const sum = (of: (report: RoundReport) => number): number => reports.reduce((total, each) => total + of(each), 0);
  const counted = (of: (report: RoundReport) => string, amount: (report: RoundReport) => number): string =>
    [...Map.groupBy(reports, of)]
      .map(([name, group]) => [name, group.reduce((total, each) => total + amount(each), 0)] as const)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const kills = ({ killed }: RoundReport): number => killed.length;
  const one = (): number => 1;
  const gaps = reports.map(({ longestGapMs }) => longestGapMs).sort((a, b) => a - b);
  const at = (share: number): number => Math.round(gaps[Math.floor(share * (gaps.length - 1))] ?? 0);
  const wrong = reports.filter(({ problems }) => problems.length > 0).length;
  return [
    `${reports.length} rounds, ${wrong === 0 ? 'nothing is wrong' : `${wrong} WRONG`}; ${Math.round(sum(({ durationMs }) => durationMs) / 1_000)} s, ${sum(kills)} kills (rounds by whom: ${counted((each) => each.whom, one)})`,
    `kills by phase: ${counted(({ phase }) => phase, kills)}`,
    `rounds by what was begun: ${counted(({ activity }) => activity, one)}; ${sum(({ restored }) => Number(restored))} restores took place`,
    `${sum(({ acknowledgedWrites }) => acknowledgedWrites)} acknowledged writes; ${sum(({ compactions }) => compactions)} entries compacted away; ${sum(({ snapshotsInstalled }) => snapshotsInstalled)} snapshots installed; ${sum(({ full }) => full)} full disks`,
    `longest gap in writes of a round: half of them below ${at(0.5)} ms, nine tenths below ${at(0.9)} ms, all below ${at(1)} ms`,
  ];
}

/** What was in flight, and who died. */
export function describeRound({ round, phase, killed, full, restored, durationMs }: RoundReport): string {
  const more = [
    full === 0 ? '' : `${full} disks full`,
    restored ? 'restored' : '',
    `${(durationMs / 1_000).toFixed(1)} s`,
  ];
  return `round ${round}: ${phase}; killed ${killed.join(', ')}; ${more.filter((each) => each !== '').join(', ')}`;
}
