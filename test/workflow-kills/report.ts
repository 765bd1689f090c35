/** The matrix of workflow, step and victim, as Markdown. */
import { cellNames, cellsOf, type Victim } from './cells.js';
import type { Row } from './round.js';

export function matrixOf(rows: readonly Row[]): string {
  return cellNames
    .flatMap((workflow) => {
      const mine = rows.filter(({ cell }) => cell.workflow === workflow);
      return mine.length === 0 ? [] : [sectionOf(workflow, mine)];
    })
    .join('\n');
}

function sectionOf(workflow: Row['cell']['workflow'], rows: readonly Row[]): string {
  const cells = cellsOf(workflow);
  const victims = [...new Set(cells.map(({ victim }) => victim))];
  const steps = [...new Set(cells.map(({ at }) => at))];
  const wordOf = (at: string, victim: Victim): string => {
    const row = rows.find(({ cell }) => cell.at === at && cell.victim === victim);
    if (row === undefined) return '';
    if (row.problems.length > 0) return '**WRONG**';
    return row.outcome === 'done' ? `done, ${seconds(row.tookMs)}` : `${row.outcome}, ${seconds(row.tookMs)}`;
  };
  return `## ${workflow}
| step | ${victims.join(' | ')} |
| --- |${victims.map(() => ' --- |').join('')}
${steps.map((at) => `| \`${at}\` | ${victims.map((victim) => wordOf(at, victim)).join(' | ')} |`).join('\n')}
`;
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}

export function summaryOf(rows: readonly Row[]): string {
  const count = (of: (row: Row) => boolean) => rows.filter(of).length;
  const gaps = rows.map(({ longestGapMs }) => longestGapMs).sort((a, b) => a - b);
  return [
    `${rows.length} kills`,
    `${count(({ outcome }) => outcome === 'done')} done`,
    `${count(({ outcome }) => outcome.startsWith('taken back'))} taken back`,
    `${count(({ outcome }) => outcome.startsWith('failed'))} failed with what to do`,
    `${count(({ problems }) => problems.length > 0)} wrong`,
    `longest gap in writes: median ${Math.round(gaps[gaps.length >> 1] ?? 0)} ms, greatest ${Math.round(gaps.at(-1) ?? 0)} ms`,
  ].join('; ');
}
