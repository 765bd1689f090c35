/**
 * How a controller starts: from what its data directory holds and what its configuration asks, to exactly one outcome. It is
 * a table; the first rule that fits decides, and the last fits everything. `docs/start-up.md` is made from it. Nothing here
 * does anything: it names what is to be done, or why not, and the command that mends it.
 */
import type { ErrorCode } from '../../messaging/errors.js';
import { shellWord } from '../../messaging/shell-word.js';
import { type DirectoryFacts, fitOf, fitValues } from '../storage/directory.js';

/** What the configuration and the command line ask for. */
export interface StartWish {
  readonly clusterName: string;
  readonly nodeId: string;
  /** Begin a new cluster. */
  readonly bootstrap: boolean;
  /** Serve routers alone, without a cluster. */
  readonly standalone?: boolean;
  /** Begin a new cluster on the model in this snapshot file. */
  readonly restoreFrom: string | null;
  /** Go on alone from what this directory holds, after the quorum was lost for good. */
  readonly recover: boolean;
}

/** What was found and asked, reduced to what the decision depends on. Every combination of these is tested. */
export const situationValues = {
  lock: ['free', 'held'],
  schema: ['current', 'older', 'newer'],
  damage: ['none', 'found'],
  /** Whom the directory says that it belongs to. */
  owner: ['nobody', 'us', 'other-cluster', 'other-node'],
  /**
   * `contacted`: a leader has spoken to it, and it keeps what it promised, but it belongs to nobody yet. `joining`: it has a
   * cluster's identity, but no history came yet. `standalone`: it serves alone, and has no log.
   */
  raft: ['none', 'contacted', 'joining', 'standalone', 'member'],
  model: ['none', 'legacy', 'raft'],
  fit: fitValues,
  removed: ['no', 'yes'],
  asked: ['nothing', 'bootstrap', 'standalone', 'restore', 'recover', 'several'],
} as const;

export type Situation = { readonly [Key in keyof typeof situationValues]: (typeof situationValues)[Key][number] };

export type StartAction =
  /** Wait to be joined to a cluster. */
  | 'start-blank'
  /** Begin a new cluster with this controller as its only voter. */
  | 'bootstrap'
  /** Begin to serve alone, with an empty model. */
  | 'begin-standalone'
  | 'start-member'
  | 'start-standalone'
  /** Answer only that it was removed. */
  | 'serve-as-removed'
  /** Begin a new cluster, with a new timeline, on the model of a snapshot. */
  | 'restore'
  /** Begin a new timeline, with this controller as the only voter, on the model and log that are here. */
  | 'recover';

/** A setting that says how a controller begins. On one that has begun already it has no effect. */
export type BeginningSetting = 'bootstrap' | 'standalone' | 'restore';

export type StartOutcome =
  | {
      readonly outcome: StartAction;
      readonly rule: string;
      /** Settings that were given and have no effect. */
      readonly ignored: readonly BeginningSetting[];
      /** The schema is older and is brought up to date first. */
      readonly migrate: boolean;
    }
  | {
      readonly outcome: 'refuse';
      readonly rule: string;
      readonly code: ErrorCode;
      /** One sentence: what was found. */
      readonly found: string;
      /** One sentence, with the command that mends it. */
      readonly remedy: string;
    };

type Pattern = { readonly [Key in keyof Situation]?: readonly Situation[Key][] };

interface Refusal {
  readonly code: ErrorCode;
  readonly found: string;
  readonly remedy: string;
}

export interface StartRule {
  readonly name: string;
  /** Fits where each named part has one of these values. */
  readonly when: Pattern;
  readonly outcome: StartAction | Refusal;
}

const resetAndJoin =
  'Remove it from a member with `quorate members remove {node}`, make it blank with `quorate reset --data-dir {directory}`, and join it again under a new id; where it was the only voter, `quorate doctor --data-dir {directory}` says what of it is whole, and how to go on.';
const reset =
  'Make it blank with `quorate reset --data-dir {directory}` (a backup is kept), start it, and join it: `quorate members join ID`.';

/** There is nobody else to join, or to get the model from. */
const resetAndBegin =
  'Make it blank with `quorate reset --data-dir {directory}` (a backup is kept), and begin on a snapshot of it: `quorate restore --from FILE --id {node} --data-dir {directory}`; without one, with --standalone and an empty model.';

const otherSource =
  'Recover on another controller that survived; without one, begin a new cluster on the newest snapshot: `quorate restore --from FILE --id ID --data-dir DIR`.';

/** `{directory}`, `{node}`, `{cluster}`, `{details}` and `{file}` are filled in. The order matters. */
export const startRules: readonly StartRule[] = [
  // What forbids to look any further.
  {
    name: 'another process has it',
    when: { lock: ['held'] },
    outcome: {
      code: 'data-dir-locked',
      found: 'Another process uses the data directory {directory}.',
      remedy: 'Stop that process, or give this controller another directory with --data-dir.',
    },
  },
  {
    name: 'written by a newer version',
    when: { schema: ['newer'] },
    outcome: {
      code: 'newer-schema',
      found: 'The data directory {directory} was written by a newer version: {details}.',
      remedy: 'Start that version on it; nothing was changed.',
    },
  },
  {
    name: 'damaged, of a standalone controller',
    when: { damage: ['found'], raft: ['standalone'] },
    outcome: { code: 'damaged', found: 'The data directory {directory} is damaged: {details}', remedy: resetAndBegin },
  },
  {
    name: 'damaged, to recover',
    when: { damage: ['found'], asked: ['recover'] },
    outcome: { code: 'damaged', found: 'The data directory {directory} is damaged: {details}', remedy: otherSource },
  },
  {
    name: 'damaged',
    when: { damage: ['found'] },
    outcome: { code: 'damaged', found: 'The data directory {directory} is damaged: {details}', remedy: resetAndJoin },
  },
  {
    name: 'of another cluster',
    when: { owner: ['other-cluster'] },
    outcome: {
      code: 'wrong-cluster',
      found: 'The data directory {directory} belongs to another cluster: {details}.',
      remedy: 'Start it with `--cluster {cluster}`, for which it was made, or give another directory with --data-dir.',
    },
  },
  {
    name: 'of another controller',
    when: { owner: ['other-node'] },
    outcome: {
      code: 'wrong-node',
      found: 'The data directory {directory} belongs to another controller: {details}.',
      remedy: 'Start it with `--id {node}`, for which it was made, or give another directory with --data-dir.',
    },
  },
  {
    name: 'more than one beginning asked for',
    when: { asked: ['several'] },
    outcome: {
      code: 'invalid-config',
      found: 'More than one beginning was asked for: {asked}.',
      remedy: 'Ask for one: a model has one source.',
    },
  },

  // Removed: whatever else is there, it may not be served.
  {
    name: 'removed, and asked to begin again',
    when: { removed: ['yes'], asked: ['restore', 'recover'] },
    outcome: {
      code: 'removed',
      found: 'The controller {node} was removed from the cluster {cluster}; what it holds may be old.',
      remedy: reset,
    },
  },
  { name: 'removed', when: { removed: ['yes'], owner: ['us'] }, outcome: 'serve-as-removed' },
  {
    name: 'a removed mark of nobody',
    when: { removed: ['yes'] },
    outcome: {
      code: 'ambiguous-state',
      found: 'The data directory {directory} says that it was removed, but not from which cluster.',
      remedy: reset,
    },
  },

  // Raft state and owner are written together.
  {
    name: 'raft state of nobody',
    when: { owner: ['nobody'], raft: ['joining', 'standalone', 'member'] },
    outcome: {
      code: 'damaged',
      found: 'The data directory {directory} holds a log, but not whose.',
      remedy: resetAndJoin,
    },
  },
  {
    name: 'an owner without raft state',
    when: { owner: ['us'], raft: ['none', 'contacted'] },
    outcome: {
      code: 'damaged',
      found: 'The data directory {directory} belongs to {node}, but its log is gone.',
      remedy: resetAndJoin,
    },
  },

  // Mixed histories: whatever else is there or asked, they are never served together.
  {
    name: 'log and model of different clusters',
    when: { fit: ['other-cluster'] },
    outcome: {
      code: 'ambiguous-state',
      found: 'Log and model in {directory} are of different clusters: {details}.',
      remedy: resetAndJoin,
    },
  },
  {
    name: 'log and model of different timelines',
    when: { fit: ['other-timeline'] },
    outcome: {
      code: 'ambiguous-state',
      found: 'Log and model in {directory} are of different timelines: {details}.',
      remedy: resetAndJoin,
    },
  },

  // Blank.
  { name: 'blank', when: { raft: ['none'], model: ['none'], asked: ['nothing'] }, outcome: 'start-blank' },
  {
    name: 'blank, to begin a cluster',
    when: { raft: ['none'], model: ['none'], asked: ['bootstrap'] },
    outcome: 'bootstrap',
  },
  {
    name: 'blank, to serve alone',
    when: { raft: ['none'], model: ['none'], asked: ['standalone'] },
    outcome: 'begin-standalone',
  },
  {
    name: 'blank, to begin on a snapshot',
    when: { raft: ['none'], model: ['none'], asked: ['restore'] },
    outcome: 'restore',
  },
  {
    name: 'nothing to recover',
    when: { model: ['none'], raft: ['none', 'contacted', 'joining', 'standalone'], asked: ['recover'] },
    outcome: {
      code: 'ambiguous-state',
      found: 'The data directory {directory} holds no model to recover.',
      remedy:
        'Recover on a member that survived; start this one without asking for it, and join it: `quorate members join ID`.',
    },
  },

  {
    name: 'blank, known to a leader',
    when: { raft: ['contacted'], model: ['none'], asked: ['nothing'] },
    outcome: 'start-blank',
  },
  {
    name: 'blank, known to a leader, and asked to begin something else',
    when: { raft: ['contacted'], model: ['none'] },
    outcome: {
      code: 'ambiguous-state',
      found: 'The controller {node} has begun to join a cluster, and is asked to begin something else.',
      remedy: reset,
    },
  },
  {
    name: 'known to a leader, with a model from elsewhere',
    when: { raft: ['contacted'] },
    outcome: {
      code: 'ambiguous-state',
      found:
        'The controller {node} has begun to join a cluster, and {directory} holds a model that did not come from there.',
      remedy: reset,
    },
  },

  // Standalone.
  {
    name: 'standalone, to recover',
    when: { raft: ['standalone'], model: ['legacy'], asked: ['recover'] },
    outcome: {
      code: 'ambiguous-state',
      found: 'The controller {node} is standalone: there is no quorum that it could have lost.',
      remedy: 'Start it without asking for a recovery.',
    },
  },
  { name: 'standalone', when: { raft: ['standalone'], model: ['legacy'] }, outcome: 'start-standalone' },
  {
    name: 'standalone, and its model is gone',
    when: { raft: ['standalone'], model: ['none'] },
    outcome: {
      code: 'damaged',
      found: 'The data directory {directory} says that {node} is standalone, but the model is gone.',
      remedy: resetAndBegin,
    },
  },
  {
    name: 'standalone, with the model of a cluster',
    when: { raft: ['standalone'] },
    outcome: {
      code: 'ambiguous-state',
      found: 'The controller {node} is standalone, and {directory} holds the model of a cluster.',
      remedy: reset,
    },
  },
  {
    name: 'model of a standalone controller that is none',
    when: { raft: ['none'], model: ['legacy'] },
    outcome: {
      code: 'damaged',
      found: 'The data directory {directory} holds the model of a standalone controller, but not whose.',
      remedy: resetAndBegin,
    },
  },

  // A model without its log, or a log without its model.
  {
    name: 'model without a log, to recover',
    when: { raft: ['none'], model: ['raft'], asked: ['recover'] },
    outcome: 'recover',
  },
  {
    name: 'model without a log',
    when: { raft: ['none'], model: ['raft'] },
    outcome: {
      code: 'damaged',
      found:
        'The data directory {directory} holds the model of a member, but its log and its votes are gone: as a voter it could break its word.',
      remedy:
        'Remove it from a member with `quorate members remove {node}`, make it blank with `quorate reset --data-dir {directory}`, and join it again under a new id; where it was the only voter, go on with the model: `quorate recover --data-dir {directory} --id {node} --owner-cluster {cluster}`.',
    },
  },
  { name: 'joining', when: { raft: ['joining'], model: ['none'] }, outcome: 'start-member' },
  {
    name: 'joining, with a model from elsewhere',
    when: { raft: ['joining'] },
    outcome: {
      code: 'ambiguous-state',
      found:
        'The controller {node} was joining the cluster {cluster}, and {directory} holds a model that did not come from there.',
      remedy: reset,
    },
  },
  {
    name: 'log without its model',
    when: { raft: ['member'], model: ['none'] },
    outcome: {
      code: 'damaged',
      found: 'The data directory {directory} holds a log, but the model before it is gone.',
      remedy: resetAndJoin,
    },
  },
  {
    name: 'log of a cluster, model of a standalone controller',
    when: { raft: ['member'], model: ['legacy'] },
    outcome: {
      code: 'ambiguous-state',
      found: 'The data directory {directory} holds the log of a member and the model of a standalone controller.',
      remedy: resetAndJoin,
    },
  },

  // Both are there, and one is older than the other.
  {
    name: 'model older than the log reaches back, to recover',
    when: { fit: ['model-behind-log'], asked: ['recover'] },
    outcome: {
      code: 'damaged',
      found: 'The model in {directory} is older than its log reaches back: {details}.',
      remedy: otherSource,
    },
  },
  { name: 'member, to recover', when: { asked: ['recover'] }, outcome: 'recover' },
  {
    name: 'model older than the log reaches back',
    when: { fit: ['model-behind-log'] },
    outcome: {
      code: 'damaged',
      found: 'The model in {directory} is older than its log reaches back: {details}.',
      remedy: resetAndJoin,
    },
  },
  {
    name: 'log shorter than the model',
    when: { fit: ['model-ahead-of-log'] },
    outcome: {
      code: 'damaged',
      found: 'The log in {directory} ends before what its model has applied: {details}; what it promised is lost.',
      remedy: resetAndJoin,
    },
  },
  { name: 'member', when: {}, outcome: 'start-member' },
];

/** The first rule that fits. The last fits everything. */
export function ruleFor(situation: Situation): StartRule {
  for (const rule of startRules) if (fits(rule.when, situation)) return rule;
  throw new Error('the last rule of the start-up table must fit everything');
}

function fits(pattern: Pattern, situation: Situation): boolean {
  const keys = Object.keys(situationValues) as (keyof Situation)[];
  return keys.every((key) => {
    const values: readonly string[] | undefined = pattern[key];
    return values === undefined || values.includes(situation[key]);
  });
}

export function decideStart(facts: DirectoryFacts, wish: StartWish): StartOutcome {
  const situation = situationOf(facts, wish);
  const rule = ruleFor(situation);
  if (typeof rule.outcome !== 'string') {
    const fill = (text: string, as: (value: string) => string) => fillIn(text, facts, wish, as);
    return {
      outcome: 'refuse',
      rule: rule.name,
      code: rule.outcome.code,
      found: fill(rule.outcome.found, (value) => value),
      // What it names is to be pasted.
      remedy: fill(rule.outcome.remedy, shellWord),
    };
  }
  return {
    outcome: rule.outcome,
    rule: rule.name,
    ignored: ignoredBy(rule.outcome, situation),
    migrate: situation.schema === 'older',
  };
}

/** A setting that begins something has no effect on a controller that has begun already; it is reported, not obeyed. */
export function ignoredBy(action: StartAction, { asked }: Situation): readonly BeginningSetting[] {
  switch (asked) {
    case 'nothing':
    case 'recover':
    case 'several':
      return [];
    case 'standalone':
      // It says what such a controller is, not only how it began.
      return action === 'begin-standalone' || action === 'start-standalone' ? [] : [asked];
    case 'bootstrap':
    case 'restore':
      return asked === action ? [] : [asked];
  }
}

export function situationOf(facts: DirectoryFacts, wish: StartWish): Situation {
  const { raft, model } = facts;
  return {
    lock: facts.locked ? 'held' : 'free',
    schema: schemaOf(facts),
    damage: raft.damage.length + model.damage.length > 0 ? 'found' : 'none',
    owner: ownerOf(facts, wish),
    raft: raftStateOf(facts),
    model: model.meta === null ? 'none' : model.meta.position.indexType,
    fit: fitOf(facts),
    removed: raft.removed === null ? 'no' : 'yes',
    asked: askedOf(wish),
  };
}

function schemaOf({ raft, model }: DirectoryFacts): Situation['schema'] {
  const ages = [raft.schema, model.schema];
  if (ages.includes('newer')) return 'newer';
  return ages.includes('older') ? 'older' : 'current';
}

function ownerOf({ raft: { identity } }: DirectoryFacts, wish: StartWish): Situation['owner'] {
  if (identity === null) return 'nobody';
  if (identity.clusterName !== wish.clusterName) return 'other-cluster';
  return identity.nodeId === wish.nodeId ? 'us' : 'other-node';
}

function raftStateOf({ raft }: DirectoryFacts): Situation['raft'] {
  if (raft.compactionPoint.index > 0 || raft.lastIndex > 0) return 'member';
  if (raft.standalone) return 'standalone';
  if (raft.identity !== null) return 'joining';
  return raft.hardState.term > 0 ? 'contacted' : 'none';
}

type AskedFor = Exclude<Situation['asked'], 'nothing' | 'several'>;

const beginningWords: Readonly<Record<AskedFor, string>> = {
  bootstrap: '--bootstrap',
  standalone: '--standalone',
  restore: '--restore-from',
  recover: 'recover',
};

function askedOf(wish: StartWish): Situation['asked'] {
  const asked = askedBy(wish);
  return asked.length > 1 ? 'several' : (asked[0] ?? 'nothing');
}

function askedBy(wish: StartWish): readonly AskedFor[] {
  return [
    ...(wish.bootstrap ? (['bootstrap'] as const) : []),
    ...(wish.standalone === true ? (['standalone'] as const) : []),
    ...(wish.restoreFrom !== null ? (['restore'] as const) : []),
    ...(wish.recover ? (['recover'] as const) : []),
  ];
}

function fillIn(text: string, facts: DirectoryFacts, wish: StartWish, as: (value: string) => string): string {
  const values: Readonly<Record<string, string>> = {
    directory: facts.directory,
    node: facts.raft.identity?.nodeId ?? wish.nodeId,
    cluster: facts.raft.identity?.clusterName ?? wish.clusterName,
    file: wish.restoreFrom ?? '',
    asked: askedBy(wish)
      .map((each) => beginningWords[each])
      .join(', '),
    details: detailsOf(facts),
  };
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : as(value);
  });
}

/** What was found, in the words of whichever part of the facts made the rule fit. */
function detailsOf({ raft, model }: DirectoryFacts): string {
  const damage = [...raft.damage, ...model.damage];
  if (damage.length > 0) return damage.join(' ');
  const versions = [
    ...(raft.schema === 'newer' ? [`raft.db has schema version ${raft.schemaVersion}`] : []),
    ...(model.schema === 'newer' ? [`model.db has schema version ${model.schemaVersion}`] : []),
  ];
  if (versions.length > 0) return versions.join(', ');
  const { identity, compactionPoint: point } = raft;
  const owner =
    identity === null
      ? 'no owner'
      : `controller ${identity.nodeId} of cluster ${identity.clusterName} (${identity.clusterId})`;
  if (model.meta === null) return owner;
  const { position, clusterId } = model.meta;
  const log = `the log of ${owner} holds entries after ${point.index} up to ${raft.lastIndex} on ${point.timeline === null ? 'no timeline' : `timeline epoch ${point.timeline.epoch}`}`;
  return `${log}; the model stands at index ${position.index} on timeline epoch ${position.timeline.epoch} of cluster ${clusterId}`;
}
