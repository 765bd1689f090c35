/** Proposals: appended by the leader, sent to it by everybody else, refused with a reason where neither is possible. */
import { entryBytes } from './log.js';
import { appendToOwnLog } from './replication.js';
import type { MemberState } from './state.js';
import type { Appended, Propose, ProposeRefusalCode, ProposeReply, ProposeResult, Refusal } from './types.js';

export function propose(s: MemberState, data: readonly Uint8Array[], proposalId: string): ProposeResult {
  if (s.removed) return { ok: false, code: 'removed', message: 'this member has been removed from the cluster' };
  if (s.lead) {
    const result = append(s, data);
    return result.ok ? { ...result, forwarded: false } : result;
  }
  const { leader } = s;
  if (leader === undefined) return { ok: false, code: 'not-leader', message: 'no leader is known' };
  const name = s.forwarded.addProposal(proposalId);
  if (name === undefined) {
    return { ok: false, code: 'overloaded', message: 'too many forwarded proposals wait for an answer', leader };
  }
  s.send({ type: 'propose', to: leader, proposalId: name, data });
  return { ok: true, forwarded: true, leader };
}

/** All or none. */
function append(s: MemberState, data: readonly Uint8Array[]): Appended | Refusal<ProposeRefusalCode> {
  const { lead, limits } = s;
  if (!lead) return { ok: false, code: 'not-leader', message: 'this member does not lead', leader: s.leader };
  if (!s.hasRoom) return { ok: false, code: 'storage-full', message: "the leader's disk is full" };
  if (lead.transfer) {
    return { ok: false, code: 'transferring', message: `leadership is being handed to ${lead.transfer.target}` };
  }
  let bytes = 0;
  for (const one of data) {
    if (one.length > limits.proposalBytesMax) {
      return {
        ok: false,
        code: 'too-large',
        message: `${one.length} bytes, where ${limits.proposalBytesMax} are allowed`,
      };
    }
    bytes += entryBytes({ type: 'normal', term: s.term, index: 0, data: one });
  }
  // Something is always let in when nothing waits, so that no bound can stop the cluster altogether.
  if (lead.uncommittedBytes > 0 && lead.uncommittedBytes + bytes > limits.uncommittedBytesMax) {
    return { ok: false, code: 'overloaded', message: `${lead.uncommittedBytes} bytes wait to be committed already` };
  }
  const index = appendToOwnLog(
    s,
    data.map((one) => ({ type: 'normal', data: one })),
  );
  return { ok: true, term: s.term, index };
}

export function handlePropose(s: MemberState, message: Propose): void {
  const { from: to, proposalId, data } = message;
  const result = append(s, data);
  // Whoever forwarded it answers when it has applied it itself.
  if (result.ok && s.lead) s.lead.eagerThrough = s.log.lastIndex;
  s.send({ type: 'proposeReply', to, proposalId, result });
}

export function handleProposeReply(s: MemberState, message: ProposeReply): void {
  const proposalId = s.forwarded.takeProposal(message.proposalId);
  if (proposalId !== undefined) s.outbox.proposalResults.push({ proposalId, result: message.result });
}
