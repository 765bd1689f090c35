/** `npm run kill:workflows`: kills at every step of every workflow, one after the other, and prints the matrix. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readOptions } from '../support/options.js';
import { cellNames, cellsOf, nameOf } from './cells.js';
import { documentOf, latestOf, matrixOf, summaryOf } from './report.js';
import { isPlayed, type Row } from './round.js';
import { runCells } from './run.js';

const values = readOptions(
  {
    command: 'npm run kill:workflows',
    purpose:
      'Kills the leader, the target and the terminal at every step of every workflow: none may end half, and nothing acknowledged may be lost.',
    examples: [
      ['', 'all of it: half an hour and more'],
      ['--only join,remove', 'two workflows'],
      ['--only join --at promote', 'one step'],
      ['--rows rows.jsonl', 'keeps each outcome in a file as it comes'],
      ['--missing rows.jsonl --rows rows.jsonl', 'plays what such a file has no outcome of, and adds it'],
      ['--matrix rows.jsonl', 'prints the matrix of such a file, and kills nobody'],
    ],
  },
  {
    only: { type: 'string', describe: 'workflows, with commas' },
    at: { type: 'string', describe: 'steps, with commas' },
    victim: { type: 'string', describe: 'leader, target, "target for good" or terminal, with commas' },
    rows: { type: 'string', describe: 'a file to which each outcome is added, as a line of JSON' },
    missing: { type: 'string', describe: 'plays only what has no outcome in such a file yet' },
    matrix: { type: 'string', describe: 'prints what is in such a file' },
    document: { type: 'string', describe: 'writes docs/workflow-kills.md, or another file, from the outcomes' },
  },
);

function rowsIn(file: string): readonly Row[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

const listed = (text: string | undefined): readonly string[] | undefined => text?.split(',');
const matches = (wanted: readonly string[] | undefined, value: string): boolean => wanted?.includes(value) ?? true;

const rows: Row[] = [];
if (values.matrix !== undefined) rows.push(...rowsIn(values.matrix));
else {
  const before = values.missing === undefined ? [] : rowsIn(values.missing);
  const isThere = new Set(before.filter(isPlayed).map(({ cell }) => nameOf(cell)));
  const [only, at, victim] = [listed(values.only), listed(values.at), listed(values.victim)];
  // In the order in which they are named.
  const names = only === undefined ? cellNames : only.flatMap((one) => cellNames.filter((name) => name === one));
  const cells = names
    .flatMap(cellsOf)
    .filter((cell) => matches(at, cell.at) && matches(victim, cell.victim) && !isThere.has(nameOf(cell)));
  let played = 0;
  rows.push(...before);
  await runCells({
    cells,
    onRow: (row) => {
      rows.push(row);
      played += 1;
      console.log(`${played}/${cells.length} ${nameOf(row.cell)}: ${row.outcome} (${Math.round(row.tookMs)} ms)`);
      for (const problem of row.problems) console.log(`WRONG: ${problem}`);
      if (values.rows !== undefined) appendFileSync(values.rows, `${JSON.stringify(row)}\n`);
    },
  });
}
if (values.document !== undefined) writeFileSync(values.document, documentOf(rows));
const latest = latestOf(rows);
console.log(matrixOf(latest));
console.log(summaryOf(latest));
process.exit(latest.some(({ problems }) => problems.length > 0) || latest.length === 0 ? 1 : 0);
