/**
 * Whether a cluster has lost its quorum for good, and which survivor to go on with: judged from what the controllers say of
 * themselves, once for the operator's eyes and once more, with what it hears itself, by the controller that is to do it.
 *
 * The most up to date is chosen as Raft chooses a leader (Ongaro, section 3.6.1): the later term of the last entry, then the
 * longer log. Whatever was acknowledged lay on a majority; where only a minority is left, its most up-to-date member holds as
 * much of it as anybody.
 */
import { relateTimelines, type Timeline } from './position.js';
import type { NodeStatus } from './schemas/status.js';

/** What one reachable member holds. */
export interface Survivor {
  readonly node: string;
  readonly membership: 'voter' | 'learner' | 'none';
  /** Of the last entry of its log. */
  readonly lastTerm: number;
  readonly lastIndex: number;
  readonly commit: number;
  readonly applied: number;
  readonly timeline: Timeline | null;
  readonly leader: string | null;
  /** False where damaged entries were dropped from its log and have not come again: it may lack what it had acknowledged. */
  readonly logWhole: boolean;
}

export interface RecoveryView {
  /** The most up to date first. */
  readonly survivors: readonly Survivor[];
  /** Voters, as the most up-to-date survivor knows them, that are not heard. */
  readonly missing: readonly string[];
  /** The survivor to go on with; null where there is none. */
  readonly recommended: string | null;
  /** Why there is nothing to recover; null where the quorum is lost. */
  readonly obstacle: {
    readonly code: 'quorum-present' | 'recovery-running' | 'no-responders';
    readonly message: string;
  } | null;
}

/** `statuses`: of one cluster, or of all that are heard under its name: then `clusterId` says which is meant. */
export function viewOfRecovery(statuses: readonly NodeStatus[], clusterId?: string): RecoveryView {
  const known = statuses.filter((status) => status.clusterId !== null);
  const meant = clusterId ?? newest(known)?.clusterId ?? null;
  const members = newestLog(known.filter((status) => status.clusterId === meant));
  const survivors = members.flatMap(survivorOf).sort(byUpToDate);
  const [best] = survivors;
  const configuration = members.find((status) => status.node === best?.node)?.raft?.configuration;
  const halves = configuration === undefined ? [] : [configuration.voters, configuration.votersOutgoing];
  const heard = new Set(survivors.map(({ node }) => node));
  const missing = [...new Set(halves.flat())].filter((id) => !heard.has(id)).sort((a, b) => (a < b ? -1 : 1));
  const recommended = survivors.find(({ membership }) => membership === 'voter')?.node ?? null;
  return { survivors, missing, recommended, obstacle: obstacleOf(members, survivors, halves, heard) };
}

function obstacleOf(
  members: readonly NodeStatus[],
  survivors: readonly Survivor[],
  halves: readonly (readonly string[])[],
  heard: ReadonlySet<string>,
): RecoveryView['obstacle'] {
  if (survivors.length === 0) return { code: 'no-responders', message: 'no member of the cluster is heard' };
  const following = survivors.find(({ leader }) => leader !== null);
  if (following !== undefined)
    return { code: 'quorum-present', message: `${following.node} follows the leader ${following.leader}` };
  const starting = members.find(({ state }) => state === 'starting');
  if (starting !== undefined)
    return { code: 'recovery-running', message: `${starting.node} is starting, or is being recovered` };
  // Both halves of a joint configuration have to agree: one that is lost is enough.
  const hasQuorum = halves.every((half) => half.length === 0 || count(half, heard) > half.length / 2);
  if (!hasQuorum) return null;
  const [voters = []] = halves;
  return {
    code: 'quorum-present',
    message: `${count(voters, heard)} of ${voters.length} voters are heard: they can elect a leader`,
  };
}

/** What of that which was acknowledged is surely kept by going on with `chosen` and without those who hold more. */
export interface KeptByRecovery {
  /** A write was acknowledged when a majority of the voters had it on disk: fewer of them are gone, or have a gap. */
  readonly everything: boolean;
  readonly voters: number;
  readonly majority: number;
  /** Who may hold what is lost then: voters that are not heard, and survivors that are left behind. */
  readonly elsewhere: readonly string[];
  /** Surviving voters that may have dropped what they had acknowledged. */
  readonly damaged: readonly string[];
}

export function keptByRecovery(view: RecoveryView, chosen: Survivor): KeptByRecovery {
  const surviving = view.survivors.filter(({ membership }) => membership === 'voter');
  const damaged = surviving.filter(({ logWhole }) => !logWhole).map(({ node }) => node);
  const behind = view.survivors.filter((each) => isMoreUpToDate(each, chosen)).map(({ node }) => node);
  const voters = surviving.length + view.missing.length;
  const majority = Math.floor(voters / 2) + 1;
  const everything = behind.length === 0 && view.missing.length + damaged.length < majority;
  return { everything, voters, majority, elsewhere: [...view.missing, ...behind], damaged };
}

/** Whether `one` is more up to date than `other`. */
export function isMoreUpToDate(
  one: Pick<Survivor, 'lastTerm' | 'lastIndex'>,
  other: Pick<Survivor, 'lastTerm' | 'lastIndex'>,
): boolean {
  return one.lastTerm > other.lastTerm || (one.lastTerm === other.lastTerm && one.lastIndex > other.lastIndex);
}

function byUpToDate(one: Survivor, other: Survivor): number {
  return (
    other.lastTerm - one.lastTerm ||
    other.lastIndex - one.lastIndex ||
    other.commit - one.commit ||
    (one.node < other.node ? -1 : 1)
  );
}

function survivorOf({ node, state, raft, position, alarms }: NodeStatus): Survivor[] {
  if (state !== 'member' || raft === null) return [];
  const { voters, votersOutgoing, learners, learnersNext } = raft.configuration;
  const membership =
    voters.includes(node) || votersOutgoing.includes(node)
      ? 'voter'
      : learners.includes(node) || learnersNext.includes(node)
        ? 'learner'
        : 'none';
  const { lastTerm, lastIndex, commit, applied, leader } = raft;
  const timeline = position?.timeline ?? null;
  const logWhole = !alarms.some(({ code }) => code === 'log-damaged');
  return [{ node, membership, lastTerm, lastIndex, commit, applied, timeline, leader, logWhole }];
}

/** A log that a recovery left behind is no source any more. */
function newestLog(statuses: readonly NodeStatus[]): readonly NodeStatus[] {
  const highest = Math.max(0, ...statuses.map((status) => status.logTimeline?.epoch ?? 0));
  return statuses.filter((status) => (status.logTimeline?.epoch ?? 0) === highest || status.logTimeline === null);
}

function newest(statuses: readonly NodeStatus[]): NodeStatus | undefined {
  return [...statuses].sort((one, other) => {
    const [a, b] = [one.position?.timeline, other.position?.timeline];
    if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
    return relateTimelines(a, b) === 'newer' ? 1 : -1;
  })[0];
}

function count(ids: readonly string[], heard: ReadonlySet<string>): number {
  return ids.filter((id) => heard.has(id)).length;
}
