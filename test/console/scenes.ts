/** Every screen in the situations that its golden frame, its picture and the property tests show. */

import { changeOf } from '../../console/state/change.js';
import { preparingOf } from '../../console/state/snapshots.js';
import type { State } from '../../console/state/state.js';
import { dialogOf } from '../../console/state/workflow.js';
import { type Operation, type OperationPlan, QuorateError, type SnapshotView } from '../../messaging/index.js';
import {
  answerOf,
  at,
  cutOffState,
  degradedState,
  doneJoin,
  failedJoin,
  freshState,
  healthyState,
  joinPlan,
  keys,
  noQuorumState,
  removePlanThatFails,
  runningJoin,
  services,
  sevenState,
  type size,
  startAt,
  stateAfter,
  statusOf,
  tick,
  typing,
  withModel,
} from './fixtures.js';

type Size = typeof size;

/** The dialog of a workflow with its plan. */
function planned(state: State, command: string, plan: OperationPlan): State {
  const asked = stateAfter(state, ...keys(':'), ...typing(command), ...keys('enter'));
  const number = dialogOf(asked)?.number ?? 0;
  return stateAfter(
    asked,
    answerOf('operation.plan', { verb: 'operation.plan', number, params: plan.parameters }, plan),
  );
}

function started(state: State, operation: Operation): State {
  const asked = stateAfter(planned(state, 'join n4', joinPlan), ...typing('n4'), ...keys('enter'));
  const number = dialogOf(asked)?.number ?? 0;
  return stateAfter(
    asked,
    answerOf(
      'operation.start',
      { verb: 'operation.start', number, requestId: 'test-console-2', params: joinPlan.parameters },
      runningJoin,
    ),
    { type: 'operation', operation },
    tick(asked.now + 800),
  );
}

const cancelled: Operation = {
  ...runningJoin,
  state: 'rolling-back',
  cancellation: { by: 'bob', origin: 'bob@bastion-2', at: startAt + 1_400 },
};

/** An operation that runs is to be cancelled: the word for it is not typed yet. */
function cancelling(size: Size): State {
  return stateAfter(
    healthyState(size),
    { type: 'operation', operation: runningJoin },
    ...keys('6', 'a', '1'),
    ...typing('can'),
  );
}

const resumed: Operation = {
  ...failedJoin,
  resumptions: [
    {
      requestId: 'r',
      by: 'bob',
      origin: 'bob@bastion-2',
      at: startAt - 40_000,
      how: 'anew',
      after: { code: 'leadership-lost', message: 'leadership was lost', remedy: '' },
    },
  ],
};

/** One that failed is to go on. */
function resuming(size: Size): State {
  const asked = stateAfter(healthyState(size), { type: 'operation', operation: failedJoin }, ...keys('6', 'a', '1'));
  const number = dialogOf(asked)?.number ?? 0;
  return stateAfter(
    asked,
    answerOf(
      'operation.plan-resume',
      { verb: 'operation.plan-resume', number, params: { id: failedJoin.id } },
      { ...joinPlan, how: 'anew' },
    ),
  );
}

/** One member has a backup, one failed, one plans none. */
function withBackups(size: Size): State {
  const plan = { directory: '/var/lib/quorate/backups', everyMs: 3_600_000, keep: 24, nextAt: startAt + 1_900_000 };
  const last = {
    at: startAt - 1_700_000,
    path: '/var/lib/quorate/backups/20261121-100351.db',
    sizeBytes: 4_311_040,
    position: at(18_102),
  };
  const failure = { at: startAt - 40_000, code: 'storage-full', message: 'no room on the disk of n2: 12 MiB are left' };
  return healthyState(size, [
    statusOf('n1', { backup: { ...plan, last, failure: null } }),
    statusOf('n2', { backup: { ...plan, last: null, failure } }),
    statusOf('n3'),
  ]);
}

/** Files on two controllers, one of them damaged. */
function withSnapshots(size: Size): State {
  const opened = stateAfter(withBackups(size), ...keys('9'), tick(startAt + 400));
  const file = (node: string, index: number, change: Partial<SnapshotView> = {}): SnapshotView => ({
    name: `${node}-${index}.snapshot`,
    path: `/var/lib/quorate/backups/${node}-${index}.snapshot`,
    sizeBytes: 4_311_040,
    position: at(index),
    createdAt: startAt - (18_204 - index) * 17_000,
    createdBy: node,
    origin: 'scheduled',
    problem: null,
    ...change,
  });
  const answers = {
    n1: [file('n1', 18_102), file('n1', 17_890, { origin: 'automatic' })],
    n2: [file('n2', 17_010, { name: 'before-upgrade.db', origin: 'manual', problem: 'its checksum is another one' })],
    n3: [],
  };
  return stateAfter(
    opened,
    ...Object.entries(answers).map(([node, snapshots]) =>
      answerOf('snapshot.list', { verb: 'snapshot.list', node, params: {} }, { snapshots }),
    ),
  );
}

const restorePlan: OperationPlan = {
  parameters: { workflow: 'restore', sha256: 'ab'.repeat(32), sizeBytes: 4_311_040, name: 'n1-18102.snapshot' },
  findings: [
    { check: 'snapshot-is-whole', outcome: 'ok', sentence: 'The leader has read the whole file.', remedy: '' },
    {
      check: 'model-is-older',
      outcome: 'warn',
      sentence: 'The file stands at r18102@1: 88 changes that were made after it will be gone.',
      remedy: 'A snapshot of the model as it is now is taken before it is replaced.',
    },
  ],
  before: { voters: 3, healthyVoters: 3, quorum: 2, failuresSurvived: 1 },
  after: { voters: 3, healthyVoters: 3, quorum: 2, failuresSurvived: 1 },
  steps: [{ step: 'restore', title: 'Replace the model by that of the file, on a new timeline' }],
  mayRun: true,
  confirmation: 'demo',
};

function restorePlanned(size: Size): State {
  const taking = stateAfter(withSnapshots(size), ...keys('enter', '2'));
  const number = preparingOf(taking)?.number ?? 0;
  const file = { sha256: 'ab'.repeat(32), sizeBytes: 4_311_040 };
  const requestId = 'test-console-9';
  const params = { name: 'n1-18102.snapshot' };
  const planning = stateAfter(
    taking,
    answerOf(
      'restore.take',
      { verb: 'restore.take', node: 'n1', number, requestId, params },
      { ...file, state: 'ready' },
    ),
    answerOf(
      'restore.stage',
      { verb: 'restore.stage', number, requestId, params: file },
      { node: 'n1', state: 'ready', receivedBytes: file.sizeBytes },
    ),
  );
  const dialog = dialogOf(planning)?.number ?? 0;
  return stateAfter(
    planning,
    answerOf('operation.plan', { verb: 'operation.plan', number: dialog, params: restorePlan.parameters }, restorePlan),
  );
}

/** One entity, opened from the list. */
function entityShown(size: Size): State {
  const opened = stateAfter(withModel(healthyState(size)), ...keys('enter'));
  const params = { kind: 'service', id: 'billing' };
  return stateAfter(
    opened,
    answerOf('model.get', { verb: 'model.get', params }, { entity: services[0], position: at(18_190) }),
  );
}

const editedText = `kind: service
id: billing
name: billing
tags: { team: payments, tier: "1" }
spec: { address: "billing.internal:8443", roleAttributes: [internal, 請求] }
`;

/** What the operator wrote, before its name is typed. */
function edited(size: Size, text = editedText): State {
  const editing = stateAfter(entityShown(size), ...keys('e'));
  const number = changeOf(editing)?.number ?? 0;
  return stateAfter(editing, { type: 'edited', number, outcome: { ok: true, value: text } });
}

function refused(size: Size): State {
  const writing = stateAfter(edited(size), ...typing('billing'), ...keys('enter'));
  const number = changeOf(writing)?.number ?? 0;
  const request = {
    verb: 'model.update' as const,
    number,
    requestId: 'test-console-9',
    params: { kind: 'service', id: 'billing', patch: {} },
  };
  const error = new QuorateError('version-mismatch', 'service billing has version 4, not 3').toWire();
  return stateAfter(writing, { type: 'answer', verb: 'model.update', request, outcome: { ok: false, error } });
}

export const scenes: Readonly<Record<string, (size: Size) => State>> = {
  'overview-healthy': (size) => healthyState(size),
  'overview-degraded': (size) => degradedState(size),
  'overview-no-quorum': (size) => noQuorumState(size),
  'overview-cut-off': (size) => cutOffState(size),
  'overview-insecure': (size) =>
    healthyState(
      size,
      ['n1', 'n2', 'n3'].map((id) => statusOf(id, { insecure: id === 'n3' ? ['tls'] : ['authentication', 'tls'] })),
    ),
  'overview-nobody': (size) => stateAfter(freshState(size), tick(startAt)),
  'seven-controllers': (size) => sevenState(size),
  'seven-with-alarms': (size) => sevenState(size, 12),
  'seven-attention': (size) => stateAfter(sevenState(size, 12), ...keys('7')),
  'seven-mends': (size) => stateAfter(sevenState(size, 12), ...keys('m')),
  'seven-backups': (size) => stateAfter(sevenState(size, 12), ...keys('9')),
  members: (size) => stateAfter(degradedState(size), ...keys('2')),
  'member-menu': (size) => stateAfter(degradedState(size), ...keys('2', 'G', 'enter')),
  'member-leader': (size) => stateAfter(degradedState(size), ...keys('2', 'enter', 'enter')),
  'member-silent': (size) => stateAfter(degradedState(size), ...keys('2', 'j', 'j', 'enter', 'enter')),
  routers: (size) => stateAfter(degradedState(size), ...keys('3')),
  'routers-filtered': (size) =>
    stateAfter(degradedState(size), ...keys('3', 's', 's', '/'), ...typing('!offline'), ...keys('enter')),
  router: (size) => stateAfter(degradedState(size), ...keys('3', 'j', 'j', 'j', 'enter')),
  model: (size) => withModel(healthyState(size)),
  events: (size) => stateAfter(healthyState(size), ...keys('5', 'j', 'j')),
  'event-detail': (size) => stateAfter(healthyState(size), ...keys('5', 'j', 'enter')),
  operations: (size) =>
    stateAfter(
      healthyState(size),
      { type: 'operation', operation: doneJoin },
      {
        type: 'operation',
        operation: { ...failedJoin, id: 'op-18100', startedAt: startAt - 90_000, finishedAt: startAt - 28_000 },
      },
      ...keys('6'),
    ),
  operation: (size) =>
    stateAfter(healthyState(size), { type: 'operation', operation: failedJoin }, ...keys('6', 'enter')),
  'operation-cancelled': (size) =>
    stateAfter(healthyState(size), { type: 'operation', operation: cancelled }, ...keys('6', 'enter')),
  'operation-resumed': (size) =>
    stateAfter(healthyState(size), { type: 'operation', operation: resumed }, ...keys('6', 'enter')),
  'cancel-shown': cancelling,
  'resume-plan': resuming,
  attention: (size) => stateAfter(degradedState(size), ...keys('7')),
  mends: (size) => stateAfter(degradedState(size), ...keys('m')),
  metrics: (size) => stateAfter(healthyState(size), ...keys('8', 't', 't', 't')),
  backups: (size) => withSnapshots(size),
  'restore-preparing': (size) => stateAfter(withSnapshots(size), ...keys('enter', '2')),
  'restore-plan': (size) => restorePlanned(size),
  marked: (size) => stateAfter(degradedState(size), ...keys('3', 'space', 'j', 'space')),
  entity: (size) => entityShown(size),
  'change-shown': (size) => stateAfter(edited(size), ...typing('bil')),
  'change-refused': (size) => refused(size),
  'change-invalid': (size) => edited(size, 'name: [billing\n'),
  'delete-shown': (size) =>
    stateAfter(withModel(healthyState(size)), ...keys(':'), ...typing('delete service billing'), ...keys('enter')),
  help: (size) => stateAfter(healthyState(size), ...keys('?')),
  palette: (size) => stateAfter(degradedState(size), ...keys(':'), ...typing('tra')),
  'join-plan': (size) => stateAfter(planned(degradedState(size), 'join n4', joinPlan), ...typing('n')),
  'remove-refused': (size) => planned(degradedState(size), 'remove n2', removePlanThatFails),
  'join-running': (size) => started(degradedState(size), runningJoin),
  'join-done': (size) => started(degradedState(size), doneJoin),
  'join-failed': (size) => started(degradedState(size), failedJoin),
};

export const sizes: readonly Size[] = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 200, rows: 60 },
];
