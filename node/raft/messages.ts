/** What a message must be before the core looks at it. The codec has checked the shape; this checks that it makes sense. */
import type { Append, Message } from './types.js';

export function isWellFormed(message: Message): boolean {
  if (!isCount(message.term) || message.from === '') return false;
  switch (message.type) {
    case 'append':
      return isWellFormedAppend(message);
    case 'appendReply':
      return isCount(message.index) && isCount(message.hintIndex) && isCount(message.hintTerm);
    case 'heartbeat':
      return isCount(message.commit);
    case 'preVote':
    case 'vote':
      return isCount(message.lastIndex) && isCount(message.lastTerm) && isCount(message.commit);
    case 'preVoteReply':
    case 'voteReply':
      return isCount(message.commit);
    case 'snapshot':
      return isCount(message.index) && isCount(message.snapshotTerm);
    default:
      return true;
  }
}

/** Without a gap after `prevIndex`, and of terms that never fall and are not later than the leader's. */
function isWellFormedAppend({ prevIndex, prevTerm, entries, commit, term }: Append): boolean {
  if (!isCount(prevIndex) || !isCount(prevTerm) || !isCount(commit)) return false;
  let index = prevIndex;
  let before = prevTerm;
  for (const entry of entries) {
    index++;
    if (entry.index !== index || !isCount(entry.term) || entry.term < before) return false;
    before = entry.term;
  }
  return before <= term;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
