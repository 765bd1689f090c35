/** The matrix of workflow, step and victim, as Markdown. */
import { cellNames, cellsOf, leftOut, nameOf, type Victim } from './cells.js';
import { isPlayed, type Row } from './round.js';

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
${leftOut[workflow] === undefined ? '' : `\n${leftOut[workflow]}\n`}`;
}

/** docs/workflow-kills.md: a run as it was. */
export function documentOf(rows: readonly Row[]): string {
  const played = cellNames.flatMap((workflow) => cellsOf(workflow));
  const seen = new Set(rows.filter(isPlayed).map(({ cell }) => nameOf(cell)));
  const missing = played.filter((cell) => !seen.has(nameOf(cell))).length;
  return `${introduction}
${summaryOf(latestOf(rows))}${missing === 0 ? '' : `; ${missing} not played in this run`}.

${matrixOf(rows)}`;
}

const introduction = `# What is left when something is killed in the middle of a workflow

<!-- Made by \`npm run kill:workflows -- --matrix ROWS --document docs/workflow-kills.md\` from the outcomes of a run; do not edit. -->

Real controllers, a real nats-server, and the command line as a process of its own; a client writes throughout. In the moment in which the replicated record says that a step
runs, one victim is killed with SIGKILL: the **leader**, which runs the operation; the **target**, which is the controller that it is about or the candidate (of a rollback one of
those that are removed, of a restore a follower), started again half a second later, or only when the operation has ended (*for good*); the **terminal**. What is killed at comes from
the workflows' own data. After each kill: the operation has ended; it is whole (a member or not, the old model or the new one, nothing paused); the terminal, where it lives, says what the
record says; writes go on; every acknowledged write is there; an operation that failed says what to do. *Taken back*: as if it had not been asked for, but for an id that was used.
*Failed*: beyond the step that cannot be taken back, its effect was not seen in time; \`quorate operations resume ID\` looks again. A new cluster on a file begins by one commit,
before there is a leader: it is killed at any moment in test/restore/from-file.test.ts and new-cluster.test.ts.
`;

/** Of each cell the last one that was played. */
export function latestOf(rows: readonly Row[]): readonly Row[] {
  return [...new Map(rows.map((row) => [nameOf(row.cell), row])).values()];
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
