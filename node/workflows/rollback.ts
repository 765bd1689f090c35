/**
 * A cluster becomes a standalone controller again: one member stays, the others are removed and told so. Its legacy indexes
 * go on above any that was ever given. Removing the others cannot be taken back; if it ends before the step `count-by-legacy`, what is
 * left is a cluster of one, and the operation may be started again.
 */
import { membersOf } from '../raft/index.js';
import { cluster, member, mode } from './checks/index.js';
import type { Step, Verification, Work, Workflow } from './definition.js';
import { impactAfter } from './impact.js';
import { handOver } from './leadership.js';
import { leadsMaxMs } from './migrate.js';
import { backUp, lastIndex, pauseWrites, resumeWrites, routersArrived, routersFollow, switchTo } from './mode-steps.js';
import { untilItKnows } from './remove.js';
import { changeMembership, failed, waitUntil } from './waits.js';

const takeLead: Step = {
  name: 'take-lead',
  title: (target) => `See that ${target} leads`,
  run: async (work) => {
    const { actions, target } = work;
    if (actions.position().indexType === 'legacy') return `${target} serves alone`;
    const { leader } = actions.leadership();
    return leader === target || leader === null ? `${target} leads` : handOver(work, leader, () => target);
  },
};

const othersOf = ({ actions, target }: Work) => membersOf(actions.configuration()).filter((id) => id !== target);

const removeOthers: Step = {
  name: 'remove-others',
  title: () => 'Remove the other members, and see that they know it',
  noReturn: {
    because: 'the other members are being removed, for good',
    instead: 'Wait for the end, then begin a cluster again: `quorate migrate`.',
  },
  run: async (work) => {
    const { actions, target } = work;
    const others = othersOf(work);
    // An election in between may have made another one the leader.
    const { leader } = actions.leadership();
    if (leader !== target && leader !== null) await handOver(work, leader, () => target);
    await work.recheck([cluster.quorumHealthy]);
    // All at once, through a joint configuration: removed one by one, the last two could be one that stays and one that is away.
    await changeMembership(
      work,
      others.map((id) => ({ type: 'remove', id })),
      { isThere: () => othersOf(work).length === 0, members: [], what: `removing ${others.join(', ')}` },
    );
    const said: string[] = [];
    for (const id of others) said.push(`${id}: ${await untilItKnows(work, id)}`);
    return said.length === 0 ? `${target} is the only member` : said.join('; ');
  },
};

const servesAlone: Verification = {
  name: 'serves-alone',
  title: (target) => `${target} serves alone, on a new timeline`,
  run: async (work) => {
    const { actions, target } = work;
    await waitUntil(work, {
      forMs: leadsMaxMs,
      until: () => {
        const state = actions.status(target)?.status.state ?? 'nothing';
        return state === 'standalone' || `its status says ${state}`;
      },
      otherwise: (last) => failed(`${target} does not serve alone: ${last}`),
    });
    return `its legacy indexes go on after ${actions.position().index.toLocaleString('en-US')}, on epoch ${actions.position().timeline.epoch}`;
  },
};

export const rollback: Workflow = {
  name: 'rollback',
  summary: 'Makes one member of a cluster a standalone controller again; the other members are removed.',
  checks: [
    mode.isCluster,
    cluster.leaderCommittedInTerm,
    cluster.quorumHealthy,
    cluster.noChangePending,
    cluster.noOperationRunning,
    cluster.noTransferRunning,
    cluster.oneCluster,
    cluster.oneTimeline,
    mode.rollbackUnderstood,
    member.targetIsVoter,
    member.targetHealthy,
    member.targetCaughtUp,
    mode.othersReachable,
    mode.modelIntact,
    mode.diskSpace,
    mode.routersUnderstandLegacy,
  ],
  steps: [
    takeLead,
    backUp,
    removeOthers,
    pauseWrites,
    lastIndex('raft'),
    switchTo('legacy', 'Let the model be counted by legacy indexes, without a log, by one transaction', [
      mode.diskSpace,
      mode.routersUnderstandLegacy,
    ]),
    routersFollow,
    resumeWrites,
  ],
  verifications: [servesAlone, routersArrived],
  confirmation: (target) => target,
  impact: impactAfter,
};
