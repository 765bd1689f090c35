/** What `quorate recover` tells: what the survivors hold, what may be lost, and what is left to do afterwards. */
import { keptByRecovery, type RecoveryView, type Survivor } from '../../messaging/recovery.js';
import type { Output } from '../output/output.js';
import { renderTable } from '../output/table.js';
import { listed, plural } from '../state/format.js';

function survivorLines(out: Output, view: RecoveryView, chosen: Survivor): readonly string[] {
  const table = renderTable(
    view.survivors,
    [
      {
        title: 'SURVIVOR',
        value: (each) => each.node,
        paint: (each, shown) => (each === chosen ? out.style('bold', shown) : shown),
      },
      { title: 'ROLE', value: (each) => each.membership },
      { title: 'LAST TERM', value: (each) => String(each.lastTerm), align: 'right' },
      { title: 'LAST INDEX', value: (each) => String(each.lastIndex), align: 'right' },
      { title: 'COMMIT', value: (each) => String(each.commit), align: 'right' },
      { title: 'APPLIED', value: (each) => String(each.applied), align: 'right' },
      { title: 'EPOCH', value: (each) => String(each.timeline?.epoch ?? '-'), align: 'right' },
      { title: '', value: (each) => (each.node === view.recommended ? 'recommended: it has the newest log' : '') },
    ],
    out.columns,
    (title) => out.style('dim', title),
  );
  return view.missing.length === 0 ? table : [...table, `Voters that are not heard: ${listed(view.missing)}`];
}

/** What the operator has to know before. */
export function mayBeLost(view: RecoveryView, chosen: Survivor): readonly string[] {
  const { everything, voters, majority, elsewhere, damaged } = keptByRecovery(view, chosen);
  const sentences: string[] = [];
  if (everything) {
    sentences.push(
      view.missing.length === 0
        ? 'Nothing that was acknowledged is lost: no voter is missing.'
        : `Nothing that was acknowledged is lost: it lies on ${majority} of ${voters} voters, and only ${listed(view.missing)} ${view.missing.length === 1 ? 'is' : 'are'} missing.`,
    );
  } else {
    if (elsewhere.length > 0)
      sentences.push(
        `Writes that were acknowledged and lie only on ${listed(elsewhere)} are lost. How many there are, no survivor can know.`,
      );
    if (damaged.length > 0)
      sentences.push(
        `The log of ${listed(damaged)} is not whole: damaged entries were dropped from it, and writes that were acknowledged may have been among them.`,
      );
  }
  const beyond = chosen.lastIndex - chosen.commit;
  if (beyond > 0)
    sentences.push(
      `${chosen.node} does not know whether its last ${plural(beyond, 'entry', 'entries')} were committed: all of it is kept, also what may never have been acknowledged.`,
    );
  return sentences;
}

export function showSurvivors(
  out: Output,
  { dryRun }: { readonly dryRun: boolean },
  view: RecoveryView,
  chosen: Survivor,
  losses: readonly string[],
): void {
  if (out.json) return;
  const lines = [...survivorLines(out, view, chosen), '', ...losses.map((each) => `${out.style('warn', '▲')} ${each}`)];
  if (dryRun) out.print(lines.join('\n'));
  else out.note(`${lines.join('\n')}\n`);
}

interface Told {
  readonly removed: readonly string[];
  readonly uncommittedKept: number;
  readonly backup: string;
}

export function afterwards(out: Output, node: string, { removed, uncommittedKept, backup }: Told): string {
  const lines = [
    uncommittedKept === 0
      ? ''
      : `${plural(uncommittedKept, 'entry', 'entries')} that nobody knew to be committed ${uncommittedKept === 1 ? 'was' : 'were'} kept`,
    `the state before is in ${backup} on ${node}`,
    removed.length === 0
      ? ''
      : `${listed(removed)} cannot come back under these ids: reset each directory (quorate reset), start it under a new id, and join it (quorate members join)`,
  ];
  return lines
    .filter((line) => line !== '')
    .map((line) => `  ${out.style('dim', line)}`)
    .join('\n');
}
