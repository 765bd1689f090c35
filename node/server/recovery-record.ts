/** The record of a recovery: who asked for it, from where and when, what the survivor was asked and answered, what it did. */
import { ok, warn } from '../../messaging/finding.js';
import { formatPosition } from '../../messaging/position.js';
import { isMoreUpToDate, type KeptByRecovery, keptByRecovery, type RecoveryView } from '../../messaging/recovery.js';
import type { Finding, Operation } from '../../messaging/schemas/operations.js';
import type { Begun } from '../storage/index.js';
import { beginningRecord } from '../workflows/beginnings.js';
import type { Requester } from '../workflows/control.js';

export interface RecoveryRecordSources {
  readonly begun: Begun;
  readonly by: Requester & { readonly id: string };
  readonly nodeId: string;
  readonly view: RecoveryView;
  readonly leaveBehind: readonly string[];
  /** Others that were heard and gave their promise; null: nobody was asked, because the directory was all there was. */
  readonly promised: readonly string[] | null;
  readonly startedAt: number;
  readonly now: number;
}

export function recoveryRecord(sources: RecoveryRecordSources): Operation {
  const { begun, by, nodeId, view, leaveBehind, startedAt, now } = sources;
  const heard = view.survivors.filter(({ membership }) => membership === 'voter').length;
  const kept = begun.uncommittedKept;
  return beginningRecord({
    id: by.id,
    parameters: { workflow: 'recover', node: nodeId, leaveBehind: [...leaveBehind] },
    by: { requestedBy: by.requestedBy, origin: by.origin },
    findings: findingsOf(sources, heard),
    before: { voters: heard + view.missing.length, healthyVoters: heard },
    details: {
      'back-up': `in ${begun.backup}`,
      'apply-log': kept === 0 ? '' : `${kept} entries that nobody knew to be committed were kept`,
      'begin-timeline': `at ${formatPosition(begun.position)}`,
    },
    startedAt,
    now,
  });
}

function findingsOf({ nodeId, view, leaveBehind, promised }: RecoveryRecordSources, heard: number): readonly Finding[] {
  const self = view.survivors.find(({ node }) => node === nodeId);
  if (self === undefined) throw new Error(`${nodeId} is not among the survivors`);
  const voters = heard + view.missing.length;
  const behind = view.survivors.filter((each) => isMoreUpToDate(each, self)).map(({ node }) => node);
  const left = behind.filter((node) => leaveBehind.includes(node));
  return [
    promised === null
      ? warn(
          'quorum-is-lost',
          'Nobody was asked: it was done on the directory.',
          'See that no controller of before leads.',
        )
      : ok('quorum-is-lost', `No leader was heard, and ${heard} of ${voters} voters.`),
    ok('is-a-voter', `${nodeId} votes; its log ended at ${self.lastIndex} in term ${self.lastTerm}.`),
    left.length === 0
      ? ok('holds-the-newest', 'Nobody who was heard holds more.')
      : warn(
          'holds-the-newest',
          `${left.join(', ')} held more, and was left behind as asked.`,
          'See what of it is missed.',
        ),
    ok(
      'others-promise',
      promised === null || promised.length === 0 ? 'Nobody else was heard.' : `Promised by ${promised.join(', ')}.`,
    ),
    keptFinding(keptByRecovery(view, self)),
  ];
}

function keptFinding({ everything, elsewhere, damaged }: KeptByRecovery): Finding {
  const check = 'acknowledged-kept';
  if (everything) return ok(check, 'Whatever was acknowledged lay on a voter that was heard.');
  const sentences = [
    ...(elsewhere.length > 0 ? [`What was acknowledged and lay only on ${elsewhere.join(', ')} is lost.`] : []),
    ...(damaged.length > 0
      ? [
          `The log of ${damaged.join(', ')} was gone or not whole: what was acknowledged may have been in what it lacked.`,
        ]
      : []),
  ];
  return warn(check, sentences.join(' '), 'Ask those who wrote.');
}
