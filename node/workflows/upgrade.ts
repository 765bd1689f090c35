/**
 * One member goes through its upgrade: leadership goes elsewhere first, whoever runs the machine stops it and starts the new
 * version, and the operation waits until it is back, has caught up and says what it runs. Nothing here stops a process: that
 * is for whoever installs. While the operation is under way no other begins, and no feature gate is raised.
 */
import type { WorkflowParameters } from '../../messaging/index.js';
import { cluster, member } from './checks/index.js';
import type { Step, Verification, Work, Workflow } from './definition.js';
import { statusFreshMs } from './facts.js';
import { impactAfter } from './impact.js';
import { appliesAtLeader, catchUpMaxMs } from './join.js';
import { transferLeadership } from './remove.js';
import { failed, grouped, waitUntil } from './waits.js';

/** How long whoever installs has for it. */
export const restartMaxMs = 3_600_000;
export const hearsMaxMs = 20_000;

function before({ parameters }: Work): Extract<WorkflowParameters, { workflow: 'upgrade' }>['from'] {
  if (parameters.workflow !== 'upgrade') throw new TypeError(`${parameters.workflow} upgrades nobody`);
  return parameters.from;
}

function heard({ actions, target }: Work) {
  const found = actions.status(target);
  return found === undefined || found.ageMs > statusFreshMs ? undefined : found.status;
}

const restart: Step = {
  name: 'restart',
  title: (target) => `Wait until ${target} was stopped, and started with the new version`,
  run: async (work) => {
    const { target } = work;
    const from = before(work);
    await waitUntil(work, {
      forMs: restartMaxMs,
      until: () => {
        const status = heard(work);
        if (status === undefined) return `${target} is away; it is awaited with the new version`;
        if (from !== null && status.incarnation <= from.incarnation)
          return `stop ${target}, install the new version, and start it on its directory; it still runs ${status.version}`;
        return status.state === 'member' || `${target} is back and says: ${status.state}`;
      },
      otherwise: (last) =>
        failed(`nothing came of it within ${restartMaxMs / 60_000} minutes: ${last}`, `See the log of ${target}.`),
    });
    const status = heard(work);
    return `it runs version ${status?.version ?? 'unknown'}, protocol up to ${status?.protocol.max ?? 'unknown'}`;
  },
};

const catchUp: Step = {
  name: 'catch-up-again',
  title: (target) => `Wait until ${target} has applied what it missed`,
  run: async (work) => {
    const { actions, target } = work;
    const goal = actions.log().commit;
    await waitUntil(work, {
      forMs: catchUpMaxMs,
      until: () => {
        const applied = heard(work)?.raft?.applied ?? 0;
        return applied >= goal || `${target} has applied ${grouped(applied)} of ${grouped(goal)} entries`;
      },
      otherwise: (last) =>
        failed(`it did not catch up: ${last}`, `Look into the log of ${target}, its network and its disk.`),
    });
    return `it has applied ${grouped(goal)} entries`;
  },
};

const runsNewVersion: Verification = {
  name: 'runs-new-version',
  title: (target) => `${target} says that it runs another version than before`,
  run: async (work) => {
    const { target } = work;
    const from = before(work);
    const status = heard(work);
    if (status === undefined) throw failed(`${target} is away again`, `See the log of ${target}.`);
    const said = `version ${status.version}, protocol up to ${status.protocol.max}`;
    if (from !== null && status.version === from.version && status.protocol.max === from.protocolMax) {
      throw failed(
        `${target} came back as it was: ${said}`,
        'Install the new version on it, and start the upgrade again.',
      );
    }
    return from === null
      ? `it runs ${said}`
      : `it runs ${said}; before: version ${from.version}, protocol up to ${from.protocolMax}`;
  },
};

const hearsQuorum: Verification = {
  name: 'hears-the-leader',
  title: (target) => `${target} is a member, and hears the leader`,
  run: async (work) => {
    const { actions, target } = work;
    await waitUntil(work, {
      forMs: hearsMaxMs,
      until: () => {
        const status = heard(work);
        if (status === undefined) return 'no status of it was heard';
        if (status.state !== 'member') return `its status says: ${status.state}`;
        const { leader } = actions.leadership();
        return (
          status.raft?.leader === leader || `it names ${status.raft?.leader ?? 'nobody'} as the leader, not ${leader}`
        );
      },
      otherwise: (last) => failed(`${target} is not well: ${last}`),
    });
    return 'its status says so';
  },
};

export const upgrade: Workflow = {
  name: 'upgrade',
  summary:
    'Sees one member through its upgrade: leadership goes elsewhere, it is stopped and started with the new version by whoever runs it, and it must be back, caught up and well.',
  checks: [
    cluster.leaderCommittedInTerm,
    member.targetIsMember,
    cluster.quorumHealthy,
    cluster.noChangePending,
    cluster.noOperationRunning,
    cluster.noTransferRunning,
    cluster.oneTimeline,
    member.quorumWithoutIt,
    member.leaderTransferable,
    member.newestStateKept,
    member.routersKeepController,
  ],
  steps: [transferLeadership, restart, catchUp],
  verifications: [runsNewVersion, hearsQuorum, appliesAtLeader],
  confirmation: (target) => target,
  impact: impactAfter,
};
