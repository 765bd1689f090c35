/** The start-up table on real directories: every combination that a directory can be in, asked for everything. */
import test from 'ava';
import { decideStart, ruleFor, type Situation, situationOf } from '../../node/cluster/decide-start.js';
import { type DirectoryFacts, inspectDirectory, lockDirectory, openStorage } from '../../node/storage/index.js';
import { directoryFor, everySituation, impossible, wishFor } from './situations.js';

/** What of a situation lies in the directory; the rest is who asks, and whether somebody has it open. */
function partOf({ lock: _lock, asked: _asked, owner, ...rest }: Situation): string {
  return JSON.stringify({ ...rest, owner: owner === 'nobody' ? owner : 'somebody' });
}

test('every combination is found as what it is, and has the outcome of the table', async (t) => {
  t.timeout(300_000);
  const found = new Map<
    string,
    { readonly directory: string; readonly free: DirectoryFacts; readonly held: DirectoryFacts }
  >();
  const opened = new Set<string>();
  const rules = new Set<string>();
  let checked = 0;
  let left = 0;
  for (const situation of everySituation()) {
    if (impossible(situation) !== undefined) {
      left += 1;
      continue;
    }
    const part = partOf(situation);
    let facts = found.get(part);
    if (facts === undefined) {
      const directory = await directoryFor(situation);
      const free = inspectDirectory(directory);
      const lock = lockDirectory(directory);
      facts = { directory, free, held: inspectDirectory(directory) };
      lock.release();
      found.set(part, facts);
    }
    const held = facts[situation.lock];
    const wish = wishFor(situation);
    // Where it is in use or newer, nothing more is looked at: then only the outcome counts.
    if (situation.lock === 'free' && situation.schema !== 'newer') {
      const seen = situationOf(held, wish);
      if (JSON.stringify(seen) !== JSON.stringify(situation)) t.deepEqual(seen, situation);
    }
    const outcome = decideStart(held, wish);
    const expected = ruleFor(situation);
    if (outcome.rule !== expected.name) t.is(outcome.rule, expected.name, JSON.stringify(situation));
    if (outcome.outcome === 'refuse' && /[{}]/.test(outcome.found + outcome.remedy)) t.fail(outcome.found);
    rules.add(outcome.rule);
    // What the table lets start is what storage opens.
    if (outcome.outcome !== 'refuse' && outcome.outcome !== 'recover' && !opened.has(part)) {
      opened.add(part);
      const about = { directory: facts.directory, clusterName: 'c', nodeId: 'n1', softwareVersion: 'test' };
      t.notThrows(() => openStorage({ ...about, now: () => 0 }).close(), JSON.stringify(situation));
    }
    checked += 1;
  }
  t.log(
    `${checked} combinations on ${found.size} directories; ${left} that no directory can be in; ${rules.size} rules`,
  );
  t.true(found.size > 200);
  t.true(checked > 6_000);
  t.true(opened.size > 5, `${opened.size} were opened`);
});
