/**
 * One sentence that an operator can trust, and the reasons for it. Only what controllers said and this console heard
 * goes in; how long ago it was heard is part of the judgement. Nothing is assumed well because nothing was said.
 */
import type { ConfigurationView } from '../../messaging/index.js';
import type { Level } from '../theme.js';
import { formatClock, formatCount, formatDuration, inOrder, listed, plural } from './format.js';
import { alarmReasons, configurationReasons, memberReasons, type Reason, rivalReasons } from './health-reasons.js';
import { insecureReasons } from './insecurity.js';
import { listenMs, silentAfterMs, staleAfterMs } from './limits.js';
import {
  ageOf,
  type ClusterFacts,
  configurationOf,
  isFresh,
  type Leader,
  leaderOf,
  type MemberRow,
  membersOf,
} from './members.js';

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
  const reasons = [
    ...rivalReasons(facts, leader),
    ...memberReasons(facts, rows, leader),
    ...insecureReasons(facts),
    ...alarmReasons(facts),
    ...configurationReasons(known.configuration, rows),
  ];
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
    remedy: 'It reconnects by itself. Check the network from here to the NATS server.',
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
    remedy: 'Start a controller (quorate node --help), or check --cluster and --nats.',
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
  return result(
    'bad',
    `NO CONTROLLER heard for ${silentFor}; what you see is from ${formatClock(heardLast)}`,
    [reason],
    null,
  );
}

function noCluster(facts: ClusterFacts, rows: readonly MemberRow[]): Health {
  const reasons = [...memberReasons(facts, rows, null), ...insecureReasons(facts), ...alarmReasons(facts)].filter(
    (reason) => reason.code !== 'waits-to-join',
  );
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
    remedy: 'Start exactly one of them with --bootstrap, and join the others to it.',
    node: null,
  };
  const who = blank.length === 0 ? plural(rows.length, 'controller') : plural(blank.length, 'blank controller');
  return result('bad', `NO CLUSTER yet: ${who} heard, none is a member`, [reason, ...reasons], null);
}

const majority = (count: number): number => Math.floor(count / 2) + 1;

/** The majorities that a commit needs: one, or two while membership is changing. */
function majoritiesOf(configuration: ConfigurationView): readonly (readonly string[])[] {
  return configuration.votersOutgoing.length === 0
    ? [configuration.voters]
    : [configuration.voters, configuration.votersOutgoing];
}

function spareVoters(configuration: ConfigurationView, isUp: (id: string) => boolean): number {
  return Math.min(...majoritiesOf(configuration).map((ids) => ids.filter(isUp).length - majority(ids.length)));
}

function withoutLeader(
  facts: ClusterFacts,
  configuration: ConfigurationView,
  rows: readonly MemberRow[],
  reasons: readonly Reason[],
): Health {
  const heard = new Set(
    rows.filter((row) => !row.silent && row.record?.status.state === 'member').map((row) => row.id),
  );
  const voters = [...new Set(majoritiesOf(configuration).flat())];
  const up = voters.filter((id) => heard.has(id)).length;
  const followed = rows.find(
    (row) =>
      row.record !== null &&
      isFresh(facts, row.record) &&
      row.raft?.hasQuorum === true &&
      row.raft.leader !== null &&
      row.raft.leader !== row.id,
  );
  if (followed?.raft?.leader != null) {
    const id = followed.raft.leader;
    const reason: Reason = {
      code: 'leader-unheard',
      level: 'warn',
      sentence: `${followed.id} follows ${id}, but this console does not hear ${id}.`,
      remedy: `Check the NATS connection of ${id}: its status does not get through.`,
      node: id,
    };
    return result(
      'warn',
      `DEGRADED: leader ${id} is followed but its status is missing; ${up} of ${voters.length} voters heard`,
      [reason, ...reasons],
      null,
    );
  }
  if (spareVoters(configuration, (id) => heard.has(id)) < 0) {
    const reason: Reason = {
      code: 'no-quorum',
      level: 'bad',
      sentence: 'Nothing can be written until a majority of the voters is back.',
      remedy: `Start ${inOrder(voters.filter((id) => !heard.has(id)))}. If lost for good: \`quorate recover\`, in a shell.`,
      node: null,
    };
    return result(
      'bad',
      `NO QUORUM: ${up} of ${voters.length} voters heard, ${majority(configuration.voters.length)} needed; nothing can be written`,
      [reason, ...reasons],
      null,
    );
  }
  const since = Math.max(
    ...[...facts.nodes.values()]
      .filter((record) => !rows.find((row) => row.id === record.status.node)?.silent)
      .map((record) => record.roleSince.at),
  );
  const forText = Number.isFinite(since) ? ` for ${formatDuration(facts.now - since)}` : '';
  const reason: Reason = {
    code: 'no-leader',
    level: 'bad',
    sentence: 'No controller leads now; writes wait for an election.',
    remedy: 'An election takes under a second. If it lasts: check the network between the voters.',
    node: null,
  };
  return result(
    'bad',
    `NO LEADER${forText}: ${up} of ${voters.length} voters heard, an election is due`,
    [reason, ...reasons],
    null,
  );
}

function withLeader(
  facts: ClusterFacts,
  leader: Leader,
  rows: readonly MemberRow[],
  reasons: readonly Reason[],
): Health {
  const { record, raft } = leader;
  const id = record.status.node;
  const age = ageOf(facts, record);
  const healthy = new Set(rows.filter((row) => row.leads || row.progress?.active === true).map((row) => row.id));
  const { configuration } = raft;
  const voters = [...new Set(majoritiesOf(configuration).flat())];
  const count = `${voters.filter((voter) => healthy.has(voter)).length} of ${plural(voters.length, 'voter')}`;
  if (!raft.hasQuorum && age <= staleAfterMs) {
    const reason: Reason = {
      code: 'no-quorum',
      level: 'bad',
      sentence: `${id} leads term ${formatCount(raft.term)} but does not reach a majority: nothing can be committed.`,
      remedy: 'Start the voters that are away. If lost for good: `quorate recover`, in a shell.',
      node: id,
    };
    return result(
      'bad',
      `NO QUORUM: leader ${id} reaches ${count}, ${majority(configuration.voters.length)} needed; nothing can be written`,
      [reason, ...reasons],
      null,
    );
  }
  if (age > staleAfterMs) {
    const reason: Reason = {
      code: 'leader-silent',
      level: 'bad',
      sentence: `Leader ${id} has been silent for ${formatDuration(age)} and no other has come forward.`,
      remedy: 'An election takes under a second. If it lasts, look at the other members.',
      node: id,
    };
    return result(
      'bad',
      `UNCERTAIN: leader ${id} not heard for ${formatDuration(age)}; what it led is from ${formatClock(record.heardAt)}`,
      [reason, ...reasons],
      null,
    );
  }
  const spare = Math.max(
    0,
    spareVoters(configuration, (voter) => healthy.has(voter)),
  );
  const worst = [...reasons].sort((a, b) => weight[b.level] - weight[a.level])[0];
  const survives = `survives ${spare === 0 ? 'no failure' : plural(spare, 'failure')}`;
  const base = `${count}, leader ${id}, ${survives}`;
  if (worst === undefined || worst.level === 'info' || worst.level === 'ok')
    return result('ok', `Healthy: ${base}`, reasons, spare);
  const allUp = voters.every((voter) => healthy.has(voter));
  const reserveOnly =
    allUp &&
    reasons.every(
      (reason) => weight[reason.level] < weight.warn || reason.code === 'single-voter' || reason.code === 'even-voters',
    );
  // Red is for what has stopped or must never be; while a majority works the cluster is degraded, whatever failed.
  const level = reasons.some((reason) => reason.code === 'two-leaders-in-one-term') ? 'bad' : 'warn';
  return result(level, `${reserveOnly ? 'NO RESERVE' : 'DEGRADED'}: ${base}`, reasons, spare);
}
