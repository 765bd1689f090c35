/** Which faults, when, for how long: data, drawn from a seed. Whom a fault hits is settled when it happens. */
import type { Random } from '../support/random.js';

/** How long each kind lasts, in milliseconds, and how often it is drawn beside the others. */
export const faultKinds = {
  /** SIGKILL of a controller, then a new start on the same directory. */
  kill: { lastsMs: [50, 3_000], weight: 10 },
  /** SIGTERM of a controller, which hands leadership over where it has it, then a new start. */
  stop: { lastsMs: [50, 1_000], weight: 5 },
  /** SIGKILL of all controllers at once. */
  'kill-all': { lastsMs: [50, 500], weight: 1 },
  /** SIGSTOP and SIGCONT: most are longer than an election timeout (200 to 400 ms). */
  pause: { lastsMs: [150, 2_500], weight: 10 },
  /** SIGKILL of a nats-server, then a new start on the same port. */
  'kill-nats': { lastsMs: [50, 2_000], weight: 4 },
  /** SIGSTOP of a nats-server: its clients notice by their pings, after 4 to 6 s. */
  'pause-nats': { lastsMs: [200, 6_500], weight: 2 },
  'cut-route': { lastsMs: [100, 3_000], weight: 5 },
  /** Nothing passes, one way or both ways, and comes late. */
  'stall-route': { lastsMs: [100, 3_000], weight: 5 },
  transfer: { lastsMs: [0, 0], weight: 8 },
  snapshot: { lastsMs: [0, 0], weight: 3 },
} as const satisfies Record<string, { readonly lastsMs: readonly [number, number]; readonly weight: number }>;

export type FaultKind = keyof typeof faultKinds;

export interface Fault {
  readonly kind: FaultKind;
  /** From the beginning of the round. */
  readonly atMs: number;
  readonly lastsMs: number;
  /** In [0, 1): which of those that can be hit. */
  readonly draw: number;
  /** Of a controller: the leader, whoever that is then. */
  readonly onLeader: boolean;
}

const betweenFaultsMs = [200, 1_200] as const;
/** So that all is not broken all the time; `kill-all` is broken enough alone. */
const faultsAtOnceMax = 3;
const onLeaderShare = 0.5;

/** Each kind once, in any order, then by weight, until the time is over; the last fault is mended by then. */
export function planFaults(random: Random, durationMs: number): readonly Fault[] {
  const kinds = Object.keys(faultKinds) as FaultKind[];
  const byWeight = kinds.flatMap((kind) => Array.from({ length: faultKinds[kind].weight }, () => kind));
  const first = random.shuffle(kinds);
  const faults: Fault[] = [];
  for (let atMs = random.between(...betweenFaultsMs); atMs < durationMs; atMs += random.between(...betweenFaultsMs)) {
    const kind = first.shift() ?? random.pick(byWeight);
    const [shortestMs, longestMs] = faultKinds[kind].lastsMs;
    const beginsMs = Math.max(atMs, freeFrom(faults));
    const leftMs = durationMs - beginsMs;
    const drawn = {
      lastsMs: random.between(shortestMs, longestMs),
      draw: random.next(),
      onLeader: random.chance(onLeaderShare),
    };
    if (leftMs >= shortestMs) faults.push({ ...drawn, kind, atMs: beginsMs, lastsMs: Math.min(drawn.lastsMs, leftMs) });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** When fewer than {@link faultsAtOnceMax} of these are still going on. */
function freeFrom(faults: readonly Fault[]): number {
  const ends = faults.map(({ atMs, lastsMs }) => atMs + lastsMs).sort((a, b) => b - a);
  return ends[faultsAtOnceMax - 1] ?? 0;
}
