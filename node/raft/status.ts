/** What can be seen of a member from outside: a copy, taken when it is asked for. */
import { isLearner, isVoter } from './configuration.js';
import type { MemberState } from './state.js';
import type { ProgressView, RaftStatus } from './types.js';

export function statusOf(s: MemberState): RaftStatus {
  const { log, lead } = s;
  return {
    id: s.id,
    role: s.role,
    term: s.term,
    vote: s.vote,
    leader: s.leader,
    commit: log.commit,
    applied: log.applied,
    stable: log.stable,
    lastIndex: log.lastIndex,
    lastTerm: log.lastTermSeen,
    firstIndex: log.firstIndex,
    configuration: s.configuration,
    membership: membershipOf(s),
    pendingChangeIndex: lead && lead.pendingChangeIndex > log.applied ? lead.pendingChangeIndex : 0,
    transferTarget: lead?.transfer?.target,
    uncommittedBytes: lead?.uncommittedBytes ?? 0,
    progress: lead ? progressOf(s) : [],
  };
}

function membershipOf(s: MemberState): RaftStatus['membership'] {
  if (s.removed) return 'removed';
  if (isVoter(s.configuration, s.id)) return 'voter';
  return isLearner(s.configuration, s.id) ? 'learner' : 'none';
}

function progressOf(s: MemberState): readonly ProgressView[] {
  const views = [...(s.lead?.progress ?? [])].map(([id, progress]) => {
    const view = progress.view(id);
    // A leader hears itself all the time.
    return id === s.id ? { ...view, recentlyActive: true, silentTicks: 0 } : view;
  });
  return views.sort((a, b) => (a.id < b.id ? -1 : 1));
}
