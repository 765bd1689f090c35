/**
 * A console that is older than the controllers: during an upgrade that is the rule. What it does not know is shown as what it
 * is called, and takes nothing else from the screen.
 */
import test from 'ava';
import { titleOf } from '../../console/commands/operation-flow.js';
import type { State } from '../../console/state/state.js';
import {
  connectNats,
  createApiClient,
  type NodeStatus,
  nodeStatusSchema,
  type OperationView,
  operationViewSchema,
  subjectsOf,
} from '../../messaging/index.js';
import { startNatsServer } from '../support/nats.js';
import { eventually } from '../support/wait.js';
import { answerOf, doneJoin, healthyState, keys, progressOf, startAt, stateAfter, statusOf, tick } from './fixtures.js';
import { formFaults, frameOf } from './frame.js';

/** As they come over the wire. */
const asHeard = {
  status: {
    ...statusOf('n2'),
    state: 'dormant',
    at: startAt,
    sequence: 200,
    raft: { ...statusOf('n2').raft, role: 'witness' },
    alarms: [{ code: 'x', severity: 'catastrophe', message: 'n2 is odd', remedy: 'Look.', since: startAt }],
  },
  leader: {
    ...statusOf('n1'),
    at: startAt,
    sequence: 200,
    raft: {
      ...statusOf('n1').raft,
      progress: [progressOf('n1'), progressOf('n2'), { ...progressOf('n3'), state: 'streaming' }],
    },
  },
  workflow: {
    ...doneJoin,
    id: 'op-newer',
    parameters: { workflow: 'rebalanceZones', node: 'n2', zones: ['a', 'b'], constructor: 'x', plan: { deep: true } },
    state: 'on hold',
    findings: [{ check: 'zones', outcome: 'unsure', sentence: 'Zones are odd.', remedy: 'Look at them.' }],
    steps: [{ ...doneJoin.steps[0], state: 'paused' }],
    resumptions: [{ requestId: 'r', by: 'olga', origin: null, at: startAt, how: 'sideways', after: null }],
  },
  parameter: { ...doneJoin, id: 'op-role', parameters: { workflow: 'join', node: 'n4', role: 'witness' } },
} as const;

const newerStatus: NodeStatus = nodeStatusSchema.parse(asHeard.status);
const leaderStatus: NodeStatus = nodeStatusSchema.parse(asHeard.leader);
const newer: OperationView = operationViewSchema.parse(asHeard.workflow);
const newerRole: OperationView = operationViewSchema.parse(asHeard.parameter);

function newerState(columns: number, rows: number): State {
  return stateAfter(
    healthyState({ columns, rows }),
    { type: 'status', status: newerStatus },
    { type: 'status', status: leaderStatus },
    answerOf(
      'operation.list',
      { verb: 'operation.list', params: {} },
      { operations: [asHeard.workflow, asHeard.parameter, doneJoin] },
    ),
    tick(startAt + 400),
  );
}

const sizes = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 200, rows: 60 },
] as const;

test('every screen draws what a newer controller says', (t) => {
  for (const size of sizes) {
    const state = newerState(size.columns, size.rows);
    for (const pressed of [
      ['1'],
      ['2'],
      ['2', 'enter'],
      ['2', 'j', 'enter'],
      ['6'],
      ['6', 'enter'],
      ['6', 'a'],
      ['7'],
      ['8'],
    ]) {
      const shown = stateAfter(state, ...keys(...pressed));
      t.deepEqual(formFaults(frameOf(shown), size), [], `${pressed.join(' ')} at ${size.columns}x${size.rows}`);
    }
  }
});

test('a controller in a state that is not known is shown in it, and is not called silent or up', (t) => {
  const row = frameOf(stateAfter(newerState(120, 40), ...keys('2')))
    .split('\n')
    .find((line) => / n2 /u.test(line));
  t.regex(row ?? '', /▲ dormant +witness/u);
});

test('an operation that is not known stands in the list, beside those that are, and opens', (t) => {
  const state = stateAfter(newerState(120, 40), ...keys('6'));
  const list = frameOf(state);
  t.regex(list, /rebalance zones n2 zones a, … +○ on hold /u);
  t.regex(list, /join n4 as witness .*● done/u);
  t.regex(list, /join n4 as voter .*● done/u);
  const text = frameOf(stateAfter(state, ...keys('/', 'r', 'e', 'b', 'enter', 'enter')));
  t.regex(text, /○ unsure +Zones are odd/u);
  t.regex(text, /Checks +passed, 1 not understood/u);
  t.regex(text, /○ paused/u);
  t.regex(text, /let go on by olga .*: sideways/u);
});

test('the command line calls it by its words', (t) => {
  t.is(titleOf(newer.parameters), 'Rebalance zones n2 zones a, b constructor x');
  t.is(titleOf(newerRole.parameters), 'Join n4 as witness');
  t.is(titleOf(doneJoin.parameters), 'Join n4 as voter');
});

test('a client hands on what a newer controller publishes', async (t) => {
  const nats = await startNatsServer();
  const connection = await connectNats({ servers: [nats.url], name: 'reader' });
  const client = createApiClient({ connection, cluster: 'demo', from: 'test' });
  const heard: string[] = [];
  client.watchStatus(({ node, state }) => heard.push(`${node} ${state}`));
  client.watchOperations(({ id, state }) => heard.push(`${id} ${state}`));
  await connection.flush();
  const subjects = subjectsOf('demo');
  connection.publish(subjects.status('n2'), JSON.stringify(asHeard.status));
  connection.publish(subjects.operation('op-newer'), JSON.stringify(asHeard.workflow));
  connection.publish(subjects.operation('op-role'), JSON.stringify(asHeard.parameter));
  await eventually(() => heard.length === 3, { what: 'all three', timeoutMs: 30_000, show: () => heard });
  t.deepEqual(
    heard.toSorted((a, b) => (a < b ? -1 : 1)),
    ['n2 dormant', 'op-newer on hold', 'op-role done'],
  );
  t.is(client.undecodable(), 0);
  await connection.close();
});
