/** Every screen in the situations that its golden frame, its picture and the property tests show. */

import { changeOf } from '../../console/state/change.js';
import type { State } from '../../console/state/state.js';
import { dialogOf } from '../../console/state/workflow.js';
import { type Operation, type OperationPlan, QuorateError } from '../../messaging/index.js';
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
  'overview-nobody': (size) => stateAfter(freshState(size), tick(startAt)),
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
  attention: (size) => stateAfter(degradedState(size), ...keys('7')),
  mends: (size) => stateAfter(degradedState(size), ...keys('m')),
  metrics: (size) => stateAfter(healthyState(size), ...keys('8', 't', 't', 't')),
  backups: (size) => stateAfter(withBackups(size), ...keys('9')),
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
