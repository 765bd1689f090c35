/** How often each fault fired and each state was reached; and what there is to reach, so that a nought is seen. */
import { simulatedWorkflows } from './plan.js';

export type Coverage = Record<string, number>;

export function count(coverage: Coverage, what: string): void {
  coverage[what] = (coverage[what] ?? 0) + 1;
}

export function addCoverage(sum: Coverage, part: Coverage): void {
  for (const what of Object.keys(part)) sum[what] = (sum[what] ?? 0) + (part[what] ?? 0);
}

interface Section {
  readonly title: string;
  /** Of what is counted. */
  readonly prefixes: readonly string[];
  readonly expected: readonly string[];
}

const partitions = ['isolate', 'halves', 'deaf', 'mute', 'bridge', 'one-way', 'minority leader'] as const;
const writeFaults = ['crash-stored', 'crash-lost', 'error-stored', 'error-lost'] as const;

/** The rare ones need some thousand schedules. */
export const sections: readonly Section[] = [
  {
    title: 'Faults of processes, clocks and links',
    prefixes: ['fault: '],
    expected: [
      ...['crash, kill', 'crash, power', 'crash all, kill', 'crash all, power', 'pause', 'strand', 'farewell'],
      ...partitions.flatMap((shape) => [`partition, ${shape}`, `partition, ${shape}, flapping`]),
      ...['lossy', 'drop', 'delay', 'clock rate', 'clock jump', 'campaign', 'burst', 'transfer', 'membership'],
      ...['message lost', 'message duplicated', 'message late', 'message held back', 'message filtered'],
      ...[
        'message cut off',
        'snapshot overtaken by the log',
        'restore',
        'operation',
        'recover, kill',
        'recover, power',
        'owe',
      ],
      ...writeFaults.map((how) => `write fault, ${how}`),
      ...[
        'disk full',
        'all disks full',
        'slow disk',
        'disk stall',
        'rot entry',
        'rot chunk',
        'rot snapshot',
        'lose log',
      ],
    ].map((each) => `fault: ${each}`),
  },
  {
    title: 'What disks did',
    prefixes: ['disk: '],
    expected: [
      ...writeFaults.map((how) => `write ${how}`),
      ...[
        'disk full',
        'disk full, model falls back',
        'only the model full, it falls back',
        'slow',
        'stalled',
        'log lost',
        'an entry rots',
        'bit rot read',
      ],
      ...['damaged end of a log dropped', 'damaged entries dropped', 'what only two have rots on one'],
      ...['a stored snapshot rots', 'bit rot in a stored snapshot', 'bit rot in a snapshot'],
      ...['snapshot refused for its checksum', 'snapshot resumed', 'file to be restored is damaged'],
      ...['restored model taken from another member', 'restore in the log of a survivor carried out'],
    ].map((each) => `disk: ${each}`),
  },
  {
    title: 'Roles',
    prefixes: ['role: ', 'election: ', 'transfer: '],
    expected: [
      'role: follower to preCandidate',
      'role: preCandidate to candidate',
      'role: preCandidate to follower',
      'role: candidate to leader',
      'role: candidate to follower',
      'role: candidate to preCandidate',
      'role: leader to follower',
      'role: follower to candidate',
      'role: follower to follower',
      'role: stays without room',
      'role: has room again',
      'role: stopped by its disk',
      'role: out of service',
      'election: by transfer',
      'transfer: accepted',
      'transfer: refused',
      'transfer: told to campaign',
      'transfer: removed leader names a successor',
    ],
  },
  {
    title: 'Phases of the membership',
    prefixes: ['membership: '],
    expected: [
      ...['change accepted', 'change without effect', 'one voter changed', 'learners changed'],
      ...['joint, left automatically', 'joint, left explicitly', 'joint left'],
      ...['removed member told', 'knows that it is removed', 'refused, change-pending'],
    ].map((each) => `membership: ${each}`),
  },
  {
    title: 'Paths of snapshots',
    prefixes: ['snapshot: ', 'log: ', 'peer: snapshot'],
    expected: [
      ...['log: compacted', 'snapshot: offered', 'peer: snapshot.describe', 'peer: snapshot.chunk'],
      ...['snapshot: transfer given up', 'snapshot: installed'],
    ],
  },
  {
    title: 'Restores and recoveries',
    prefixes: ['restore: ', 'recovery: ', 'event: ', 'peer: recovery'],
    expected: [
      ...['restore: begun', 'restore: done', 'recovery: one survivor', 'recovery: several survivors'],
      ...['recovery: asked of a survivor', 'recovery: asked of a directory', 'recovery: refused, quorum-present'],
      ...['recovery: refused, better-survivor', 'peer: recovery.claim', 'recovery: a survivor has gone on alone'],
      ...['recovery: nothing was lost', 'recovery: writes were only elsewhere', 'recovery: given up'],
      ...['recovery: the lost come back, seen', 'recovery: the lost come back, unseen'],
      ...['recovery: heard from a log that is newer', 'recovery: heard from a log that is older'],
      'recovery: left behind, and knows it',
    ],
  },
  {
    title: 'Operations',
    prefixes: ['operation: ', 'peer: candidate', 'peer: membership'],
    expected: [
      ...simulatedWorkflows.map((workflow) => `operation: ${workflow}, done`),
      ...['operation: begun', 'operation: gone on with by another leader', 'operation: refused, check-failed'],
      ...['peer: candidate.probe', 'peer: candidate.prepare', 'peer: candidate.release', 'peer: membership.ask'],
    ],
  },
  {
    title: 'Clients and their requests',
    prefixes: ['client: ', 'model: '],
    expected: [
      ...['client: read through the leader', 'client: read through a follower', 'client: retried', 'client: gave up'],
      ...['client: no-leader', 'client: leadership-lost', 'client: overloaded', 'client: storage-full'],
      'model: retry recognised',
    ],
  },
  {
    title: 'Starts and ends',
    prefixes: ['start: ', 'end: ', 'history'],
    expected: [
      ...['start: member', 'start: joining', 'start: removed', 'start: no room', 'start: model without a log'],
      ...['end: all agree', 'history: linearizable', 'history up to a recovery: linearizable'],
    ],
  },
];

/** One line for each, by section; what was never reached with a nought. */
export function describeCoverage(coverage: Coverage): readonly string[] {
  return sections.flatMap(({ title, prefixes, expected }) => {
    const reached = Object.keys(coverage).filter((what) => prefixes.some((each) => what.startsWith(each)));
    const all = [...new Set([...expected, ...reached])].sort((a, b) => (a < b ? -1 : 1));
    return ['', title, ...all.map((what) => `${String(coverage[what] ?? 0).padStart(12)}  ${what}`)];
  });
}

export function neverReached(coverage: Coverage): readonly string[] {
  return sections.flatMap(({ expected }) => expected).filter((what) => (coverage[what] ?? 0) === 0);
}
