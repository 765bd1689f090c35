/**
 * Whether a controller is alive, and whether it is ready, as conditions in words. Alive: its event loop turns; a restart would
 * mend nothing else. Ready: it can serve now what it is there for. Pure.
 */
import type { NodeStatus } from '../../../messaging/schemas/status.js';
import type { ControllerFacts, Facts } from './facts.js';

export interface Condition {
  readonly name: string;
  /** Why it is not met, and what to do where somebody has to; null: it is met. */
  readonly failure: string | null;
}

export type Probe = 'livez' | 'readyz';

/** Every condition that there is, for the docs; the sentences are made where they are judged. */
export const conditionMeanings: Readonly<Record<Probe, Readonly<Record<string, string>>>> = {
  livez: { 'event-loop': 'the process answers, so its event loop turns' },
  readyz: {
    nats: 'all three connections to NATS are up',
    state: 'it is a member of a cluster, or standalone, and not blank, removed, damaged, starting or stopping',
    leader: 'it leads, or hears a leader: so there is a quorum',
    model: 'it has applied all that was committed when it began, and serves routers',
    storage: 'it can store: its disk is not full',
  },
};

export function aliveness(_facts: Facts): readonly Condition[] {
  return [{ name: 'event-loop', failure: null }];
}

export function readiness({ nats, controller }: Facts): readonly Condition[] {
  const judged: readonly Condition[] = [
    { name: 'nats', failure: natsFailure(nats) },
    { name: 'state', failure: controller === null ? 'starting: waits for a NATS server' : stateFailure(controller) },
  ];
  if (controller === null || !isServing(controller.status)) return judged;
  return [
    ...judged,
    { name: 'leader', failure: leaderFailure(controller.status) },
    { name: 'model', failure: modelFailure(controller) },
    { name: 'storage', failure: storageFailure(controller.status) },
  ];
}

const isServing = ({ state }: NodeStatus): boolean => state === 'member' || state === 'standalone';

function natsFailure({ connections, servers }: Facts['nats']): string | null {
  const away = Object.entries(connections).flatMap(([name, isUp]) => (isUp ? [] : [name]));
  if (away.length === 0) return null;
  return `not connected to NATS at ${servers.join(', ')} (${away.join(', ')}); it goes on trying`;
}

function stateFailure({ status }: ControllerFacts): string | null {
  switch (status.state) {
    case 'member':
    case 'standalone':
      return null;
    case 'blank':
      return `blank: waits to be joined with \`quorate members join ${status.node}\``;
    case 'removed':
      return 'removed from its cluster: it serves nobody until `quorate reset` makes it blank';
    case 'damaged':
      return 'damaged, and out of service: `quorate doctor` on its directory says what is wrong';
    case 'starting':
      return 'starting';
    case 'stopping':
      return 'stopping';
    default:
      return status.state;
  }
}

function leaderFailure({ raft }: NodeStatus): string | null {
  if (raft === null || raft.leader !== null) return null;
  return `no leader is known in term ${raft.term}: an election is under way, or the quorum is lost (\`quorate members\`)`;
}

function modelFailure({ status, servesRouters }: ControllerFacts): string | null {
  if (servesRouters) return null;
  const { raft } = status;
  return raft === null
    ? 'no model yet'
    : `catching up: has applied ${raft.applied} of ${raft.commit} entries that it knows to be committed`;
}

function storageFailure({ alarms }: NodeStatus): string | null {
  const full = alarms.find(({ code }) => code === 'storage-full');
  return full === undefined ? null : `${full.message}. ${full.remedy}`;
}

/** What was asked, as text: one line for each condition, as Kubernetes' own probes have it. */
export function healthText(probe: Probe, conditions: readonly Condition[], isVerbose: boolean): string {
  const failing = conditions.filter(({ failure }) => failure !== null);
  if (failing.length === 0 && !isVerbose) return 'ok\n';
  const lines = conditions.map(({ name, failure }) =>
    failure === null ? `[+]${name} ok` : `[-]${name} failed: ${failure}`,
  );
  return `${[...lines, `${probe} check ${failing.length === 0 ? 'passed' : 'failed'}`].join('\n')}\n`;
}
