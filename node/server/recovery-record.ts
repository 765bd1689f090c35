/** The record of a recovery: who asked for it, from where and when, what the survivor was asked and answered, what it did. */
import { formatPosition } from '../../messaging/position.js';
import { isMoreUpToDate, type RecoveryView } from '../../messaging/recovery.js';
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
  /** What it had promised beyond its model lay in the log. */
  readonly isLogWhole: boolean;
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

function findingsOf(
  { nodeId, view, leaveBehind, promised, isLogWhole }: RecoveryRecordSources,
  heard: number,
): Finding[] {
  const ok = (check: string, sentence: string): Finding => ({ check, outcome: 'ok', sentence, remedy: '' });
  const warn = (check: string, sentence: string, remedy: string): Finding => ({
    check,
    outcome: 'warn',
    sentence,
    remedy,
  });
  const voters = heard + view.missing.length;
  const self = view.survivors.find(({ node }) => node === nodeId);
  const behind = view.survivors.filter((each) => self !== undefined && isMoreUpToDate(each, self));
  const left = behind.map(({ node }) => node).filter((node) => leaveBehind.includes(node));
  const isKept = view.missing.length < Math.floor(voters / 2) + 1 && left.length === 0;
  const others = [...view.missing, ...left].join(', ');
  return [
    promised === null
      ? warn(
          'quorum-is-lost',
          'Nobody was asked: it was done on the directory.',
          'See that no controller of before leads.',
        )
      : ok('quorum-is-lost', `No leader was heard, and ${heard} of ${voters} voters.`),
    ok('is-a-voter', `${nodeId} votes; its log ended at ${self?.lastIndex ?? 0} in term ${self?.lastTerm ?? 0}.`),
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
    keptFinding(isLogWhole, isKept, others),
  ];
}

function keptFinding(isLogWhole: boolean, isKept: boolean, others: string): Finding {
  const check = 'acknowledged-kept';
  const remedy = 'Ask those who wrote.';
  if (!isLogWhole)
    return {
      check,
      outcome: 'warn',
      sentence: 'The log was gone or not whole: what was acknowledged behind the model is lost.',
      remedy,
    };
  if (!isKept)
    return { check, outcome: 'warn', sentence: `What was acknowledged and lay only on ${others} is lost.`, remedy };
  return { check, outcome: 'ok', sentence: 'Whatever was acknowledged lay on a voter that was heard.', remedy: '' };
}
