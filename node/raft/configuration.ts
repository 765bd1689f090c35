/**
 * How membership changes: pure functions from one configuration to the next (dissertation, chapter 4). The core uses them
 * when an entry is applied; the state machine uses the very same `applyConfChange`, so that both always agree. A change
 * that is not possible is refused with a reason and leaves everything as it was.
 */
import type { ConfChange, Configuration, Entry, HardState, MembershipChange, NodeId } from './types.js';

export type ChangeRefusal =
  /** Nobody would be left to decide. */
  | 'no-voters-left'
  /** Two majorities would not have to overlap; such a change needs a joint configuration. */
  | 'several-voters-changed'
  | 'already-joint'
  | 'not-joint'
  /** There are no voters yet, so there is nothing to be joint with. */
  | 'no-voters'
  /** The id belonged to a removed member, and ids are never used twice. */
  | 'id-was-removed'
  | 'malformed-id';

export type ChangeOutcome =
  | { readonly ok: true; readonly configuration: Configuration }
  | { readonly ok: false; readonly reason: ChangeRefusal; readonly id?: NodeId };

export const emptyConfiguration: Configuration = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
  removed: [],
};

/** What a cluster starts from: these voters, nobody else. */
export function initialConfiguration(voters: readonly NodeId[]): Configuration {
  return { ...emptyConfiguration, voters: sorted(new Set(voters)) };
}

/**
 * What the first members store before their first start: the log that makes them members, so that whoever joins later learns
 * of them by replaying it, like of everything else. The state machine starts blank, at applied index 0.
 */
export function bootstrapLog(
  voters: readonly NodeId[],
  context?: Uint8Array,
): { readonly hardState: HardState; readonly entries: readonly Entry[] } {
  const entries = sorted(new Set(voters)).map((id, offset): Entry => {
    const changes = [{ type: 'addVoter', id }] as const;
    const change: ConfChange = { changes, transition: 'auto', ...(offset === 0 && context ? { context } : {}) };
    return { type: 'configuration', term: 1, index: offset + 1, change };
  });
  return { hardState: { term: 1, vote: '', commit: entries.length }, entries };
}

export function isNodeId(id: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(id);
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

/** In either half. */
export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return configuration.voters.includes(id) || configuration.votersOutgoing.includes(id);
}

export function isLearner(configuration: Configuration, id: NodeId): boolean {
  return configuration.learners.includes(id);
}

/** Everybody who decides, in either half; sorted. */
export function votersOf(configuration: Configuration): readonly NodeId[] {
  if (!isJoint(configuration)) return configuration.voters;
  return sorted(new Set([...configuration.voters, ...configuration.votersOutgoing]));
}

/** Everybody to whom the log is sent; sorted. */
export function membersOf(configuration: Configuration): readonly NodeId[] {
  const { voters, votersOutgoing, learners } = configuration;
  return sorted(new Set([...voters, ...votersOutgoing, ...learners]));
}

/** The configuration after this entry has been applied. */
export function applyConfChange(configuration: Configuration, change: ConfChange): ChangeOutcome {
  switch (change.transition) {
    case 'leave-joint':
      return leaveJoint(configuration);
    case 'joint-implicit':
      return enterJoint(configuration, change.changes, true);
    case 'joint-explicit':
      return enterJoint(configuration, change.changes, false);
    case 'auto': {
      const outcome = changeSimply(configuration, change.changes);
      const tooMuch = !outcome.ok && outcome.reason === 'several-voters-changed';
      return tooMuch ? enterJoint(configuration, change.changes, true) : outcome;
    }
  }
}

/** One step, without a joint configuration: at most one voter may come or go (section 4.1), any number of learners. */
export function changeSimply(configuration: Configuration, changes: readonly MembershipChange[]): ChangeOutcome {
  if (isJoint(configuration)) return { ok: false, reason: 'already-joint' };
  const draft = draftOf(configuration);
  const refusal = applyAll(draft, changes);
  if (refusal) return refusal;
  if (symmetricDifference(configuration.voters, draft.voters) > 1) {
    return { ok: false, reason: 'several-voters-changed' };
  }
  return { ok: true, configuration: finish(draft, configuration, false) };
}

/** Section 4.3: from here on, old and new majority decide together. */
export function enterJoint(
  configuration: Configuration,
  changes: readonly MembershipChange[],
  autoLeave: boolean,
): ChangeOutcome {
  if (isJoint(configuration)) return { ok: false, reason: 'already-joint' };
  if (configuration.voters.length === 0) return { ok: false, reason: 'no-voters' };
  const draft = draftOf(configuration);
  for (const id of configuration.voters) draft.votersOutgoing.add(id);
  const refusal = applyAll(draft, changes);
  if (refusal) return refusal;
  return { ok: true, configuration: finish(draft, configuration, autoLeave) };
}

/** The new majority decides alone; who was to become a learner becomes one now. */
export function leaveJoint(configuration: Configuration): ChangeOutcome {
  if (!isJoint(configuration)) return { ok: false, reason: 'not-joint' };
  const draft = draftOf(configuration);
  draft.votersOutgoing.clear();
  for (const id of draft.learnersNext) draft.learners.add(id);
  draft.learnersNext.clear();
  return { ok: true, configuration: finish(draft, configuration, false) };
}

interface Draft {
  readonly voters: Set<NodeId>;
  readonly votersOutgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;
  readonly removed: ReadonlySet<NodeId>;
}

function draftOf(configuration: Configuration): Draft {
  return {
    voters: new Set(configuration.voters),
    votersOutgoing: new Set(configuration.votersOutgoing),
    learners: new Set(configuration.learners),
    learnersNext: new Set(configuration.learnersNext),
    removed: new Set(configuration.removed),
  };
}

function applyAll(draft: Draft, changes: readonly MembershipChange[]): ChangeOutcome | undefined {
  for (const { type, id } of changes) {
    if (!isNodeId(id)) return { ok: false, reason: 'malformed-id', id };
    const adds = type === 'addVoter' || type === 'addLearner';
    if (adds && draft.removed.has(id)) return { ok: false, reason: 'id-was-removed', id };
    applyOne(draft, type, id);
  }
  return draft.voters.size === 0 ? { ok: false, reason: 'no-voters-left' } : undefined;
}

function applyOne(draft: Draft, type: MembershipChange['type'], id: NodeId): void {
  switch (type) {
    case 'addVoter':
      draft.learners.delete(id);
      draft.learnersNext.delete(id);
      draft.voters.add(id);
      return;
    case 'addLearner':
      draft.voters.delete(id);
      // While the outgoing half counts on this voter it may not be a learner too, or it would be asked in two roles.
      if (draft.votersOutgoing.has(id)) draft.learnersNext.add(id);
      else draft.learners.add(id);
      return;
    case 'remove':
      draft.voters.delete(id);
      draft.learners.delete(id);
      draft.learnersNext.delete(id);
      return;
    case 'update':
      return;
  }
}

function finish(draft: Draft, before: Configuration, autoLeave: boolean): Configuration {
  const stays = (id: NodeId) => draft.voters.has(id) || draft.votersOutgoing.has(id) || draft.learners.has(id);
  const gone = membersOf(before).filter((id) => !stays(id));
  return {
    voters: sorted(draft.voters),
    votersOutgoing: sorted(draft.votersOutgoing),
    learners: sorted(draft.learners),
    learnersNext: sorted(draft.learnersNext),
    autoLeave,
    removed: gone.length === 0 ? before.removed : sorted(new Set([...before.removed, ...gone])),
  };
}

function symmetricDifference(before: readonly NodeId[], after: ReadonlySet<NodeId>): number {
  const kept = before.filter((id) => after.has(id)).length;
  return before.length - kept + (after.size - kept);
}

/** By code unit, not by locale: every member must order alike. */
function sorted(ids: Iterable<NodeId>): readonly NodeId[] {
  return [...ids].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
