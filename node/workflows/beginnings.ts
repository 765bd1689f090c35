/**
 * What begins a history where nobody leads: recovery on a survivor, and a new cluster on a file. Nobody can be asked for them
 * as for a workflow: the controller concerned, or the command line on a directory, asks the questions, and storage does the
 * work in one commit, which this record is part of. So whoever can read the record knows that its steps are done. What is left
 * is for the leader that comes of it: to see that it leads, alone.
 */
import type { Beginning, Finding, Operation } from '../../messaging/index.js';
import type { Requester } from './control.js';
import type { Step, Verification, Workflow } from './definition.js';
import { impactOf } from './impact.js';
import { backUp } from './mode-steps.js';
import { newOperation } from './record.js';
import { failed, waitUntil } from './waits.js';

export const leadsAloneMaxMs = 60_000;

const noWayBack = {
  because: 'the history in which it is recorded began with it',
  instead: 'The state before is in the snapshot that the record names.',
} as const;

/** Of a commit that is whole or did not happen. */
function committed(name: string, title: Step['title']): Step {
  return { name, title, noReturn: noWayBack, run: async () => 'it is part of the commit that this record came with' };
}

const leadsAlone: Verification = {
  name: 'leads-alone',
  title: (target) => `${target} leads, as the only voter, and commits on the new timeline`,
  run: async (work) => {
    const { actions, target } = work;
    await waitUntil(work, {
      forMs: leadsAloneMaxMs,
      until: () => {
        const { voters } = actions.configuration();
        return (voters.length === 1 && voters[0] === target) || `the voters are ${voters.join(', ')}`;
      },
      otherwise: (last) => failed(`${target} does not lead alone: ${last}`),
    });
    return `it leads in term ${actions.leadership().term}, on epoch ${actions.position().timeline.epoch}`;
  },
};

const beginTimeline = committed('begin-timeline', (target) => `Begin a new timeline, with ${target} as the only voter`);

/** In common to all: nothing is asked by checks, which need a leader's facts, and one voter is left. */
const alone = {
  checks: [],
  verifications: [leadsAlone],
  confirmation: (target: string) => target,
  impact: () => impactOf(1, 1),
} as const;

/** A question that is asked without a leader's facts, by whoever begins the history. */
export interface Question {
  readonly name: string;
  readonly question: string;
}

export interface BeginningWorkflow extends Workflow {
  readonly questions: readonly Question[];
}

const recover: BeginningWorkflow = {
  ...alone,
  name: 'recover',
  summary:
    'Goes on with one survivor, on a new timeline, where the quorum is lost for good: `quorate recover`. There is no leader to run it: the survivor does, and its record begins with the new timeline.',
  questions: [
    { name: 'quorum-is-lost', question: 'Is no leader heard, and no quorum?' },
    { name: 'is-a-voter', question: 'Does the survivor vote, and hold a model?' },
    {
      name: 'holds-the-newest',
      question: 'Does nobody who is heard hold more, but those that were named to be left behind?',
    },
    { name: 'others-promise', question: 'Have all others that are heard promised not to go on themselves?' },
    {
      name: 'acknowledged-kept',
      question: 'Did whatever was acknowledged lie on a voter that was heard?',
    },
  ],
  steps: [
    { ...backUp, noReturn: noWayBack },
    committed('apply-log', (target) => `Apply all that the log of ${target} holds`),
    beginTimeline,
  ],
};

const newCluster: BeginningWorkflow = {
  ...alone,
  name: 'new-cluster',
  summary:
    'Begins a new cluster on the model of a file, where the old one is gone: `quorate restore --from FILE`, or `quorate node --restore-from FILE`. Its record begins with the new cluster.',
  questions: [
    { name: 'file-is-whole', question: 'Is the file whole, by its checksums, and of kinds that this version knows?' },
    { name: 'directory-is-blank', question: 'Does the data directory hold no history?' },
    { name: 'no-such-cluster', question: 'Is no cluster of this name heard?' },
  ],
  steps: [
    committed('take-entities', () => 'Take the entities of the file, verified once more as they are copied'),
    beginTimeline,
  ],
};

export const beginnings: { readonly [Name in Beginning['workflow']]: BeginningWorkflow } = {
  recover,
  'new-cluster': newCluster,
};

/** The record that storage puts into the new history; what it says has happened by the time that anybody can read it. */
export function beginningRecord(given: {
  readonly id: string;
  readonly parameters: Beginning;
  readonly by: Requester;
  readonly findings: readonly Finding[];
  /** Voters of before, and how many of them are heard; null: there was no cluster. */
  readonly before: { readonly voters: number; readonly healthyVoters: number } | null;
  /** By the name of the step. */
  readonly details?: Readonly<Record<string, string>>;
  readonly startedAt: number;
  readonly now: number;
}): Operation {
  const { id, parameters, by, findings, before, details = {}, startedAt, now } = given;
  const target = parameters.node;
  const operation = newOperation({
    ...{
      id,
      parameters,
      target,
      findings,
      ...by,
      runner: target,
      at: startedAt,
      workflow: beginnings[parameters.workflow],
    },
    before: before === null ? impactOf(0, 0) : impactOf(before.voters, before.healthyVoters),
    after: impactOf(1, 1),
  });
  return {
    ...operation,
    updatedAt: now,
    steps: operation.steps.map((step) => ({
      ...step,
      state: 'done',
      detail: details[step.step] ?? '',
      startedAt,
      finishedAt: now,
    })),
  };
}
