/** When followers are told that what they hold is committed. */
import test from 'ava';
import { Cluster } from './harness/cluster.js';

const members = ['a', 'b', 'c'];

function clusterWithNotices(commitNoticeTicks: number): Cluster {
  const cluster = new Cluster(members, { commitNoticeTicks, heartbeatTicks: 5 });
  cluster.elect('a');
  cluster.sent.length = 0;
  return cluster;
}

const appendsWithoutEntries = (cluster: Cluster): number =>
  cluster.sent.filter((message) => message.type === 'append' && message.entries.length === 0).length;

test('without a delay, each commit is told at once', (t) => {
  const cluster = clusterWithNotices(0);
  cluster.propose('a', 'x');
  cluster.settle();
  t.is(appendsWithoutEntries(cluster), 2);
  for (const id of members) t.is(cluster.status(id).commit, cluster.status('a').lastIndex);
});

test('with a delay, the next append carries it, and otherwise the next tick does', (t) => {
  const cluster = clusterWithNotices(1);
  cluster.propose('a', 'x');
  cluster.settle();
  const first = cluster.status('a').lastIndex;
  t.is(cluster.status('a').commit, first, 'the leader has committed and can answer');
  t.is(cluster.status('b').commit, first - 1, 'the followers were not told yet');
  cluster.propose('a', 'y');
  cluster.settle();
  t.is(cluster.status('b').commit, first, 'the next append told them');
  t.is(appendsWithoutEntries(cluster), 0);
  cluster.raft('a').tick();
  cluster.settle();
  for (const id of members) t.is(cluster.status(id).commit, first + 1);
});

test('a proposal that was forwarded is told at once: whoever forwarded it waits', (t) => {
  const cluster = clusterWithNotices(1);
  cluster.propose('b', 'x');
  cluster.settle();
  t.is(cluster.status('b').commit, cluster.status('a').lastIndex);
});

test('a change of membership is told at once', (t) => {
  const cluster = clusterWithNotices(1);
  cluster.raft('a').proposeConfChange({ changes: [{ type: 'addLearner', id: 'd' }], transition: 'auto' });
  cluster.settle();
  t.deepEqual(cluster.status('b').configuration.learners, ['d']);
});
