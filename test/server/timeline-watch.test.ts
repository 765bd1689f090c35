/** Which history counts: what a controller does about the timelines that others say they stand on. */
import test from 'ava';
import type { NodeStatus, Timeline } from '../../messaging/index.js';
import { Alarms } from '../../node/server/alarms.js';
import { TimelineWatch } from '../../node/server/timeline-watch.js';
import { nodeStatus } from '../workflows/world.js';

const one: Timeline = { id: 'one', epoch: 2 };

interface Seen {
  readonly watch: TimelineWatch;
  readonly leftBehind: [string, Timeline][];
  readonly told: string[];
  readonly events: string[];
  readonly alarms: () => readonly string[];
  readonly pass: (ms: number) => void;
}

function watching(change: { logTimeline?: Timeline | null; timeline?: Timeline; leads?: boolean } = {}): Seen {
  let now = 0;
  const clock = { now: () => now, monotonicMs: () => now, after: () => () => undefined, every: () => () => undefined };
  const alarms = new Alarms(clock, () => undefined);
  const leftBehind: [string, Timeline][] = [];
  const told: string[] = [];
  const events: string[] = [];
  const logTimeline = change.logTimeline === undefined ? one : change.logTimeline;
  const watch = new TimelineWatch({
    clock,
    nodeId: 'n1',
    alarms,
    events: { cluster: (type: string) => void events.push(type) },
    clusterId: () => 'cluster-one',
    logTimeline: () => logTimeline,
    timeline: () => change.timeline ?? logTimeline,
    isLeader: () => change.leads ?? true,
    onLeftBehind: (by, timeline) => void leftBehind.push([by, timeline]),
    isRemoved: (node) => node === 'gone',
    tell: (node) => void told.push(node),
  });
  const pass = (ms: number): void => {
    now += ms;
  };
  return { watch, leftBehind, told, events, pass, alarms: () => alarms.list().map(({ code }) => code) };
}

/** A status of n2, as it says of itself. */
function says(logTimeline: Timeline | null, change: Partial<NodeStatus> = {}): NodeStatus {
  const status = nodeStatus('n2', 'member', null);
  const position = logTimeline === null ? null : { timeline: logTimeline, indexType: 'raft' as const, index: 5 };
  return { ...status, logTimeline, position, ...change };
}

test('on the same log there is nothing to do, also where one has not come to a restore yet', (t) => {
  const { watch, leftBehind, told, alarms } = watching({ timeline: { id: 'restored', epoch: 3 } });
  watch.heard(says(one));
  t.deepEqual([leftBehind, told, alarms()], [[], [], []]);
});

test('a log that began with a higher epoch leaves this one behind', (t) => {
  const newer = { id: 'two', epoch: 3 };
  const { watch, leftBehind, alarms } = watching();
  watch.heard(says(newer));
  t.deepEqual(leftBehind, [['n2', newer]]);
  t.deepEqual(alarms(), []);
});

test('who was left behind itself passes on what it knows', (t) => {
  const newer = { id: 'two', epoch: 3 };
  const { watch, leftBehind } = watching();
  watch.heard(says(newer, { state: 'removed', position: { timeline: one, indexType: 'raft', index: 5 } }));
  t.deepEqual(leftBehind, [['n2', newer]]);
});

test('one of a lower epoch is told, at most every 100 ms, and not when it knows', (t) => {
  const older = { id: 'zero', epoch: 1 };
  const { watch, leftBehind, told, events, pass } = watching();
  watch.heard(says(older));
  watch.heard(says(older));
  t.deepEqual(told, ['n2']);
  pass(100);
  watch.otherLog('n2', older, 'older');
  t.deepEqual(told, ['n2', 'n2']);
  t.deepEqual(events, ['member.left-behind'], 'it is news once');
  pass(1_000);
  watch.heard(says(older, { state: 'removed' }));
  t.deepEqual(told, ['n2', 'n2']);
  t.deepEqual(leftBehind, []);
});

test('the same epoch with another id is an alarm and an event, until the other says something else or is gone', (t) => {
  const twin = { id: 'twin', epoch: 2 };
  const { watch, leftBehind, told, alarms, events, pass } = watching();
  watch.heard(says(twin));
  watch.heard(says(twin));
  t.deepEqual(alarms(), ['timeline-conflict']);
  t.deepEqual(events, ['timeline.conflict']);
  t.deepEqual([leftBehind, told], [[], []], 'no machine chooses');
  watch.heard(nodeStatus('n2', 'blank', null));
  t.deepEqual(alarms(), []);
  watch.otherLog('n2', twin, 'conflict');
  t.deepEqual(alarms(), ['timeline-conflict']);
  pass(60_001);
  watch.heard(nodeStatus('n1', 'member', null));
  t.deepEqual(alarms(), []);
});

test('in one log two timelines of one epoch are an alarm as well', (t) => {
  const { watch, alarms } = watching({ timeline: { id: 'a', epoch: 3 } });
  watch.heard(says(one, { position: { timeline: { id: 'b', epoch: 3 }, indexType: 'raft', index: 9 } }));
  t.deepEqual(alarms(), ['timeline-conflict']);
});

test('the alarm is raised by whoever hears it; the event is the leader’s', (t) => {
  const { watch, alarms, events } = watching({ leads: false });
  watch.heard(says({ id: 'twin', epoch: 2 }));
  t.deepEqual(alarms(), ['timeline-conflict']);
  t.deepEqual(events, []);
});

test('another cluster of the same name, and controllers without a history, say nothing about ours', (t) => {
  const { watch, leftBehind, told, alarms } = watching();
  watch.heard(says({ id: 'x', epoch: 9 }, { clusterId: 'elsewhere' }));
  watch.heard(says(null, { clusterId: null, state: 'blank' }));
  watch.heard(says(null));
  t.deepEqual([leftBehind, told, alarms()], [[], [], []]);
  const blank = watching({ logTimeline: null });
  blank.watch.heard(says({ id: 'x', epoch: 9 }));
  t.deepEqual(blank.leftBehind, []);
});

test('a member of our log that was removed is told with each of its statuses, until it knows', (t) => {
  const { watch, told } = watching();
  watch.heard({ ...says(one), node: 'gone' });
  watch.heard({ ...says(one), node: 'gone', state: 'removed' });
  watch.heard(says(one));
  t.deepEqual(told, ['gone']);
});
