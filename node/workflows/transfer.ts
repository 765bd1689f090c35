/** Leadership goes to another voter. */
import { cluster, member } from './checks/index.js';
import type { Step, Verification, Workflow } from './definition.js';
import { impactAfter } from './impact.js';
import { handOver } from './leadership.js';
import { failed, waitUntil } from './waits.js';

export const leadsMaxMs = 10_000;

const handOverStep: Step = {
  name: 'hand-over',
  title: (target) => `Hand leadership to ${target}`,
  noReturn: {
    because: 'leadership is being handed over, which takes no longer than seconds',
    instead: 'Wait for the end, then hand it back: `quorate members transfer ID`.',
  },
  run: async (work) => {
    const { actions, target } = work;
    const { leader } = actions.leadership();
    if (leader === target || leader === null) return `${target} leads`;
    return handOver(work, leader, () => target);
  },
};

const targetLeads: Verification = {
  name: 'target-leads',
  title: (target) => `${target} leads, in a newer term`,
  run: async (work) => {
    const { actions, target } = work;
    await waitUntil(work, {
      forMs: leadsMaxMs,
      // A check made sure that it did not lead when this began, and a term has one leader: so this is a newer one.
      until: () => actions.leadership().leader === target || `${actions.leadership().leader ?? 'nobody'} leads`,
      otherwise: (last) => failed(`${target} does not lead: ${last}`),
    });
    return `it leads in term ${actions.leadership().term}`;
  },
};

export const transfer: Workflow = {
  name: 'transfer',
  summary: 'Hands leadership to another voter.',
  checks: [
    cluster.leaderCommittedInTerm,
    cluster.quorumHealthy,
    cluster.noChangePending,
    cluster.noOperationRunning,
    cluster.noTransferRunning,
    member.targetIsVoter,
    member.targetNotLeader,
    member.targetHealthy,
    member.targetCaughtUp,
    member.targetPreferred,
  ],
  steps: [handOverStep],
  verifications: [targetLeads],
  confirmation: (target) => target,
  impact: impactAfter,
};
