/**
 * Some of the kills at each step of each workflow, others each day; all of them: `npm run kill:workflows`. What is killed at is
 * made from the workflows' own data: a new step is among them by itself.
 */
import test from 'ava';
import { workflows } from '../../node/workflows/index.js';
import { cellNames, cellsOf, nameOf, selection } from './cells.js';
import { summaryOf } from './report.js';
import type { Row } from './round.js';
import { runCells } from './run.js';

const dayMs = 86_400_000;
/** No kill is begun after this. */
const budgetMs = 40_000;
const given = process.env['QUORATE_KILL_ROTATION'];

test('every step and verification of every workflow has its kills', (t) => {
  for (const [name, { steps, verifications }] of Object.entries(workflows)) {
    const cells = cellsOf(name as keyof typeof workflows);
    for (const one of [...steps, ...verifications])
      t.true(cells.filter(({ at }) => at === one.name).length >= 2, `${name} / ${one.name}`);
  }
  const chosen = new Set(Array.from({ length: 200 }, (_, rotation) => selection(rotation).map(nameOf)).flat());
  const all = cellNames.flatMap(cellsOf).filter(({ victim }) => victim !== 'target for good');
  t.is(chosen.size, all.length, 'in time each is chosen');
});

test.serial('killed at a step, an operation ends as done or is taken back, and writes go on', async (t) => {
  t.timeout(900_000);
  const rotation = given === undefined ? Math.floor(Date.now() / dayMs) : Number(given);
  t.log(`again: QUORATE_KILL_ROTATION=${rotation} npm test -- test/workflow-kills/workflow-kills.test.ts`);
  const rows: Row[] = [];
  await runCells({
    cells: selection(rotation),
    budgetMs,
    onRow: (row) => {
      rows.push(row);
      t.log(`${nameOf(row.cell)}: ${row.outcome}`);
      t.deepEqual(row.problems, [], nameOf(row.cell));
    },
  });
  t.true(rows.length > 0);
  t.log(summaryOf(rows));
});
