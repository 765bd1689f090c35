/**
 * One sentence that an operator can trust, and the reasons for it. Only what controllers said and this console heard
 * goes in; how long ago it was heard is part of the judgement. Nothing is assumed well because nothing was said.
 */
import type { ConfigurationView } from '../../messaging/index.js';
import type { Level } from '../theme.js';
import { formatClock, formatCount, formatDuration, listed, plural } from './format.js';
import { contactMsMax, lagEntriesMax, listenMs, silentAfterMs, staleAfterMs } from './limits.js';
import { ageOf, type ClusterFacts, claimants, configurationOf, isFresh, type Leader, leaderOf, type MemberRow, membersOf } from './members.js';

export interface Reason {
  /** Stable name, e.g. `member-silent`. */
  readonly code: string;
  readonly level: Level;
  readonly sentence: string;
  /** What to do; empty where nothing needs to be done. */
  readonly remedy: string;
  /** The controller that it is about. */
  readonly node: string | null;
}

export interface Health {
  readonly level: Level;
  readonly sentence: string;
  /** Worst first. */
  readonly reasons: readonly Reason[];
  /** How many more voters may fail; null while nobody can know. */
  readonly failuresSurvived: number | null;
}

const weight: Readonly<Record<Level, number>> = { bad: 3, warn: 2, info: 1, ok: 0 };

export function judgeHealth(facts: ClusterFacts): Health {
  if (!facts.connection.up) return cutOff(facts);
  if (facts.nodes.size === 0) return nobodyHeard(facts);
  const rows = membersOf(facts);
  const known = configurationOf(facts);
  if (known === null) return noCluster(facts, rows);
  const heardLast = Math.max(...[...facts.nodes.values()].map((record) => record.heardAt));
  if (facts.now - heardLast > silentAfterMs) return allSilent(facts, heardLast);
  const leader = leaderOf(facts);
  const reasons = [...rivalReasons(facts, leader), ...memberReasons(facts, rows, leader), ...alarmReasons(facts), ...configurationReasons(known.configuration, rows)];
  return leader === null
    ? withoutLeader(facts, known.configuration, rows, reasons)
    : withLeader(facts, leader, rows, reasons);
}

function result(level: Level, sentence: string, reasons: readonly Reason[], failuresSurvived: number | null): Health {
  return { level, sentence, reasons: [...reasons].sort((a, b) => weight[b.level] - weight[a.level]), failuresSurvived };
}

function cutOff(facts: ClusterFacts): Health {
  const forText = formatDuration(facts.now - facts.connection.since);
  const last = facts.connection.lastHeardAt;
  const seen = last === null ? 'nothing was heard before' : `what you see is from ${formatClock(last)}`;
  const reason: Reason = {
    code: 'console-cut-off',
    level: 'bad',
    sentence: 'This console has lost its connection to NATS; the cluster may be well.',
    remedy: 'Wait: it reconnects by itself. Check the network from here to the NATS server, or look from another place.',
    node: null,
  };
  return result('bad', `Console cut off from NATS for ${forText}; ${seen}`, [reason], null);
}

function nobodyHeard(facts: ClusterFacts): Health {
  const waited = facts.now - facts.startedAt;
  if (waited < listenMs) return result('info', `Listening for controllers of cluster ${facts.cluster} ...`, [], null);
  const reason: Reason = {
    code: 'nobody-heard',
    level: 'bad',
    sentence: `No controller of a cluster named ${facts.cluster} speaks on this NATS server.`,
    remedy: 'Start a controller (quorate node --help), or check --cluster, --nats and the permissions of these credentials.',
    node: null,
  };
  return result('bad', `NO CONTROLLER of cluster ${facts.cluster} heard for ${formatDuration(waited)}`, [reason], null);
}

function allSilent(facts: ClusterFacts, heardLast: number): Health {
  const silentFor = formatDuration(facts.now - heardLast);
  const reason: Reason = {
    code: 'all-silent',
    level: 'bad',
    sentence: `All ${plural(facts.nodes.size, 'controller')} fell silent, though this console's connection to NATS is up.`,
    remedy: 'Check that their processes run and that they reach this NATS server.',
    node: null,
  };
  return result('bad', `NO CONTROLLER heard for ${silentFor}; what you see is from ${formatClock(heardLast)}`, [reason], null);
}

function noCluster(facts: ClusterFacts, rows: readonly MemberRow[]): Health {
  const reasons = [...memberReasons(facts, rows, null), ...alarmReasons(facts)].filter((reason) => reason.code !== 'waits-to-join');
  const standalone = rows.filter((row) => row.record?.status.state === 'standalone');
  const [alone] = standalone;
  if (alone !== undefined) {
    const sentence = `Standalone: ${listed(standalone.map((row) => row.id))} serves without a cluster, survives no failure`;
    return result('warn', sentence, reasons, 0);
  }
  const blank = rows.filter((row) => row.record?.status.state === 'blank');
  const reason: Reason = {
    code: 'no-cluster',
    level: 'bad',
    sentence: 'No cluster was begun yet: none of these controllers holds one.',
    remedy: 'Start exactly one of them with --bootstrap on its empty data directory; join the others to it.',
    node: null,
  };
  const who = blank.length === 0 ? plural(rows.length, 'controller') : plural(blank.length, 'blank controller');
  return result('bad', `NO CLUSTER yet: ${who} heard, none is a member`, [reason, ...reasons], null);
}

/** Several who say that they lead: at most one of them does. */
function rivalReasons(facts: ClusterFacts, leader: Leader | null): readonly Reason[] {
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
        sentence: `${record.status.node} and ${id} both say that they lead term ${raft.term}: that must never be.`,
        remedy: 'Stop writing, stop both, keep their data directories, and report it with quorate support-bundle.',
        node: id,
      });
    } else if (rival.record.heardAt > record.roleSince.at + staleAfterMs / 2) {
      // Its word from before the election does not count: only what it says since then.
      reasons.push({
        code: 'stale-leader',
        level: 'warn',
        sentence: `${id} still believes that it leads term ${rival.raft.term}; ${record.status.node} leads term ${raft.term}.`,
        remedy: `Nothing it accepts can be committed. Check the network between ${id} and the others.`,
        node: id,
      });
    }
  }
  return reasons;
}

function memberReasons(facts: ClusterFacts, rows: readonly MemberRow[], leader: Leader | null): readonly Reason[] {
  return rows.flatMap((row) => (row.membership === 'none' ? outsiderReasons(row) : insiderReasons(facts, row, leader)));
}

function outsiderReasons(row: MemberRow): readonly Reason[] {
  const status = row.record?.status;
  if (status === undefined || row.silent) return [];
  const about = { node: row.id };
  switch (status.state) {
    case 'blank':
      return [{ ...about, code: 'waits-to-join', level: 'info', sentence: `${row.id} is blank and waits to be joined.`, remedy: `Join it: enter on ${row.id}, or :join ${row.id}` }];
    case 'removed':
      return [{ ...about, code: 'removed-runs', level: 'info', sentence: `${row.id} was removed and still runs; it serves nobody.`, remedy: 'Stop it, or reset its data directory and join it under a new id.' }];
    case 'damaged':
      return [{ ...about, code: 'damaged', level: 'bad', sentence: `${row.id}: its data directory is damaged.`, remedy: 'Reset its data directory and join it again as blank.' }];
    case 'member':
      return [{ ...about, code: 'stranger', level: 'warn', sentence: `${row.id} says that it is a member, but the configuration does not name it.`, remedy: 'Check its cluster id and whether it was removed while it was away.' }];
    case 'standalone':
      return [{ ...about, code: 'standalone', level: 'warn', sentence: `${row.id} serves alone, without a cluster.`, remedy: 'Migrate it, or give it a cluster name of its own.' }];
    case 'starting':
    case 'stopping':
      return [];
  }
}

function insiderReasons(facts: ClusterFacts, row: MemberRow, leader: Leader | null): readonly Reason[] {
  const about = { node: row.id };
  const reasons: Reason[] = [];
  const { progress } = row;
  const reached = progress?.active === true;
  if (row.silent && !(row.leads && leader !== null)) {
    const how = row.ageMs === null ? 'was never heard by this console' : `has been silent for ${formatDuration(row.ageMs)}`;
    reasons.push(
      reached
        ? { ...about, code: 'status-missing', level: 'warn', sentence: `${row.id} ${how}, but the leader is in contact with it.`, remedy: 'Check its NATS connection: its status does not get through.' }
        : { ...about, code: 'member-silent', level: row.membership === 'voter' ? 'bad' : 'warn', sentence: `${row.id} (${row.membership}) ${how}.`, remedy: `Start it again or mend its network; if it is lost for good, remove it: enter on ${row.id}, or :remove ${row.id}` },
    );
  } else if (progress !== null && !reached) {
    reasons.push({ ...about, code: 'out-of-contact', level: row.membership === 'voter' ? 'bad' : 'warn', sentence: `${row.id} speaks to this console, but the leader has no contact with it.`, remedy: 'Check the network between them, and its permissions on raft subjects.' });
  } else if (progress?.lastContactMs != null && progress.lastContactMs > contactMsMax) {
    reasons.push({ ...about, code: 'contact-slow', level: 'warn', sentence: `${row.id}: last contact with the leader was ${formatDuration(progress.lastContactMs)} ago.`, remedy: 'Check its load, its disk and the network between them.' });
  }
  if (reached && progress.state === 'snapshot') {
    reasons.push({ ...about, code: 'takes-snapshot', level: 'warn', sentence: `${row.id} is behind the leader's log and takes a snapshot.`, remedy: 'Wait until it has caught up.' });
  } else if (reached && progress.lag > lagEntriesMax) {
    reasons.push({ ...about, code: 'lags', level: 'warn', sentence: `${row.id} is ${formatCount(progress.lag)} entries behind the leader.`, remedy: 'Wait if the lag falls; else check its disk (sync latency) and its network.' });
  }
  if (row.record?.status.state === 'damaged') {
    reasons.push({ ...about, code: 'damaged', level: 'bad', sentence: `${row.id}: its data directory is damaged.`, remedy: `Remove it (:remove ${row.id}), reset its data directory and join it again as blank.` });
  }
  if (row.record !== null && isFresh(facts, row.record) && row.record.status.ignoredSettings.length > 0) {
    reasons.push({ ...about, code: 'ignored-settings', level: 'info', sentence: `${row.id} was given settings without effect: ${listed(row.record.status.ignoredSettings)}.`, remedy: '' });
  }
  return reasons;
}

function alarmReasons(facts: ClusterFacts): readonly Reason[] {
  return [...facts.nodes.values()].flatMap((record) =>
    ageOf(facts, record) > silentAfterMs
      ? []
      : record.status.alarms.map((alarm): Reason => ({
          code: alarm.code,
          level: alarm.severity === 'error' ? 'bad' : 'warn',
          sentence: `${record.status.node}: ${alarm.message}`,
          remedy: alarm.remedy,
          node: record.status.node,
        })),
  );
}

function configurationReasons(configuration: ConfigurationView, rows: readonly MemberRow[]): readonly Reason[] {
  const { voters, votersOutgoing } = configuration;
  const reasons: Reason[] = [];
  if (votersOutgoing.length > 0) {
    reasons.push({ code: 'joint', level: 'info', sentence: `Membership is changing from ${listed([...votersOutgoing].sort())} to ${listed([...voters].sort())}: both need a majority.`, remedy: 'Wait until it is done.', node: null });
  } else if (voters.length === 1) {
    reasons.push({ code: 'single-voter', level: 'warn', sentence: 'There is only one voter: if it fails, nothing works.', remedy: 'Join two more controllers.', node: null });
  } else if (voters.length % 2 === 0) {
    reasons.push({ code: 'even-voters', level: voters.length === 2 ? 'warn' : 'info', sentence: `${voters.length} voters survive no more failures than ${voters.length - 1}, and need one more to agree.`, remedy: 'Join or remove one controller.', node: null });
  }
  const versions = new Set(rows.filter((row) => row.membership !== 'none' && row.record !== null).map((row) => row.record?.status.version ?? ''));
  if (versions.size > 1) {
    reasons.push({ code: 'mixed-versions', level: 'info', sentence: `Members run different versions: ${listed([...versions].sort())}.`, remedy: 'Finish the upgrade.', node: null });
  }
  return reasons;
}

const majority = (count: number): number => Math.floor(count / 2) + 1;

/** The majorities that a commit needs: one, or two while membership is changing. */
function majoritiesOf(configuration: ConfigurationView): readonly (readonly string[])[] {
  return configuration.votersOutgoing.length === 0 ? [configuration.voters] : [configuration.voters, configuration.votersOutgoing];
}

function spareVoters(configuration: ConfigurationView, isUp: (id: string) => boolean): number {
  return Math.min(...majoritiesOf(configuration).map((ids) => ids.filter(isUp).length - majority(ids.length)));
}

function withoutLeader(facts: ClusterFacts, configuration: ConfigurationView, rows: readonly MemberRow[], reasons: readonly Reason[]): Health {
  const heard = new Set(rows.filter((row) => !row.silent && row.record?.status.state === 'member').map((row) => row.id));
  const voters = [...new Set(majoritiesOf(configuration).flat())];
  const up = voters.filter((id) => heard.has(id)).length;
  const followed = rows.find((row) => row.record !== null && isFresh(facts, row.record) && row.raft?.hasQuorum === true && row.raft.leader !== null && row.raft.leader !== row.id);
  if (followed?.raft?.leader != null) {
    const id = followed.raft.leader;
    const reason: Reason = { code: 'leader-unheard', level: 'warn', sentence: `${followed.id} follows ${id}, but this console does not hear ${id}.`, remedy: `Check the NATS connection of ${id}: its status does not get through.`, node: id };
    return result('warn', `DEGRADED: leader ${id} is followed but its status is missing; ${up} of ${voters.length} voters heard`, [reason, ...reasons], null);
  }
  if (spareVoters(configuration, (id) => heard.has(id)) < 0) {
    const reason: Reason = { code: 'no-quorum', level: 'bad', sentence: 'Nothing can be written and no membership can change until a majority is back.', remedy: `Start the voters that are away: ${listed(voters.filter((id) => !heard.has(id)).sort())}.`, node: null };
    return result('bad', `NO QUORUM: ${up} of ${voters.length} voters heard, ${majority(configuration.voters.length)} needed; nothing can be written`, [reason, ...reasons], null);
  }
  const since = Math.max(...[...facts.nodes.values()].filter((record) => !rows.find((row) => row.id === record.status.node)?.silent).map((record) => record.roleSince.at));
  const forText = Number.isFinite(since) ? ` for ${formatDuration(facts.now - since)}` : '';
  const reason: Reason = { code: 'no-leader', level: 'bad', sentence: 'No controller leads now; writes wait for an election.', remedy: 'An election takes under a second. If it lasts: check the network between the voters.', node: null };
  return result('bad', `NO LEADER${forText}: ${up} of ${voters.length} voters heard, an election is due`, [reason, ...reasons], null);
}

function withLeader(facts: ClusterFacts, leader: Leader, rows: readonly MemberRow[], reasons: readonly Reason[]): Health {
  const { record, raft } = leader;
  const id = record.status.node;
  const age = ageOf(facts, record);
  const healthy = new Set(rows.filter((row) => row.leads || row.progress?.active === true).map((row) => row.id));
  const { configuration } = raft;
  const voters = [...new Set(majoritiesOf(configuration).flat())];
  const count = `${voters.filter((voter) => healthy.has(voter)).length} of ${plural(voters.length, 'voter')}`;
  if (!raft.hasQuorum && age <= staleAfterMs) {
    const reason: Reason = { code: 'no-quorum', level: 'bad', sentence: `${id} leads term ${raft.term} but does not reach a majority: nothing can be committed.`, remedy: 'Bring back the voters that are away.', node: id };
    return result('bad', `NO QUORUM: leader ${id} reaches ${count}, ${majority(configuration.voters.length)} needed; nothing can be written`, [reason, ...reasons], null);
  }
  if (age > staleAfterMs) {
    const reason: Reason = { code: 'leader-silent', level: 'bad', sentence: `Leader ${id} has been silent for ${formatDuration(age)} and no other has come forward.`, remedy: 'An election takes under a second. If it lasts, look at the other members.', node: id };
    return result('bad', `UNCERTAIN: leader ${id} not heard for ${formatDuration(age)}; what it led is from ${formatClock(record.heardAt)}`, [reason, ...reasons], null);
  }
  const spare = Math.max(0, spareVoters(configuration, (voter) => healthy.has(voter)));
  const worst = [...reasons].sort((a, b) => weight[b.level] - weight[a.level])[0];
  const survives = `survives ${spare === 0 ? 'no failure' : plural(spare, 'failure')}`;
  const base = `${count}, leader ${id}, ${survives}`;
  if (worst === undefined || worst.level === 'info' || worst.level === 'ok') return result('ok', `Healthy: ${base}`, reasons, spare);
  const allUp = voters.every((voter) => healthy.has(voter));
  const reserveOnly = allUp && reasons.every((reason) => weight[reason.level] < weight.warn || reason.code === 'single-voter' || reason.code === 'even-voters');
  // Red is for what has stopped or must never be; while a majority works the cluster is degraded, whatever failed.
  const level = reasons.some((reason) => reason.code === 'two-leaders-in-one-term') ? 'bad' : 'warn';
  return result(level, `${reserveOnly ? 'NO RESERVE' : 'DEGRADED'}: ${base}`, reasons, spare);
}
