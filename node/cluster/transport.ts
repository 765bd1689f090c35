/** How members reach each other. NATS in production; the simulator has its own. */
import type { Lane } from '../../messaging/subjects.js';
import type { Message } from '../raft/types.js';

export interface Transport {
  /** Hands a message over and forgets it: loss, duplication and lateness are normal. */
  send(message: Message): void;
  /** Sets who receives, in the place of who did before: a controller that recovers begins another member. */
  receive(handler: (message: Message) => void): void;
  /** Asks one other controller something that is not Raft. Rejects with `timeout`, `no-responders` or the other's refusal. */
  request(to: string, verb: PeerVerb, body: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /** Sets who answers. What it throws becomes the refusal that the asker gets. */
  answer(handler: (from: string, verb: string, body: Uint8Array) => Promise<Uint8Array>): void;
}

export type PeerVerb =
  /** Which snapshot do you have for me? */
  | 'snapshot.describe'
  /** A piece of it. */
  | 'snapshot.chunk'
  /** Have you got the file that is to be restored; and if not, will you fetch it there? */
  | 'restore.ask'
  /** It is not needed any more. */
  | 'restore.discard'
  /** Measures a candidate before it joins. */
  | 'candidate.probe'
  /** Tells a blank controller which cluster it joins. */
  | 'candidate.prepare'
  /** Takes that back. */
  | 'candidate.release'
  /** The sender is about to go on alone: promise not to do the same. */
  | 'recovery.claim'
  /** Does it know that it was removed? */
  | 'membership.ask';

/** Heartbeats, votes and reads never wait behind entries and snapshots. */
export function laneOf(message: Message): Lane {
  switch (message.type) {
    case 'append':
    case 'appendReply':
    case 'propose':
    case 'proposeReply':
    case 'snapshot':
      return 'bulk';
    default:
      return 'control';
  }
}
