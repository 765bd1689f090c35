/** Checks of a file that is to take the place of the model. */
import { type FeatureGate, relateTimelines } from '../../../messaging/index.js';
import { votersOf } from '../../raft/index.js';
import type { Facts, KindDifference, RestoreAnswer, RestoreFacts } from '../facts.js';
import { bytes, type Check, count, fail, ok, warn } from './check.js';

/** Beside the file, its copy that becomes the model, and the model that is there until then. */
const copiesOfFile = 2;
const roomMinBytes = 64 << 20;
const restoreGate: FeatureGate = 'model-restore';

type WholeFile = Extract<RestoreFacts['file'], { type: 'whole' }>;

/** Where there is no whole file, `file-whole` says so; the others have nothing to say. */
function withFile(answer: (file: WholeFile, facts: Facts) => ReturnType<Check['answer']>): Check['answer'] {
  return (facts) =>
    facts.restore?.file.type === 'whole' ? answer(facts.restore.file, facts) : ok('there is no file to look into');
}

export const fileWhole: Check = {
  name: 'file-whole',
  question: 'Does the leader hold the file, whole and undamaged, and does it know all that is in it?',
  remedy: 'Give the file again: `quorate restore FILE`; `quorate snapshot inspect FILE` says what is in it.',
  answer: ({ restore }) => {
    const file = restore?.file ?? { type: 'missing', reason: 'nobody was asked for it' };
    if (file.type === 'missing') return fail(`there is no file to restore: ${file.reason}`);
    const made = new Date(file.createdAt).toISOString();
    return ok(`the file is whole: cluster ${file.cluster}, written ${made}, at index ${file.position.index}`);
  },
};

/** An empty file restored over a full model, and a stray one over an empty one, are how others have lost everything. */
export const fileHasContent: Check = {
  name: 'file-has-content',
  question: 'Is there anything in the file?',
  remedy: 'Choose another file. To empty the model on purpose, delete its entities.',
  answer: withFile((file) => {
    const entities = Object.values(file.countByKind).reduce((sum, each) => sum + each, 0);
    return entities === 0
      ? fail('the file holds no entities at all')
      : ok(`the file holds ${count(entities, 'entity').replace(/entitys$/, 'entities')}`);
  }),
};

export const fileOfThisCluster: Check = {
  name: 'file-of-this-cluster',
  question: 'Was the file written by this cluster?',
  remedy: 'Make sure that it is the file that you mean.',
  answer: withFile((file, facts) => {
    if (file.clusterId !== facts.clusterId)
      return warn(`it was written by another cluster: ${file.cluster} (cluster id ${file.clusterId})`);
    const { timeline } = file.position;
    const other = facts.heard
      .flatMap(({ status }) => (status.clusterId === facts.clusterId ? (status.position?.timeline ?? []) : []))
      .find((held) => relateTimelines(held, timeline) === 'conflict');
    return other === undefined
      ? ok('it was written by this cluster')
      : warn(
          `it stands on the timeline ${timeline.id}, this cluster on ${other.id}, both of epoch ${other.epoch}: two histories of one cluster`,
        );
  }),
};

export const membersReachable: Check = {
  name: 'members-reachable',
  question: 'Can the file be brought to a quorum of the voters now, and to all members?',
  remedy: 'Bring back the members that are away; those that stay away take the restored model as a snapshot later.',
  answer: ({ restore, configuration }) => {
    const members = restore?.members ?? [];
    const away = members.filter(({ answer }) => answer === null);
    const voters = votersOf(configuration);
    const answering = voters.filter((id) => members.some((each) => each.id === id && each.answer !== null));
    const named = away.map(({ id, reason }) => `${id} (${reason})`).join(', ');
    if (answering.length * 2 <= voters.length) return fail(`too few voters answer: ${named} are away`);
    return away.length === 0 ? ok(`all ${count(members.length, 'member')} answer`) : warn(`away: ${named}`);
  },
};

export const restoreUnderstood: Check = {
  name: 'restore-understood',
  question: 'Do all members understand a restore (is the feature gate raised)?',
  remedy: 'Upgrade the members that are older; the leader raises the gate by itself when all are heard.',
  answer: ({ gates }) =>
    gates.some(({ gate }) => gate === restoreGate)
      ? ok('all members understand it')
      : fail(`the feature ${restoreGate} is not in use yet: not every member is known to understand it`),
};

export const membersDiskSpace: Check = {
  name: 'members-disk-space',
  question: 'Has every member room for the file and the model that is made of it, and the leader for a backup?',
  remedy: 'Free or add disk space where their data directories are.',
  answer: (facts, { parameters }) => {
    if (parameters.workflow !== 'restore') return ok('nothing is restored');
    const short = answering(facts.restore).flatMap(({ id, answer }) => {
      const backup = id === facts.leader.id ? answer.modelBytes : 0;
      const wanted = parameters.sizeBytes * copiesOfFile + backup + roomMinBytes - answer.receivedBytes;
      return answer.diskFreeBytes >= wanted ? [] : [`${id} has ${bytes(answer.diskFreeBytes)} of ${bytes(wanted)}`];
    });
    return short.length === 0
      ? ok('there is room on all members that answer')
      : fail(`too little room: ${short.join(', ')}`);
  },
};

export const whatIsLost: Check = {
  name: 'what-is-lost',
  question: 'What of the present model is lost, and what comes?',
  remedy: 'What is there now is backed up first; `quorate snapshot create` makes another copy.',
  answer: withFile(({ differences }) =>
    differences.length === 0
      ? ok('the file holds the same entities as the model')
      : warn(differences.map(inWords).join('; ')),
  ),
};

function inWords({ kind, added, changed, removed }: KindDifference): string {
  return `${kind}: ${grouped(added)} come back, ${grouped(changed)} change, ${grouped(removed)} are lost`;
}

function grouped(amount: number): string {
  return amount.toLocaleString('en-US');
}

function answering(restore: RestoreFacts | null): readonly { readonly id: string; readonly answer: RestoreAnswer }[] {
  return (restore?.members ?? []).flatMap(({ id, answer }) => (answer === null ? [] : [{ id, answer }]));
}
