/** What a kill run came to, as lines for people. */
import type { RoundReport } from './rounds.js';

export function describeRun(reports: readonly RoundReport[], seconds: number): readonly string[] {
  const sum = (of: (report: RoundReport) => number): number => reports.reduce((total, each) => total + of(each), 0);
  const counted = (of: (report: RoundReport) => string): string =>
    [...Map.groupBy(reports, of)]
      .map(([name, of]) => [name, of.length] as const)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const gaps = reports.map(({ longestGapMs }) => longestGapMs).sort((a, b) => a - b);
  const at = (share: number): number => Math.round(gaps[Math.floor(share * (gaps.length - 1))] ?? 0);
  return [
    `${reports.length} rounds in ${Math.round(seconds)} s, ${sum(({ killed }) => killed.length)} kills (${counted(({ whom }) => whom)})`,
    `in flight: ${counted(({ phase }) => phase)}`,
    `${sum(({ acknowledgedWrites }) => acknowledgedWrites)} acknowledged writes; ${sum(({ compactions }) => compactions)} entries compacted away; ${sum(({ full }) => full)} full disks`,
    `longest gap in writes of a round: half of them below ${at(0.5)} ms, nine tenths below ${at(0.9)} ms, all below ${at(1)} ms`,
  ];
}
