/**
 * What one schedule will do, drawn from its seed before it begins: how many members, how fast, how bad the network is, and
 * a list of what is done to them and when. It is plain data, so that a failing schedule can be made smaller by leaving
 * parts of it out. Each schedule draws which kinds of faults it has at all ("swarm testing", Groce and others 2012): many
 * bugs need one kind of fault again and again, and are drowned when all kinds come at once.
 */
import type { CompactionPolicy, MemberTiming } from '../../node/cluster/member.js';
import type { Message, RaftLimits } from '../../node/raft/types.js';
import { type Random, seededRandom } from '../support/random.js';
import type { Fullness, WriteFault } from './disk.js';

/** Who is meant, decided when it happens. `nth` picks among those that fit. */
export interface Who {
  readonly role: 'leader' | 'follower' | 'learner' | 'any';
  readonly nth: number;
}

export type MembershipAction =
  | 'add learner'
  | 'add voter'
  | 'promote'
  | 'demote'
  | 'remove'
  | 'remove leader'
  | 'replace'
  | 'replace explicitly'
  | 'swap'
  | 'leave joint'
  | 'reuse removed id';

export const simulatedWorkflows = ['join', 'remove', 'replace', 'promote', 'demote', 'transfer'] as const;
export type SimulatedWorkflow = (typeof simulatedWorkflows)[number];

/** What of a controller's cannot be written any more, and for how long. */
export interface Filling {
  readonly what: Exclude<Fullness, 'nothing'>;
  readonly forMs: number;
}

export type Action = { readonly at: number } & (
  | { readonly type: 'crash'; readonly who: Who; readonly how: 'kill' | 'power'; readonly downMs: number }
  | { readonly type: 'crash all'; readonly how: 'kill' | 'power'; readonly downMs: number }
  | { readonly type: 'write fault'; readonly who: Who; readonly how: WriteFault; readonly downMs: number }
  | { readonly type: 'pause'; readonly who: Who; readonly forMs: number }
  | {
      readonly type: 'partition';
      readonly shape: 'isolate' | 'halves' | 'deaf' | 'mute' | 'bridge' | 'one-way' | 'minority leader';
      readonly who: Who;
      readonly forMs: number;
      /** Goes and comes this often meanwhile; 0 where it stays. */
      readonly flapMs: number;
    }
  | { readonly type: 'lossy'; readonly who: Who; readonly loss: number; readonly forMs: number }
  | {
      readonly type: 'drop';
      readonly who: Who;
      readonly direction: 'from' | 'to';
      readonly message: Message['type'];
      readonly forMs: number;
    }
  | {
      readonly type: 'delay';
      readonly who: Who;
      readonly direction: 'from' | 'to';
      readonly message: Message['type'] | 'request' | 'answer';
      readonly byMs: number;
      readonly forMs: number;
    }
  /**
   * The leader, alone or with one follower, is cut off while it is written to and read from: it gathers what will not be
   * committed, and does not know that it is deposed. Before that, answers to it may be held back, to reach it late.
   */
  | {
      readonly type: 'strand';
      readonly company: number;
      readonly heldBackMs: number;
      readonly forMs: number;
      readonly writes: number;
      /** The disk of the leader's company hangs for so long after they are back: it hears of the next leader in the same turn. */
      readonly stallMs: number;
      readonly afterwards: 'nothing' | 'crash the others' | 'crash the leader' | 'strand again';
    }
  | { readonly type: 'clock rate'; readonly who: Who; readonly rate: number; readonly forMs: number }
  | { readonly type: 'clock jump'; readonly who: Who; readonly byMs: number }
  | ({ readonly type: 'disk full'; readonly who: Who } & Filling)
  | ({ readonly type: 'all disks full' } & Filling)
  | { readonly type: 'slow disk'; readonly who: Who; readonly forMs: number }
  | { readonly type: 'disk stall'; readonly who: Who; readonly forMs: number }
  | { readonly type: 'rot entry'; readonly who: Who }
  | { readonly type: 'rot chunk'; readonly who: Who }
  | { readonly type: 'rot snapshot'; readonly who: Who }
  | { readonly type: 'lose log'; readonly who: Who }
  | { readonly type: 'membership'; readonly change: MembershipAction; readonly nth: number }
  /** The leader is removed while it is written to, and soon cannot tell anybody that its removal is committed. */
  | { readonly type: 'farewell'; readonly writes: number; readonly silentAfterMs: number; readonly silentMs: number }
  /** A follower that alone has acknowledged what the leader commits loses it to rot, and then the leader is away. */
  | {
      readonly type: 'owe';
      readonly nth: number;
      readonly writes: number;
      readonly forMs: number;
      readonly downMs: number;
    }
  | { readonly type: 'transfer'; readonly to: Who }
  | { readonly type: 'campaign'; readonly who: Who }
  /** `share`: of the members that have the file when it is restored; `rots`: one of them has it damaged. */
  | {
      readonly type: 'restore';
      readonly nth: number;
      readonly ageMs: number;
      readonly share: number;
      readonly pauses: boolean;
      readonly rots: boolean;
    }
  /** A majority of the voters is lost, and somebody goes on with a survivor. Perhaps the lost come back all the same. */
  | {
      readonly type: 'recover';
      readonly nth: number;
      /** At most; too few to decide in any case. */
      readonly survivors: number;
      readonly withLearners: boolean;
      readonly how: 'kill' | 'power';
      /** Until somebody does something about it. */
      readonly waitMs: number;
      readonly choice: 'best' | 'other';
      readonly offline: boolean;
      /** `unseen`: and do not hear of the new log for a while, so that they may elect a leader of theirs. */
      readonly back: 'never' | 'seen' | 'unseen';
      readonly backAfterMs: number;
      readonly unseenMs: number;
      readonly joinAfterMs: readonly number[];
    }
  | { readonly type: 'burst'; readonly who: Who; readonly writes: number }
  /** An operator starts one, and nobody else changes the membership. */
  | { readonly type: 'operation'; readonly workflow: SimulatedWorkflow; readonly nth: number }
);

export interface Plan {
  readonly seed: number;
  readonly voters: number;
  readonly learners: number;
  readonly timing: MemberTiming;
  /** In turns: a member that keeps little may lead others that keep much, and the other way round. */
  readonly compactions: readonly CompactionPolicy[];
  /** Small, so that windows fill, reads go to the disk, and too much is refused. */
  readonly limits: Partial<RaftLimits>;
  readonly network: {
    readonly delayMs: number;
    readonly jitterMs: number;
    readonly inOrder: boolean;
    readonly loss: number;
    readonly duplication: number;
    /** Of messages that come much later. */
    readonly straggling: number;
  };
  /** Share of steps of a turn after which the disk takes time, and others come in between. */
  readonly slowDisk: number;
  /** Share of elections after which the membership is changed at once, again and again. */
  readonly eagerChanges: number;
  /** Share of snapshot transfers that are overtaken by the log: another member leads meanwhile, which still has it. */
  readonly overtakenSnapshots: number;
  /** Bytes of a snapshot that are asked for at once. */
  readonly chunkBytes: number;
  readonly requestTimeoutMs: number;
  /** Share of turns that wait for more input. */
  readonly lateTurns: number;
  readonly clients: number;
  readonly keys: number;
  readonly thinkMs: number;
  /** Operations of all clients together. */
  readonly operationsMax: number;
  /** Of controllers, in turns: the voter with the highest leads where it is well. Empty: nobody is preferred. */
  readonly priorities: readonly number[];
  /** When faults end. */
  readonly faultsMs: number;
  readonly actions: readonly Action[];
}

export const profiles = [
  'mixed',
  'elections',
  'membership',
  'snapshots',
  'disks',
  'calm',
  'restores',
  'recoveries',
  'operations',
] as const;
export type Profile = (typeof profiles)[number];

/** Which profile a seed has when none is asked for. */
export function profileOf(seed: number): Profile {
  const turn = [
    'mixed',
    'elections',
    'mixed',
    'membership',
    'mixed',
    'snapshots',
    'mixed',
    'disks',
    'mixed',
    'membership',
  ] as const;
  if (seed % 25 === 5) return 'recoveries';
  if (seed % 25 === 22) return 'operations';
  return seed % 50 === 0 ? 'calm' : (turn[seed % turn.length] ?? 'mixed');
}

type Draw = (random: Random) => DistributiveOmit<Action, 'at'>;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** The log is given its room in advance, so that the model alone may find none. */
function filling(random: Random): Filling {
  const forMs = random.between(50, 400);
  return { what: forMs % 3 === 0 ? 'model' : 'everything', forMs };
}

const who = (random: Random): Who => ({
  role: random.pick(['leader', 'leader', 'follower', 'follower', 'any', 'learner'] as const),
  nth: random.between(0, 7),
});
const short = (random: Random) => random.between(5, 400);

/** Each kind of fault, and how it is drawn. */
const drawers = {
  crash: (random) => ({
    type: 'crash',
    who: who(random),
    how: random.pick(['kill', 'power'] as const),
    downMs: random.between(1, 300),
  }),
  'crash all': (random) => ({
    type: 'crash all',
    how: random.pick(['kill', 'power'] as const),
    downMs: random.between(1, 50),
  }),
  'write fault': (random) => ({
    type: 'write fault',
    who: who(random),
    how: random.pick(['crash-stored', 'crash-lost', 'error-stored', 'error-lost'] as const),
    downMs: random.between(1, 200),
  }),
  pause: (random) => ({ type: 'pause', who: who(random), forMs: random.between(20, 500) }),
  partition: (random) => ({
    type: 'partition',
    shape: random.pick([
      'isolate',
      'isolate',
      'halves',
      'deaf',
      'mute',
      'bridge',
      'one-way',
      'minority leader',
    ] as const),
    who: who(random),
    forMs: random.between(20, 600),
    flapMs: random.chance(0.25) ? random.between(5, 60) : 0,
  }),
  lossy: (random) => ({
    type: 'lossy',
    who: who(random),
    loss: random.between(10, 90) / 100,
    forMs: random.between(50, 600),
  }),
  drop: (random) => ({
    type: 'drop',
    who: who(random),
    direction: random.pick(['from', 'to'] as const),
    message: random.pick([
      'append',
      'appendReply',
      'heartbeat',
      'heartbeatReply',
      'voteReply',
      'readIndexReply',
      'proposeReply',
      'snapshot',
    ] as const),
    forMs: short(random),
  }),
  delay: (random) => ({
    type: 'delay',
    who: who(random),
    direction: random.pick(['from', 'to'] as const),
    message: random.pick([
      'append',
      'append',
      'appendReply',
      'heartbeat',
      'heartbeatReply',
      'vote',
      'voteReply',
      'timeoutNow',
      'snapshot',
      'answer',
      'proposeReply',
      'readIndexReply',
    ] as const),
    byMs: random.between(20, 500),
    forMs: random.between(20, 300),
  }),
  strand: (random) => ({
    type: 'strand',
    company: random.between(0, 1),
    heldBackMs: random.chance(0.5) ? random.between(20, 300) : 0,
    forMs: random.between(60, 500),
    writes: random.between(0, 6),
    stallMs: random.chance(0.3) ? random.between(5, 80) : 0,
    afterwards: random.pick(['nothing', 'crash the others', 'crash the leader', 'strand again'] as const),
  }),
  'clock rate': (random) => ({
    type: 'clock rate',
    who: who(random),
    rate: random.pick([0.25, 0.5, 0.8, 1.25, 2, 4]),
    forMs: random.between(100, 800),
  }),
  'clock jump': (random) => ({
    type: 'clock jump',
    who: who(random),
    byMs: random.pick([-86_400_000, -5_000, 5_000, 86_400_000]),
  }),
  'disk full': (random) => ({ type: 'disk full', who: who(random), ...filling(random) }),
  'all disks full': (random) => ({ type: 'all disks full', ...filling(random) }),
  'slow disk': (random) => ({ type: 'slow disk', who: who(random), forMs: random.between(50, 500) }),
  'disk stall': (random) => ({ type: 'disk stall', who: who(random), forMs: random.between(20, 400) }),
  'rot entry': (random) => ({ type: 'rot entry', who: who(random) }),
  'rot chunk': (random) => ({ type: 'rot chunk', who: who(random) }),
  'lose log': (random) => ({ type: 'lose log', who: who(random) }),
  'rot snapshot': (random) => ({ type: 'rot snapshot', who: who(random) }),
  membership: (random) => ({
    type: 'membership',
    change: random.pick([
      'add learner',
      'add learner',
      'add voter',
      'promote',
      'promote',
      'demote',
      'remove',
      'remove leader',
      'replace',
      'replace explicitly',
      'swap',
      'leave joint',
      'leave joint',
      'reuse removed id',
    ] as const),
    nth: random.between(0, 7),
  }),
  farewell: (random) => ({
    type: 'farewell',
    writes: random.between(0, 6),
    silentAfterMs: random.between(0, 12),
    silentMs: random.between(20, 150),
  }),
  owe: (random) => ({
    type: 'owe',
    nth: random.between(0, 7),
    writes: random.between(1, 4),
    forMs: random.between(20, 100),
    downMs: random.between(100, 500),
  }),
  transfer: (random) => ({ type: 'transfer', to: who(random) }),
  campaign: (random) => ({ type: 'campaign', who: who(random) }),
  burst: (random) => ({ type: 'burst', who: who(random), writes: random.between(2, 12) }),
} as const satisfies Record<string, Draw>;

function drawRestore(random: Random): DistributiveOmit<Action, 'at'> {
  return {
    type: 'restore',
    nth: random.between(0, 7),
    ageMs: random.between(0, 200),
    share: random.pick([0.7, 0.9, 1]),
    pauses: random.chance(0.5),
    rots: random.chance(0.2),
  };
}

function drawRecovery(random: Random, faultsMs: number): Action {
  return {
    type: 'recover',
    at: random.between(0, Math.floor(faultsMs / 2)),
    nth: random.between(0, 7),
    survivors: random.between(1, 2),
    withLearners: random.chance(0.5),
    how: random.pick(['kill', 'power'] as const),
    waitMs: random.between(0, 300),
    choice: random.pick(['best', 'best', 'other'] as const),
    offline: random.chance(0.25),
    back: random.pick(['never', 'seen', 'unseen', 'unseen'] as const),
    backAfterMs: random.between(0, 400),
    unseenMs: random.between(50, 700),
    joinAfterMs: [random.between(10, 300), random.between(10, 500)].slice(0, random.between(0, 2)),
  };
}

function drawOperation(random: Random, faultsMs: number): Action {
  return {
    type: 'operation',
    // The first needs a leader that has heard of the others.
    at: random.between(Math.floor(faultsMs / 4), faultsMs),
    workflow: random.pick(simulatedWorkflows),
    nth: random.between(0, 7),
  };
}

/** Of the schedules that are not made for restores. */
const restoresShare = 0.08;

type Kind = keyof typeof drawers;

/** All kinds of actions that are drawn. */
export const actionTypes: readonly string[] = [...Object.keys(drawers), 'restore', 'recover', 'operation'];

/** How often a kind comes when a schedule has it; the mean of how many of its actions there are. */
const weights: Readonly<Record<Profile, Readonly<Partial<Record<Kind, number>>>>> = {
  mixed: {
    crash: 3,
    'crash all': 0.4,
    'write fault': 1.5,
    pause: 1.5,
    partition: 3,
    lossy: 1,
    drop: 2,
    delay: 2,
    strand: 1.5,
    'clock rate': 1,
    'clock jump': 0.5,
    'disk full': 1,
    'all disks full': 0.1,
    'slow disk': 0.7,
    'disk stall': 0.7,
    'rot entry': 0.3,
    'rot chunk': 0.5,
    'lose log': 0.2,
    membership: 3,
    transfer: 1.5,
    campaign: 1,
    burst: 1.5,
  },
  elections: {
    crash: 3,
    'crash all': 0.5,
    'write fault': 2,
    partition: 3,
    drop: 2,
    delay: 4,
    strand: 4,
    transfer: 3,
    campaign: 2,
    burst: 2,
    'slow disk': 1,
    'disk stall': 1,
    pause: 1,
  },
  membership: {
    membership: 8,
    farewell: 0.7,
    crash: 2,
    partition: 2,
    strand: 1,
    transfer: 2,
    campaign: 1,
    drop: 2,
    delay: 1,
    burst: 1,
    'slow disk': 1,
  },
  snapshots: {
    partition: 4,
    crash: 4,
    membership: 2,
    burst: 5,
    delay: 3,
    'rot chunk': 2,
    'write fault': 1,
    'disk full': 1,
    lossy: 1,
    transfer: 1,
    'rot snapshot': 2,
  },
  disks: {
    crash: 5,
    'crash all': 1.5,
    'write fault': 5,
    'disk full': 4,
    'all disks full': 0.5,
    'slow disk': 2,
    'disk stall': 2,
    'rot entry': 1.5,
    'rot chunk': 1,
    'lose log': 0.5,
    burst: 2,
    partition: 1,
    'rot snapshot': 0.5,
    owe: 0.5,
  },
  calm: { transfer: 2, membership: 2, burst: 2, farewell: 0.5 },
  restores: {
    crash: 3,
    'crash all': 0.3,
    partition: 3,
    strand: 1,
    pause: 1,
    drop: 1,
    delay: 1,
    membership: 3,
    transfer: 2,
    burst: 2,
    'slow disk': 1,
    'disk full': 0.5,
    'write fault': 0.5,
  },
  recoveries: {
    crash: 2,
    partition: 1.5,
    strand: 0.7,
    pause: 0.7,
    drop: 1,
    delay: 1.5,
    membership: 3,
    transfer: 1,
    burst: 3,
    'clock rate': 0.5,
    'slow disk': 0.7,
    'write fault': 0.7,
    'disk full': 0.4,
  },
  operations: {
    crash: 3,
    partition: 2,
    strand: 0.7,
    pause: 1,
    drop: 1,
    delay: 1.5,
    transfer: 1,
    campaign: 1,
    burst: 2,
    'clock rate': 0.5,
    'slow disk': 0.7,
    'write fault': 0.7,
  },
};

const compactionPolicies: readonly CompactionPolicy[] = [
  { everyEntries: 1_000, keepEntries: 1_000 },
  { everyEntries: 8, keepEntries: 4 },
  { everyEntries: 3, keepEntries: 0 },
  { everyEntries: 12, keepEntries: 2 },
];

export function makePlan(seed: number, profile: Profile = profileOf(seed)): Plan {
  const random = seededRandom(seed);
  const recovers = profile === 'recoveries';
  const operates = profile === 'operations';
  // It takes a while until nobody is heard to lead, and again until those that come back have heard.
  const faultsMs = random.between(300, 1_400) + (recovers || operates ? 1_000 : 0);
  const tickMs = random.pick([10, 15, 20]);
  const voters = random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5]);
  const drawn = {
    seed,
    voters,
    learners: random.pick([0, 0, 0, 1]),
    timing: { tickMs, heartbeatTicks: random.between(1, 2), electionTimeoutTicks: random.between(4, 8) },
    compactions: random.chance(0.5)
      ? [random.pick(compactionPolicies)]
      : [random.pick(compactionPolicies), random.pick(compactionPolicies), random.pick(compactionPolicies)],
    limits: {
      appendBytesMax: random.pick([1, 200, 400, 100_000]),
      inflightMessagesMax: random.pick([1, 2, 4, 64]),
      ...drawRareLimits(random.fork()),
    },
    network: {
      delayMs: random.pick([0, 0.2, 1, 3]),
      jitterMs: random.pick([0.5, 2, 8]),
      inOrder: random.chance(0.5),
      loss: random.pick([0, 0, 0, 0.01, 0.05, 0.2]),
      duplication: random.pick([0, 0, 0.02, 0.2]),
      straggling: random.pick([0, 0, 0.01, 0.05]),
    },
    slowDisk: random.pick([0, 0, 0.05, 0.3]),
    lateTurns: random.pick([0, 0.1, 0.5]),
    eagerChanges: profile === 'membership' ? random.pick([0, 0.5]) : 0,
    chunkBytes: random.pick([16, 64, 1_000]),
    requestTimeoutMs: random.pick([60, 400]),
    clients: random.between(1, 4),
    keys: random.between(1, 3),
    thinkMs: random.pick([5, 20, 60]),
    operationsMax: random.pick([20, 40, 70]),
    faultsMs,
    actions: drawActions(
      random.fork(),
      weights[profile],
      faultsMs,
      profile === 'mixed' || profile === 'restores' || recovers || operates,
    ),
    overtakenSnapshots: profile === 'snapshots' ? random.pick([0, 0.4]) : 0,
  };
  const restores =
    profile === 'restores' ? random.between(1, 3) : Number(random.chance(recovers ? 0.3 : restoresShare));
  const actions = [...drawn.actions, ...(operates ? [] : drawRestores(random, restores, faultsMs))];
  if (operates)
    for (let made = random.between(1, 4); made > 0; made -= 1) actions.push(drawOperation(random, faultsMs));
  if (recovers) for (let made = random.between(1, 2); made > 0; made -= 1) actions.push(drawRecovery(random, faultsMs));
  const mayPrefer = recovers || profile === 'elections';
  const priorities = mayPrefer ? random.pick([[], [], [0, 5], [0, 0, 3], [1, 2, 3, 4, 5]] as const) : [];
  return { ...drawn, priorities, actions: actions.sort(byMoment) };
}

function drawRestores(random: Random, howMany: number, faultsMs: number): Action[] {
  return Array.from({ length: howMany }, () => ({ at: random.between(0, faultsMs), ...drawRestore(random) }));
}

function byMoment(a: Action, b: Action): number {
  return a.at - b.at;
}

/** Most schedules have those of production, which they never reach. */
function drawRareLimits(random: Random): Partial<RaftLimits> {
  return {
    ...(random.chance(0.3) && { tailBytesMax: random.pick([1, 300, 1_000]) }),
    ...(random.chance(0.15) && { inflightBytesMax: random.pick([1, 300]) }),
    ...(random.chance(0.15) && { uncommittedBytesMax: random.pick([1, 500]) }),
    ...(random.chance(0.15) && { committedBytesMax: random.pick([1, 300]) }),
    ...(random.chance(0.1) && { pendingReadsMax: random.between(1, 2) }),
    ...(random.chance(0.1) && { forwardedProposalsMax: random.between(1, 2) }),
  };
}

function drawActions(
  random: Random,
  weight: Readonly<Partial<Record<Kind, number>>>,
  faultsMs: number,
  swarm: boolean,
): Action[] {
  const actions: Action[] = [];
  const intensity = random.pick([0.5, 1, 1, 2]);
  for (const kind of Object.keys(weight) as Kind[]) {
    const mean = (weight[kind] ?? 0) * intensity;
    // In a swarm about half of the kinds are left out, and the others come twice as often.
    if (swarm && random.chance(0.55)) continue;
    const expected = swarm ? mean * 2 : mean;
    const howMany = Math.floor(expected * 2 * random.next() + random.next());
    for (let made = 0; made < howMany; made += 1)
      actions.push({ at: random.between(0, faultsMs), ...drawers[kind](random) });
  }
  return actions.sort(byMoment);
}
