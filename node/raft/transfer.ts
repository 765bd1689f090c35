/**
 * Handing leadership over (dissertation, section 3.10): the target is brought up to date while proposals are refused, then
 * told to campaign at once. Asked for by somebody, or because a member with a higher priority is well and caught up.
 */
import { jointVote } from './quorum.js';
import type { LeaderState, MemberState } from './state.js';
import type { NodeId, TransferResult } from './types.js';

/** A preferred member must have been well for so many election timeouts before it is handed leadership. */
const healthyPeriodsMin = 2;
/** After a hand-over to a preferred member that came to nothing, so many election timeouts pass before the next. */
const holdOffPeriods = 20;

export function transferLeadership(s: MemberState, asked: NodeId | undefined): TransferResult {
  if (s.removed) return { ok: false, code: 'removed', message: 'this member has been removed from the cluster' };
  const lead = s.lead;
  if (!lead) return forwardTransfer(s, asked);
  const target = asked ?? mostUpToDate(s, lead);
  if (target === s.id) return { ok: true, forwarded: false };
  if (lead.transfer && lead.transfer.target !== target) {
    return {
      ok: false,
      code: 'transferring',
      message: `leadership is being handed to ${lead.transfer.target} already`,
    };
  }
  if (target === undefined || !s.configuration.voters.includes(target)) {
    return { ok: false, code: 'invalid-target', message: `${target ?? 'nobody else'} is not a voter that stays` };
  }
  if (!lead.transfer) beginTransfer(s, lead, target);
  return { ok: true, forwarded: false };
}

function forwardTransfer(s: MemberState, target: NodeId | undefined): TransferResult {
  if (s.leader === undefined || target === undefined) {
    return { ok: false, code: 'not-leader', message: 'this member does not lead', leader: s.leader };
  }
  s.send({ type: 'transferLeadership', to: s.leader, target });
  return { ok: true, forwarded: true };
}

function beginTransfer(s: MemberState, lead: LeaderState, target: NodeId): void {
  lead.transfer = { target, ticks: 0 };
  lead.replicationDue = true;
  targetAdvanced(s, lead, target);
}

/** Once the target has the whole log it can win, and not before. Repeated with each heartbeat, as the message may be lost. */
export function targetAdvanced(s: MemberState, lead: LeaderState, id: NodeId): void {
  if (lead.transfer?.target !== id) return;
  if (lead.progress.get(id)?.match === s.log.lastIndex) s.send({ type: 'timeoutNow', to: id });
}

export function giveUpTransfer(lead: LeaderState): void {
  lead.transfer = undefined;
}

/** One tick: a transfer that has not happened within an election timeout is given up, and proposals are taken again. */
export function tickTransfer(s: MemberState, lead: LeaderState): void {
  if (!lead.transfer) return;
  lead.transfer.ticks++;
  if (lead.transfer.ticks >= s.limits.electionTimeoutTicks) giveUpTransfer(lead);
}

/**
 * Once each election timeout: hands leadership to the voter with the highest priority above our own, if it has been well
 * (heard of, following, holding all that is committed) for a while.
 */
export function considerPreferred(s: MemberState, lead: LeaderState): void {
  if (lead.preferredHoldOff > 0) {
    lead.preferredHoldOff--;
    return;
  }
  const id = preferredVoter(s, lead);
  if (id === undefined || lead.transfer || !s.committedInTerm) {
    lead.preferred = undefined;
    return;
  }
  const healthyPeriods = lead.preferred?.id === id ? lead.preferred.healthyPeriods + 1 : 1;
  lead.preferred = { id, healthyPeriods };
  if (healthyPeriods < healthyPeriodsMin) return;
  lead.preferred = undefined;
  lead.preferredHoldOff = holdOffPeriods;
  beginTransfer(s, lead, id);
}

function preferredVoter(s: MemberState, lead: LeaderState): NodeId | undefined {
  const priority = (id: NodeId) => s.priorities.get(id) ?? 0;
  let best = s.id;
  for (const id of s.configuration.voters) {
    if (priority(id) <= priority(best)) continue;
    const progress = lead.progress.get(id);
    const well = progress?.recentlyActive && progress.state === 'replicate' && progress.match >= s.log.commit;
    if (well) best = id;
  }
  return best === s.id ? undefined : best;
}

/** Of the voters that stay and are heard of, the one that has most; the preferred one among equals. */
export function mostUpToDate(s: MemberState, lead: LeaderState): NodeId | undefined {
  const rank = (id: NodeId) => ({ match: lead.progress.get(id)?.match ?? 0, priority: s.priorities.get(id) ?? 0 });
  let best: NodeId | undefined;
  for (const id of s.configuration.voters) {
    if (id === s.id || !lead.progress.get(id)?.recentlyActive) continue;
    if (best === undefined) {
      best = id;
      continue;
    }
    const [a, b] = [rank(id), rank(best)];
    if (a.match > b.match || (a.match === b.match && a.priority > b.priority)) best = id;
  }
  return best;
}

/** Whether a quorum has been heard of since this was last asked (section 6.2); the next period begins. */
export function quorumActive(s: MemberState, lead: LeaderState): boolean {
  const { voters, votersOutgoing } = s.configuration;
  const active = (id: NodeId) => id === s.id || lead.progress.get(id)?.recentlyActive === true;
  return jointVote(voters, votersOutgoing, active) === 'won';
}
