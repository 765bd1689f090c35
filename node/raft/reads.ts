/** Reads, as the leader confirms them and as a follower asks for them (dissertation, section 6.4). */
import { jointReached } from './quorum.js';
import type { ReadRequest } from './read-index.js';
import { broadcastHeartbeat } from './replication.js';
import type { LeaderState, MemberState } from './state.js';
import type { ReadIndexReply, ReadIndexRequest, ReadIndexResult } from './types.js';

const overloaded = { ok: false, code: 'overloaded', message: 'too many reads wait for an answer' } as const;

export function readIndex(s: MemberState, requestId: string): ReadIndexResult {
  if (s.removed) return { ok: false, code: 'removed', message: 'this member has been removed from the cluster' };
  if (s.lead) return s.lead.reads.add({ from: s.id, requestId }) ? { ok: true } : overloaded;
  if (s.leader === undefined) return { ok: false, code: 'not-leader', message: 'no leader is known' };
  return s.forwarded.addRead(requestId) ? { ok: true } : overloaded;
}

/** Before a Ready is made: what has come since the last one goes out as one round, or one question to the leader. */
export function flushReads(s: MemberState): void {
  const { lead } = s;
  if (!lead) {
    if (s.leader === undefined || !s.forwarded.hasWaitingReads) return;
    s.send({ type: 'readIndex', to: s.leader, requestId: s.forwarded.takeReadBatch() });
    return;
  }
  if (!readsDue(s)) return;
  lead.reads.begin(s.log.commit);
  broadcastHeartbeat(s, lead);
  confirmReads(s, lead);
}

/**
 * Not before the first commit of the term: until then a leader does not know how far earlier leaders have committed
 * (section 6.4, step 1). What waits is answered then, or refused when leadership is lost.
 */
export function readsDue(s: MemberState): boolean {
  return s.committedInTerm && s.lead?.reads.due === true;
}

/** Answers every round that a quorum of voters, ourselves among them, has confirmed. */
export function confirmReads(s: MemberState, lead: LeaderState): void {
  const current = lead.reads.current;
  if (current === 0) return;
  const { voters, votersOutgoing } = s.configuration;
  const confirmed = jointReached(voters, votersOutgoing, (id) =>
    id === s.id ? current : lead.progress.get(id)?.readRound,
  );
  for (const { request, index } of lead.reads.confirm(confirmed)) answer(s, request, { ok: true, index });
}

export function handleReadIndex(s: MemberState, message: ReadIndexRequest): void {
  const { from, requestId } = message;
  if (!s.lead) {
    answer(
      s,
      { from, requestId },
      { ok: false, code: 'not-leader', message: 'this member does not lead', leader: s.leader },
    );
  } else if (!s.lead.reads.add({ from, requestId })) {
    answer(s, { from, requestId }, overloaded);
  }
}

export function handleReadIndexReply(s: MemberState, message: ReadIndexReply): void {
  for (const requestId of s.forwarded.takeReads(message.requestId)) {
    s.outbox.readResults.push({ requestId, result: message.result });
  }
}

function answer(s: MemberState, { from, requestId }: ReadRequest, result: ReadIndexReply['result']): void {
  if (from === s.id) s.outbox.readResults.push({ requestId, result });
  else s.send({ type: 'readIndexReply', to: from, requestId, result });
}
