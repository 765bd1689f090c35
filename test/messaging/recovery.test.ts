/** Whether a quorum is lost, and which survivor to go on with. */
import test from 'ava';
import { mayBeLost } from '../../console/commands/recover-report.js';
import { type NodeState, type NodeStatus, type Timeline, viewOfRecovery } from '../../messaging/index.js';
import { nodeStatus } from '../workflows/world.js';

interface Holding {
  readonly lastTerm?: number;
  readonly lastIndex?: number;
  readonly commit?: number;
  readonly leader?: string | null;
  readonly voters?: readonly string[];
  readonly votersOutgoing?: readonly string[];
  readonly learners?: readonly string[];
  readonly logTimeline?: Timeline;
  readonly state?: NodeState;
  readonly clusterId?: string;
  readonly logDamaged?: boolean;
}

const five = ['n1', 'n2', 'n3', 'n4', 'n5'];

function holding(node: string, held: Holding = {}): NodeStatus {
  const { lastTerm = 3, lastIndex = 10, commit = lastIndex, leader = null, voters = five } = held;
  const { votersOutgoing = [], learners = [], logTimeline = { id: 'one', epoch: 1 }, clusterId = 'cluster-one' } = held;
  const raft: NodeStatus['raft'] = {
    role: 'follower',
    term: 7,
    leader,
    firstIndex: 1,
    lastIndex,
    lastTerm,
    commit,
    applied: commit,
    configuration: {
      voters: [...voters],
      votersOutgoing: [...votersOutgoing],
      learners: [...learners],
      learnersNext: [],
    },
    progress: [],
    transferringTo: null,
    hasQuorum: leader !== null,
  };
  const alarms: NodeStatus['alarms'] =
    held.logDamaged === true
      ? [{ code: 'log-damaged', severity: 'warning', message: 'dropped', remedy: 'none', since: 0 }]
      : [];
  return { ...nodeStatus(node, held.state ?? 'member', raft), clusterId, logTimeline, alarms };
}

const order = (...statuses: readonly NodeStatus[]) => viewOfRecovery(statuses).survivors.map(({ node }) => node);

test('the later last term counts before the longer log, as in an election', (t) => {
  t.deepEqual(order(holding('n1', { lastTerm: 3, lastIndex: 99 }), holding('n2', { lastTerm: 4, lastIndex: 10 })), [
    'n2',
    'n1',
  ]);
  t.deepEqual(order(holding('n1', { lastIndex: 10 }), holding('n2', { lastIndex: 11, commit: 1 })), ['n2', 'n1']);
  t.deepEqual(order(holding('n2'), holding('n1')), ['n1', 'n2'], 'equal ones by their ids');
});

test('a learner is shown, but never recommended', (t) => {
  const learners = ['n6'];
  const view = viewOfRecovery([holding('n6', { lastIndex: 20, learners }), holding('n2', { learners })]);
  t.deepEqual(
    view.survivors.map(({ node, membership }) => [node, membership]),
    [
      ['n6', 'learner'],
      ['n2', 'voter'],
    ],
  );
  t.is(view.recommended, 'n2');
  t.is(viewOfRecovery([holding('n6', { learners })]).recommended, null);
});

test('nothing is lost while a leader is followed, or a majority is heard', (t) => {
  const obstacle = (...statuses: readonly NodeStatus[]) => viewOfRecovery(statuses).obstacle?.code ?? null;
  t.is(obstacle(holding('n1'), holding('n2')), null);
  t.is(obstacle(holding('n1'), holding('n2'), holding('n3')), 'quorum-present');
  t.is(obstacle(holding('n1', { leader: 'n5' })), 'quorum-present');
  t.is(obstacle(), 'no-responders');
  t.is(obstacle(holding('n1'), holding('n2', { state: 'starting' })), 'recovery-running');
  t.is(obstacle(holding('n1'), holding('n2'), holding('n3', { state: 'removed' })), null);
});

test('of a joint configuration both halves are needed, so either one can be lost', (t) => {
  const joint = { voters: ['n1', 'n2', 'n3'], votersOutgoing: ['n3', 'n4', 'n5'] };
  const heard = (...ids: readonly string[]) =>
    viewOfRecovery(ids.map((id) => holding(id, joint))).obstacle?.code ?? null;
  t.is(heard('n1', 'n2', 'n3'), null);
  t.is(heard('n1', 'n3', 'n4'), 'quorum-present');
});

test('who the voters are, the most up to date knows; one that lags behind cannot hold a recovery up', (t) => {
  const view = viewOfRecovery([
    holding('n1', { lastIndex: 3, voters: ['n1', 'n2'] }),
    holding('n2', { lastIndex: 30 }),
  ]);
  t.is(view.obstacle, null);
  t.deepEqual(view.missing, ['n3', 'n4', 'n5']);
});

test('logs that a recovery has left behind are no source, and clusters of the same name are kept apart', (t) => {
  t.deepEqual(
    order(holding('n1', { lastIndex: 99 }), holding('n2', { lastIndex: 5, logTimeline: { id: 'two', epoch: 2 } })),
    ['n2'],
  );
  const view = viewOfRecovery([holding('n1'), holding('x1', { clusterId: 'elsewhere' })], 'cluster-one');
  t.deepEqual(
    view.survivors.map(({ node }) => node),
    ['n1'],
  );
});

test('who dropped damaged entries may have acknowledged them: then nobody says that nothing is lost', (t) => {
  const losses = (...statuses: readonly NodeStatus[]) => {
    const view = viewOfRecovery(statuses);
    const [chosen] = view.survivors;
    return chosen === undefined ? [] : mayBeLost(view, chosen);
  };
  const whole = ['n1', 'n2', 'n3'].map((node) => holding(node));
  t.regex(losses(...whole)[0] ?? '', /^Nothing that was acknowledged is lost/);
  const [first = '', second] = losses(...whole.slice(0, 2), holding('n3', { logDamaged: true }));
  t.regex(first, /only on n4 and n5 are lost/);
  t.regex(second ?? '', /^The log of n3 is not whole/);
  t.regex(
    losses(...whole, holding('n4'), holding('n5', { logDamaged: true }))[0] ?? '',
    /^Nothing that was acknowledged is lost/,
    'four whole logs hold every write that a majority had',
  );
});
