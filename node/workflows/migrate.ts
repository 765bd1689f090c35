/**
 * A standalone controller becomes the first member of a cluster, while its routers stay connected. Until the step `count-by-raft` it
 * is as if nothing had been; that step is one transaction; after it, it is a cluster of one, and the rest only looks.
 */
import { cluster, mode } from './checks/index.js';
import type { Verification, Workflow } from './definition.js';
import { impactAfter } from './impact.js';
import { backUp, lastIndex, pauseWrites, resumeWrites, routersArrived, routersFollow, switchTo } from './mode-steps.js';
import { failed, waitUntil } from './waits.js';

export const leadsMaxMs = 30_000;

const leadsCluster: Verification = {
  name: 'leads-cluster',
  title: (target) => `${target} leads a cluster of one, on a new timeline`,
  run: async (work) => {
    const { actions, target } = work;
    await waitUntil(work, {
      forMs: leadsMaxMs,
      until: () => {
        const { position, state } = statusOf(work);
        if (state !== 'member') return `its status says ${state}`;
        return (position?.indexType === 'raft' && actions.configuration().voters.includes(target)) || 'not yet';
      },
      otherwise: (last) => failed(`${target} does not lead a cluster: ${last}`),
    });
    return `it leads in term ${actions.leadership().term}, on epoch ${actions.position().timeline.epoch}`;
  },
};

function statusOf({ actions, target }: Parameters<Verification['run']>[0]) {
  const heard = actions.status(target)?.status;
  return { position: heard?.position ?? null, state: heard?.state ?? 'nothing' };
}

export const migrate: Workflow = {
  name: 'migrate',
  summary: 'Makes a standalone controller the first member of a cluster, while its routers stay connected.',
  checks: [
    mode.isStandalone,
    cluster.noOperationRunning,
    mode.modelIntact,
    mode.diskSpace,
    mode.clockRight,
    mode.clusterIdFree,
    mode.natsAllows,
    mode.routersUnderstandRaft,
  ],
  steps: [
    backUp,
    pauseWrites,
    lastIndex('legacy'),
    switchTo('raft', 'Make the model the first snapshot of a cluster, by one transaction', [
      mode.diskSpace,
      mode.clusterIdFree,
      mode.routersUnderstandRaft,
    ]),
    routersFollow,
    resumeWrites,
  ],
  verifications: [leadsCluster, routersArrived],
  confirmation: (target) => target,
  impact: impactAfter,
};
