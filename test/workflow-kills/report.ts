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
    const row = rows.findLast(({ cell }) => cell.at === at && cell.victim === victim);
    if (row === undefined) return '';
    // Ids are those of that run.
    return row.problems.length > 0 ? '**WRONG**' : row.outcome.replace(/\b(n)\d+\b/g, '$1X').replaceAll('|', '/');
  };
  return `## ${workflow}
| step | ${victims.join(' | ')} |
| --- |${victims.map(() => ' --- |').join('')}
${steps.map((at) => `| \`${at}\` | ${victims.map((victim) => wordOf(at, victim)).join(' | ')} |`).join('\n')}
`;
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
