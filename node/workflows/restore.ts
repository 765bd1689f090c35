/**
 * The model of a file takes the place of the present one, on all members, by one committed entry. What was staged before
 * it, and what is paused around it, is undone by itself: the file is only beside the model, and the pause ends with the
 * operation whoever leads. The backup is taken when writes are paused already, so that it holds all that was ever acknowledged.
 */
import { createHash } from 'node:crypto';
import { toQuorateError } from '../../messaging/index.js';
import { pauseStep, resumeStep, switchStep } from '../model/index.js';
import { membersOf, votersOf } from '../raft/index.js';
import type { RestoreFile } from './actions.js';
import { restore as checks, cluster } from './checks/index.js';
import type { NoReturn, Step, Verification, Work, Workflow } from './definition.js';
import type { RestoreAnswer } from './facts.js';
import { impactAfter } from './impact.js';
import { backupName, failed, grouped, isPassing, waitUntil } from './waits.js';

export const stageMaxMs = 3_600_000;
/** A member that is heard takes nothing more of the file for this long. */
export const stageStallMaxMs = 60_000;
/** Nobody who answers has the file, or begins to have it, for this long: the one that had it is gone. */
export const stageNobodyMaxMs = 10_000;
/** Without a quorum the entry is not committed; then it is not known whether it will be. */
export const switchMaxMs = 120_000;
/** How long the leader waits for others to exchange their models; who takes longer is seen by the verifications. */
export const othersMaxMs = 120_000;
export const verificationMaxMs = 600_000;

function fileOf({ parameters }: Work): RestoreFile {
  if (parameters.workflow !== 'restore') throw new Error(`${parameters.workflow} restores nothing`);
  return parameters;
}

/** The id of the timeline that this operation begins: whoever leads finds out by it whether it has begun. */
function timelineIdOf({ operation, parameters }: Work): string {
  const { id, startedAt } = operation;
  const hash = createHash('sha256')
    .update(JSON.stringify([id, startedAt, parameters]))
    .digest('hex');
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-a${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

const restored: NoReturn = {
  because: 'the entry that puts the restored model in its place may be committed',
  instead: 'Wait for the end; what was there before is in the backup that the step `back-up` names: restore that one.',
};

const hasSwitched = (work: Work) => work.actions.position().timeline.id === timelineIdOf(work);

/** Members that the leader hears, itself among them. */
function heard({ actions }: Work): readonly string[] {
  return membersOf(actions.configuration()).filter((id) => actions.progress(id)?.active ?? true);
}

const stageFile: Step = {
  name: 'stage-file',
  title: () => 'Bring the file to every member that is reachable, and verify it there',
  run: async (work) => {
    if (hasSwitched(work)) return 'the model is restored already';
    const watch = new StageWatch(work.actions.now());
    let ready: readonly string[] = [];
    await waitUntil(work, {
      forMs: stageMaxMs,
      until: async () => {
        const answers = await askAll(work);
        ready = [...answers].flatMap(([id, answer]) => (answer?.state === 'ready' ? [id] : []));
        return watch.look(work, answers);
      },
      otherwise: (last) => failed(`the file did not get to all members within ${stageMaxMs / 60_000} minutes: ${last}`),
    });
    return `${ready.join(', ')} hold it, whole`;
  },
  undo: async (work) => {
    await Promise.all(
      membersOf(work.actions.configuration()).map((id) => work.actions.discardRestore(id, fileOf(work))),
    );
    return 'the file was thrown away';
  },
};

/** Asks all members; who has not got the file is told to fetch it: the leader from anybody, the others from the leader. */
async function askAll(work: Work): Promise<ReadonlyMap<string, RestoreAnswer | null>> {
  const { actions } = work;
  const file = fileOf(work);
  const members = membersOf(actions.configuration());
  const self = actions.leadership().leader ?? '';
  const ask = (id: string, from: string | null) => actions.askRestore(id, file, from);
  const answers = new Map(await Promise.all(members.map(async (id) => [id, await ask(id, null)] as const)));
  const isReady = (id: string) => answers.get(id)?.state === 'ready';
  const holder = isReady(self) ? self : members.find(isReady);
  if (holder === undefined) return answers;
  const lacking = members.filter((id) => !isReady(id) && (id === self || isReady(self)));
  for (const [id, answer] of await Promise.all(lacking.map(async (id) => [id, await ask(id, holder)] as const)))
    answers.set(id, answer);
  return answers;
}

/** Looks again and again whether the file is where it must be, and whether it still gets on. */
class StageWatch {
  private receivedBytes = -1;
  private movedAt: number;

  constructor(now: number) {
    this.movedAt = now;
  }

  look(work: Work, answers: ReadonlyMap<string, RestoreAnswer | null>): true | string {
    const { actions } = work;
    const now = actions.now();
    const missing = [...answers].filter(([id, answer]) => answer?.state !== 'ready' && isExpected(work, id, answer));
    const voters = votersOf(actions.configuration());
    const holders = voters.filter((id) => answers.get(id)?.state === 'ready');
    if (missing.length === 0 && holders.length * 2 > voters.length) return true;
    const refused = missing.find(([, answer]) => answer?.state === 'failed');
    if (refused !== undefined) throw failed(`${refused[0]} cannot take the file: ${refused[1]?.problem ?? ''}`);
    const receivedBytes = [...answers.values()].reduce((sum, each) => sum + (each?.receivedBytes ?? 0), 0);
    const verifying = [...answers.values()].some((each) => each?.state === 'verifying');
    if (receivedBytes !== this.receivedBytes || verifying) this.movedAt = now;
    this.receivedBytes = receivedBytes;
    const waitsFor = missing.map(([id, answer]) => inWords(id, answer)).join(', ');
    const says = waitsFor === '' ? 'too few voters hold it' : `waiting for ${waitsFor}`;
    const isWithNobody = [...answers.values()].every((answer) => answer === null || answer.state === 'missing');
    if (now - this.movedAt > (isWithNobody ? stageNobodyMaxMs : stageStallMaxMs))
      throw failed(`the file does not get on: ${says}`, 'Give the file again: `quorate restore FILE`.');
    return says;
  }
}

/** One that neither answers nor is heard is away, and takes a snapshot when it comes back. */
function isExpected({ actions }: Work, id: string, answer: RestoreAnswer | null): boolean {
  return answer !== null || (actions.progress(id)?.active ?? true);
}

function inWords(id: string, answer: RestoreAnswer | null): string {
  if (answer === null) return `${id} (no answer)`;
  return answer.state === 'receiving'
    ? `${id} (${grouped(Math.round(answer.receivedBytes / 1024))} KiB)`
    : `${id} (${answer.state})`;
}

export const pauseWrites: Step = {
  name: pauseStep,
  title: () => 'Pause writes: clients are told to try again',
  // The record that says that this step runs is what pauses, on every member alike.
  run: async ({ actions }) => `no write was taken after index ${grouped(actions.log().applied)}`,
};

const backUp: Step = {
  name: 'back-up',
  title: () => 'Back up the model that is there',
  run: async (work) => `in ${await work.actions.backUp(backupName(work))}`,
};

const switchModels: Step = {
  name: switchStep,
  title: () => 'Put the restored model in its place, by one entry of the log',
  noReturn: restored,
  run: async (work) => {
    const { actions } = work;
    if (!hasSwitched(work)) {
      await work.recheck([cluster.quorumHealthy]);
      await commitRestore(work);
    }
    const { timeline, index } = actions.position();
    const deadline = actions.now() + othersMaxMs;
    await waitUntil(work, {
      forMs: othersMaxMs * 2,
      until: () => {
        const behind = heard(work).filter((id) => !standsOnNewTimeline(work, id));
        return behind.length === 0 || actions.now() >= deadline || `waiting for ${behind.join(', ')}`;
      },
      otherwise: failed,
    });
    return `timeline ${timeline.id}, epoch ${timeline.epoch}, from index ${grouped(index)} on`;
  },
  undo: async (work) => {
    // It lies before the record that says `rolling-back`; where it was committed, it is applied by now.
    if (hasSwitched(work)) throw failed('the restored model is in its place; the backup holds what was there before');
    return 'the model is what it was';
  },
};

async function commitRestore(work: Work): Promise<void> {
  const given = { operation: work.operation.id, file: fileOf(work), timelineId: timelineIdOf(work) };
  await waitUntil(work, {
    forMs: switchMaxMs,
    until: async () => {
      if (hasSwitched(work)) return true;
      try {
        await work.actions.proposeRestore(given);
      } catch (error) {
        if (!hasSwitched(work) && !isPassing(error)) throw error;
        return `committing the entry: ${toQuorateError(error).message}`;
      }
      return hasSwitched(work) || 'the entry is committed';
    },
    otherwise: (last) => failed(`the entry was not committed within ${switchMaxMs / 1_000} s: ${last}`),
  });
}

function standsOnNewTimeline(work: Work, id: string): boolean {
  if (id === work.actions.leadership().leader) return hasSwitched(work);
  return work.actions.status(id)?.status.position?.timeline.id === timelineIdOf(work);
}

export const resumeWrites: Step = {
  name: resumeStep,
  title: () => 'Resume writes',
  noReturn: restored,
  // As with the pause, the record itself does it.
  run: async () => 'writes are taken again',
};

const compactLog: Step = {
  name: 'compact-log',
  title: () => 'Drop the log before it: who was away takes the restored model as a snapshot',
  noReturn: restored,
  run: async ({ actions }) => `the log begins at index ${grouped(await actions.compactLog())}`,
};

const timelineEverywhere: Verification = {
  name: 'timeline-everywhere',
  title: () => 'Every member that is heard stands on the new timeline',
  run: async (work) => {
    await waitUntil(work, {
      forMs: verificationMaxMs,
      until: () => {
        const behind = heard(work).filter((id) => !standsOnNewTimeline(work, id));
        return behind.length === 0 || `not yet: ${behind.join(', ')}`;
      },
      otherwise: (last) => failed(`not all members stand on the new timeline: ${last}`, 'See their logs.'),
    });
    const away = membersOf(work.actions.configuration()).filter((id) => !heard(work).includes(id));
    const said = `${heard(work).join(', ')} stand on it`;
    return away.length === 0 ? said : `${said}; ${away.join(', ')} will take it as a snapshot`;
  },
};

const modelsAgree: Verification = {
  name: 'models-agree',
  title: () => 'The models of all members that are heard have the same hash at the same index',
  run: async (work) => {
    let said = '';
    await waitUntil(work, {
      forMs: verificationMaxMs,
      until: async () => {
        const nodes = heard(work);
        const { groups, missing, position } = await work.actions.compareModels(nodes);
        work.checkpoint();
        if (groups.length > 1) {
          const named = groups.map(({ nodes: alike }) => alike.join(', ')).join(' against ');
          throw failed(`the restored models differ: ${named}`, 'See which with `quorate verify`.');
        }
        said = `${groups[0]?.nodes.join(', ')} hold the same at index ${grouped(position?.index ?? 0)} (${groups[0]?.sha256.slice(0, 12)})`;
        const absent = missing.filter(({ node }) => heard(work).includes(node));
        return (
          (groups.length === 1 && absent.length === 0) ||
          `not compared: ${absent.map(({ node, reason }) => `${node} (${reason})`).join(', ')}`
        );
      },
      otherwise: (last) => failed(`the models could not be compared: ${last}`, 'Compare them with `quorate verify`.'),
    });
    return said;
  },
};

export const restore: Workflow = {
  name: 'restore',
  summary:
    'Puts the model of a snapshot in the place of the present one, on all members at once, and begins a new timeline.',
  checks: [
    cluster.leaderCommittedInTerm,
    cluster.quorumHealthy,
    cluster.noChangePending,
    cluster.noOperationRunning,
    cluster.noTransferRunning,
    cluster.oneCluster,
    cluster.oneTimeline,
    checks.fileWhole,
    checks.fileHasContent,
    checks.fileOfThisCluster,
    checks.membersReachable,
    checks.restoreUnderstood,
    checks.membersDiskSpace,
    checks.whatIsLost,
  ],
  steps: [stageFile, pauseWrites, backUp, switchModels, resumeWrites, compactLog],
  verifications: [timelineEverywhere, modelsAgree],
  confirmation: (target) => target,
  impact: impactAfter,
};
