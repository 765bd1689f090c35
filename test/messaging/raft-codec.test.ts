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
const protocol = { min: 1, max: 2 };
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
    const bytes = encodeRaftMessage({ protocol, clusterId: 'c', incarnation: 4, logTimeline, message });
    t.deepEqual(decodeRaftMessage(bytes, 'n1', 'n2'), {
      protocol,
      clusterId: 'c',
      incarnation: 4,
      logTimeline,
      message,
    });
  });

  test(`a ${message.type} message that is cut short never throws and never decodes to something else (${number})`, (t) => {
    const bytes = encodeRaftMessage({ protocol, clusterId: 'c', incarnation: 4, logTimeline, message });
    for (let length = 0; length < bytes.length; length += 1)
      t.is(decodeRaftMessage(bytes.subarray(0, length), 'n1', 'n2'), 'undecodable');
  });
}

test('who sent a message is what the subject says, not what the bytes say', (t) => {
  const bytes = encodeRaftMessage({
    protocol,
    clusterId: 'c',
    incarnation: 1,
    logTimeline: null,
    message: { type: 'timeoutNow', from: 'liar', to: 'x', term: 1 },
  });
  const decoded = decodeRaftMessage(bytes, 'n1', 'n2');
  t.like(decoded, { message: { from: 'n1', to: 'n2' } });
});

/** needs, min, max, and then a `timeoutNow`, perhaps with more than that. */
const said = (needs: number, min: number, max: number, ...more: readonly unknown[]): Uint8Array =>
  encode([needs, min, max, 'c', 1, null, 9, 5, ...more]);
const heardBy = (ours: { readonly min: number; readonly max: number }, bytes: Uint8Array): string => {
  const decoded = decodeRaftMessage(bytes, 'a', 'b', ours);
  if (decoded === 'undecodable') return decoded;
  return 'message' in decoded ? 'heard' : decoded.isRefused ? 'refused' : 'dropped';
};

test('versions that have one in common hear each other, whichever is the newer', (t) => {
  t.is(heardBy({ min: 1, max: 1 }, said(1, 1, 2)), 'heard');
  t.is(heardBy({ min: 1, max: 2 }, said(1, 1, 1)), 'heard');
  t.is(heardBy({ min: 2, max: 3 }, said(1, 1, 2)), 'heard');
  t.is(heardBy({ min: 1, max: 2 }, said(1, 2, 9, 'a field of version 9')), 'heard');
});

test('versions that have none in common are refused, and the refusal says whose message it was and what they speak', (t) => {
  t.is(heardBy({ min: 1, max: 1 }, said(1, 2, 3)), 'refused');
  t.is(heardBy({ min: 3, max: 4 }, said(1, 1, 2)), 'refused');
  // Of a version that is that far away nothing is known but what stands first.
  const decoded = decodeRaftMessage(encode([7, 7, 9, 'c', {}, 'whatever', [], false]), 'a', 'b', protocol);
  t.deepEqual(decoded, { clusterId: 'c', protocol: { min: 7, max: 9 }, isRefused: true });
});

test('a message that needs a newer version is dropped alone: its sender is still heard in the others', (t) => {
  t.is(heardBy({ min: 1, max: 2 }, said(3, 1, 3)), 'dropped');
  t.is(heardBy({ min: 1, max: 3 }, said(3, 1, 3)), 'heard');
});

test('a range that is none is undecodable', (t) => {
  t.is(heardBy(protocol, encode(['1', 1, 2, 'c', 1, null, 9, 1])), 'undecodable');
  t.is(heardBy(protocol, encode([1, 'x', 2, 'c', 1, null, 9, 1])), 'undecodable');
  t.is(heardBy(protocol, encode([1, 1, 2, 7, 1, null, 9, 1])), 'undecodable');
  t.is(heardBy(protocol, encode([1, 1, 2, 'c', 1, null, 99, 1])), 'undecodable', 'a kind that nobody has');
});

const rubbish: readonly unknown[] = [
  null,
  1,
  'text',
  {},
  [],
  [1],
  [1, 1, 2, 'c', -1, null, 0, 1, 0, 0],
  [1, 1, 2, 'c', 1, ['t', -1], 0, 1, 0, 0],
  [1, 1, 2, 'c', 1, 't', 0, 1, 0, 0],
  [1, 1, 2, 'c', 1, null, 0, 2 ** 60, 0, 0],
  [1, 1, 2, 'c', 1, null, 4, 1, 0, 0, 0, [[1, 1]]],
  [1, 1, 2, 'c', 1, null, 4, 1, 0, 0, 0, [[2, 1, 1, [9, []]]]],
  [1, 1, 2, 'c', 1, null, 6, 1, 0, ['x', -1, 2]],
];
for (const [number, value] of rubbish.entries()) {
  test(`valid MessagePack of the wrong shape is undecodable (${number})`, (t) => {
    t.is(decodeRaftMessage(encode(value), 'a', 'b'), 'undecodable');
  });
}

test('fields that a newer version has added at the end are ignored', (t) => {
  t.like(decodeRaftMessage(encode([1, 1, 2, 'c', 1, null, 3, 5, true, 4, 3, 'new', 7]), 'a', 'b'), {
    message: { type: 'voteReply', granted: true },
  });
});

test('a change of membership survives as bytes; other bytes are no change', (t) => {
  t.deepEqual(decodeConfChange(encodeConfChange(change)), change);
  t.is(decodeConfChange(new Uint8Array([1, 2, 3])), undefined);
  t.is(decodeConfChange(new Uint8Array()), undefined);
});
