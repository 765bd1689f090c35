/**
 * The controllers as one list: who is in the committed configuration, who announced itself and is not in it, who was
 * removed. Everything here was said by a controller; where nothing was said there is null, never a guess.
 */
import type { ConfigurationView, NodeStatus, ProgressView } from '../../messaging/index.js';
import { silentAfterMs, staleAfterMs } from './limits.js';
import type { NodeRecord } from './state.js';

export interface ClusterFacts {
  readonly now: number;
  readonly startedAt: number;
  readonly cluster: string;
  readonly connection: { readonly up: boolean; readonly since: number; readonly lastHeardAt: number | null };
  readonly nodes: ReadonlyMap<string, NodeRecord>;
}

export type RaftView = NonNullable<NodeStatus['raft']>;

export interface Leader {
  readonly record: NodeRecord;
  readonly raft: RaftView;
}

/** How a controller belongs to the cluster. */
export type Membership = 'voter' | 'learner' | 'leaving' | 'joining' | 'none';

export interface MemberRow {
  readonly id: string;
  readonly name: string;
  readonly membership: Membership;
  /** Null: this controller has never been heard by this console. */
  readonly record: NodeRecord | null;
  readonly raft: RaftView | null;
  /** What the leader knows of it; null on the leader itself and while there is no leader. */
  readonly progress: ProgressView | null;
  readonly leads: boolean;
  /** It said last that it leads, in a term that is over: another leads now. */
  readonly led: boolean;
  /** Milliseconds since its last status. */
  readonly ageMs: number | null;
  readonly silent: boolean;
}

export function ageOf(facts: { readonly now: number }, record: NodeRecord): number {
  return Math.max(0, facts.now - record.heardAt);
}

export function isFresh(facts: { readonly now: number }, record: NodeRecord): boolean {
  return ageOf(facts, record) <= staleAfterMs;
}

/** All who say that they lead, freshest claim of the highest term first. */
export function claimants(facts: ClusterFacts): readonly Leader[] {
  const found: Leader[] = [];
  for (const record of facts.nodes.values()) {
    const { raft, state } = record.status;
    if (raft?.role === 'leader' && state === 'member') found.push({ record, raft });
  }
  return found.sort((a, b) => b.raft.term - a.raft.term || b.record.heardAt - a.record.heardAt);
}

/** The leader of the highest term, if its status is not older than `ageMsMax` and no member has gone past that term. */
export function leaderOf(facts: ClusterFacts, ageMsMax: number = silentAfterMs): Leader | null {
  const first = claimants(facts)[0];
  if (first === undefined || ageOf(facts, first.record) > ageMsMax) return null;
  for (const record of facts.nodes.values()) {
    const { raft } = record.status;
    // A member that follows in a later term heard of a later election: the claim is history.
    if (raft !== null && raft.term > first.raft.term && raft.leader !== null && record.heardAt >= first.record.heardAt)
      return null;
  }
  return first;
}

/**
 * Entries that a follower is behind; null where the leader does not know: a new leader takes one that it has not reached yet to
 * hold nothing, and that is no finding.
 */
export function lagOf(progress: ProgressView | null): number | null {
  return progress === null || (progress.match === 0 && !progress.active) ? null : progress.lag;
}

/** The newest committed configuration that anybody told of, and who told it. */
export function configurationOf(
  facts: ClusterFacts,
): { readonly configuration: ConfigurationView; readonly by: NodeRecord } | null {
  const leader = leaderOf(facts);
  if (leader !== null) return { configuration: leader.raft.configuration, by: leader.record };
  let best: { readonly record: NodeRecord; readonly raft: RaftView } | null = null;
  for (const record of facts.nodes.values()) {
    const { raft, state } = record.status;
    if (raft === null || state === 'removed') continue;
    if (best === null || raft.applied > best.raft.applied) best = { record, raft };
  }
  return best === null ? null : { configuration: best.raft.configuration, by: best.record };
}

export function membershipIn(configuration: ConfigurationView | null, id: string): Membership {
  if (configuration === null) return 'none';
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  if (voters.includes(id)) return votersOutgoing.length > 0 && !votersOutgoing.includes(id) ? 'joining' : 'voter';
  if (votersOutgoing.includes(id)) return 'leaving';
  return learners.includes(id) || learnersNext.includes(id) ? 'learner' : 'none';
}

/** Everyone named by the configuration or heard, members first, by id. */
export function membersOf(facts: ClusterFacts): readonly MemberRow[] {
  const configuration = configurationOf(facts)?.configuration ?? null;
  const leader = leaderOf(facts);
  const ids = new Set<string>(facts.nodes.keys());
  if (configuration !== null) {
    for (const id of [...configuration.voters, ...configuration.votersOutgoing, ...configuration.learners]) ids.add(id);
  }
  const names = new Map(leader?.record.status.members.map((member) => [member.id, member.name]) ?? []);
  return [...ids]
    .map((id): MemberRow => {
      const record = facts.nodes.get(id) ?? null;
      const age = record === null ? null : ageOf(facts, record);
      const raft = record?.status.raft ?? null;
      return {
        id,
        name: record?.status.name ?? names.get(id) ?? '',
        membership: membershipIn(configuration, id),
        record,
        raft,
        progress: leader?.raft.progress.find((each) => each.id === id && id !== leader.record.status.node) ?? null,
        leads: leader?.record.status.node === id,
        led: leader !== null && raft?.role === 'leader' && raft.term < leader.raft.term,
        ageMs: age,
        silent: age === null || age > silentAfterMs,
      };
    })
    .sort((a, b) => rankOf(a) - rankOf(b) || (a.id < b.id ? -1 : 1));
}

/** Who may have a copy of the model, and so backups of it: whoever was never heard has said nothing of them. */
export function keepersOf(facts: ClusterFacts): readonly MemberRow[] {
  return membersOf(facts).filter((row) => row.record !== null && row.record.status.state !== 'blank');
}

function rankOf(row: MemberRow): number {
  if (row.membership !== 'none') return 0;
  return row.record?.status.state === 'removed' ? 2 : 1;
}
