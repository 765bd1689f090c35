/** What waits for room on the disk is one piece: the last word on each entry, and no promise about what it no longer holds. */
import test from 'ava';
import { HeldWrites } from '../../node/cluster/held-writes.js';
import type { Entry, Message, Ready } from '../../node/raft/index.js';

const entry = (index: number, term: number): Entry => ({ type: 'empty', index, term });
const acknowledgement = (to: string, term: number, index: number): Message => ({
  ...{ type: 'appendReply', from: 'n1', to, term, rejected: false, index, hintIndex: 0, hintTerm: 0, commit: 0 },
});

function readyOf(entries: readonly Entry[], messagesAfterPersist: readonly Message[]): Ready {
  return {
    ...{ number: 1, entries, messagesAfterPersist, mustSync: true, messages: [], committedEntries: [] },
    ...{ hardState: undefined, snapshot: undefined, readResults: [], proposalResults: [] },
    ...{ snapshotOffer: undefined, leadership: undefined, removed: undefined },
  };
}

test('what the next leader replaces before there is room is not acknowledged to the one before', (t) => {
  const held = new HeldWrites(readyOf([entry(2, 2), entry(3, 2)], [acknowledgement('n2', 2, 3)]));
  held.add(readyOf([entry(2, 3)], [acknowledgement('n3', 3, 2)]));
  const { entries, messagesAfterPersist } = held.ready();
  t.deepEqual(entries, [entry(2, 3)]);
  t.deepEqual(messagesAfterPersist, [acknowledgement('n3', 3, 2)]);
});

test('what stays is acknowledged with what follows it', (t) => {
  const held = new HeldWrites(readyOf([entry(2, 2)], [acknowledgement('n2', 2, 2)]));
  held.add(readyOf([entry(3, 2)], [acknowledgement('n2', 2, 3)]));
  const { entries, messagesAfterPersist } = held.ready();
  t.deepEqual(entries, [entry(2, 2), entry(3, 2)]);
  t.deepEqual(messagesAfterPersist, [acknowledgement('n2', 2, 2), acknowledgement('n2', 2, 3)]);
});
