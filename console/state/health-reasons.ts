/** What speaks against the cluster's health, each finding with what to do: from what members say of themselves and each other. */
import type { ConfigurationView } from '../../messaging/index.js';
import type { Level } from '../theme.js';
import { formatCount, formatDuration, inOrder, listed } from './format.js';
import { contactMsMax, lagEntriesMax, silentAfterMs, staleAfterMs } from './limits.js';
import { ageOf, type ClusterFacts, claimants, isFresh, type Leader, lagOf, type MemberRow } from './members.js';
import { versionReasons } from './version-reasons.js';

export interface Reason {
  /** Stable name, e.g. `member-silent`. */
  readonly code: string;
  readonly level: Level;
  readonly sentence: string;
  /** What to do; empty where nothing needs to be done. */
  readonly remedy: string;
  /** The controller that it is about. */
  readonly node: string | null;
  /** Since when it is raised, where a controller says so: milliseconds since 1970, by its clock. */
  readonly since?: number | null;
}

/** What an operator gives, for each beginning that a status names. */
const flagOf: Readonly<Record<string, string>> = {
  bootstrap: '--bootstrap',
  standalone: '--standalone',
  restore: '--restore-from',
};

/** Several who say that they lead: at most one of them does. */
export function rivalReasons(facts: ClusterFacts, leader: Leader | null): readonly Reason[] {
  if (leader === null) return [];
  const { record, raft } = leader;
  const reasons: Reason[] = [];
  for (const rival of claimants(facts)) {
    const id = rival.record.status.node;
    if (id === record.status.node || !isFresh(facts, rival.record)) continue;
    if (rival.raft.term === raft.term) {
      reasons.push({
        code: 'two-leaders-in-one-term',
        level: 'bad',
        sentence: `${record.status.node} and ${id} both say that they lead term ${formatCount(raft.term)}: that must never be.`,
        remedy: 'Stop writing, stop both, keep their data directories, and report it with their logs.',
        node: id,
      });
    } else if (rival.record.heardAt > record.roleSince.at + staleAfterMs / 2) {
      // Its word from before the election does not count: only what it says since then.
      reasons.push({
        code: 'stale-leader',
        level: 'warn',
        sentence: `${id} still believes that it leads term ${formatCount(rival.raft.term)}; ${record.status.node} leads term ${formatCount(raft.term)}.`,
        remedy: `Nothing it accepts can be committed. Check the network between ${id} and the others.`,
        node: id,
      });
    }
  }
  return reasons;
}

export function memberReasons(
  facts: ClusterFacts,
  rows: readonly MemberRow[],
  leader: Leader | null,
): readonly Reason[] {
  return rows.flatMap((row) => (row.membership === 'none' ? outsiderReasons(row) : insiderReasons(facts, row, leader)));
}

function outsiderReasons(row: MemberRow): readonly Reason[] {
  const status = row.record?.status;
  if (status === undefined || row.silent) return [];
  switch (status.state) {
    case 'blank':
      return [
        about(
          row,
          'waits-to-join',
          'info',
          'is blank and waits to be joined.',
          `Join it: :join ${row.id}, or enter on it among the controllers`,
        ),
      ];
    case 'removed':
      return [
        about(
          row,
          'removed-runs',
          'info',
          'was removed and still runs; it serves nobody.',
          'Stop it, or reset its data directory and join it under a new id.',
        ),
      ];
    case 'damaged':
      return [
        about(
          row,
          'damaged',
          'bad',
          'has a damaged data directory.',
          'Reset its data directory and join it again as blank.',
        ),
      ];
    case 'member':
      return [
        about(
          row,
          'stranger',
          'warn',
          'says that it is a member, but the configuration does not name it.',
          'Check its cluster id, and whether it was removed while it was away.',
        ),
      ];
    case 'standalone':
      return [
        about(
          row,
          'standalone',
          'warn',
          'serves alone, without a cluster.',
          `Make it the first member of a cluster, then join others: :migrate ${row.id}`,
        ),
      ];
    case 'starting':
    case 'stopping':
      return [];
    default:
      return [newerStateReason(row, status.state)];
  }
}

function newerStateReason(row: MemberRow, state: string): Reason {
  const sentence = `says that it is "${state}", which this version does not know.`;
  return about(row, 'newer-state', 'info', sentence, 'Look at it with a console of its version.');
}

function insiderReasons(facts: ClusterFacts, row: MemberRow, leader: Leader | null): readonly Reason[] {
  const found = [contactReason(row, leader), catchUpReason(row)];
  const { record } = row;
  if (record?.status.state === 'damaged') {
    found.push(
      about(
        row,
        'damaged',
        'bad',
        'has a damaged data directory.',
        `:remove ${row.id}, reset its data directory, and join it under a new id.`,
      ),
    );
  }
  if (record !== null && isFresh(facts, record) && record.status.ignoredSettings.length > 0) {
    found.push(
      about(
        row,
        'ignored-settings',
        'info',
        `was given settings without effect: ${listed(record.status.ignoredSettings.map((name) => flagOf[name] ?? name))}.`,
        '',
      ),
    );
  }
  return found.filter((reason) => reason !== null);
}

/** Whether it is there: what this console hears of it, beside what the leader hears of it. */
function contactReason(row: MemberRow, leader: Leader | null): Reason | null {
  const { progress } = row;
  const grave: Level = row.membership === 'voter' ? 'bad' : 'warn';
  // Neither does the leader reach it, nor is its last word new: that word does not say that it speaks.
  const unheard = row.silent || (progress?.active === false && (row.ageMs ?? 0) > staleAfterMs);
  if (unheard && !(row.leads && leader !== null)) {
    const how =
      row.ageMs === null ? 'was never heard by this console' : `has been silent for ${formatDuration(row.ageMs)}`;
    return progress?.active === true
      ? about(
          row,
          'status-missing',
          'warn',
          `${how}, but the leader is in contact with it.`,
          'Check its NATS connection: its status does not get through.',
        )
      : about(
          row,
          'member-silent',
          grave,
          `(${row.membership}) ${how}.`,
          leader === null
            ? 'Start it, or mend its network. While nobody leads it cannot be removed.'
            : `Start it, or mend its network. If it is lost for good: :remove ${row.id}`,
        );
  }
  if (progress === null) return null;
  if (!progress.active) {
    return about(
      row,
      'out-of-contact',
      grave,
      'speaks to this console, but the leader has no contact with it.',
      'Check the network between them, and its permissions on raft subjects.',
    );
  }
  if (progress.lastContactMs === null || progress.lastContactMs <= contactMsMax) return null;
  const sentence = `was last in contact with the leader ${formatDuration(progress.lastContactMs)} ago.`;
  return about(row, 'contact-slow', 'warn', sentence, 'Check its load, its disk and the network between them.');
}

function catchUpReason(row: MemberRow): Reason | null {
  const { progress } = row;
  if (progress === null || !progress.active) return null;
  if (progress.state === 'snapshot') {
    return about(
      row,
      'takes-snapshot',
      // A learner that begins with one is on its way.
      row.membership === 'learner' ? 'info' : 'warn',
      "is behind the leader's log and takes a snapshot.",
      'Wait until it has caught up.',
    );
  }
  const lag = lagOf(progress);
  if (lag === null || lag <= lagEntriesMax) return null;
  return about(
    row,
    'lags',
    'warn',
    `is ${formatCount(lag)} entries behind the leader.`,
    'Wait if the lag falls; else check its disk (sync latency) and its network.',
  );
}

/** A reason whose sentence begins with the controller's name. */
function about(row: MemberRow, code: string, level: Level, sentence: string, remedy: string): Reason {
  return { code, level, sentence: `${row.id} ${sentence}`, remedy, node: row.id };
}

export function alarmReasons(facts: ClusterFacts): readonly Reason[] {
  return [...facts.nodes.values()].flatMap((record) =>
    ageOf(facts, record) > silentAfterMs
      ? []
      : record.status.alarms.map(
          (alarm): Reason => ({
            code: alarm.code,
            level: alarm.severity === 'error' ? 'bad' : 'warn',
            sentence: `${record.status.node}: ${alarm.message}`,
            remedy: alarm.remedy,
            node: record.status.node,
            since: alarm.since,
          }),
        ),
  );
}

export function configurationReasons(configuration: ConfigurationView, rows: readonly MemberRow[]): readonly Reason[] {
  const { voters, votersOutgoing } = configuration;
  const reasons: Reason[] = [];
  if (votersOutgoing.length > 0) {
    reasons.push({
      code: 'joint',
      level: 'info',
      sentence: `Membership is changing from ${inOrder(votersOutgoing)} to ${inOrder(voters)}: both need a majority.`,
      remedy: 'Wait until it is done.',
      node: null,
    });
  } else if (voters.length === 1) {
    reasons.push({
      code: 'single-voter',
      level: 'warn',
      sentence: 'There is only one voter: if it fails, nothing works.',
      remedy: 'Join two more controllers.',
      node: null,
    });
  } else if (voters.length % 2 === 0) {
    reasons.push({
      code: 'even-voters',
      level: voters.length === 2 ? 'warn' : 'info',
      sentence: `${voters.length} voters survive no more failures than ${voters.length - 1}, and need one more to agree.`,
      remedy: 'Join or remove one controller.',
      node: null,
    });
  }
  return [...reasons, ...versionReasons(rows)];
}
