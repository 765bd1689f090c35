import { encode } from '@msgpack/msgpack';
import test from 'ava';
import {
  decodeConfChange,
  decodeRaftMessage,
  encodeConfChange,
  encodeRaftMessage,
  type RaftWireMessage,
} from '../../messaging/raft-codec.js';

const logTimeline = { id: 't', epoch: 2 };
const who = { from: 'n1', to: 'n2' } as const;
const change = {
  changes: [
    { type: 'addVoter', id: 'n4' },
    { type: 'remove', id: 'n1' },
  ],
  transition: 'joint-implicit',
  context: new Uint8Array([1, 2]),
} as const;

const messages: readonly RaftWireMessage[] = [
  { type: 'preVote', ...who, term: 7, lastIndex: 12, lastTerm: 6, commit: 11, commitTerm: 5 },
  { type: 'preVoteReply', ...who, term: 7, granted: true, commit: 11, commitTerm: 5 },
  { type: 'vote', ...who, term: 7, lastIndex: 12, lastTerm: 6, transfer: true, commit: 11, commitTerm: 5 },
  { type: 'voteReply', ...who, term: 7, granted: false, commit: 11, commitTerm: 5 },
  {
    type: 'append',
    ...who,
    term: 3,
    prevIndex: 9,
    prevTerm: 2,
    commit: 8,
    entries: [
      { type: 'empty', term: 3, index: 10 },
      { type: 'normal', term: 3, index: 11, data: new Uint8Array([0, 255, 3]) },
      { type: 'configuration', term: 3, index: 12, change },
    ],
  },
  { type: 'appendReply', ...who, term: 3, rejected: true, index: 9, hintIndex: 4, hintTerm: 1 },
  { type: 'heartbeat', ...who, term: 3, commit: 8, readContext: { leader: 'n1', term: 3, round: 44 } },
  { type: 'heartbeat', ...who, term: 3, commit: 8, readContext: undefined },
  { type: 'heartbeatReply', ...who, term: 3, readContext: undefined },
  { type: 'snapshot', ...who, term: 3, index: 100, snapshotTerm: 2 },
  { type: 'timeoutNow', ...who, term: 3 },
  { type: 'propose', ...who, term: 3, proposalId: 'n1.4.2', data: [new Uint8Array([9]), new Uint8Array()] },
  { type: 'proposeReply', ...who, term: 3, proposalId: 'n1.4.2', result: { ok: true, term: 3, index: 77 } },
  {
    type: 'proposeReply',
    ...who,
    term: 3,
    proposalId: 'n1.4.2',
    result: { ok: false, code: 'not-leader', message: 'no', leader: 'n3' },
  },
  { type: 'readIndex', ...who, term: 3, requestId: 'n1.4.3' },
  { type: 'readIndexReply', ...who, term: 3, requestId: 'n1.4.3', result: { ok: true, index: 5 } },
  { type: 'transferLeadership', ...who, term: 3, target: 'n3' },
  { type: 'removed', ...who, term: 3, index: 5 },
];

for (const [number, message] of messages.entries()) {
  test(`a ${message.type} message comes out as it went in (${number})`, (t) => {
    const bytes = encodeRaftMessage({ clusterId: 'c', incarnation: 4, logTimeline, message });
    t.deepEqual(decodeRaftMessage(bytes, 'n1', 'n2'), { clusterId: 'c', incarnation: 4, logTimeline, message });
  });

  test(`a ${message.type} message that is cut short never throws and never decodes to something else (${number})`, (t) => {
    const bytes = encodeRaftMessage({ clusterId: 'c', incarnation: 4, logTimeline, message });
    for (let length = 0; length < bytes.length; length += 1)
      t.is(decodeRaftMessage(bytes.subarray(0, length), 'n1', 'n2'), 'undecodable');
  });
}

test('who sent a message is what the subject says, not what the bytes say', (t) => {
  const bytes = encodeRaftMessage({
    clusterId: 'c',
    incarnation: 1,
    logTimeline: null,
    message: { type: 'timeoutNow', from: 'liar', to: 'x', term: 1 },
  });
  const decoded = decodeRaftMessage(bytes, 'n1', 'n2');
  t.like(decoded, { message: { from: 'n1', to: 'n2' } });
});

test('other versions and kinds of a newer version are told apart from rubbish', (t) => {
  t.is(decodeRaftMessage(encode([2, 'c', 1, null, 0, 1]), 'a', 'b'), 'unsupported-version');
  t.is(decodeRaftMessage(encode([1, 'c', 1, null, 99, 1]), 'a', 'b'), 'unsupported-version');
  t.is(decodeRaftMessage(encode(['1', 'c', 1, null, 0, 1]), 'a', 'b'), 'undecodable');
});

const rubbish: readonly unknown[] = [
  null,
  1,
  'text',
  {},
  [],
  [1],
  [1, 'c', -1, null, 0, 1, 0, 0],
  [1, 'c', 1, ['t', -1], 0, 1, 0, 0],
  [1, 'c', 1, 't', 0, 1, 0, 0],
  [1, 'c', 1, null, 0, 2 ** 60, 0, 0],
  [1, 'c', 1, null, 4, 1, 0, 0, 0, [[1, 1]]],
  [1, 'c', 1, null, 4, 1, 0, 0, 0, [[2, 1, 1, [9, []]]]],
  [1, 'c', 1, null, 6, 1, 0, ['x', -1, 2]],
];
for (const [number, value] of rubbish.entries()) {
  test(`valid MessagePack of the wrong shape is undecodable (${number})`, (t) => {
    t.is(decodeRaftMessage(encode(value), 'a', 'b'), 'undecodable');
  });
}

test('fields that a newer version has added at the end are ignored', (t) => {
  t.like(decodeRaftMessage(encode([1, 'c', 1, null, 3, 5, true, 4, 3, 'new', 7]), 'a', 'b'), {
    message: { type: 'voteReply', granted: true },
  });
});

test('a change of membership survives as bytes; other bytes are no change', (t) => {
  t.deepEqual(decodeConfChange(encodeConfChange(change)), change);
  t.is(decodeConfChange(new Uint8Array([1, 2, 3])), undefined);
  t.is(decodeConfChange(new Uint8Array()), undefined);
});
